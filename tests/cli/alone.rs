//! The program copied alone into an empty folder: nothing of the checkout is needed.

use std::fs;
use std::process::Command;

#[test]
fn the_program_alone_does_the_whole_job() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("mde");
    fs::copy(env!("CARGO_BIN_EXE_mde"), &program).unwrap();
    for line in [
        "models meter-xxs",
        "fetch weights --list",
        "render rooms --out rooms --train 4 --test 2 --width 160 --height 120",
        "inspect --data rooms:rooms",
        "train --data rooms:rooms --out run --steps 1 --batch-size 2",
        "evaluate --run run --data rooms:rooms",
        "dissect --run run --data rooms:rooms --layers MFF",
        "report run",
    ] {
        let mut command = Command::new(&program);
        command.args(line.split(' ')).current_dir(folder.path());
        // No variable may point into the checkout.
        command.env_clear().env("HOME", folder.path());
        let output = command.output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "mde {line}: {message}");
    }
    assert!(folder.path().join("run/report.html").is_file());
}
