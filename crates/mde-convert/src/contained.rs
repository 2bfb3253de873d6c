//! Calls of a library that reads files from outside, kept from taking the process down.

use std::any::Any;
use std::path::Path;
use std::thread::{Builder, scope};

use crate::error::{Result, damaged, io};

/// Room for types within types, which the HDF5 library follows by recursion: a header's message of at most 64 KiB nests
/// 8191 of them, and each takes some 500 bytes of stack. It is reserved, not used.
const STACK: usize = 64 << 20;

/// Runs `call` on a thread of its own with a large stack; its panic becomes the error that the file is damaged.
///
/// No panic is known, but the files come from outside, and a conversion of hours must say which one is to blame. What a
/// panic leaves behind is not used again: the error ends the conversion.
pub(crate) fn contained<T: Send>(
    path: &Path,
    kind: &'static str,
    call: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    scope(|threads| {
        let thread = Builder::new().stack_size(STACK).spawn_scoped(threads, call);
        let result = thread.map_err(io("read", path))?.join();
        result.unwrap_or_else(|panic| Err(damaged(path, kind)(message(panic.as_ref()))))
    })
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!(
        "the reader failed: {}",
        text.unwrap_or("for no stated reason")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_the_file_s_error() {
        let error = contained::<()>(Path::new("a.h5"), "HDF5 file", || panic!("index {}", 7));
        let text = error.err().map(|error| error.to_string());
        let expected = "a.h5: not a whole HDF5 file: the reader failed: index 7; download it again";
        assert_eq!(text.as_deref(), Some(expected));
    }
}
