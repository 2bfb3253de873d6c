//! Damaged manifests.

use std::fs;
use std::path::Path;

use crate::place::{Place, Random};

/// The shipped manifest with bytes flipped, removed, doubled or cut off: it is read, or refused with its name; no panic.
#[test]
fn damaged_manifests_are_refused_by_name_or_read() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/mde-fetch/manifest.toml");
    let shipped = fs::read(shipped).unwrap();
    let place = Place::new(&[]);
    let path = place.data().join("manifest.toml");
    let mut random = Random(66);
    let (mut refused, rounds) = (0, 400);
    for round in 0..rounds {
        let mut text = shipped.clone();
        let at = random.below(text.len() as u64) as usize;
        match round % 4 {
            0 => text[at] ^= 1 << random.below(8),
            1 => drop(text.remove(at)),
            2 => text.insert(at, random.below(256) as u8),
            _ => text.truncate(at),
        }
        fs::write(&path, &text).unwrap();
        let done = place.run(&["fetch-weights", "--list"]);
        assert!(
            !done.stderr.contains("panicked"),
            "round {round}: {}",
            done.stderr
        );
        if done.code != Some(0) {
            refused += 1;
            done.assert_fails(&["manifest.toml"]);
        }
    }
    assert!(refused > rounds / 4, "{refused}");
}

#[test]
fn parts_of_data_sets_that_are_not_listed_are_named() {
    let place = Place::new(&[(
        "data.other",
        "url = \"http://127.0.0.1:9/f\"\nfile = \"f\"".to_owned(),
    )]);
    place
        .run(&["fetch-data", "nyu"])
        .assert_fails(&["unknown data \"nyu-labelled\"; the manifest lists: other"]);
    place
        .run(&["fetch-data", "kitti"])
        .assert_fails(&["unknown data \"kitti-eigen-train\""]);
}
