//! Evaluation and dissection of trained depth networks.
