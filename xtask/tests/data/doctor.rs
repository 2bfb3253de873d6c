//! Findings of the doctor.

use std::fs;

use serde_json::Value;

use crate::place::{Done, Place, bytes, sha256};

fn weights(body: &[u8]) -> String {
    format!(
        "url = \"http://127.0.0.1:9/never-asked\"\nfile = \"net.pth\"\nsize = {}\nsha256 = \"{}\"\n\
         models = [\"mff-tiny\"]\npaper = \"none\"\ninput = \"RGB\"",
        body.len(),
        sha256(body)
    )
}

/// A machine with intact weights and data sets.
fn sound() -> Place {
    let body = bytes(1, 1000);
    let place = Place::new(&[
        ("weights.net", weights(&body)),
        ("weights.other", weights(&body)),
    ]);
    fs::create_dir_all(place.data().join("weights/net")).unwrap();
    fs::write(place.data().join("weights/net/net.pth"), body).unwrap();
    fs::create_dir(place.data().join("nyu")).unwrap();
    for list in ["nyuv2_labeled_train.csv", "nyuv2_test.csv"] {
        fs::write(place.data().join("nyu").join(list), "").unwrap();
    }
    let splits = r#"[{"split": "train", "list": "t.csv", "pairs": 795}, {"split": "test", "list": "u.csv", "pairs": 654}]"#;
    place.set_inspect(&format!(
        r#"{{"data": "nyu", "splits": {splits}, "findings": []}}"#
    ));
    place
}

fn document(done: &Done) -> Value {
    serde_json::from_str(&done.stdout).unwrap()
}

/// Findings about data, weights and programs, as `area check`. Those about this machine are left
/// out.
fn findings(document: &Value) -> Vec<String> {
    let findings = document["findings"].as_array().unwrap();
    let named = findings.iter().map(|finding| {
        let text = |field: &str| finding[field].as_str().unwrap().to_owned();
        assert!(
            !text("where").is_empty() && !text("what").is_empty() && !text("advice").is_empty()
        );
        format!("{} {}", text("area"), text("check"))
    });
    named
        .filter(|name| {
            ["data ", "weights ", "program "]
                .iter()
                .any(|area| name.starts_with(area))
        })
        .collect()
}

#[test]
fn an_intact_machine_has_no_findings() {
    let place = sound();
    let done = place.run(&["doctor"]).assert_ok();
    for words in [
        "rustc 1.",
        "nyu: train 795 pairs, test 654 pairs",
        "`cargo xtask fetch-data kitti` downloads it",
        "net: its SHA-256 is correct",
        "not downloaded yet, fetched when needed: other",
        "0 broken",
    ] {
        let nyu = format!("nyu:{}: ", place.data().join("nyu").display());
        let said = done.stdout.replace(&nyu, "nyu: ");
        assert!(said.contains(words), "{words:?} is not in {said}");
    }
    let json = place.run(&["doctor", "--json"]).assert_ok();
    let document = document(&json);
    assert_eq!(document["ok"], true);
    assert_eq!(findings(&document), Vec::<String>::new());
    assert_eq!(document["data"][0]["splits"][1]["pairs"], 654);
}

#[test]
fn findings_of_data_sets_are_passed_on_with_their_advice() {
    let place = sound();
    let finding = |severity: &str, check: &str| {
        format!(
            r#"{{"severity": "{severity}", "check": "{check}", "where": "test list, line 3", "what": "{check}!", "advice": "mend it"}}"#
        )
    };
    let faults: Vec<String> = (1..=12)
        .map(|number| finding("error", &format!("fault-{number}")))
        .collect();
    place.set_inspect(&format!(
        r#"{{"splits": [], "findings": [{}]}}"#,
        faults.join(",")
    ));
    let json = place.run(&["doctor", "--json"]).assert_fails(&[]);
    let expected: Vec<String> = (1..=12)
        .map(|number| format!("data fault-{number}"))
        .collect();
    assert_eq!(findings(&document(&json)), expected);
    let words = place.run(&["doctor"]).assert_fails(&[]);
    for text in [
        "broken   test list, line 3: fault-12!",
        "-> mend it",
        "12 broken",
    ] {
        assert!(
            words.stdout.contains(text),
            "{text:?} is not in {}",
            words.stdout
        );
    }
    // Warnings and notes do not fail.
    let mild = [finding("warning", "holes"), finding("note", "duplicates")];
    place.set_inspect(&format!(
        r#"{{"splits": [], "findings": [{}]}}"#,
        mild.join(",")
    ));
    place.run(&["doctor"]).assert_ok();
}

#[test]
fn named_data_sets_are_examined_in_addition_to_the_others() {
    let place = sound();
    let arguments = [
        "doctor", "--data", "tum:/a", "--data", "/b", "--decode", "--json",
    ];
    let json = place.run(&arguments).assert_ok();
    assert_eq!(document(&json)["data"].as_array().unwrap().len(), 3);
    let nyu = place.data().join("nyu").display().to_string();
    let calls = place.calls();
    let expected = [format!("nyu:{nyu}"), "tum:/a".to_owned(), "/b".to_owned()]
        .map(|data| format!("inspect --data {data} --decode --json"));
    assert_eq!(calls[..3], expected);
    let weights = place.data().join("weights/net/net.pth");
    let keys = format!(
        "inspect --weights {} --model mff-tiny --json",
        weights.display()
    );
    assert_eq!(calls[3..], [keys]);
}

#[test]
fn damaged_weights_are_reported_and_not_inspected() {
    let place = sound();
    let file = place.data().join("weights/net/net.pth");
    let mut damaged = fs::read(&file).unwrap();
    damaged[500] ^= 4;
    fs::write(&file, &damaged).unwrap();
    fs::create_dir_all(place.data().join("weights/other")).unwrap();
    fs::write(
        place.data().join("weights/other/net.pth.incomplete"),
        "part",
    )
    .unwrap();
    let json = place.run(&["doctor", "--json"]).assert_fails(&[]);
    let found = findings(&document(&json));
    assert_eq!(found, ["weights weights-file", "weights partial"]);
    assert!(place.calls().iter().all(|call| !call.contains("--weights")));
}

#[test]
fn a_broken_program_is_a_finding() {
    let place = sound();
    let doctor = |program: &str| {
        let mut command = place.command(&["doctor", "--json"]);
        command.env("MDE_PROGRAM", program);
        crate::place::done(command.output().unwrap())
    };
    let json = doctor("/no/such/program").assert_fails(&[]);
    assert_eq!(
        findings(&document(&json)),
        ["data inspect", "weights inspect"]
    );
    let json = doctor("/bin/false").assert_fails(&[]);
    assert_eq!(
        findings(&document(&json)),
        ["data inspect", "weights inspect"]
    );
    place.set_inspect("not JSON");
    let json = place.run(&["doctor", "--json"]).assert_fails(&[]);
    assert_eq!(findings(&document(&json)), ["data inspect"]);
    place.set_inspect(r#"{"findings": "many"}"#);
    let json = place.run(&["doctor", "--json"]).assert_fails(&[]);
    assert_eq!(findings(&document(&json)), ["data inspect"]);
    // Cargo cannot build it.
    let mut command = place.command(&["doctor", "--json"]);
    command.env_remove("MDE_PROGRAM").env("CARGO", "/bin/false");
    let json = crate::place::done(command.output().unwrap()).assert_fails(&[]);
    assert_eq!(findings(&document(&json)), ["program mde-build"]);
}

#[test]
fn a_damaged_manifest_is_a_finding() {
    let place = sound();
    fs::write(place.data().join("manifest.toml"), "[weights").unwrap();
    let json = place.run(&["doctor", "--json"]).assert_fails(&[]);
    assert_eq!(findings(&document(&json)), ["weights manifest"]);
}
