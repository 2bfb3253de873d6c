//! Reading of files for the checks.

use std::fs;
use std::path::Path;

pub fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
