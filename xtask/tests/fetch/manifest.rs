//! Manifests in the program. The library tests invalid ones.

use std::process::Stdio;

use crate::place::{Done, Entry, Place, done};

/// The program without `--manifest`.
fn run(place: &Place, arguments: &[&str]) -> Done {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .env("MDE_HOME", place.dir.path().join("home"))
        .arg("fetch-weights")
        .args(arguments)
        .stdin(Stdio::null());
    done(command.output().unwrap())
}

#[test]
fn the_built_in_manifest_is_listed() {
    let place = Place::new(&Entry::manual(""));
    let done = run(&place, &["--list"]).assert_ok();
    for name in [
        "resnet50-imagenet",
        "bts-resnet50-kitti",
        "meter-xxs-nyu",
        "interpretable-mff-senet154",
    ] {
        let mut lines = done.stdout.lines();
        let line = lines.find(|line| line.starts_with(&format!("{name} ")));
        assert!(
            line.is_some_and(|line| line.contains("absent")),
            "{name}: {}",
            done.stdout
        );
    }
    // Listing created nothing.
    assert!(!place.dir.path().join("home").exists());
}

#[test]
fn bad_names_manifests_and_addresses_are_refused() {
    let place = Place::new(&Entry::manual(""));
    run(&place, &["meter_xxs_nyu"])
        .assert_fails(&["\"meter_xxs_nyu\"", "did you mean \"meter-xxs-nyu\"?"]);
    std::fs::write(place.dir.path().join("manifest.toml"), "[weights").unwrap();
    place.fetch().assert_fails(&["manifest.toml", "not valid"]);
    std::fs::remove_file(place.dir.path().join("manifest.toml")).unwrap();
    place
        .fetch()
        .assert_fails(&["cannot read the manifest", "manifest.toml"]);
    let place = Place::new(&Entry::url("no address"));
    place
        .fetch()
        .assert_fails(&["\"no address\" is not a web address"]);
}
