//! Three training steps of MFF-ResNet-50 against losses, gradient norms and parameters.
