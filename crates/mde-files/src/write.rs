//! Files and folders that are either whole or absent: written under another name, then renamed.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempDir};

/// How the name of an unfinished file or folder ends; it begins with a dot.
const UNFINISHED: &str = ".incomplete";

/// Writes a file so that a kill, a full disk or a loss of power leaves either the old content or
/// the new. Missing parent folders are created; the permissions are those of the umask.
///
/// The content is first written beside `path` under an unpredictable name, created new, so that a
/// planted link is never followed.
///
/// # Errors
/// Those of the file system; nothing is left behind then. Something that exists and is not a
/// regular file, such as `/dev/full`, is not replaced.
pub fn write_atomic(path: &Path, content: &[u8]) -> io::Result<()> {
    write(path, content, true)
}

/// [`write_atomic`] without waiting for the disk: for data sets of thousands of small files, which
/// can be made again. A loss of power may leave an empty file.
///
/// # Errors
/// As [`write_atomic`].
pub fn write_atomic_unsynced(path: &Path, content: &[u8]) -> io::Result<()> {
    write(path, content, false)
}

fn write(path: &Path, content: &[u8], sync: bool) -> io::Result<()> {
    if path.exists() && !path.is_file() {
        let kind = io::ErrorKind::AlreadyExists;
        return Err(io::Error::new(
            kind,
            "exists and is not a regular file; choose another name",
        ));
    }
    let parent = parent(path);
    fs::create_dir_all(parent)?;
    let prefix = prefix(path);
    let mut file = Builder::new();
    file.prefix(&prefix).suffix(UNFINISHED);
    #[cfg(unix)]
    let file = file.permissions(readable(0o666));
    let mut file = file.tempfile_in(parent)?;
    file.write_all(content)?;
    if sync {
        file.as_file().sync_all()?;
    }
    file.persist(path).map_err(|error| error.error)?;
    if sync { sync_folder(parent) } else { Ok(()) }
}

/// A folder in the making, which gets its final name when it is whole. Dropped before, it is
/// removed.
#[derive(Debug)]
pub struct AtomicFolder {
    folder: TempDir,
    target: PathBuf,
}

impl AtomicFolder {
    /// Makes an empty folder beside `target` under an unpredictable name. Missing parent folders
    /// are created.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn create(target: &Path) -> io::Result<Self> {
        let parent = parent(target);
        fs::create_dir_all(parent)?;
        let prefix = prefix(target);
        let mut folder = Builder::new();
        folder.prefix(&prefix).suffix(UNFINISHED);
        #[cfg(unix)]
        let folder = folder.permissions(readable(0o777));
        Ok(Self {
            folder: folder.tempdir_in(parent)?,
            target: target.to_owned(),
        })
    }

    /// Where to write the folder's files.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until the files are on disk and renames the folder to its target, which must not
    /// exist or be an empty folder. Sub-folders are not waited for.
    ///
    /// # Errors
    /// Those of the file system; nothing is left behind then.
    pub fn commit(self) -> io::Result<()> {
        for entry in fs::read_dir(self.path())? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                File::open(entry.path())?.sync_all()?;
            }
        }
        sync_folder(self.path())?;
        fs::rename(self.path(), &self.target)?;
        // Renamed, there is nothing to remove any more.
        let _ = self.folder.keep();
        sync_folder(parent(&self.target))
    }
}

/// Removes what killed processes have left in a folder: files and folders that [`write_atomic`] or
/// [`AtomicFolder`] never finished. To be called by the process that holds the folder's lock.
/// Symbolic links stay, and sub-folders are not searched.
///
/// # Errors
/// Those of the file system.
pub fn remove_leftovers(folder: &Path) -> io::Result<()> {
    remove_unfinished(folder, &|_| true)
}

/// [`remove_leftovers`] of the files and folders with these names, in a folder that several
/// processes write to.
///
/// # Errors
/// Those of the file system.
pub fn remove_leftovers_of(folder: &Path, names: &[&str]) -> io::Result<()> {
    let prefixes: Vec<String> = names.iter().map(|name| prefix(Path::new(name))).collect();
    remove_unfinished(folder, &|entry| {
        // Between prefix and suffix is the random part, which has no dot.
        let random = |prefix: &String| {
            entry
                .strip_prefix(prefix.as_str())?
                .strip_suffix(UNFINISHED)
        };
        prefixes
            .iter()
            .any(|prefix| random(prefix).is_some_and(|random| !random.contains('.')))
    })
}

fn remove_unfinished(folder: &Path, is_meant: &dyn Fn(&str) -> bool) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !(name.starts_with('.') && name.ends_with(UNFINISHED) && is_meant(&name)) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_file() {
            fs::remove_file(entry.path())?;
        } else if kind.is_dir() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// What a user can do about a failed write: end of an error message.
pub fn write_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "free some space or choose another output folder"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "change its permissions or choose another output folder"
        }
        _ => "check the path or choose another output folder",
    }
}

/// Waits until what was created or renamed in a folder would survive a loss of power.
fn sync_folder(folder: &Path) -> io::Result<()> {
    // Only Unix lets a folder be opened and flushed.
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// The folder that holds `path`; the current one for a bare name.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// `.NAME.`, so that a leftover tells what it was to become; long names are cut, since file
/// systems allow 255 bytes.
fn prefix(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let kept: String = name.chars().take(50).collect();
    format!(".{kept}.")
}

/// `tempfile` makes files and folders private by default. The umask takes away from this mode what
/// the user does not want others to have.
#[cfg(unix)]
fn readable(mode: u32) -> Permissions {
    use std::os::unix::fs::PermissionsExt;
    Permissions::from_mode(mode)
}
