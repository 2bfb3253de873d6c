//! Runs the HDF5 library so that it cannot take the process down.

use std::any::Any;
use std::path::Path;
use std::thread::{Builder, scope};

use crate::error::{Result, damaged, io};

/// Stack size for nested types, which the HDF5 library reads recursively.
///
/// A header message of 64 KiB can nest 8191 types of about 500 bytes of stack each. The memory is
/// reserved, not used.
const STACK_SIZE: usize = 64 << 20;

/// Runs `call` on a separate thread with a large stack and turns its panic into a damaged-file
/// error.
///
/// No panic is known, but an error must name the file after hours of conversion. State left by a
/// panic is not used again, because the error ends the conversion.
pub(crate) fn run_contained<T: Send>(
    path: &Path,
    kind: &'static str,
    call: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    scope(|threads| {
        let thread = Builder::new()
            .stack_size(STACK_SIZE)
            .spawn_scoped(threads, call);
        let result = thread.map_err(io("read", path))?.join();
        result.unwrap_or_else(|panic| Err(damaged(path, kind)(message(panic.as_ref()))))
    })
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the reader failed: {}", text.unwrap_or("without a message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_of_the_file() {
        let error = run_contained::<()>(Path::new("a.h5"), "HDF5 file", || panic!("index {}", 7));
        let text = error.err().map(|error| error.to_string());
        let expected =
            "a.h5: not an intact HDF5 file: the reader failed: index 7; download it again";
        assert_eq!(text.as_deref(), Some(expected));
    }
}
