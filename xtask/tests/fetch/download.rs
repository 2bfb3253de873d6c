//! Good and bad servers.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::place::{Entry, Place, body, done, sha256};
use crate::server::{Reply, Server};

const SIZE: usize = 200_000;

fn status(status: u16) -> Reply {
    Reply::Status(status, Vec::new())
}

#[test]
fn a_file_is_fetched_once_and_its_path_printed() {
    let body = body(SIZE);
    let server = Server::good(&body);
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    let done = place.fetch().assert_ok();
    assert_eq!(done.stdout, format!("{}\n", place.target().display()));
    done.assert_says(&["licence: MIT"]);
    place.assert_holds(&body);
    // The second time it is only checked.
    let again = place.fetch().assert_ok();
    assert_eq!(again.stdout, format!("{}\n", place.target().display()));
    assert_eq!(server.received().len(), 1);
    assert_eq!(
        server.received()[0].header("accept-encoding"),
        Some("identity")
    );
}

#[test]
fn broken_connections_are_resumed() {
    let body = body(SIZE);
    let plan = [
        Reply::Break(50_000),
        Reply::Break(0),
        Reply::Break(70_001),
        Reply::Break(1),
        Reply::File,
    ];
    let server = Server::start(&body, &plan);
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    place
        .fetch()
        .assert_ok()
        .assert_says(&["trying again", "resuming after"]);
    place.assert_holds(&body);
    let ranges: Vec<Option<&str>> = vec![
        None,
        Some("bytes=50000-"),
        Some("bytes=50000-"),
        Some("bytes=120001-"),
        Some("bytes=120002-"),
    ];
    assert_eq!(
        server.ranges(),
        ranges
            .into_iter()
            .map(|r| r.map(str::to_owned))
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_large_file_arrives_over_an_unstable_connection() {
    // More failures than `--tries`, but each attempt brings more than a mebibyte.
    let body = body(12 << 20);
    let server = Server::start(&body, &[Reply::Break((1 << 20) + 70_000)]);
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    place.run(&["net", "--tries", "3"]).assert_ok();
    place.assert_holds(&body);
    assert!(server.received().len() > 6);
}

#[test]
fn a_download_that_gave_up_is_resumed_later() {
    let body = body(SIZE);
    let server = Server::start(&body, &[Reply::Break(60_000), Reply::Break(0)]);
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    place.run(&["net", "--tries", "3"]).assert_fails(&[
        "tried 3 times",
        "60000 bytes are kept",
        "net.pth.incomplete",
        "not fetched: net",
    ]);
    assert_eq!(server.received().len(), 3);
    assert_eq!(fs::read(place.incomplete()).unwrap(), &body[..60_000]);
    assert!(!place.target().exists());
    server.turn_to(&body, None, &[Reply::File]);
    place.fetch().assert_ok();
    place.assert_holds(&body);
    assert_eq!(server.ranges()[3].as_deref(), Some("bytes=60000-"));
}

#[test]
fn a_download_restarts_if_the_server_ignores_ranges() {
    let body = body(SIZE);
    let plan = [
        Reply::Break(90_000),
        Reply::WholeBreak(30_000),
        Reply::Whole,
    ];
    let server = Server::start(&body, &plan);
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    place
        .fetch()
        .assert_ok()
        .assert_says(&["cannot resume downloads"]);
    place.assert_holds(&body);
}

#[test]
fn the_rest_is_requested_if_a_part_is_too_short() {
    let body = body(SIZE);
    let plan = [Reply::Piece(60_000), Reply::Piece(60_000), Reply::File];
    let server = Server::start(&body, &plan);
    let place = Place::new(&Entry::url(&server.url()).sha256(&body));
    place.fetch().assert_ok();
    place.assert_holds(&body);
    assert_eq!(server.ranges()[2].as_deref(), Some("bytes=120000-"));
}

#[test]
fn a_part_that_was_not_requested_is_rejected() {
    let body = body(SIZE);
    let plan = [Reply::Break(50_000), Reply::Shifted(10), Reply::File];
    let server = Server::start(&body, &plan);
    let place = Place::new(&Entry::url(&server.url()).size(SIZE).sha256(&body));
    place.fetch().assert_ok().assert_says(&["a different part"]);
    place.assert_holds(&body);
}

#[test]
fn a_silent_server_times_out() {
    let body = body(SIZE);
    let server = Server::start(&body, &[Reply::Stall(70_000), Reply::File]);
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    place
        .run(&["net", "--idle", "1"])
        .assert_ok()
        .assert_says(&["trying again"]);
    place.assert_holds(&body);
    assert_eq!(server.ranges()[1].as_deref(), Some("bytes=70000-"));
}

#[test]
fn a_file_of_unknown_length_is_fetched() {
    let body = body(SIZE);
    let server = Server::start(&body, &[Reply::Unsized]);
    let place = Place::new(&Entry::url(&server.url()).sha256(&body));
    place.fetch().assert_ok();
    place.assert_holds(&body);
}

#[test]
fn refusals_are_not_repeated_and_are_explained() {
    for (code, words) in [
        (
            404,
            [
                "404",
                "out of date",
                "https://example.org/page",
                "--from FILE",
            ],
        ),
        (
            410,
            [
                "410",
                "out of date",
                "https://example.org/page",
                "--from FILE",
            ],
        ),
        (
            401,
            [
                "401",
                "is available elsewhere",
                "https://example.org/page",
                "--from FILE",
            ],
        ),
        (
            403,
            [
                "403",
                "is available elsewhere",
                "https://example.org/page",
                "--from FILE",
            ],
        ),
        (
            451,
            [
                "451",
                "is available elsewhere",
                "https://example.org/page",
                "--from FILE",
            ],
        ),
    ] {
        let body = body(100);
        let server = Server::start(&body, &[status(code)]);
        let place = Place::new(&Entry::url(&server.url()).of(&body));
        place
            .fetch()
            .assert_fails(&words)
            .assert_says(&[&server.url()]);
        assert_eq!(server.received().len(), 1, "{code}");
        place.assert_holds_nothing();
    }
}

#[test]
fn requests_to_busy_and_broken_servers_are_retried() {
    for code in [408, 425, 429, 500, 502, 503, 504] {
        let body = body(SIZE);
        let plan = [
            status(code),
            Reply::Break(10_000),
            status(code),
            Reply::File,
        ];
        let server = Server::start(&body, &plan);
        let place = Place::new(&Entry::url(&server.url()).of(&body));
        place
            .fetch()
            .assert_ok()
            .assert_says(&[&code.to_string(), "of 6 attempts failed"]);
        place.assert_holds(&body);
        assert_eq!(server.ranges()[3].as_deref(), Some("bytes=10000-"));
    }
}

#[test]
fn retries_end_at_the_limit() {
    let body = body(SIZE);
    let server = Server::start(&body, &[status(500)]);
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    let done = place.run(&["net", "--tries", "4"]);
    done.assert_fails(&["500", "tried 4 times", "HTTPS_PROXY", "--from FILE"]);
    assert_eq!(server.received().len(), 4);
    place.assert_holds_nothing();
}

#[test]
fn a_requested_pause_is_kept_up_to_a_limit() {
    let body = body(SIZE);
    let wait = |seconds: &str| Reply::Status(429, vec![("Retry-After", seconds.to_owned())]);
    let server = Server::start(&body, &[wait("1"), Reply::File]);
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    place
        .fetch()
        .assert_ok()
        .assert_says(&["429", "trying again in 1.0 s"]);
    place.assert_holds(&body);
    // An hour is too long. A date is not supported and gives the usual pause.
    let server = Server::start(&body, &[Reply::Break(5000), wait("3600")]);
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    place
        .fetch()
        .assert_fails(&["429", "asks to wait 3600 s", "5000 bytes are kept"]);
    assert_eq!(server.received().len(), 2);
    let server = Server::start(&body, &[wait("Fri, 31 Dec 2999 23:59:59 GMT"), Reply::File]);
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    place.fetch().assert_ok();
}

#[test]
fn a_file_with_another_hash_is_not_kept() {
    let (body, other) = (body(SIZE), vec![7; SIZE]);
    let server = Server::good(&other);
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    place
        .fetch()
        .assert_fails(&["SHA-256", &sha256(&other), &sha256(&body), "is not used"]);
    place.assert_holds_nothing();
    // The file came in one response, so another request would give the same.
    assert_eq!(server.received().len(), 1);
}

#[test]
fn a_wrong_hash_after_drops_is_fetched_once_more_and_then_refused() {
    let (body, other) = (body(SIZE), vec![7; SIZE]);
    let server = Server::start(
        &other,
        &[
            Reply::Break(50_000),
            Reply::File,
            Reply::Break(60_000),
            Reply::File,
        ],
    );
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    place
        .fetch()
        .assert_fails(&["SHA-256", "its parts do not match"]);
    place.assert_holds_nothing();
    assert_eq!(server.received().len(), 4);
}

#[test]
fn a_file_of_another_size_is_refused_before_it_is_fetched() {
    let body = body(SIZE);
    let server = Server::good(&body);
    let place = Place::new(&Entry::url(&server.url()).size(SIZE + 1));
    place
        .fetch()
        .assert_fails(&["200000 bytes", "expected 200001"]);
    place.assert_holds_nothing();
    // Without a length in the header, this is detected at the end.
    let server = Server::start(&body, &[Reply::Unsized]);
    let place = Place::new(&Entry::url(&server.url()).size(SIZE + 1));
    place
        .fetch()
        .assert_fails(&["200000 bytes", "expected 200001"]);
    place.assert_holds_nothing();
}

#[test]
fn an_unknown_hash_is_printed() {
    let body = body(SIZE);
    let server = Server::good(&body);
    let place = Place::new(&Entry::url(&server.url()));
    place
        .fetch()
        .assert_ok()
        .assert_says(&[&sha256(&body), "none to compare"]);
    place.assert_holds(&body);
}

#[test]
fn several_at_once_fetch_one_file_once() {
    let body = body(SIZE);
    // The first download takes at least a second.
    let server = Server::start(&body, &[Reply::Stall(100_000), Reply::File]);
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    let children: Vec<_> = (0..3)
        .map(|_| {
            let mut command = place.command(&["net", "--idle", "1"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for child in children {
        done(child.wait_with_output().unwrap()).assert_ok();
    }
    place.assert_holds(&body);
    assert_eq!(server.ranges(), [None, Some("bytes=100000-".to_owned())]);
}

#[test]
fn a_waiting_process_uses_the_file_of_the_other() {
    let body = body(SIZE);
    let server = Server::good(&body);
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    fs::create_dir_all(place.out().join("net")).unwrap();
    let lock = fs::File::create(place.out().join("net/.lock")).unwrap();
    lock.lock().unwrap();
    let mut command = place.command(&["net"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut line).unwrap();
    assert_eq!(
        line.trim(),
        "net: waiting for another process that fetches it"
    );
    fs::write(place.target(), &body).unwrap();
    lock.unlock().unwrap();
    assert!(child.wait().unwrap().success());
    assert!(server.received().is_empty());
}

#[test]
fn a_failed_file_does_not_stop_the_others() {
    let body = body(SIZE);
    let (bad, good) = (Server::start(&body, &[status(404)]), Server::good(&body));
    let place = Place::with(&[
        ("first", &Entry::url(&bad.url()).of(&body)),
        ("net", &Entry::url(&good.url()).of(&body)),
    ]);
    let done = place
        .run(&["first", "net"])
        .assert_fails(&["not fetched: first"]);
    assert_eq!(done.stdout, format!("{}\n", place.target().display()));
    place.assert_holds(&body);
}

#[test]
fn an_unreachable_server_is_an_error() {
    // A port that was free just now.
    let url = Server::good(b"").url();
    let place = Place::new(&Entry::url(&url));
    place
        .run(&["net", "--tries", "2"])
        .assert_fails(&["cannot reach 127.0.0.1", "tried 2 times"]);
    place.assert_holds_nothing();
}
