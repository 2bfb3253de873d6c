//! Limits of depth and protocols of other programs.
