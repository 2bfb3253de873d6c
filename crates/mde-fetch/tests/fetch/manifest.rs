//! Manifests: the built-in one, and bad ones.

use std::fs;

use mde_fetch::{Answer, DataSet, Home, Manifest, WeightOptions, fetch_data, fetch_weights};
use mde_test_kit::{damaged, rng};

use crate::place::{Notes, Place};

#[test]
fn the_built_in_manifest_is_valid() {
    let manifest = Manifest::built_in().unwrap();
    for name in [
        "resnet50-imagenet",
        "densenet161-imagenet",
        "senet154-imagenet",
        "bts-densenet161-nyu",
        "bts-resnet50-kitti",
        "meter-xxs-nyu",
        "meter-xs-nyu",
        "meter-xs-kitti",
        "meter-s-nyu",
        "meter-s-kitti",
        "mff-resnet50-nyu",
        "interpretable-mff-senet154",
    ] {
        assert!(manifest.weights.contains_key(name), "{name}");
    }
    for name in ["nyu-labelled", "nyu-splits", "kitti-raw", "kitti-depth"] {
        assert!(manifest.data(name).is_ok(), "{name}");
    }
}

/// Only files that were seen have a size and a hash.
#[test]
fn weights_that_were_not_seen_are_not_verified() {
    let manifest = Manifest::built_in().unwrap();
    for name in ["xs-nyu", "xs-kitti", "s-nyu", "s-kitti"] {
        let entry = &manifest.weights[&format!("meter-{name}")];
        assert!(!entry.verified && entry.size.is_none() && entry.sha256.is_none());
    }
    for entry in manifest.weights.values().filter(|entry| entry.verified) {
        assert!(
            entry.size.is_some() && entry.sha256.is_some(),
            "{}",
            entry.file
        );
    }
}

#[test]
fn its_verified_hashes_are_those_of_the_real_files() {
    let Some(weights) = mde_test_kit::real_data("weights") else {
        return;
    };
    let names = ["meter-xxs-nyu", "meter-xxs-kitti"];
    for (name, other) in [(names[0], names[1]), (names[1], names[0])] {
        let take = |file: &str| {
            let folder = tempfile::tempdir().unwrap();
            let options = WeightOptions {
                names: vec![name.to_owned()],
                from: Some(weights.join(format!("{}.pth", file.replace('-', "_")))),
                ..WeightOptions::default()
            };
            let front = Notes::new(Answer::Nobody);
            let fetched = fetch_weights(&options, &Home::at(folder.path()), &front).unwrap();
            (fetched, front.remarks.into_inner().join("\n"))
        };
        assert_eq!(take(name).0.files.len(), 1);
        let (fetched, remarks) = take(other);
        assert_eq!(fetched.missing, [name]);
        assert!(remarks.contains("SHA-256"), "{remarks}");
    }
}

#[test]
fn errors_of_unknown_names_list_the_known_ones() {
    let place = Place::with_weights(&["net", "other"], "http://127.0.0.1:9/", b"");
    let options = WeightOptions {
        names: vec!["net".to_owned(), "nets".to_owned()],
        ..WeightOptions::default()
    };
    let error = fetch_weights(&options, &place.home, &Notes::new(Answer::Yes)).unwrap_err();
    let error = error.to_string();
    for words in ["\"nets\"", "did you mean \"net\"?", "net, other"] {
        assert!(error.contains(words), "{error}");
    }
    // Nothing is fetched if one name is wrong.
    assert!(!place.home.weights().exists());
}

#[test]
fn bad_manifests_are_refused_with_file_and_place() {
    let replaced = |from: &str, to: &str| {
        let place = Place::with_weights(&["net"], "http://127.0.0.1:9/f", b"");
        let text = fs::read_to_string(place.manifest_file()).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(place.manifest_file(), text.replace(from, to)).unwrap();
        place
    };
    let sha256 = format!("sha256 = \"{}\"", crate::place::sha256(b""));
    for (place, words) in [
        (replaced("[weights.net]", "[weights.net"), "not valid"),
        (
            replaced("[weights.net]", "[weights.\"../net\"]"),
            "not a folder name",
        ),
        (
            replaced("\"net.pth\"", "\"../../net.pth\""),
            "is not a file name",
        ),
        (
            replaced("\"net.pth\"", "\"/etc/net.pth\""),
            "is not a file name",
        ),
        (replaced("\"net.pth\"", "\"..\""), "is not a file name"),
        (
            replaced(&sha256, "sha256 = \"12ab\""),
            "64 hexadecimal digits",
        ),
        (
            replaced(&format!("{sha256}\n"), "").with_verified(),
            "needs size and sha256",
        ),
        (replaced("size = 0", "size = -5"), "not valid"),
        (replaced("licence = \"MIT\"\n", ""), "licence"),
        (
            replaced("url = \"http://127.0.0.1:9/f\"\n", ""),
            "not valid",
        ),
        (replaced("size = 0", "sise = 5"), "sise"),
        (replaced("[weights]", "[waits]"), "weights"),
        (replaced("paper = \"none\"\n", ""), "weights need"),
    ] {
        let error = place.manifest().unwrap_err().to_string();
        assert!(error.contains("manifest.toml"), "{error}");
        assert!(error.contains(words), "{words:?} is not in {error}");
    }
    let place = Place::new(&[]);
    let missing = place.dir.path().join("none.toml");
    let error = place.home.manifest(Some(&missing)).unwrap_err().to_string();
    assert!(error.contains("cannot read the manifest"), "{error}");
    assert!(error.contains("none.toml"), "{error}");
}

impl Place {
    fn with_verified(self) -> Self {
        let text = fs::read_to_string(self.manifest_file()).unwrap();
        let text = text.replace("verified = false", "verified = true");
        fs::write(self.manifest_file(), text).unwrap();
        self
    }
}

#[test]
fn parts_of_data_sets_that_are_not_listed_are_named() {
    let lines = "url = \"http://127.0.0.1:9/f\"\nfile = \"f\"".to_owned();
    let place = Place::new(&[("data.other", lines)]);
    for (kind, words) in [
        (
            "nyu",
            "unknown data \"nyu-labelled\"; the manifest lists: other",
        ),
        ("kitti", "unknown data \"kitti-eigen-train\""),
    ] {
        let data = DataSet::named(kind).unwrap();
        let front = Notes::new(Answer::Yes);
        let error = fetch_data(data, &place.home, &front, &|_| Ok(())).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

/// The built-in manifest with bytes flipped, removed, duplicated or cut off: it is read, or refused
/// with its name; no panic.
#[test]
fn damaged_manifests_are_refused_by_name_or_read() {
    let whole = include_str!("../../manifest.toml").as_bytes();
    let place = Place::new(&[]);
    let mut random = rng(66);
    let (mut refused, rounds) = (0, 400);
    for _ in 0..rounds {
        fs::write(place.manifest_file(), damaged(whole, &mut random)).unwrap();
        if let Err(error) = place.manifest() {
            refused += 1;
            assert!(error.to_string().contains("manifest.toml"), "{error}");
        }
    }
    assert!(refused > rounds / 4, "{refused}");
}
