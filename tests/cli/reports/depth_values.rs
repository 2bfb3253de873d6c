//! What training masks, and encodings of depth.
