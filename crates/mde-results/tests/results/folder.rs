//! The run folder: locks, leftovers of kills, planted links, errors of the file system.

use std::fs;
use std::process::Command;

use mde_files::LockError;
use mde_results::{Evaluation, ResultsError, RunFolder, names, to_json};
use serde_json::json;

use crate::common::{assert_parts, entries, evaluation};

#[test]
fn two_trainings_in_one_folder_are_refused_by_process_id() {
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::new(dir.path().join("run"));
    let training = folder.lock_training().unwrap();
    let error = folder.lock_training().unwrap_err();
    assert!(matches!(error, LockError::Held { holder: Some(id), .. } if id == std::process::id()));
    let holder = format!("in use by process {}", std::process::id());
    assert_parts(&error.to_string(), &["run", &holder, "wait until it has"]);

    // Checkpoints can be measured while the training goes on.
    let results = folder.lock_results().unwrap();
    let error = folder.lock_results().unwrap_err();
    assert_parts(&error.to_string(), &["run is in use", &holder[7..]]);
    drop(training);
    folder.lock_training().unwrap();
    assert!(folder.lock_results().is_err());
    drop(results);
    folder.lock_results().unwrap();
}

/// Set in the process that [`a_lock_ends_with_its_process`] starts.
const LOCKED: &str = "MDE_RESULTS_TEST_LOCKED";

#[test]
fn a_lock_ends_with_its_process() {
    if let Some(path) = std::env::var_os(LOCKED) {
        let folder = RunFolder::new(path);
        let error = folder.lock_training().unwrap_err();
        assert!(matches!(
            error,
            LockError::Held {
                holder: Some(_),
                ..
            }
        ));
        let _results = folder.lock_results().unwrap();
        // No destructor runs: as a kill.
        std::process::abort();
    }
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::new(dir.path());
    let _training = folder.lock_training().unwrap();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "folder::a_lock_ends_with_its_process"])
        .env(LOCKED, dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&status.stdout);
    assert!(!said.contains("FAILED"), "{said}");
    assert!(!status.status.success());
    folder.lock_results().unwrap();
}

#[test]
fn each_lock_removes_the_leftovers_of_its_own_kind() {
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::new(dir.path());
    let leftover = |name: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "half").unwrap();
    };
    let unfinished = [
        ".config.json.a1b2.incomplete",
        ".metrics.jsonl.a1b2.incomplete",
        "checkpoint/.step-000000002.a1b2.incomplete/weights.safetensors",
        ".evaluate.json.a1b2.incomplete",
        "stages/.dissect.json.a1b2.incomplete",
        "dissect/.D.safetensors.a1b2.incomplete",
        "ablate/.D.safetensors.a1b2.incomplete",
        "correct/.D-maps.safetensors.a1b2.incomplete",
    ];
    let others = [
        "notes.incomplete",
        ".notes.txt.a1b2.incomplete",
        "dissect/D.safetensors",
    ];
    unfinished.into_iter().chain(others).for_each(leftover);
    let left = || -> Vec<&str> {
        let exists = |name: &&str| dir.path().join(name).exists();
        unfinished.into_iter().filter(exists).collect()
    };

    drop(folder.lock_training().unwrap());
    assert_eq!(left(), unfinished[3..]);
    drop(folder.lock_results().unwrap());
    assert_eq!(left(), [""; 0]);
    for name in others {
        assert!(dir.path().join(name).exists(), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn planted_links_are_not_followed() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let victim = dir.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let folder = RunFolder::new(dir.path().join("run"));
    fs::create_dir_all(folder.path()).unwrap();

    // A document replaces the link.
    let name = names::EVALUATION;
    symlink(&victim, folder.file(name)).unwrap();
    folder.write_document(name, &evaluation()).unwrap();
    assert!(!folder.file(name).is_symlink());
    let (read, _): (Evaluation, _) = folder.document(name, "mde evaluate").unwrap();
    assert_eq!(read, evaluation());

    // Neither a lock's file nor a leftover.
    symlink(&victim, folder.file(".evaluate.json.a1b2.incomplete")).unwrap();
    drop(folder.lock_results().unwrap());
    symlink(&victim, folder.file(".lock")).unwrap();
    assert!(matches!(
        folder.lock_training().unwrap_err(),
        LockError::Io { .. }
    ));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn a_document_that_cannot_be_read_is_not_called_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::new(dir.path());
    let read = || {
        let document = folder.document::<Evaluation>(names::EVALUATION, "mde evaluate");
        document.unwrap_err()
    };
    let error = read();
    assert!(matches!(error, ResultsError::Missing { .. }));
    assert_parts(
        &error.to_string(),
        &["evaluate.json is missing", "run `mde evaluate` first"],
    );

    fs::create_dir(folder.file(names::EVALUATION)).unwrap();
    let not_damaged = |error: ResultsError| {
        let message = error.to_string();
        assert!(matches!(error, ResultsError::Read { .. }), "{message}");
        assert_parts(&message, &["cannot read", "evaluate.json"]);
        assert!(!message.contains("damaged"), "{message}");
    };
    not_damaged(read());
    assert!(
        folder
            .write_document(names::EVALUATION, &json!({}))
            .is_err()
    );
    assert_eq!(entries(dir.path()), [names::EVALUATION]);

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::remove_dir(folder.file(names::EVALUATION)).unwrap();
        fs::write(folder.file(names::EVALUATION), "{}").unwrap();
        let unreadable = fs::Permissions::from_mode(0o0);
        fs::set_permissions(folder.file(names::EVALUATION), unreadable).unwrap();
        // Root reads it all the same.
        if fs::read(folder.file(names::EVALUATION)).is_err() {
            not_damaged(read());
        }
    }
}

#[test]
fn a_document_that_is_damaged_names_the_command() {
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::new(dir.path());
    let whole = String::from_utf8(to_json(&evaluation()).unwrap()).unwrap();
    let with_format = |value: &str| whole.replacen("\"format\": 4", value, 1);
    let read = |content: &str| {
        fs::write(folder.file(names::EVALUATION), content).unwrap();
        folder.document::<Evaluation>(names::EVALUATION, "mde evaluate --run R")
    };
    for (content, part) in [
        ("", "not valid JSON"),
        (&whole[..whole.len() / 2], "not valid JSON"),
        ("[]", "format none, but this version reads format 4"),
        (&with_format("\"format\": 2"), "format 2, but this version"),
        (
            &with_format("\"format\": \"3\""),
            "format \"3\", but this version",
        ),
        ("{\"format\": 4}", "not what this stage writes"),
    ] {
        let message = read(content).unwrap_err().to_string();
        let advice = "run `mde evaluate --run R` again";
        assert_parts(&message, &["evaluate.json", part, advice]);
    }
    // A key of a later version is not damage.
    let (found, _) = read(&with_format("\"format\": 4, \"later\": 0")).unwrap();
    assert_eq!(found, evaluation());
}
