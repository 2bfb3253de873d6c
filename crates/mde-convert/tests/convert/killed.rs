//! Conversions whose process is killed, run in a child process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use mde_convert::{ConvertEvent, FrameSplit, Split, convert_labelled};

use crate::common::*;

/// Environment of the child process: its folder, and the number of new frames before it aborts.
const DIR: &str = "MDE_CONVERT_DIES_IN";
const AFTER: &str = "MDE_CONVERT_DIES_AFTER";

/// Does nothing unless run as the child process.
#[test]
fn dies() {
    let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) else {
        return;
    };
    let after: usize = std::env::var(AFTER).unwrap().parse().unwrap();
    let out = dir.join("data");
    let options = labelled_options(
        dir.join("labelled.mat"),
        FrameSplit::All(Split::Train),
        &out,
    );
    let written = AtomicUsize::new(0);
    let _ = convert_labelled(&options, &|event| {
        // As abrupt as a kill: no destructor runs.
        let is_new = matches!(event, ConvertEvent::Frame { kept: false, .. });
        if is_new && written.fetch_add(1, Ordering::SeqCst) + 1 == after {
            std::process::abort();
        }
    });
}

fn die(dir: &Path, after: usize) -> bool {
    let this = std::env::current_exe().unwrap();
    let status = Command::new(this)
        .args(["killed::dies", "--exact"])
        .env(DIR, dir)
        .env(AFTER, after.to_string())
        .output()
        .unwrap()
        .status;
    !status.success()
}

#[test]
fn a_repeatedly_killed_conversion_ends_with_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let source = Labelled {
        frames: 60,
        ..Labelled::default()
    };
    let mat = source.write(dir.path());
    let (out, whole) = (dir.path().join("data"), dir.path().join("whole"));
    let split = FrameSplit::All(Split::Train);
    convert_labelled(
        &labelled_options(mat.clone(), split.clone(), &whole),
        &silent,
    )
    .unwrap();
    let whole = contents(&whole);
    for after in [1, 2, 9, 13, 20] {
        assert!(die(dir.path(), after), "dies after {after}");
        for (name, bytes) in contents(&out) {
            // Files with final names are complete, and lists come last.
            if !name.ends_with(".incomplete") {
                let expected = whole.iter().find(|(known, _)| *known == name).unwrap();
                assert!(
                    expected.1 == bytes && name.ends_with(".png"),
                    "{name} after {after}"
                );
            }
        }
    }
    let converted = convert_labelled(&labelled_options(mat, split, &out), &silent).unwrap();
    assert!(converted.kept >= 45, "{converted:?}");
    // Leftovers of the killed processes are gone.
    assert_same(&contents(&out), &whole);
}
