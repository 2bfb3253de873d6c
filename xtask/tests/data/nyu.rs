//! Archives that `mde` converts, shards, manually downloaded files.

use std::fs;

use crate::files::Files;
use crate::place::{Done, Place, bytes, done, sha256, tree};

const MAT: usize = 300_000;

/// NYU Depth V2 on a server.
struct Nyu {
    server: Files,
    place: Place,
}

const FOLDER: &str = "/api/datasets/owner/nyu/tree/main/data";

impl Nyu {
    fn new() -> Self {
        let server = Files::start();
        server.put("/mat", bytes(1, MAT));
        server.put("/splits", b"splits".to_vec());
        server.put("/list.csv", b"rgb,depth\n".to_vec());
        let url = |path: &str| format!("url = \"{}\"", server.url(path));
        let mat = format!(
            "{}\nfile = \"nyu_depth_v2_labeled.mat\"\nsize = {MAT}\nconverted = 1000",
            url("/mat")
        );
        let list = format!(
            "{}\nfile = \"list.csv\"\nsha256 = \"{}\"",
            url("/list.csv"),
            sha256(b"rgb,depth\n")
        );
        let place = Place::new(&[
            ("data.nyu-labelled", mat),
            ("data.nyu-splits", format!("{}\nfile = \"splits.mat\"", url("/splits"))),
            ("data.nyu-fastdepth", "hub = { repository = \"owner/nyu\", kind = \"dataset\", path = \"data\" }\nfile = \"shards\"".to_owned()),
            ("data.nyu-bts", "manual = \"follow the link\"\nfile = \"sync.zip\"".to_owned()),
            ("data.nyu-bts-train", list),
        ]);
        Self { server, place }
    }

    /// Puts shards on the server, laid out as on the hub.
    fn with_shards(count: u64) -> Self {
        let nyu = Self::new();
        let mut lines = vec![r#"{"type": "directory", "path": "data/more"}"#.to_owned()];
        lines.push(r#"{"type": "file", "path": "data/README.md", "size": 5}"#.to_owned());
        for number in 0..count {
            let shard = bytes(100 + number, 50_000);
            lines.push(format!(
                r#"{{"type": "file", "path": "data/train-{number}.tar", "size": 50000, "lfs": {{"oid": "{}", "size": 50000}}}}"#,
                sha256(&shard)
            ));
            let path = format!("/datasets/owner/nyu/resolve/main/data/train-{number}.tar");
            nyu.server.put(&path, shard);
        }
        let list = format!("[{}]", lines.join(","));
        nyu.server.put(FOLDER, list.into_bytes());
        nyu
    }

    fn run(&self, arguments: &[&str]) -> Done {
        let mut command = self.place.command(&["fetch-data", "nyu"]);
        command
            .args(arguments)
            .env("HF_ENDPOINT", self.server.url(""));
        done(command.output().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.place.data().join(name).display().to_string()
    }

    /// A file in another folder, as a browser would save it.
    fn by_hand(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.place.path(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }
}

#[test]
fn the_labelled_pairs_are_fetched_and_converted_once() {
    let nyu = Nyu::new();
    nyu.run(&[]).assert_fails(&[
        "nyu-labelled: 300.00 kB to download; a file (https://example.org/page; licence: MIT)",
        "give --yes",
    ]);
    assert!(nyu.server.requests().is_empty());
    nyu.run(&["--yes"]).assert_ok().assert_says(&[
        "nyu-splits: an unknown number of bytes",
        "remove it to free its space",
    ]);
    let [mat, splits] = [
        "downloads/nyu-labelled/nyu_depth_v2_labeled.mat",
        "downloads/nyu-splits/splits.mat",
    ]
    .map(|name| nyu.path(name));
    let call = format!(
        "convert nyu-labelled --mat {mat} --splits {splits} --out {} --device=auto",
        nyu.path("nyu")
    );
    assert_eq!(nyu.place.calls(), [call]);
    // Nothing is fetched again, with the archive or without it.
    nyu.run(&[]).assert_ok();
    fs::remove_file(mat).unwrap();
    nyu.run(&[])
        .assert_ok()
        .assert_says(&["all files are present"]);
    assert_eq!(nyu.server.requests(), ["/mat", "/splits"]);
    assert_eq!(nyu.place.calls().len(), 2);
}

#[test]
fn a_killed_conversion_does_not_count_as_complete() {
    let nyu = Nyu::new();
    // The lists are written last, just before the conversion is marked complete.
    let mde = nyu.place.path("mde");
    let script = fs::read_to_string(&mde).unwrap();
    fs::write(&mde, format!("{script}kill -9 $$\n")).unwrap();
    nyu.run(&["--yes"])
        .assert_fails(&["run the same command again"]);
    let out = nyu.place.data().join("nyu");
    assert!(out.join("nyuv2_test.csv").exists());
    let job = ["reproduce", "nyu", "--device", "cpu"];
    let said = nyu.place.run(&job).assert_fails(&["nyu is not in"]);
    assert!(said.stderr.contains("nyu-labelled: present"));
    fs::write(&mde, script).unwrap();
    nyu.place.run(&job).assert_ok();
    let calls = nyu.place.calls();
    assert!(
        calls
            .iter()
            .all(|call| !call.starts_with("train") || call.contains("nyu:"))
    );
    assert_eq!(nyu.server.requests(), ["/mat", "/splits"]);
}

#[test]
fn manually_downloaded_files_are_checked_and_not_moved() {
    let nyu = Nyu::new();
    let wrong = nyu.by_hand("nyu_depth_v2_labeled.mat", &[1; 100]);
    let splits = nyu.by_hand("splits.mat", b"splits");
    let arguments = ["--from", &wrong, "--from", &splits, "--offline"];
    nyu.run(&arguments).assert_fails(&[
        "cannot use",
        "nyu_depth_v2_labeled.mat",
        "expected 300000",
    ]);
    let mat = nyu.by_hand("nyu_depth_v2_labeled.mat", &bytes(1, MAT));
    nyu.run(&["--from", &mat, "--from", &splits, "--offline"])
        .assert_ok();
    assert!(nyu.place.calls()[0].starts_with(&format!(
        "convert nyu-labelled --mat {mat} --splits {splits} --out "
    )));
    assert!(nyu.server.requests().is_empty());
    let other = nyu.by_hand("other.mat", b"");
    nyu.run(&["--from", &other]).assert_fails(&[
        "other.mat",
        "nyu_depth_v2_labeled.mat or splits.mat",
        "--train",
    ]);
    nyu.run(&["--from", "/no/such/file"])
        .assert_fails(&["--from /no/such/file: no such file"]);
}

#[test]
fn offline_says_what_to_download_where() {
    let nyu = Nyu::new();
    nyu.run(&["--offline"]).assert_fails(&[
        "nyu-labelled: the file is missing; download",
        "/mat on a machine with a connection",
        "cargo xtask fetch-data nyu --from FILE",
    ]);
    assert!(nyu.server.requests().is_empty());
    assert!(nyu.place.calls().is_empty());
}

#[test]
fn archives_for_manual_download_are_requested_and_converted_with_their_list() {
    let nyu = Nyu::new();
    nyu.run(&["--train", "bts", "--yes"]).assert_fails(&[
        "follow the link",
        "https://example.org/page",
        "cargo xtask fetch-data nyu --train bts --from FILE",
    ]);
    // Before anything was fetched.
    assert!(nyu.server.requests().is_empty());
    let archive = nyu.by_hand("mine.zip", b"zip");
    nyu.run(&["--train", "bts", "--from", &archive, "--yes"])
        .assert_ok();
    let call = format!(
        "convert nyu-bts --archive {archive} --out {} --list {} --device=auto",
        nyu.path("nyu"),
        nyu.path("downloads/nyu-bts-train/list.csv")
    );
    assert_eq!(nyu.place.calls()[1], call);
    assert!(nyu.place.path("mine.zip").exists());
}

#[test]
fn a_wrong_hash_is_refused_before_it_is_converted() {
    let nyu = Nyu::new();
    nyu.server.put("/list.csv", b"rgb;depth\n".to_vec());
    let archive = nyu.by_hand("mine.zip", b"zip");
    nyu.run(&["--train", "bts", "--from", &archive, "--yes"])
        .assert_fails(&["nyu-bts-train", "SHA-256", "is not used"]);
    assert_eq!(nyu.place.calls().len(), 1);
}

#[test]
fn shards_are_fetched_one_by_one_and_deleted() {
    let nyu = Nyu::with_shards(3);
    let fastdepth = ["--train", "fastdepth", "--yes"];
    nyu.run(&fastdepth[..2]).assert_fails(&[
        "nyu-fastdepth: 3 shards to convert, 150.00 kB to download",
        "--yes",
    ]);
    // The second shard is not on the server yet.
    let path = "/datasets/owner/nyu/resolve/main/data/train-1.tar";
    let shard = nyu.server.file(path);
    nyu.server.put(path, vec![1; 50_000]);
    nyu.run(&fastdepth)
        .assert_fails(&["SHA-256", "is not used"]);
    assert_eq!(nyu.place.calls().len(), 2);
    nyu.server.put(path, shard);
    nyu.run(&fastdepth)
        .assert_ok()
        .assert_says(&["2 shards to convert", "shard 1 of 2: train-1.tar"]);
    let out = tree(&nyu.place.data().join("nyu"));
    for number in 0..3 {
        assert!(out[&format!("converted-train-{number}.tar")] == bytes(100 + number, 50_000));
    }
    let downloads = tree(&nyu.place.data().join("downloads/nyu-fastdepth"));
    assert_eq!(downloads.keys().collect::<Vec<_>>(), ["files.json"]);
    let shards = nyu.server.requests();
    let shards = shards.iter().filter(|path| path.ends_with("train-0.tar"));
    assert_eq!(shards.count(), 1);
    let calls = nyu.place.calls().len();
    nyu.run(&["--train", "fastdepth"]).assert_ok();
    // Only the labelled pairs are converted again, since their archive is still there.
    assert_eq!(nyu.place.calls().len(), calls + 1);
}

#[test]
fn shards_can_be_kept_and_given_by_hand() {
    let nyu = Nyu::with_shards(2);
    nyu.run(&["--train", "fastdepth", "--yes", "--keep"])
        .assert_ok();
    let downloads = tree(&nyu.place.data().join("downloads/nyu-fastdepth"));
    assert_eq!(downloads.len(), 3);
    let nyu = Nyu::new();
    let shard = nyu.by_hand("train-7.tar", b"tar");
    nyu.run(&["--train", "fastdepth", "--yes", "--from", &shard])
        .assert_ok();
    assert!(nyu.place.path("train-7.tar").exists());
    assert!(nyu.place.calls()[1].contains(&format!("convert nyu-fastdepth --shard {shard} --out")));
}

#[test]
fn a_hub_without_the_list_is_an_error_with_alternatives() {
    let nyu = Nyu::new();
    nyu.run(&["--train", "fastdepth", "--yes"]).assert_fails(&[
        "cannot list the files of owner/nyu",
        "HF_ENDPOINT",
        "404",
    ]);
    nyu.server.put(FOLDER, b"<html>".to_vec());
    nyu.run(&["--train", "fastdepth", "--yes"])
        .assert_fails(&["files.json", "not a list of files of the hub"]);
    let evil = r#"[{"type": "file", "path": "data/...tar", "size": 1}, {"type": "file", "path": "..\\x/../..tar"}]"#;
    nyu.server.put(FOLDER, evil.as_bytes().to_vec());
    let done = nyu.run(&["--train", "fastdepth"]);
    assert_eq!(done.code, Some(1));
}
