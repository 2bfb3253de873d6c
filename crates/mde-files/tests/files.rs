//! Whole files, locks and remembered hashes, on a real file system.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use mde_files::{
    AtomicFolder, FolderLock, HashCache, LockError, hash_file, remove_leftovers,
    remove_leftovers_of, write_atomic, write_atomic_unsynced,
};

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/c.json");
    for write in [write_atomic, write_atomic_unsynced] {
        write(&path, b"first").unwrap();
        write(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(names(path.parent().unwrap()), ["c.json"]);
    }
    // Long names leave no room for a suffix of their own length.
    let long = folder.path().join("x".repeat(250));
    write_atomic(&long, b"long").unwrap();
    assert_eq!(fs::read(&long).unwrap(), b"long");
}

#[test]
fn what_is_no_regular_file_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("folder");
    fs::create_dir(&target).unwrap();
    let error = write_atomic(&target, b"x").unwrap_err();
    assert!(error.to_string().contains("not a regular file"), "{error}");
    assert_eq!(names(folder.path()), ["folder"]);
    assert!(AtomicFolder::create(&target).unwrap().commit().is_ok());
}

#[test]
fn a_folder_appears_whole_or_not_at_all() {
    let parent = tempfile::tempdir().unwrap();
    let target = parent.path().join("checkpoint/step-1");
    let dropped = AtomicFolder::create(&target).unwrap();
    fs::write(dropped.path().join("weights"), b"w").unwrap();
    drop(dropped);
    assert!(names(target.parent().unwrap()).is_empty());

    let folder = AtomicFolder::create(&target).unwrap();
    fs::write(folder.path().join("weights"), b"w").unwrap();
    assert!(!target.exists());
    folder.commit().unwrap();
    assert_eq!(names(&target), ["weights"]);
    // A folder that is there stays.
    let second = AtomicFolder::create(&target).unwrap();
    assert!(second.commit().is_err());
    assert_eq!(names(target.parent().unwrap()), ["step-1"]);
}

#[cfg(unix)]
#[test]
fn permissions_are_those_of_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    File::create(&plain).unwrap();
    let atomic = folder.path().join("atomic");
    write_atomic(&atomic, b"x").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&atomic), mode(&plain));

    let plain = folder.path().join("plain-folder");
    fs::create_dir(&plain).unwrap();
    let atomic = folder.path().join("atomic-folder");
    AtomicFolder::create(&atomic).unwrap().commit().unwrap();
    assert_eq!(mode(&atomic), mode(&plain));
}

#[cfg(unix)]
#[test]
fn planted_links_are_not_followed() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let victim = folder.path().join("victim");
    fs::write(&victim, b"precious").unwrap();
    let work = folder.path().join("work");
    fs::create_dir(&work).unwrap();
    // Predictable names of temporary files, the lock, and the target.
    for name in ["c.json.incomplete", ".lock", "c.json", ".c.json.incomplete"] {
        symlink(&victim, work.join(name)).unwrap();
    }
    write_atomic(&work.join("c.json"), b"new").unwrap();
    assert!(FolderLock::try_acquire(&work).is_err());
    remove_leftovers(&work).unwrap();
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    assert_eq!(fs::read(work.join("c.json")).unwrap(), b"new");
    assert!(work.join(".c.json.incomplete").is_symlink());
}

#[test]
fn leftovers_go_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let made = |name: &str| fs::write(folder.path().join(name), b"x").unwrap();
    made(".a.json.Xy12.incomplete");
    made("a.json.incomplete");
    made("a.json");
    fs::create_dir(folder.path().join(".step-2.Ab34.incomplete")).unwrap();
    fs::write(folder.path().join(".step-2.Ab34.incomplete/w"), b"x").unwrap();
    remove_leftovers(folder.path()).unwrap();
    assert_eq!(names(folder.path()), ["a.json", "a.json.incomplete"]);
    remove_leftovers(&folder.path().join("absent")).unwrap();

    // In a shared folder only those of one's own files.
    let names = [".a.json.x1y2.incomplete", ".b.json.x1y2.incomplete"];
    for name in names {
        fs::write(folder.path().join(name), "half").unwrap();
    }
    remove_leftovers_of(folder.path(), &["a.json", "b"]).unwrap();
    assert!(!folder.path().join(names[0]).exists());
    assert!(folder.path().join(names[1]).exists());
}

#[test]
fn one_holder_at_a_time_who_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let lock = FolderLock::try_acquire(&run).unwrap();
    assert_eq!(lock.warning(), None);
    let refused = FolderLock::try_acquire(&run).unwrap_err();
    let LockError::Held { holder, .. } = &refused else {
        panic!("{refused}");
    };
    assert_eq!(*holder, Some(std::process::id()));
    let message = refused.to_string();
    assert!(message.contains("in use by process"), "{message}");

    let waiting = {
        let run = run.clone();
        std::thread::spawn(move || {
            let mut waited = false;
            FolderLock::acquire_waiting(&run, |_| waited = true).unwrap();
            waited
        })
    };
    // The thread either finds the lock held and waits, or finds it free: never an error.
    std::thread::sleep(Duration::from_millis(50));
    drop(lock);
    waiting.join().unwrap();
    FolderLock::try_acquire(&run).unwrap();
}

#[test]
fn a_folder_in_which_nothing_was_written_goes_with_its_lock() {
    let parent = tempfile::tempdir().unwrap();
    let run = parent.path().join("runs/plain");
    drop(FolderLock::try_acquire(&run).unwrap());
    assert!(names(parent.path()).is_empty());

    let lock = FolderLock::try_acquire(&run).unwrap();
    fs::write(run.join("config.json"), "{}").unwrap();
    drop(lock);
    assert_eq!(names(&run), [".lock", "config.json"]);
    fs::remove_file(run.join("config.json")).unwrap();
    // It existed before, empty or not.
    drop(FolderLock::acquire_waiting(&run, |_| {}).unwrap());
    assert_eq!(names(&run), [".lock"]);
}

/// Sets a file's time of modification to some seconds before now.
fn age(path: &Path, seconds: u64) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(seconds))
        .unwrap();
}

#[test]
fn hashes_are_remembered_until_the_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (store, file) = (folder.path().join("c/hashes.json"), folder.path().join("f"));
    fs::write(&file, b"first").unwrap();
    age(&file, 100);
    let cache = HashCache::open(&store);
    let first = cache.hash(&file).unwrap();
    assert_eq!(first, hash_file(&file).unwrap());
    cache.save().unwrap();

    // A planted hash shows that the file is not read again.
    let planted = fs::read_to_string(&store)
        .unwrap()
        .replace(&first, "planted");
    fs::write(&store, planted).unwrap();
    assert_eq!(HashCache::open(&store).hash(&file).unwrap(), "planted");

    // Another size, another time, another file under the name.
    fs::write(&file, b"longer than before").unwrap();
    age(&file, 100);
    let changed = HashCache::open(&store).hash(&file).unwrap();
    assert_eq!(changed, hash_file(&file).unwrap());
    fs::write(&file, b"third").unwrap();
    age(&file, 50);
    let changed = HashCache::open(&store).hash(&file).unwrap();
    assert_eq!(changed, hash_file(&file).unwrap());
}

#[test]
fn a_file_as_new_as_the_cache_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let (store, file) = (folder.path().join("hashes.json"), folder.path().join("f"));
    fs::write(&file, b"first").unwrap();
    let now = SystemTime::now() + Duration::from_secs(100);
    let modified = |time| {
        let file = File::options().write(true).open(&file).unwrap();
        file.set_modified(time).unwrap();
    };
    modified(now);
    let cache = HashCache::open(&store);
    let first = cache.hash(&file).unwrap();
    cache.save().unwrap();
    // The same size and, as far as the clock can tell, the same time.
    fs::write(&file, b"other").unwrap();
    modified(now);
    assert_ne!(HashCache::open(&store).hash(&file).unwrap(), first);
}

/// Linux allows any bytes in a name; JSON does not.
#[cfg(target_os = "linux")]
#[test]
fn a_path_that_is_not_utf_8_does_not_keep_others_from_being_saved() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("hashes.json");
    let odd = folder
        .path()
        .join(std::ffi::OsStr::from_bytes(b"k\xfcche.png"));
    let plain = folder.path().join("plain.png");
    let cache = HashCache::open(&store);
    for path in [&odd, &plain] {
        fs::write(path, path.as_os_str().as_bytes()).unwrap();
        age(path, 100);
        assert_eq!(cache.hash(path).unwrap(), hash_file(path).unwrap());
    }
    cache.save().unwrap();
    let saved = fs::read_to_string(&store).unwrap();
    assert!(saved.contains("plain.png") && !saved.contains("che.png"));
    assert_eq!(
        HashCache::open(&store).hash(&odd).unwrap(),
        hash_file(&odd).unwrap()
    );
}

#[test]
fn a_damaged_cache_is_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let (store, file) = (folder.path().join("hashes.json"), folder.path().join("f"));
    fs::write(&file, b"x").unwrap();
    for damaged in ["", "{", r#"{"format":9,"files":{}}"#, "[]"] {
        fs::write(&store, damaged).unwrap();
        let cache = HashCache::open(&store);
        assert_eq!(cache.hash(&file).unwrap(), hash_file(&file).unwrap());
        cache.save().unwrap();
        assert!(fs::read_to_string(&store).unwrap().contains("\"format\":1"));
    }
    let cache = HashCache::open(&store);
    assert!(cache.hash(&folder.path().join("absent")).is_err());
}
