//! Training loop, optimisers, schedules, checkpoints and exact resume.
