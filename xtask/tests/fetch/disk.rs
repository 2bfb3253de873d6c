//! Full disks, and folders that cannot be written.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::done::on_full_disk;
use crate::place::{Entry, Place, body, done};
use crate::server::Server;

const SIZE: usize = 300_000;

#[test]
fn a_full_disk_says_what_is_missing() {
    let body = body(SIZE);
    let server = Server::good(&body);
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    let mut limited = on_full_disk(&place.command(&["net"]), 1);
    let done = done(limited.output().unwrap());
    let kept = fs::metadata(place.incomplete()).unwrap().len() as usize;
    let missing = format!("{} more bytes are needed", SIZE - kept);
    done.assert_fails(&["no space", &missing, "weights/net"]);
    assert_eq!(server.received().len(), 1);
    assert!(!place.target().exists());
}

#[test]
fn a_partial_file_on_a_full_disk_is_kept_and_resumed() {
    let body = body(SIZE);
    let server = Server::good(&body);
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    let inner = place.command(&["net"]);
    let mut limited = on_full_disk(&inner, 200);
    done(limited.output().unwrap()).assert_fails(&["no space", "more bytes are needed"]);
    let kept = fs::read(place.incomplete()).unwrap();
    assert!(
        kept.len() >= 200 * 512 && kept.len() < SIZE,
        "{}",
        kept.len()
    );
    assert_eq!(kept, &body[..kept.len()]);
    place.fetch().assert_ok();
    place.assert_holds(&body);
    assert_eq!(server.ranges()[1], Some(format!("bytes={}-", kept.len())));
}

#[test]
fn a_folder_that_cannot_be_created_is_an_error_that_names_it() {
    let body = body(100);
    let server = Server::good(&body);
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    fs::write(place.out(), b"a file where the folder should be").unwrap();
    place.fetch().assert_fails(&["cannot lock", "weights/net"]);
    assert!(server.received().is_empty());
}

#[test]
fn a_read_only_folder_is_an_error_that_names_it() {
    let body = body(100);
    let server = Server::good(&body);
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    let folder = place.out();
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(folder.join("probe"), b"").is_ok() {
        println!("skipped: this user may write anywhere");
        return;
    }
    place.fetch().assert_fails(&["cannot lock", "weights/net"]);
    assert!(server.received().is_empty());
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
}
