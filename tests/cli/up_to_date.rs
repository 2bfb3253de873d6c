//! Unchanged files are neither hashed nor decoded again; changed files are.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::place::Place;

const TRAIN: &str = "train --data rooms:rooms --out run --steps 1 --batch-size 2";
const STAGES: [&str; 3] = [
    TRAIN,
    "evaluate --run run --data rooms:rooms",
    "dissect --run run --data rooms:rooms",
];

fn up_to_date(place: &Place, line: &str) -> bool {
    place.json(line)["up_to_date"].as_bool().unwrap()
}

/// Sets the time of every file below the data folder to an hour ago.
fn age(place: &Place) {
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    for name in place.files("rooms").keys() {
        let file = File::options()
            .append(true)
            .open(place.path(&format!("rooms/{name}")))
            .unwrap();
        file.set_modified(hour_ago).unwrap();
    }
}

/// Spoils the second half of a file in place; its size and times stay.
fn spoil_secretly(path: &Path) {
    let metadata = fs::metadata(path).unwrap();
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    let half = metadata.len() / 2;
    file.seek(SeekFrom::Start(half)).unwrap();
    file.write_all(&vec![0; (metadata.len() - half) as usize])
        .unwrap();
    file.set_modified(metadata.modified().unwrap()).unwrap();
}

#[test]
fn unchanged_images_are_not_read_again() {
    let place = Place::new();
    age(&place);
    for line in STAGES {
        assert!(!up_to_date(&place, line), "{line}");
    }
    assert!(place.home().join("fingerprints.json").is_file());
    // If the stages read them, they would fail or run again.
    for name in place.files("rooms").keys() {
        let is_image = name.ends_with(".jpg") || name.ends_with(".png");
        // The first image tells the frame size.
        if is_image && !name.contains("room_00000") {
            spoil_secretly(&place.path(&format!("rooms/{name}")));
        }
    }
    for line in STAGES {
        assert!(up_to_date(&place, line), "{line}");
    }
}

#[test]
fn a_file_written_again_is_read_again() {
    let place = Place::new();
    age(&place);
    STAGES.iter().for_each(|line| drop(place.json(line)));
    place.write(
        "rooms/test/room_00001.png",
        place.read("rooms/test/room_00002.png"),
    );
    assert!(up_to_date(&place, STAGES[0]));
    assert!(!up_to_date(&place, STAGES[1]) && !up_to_date(&place, STAGES[2]));
    place.write(
        "rooms/train/room_00001.png",
        place.read("rooms/train/room_00002.png"),
    );
    place.refuses(TRAIN, &["have changed", "--accept-changed-data"]);
    assert!(up_to_date(
        &place,
        &format!("{TRAIN} --accept-changed-data")
    ));
    let config: Value = serde_json::from_slice(&place.read("run/config.json")).unwrap();
    assert_eq!(config["data"]["earlier"][0]["steps"], 1);
    assert!(up_to_date(&place, TRAIN));
}
