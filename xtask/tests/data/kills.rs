//! Processes killed at any moment, and two processes at once.

use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use crate::archives::Kitti;
use crate::files::Files;
use crate::place::{Place, Random, bytes, done, sha256, tree};

/// Large enough that a fetch takes longer than all the kills.
const SIZE: usize = 4_000_000;

/// Starts the command ten times and kills it at different moments, then lets it finish.
fn kill_ten_times(mut command: impl FnMut() -> Command, seed: u64) {
    let mut random = Random(seed);
    let mut killed = 0;
    for round in 0..10 {
        let mut child = command().spawn().unwrap();
        thread::sleep(Duration::from_millis(5 * round + random.below(60)));
        killed += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(killed, 10, "the server is too fast for this test");
    done(command().output().unwrap()).assert_ok();
}

/// A slow server with one file.
fn slow(body: &[u8]) -> Files {
    let server = Files::start();
    server.put("/file", body.to_vec());
    server.pace(2000);
    server
}

#[test]
fn weights_are_complete_after_ten_kills() {
    for with_hash in [true, false] {
        let body = bytes(1, SIZE);
        let server = slow(&body);
        let hash = format!("sha256 = \"{}\"\n", sha256(&body));
        let hash = if with_hash { hash.as_str() } else { "" };
        let lines = format!(
            "url = \"{}\"\nfile = \"net.pth\"\n{hash}models = [\"mff-tiny\"]\npaper = \"none\"\ninput = \"RGB\"",
            server.url("/file")
        );
        let place = Place::new(&[("weights.net", lines)]);
        kill_ten_times(|| place.command(&["fetch-weights", "net"]), 6);
        let weights = tree(&place.data().join("weights"));
        assert_eq!(weights.keys().collect::<Vec<_>>(), ["net/net.pth"]);
        assert!(weights["net/net.pth"] == body);
        assert!(server.went_on_from().is_some_and(|first| first > 0));
    }
}

#[test]
fn an_archive_is_complete_after_ten_kills() {
    let body = bytes(2, SIZE);
    let server = slow(&body);
    let place = nyu(&server);
    kill_ten_times(|| place.command(&["fetch-data", "nyu", "--yes"]), 7);
    let out = tree(&place.data().join("nyu"));
    assert!(out["converted"] == body);
    // The last request is for the split.
    assert_eq!(server.requests().last().unwrap(), "/splits");
    assert!(server.sent() < 2 * SIZE as u64);
}

#[test]
fn extracted_files_are_complete_after_ten_kills() {
    let kitti = Kitti::new();
    kitti.server.pace(20_000);
    let command = || kitti.place.command(&["fetch-data", "kitti", "--yes"]);
    kill_ten_times(command, 8);
    assert!(tree(&kitti.out()) == kitti.expected);
}

#[test]
fn two_at_once_do_not_disturb_each_other() {
    let kitti = Kitti::new();
    kitti.server.pace(1000);
    let start = || -> Child {
        let mut command = kitti.place.command(&["fetch-data", "kitti", "--yes"]);
        command.spawn().unwrap()
    };
    let children = [start(), start()];
    for child in children {
        done(child.wait_with_output().unwrap()).assert_ok();
    }
    assert!(tree(&kitti.out()) == kitti.expected);
    assert!(kitti.server.sent() < kitti.archives() / 8);
    let body = bytes(3, 500_000);
    let server = slow(&body);
    let place = nyu(&server);
    let start = || {
        place
            .command(&["fetch-data", "nyu", "--yes"])
            .spawn()
            .unwrap()
    };
    let children = [start(), start()];
    for child in children {
        done(child.wait_with_output().unwrap()).assert_ok();
    }
    assert!(tree(&place.data().join("nyu"))["converted"] == body);
    assert!(server.sent() < 600_000);
}

fn nyu(server: &Files) -> Place {
    server.put("/splits", b"splits".to_vec());
    let entry =
        |path: &str, file: &str| format!("url = \"{}\"\nfile = \"{file}\"", server.url(path));
    Place::new(&[
        (
            "data.nyu-labelled",
            entry("/file", "nyu_depth_v2_labeled.mat"),
        ),
        ("data.nyu-splits", entry("/splits", "splits.mat")),
    ])
}
