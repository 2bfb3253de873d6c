//! Finds the commit that the program is built from, for `mde --version`.

use std::path::Path;
use std::process::Command;

fn main() {
    let package = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let package = Path::new(&package);
    let commit = packaged(package).or_else(|| checked_out(package));
    println!(
        "cargo::rustc-env=MDE_COMMIT={}",
        commit.as_deref().unwrap_or("unknown")
    );
    println!("cargo::rerun-if-changed=build.rs");
}

/// The commit that `cargo package` has noted.
fn packaged(package: &Path) -> Option<String> {
    let note = std::fs::read_to_string(package.join(".cargo_vcs_info.json")).ok()?;
    let (_, hash) = note.split_once("\"sha1\"")?;
    let hash = hash.split('"').nth(1)?;
    hash.get(..8).map(str::to_owned)
}

/// The commit of the checkout, if the package is in a checkout of this workspace.
fn checked_out(package: &Path) -> Option<String> {
    let root = package.parent()?.parent()?;
    if !root.join(".git").exists() {
        return None;
    }
    let said = |arguments: &[&str]| {
        let output = Command::new("git")
            .current_dir(root)
            .args(arguments)
            .output();
        let output = output.ok().filter(|output| output.status.success())?;
        let text = String::from_utf8(output.stdout).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    // It changes with every commit and checkout.
    if let Some(log) = said(&["rev-parse", "--git-path", "logs/HEAD"]) {
        let log = root.join(log);
        if log.exists() {
            println!("cargo::rerun-if-changed={}", log.display());
        }
    }
    said(&["rev-parse", "--short=8", "HEAD"])
}
