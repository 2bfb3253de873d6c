//! Lists the weights of the manifest and where each would be stored. Opens no connection.

use mde_fetch::{Home, Manifest, Source};

fn main() -> Result<(), mde_fetch::FetchError> {
    let home = Home::find()?;
    let manifest = Manifest::built_in()?;
    for (name, entry) in &manifest.weights {
        let file = home.weights().join(name).join(&entry.file);
        let state = match (&entry.source, file.is_file()) {
            (_, true) => "present",
            (Source::Manual(_), _) => "to be downloaded by hand",
            _ => "can be downloaded",
        };
        print(&format!("{name}: {}", entry.summary));
        print(&format!(
            "  fits {}; licence {}",
            entry.models.join(", "),
            entry.licence
        ));
        print(&format!("  {} ({state})", file.display()));
    }
    Ok(())
}

#[allow(clippy::print_stdout)]
fn print(line: &str) {
    println!("{line}");
}
