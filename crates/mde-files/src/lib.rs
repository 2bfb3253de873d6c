#![doc = include_str!("../README.md")]
//!
//! # Code map
//!
//! | module | holds |
//! |---|---|
//! | `write` | [`write_atomic`], [`AtomicFolder`], [`remove_leftovers`] and their variants |
//! | `open` | [`open_no_follow`]: files opened without following a symbolic link |
//! | `lock` | [`FolderLock`]: one process at a time in a folder |
//! | `below` | [`path_below`]: names from outside as paths inside a folder |
//! | `hash` | [`hash_file`], [`HashCache`] |
//! | `text` | [`read_text`]: text files of any system |
//! | `shell` | [`shell_word`], [`repair_command`]: command lines that messages print |
//!
//! **Invariants.** The crate knows nothing of depth or networks and uses no other crate of the
//! workspace. It prints nothing and reads no clock.

mod below;
mod hash;
mod lock;
mod open;
mod shell;
mod text;
mod write;

pub use below::{OutsideFolder, path_below};
pub use hash::{HashCache, hash_file};
pub use lock::{FolderLock, LockError};
pub use open::open_no_follow;
pub use shell::{repair_command, shell_word};
pub use text::{NotText, TextError, decode_text, read_text};
pub use write::{
    AtomicFolder, remove_leftovers, remove_leftovers_of, write_advice, write_atomic,
    write_atomic_unsynced,
};
