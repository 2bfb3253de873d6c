//! A folder with a small data set in which `mde` is run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// The rooms of every test: smaller than any crop, so that resizing is tested too.
const RENDER_ROOMS: &str = "render rooms --train 12 --test 4 --width 160 --height 120 --out";
/// A quarter of KITTI's frames.
const RENDER_STREETS: &str = "render streets --train 8 --test 4 --width 310 --height 94 --out";

/// A temporary folder with the rooms in `rooms/`; commands run inside it.
pub(crate) struct Place {
    dir: TempDir,
    /// `MDE_HOME`, next to the folder.
    home: TempDir,
}

/// The output of a command.
pub(crate) struct Said {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    /// With the rooms, which are rendered once and copied.
    pub(crate) fn new() -> Self {
        static ROOMS: OnceLock<PathBuf> = OnceLock::new();
        let place = Self::empty();
        place.copy(
            ROOMS.get_or_init(|| rendered(RENDER_ROOMS, "rooms")),
            "rooms",
        );
        place
    }

    /// With streets in `streets/`, which are rendered once and copied.
    pub(crate) fn with_streets() -> Self {
        static STREETS: OnceLock<PathBuf> = OnceLock::new();
        let place = Self::empty();
        place.copy(
            STREETS.get_or_init(|| rendered(RENDER_STREETS, "streets")),
            "streets",
        );
        place
    }

    /// An empty folder.
    pub(crate) fn empty() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            home: tempfile::tempdir().unwrap(),
        }
    }

    /// With the rooms, and `run/`: a network trained for a step.
    pub(crate) fn with_run() -> Self {
        let place = Self::new();
        place.json("train --data rooms:rooms --out run --steps 1 --batch-size 2");
        place
    }

    /// With the rooms, and `run/`: METER XXS trained for a step.
    pub(crate) fn with_meter() -> Self {
        let place = Self::new();
        place.json("train --model meter-xxs --data rooms:rooms --out run --steps 1 --batch-size 2");
        place
    }

    /// Copies a file or a folder from another place.
    pub(crate) fn copy(&self, from: &Path, name: &str) {
        if from.is_file() {
            return self.write(name, fs::read(from).unwrap());
        }
        for (file, content) in files(from) {
            self.write(&format!("{name}/{file}"), content);
        }
    }

    /// A place with the folder `raw`: three real NYU frames with holes, and their dataset.toml.
    pub(crate) fn with_raw_frames(frames: &Path) -> Self {
        let place = Self::empty();
        place.copy(frames, "raw");
        place.write(
            "raw/dataset.toml",
            "name = \"raw\"\nscene = \"indoor\"\n[test]\nrgb = \"rgb_*.jpg\"\n\
             depth = \"sync_depth_*.png\"\nencoding = \"u16-mm\"\n",
        );
        place
    }

    /// The folder of downloads and caches.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        let path = self.path(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Keeps the first half of a file.
    pub(crate) fn cut_short(&self, name: &str) {
        let content = self.read(name);
        self.write(name, &content[..content.len() / 2]);
    }

    /// Every file below a folder, by path relative to it.
    pub(crate) fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        files(&self.path(folder))
    }

    /// `mde LINE`, not started yet. Words are separated by blanks.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = program(line);
        command.current_dir(self.dir.path());
        command.env("MDE_HOME", self.home.path());
        command
    }

    /// Runs `mde LINE`.
    pub(crate) fn mde(&self, line: &str) -> Said {
        Said::from(self.command(line).output().unwrap())
    }

    /// Runs a script of Python in the folder, which must succeed; returns what it prints.
    pub(crate) fn python(&self, program: &Path, script: &str) -> String {
        let mut command = Command::new(program);
        command.args(["-c", script]).current_dir(self.dir.path());
        let said = Said::from(command.output().unwrap());
        assert_eq!(said.status, Some(0), "{script}: {}", said.stderr);
        said.stdout
    }

    /// Runs `mde LINE` with file sizes limited to `kib` KiB, as on a full disk.
    pub(crate) fn mde_on_full_disk(&self, kib: u32, line: &str) -> Said {
        // Without the trap the system would end the program instead of failing its write.
        let script = "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"";
        let mut bash = Command::new("bash");
        bash.args(["-c", script, &kib.to_string(), env!("CARGO_BIN_EXE_mde")]);
        bash.args(line.split_whitespace());
        bash.env("MDE_HOME", self.home.path())
            .env("MDE_PROGRESS_SECONDS", "0");
        Said::from(bash.current_dir(self.dir.path()).output().unwrap())
    }

    /// Runs `mde LINE --json`, which must succeed and print one document and nothing else.
    pub(crate) fn json(&self, line: &str) -> Value {
        let (document, remarks) = self.json_and_remarks(line);
        assert_eq!(remarks, "", "mde {line} is done without a remark");
        document
    }

    /// The same for a command with remarks on stderr: the document and the remarks.
    pub(crate) fn json_and_remarks(&self, line: &str) -> (Value, String) {
        let said = self.mde(&format!("{line} --json"));
        assert_eq!(said.status, Some(0), "mde {line}: {}", said.stderr);
        let document = serde_json::from_str(&said.stdout)
            .unwrap_or_else(|error| panic!("mde {line}: {error} in {}", said.stdout));
        (document, without_expected_remarks(&said.stderr))
    }

    /// Runs `mde LINE --json`, which must print one document and then fail with a message that
    /// holds `part`.
    pub(crate) fn json_then_failure(&self, line: &str, part: &str) -> Value {
        let said = self.mde(&format!("{line} --json"));
        assert_eq!(said.status, Some(1), "mde {line}: {}", said.stderr);
        assert!(said.stderr.contains(part), "mde {line}: {}", said.stderr);
        serde_json::from_str(&said.stdout)
            .unwrap_or_else(|error| panic!("mde {line}: {error} in {}", said.stdout))
    }

    /// Runs `mde LINE`, which must fail with a message that holds all `parts`, and change no file.
    pub(crate) fn refuses(&self, line: &str, parts: &[&str]) {
        let (before, inside) = (self.files("."), folders(self.dir.path()));
        let said = self.mde(line);
        said.is_refusal(line, 1, parts);
        assert_same(line, &self.files("."), &before);
        assert_eq!(folders(self.dir.path()), inside, "mde {line}");
    }
}

impl Said {
    /// Fails unless the command failed with `status`, silent on stdout, its message on stderr
    /// holding all `parts`.
    pub(crate) fn is_refusal(&self, line: &str, status: i32, parts: &[&str]) {
        let message = &self.stderr;
        assert_eq!(self.status, Some(status), "mde {line}: {message}");
        assert_eq!(self.stdout, "", "mde {line}");
        assert!(!message.contains("panicked"), "mde {line}: {message}");
        // A cause is printed once, even if two errors of the chain quote it.
        let causes: Vec<&str> = message
            .match_indices("(os error")
            .map(|(_, cause)| cause)
            .collect();
        assert!(causes.len() <= 1, "mde {line}: {message}");
        for part in parts {
            assert!(
                message.contains(part),
                "mde {line}: no `{part}` in `{message}`"
            );
        }
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

pub(crate) use mde_test_kit::real_data as shared;

/// Remarks without the warning about networks of a few steps, whose depth has no unit, without the
/// pairs that every evaluation of files and every data set names, and without the one about the few
/// permutations that suffice for tests.
pub(crate) fn without_expected_remarks(remarks: &str) -> String {
    let expected = ["warning: the median ratio", "paired ", "--permutations "];
    let lines = remarks.lines();
    // A data set of which every file belongs to a pair.
    let is_whole = |line: &str| {
        line.contains(" in ")
            && [" (train split)", " (test split)"]
                .iter()
                .any(|end| line.ends_with(end))
    };
    let others = lines
        .filter(|line| !expected.iter().any(|start| line.starts_with(start)) && !is_whole(line));
    others.map(|line| line.to_owned() + "\n").collect()
}

/// Renders scenes into a folder that is kept.
fn rendered(line: &str, name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let said = Said::from(program(line).arg(&folder).output().unwrap());
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    folder
}

fn program(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mde"));
    command.args(line.split_whitespace());
    // The tester's environment must not change the tests.
    command.env_remove("MDE_LOG").env_remove("RUST_BACKTRACE");
    command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    // Progress lines would make remarks depend on the machine's speed.
    command.env("MDE_PROGRESS_SECONDS", "0");
    command.stdin(Stdio::null());
    command
}

/// Fails unless there are the same files with the same content.
pub(crate) fn assert_same(
    what: &str,
    found: &BTreeMap<String, Vec<u8>>,
    expected: &BTreeMap<String, Vec<u8>>,
) {
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected), "{what}: files came or went");
    for (name, content) in expected {
        assert!(found[name] == *content, "{what}: {name} is another");
    }
}

/// Every folder below `folder`.
fn folders(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let inner: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    inner
        .iter()
        .flat_map(|path| folders(path))
        .chain(inner.iter().cloned())
        .collect()
}

/// Every file below `folder` except locks, by path relative to it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return found;
    };
    for entry in entries {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name == ".lock" {
            continue;
        }
        if entry.path().is_dir() {
            for (inner, content) in files(&entry.path()) {
                found.insert(format!("{name}/{inner}"), content);
            }
        } else {
            found.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    found
}
