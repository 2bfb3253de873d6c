//! Opening files without following links.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Opens `path` with `options`, unless its last component is a symbolic link.
///
/// Files with predictable names in folders that others can write to are opened this way: a planted
/// link would otherwise redirect the write to any file of the user.
///
/// # Errors
/// Those of the file system, and an error for a symbolic link (`ELOOP` on Unix).
pub fn open_no_follow(path: &Path, options: &OpenOptions) -> io::Result<File> {
    let mut options = options.clone();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NOFOLLOW);
    }
    #[cfg(not(unix))]
    if path.is_symlink() {
        return Err(io::Error::other("a symbolic link, which is not followed"));
    }
    options.open(path)
}
