//! Folders, a manifest, the program, and a stand-in for `mde`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub(crate) use crate::done::{Done, done};

/// Bytes that look random, the same for the same seed.
pub(crate) fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random(seed);
    (0..length).map(|_| random.below(256) as u8).collect()
}

/// Numbers that look random.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A stand-in for `mde`: records its calls, writes the lists of a conversion, and prints a file for
/// `inspect`.
const MDE: &str = r#"#!/bin/sh
echo "$@" >> "$MDE_LOG"
command=$1
form=$2
while [ $# -gt 0 ]; do
  case $1 in
    --out) out=$2 ;;
    --mat) file=$2 ;;
    --shard) file=$2 ;;
  esac
  shift
done
case "$command $form" in
  "convert nyu-labelled")
    cp "$file" "$out/converted" && touch "$out/nyuv2_labeled_train.csv" "$out/nyuv2_test.csv" ;;
  "convert nyu-fastdepth") cp "$file" "$out/converted-$(basename "$file")" ;;
  "inspect --data") cat "$MDE_INSPECT" ;;
  "inspect --weights") echo '{"findings": []}' ;;
esac
"#;

/// A data folder with a manifest.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
}

impl Place {
    /// With a manifest of these entries: a section's name, such as `data.kitti-raw`, and its lines
    /// in addition to those of all entries.
    pub(crate) fn new(entries: &[(&str, String)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let place = Self { dir };
        fs::create_dir(place.data()).unwrap();
        place.set_manifest(entries);
        let mde = place.path("mde");
        fs::write(&mde, MDE).unwrap();
        fs::set_permissions(&mde, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(place.path("log"), "").unwrap();
        place.set_inspect(r#"{"splits": [], "findings": []}"#);
        place
    }

    pub(crate) fn set_manifest(&self, entries: &[(&str, String)]) {
        let mut text = "[weights]\n".to_owned();
        for (section, lines) in entries {
            text += &format!(
                "[{section}]\nsummary = \"a file\"\npage = \"https://example.org/page\"\nverified = false\nlicence = \"MIT\"\n\
                 {lines}\n"
            );
        }
        fs::write(self.data().join("manifest.toml"), text).unwrap();
    }

    /// Sets what `mde inspect --data` prints from now on.
    pub(crate) fn set_inspect(&self, document: &str) {
        fs::write(self.path("inspect.json"), document).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The folder of data sets, downloads, weights and runs.
    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// The calls of `mde`, one per line.
    pub(crate) fn calls(&self) -> Vec<String> {
        let log = fs::read_to_string(self.path("log")).unwrap();
        log.lines().map(str::to_owned).collect()
    }

    /// The program without this machine's settings, and with very short pauses.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        for name in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        command
            .env_remove("HF_TOKEN")
            .env_remove("HF_ENDPOINT")
            .env("HF_HOME", self.path("huggingface"))
            .env("MDE_HOME", self.data())
            .env("MDE_PROGRAM", self.path("mde"))
            .env("MDE_LOG", self.path("log"))
            .env("MDE_INSPECT", self.path("inspect.json"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if arguments
            .first()
            .is_some_and(|task| task.starts_with("fetch"))
        {
            command.args(["--first-pause", "1"]);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        done(self.command(arguments).output().unwrap())
    }
}

/// All files below a folder by relative path, except locks.
pub(crate) fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    // A folder that does not exist holds no files.
    let mut folders = vec![folder.to_owned()];
    folders.retain(|folder| folder.exists());
    while let Some(at) = folders.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap() != ".lock" {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}
