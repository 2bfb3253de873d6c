//! Files extracted from archives on a server.

use std::fs;

use crate::archives::{DEPTH_ARCHIVE, DRIVE_ARCHIVE, Kitti, TEST_LIST, TRAIN_LIST};
use crate::files::Files;
use crate::place::{Done, tree};

const FETCH: [&str; 3] = ["fetch-data", "kitti", "--yes"];

fn fetch(kitti: &Kitti) -> Done {
    kitti.place.run(&FETCH)
}

#[test]
fn only_listed_files_are_fetched_and_none_twice() {
    let kitti = Kitti::new();
    let done = fetch(&kitti).assert_ok();
    assert_eq!(done.stdout, format!("{}\n", kitti.out().display()));
    assert!(tree(&kitti.out()) == kitti.expected);
    let lists = kitti.server.size(&format!("/lists/{TEST_LIST}"))
        + kitti.server.size(&format!("/lists/{TRAIN_LIST}"));
    let (sent, all) = (kitti.server.sent(), kitti.archives());
    assert!(sent - lists < all / 12, "{sent} of {all}");
    // Two requests per archive for directories, one for each run of neighbours.
    assert!(kitti.server.requests().len() <= 2 + 3 * 2 + 7);
    let again = fetch(&kitti).assert_ok();
    again.assert_says(&["15 files here, 0 missing; 0 B to download"]);
    assert_eq!(kitti.server.sent(), sent);
}

#[test]
fn the_download_size_is_stated_exactly_before_the_question() {
    let kitti = Kitti::new();
    let done = kitti.place.run(&["fetch-data", "kitti"]);
    let done = done.assert_fails(&["cannot ask without a terminal: give --yes"]);
    let directories = kitti.server.sent();
    fetch(&kitti).assert_ok();
    let members = kitti.server.sent() - directories;
    let kept = kitti
        .expected
        .iter()
        .filter(|(name, _)| name.ends_with(".png"));
    let kept: u64 = kept.map(|(_, bytes)| bytes.len() as u64).sum();
    let decimal = |bytes: u64| format!("{:.2} kB", bytes as f64 / 1000.0);
    done.assert_says(&[
        "0 files here, 15 missing",
        &format!("{} to download", decimal(members)),
        &format!("{} to keep", decimal(kept)),
        "licence: MIT",
    ]);
}

#[test]
fn only_missing_files_are_fetched() {
    let kitti = Kitti::new();
    fetch(&kitti).assert_ok();
    let sent = kitti.server.sent();
    let images: Vec<&String> = kitti.expected.keys().collect();
    fs::remove_file(kitti.out().join(images[0])).unwrap();
    // A file of a different size than in the archive, as if emptied by a power cut.
    fs::write(kitti.out().join(images[1]), "").unwrap();
    fetch(&kitti).assert_ok();
    assert!(tree(&kitti.out()) == kitti.expected);
    let sent = kitti.server.sent() - sent;
    assert!(sent > 20_000 && sent < 50_000, "{sent}");
}

#[test]
fn a_server_without_ranges_sends_whole_archives_which_are_deleted() {
    let kitti = Kitti::on(Files::start().without_ranges());
    fetch(&kitti)
        .assert_ok()
        .assert_says(&["3 archives can only be downloaded whole"]);
    assert!(tree(&kitti.out()) == kitti.expected);
    let sent = kitti.server.sent();
    assert!(sent > kitti.archives());
    let kept = tree(&kitti.place.data().join("downloads"));
    assert!(
        kept.keys().all(|name| !name.ends_with(".zip")),
        "{:?}",
        kept.keys()
    );
    fetch(&kitti).assert_ok();
    assert_eq!(kitti.server.sent(), sent);
}

#[test]
fn manually_downloaded_archives_are_used_and_kept() {
    let kitti = Kitti::new();
    let folder = kitti.download_by_hand(&[DEPTH_ARCHIVE, DRIVE_ARCHIVE]);
    let from = folder.display().to_string();
    // The other drive is fetched from the server.
    let arguments = [&FETCH[..], &["--from", &from]].concat();
    kitti.place.run(&arguments).assert_ok();
    assert!(tree(&kitti.out()) == kitti.expected);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    for asked in kitti.server.requests() {
        assert!(asked != DEPTH_ARCHIVE && asked != DRIVE_ARCHIVE, "{asked}");
    }
    // Later the server is used, since the given files are gone.
    fs::remove_dir_all(&folder).unwrap();
    fs::remove_dir_all(kitti.out().join("data_depth_annotated/train")).unwrap();
    fetch(&kitti).assert_ok();
    assert!(tree(&kitti.out()) == kitti.expected);
}

#[test]
fn offline_opens_no_connection() {
    let kitti = Kitti::new();
    let lists = [TEST_LIST, TRAIN_LIST].map(|name| format!("/lists/{name}"));
    let lists = [lists[0].as_str(), lists[1].as_str()];
    let drives = kitti.server.requests();
    assert!(drives.is_empty());
    let other = "/raw_data/2011_09_28_drive_0039/2011_09_28_drive_0039_sync.zip";
    let folder = kitti.download_by_hand(&[&lists[..], &[DRIVE_ARCHIVE, other]].concat());
    let from = folder.display().to_string();
    let offline = ["fetch-data", "kitti", "--offline", "--from", &from];
    kitti.place.run(&offline).assert_fails(&[
        "data_depth_annotated.zip: the file is missing",
        "--from DIR",
    ]);
    kitti.download_by_hand(&[DEPTH_ARCHIVE]);
    kitti.place.run(&offline).assert_ok();
    assert!(tree(&kitti.out()) == kitti.expected);
    assert!(kitti.server.requests().is_empty());
}

#[test]
fn broken_connections_are_resumed() {
    let kitti = Kitti::new();
    kitti.server.break_after(30_000);
    fetch(&kitti).assert_ok().assert_says(&["trying again"]);
    assert!(tree(&kitti.out()) == kitti.expected);
    assert!(kitti.server.sent() < kitti.archives() / 8);
}

/// More files than a directory of the old form can hold, as in the real archive of depth. It is
/// read in one request.
#[test]
fn archives_of_many_files_are_read() {
    let kitti = Kitti::new().with_more_files(66_000);
    fetch(&kitti).assert_ok();
    assert!(tree(&kitti.out()) == kitti.expected);
    let requests = kitti.server.requests();
    let depth = requests.iter().filter(|path| *path == DEPTH_ARCHIVE);
    assert!(depth.count() <= 2 + 5);
    let sent = kitti.server.sent();
    fetch(&kitti).assert_ok();
    assert_eq!(kitti.server.sent(), sent);
}
