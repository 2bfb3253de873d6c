//! Images without depth, depth without images.
