//! Partial files.

use std::fs;
use std::process::Stdio;

use crate::place::{Entry, Place, body, kill, wait_until};
use crate::server::{Reply, Server};

const SIZE: usize = 300_000;

#[test]
fn a_kill_at_any_moment_loses_no_downloaded_bytes() {
    let body = body(SIZE);
    for stop in [0, 1, 100_000, SIZE - 1] {
        let server = Server::start(&body, &[Reply::Stall(stop), Reply::File]);
        let place = Place::new(&Entry::url(&server.url()).of(&body));
        let mut command = place.command(&["net"]);
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_until("the partial file", || {
            fs::metadata(place.incomplete()).is_ok_and(|file| file.len() == stop as u64)
        });
        kill(child);
        assert!(!place.target().exists());
        place.fetch().assert_ok();
        place.assert_holds(&body);
        let expected = (stop > 0).then(|| format!("bytes={stop}-"));
        assert_eq!(server.ranges()[1], expected, "{stop}");
    }
}

#[test]
fn garbage_in_a_partial_file_is_detected_and_replaced() {
    let body = body(SIZE);
    let server = Server::good(&body);
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    place.leave_partial(&[1; 1000], None);
    place
        .fetch()
        .assert_ok()
        .assert_says(&["its parts do not match"]);
    place.assert_holds(&body);
    assert_eq!(server.ranges(), [Some("bytes=1000-".to_owned()), None]);
}

#[test]
fn a_complete_partial_file_needs_no_request() {
    let body = body(SIZE);
    let server = Server::good(&body);
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    place.leave_partial(&body, None);
    place.fetch().assert_ok();
    place.assert_holds(&body);
    assert!(server.received().is_empty());
    // If the size is unknown, the server reports the end of the file.
    let place = Place::new(&Entry::url(&server.url()).sha256(&body));
    place.leave_partial(&body, None);
    place.fetch().assert_ok();
    place.assert_holds(&body);
    assert_eq!(server.received().len(), 1);
}

#[test]
fn a_partial_file_that_is_too_long_is_fetched_again() {
    let body = body(SIZE);
    let server = Server::good(&body);
    for entry in [
        Entry::url(&server.url()).of(&body),
        Entry::url(&server.url()).sha256(&body),
    ] {
        let place = Place::new(&entry);
        place.leave_partial(&vec![1; SIZE + 5], None);
        place.fetch().assert_ok();
        place.assert_holds(&body);
    }
}

#[test]
fn parts_of_two_versions_are_never_joined() {
    // Neither size nor hash is known, so the server's version tag decides.
    let (old, new) = (vec![3; SIZE], body(SIZE));
    let server = Server::start(&old, &[Reply::Break(100_000)]).with_etag("old");
    let place = Place::new(&Entry::url(&server.url()));
    place
        .run(&["net", "--tries", "1"])
        .assert_fails(&["100000 bytes are kept"]);
    server.turn_to(&new, Some("new"), &[Reply::File]);
    place.fetch().assert_ok();
    place.assert_holds(&new);
    assert_eq!(server.received()[1].header("if-range"), Some("\"old\""));
    // The same version is resumed.
    let server = Server::start(&new, &[Reply::Break(100_000), Reply::File]).with_etag("same");
    let place = Place::new(&Entry::url(&server.url()));
    place.fetch().assert_ok();
    place.assert_holds(&new);
    assert_eq!(server.ranges()[1].as_deref(), Some("bytes=100000-"));
}

#[test]
fn a_part_of_another_version_is_discarded() {
    let body = body(SIZE);
    // This server ignores If-Range: it does not have that version, but sends the part anyway.
    let server = Server::good(&body).with_header("ETag", "\"new\"");
    server.turn_to(&body, Some("old"), &[Reply::File]);
    let place = Place::new(&Entry::url(&server.url()));
    place.leave_partial(&[3; 1000], Some("old"));
    place
        .fetch()
        .assert_ok()
        .assert_says(&["the file on the server has changed"]);
    place.assert_holds(&body);
}

#[test]
fn parts_of_an_unknown_version_are_fetched_again() {
    let body = body(SIZE);
    let server = Server::good(&body);
    let place = Place::new(&Entry::url(&server.url()));
    place.leave_partial(&[3; 1000], None);
    place
        .fetch()
        .assert_ok()
        .assert_says(&["version of the partial file is unknown"]);
    place.assert_holds(&body);
    assert_eq!(server.ranges(), [None]);
}
