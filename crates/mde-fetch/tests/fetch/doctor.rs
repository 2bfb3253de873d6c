//! An examination, with a stand-in for the program that inspects.

use std::cell::RefCell;
use std::fs;

use mde_fetch::{Answer, DoctorOptions, Home, InspectError, Inspected, examine};
use serde_json::json;

use crate::place::{Notes, Place};

#[test]
fn an_empty_folder_has_no_errors() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("mde"));
    let front = Notes::new(Answer::Nobody);
    let options = DoctorOptions::default();
    let examination = examine(&options, &home, &front, &|_| unreachable!());
    let document = examination.document();
    let findings = document["findings"].as_array().unwrap();
    let mut areas = findings.iter().map(|finding| &finding["area"]);
    assert!(areas.all(|area| area != "data" && area != "weights"));
    let words = examination.to_string();
    for text in [
        "nyu is not in",
        "`mde fetch data kitti` downloads it",
        "not downloaded yet, fetched when needed: bts-densenet161-kitti",
        "not downloaded yet, to be downloaded by hand: ",
    ] {
        assert!(words.contains(text), "{text:?} is not in {words}");
    }
    // Outside a checkout, its tools are not checked.
    assert!(!words.contains("toolchain"), "{words}");
    assert!(!folder.path().join("mde").exists());
    assert_eq!(examination.document()["ok"], examination.is_ok());
}

#[test]
fn findings_are_adopted_and_a_missing_program_is_reported_once() {
    let place = Place::with_weights(&["net"], "http://127.0.0.1:9/", b"weights");
    fs::create_dir_all(place.home.weights().join("net")).unwrap();
    fs::write(place.target(), b"weights").unwrap();
    let options = DoctorOptions {
        data: vec!["tum:/a".to_owned(), "/b".to_owned()],
        decode: true,
    };
    let front = Notes::new(Answer::Nobody);
    let calls = RefCell::new(Vec::new());
    let examination = examine(&options, &place.home, &front, &|inspected: Inspected<
        '_,
    >| {
        let words = inspected.arguments();
        let words = words.iter().map(|word| word.to_string_lossy().into_owned());
        calls.borrow_mut().push(words.collect::<Vec<_>>().join(" "));
        let finding = json!({
            "severity": "warning", "check": "holes", "where": "w", "what": "x", "advice": "y",
        });
        Ok(json!({ "splits": [], "findings": [finding] }))
    });
    let expected = [
        "inspect --data tum:/a --decode".to_owned(),
        "inspect --data /b --decode".to_owned(),
        format!(
            "inspect --weights {} --model mff-tiny",
            place.target().display()
        ),
    ];
    assert_eq!(calls.into_inner(), expected);
    assert!(examination.is_ok());
    let document = examination.document();
    let findings = document["findings"].as_array().unwrap();
    let holes = findings
        .iter()
        .filter(|finding| finding["check"] == "holes");
    assert_eq!(holes.count(), 3);
    let examination = examine(&options, &place.home, &front, &|_| {
        Err(InspectError::NoProgram("cannot be built".to_owned()))
    });
    assert_eq!(examination.broken(), 1);
    assert_eq!(examination.document()["data"], json!([]));
}
