//! `--from`, `--offline`, `--list`.

use std::fs;

use crate::place::{Entry, Place, body};
use crate::server::Server;

const SIZE: usize = 50_000;

/// A file in another folder, as a browser would save it.
fn elsewhere(place: &Place, bytes: &[u8]) -> String {
    let path = place.dir.path().join("Downloads.pth");
    fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

#[test]
fn a_manually_downloaded_file_is_imported_after_the_same_checks() {
    let body = body(SIZE);
    for entry in [
        Entry::manual("follow the link").of(&body),
        Entry::manual("follow the link"),
        Entry::url("http://127.0.0.1:9/never-asked").of(&body),
    ] {
        let place = Place::new(&entry);
        let file = elsewhere(&place, &body);
        let done = place.run(&["net", "--from", &file]).assert_ok();
        assert_eq!(done.stdout, format!("{}\n", place.target().display()));
        place.assert_holds(&body);
        // The user's own file stays.
        assert_eq!(fs::read(&file).unwrap(), body);
    }
}

#[test]
fn a_wrong_file_is_not_imported() {
    let body = body(SIZE);
    let place = Place::new(&Entry::manual("follow the link").of(&body));
    // A partial download is kept.
    place.leave_partial(&body[..1000], None);
    let file = elsewhere(&place, &[1; SIZE]);
    place
        .run(&["net", "--from", &file])
        .assert_fails(&["cannot use", "Downloads.pth", "SHA-256"]);
    let file = elsewhere(&place, &body[1..]);
    place
        .run(&["net", "--from", &file])
        .assert_fails(&["49999 bytes", "expected 50000"]);
    place
        .run(&["net", "--from", "/no/such/file"])
        .assert_fails(&["/no/such/file"]);
    let folder = place.dir.path().display().to_string();
    place
        .run(&["net", "--from", &folder])
        .assert_fails(&[&folder]);
    assert!(!place.target().exists());
    assert_eq!(fs::read(place.incomplete()).unwrap(), &body[..1000]);
}

#[test]
fn from_takes_exactly_one_name() {
    let entry = Entry::manual("follow the link");
    let place = Place::with(&[("net", &entry), ("other", &entry)]);
    let file = elsewhere(&place, b"weights");
    place
        .run(&["net", "other", "--from", &file])
        .assert_fails(&["one file for one name"]);
    // Wrong usage.
    assert_eq!(place.run(&["--from", &file]).code, Some(2));
    assert_eq!(
        place.run(&["net", "--offline", "--from", &file]).code,
        Some(2)
    );
}

#[test]
fn manual_downloads_are_explained() {
    let place = Place::new(&Entry::manual("follow the link"));
    place.fetch().assert_fails(&[
        "follow the link",
        "https://example.org/page",
        "cargo xtask fetch-weights net --from FILE",
    ]);
}

#[test]
fn a_present_file_that_is_wrong_is_not_overwritten() {
    let body = body(SIZE);
    let server = Server::good(&body);
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    fs::create_dir_all(place.out().join("net")).unwrap();
    fs::write(place.target(), vec![1; SIZE]).unwrap();
    for arguments in [vec!["net"], vec!["net", "--offline"]] {
        place.run(&arguments).assert_fails(&[
            "does not match the manifest",
            "move it away",
            "SHA-256",
        ]);
    }
    assert_eq!(fs::read(place.target()).unwrap(), vec![1; SIZE]);
    assert!(server.received().is_empty());
}

#[test]
fn offline_opens_no_connection_and_says_what_is_missing() {
    let body = body(SIZE);
    let server = Server::good(&body);
    let here = Entry::url(&server.url()).of(&body);
    let place = Place::with(&[
        ("gone", &Entry::url(&format!("{}/gone.pth", server.url()))),
        ("hand", &Entry::manual("follow the link")),
        ("hub", &Entry::hub("timm/resnet50.tv_in1k")),
        ("net", &here),
    ]);
    fs::create_dir_all(place.out().join("net")).unwrap();
    fs::write(place.target(), &body).unwrap();
    let done = place.run(&["--offline"]).assert_fails(&[
        &format!("download {}/gone.pth", server.url()),
        "hand: the file is missing; follow the link (https://example.org/page)",
        "https://huggingface.co/timm/resnet50.tv_in1k/resolve/main/model.safetensors",
        "not fetched: gone, hand, hub",
    ]);
    assert_eq!(done.stdout, format!("{}\n", place.target().display()));
    assert!(server.received().is_empty());
    // Nothing was created for missing files.
    assert!(!place.out().join("gone").exists());
    place.run(&["net", "--offline"]).assert_ok();
    // A partial file is reported.
    fs::remove_file(place.target()).unwrap();
    place.leave_partial(&body[..123], None);
    place
        .run(&["net", "--offline"])
        .assert_fails(&["only 123 bytes"]);
}

#[test]
fn the_list_shows_size_state_and_licence() {
    let body = body(SIZE);
    let url = Entry::url("http://127.0.0.1:9/never-asked").of(&body);
    let place = Place::with(&[
        ("absent", &url),
        ("hand", &Entry::manual("follow the link")),
        ("net", &url),
        ("present", &url),
    ]);
    place.leave_partial(&body[..2000], None);
    fs::create_dir_all(place.out().join("present")).unwrap();
    fs::write(place.out().join("present/present.pth"), &body).unwrap();
    for arguments in [vec!["--list"], vec![]] {
        let done = place.run(&arguments).assert_ok();
        let lines: Vec<Vec<&str>> = done
            .stdout
            .lines()
            .map(|line| {
                line.split("  ")
                    .map(str::trim)
                    .filter(|cell| !cell.is_empty())
                    .collect()
            })
            .collect();
        assert_eq!(
            lines,
            [
                ["name", "size", "state", "licence", "for"],
                ["absent", "50.00 kB", "absent", "MIT", "mff-tiny"],
                ["hand", "unknown", "absent, by hand", "MIT", "mff-tiny"],
                ["net", "50.00 kB", "partial, 2.00 kB", "MIT", "mff-tiny"],
                ["present", "50.00 kB", "present", "MIT", "mff-tiny"],
            ]
        );
    }
}
