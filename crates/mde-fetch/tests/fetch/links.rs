//! Planted symbolic links: nothing is written, truncated or removed through them.

use std::fs;
use std::os::unix::fs::symlink;

use mde_fetch::{Answer, WeightOptions, fetch_weights};

use crate::place::{Notes, Place, Server};

#[test]
fn links_in_the_place_of_partial_files_are_not_followed() {
    let server = Server::start(b"weights");
    let place = Place::with_weights(&["net"], &server.url(), b"weights");
    let victim = place.dir.path().join("precious");
    fs::write(&victim, "precious").unwrap();
    let folder = place.home.weights().join("net");
    fs::create_dir_all(&folder).unwrap();
    let options = WeightOptions {
        names: vec!["net".to_owned()],
        ..WeightOptions::default()
    };
    let fetch = |options: &WeightOptions| {
        let front = Notes::new(Answer::Yes);
        let fetched = fetch_weights(options, &place.home, &front).unwrap();
        (fetched, front.remarks.into_inner().join("\n"))
    };
    let by_hand = place.dir.path().join("by-hand");
    fs::write(&by_hand, "weights").unwrap();
    let from = WeightOptions {
        from: Some(by_hand),
        ..options.clone()
    };
    let link = folder.join("net.pth.incomplete");
    for target in [&victim, &place.dir.path().join("not-there")] {
        symlink(target, &link).unwrap();
        for options in [&options, &from] {
            let (fetched, remarks) = fetch(options);
            assert_eq!(fetched.missing, ["net"]);
            assert!(
                remarks.contains("net.pth.incomplete is a symbolic link"),
                "{remarks}"
            );
        }
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert!(!place.dir.path().join("not-there").exists());
        fs::remove_file(&link).unwrap();
    }
    // The small file next to it is replaced, not written through.
    let link = folder.join("net.pth.version.incomplete");
    symlink(&victim, &link).unwrap();
    assert_eq!(fetch(&options).0.files.len(), 1);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}
