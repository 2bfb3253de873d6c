//! Manifests: the one that is shipped, and bad ones.

use std::fs;
use std::path::{Path, PathBuf};

use crate::place::{Entry, Place};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn shipped(place: &Place, arguments: &[&str]) -> crate::place::Done {
    let manifest = workspace().join("crates/mde-fetch/manifest.toml");
    fs::copy(manifest, place.dir.path().join("manifest.toml")).unwrap();
    place.run(arguments)
}

#[test]
fn the_shipped_manifest_is_read() {
    let place = Place::new(&Entry::manual(""));
    let done = shipped(&place, &["--list"]).assert_ok();
    for name in [
        "resnet50-imagenet",
        "densenet161-imagenet",
        "senet154-imagenet",
        "bts-densenet161-nyu",
        "bts-resnet50-kitti",
        "meter-xxs-nyu",
        "mff-resnet50-nyu",
        "interpretable-mff-senet154",
    ] {
        let line = done
            .stdout
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")));
        assert!(
            line.is_some_and(|line| line.contains("absent")),
            "{name}: {}",
            done.stdout
        );
    }
}

#[test]
fn its_verified_hashes_are_those_of_the_real_files() {
    let Some(weights) = mde_test_kit::real_data("weights") else {
        return;
    };
    for name in ["meter-xxs-nyu", "meter-xxs-kitti"] {
        let place = Place::new(&Entry::manual(""));
        let file = weights.join(format!("{}.pth", name.replace('-', "_")));
        shipped(&place, &[name, "--from", &file.display().to_string()]).assert_ok();
        let other = weights.join(format!(
            "{}.pth",
            if name.ends_with("nyu") {
                "meter_xxs_kitti"
            } else {
                "meter_xxs_nyu"
            }
        ));
        let place = Place::new(&Entry::manual(""));
        shipped(&place, &[name, "--from", &other.display().to_string()]).assert_fails(&["SHA-256"]);
    }
}

#[test]
fn unknown_names_are_answered_with_the_known_ones() {
    let entry = Entry::manual("follow the link");
    let place = Place::with(&[("net", &entry), ("other", &entry)]);
    place
        .run(&["net", "nets"])
        .assert_fails(&["\"nets\"", "net, other"]);
}

#[test]
fn bad_manifests_are_refused_with_file_and_place() {
    let good = |change: &dyn Fn(String) -> String| {
        let place = Place::new(&Entry::url("http://127.0.0.1:9/f").size(5));
        let path = place.dir.path().join("manifest.toml");
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
        place
    };
    let replaced = |from: &'static str, to: &'static str| {
        good(&move |text| {
            assert!(text.contains(from));
            text.replace(from, to)
        })
    };
    for (place, words) in [
        (replaced("[weights.net]", "[weights.net"), "not valid"),
        (
            replaced("[weights.net]", "[weights.\"../net\"]"),
            "not that of a folder",
        ),
        (
            replaced("\"net.pth\"", "\"../../net.pth\""),
            "not the name of a file",
        ),
        (
            replaced("\"net.pth\"", "\"/etc/net.pth\""),
            "not the name of a file",
        ),
        (replaced("\"net.pth\"", "\"..\""), "not the name of a file"),
        (
            replaced("size = 5", "sha256 = \"12ab\""),
            "64 hexadecimal digits",
        ),
        (
            replaced("verified = false", "verified = true"),
            "needs size and sha256",
        ),
        (replaced("size = 5", "size = -5"), "not valid"),
        (replaced("licence = \"MIT\"\n", ""), "licence"),
        (
            replaced("url = \"http://127.0.0.1:9/f\"\n", ""),
            "not valid",
        ),
        (replaced("size = 5", "sise = 5"), "sise"),
        (good(&|_| String::new()), "weights"),
    ] {
        place
            .run(&["--list"])
            .assert_fails(&["manifest.toml", words]);
    }
    let place = Place::new(&Entry::manual(""));
    fs::remove_file(place.dir.path().join("manifest.toml")).unwrap();
    place
        .fetch()
        .assert_fails(&["cannot read the manifest", "manifest.toml"]);
    let place = Place::new(&Entry::url("no address"));
    place
        .fetch()
        .assert_fails(&["\"no address\" is not an address on the web"]);
}
