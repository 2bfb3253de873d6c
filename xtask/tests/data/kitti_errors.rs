//! Damaged, changed and missing archives, full disks.

use std::collections::BTreeMap;
use std::fs;

use crate::archives::{DEPTH_ARCHIVE, DRIVE_ARCHIVE, Kitti, TEST_LIST, TRAIN_LIST, archive};
use crate::done::on_full_disk;
use crate::place::{Random, bytes, done, sha256, tree};

const FETCH: [&str; 3] = ["fetch-data", "kitti", "--yes"];

/// The second listed image of the first drive.
const IMAGE: &str = "2011_09_26/2011_09_26_drive_0002_sync/image_02/data/0000000004.png";

/// Byte range of a stored file in an archive.
fn position(archive: &[u8], bytes: &[u8]) -> Option<usize> {
    archive
        .windows(64)
        .position(|window| window == &bytes[..64])
}

#[test]
fn a_damaged_member_is_named_and_the_others_are_extracted() {
    let kitti = Kitti::new();
    let good = kitti.server.file(DRIVE_ARCHIVE);
    // A stored member, not a deflated one.
    let images = kitti.expected.iter();
    let mut images = images.filter(|(name, _)| name.contains("drive_0002_sync/image_02"));
    let (image, at) = images
        .find_map(|(name, bytes)| Some((name.clone(), position(&good, bytes)?)))
        .unwrap();
    let mut bad = good.clone();
    bad[at + 5000] ^= 1;
    kitti.server.put(DRIVE_ARCHIVE, bad);
    let words = ["is incomplete", &image, "hecksum", DRIVE_ARCHIVE];
    kitti.place.run(&FETCH).assert_fails(&words);
    let mut expected = kitti.expected.clone();
    expected.remove(&image);
    // Without lists the folder does not count as complete.
    for list in [TEST_LIST, TRAIN_LIST] {
        expected.remove(list);
    }
    assert!(tree(&kitti.out()) == expected);
    kitti.server.put(DRIVE_ARCHIVE, good);
    kitti.place.run(&FETCH).assert_ok();
    assert!(tree(&kitti.out()) == kitti.expected);
}

#[test]
fn files_that_an_archive_lacks_are_named_before_and_after() {
    let kitti = Kitti::new();
    let mut files: BTreeMap<_, _> = kitti.expected.clone();
    files.retain(|name, _| name.starts_with("2011_09_26/") && name != IMAGE);
    kitti.server.put(DRIVE_ARCHIVE, archive(&files));
    let lacks = format!("lacks 1 listed file; the first is {IMAGE}");
    let asked = kitti.place.run(&["fetch-data", "kitti"]);
    asked.assert_fails(&[&lacks, "--yes"]);
    kitti
        .place
        .run(&FETCH)
        .assert_fails(&["is incomplete", &lacks]);
    assert_eq!(tree(&kitti.out()).len(), kitti.expected.len() - 3);
}

#[test]
fn a_file_that_is_not_an_archive_is_refused() {
    let kitti = Kitti::new();
    kitti.server.put(DEPTH_ARCHIVE, vec![7; 300_000]);
    let words = [
        "data_depth_annotated.zip",
        "cannot be read as a zip archive",
    ];
    kitti.place.run(&FETCH).assert_fails(&words);
    // Truncated: the directory at the end is missing.
    let good = kitti.server.file(DRIVE_ARCHIVE);
    let folder = kitti.download_by_hand(&[]);
    let name = "2011_09_26_drive_0002_sync.zip";
    fs::write(folder.join(name), &good[..good.len() / 2]).unwrap();
    let from = folder.display().to_string();
    kitti
        .place
        .run(&[&FETCH[..], &["--from", &from]].concat())
        .assert_fails(&[name, "download it again"]);
}

#[test]
fn an_archive_that_changes_during_the_download_is_detected() {
    let kitti = Kitti::new();
    kitti.place.run(&["fetch-data", "kitti"]).assert_fails(&[]);
    kitti.server.new_version();
    let words = ["has changed since", "run the same command again"];
    // Each run detects the change of one archive and forgets its directory.
    for _ in 0..3 {
        kitti.place.run(&FETCH).assert_fails(&words);
    }
    kitti.place.run(&FETCH).assert_ok();
    assert!(tree(&kitti.out()) == kitti.expected);
}

#[test]
fn errors_of_dead_links_name_alternatives() {
    let kitti = Kitti::new();
    let manifest = kitti.place.data().join("manifest.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("/raw_data/", "/moved/")).unwrap();
    kitti.place.run(&FETCH).assert_fails(&[
        "2011_09_26_drive_0002_sync.zip",
        "404",
        "https://example.org/page",
        "--from DIR",
    ]);
}

#[test]
fn a_list_with_another_hash_or_another_form_is_refused() {
    let kitti = Kitti::new();
    let path = format!("/lists/{TEST_LIST}");
    kitti.server.put(&path, b"rgb depth 721\n".to_vec());
    let words = ["cannot get the list kitti-eigen-test", "SHA-256"];
    kitti.place.run(&FETCH).assert_fails(&words);
    let manifest = kitti.place.data().join("manifest.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let old = sha256(&kitti.expected[TEST_LIST]);
    let new = sha256(b"rgb depth 721\n");
    fs::write(&manifest, text.replace(&old, &new)).unwrap();
    kitti.place.run(&FETCH).assert_fails(&[
        TEST_LIST,
        "line 1",
        "\"rgb\" is not an image of a drive",
    ]);
}

#[test]
fn too_little_disk_space_is_detected_before_any_download() {
    let kitti = Kitti::new();
    let spare = ["--spare", "1000000000000"];
    let done = kitti.place.run(&[&FETCH[..], &spare].concat());
    done.assert_fails(&["no space", "--out and --downloads"]);
    assert!(tree(&kitti.out()).is_empty());
}

#[test]
fn a_full_disk_keeps_existing_files() {
    let kitti = Kitti::new();
    // Limits files to 20 blocks of 512 or 1024 bytes, as if the disk were full then. Directories
    // are larger than images.
    kitti.place.run(&["fetch-data", "kitti"]).assert_fails(&[]);
    let present = kitti.expected.keys().next().unwrap();
    let bytes = &kitti.expected[present];
    let path = kitti.out().join(present);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    let inner = kitti.place.command(&FETCH);
    let mut limited = on_full_disk(&inner, 15);
    done(limited.output().unwrap()).assert_fails(&["no space", ".png.incomplete"]);
    assert_eq!(tree(&kitti.out()).keys().collect::<Vec<_>>(), [present]);
    kitti.place.run(&FETCH).assert_ok();
    assert!(tree(&kitti.out()) == kitti.expected);
}

/// A small archive with bytes changed, most of them in its directory, or truncated: its intact
/// files are extracted, or the error names it.
#[test]
fn damaged_archives_are_refused_by_name_or_read() {
    let kitti = Kitti::new();
    let folder = kitti.download_by_hand(&[]);
    let name = "2011_09_26_drive_0002_sync.zip";
    let files: BTreeMap<String, Vec<u8>> = (0..20)
        .map(|frame| {
            (
                IMAGE.replace("04.png", &format!("{frame:02}.png")),
                bytes(frame, 300),
            )
        })
        .collect();
    let list: String = files
        .keys()
        .map(|file| format!("{file} None 7\n"))
        .collect();
    fs::write(folder.join(TEST_LIST), list).unwrap();
    fs::write(folder.join(TRAIN_LIST), "").unwrap();
    let manifest = kitti.place.data().join("manifest.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("sha256"));
    fs::write(&manifest, lines.collect::<Vec<_>>().join("\n")).unwrap();
    let good = archive(&files);
    let from = folder.display().to_string();
    let job = ["fetch-data", "kitti", "--offline", "--from", &from];
    let mut random = Random(12);
    let mut refused = 0;
    for round in 0..150 {
        let mut bad = good.clone();
        let last = [22, 2500, bad.len() as u64][round % 3];
        let at = bad.len() - 1 - random.below(last) as usize;
        match round % 10 {
            0 => bad.truncate(at),
            1..5 => bad[at] = [0, 255][round % 2],
            _ => bad[at] ^= 1 << random.below(8),
        }
        fs::write(folder.join(name), bad).unwrap();
        drop(fs::remove_dir_all(kitti.out()));
        let done = kitti.place.run(&job);
        assert!(
            !done.stderr.contains("panicked"),
            "round {round}: {}",
            done.stderr
        );
        if done.code != Some(0) {
            refused += 1;
            done.assert_fails(&[name]);
        }
        for (file, content) in tree(&kitti.out()) {
            let listed = files.get(&file);
            assert!(
                listed.is_none_or(|right| *right == content),
                "round {round}: {file}"
            );
        }
    }
    assert!(refused > 50, "{refused}");
}
