//! Predictions of another size: a crop is not a resize.
