//! Options that cannot be used: the message names the option, its value and what is expected.

use crate::place::Place;

#[test]
fn training_refuses_settings_before_it_makes_the_folder() {
    let place = Place::new();
    let cases: &[(&str, &[&str])] = &[
        ("--bins 0", &["bins is 0", "at least 2"]),
        ("--bins 0 --alpha 0.1", &["bins is 0", "at least 2"]),
        ("--bins 1 --alpha 0.1", &["bins is 1", "at least 2"]),
        ("--batch-size 0", &["batch-size is 0", "at least 1"]),
        (
            "--batch-size 13",
            &[
                "batch-size is 13",
                "rooms_train.csv",
                "12 pairs",
                "at most 12",
            ],
        ),
        ("--steps 0", &["steps is 0", "at least 1"]),
        (
            "--checkpoint-every 0",
            &["checkpoint-every is 0", "at least 1"],
        ),
        ("--workers 0", &["workers is 0", "at least 1"]),
        ("--learning-rate nan", &["learning-rate is NaN", "positive"]),
        ("--learning-rate inf", &["learning-rate is inf", "finite"]),
        ("--learning-rate 0", &["learning-rate is 0", "positive"]),
        ("--learning-rate -1", &["learning-rate is -1", "positive"]),
        ("--alpha nan", &["alpha is NaN", "finite"]),
        ("--alpha inf", &["alpha is inf", "finite"]),
        (
            "--alpha 0.1 --layers D,E",
            &["no layer \"E\"", "D, MFF, Rconv0, Rconv1"],
        ),
        // A plain run does not use layers, but a mistake would only show in the assigned run.
        (
            "--layers D,E",
            &["no layer \"E\"", "D, MFF, Rconv0, Rconv1"],
        ),
        ("--layers D,D", &["layers is D", "twice"]),
        ("--alpha 0.1 --layers D,D", &["layers is D", "twice"]),
        (
            "--model mff-huge",
            &["unknown model \"mff-huge\"", "mff-tiny", "mff-resnet50"],
        ),
    ];
    for (options, parts) in cases {
        // Each option once, since clap refuses repeated options.
        let steps = if options.contains("--steps") {
            ""
        } else {
            "--steps 2"
        };
        let batch = if options.contains("--batch-size") {
            ""
        } else {
            "--batch-size 2"
        };
        place.refuses(
            &format!("train --data rooms:rooms --out run {steps} {batch} {options}"),
            parts,
        );
    }
}

#[test]
fn zero_epochs_are_no_training() {
    let place = Place::new();
    place.refuses(
        "train --data rooms:rooms --out run --epochs 0 --batch-size 2",
        &["steps is 0", "at least 1"],
    );
}

#[test]
fn evaluation_and_dissection_refuse_settings() {
    let place = Place::with_run();
    let cases: &[(&str, &[&str])] = &[
        (
            "evaluate --protocol nyu",
            &["\"nyu\"", "nyu-mff", "nyu-eigen", "kitti-garg"],
        ),
        (
            "evaluate --batch-size 0",
            &["batch-size is 0", "at least 1"],
        ),
        ("evaluate --workers 0", &["workers is 0", "at least 1"]),
        ("dissect --bins 0", &["bins", "0"]),
        ("dissect --batch-size 0", &["batch-size is 0", "at least 1"]),
        ("dissect --workers 0", &["workers is 0", "at least 1"]),
        (
            "dissect --layers D,E",
            &["no layer \"E\"", "D, MFF, Rconv0, Rconv1"],
        ),
        ("dissect --layers D,D", &["\"D\"", "twice"]),
    ];
    for (line, parts) in cases {
        place.refuses(&format!("{line} --run run --data rooms:rooms"), parts);
    }
}

#[test]
fn rendering_refuses_settings() {
    let place = Place::empty();
    let cases: &[(&str, &[&str])] = &[
        ("--train 0", &["train is 0", "at least 1"]),
        ("--test 0", &["test is 0", "at least 1"]),
        ("--width 0", &["width is 0", "1 to 16384"]),
        ("--height 20000", &["height is 20000", "1 to 16384"]),
    ];
    for (options, parts) in cases {
        place.refuses(&format!("render rooms --out rooms {options}"), parts);
    }
}
