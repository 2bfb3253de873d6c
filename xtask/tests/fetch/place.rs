//! A manifest, a folder for the weights, and the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub(crate) use crate::done::{Done, done};

/// Numbers that look random, the same every time.
pub(crate) fn body(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        })
        .collect()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A folder with a manifest of one file of weights, `net`, which is stored as `net.pth`.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
}

/// Lines of the manifest for `net`, in addition to those of every entry.
#[derive(Default)]
pub(crate) struct Entry {
    source: String,
    size: Option<usize>,
    sha256: Option<String>,
}

impl Entry {
    pub(crate) fn url(url: &str) -> Self {
        Self {
            source: format!("url = \"{url}\""),
            ..Self::default()
        }
    }

    pub(crate) fn hub(repository: &str) -> Self {
        let source =
            format!("hub = {{ repository = \"{repository}\", path = \"model.safetensors\" }}");
        Self {
            source,
            ..Self::default()
        }
    }

    pub(crate) fn manual(how: &str) -> Self {
        Self {
            source: format!("manual = \"{how}\""),
            ..Self::default()
        }
    }

    /// With the size and hash of these bytes.
    pub(crate) fn of(self, bytes: &[u8]) -> Self {
        Self {
            size: Some(bytes.len()),
            sha256: Some(sha256(bytes)),
            ..self
        }
    }

    pub(crate) fn size(self, size: usize) -> Self {
        Self {
            size: Some(size),
            ..self
        }
    }

    pub(crate) fn sha256(self, bytes: &[u8]) -> Self {
        Self {
            sha256: Some(sha256(bytes)),
            ..self
        }
    }

    fn lines(&self, name: &str) -> String {
        let size = self
            .size
            .map_or(String::new(), |size| format!("size = {size}\n"));
        let sha256 = self.sha256.as_ref();
        let sha256 = sha256.map_or(String::new(), |hash| format!("sha256 = \"{hash}\"\n"));
        format!(
            "[weights.{name}]\nsummary = \"a network\"\nmodels = [\"mff-tiny\"]\n{}\npage = \"https://example.org/page\"\n\
             file = \"{name}.pth\"\n{size}{sha256}verified = false\nlicence = \"MIT\"\npaper = \"none\"\ninput = \"RGB\"\n\n",
            self.source
        )
    }
}

impl Place {
    pub(crate) fn new(entry: &Entry) -> Self {
        Self::with(&[("net", entry)])
    }

    pub(crate) fn with(entries: &[(&str, &Entry)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let manifest: String = entries
            .iter()
            .map(|(name, entry)| entry.lines(name))
            .collect();
        fs::write(dir.path().join("manifest.toml"), manifest).unwrap();
        Self { dir }
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.dir.path().join("weights")
    }

    /// Path of `net`.
    pub(crate) fn target(&self) -> PathBuf {
        self.out().join("net/net.pth")
    }

    pub(crate) fn incomplete(&self) -> PathBuf {
        self.out().join("net/net.pth.incomplete")
    }

    /// Writes a partial file, as an interrupted download of this version would leave it.
    pub(crate) fn leave_partial(&self, bytes: &[u8], version: Option<&str>) {
        fs::create_dir_all(self.out().join("net")).unwrap();
        fs::write(self.incomplete(), bytes).unwrap();
        if let Some(version) = version {
            let path = self.out().join("net/net.pth.version.incomplete");
            fs::write(path, format!("\"{version}\"")).unwrap();
        }
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
            .env("HF_HOME", self.dir.path().join("huggingface"))
            .env("MDE_HOME", self.dir.path().join("home"))
            .arg("fetch-weights")
            .arg("--manifest")
            .arg(self.dir.path().join("manifest.toml"))
            .arg("--out")
            .arg(self.out())
            .args(["--first-pause", "1"])
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        done(self.command(arguments).output().unwrap())
    }

    /// Fetches `net`.
    pub(crate) fn fetch(&self) -> Done {
        self.run(&["net"])
    }

    /// Checks that the folder holds `net` with these bytes, and otherwise only the lock.
    #[track_caller]
    pub(crate) fn assert_holds(&self, bytes: &[u8]) {
        assert!(fs::read(self.target()).unwrap() == bytes, "other bytes");
        assert_eq!(names(&self.out().join("net")), [".lock", "net.pth"]);
    }

    /// Checks that nothing of `net` is stored.
    #[track_caller]
    pub(crate) fn assert_holds_nothing(&self) {
        let names = names(&self.out().join("net"));
        assert!(names.is_empty() || names == [".lock"], "{names:?}");
    }
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Waits for an effect of another process.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Kills a process at once, like a power cut.
pub(crate) fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}
