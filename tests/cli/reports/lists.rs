//! Lists of other repositories.
