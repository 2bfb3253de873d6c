//! Wrong usage of the command line: exit status 2 and the usage text.

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
        (
            "train --data rooms:rooms --out run --batch-size -1",
            &["-1"],
        ),
        (
            "train --data rooms:rooms --out run --batch-size two",
            &["two", "--batch-size"],
        ),
        (
            "train --data rooms:rooms --out run --schedule cosine",
            &["step", "polynomial"],
        ),
        (
            "train --data rooms:rooms --out run --depth-encoding mm",
            &["u8/25.5", "u16-mm", "u16/6553.5", "sunrgbd", "float"],
        ),
        ("compare run", &["SECOND"]),
        ("profile", &["--model"]),
        ("profile --model mff-tiny --size 57", &["57", "228x304"]),
        (
            "profile --model mff-tiny --size 0x76",
            &["0x76", "1 to 8192"],
        ),
        (
            "profile --model mff-tiny --batch-size 0",
            &["--batch-size", "1..=256"],
        ),
        ("profile --model mff-tiny --runs 0", &["--runs"]),
        ("profile --model mff-tiny --alpha 0.1", &["--train"]),
        ("models --color sometimes", &["auto", "always", "never"]),
        ("models -q -v", &["--quiet", "--verbose"]),
        ("completions tcsh", &["bash", "zsh", "fish"]),
        ("man", &["DIR"]),
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
    let version = concat!("mde ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(place.mde("-V").stdout, version);
    let long = place.mde("--version").stdout;
    assert!(long.starts_with(version), "{long}");
    for part in ["\ncommit: ", "\nfeatures: ", "\nCPU: "] {
        assert!(long.contains(part), "{long}");
    }
}

#[test]
fn completions_and_manual_pages_know_all_commands() {
    let place = Place::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = place.mde(&format!("completions {shell}"));
        assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""));
        for word in ["dissect", "batch-size"] {
            assert!(said.stdout.contains(word), "{shell}: no {word}");
        }
    }
    place.json("man pages/man1");
    let pages = place.files("pages/man1");
    for page in ["mde.1", "mde-train.1", "mde-render-rooms.1"] {
        assert!(pages.contains_key(page), "{page} in {:?}", pages.keys());
    }
    assert!(place.text("pages/man1/mde-train.1").contains("Batch size"));
}

#[test]
fn colours_are_for_terminals_or_on_request() {
    let place = Place::empty();
    let help = |line: &str| place.mde(line).stdout;
    let colour = "\u{1b}[";
    assert!(!help("train --help").contains(colour));
    assert!(help("train --help --color always").contains(colour));
    assert!(help("--color=always train --help").contains(colour));
    assert!(!help("train --help --color=never").contains(colour));
    let log = |line: &str| place.mde(&format!("{line} profile --model meter-xxs --runs 1"));
    let said = log("-v --color always").stderr;
    assert!(
        said.contains("device cpu") && said.contains(colour),
        "{said}"
    );
    let said = log("-v").stderr;
    assert!(
        said.contains("device cpu") && !said.contains(colour),
        "{said}"
    );
    let said = log("--quiet").stderr;
    assert_eq!(said, "");
}
