//! Building and running the program `mde`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

/// The workspace's folder.
pub(crate) fn workspace() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// Runs cargo with arguments that build one program, and says where that is.
pub(crate) fn built(arguments: &[&str]) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(workspace())
        .args(arguments)
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    ensure!(
        output.status.success(),
        "`cargo {}` failed: {}",
        arguments.join(" "),
        output.status
    );
    // Cargo alone knows where its target directory is.
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)))
        .next_back()
        .context("cargo did not say where it put the program")
}

/// The built program.
pub(crate) struct Mde {
    program: PathBuf,
}

impl Mde {
    /// Builds it in release, which takes minutes the first time.
    pub(crate) fn build() -> anyhow::Result<Self> {
        let program = built(&["build", "--release", "--package", "mde-cli", "--bin", "mde"])?;
        Ok(Self { program })
    }

    /// Runs one command, its output and progress bars going to the terminal.
    pub(crate) fn run<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> anyhow::Result<()> {
        let mut command = Command::new(&self.program);
        command.args(arguments);
        let status = command
            .status()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        if !status.success() {
            let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
            bail!(
                "`mde {}` failed ({status}); run the same again to go on from here",
                arguments.join(" ")
            );
        }
        Ok(())
    }
}
