//! Names from outside as paths inside a folder.

use std::path::{Component, Path, PathBuf};

/// A name that does not lead to a path inside the folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} does not name a file inside {}: {reason}", folder.display())]
pub struct OutsideFolder {
    /// The name, as it came.
    pub name: String,
    /// The folder.
    pub folder: PathBuf,
    /// What is wrong with the name.
    pub reason: &'static str,
}

/// The path `folder/name`, for a `name` that comes from outside, such as an image's id or the
/// member of an archive.
///
/// The name may hold folders, separated by `/`. It must consist of normal components only (no
/// `..`, no root, no drive), and no existing component below `folder` may be a symbolic link.
///
/// # Errors
/// [`OutsideFolder`] for any other name.
pub fn path_below(folder: &Path, name: &str) -> Result<PathBuf, OutsideFolder> {
    let refused = |reason| OutsideFolder {
        name: name.to_owned(),
        folder: folder.to_owned(),
        reason,
    };
    if name.is_empty() {
        return Err(refused("it is empty"));
    }
    if name.contains('\0') {
        return Err(refused("it contains a NUL character"));
    }
    // A backslash is part of a name on Unix and a separator on Windows: one data set, two trees.
    if name.contains('\\') {
        return Err(refused("it contains a backslash"));
    }
    let mut path = folder.to_owned();
    for component in Path::new(name).components() {
        let Component::Normal(part) = component else {
            return Err(refused(
                "it may contain only names of files and folders, not `..`, `.` or an absolute path",
            ));
        };
        path.push(part);
        if path.is_symlink() {
            return Err(refused("a symbolic link is on the way; remove it"));
        }
    }
    // Joining must not have replaced the folder.
    if path.starts_with(folder) && path != folder {
        Ok(path)
    } else {
        Err(refused("it leads out of the folder"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_stay_below_the_folder() {
        let folder = Path::new("out");
        let below = |name| path_below(folder, name);
        assert_eq!(below("a.npy").unwrap(), folder.join("a.npy"));
        assert_eq!(below("a/b c/d").unwrap(), folder.join("a/b c/d"));
        assert_eq!(below("a/./b").unwrap(), folder.join("a/b"));
        assert_eq!(below("..a/b..").unwrap(), folder.join("..a/b.."));
        for name in [
            "",
            "/",
            "..",
            ".",
            "../x",
            "a/../../x",
            "a/..",
            "/etc/x",
            "a\0b",
            "..\\x",
            "C:\\x",
        ] {
            let error = below(name).unwrap_err();
            assert_eq!(error.name, name);
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_on_the_way_are_refused() {
        let elsewhere = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("link")).unwrap();
        for name in ["link", "link/x.npy"] {
            let error = path_below(folder.path(), name).unwrap_err();
            assert!(error.to_string().contains("symbolic link"), "{error}");
        }
        // The folder itself may be reached through links: that is the user's choice.
        let real = folder.path().join("real");
        std::fs::create_dir(&real).unwrap();
        let alias = folder.path().join("alias");
        std::os::unix::fs::symlink(&real, &alias).unwrap();
        assert_eq!(path_below(&alias, "x").unwrap(), alias.join("x"));
    }
}
