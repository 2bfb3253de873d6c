//! What the command line itself refuses, with exit status 2 and the usage.

use crate::place::Place;

#[test]
fn wrong_usage_ends_with_status_2() {
    let place = Place::empty();
    let cases: &[(&str, &[&str])] = &[
        ("", &["Usage"]),
        ("paint", &["paint"]),
        ("train --data rooms:rooms --out run --speed 3", &["--speed"]),
        ("train --data rooms:rooms", &["--out"]),
        (
            "train --data kitchens:rooms --out run",
            &["nyu:DIR", "rooms:DIR", "kitti:DIR", "streets:DIR"],
        ),
        ("train --data rooms: --out run", &["nyu:DIR", "rooms:DIR"]),
        (
            "train --data rooms:rooms --out run --steps 3 --epochs 2",
            &["--epochs", "--steps"],
        ),
        ("train --data rooms:rooms --out run --batch -1", &["-1"]),
        (
            "train --data rooms:rooms --out run --batch two",
            &["two", "--batch"],
        ),
        (
            "train --data rooms:rooms --out run --schedule cosine",
            &["step", "polynomial"],
        ),
        (
            "train --data rooms:rooms --out run --depth-encoding mm",
            &["u8/25.5", "u16-mm", "u16/256"],
        ),
        ("compare run", &["SECOND"]),
        ("profile", &["--model"]),
        ("profile --model mff-tiny --size 57", &["57", "228x304"]),
        (
            "profile --model mff-tiny --size 0x76",
            &["0x76", "1 to 8192"],
        ),
        (
            "profile --model mff-tiny --batch 0",
            &["--batch", "1..=256"],
        ),
        ("profile --model mff-tiny --runs 0", &["--runs"]),
        ("profile --model mff-tiny --alpha 0.1", &["--train"]),
        (
            "evaluate --run run --data rooms:rooms --device tpu",
            &["auto", "cpu", "cuda"],
        ),
    ];
    for (line, parts) in cases {
        place.mde(line).is_refusal(line, 2, parts);
    }
    assert!(place.files(".").is_empty());
}

#[test]
fn help_and_version_go_to_stdout() {
    let place = Place::empty();
    for command in [
        "",
        "render rooms ",
        "render streets ",
        "train ",
        "evaluate ",
        "dissect ",
        "compare ",
        "predict ",
        "profile ",
        "report ",
    ] {
        let said = place.mde(&format!("{command}--help"));
        assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""));
        assert!(said.stdout.contains("--json"), "mde {command}--help");
    }
    let version = place.mde("--version");
    assert_eq!(
        version.stdout,
        concat!("mde ", env!("CARGO_PKG_VERSION"), "\n")
    );
}
