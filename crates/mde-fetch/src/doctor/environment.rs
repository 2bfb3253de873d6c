//! Checks of the machine and its programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::finding::{Area, Examination, Severity};
use crate::consent::free_space;
use crate::home::Home;
use crate::text::bytes;

/// Examines everything except data and weights.
pub(super) fn examine(examination: &mut Examination, home: &Home) {
    if let Some(checkout) = home.checkout() {
        toolchain(examination, checkout);
        browser(examination);
    }
    processor(examination);
    gpu(examination);
    memory(examination);
    disk(examination, home.folder());
}

/// The trimmed output of a program; `None` if it does not exist or fails.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn toolchain(examination: &mut Examination, checkout: &Path) {
    let area = Area::Toolchain;
    let Some(rustc) = said("rustc", &["--version"]) else {
        let advice = "install Rust from https://rustup.rs";
        let what = "the Rust compiler cannot be run";
        examination.find(
            area,
            Severity::Error,
            ["rust-missing", "rustc", what, advice],
        );
        return;
    };
    let needed = needed_rust(checkout);
    match (version(&rustc), needed.as_deref().and_then(version)) {
        (Some(found), Some(least)) if found < least => {
            let needed = needed.unwrap_or_default();
            let what = format!("{rustc}, but the workspace needs {needed}");
            examination.find(
                area,
                Severity::Error,
                ["rust-old", "rustc", &what, "run `rustup update`"],
            );
        }
        _ => examination.fact(area, rustc),
    }
    for (program, component) in [("cargo-fmt", "rustfmt"), ("cargo-clippy", "clippy")] {
        match said(program, &["--version"]) {
            Some(version) => examination.fact(area, version),
            None => {
                let advice = format!("run `rustup component add {component}`");
                let what = format!("{component} is not installed: only .ci/run needs it");
                examination.find(
                    area,
                    Severity::Note,
                    ["component-missing", component, &what, &advice],
                );
            }
        }
    }
}

/// The `rust-version` of the workspace.
fn needed_rust(checkout: &Path) -> Option<String> {
    let text = std::fs::read_to_string(checkout.join("Cargo.toml")).ok()?;
    let manifest: toml::Table = toml::from_str(&text).ok()?;
    let package = manifest.get("workspace")?.get("package")?;
    Some(package.get("rust-version")?.as_str()?.to_owned())
}

/// The first version number in a text: 1.89 of `rustc 1.89.0 (...)`.
fn version(text: &str) -> Option<(u32, u32)> {
    text.split_whitespace().find_map(|word| {
        let mut numbers = word.split('.').map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    })
}

fn processor(examination: &mut Examination) {
    let threads = std::thread::available_parallelism().map_or(0, usize::from);
    let features = features();
    let has = |found: bool| -> Vec<&str> {
        let named = features.iter().filter(|(_, has)| *has == found);
        named.map(|(name, _)| *name).collect()
    };
    let what = format!(
        "{}, {threads} threads; {}",
        std::env::consts::ARCH,
        match has(true).join(", ").as_str() {
            "" => "none of the vector instructions that the kernels know",
            found => found,
        }
    );
    examination.fact(Area::Processor, what);
    let slow: Vec<&str> = has(false)
        .into_iter()
        .filter(|name| *name != "avx512f")
        .collect();
    if !slow.is_empty() {
        let what = format!(
            "no {}: the kernels are several times slower",
            slow.join(", ")
        );
        let advice = "use a processor of the last ten years, or a GPU; results are the same";
        examination.find(
            Area::Processor,
            Severity::Warning,
            ["slow-processor", "processor", &what, advice],
        );
    }
}

/// The vector instructions that kernels are chosen by, and whether this processor has them.
#[cfg(target_arch = "x86_64")]
fn features() -> Vec<(&'static str, bool)> {
    vec![
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ]
}

#[cfg(target_arch = "aarch64")]
fn features() -> Vec<(&'static str, bool)> {
    vec![("neon", std::arch::is_aarch64_feature_detected!("neon"))]
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn features() -> Vec<(&'static str, bool)> {
    Vec::new()
}

fn gpu(examination: &mut Examination) {
    let query = "--query-gpu=name,memory.total,driver_version";
    let gpus = said("nvidia-smi", &[query, "--format=csv,noheader"]);
    let Some(gpus) = gpus.filter(|gpus| !gpus.is_empty()) else {
        return examination.fact(
            Area::Gpu,
            "no NVIDIA GPU: networks run on the CPU, where the tiny ones train in minutes",
        );
    };
    for gpu in gpus.lines() {
        examination.fact(Area::Gpu, format!("{gpu} (driver)"));
    }
    match said("nvcc", &["--version"]) {
        Some(nvcc) => {
            let release = nvcc.lines().find(|line| line.contains("release"));
            examination.fact(Area::Gpu, release.unwrap_or("nvcc").trim());
        }
        None => examination.find(
            Area::Gpu,
            Severity::Warning,
            [
                "no-nvcc",
                "nvcc",
                "CUDA's compiler is not in PATH: the GPU is not used",
                "install the CUDA toolkit and put its bin folder into PATH",
            ],
        ),
    }
}

/// A training step of the paper's smallest network takes 1.7 GB at two images
/// (docs/performance.md).
const LEAST_MEMORY: u64 = 2_000_000_000;

fn memory(examination: &mut Examination) {
    let Some((total, available)) = read_memory() else {
        return examination.fact(Area::Memory, "unknown on this system");
    };
    let what = format!(
        "{}, of which {} are available",
        bytes(total),
        bytes(available)
    );
    if available < LEAST_MEMORY {
        let advice = "close other programs, or train tiny networks with a smaller --batch-size";
        examination.find(
            Area::Memory,
            Severity::Warning,
            ["little-memory", "memory", &what, advice],
        );
    } else {
        examination.fact(Area::Memory, what);
    }
}

/// Total and available memory in bytes, on Linux.
fn read_memory() -> Option<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let entry = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
        kibibytes.checked_mul(1024)
    };
    Some((entry("MemTotal:")?, entry("MemAvailable:")?))
}

/// Bytes for a run with its checkpoints and the labelled pairs of NYU Depth V2.
const LITTLE_ROOM: u64 = 5_000_000_000;
/// Bytes for a run of a tiny network.
const NO_ROOM: u64 = 300_000_000;

fn disk(examination: &mut Examination, folder: &Path) {
    let place = folder.display().to_string();
    let free = match free_space(folder) {
        Ok(free) => free,
        Err(error) => {
            let advice = "check that the folder exists and is readable";
            return examination.find(
                Area::Disk,
                Severity::Error,
                ["disk-unknown", &place, &error.to_string(), advice],
            );
        }
    };
    let what = format!("{} are free in {place}", bytes(free));
    let advice = "free disk space, or set MDE_HOME to another folder; each download shows the space it needs first";
    let severity = match free {
        0..NO_ROOM => Severity::Error,
        NO_ROOM..LITTLE_ROOM => Severity::Warning,
        _ => return examination.fact(Area::Disk, what),
    };
    examination.find(Area::Disk, severity, ["little-room", &place, &what, advice]);
}

fn browser(examination: &mut Examination) {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    match names.iter().find_map(|name| in_path(name)) {
        Some(path) => examination.fact(Area::Browser, path.display().to_string()),
        None => examination.find(
            Area::Browser,
            Severity::Note,
            [
                "no-browser",
                "PATH",
                "no Chromium: the tests of the report's page are skipped",
                "only tests need it: `apt-get install chromium`, or your system's package",
            ],
        ),
    }
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join(name));
    found.into_iter().find(|file| Path::is_file(file))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let found = version("rustc 1.100.1 (59807616e 2026-04-14)").unwrap();
        assert_eq!(found, (1, 100));
        assert!(found > version("1.89").unwrap());
        assert_eq!(version("rustc"), None);
        let checkout = tempfile::tempdir().unwrap();
        assert_eq!(needed_rust(checkout.path()), None);
        let manifest = "[workspace.package]\nrust-version = \"1.89\"\n";
        std::fs::write(checkout.path().join("Cargo.toml"), manifest).unwrap();
        assert_eq!(needed_rust(checkout.path()).as_deref(), Some("1.89"));
    }
}
