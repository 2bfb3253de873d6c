//! Checkpoints as PyTorch programs write them.
