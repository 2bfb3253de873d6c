//! Pictures that are stored turned.
