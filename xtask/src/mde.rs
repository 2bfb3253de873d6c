//! Builds and runs the program `mde`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

/// The workspace's folder.
pub(crate) fn workspace() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// Runs cargo with arguments that build one program, and returns its path.
pub(crate) fn built(arguments: &[&str]) -> anyhow::Result<PathBuf> {
    // Cargo reports on stderr if it waits for another cargo.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // Set by `cargo run` for this program. Build scripts that depend on them would run again each
    // time, and everything that depends on these would be compiled again.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    let output = command
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
    // Only cargo knows its target directory.
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| Some(PathBuf::from(message.get("executable")?.as_str()?)))
        .next_back()
        .context("cargo did not report the path of the program")
}

/// The device of `mde`, which decides the features of its build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DeviceChoice {
    /// An NVIDIA GPU if this machine has one and CUDA's compiler; otherwise the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The first NVIDIA GPU; building `mde` with CUDA needs its compiler, `nvcc`.
    Cuda,
}

impl DeviceChoice {
    /// Whether the program has to be built with CUDA.
    pub(crate) fn wants_cuda(self) -> bool {
        let runs = |program: &str, argument: &str| {
            let output = Command::new(program).arg(argument).output();
            output.is_ok_and(|output| output.status.success())
        };
        match self {
            Self::Auto => runs("nvidia-smi", "-L") && runs("nvcc", "--version"),
            Self::Cpu => false,
            Self::Cuda => true,
        }
    }

    /// The value of `--device`.
    fn option(self) -> &'static str {
        match self {
            Self::Auto => "--device=auto",
            Self::Cpu => "--device=cpu",
            Self::Cuda => "--device=cuda",
        }
    }
}

/// The built program.
pub(crate) struct Mde {
    program: PathBuf,
    device: DeviceChoice,
}

impl Mde {
    /// Builds it in release mode, which takes minutes the first time. `MDE_PROGRAM` names a program
    /// to use instead.
    pub(crate) fn build(device: DeviceChoice) -> anyhow::Result<Self> {
        if let Some(program) = std::env::var_os("MDE_PROGRAM") {
            let program = PathBuf::from(program);
            return Ok(Self { program, device });
        }
        let mut arguments = vec!["build", "--release", "--package", "mde-cli", "--bin", "mde"];
        let cuda = device.wants_cuda();
        if cuda {
            arguments.extend(["--features", "cuda"]);
        }
        let program = built(&arguments);
        let program = if cuda {
            program.context("cannot build `mde` with CUDA; use --device cpu to build without it")?
        } else {
            program?
        };
        Ok(Self { program, device })
    }

    /// Runs one command; its output and progress go to the terminal.
    pub(crate) fn run<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> anyhow::Result<()> {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg(self.device.option());
        let status = command
            .status()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        if !status.success() {
            let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
            bail!(
                "`mde {}` failed ({status}); run the same command again to resume",
                arguments.join(" ")
            );
        }
        Ok(())
    }

    /// Runs one command with `--json` and returns the document that it prints.
    pub(crate) fn json<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> anyhow::Result<serde_json::Value> {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg("--json");
        let output = command
            .output()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        let arguments = arguments.join(" ");
        // A command that finds errors fails, but prints its findings.
        match serde_json::from_slice(&output.stdout) {
            Ok(document) => Ok(document),
            Err(_) if output.status.success() => bail!("`mde {arguments}` did not print JSON"),
            Err(_) => bail!(
                "`mde {arguments}` failed ({}): {}",
                output.status,
                String::from_utf8_lossy(&output.stderr).trim()
            ),
        }
    }
}
