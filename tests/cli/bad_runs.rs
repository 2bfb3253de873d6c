//! Run folders, weights and output folders that cannot be used.

use std::fs;

use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

use crate::place::{Place, assert_same};

const WEIGHTS: &str = "run/checkpoint/step-000000001/weights.safetensors";

#[test]
fn the_folder_of_another_run_is_kept() {
    let place = Place::with_run();
    let line =
        |options: &str| format!("train --data rooms:rooms --out run --batch-size 2 {options}");
    let other = "another folder";
    place.refuses(
        &line("--steps 1 --seed 7"),
        &["run: ", "seed 0, not 7", other],
    );
    place.refuses(
        &line("--steps 1 --model mff-resnet18"),
        &["model mff-tiny, not mff-resnet18", other],
    );
    place.refuses(&line("--steps 2"), &["steps 1, not 2", other]);
    place.refuses(
        &line("--steps 1 --learning-rate 0.5"),
        &["learning_rate 0.0001, not 0.5", other],
    );
    place.refuses(
        &line("--steps 1 --alpha 0.1"),
        &["assignment none, not alpha 0.1, ", "layers (D, MFF)", other],
    );

    let list = place.text("rooms/rooms_train.csv");
    let fewer: Vec<&str> = list.lines().skip(1).collect();
    place.write("rooms/rooms_train.csv", fewer.join("\n"));
    place.refuses(&line("--steps 1"), &["a run with data.", ", not ", other]);
}

#[test]
fn settings_inside_an_assignment_are_compared_one_by_one() {
    let place = Place::new();
    let line = "train --data rooms:rooms --out run --batch-size 2 --steps 1 --alpha 0.1";
    place.json(line);
    place.refuses(
        &format!("{line} --bins 16"),
        &["assignment.max_bins 64, not 16"],
    );
    place.refuses(
        &format!("{line} --layers MFF"),
        &["assignment.layers D, MFF, not MFF"],
    );
}

#[test]
fn a_missing_or_untrained_run() {
    let place = Place::new();
    place.write("half/config.json", "");
    for command in ["evaluate", "dissect"] {
        let line = |run: &str| format!("{command} --run {run} --data rooms:rooms");
        place.refuses(
            &line("run"),
            &[
                "run: no run here",
                "config.json does not exist",
                "mde train --data DATA --out run",
            ],
        );
        place.refuses(&line("half"), &["half/config.json", "train again"]);
        place.refuses(&line("rooms/rooms.json"), &["rooms/rooms.json"]);
    }
    let place = Place::with_run();
    fs::remove_dir_all(place.path("run/checkpoint")).unwrap();
    for command in ["evaluate", "dissect"] {
        place.refuses(
            &format!("{command} --run run --data rooms:rooms"),
            &["run: no checkpoint yet", "mde train --data DATA --out run"],
        );
    }
}

#[test]
fn weights_cut_short_or_of_another_model() {
    let place = Place::with_run();
    let advice = "remove the run folder and train again";
    let lines = [
        "evaluate --run run --data rooms:rooms",
        "dissect --run run --data rooms:rooms",
        "train --data rooms:rooms --out run --steps 1 --batch-size 2",
    ];
    let whole = place.read(WEIGHTS);
    place.cut_short(WEIGHTS);
    for line in lines {
        place.refuses(line, &[WEIGHTS, advice]);
    }
    place.write(WEIGHTS, "");
    for line in lines {
        place.refuses(line, &[WEIGHTS, advice]);
    }
    place.write(WEIGHTS, weights_of_another_model(&whole));
    for line in lines {
        place.refuses(
            line,
            &[
                WEIGHTS,
                "not the weights of this run's model",
                "1 missing, 1 unexpected, 1 with a different shape",
                advice,
            ],
        );
    }
    place.write(WEIGHTS, whole);
    let optimiser = "run/checkpoint/step-000000001/optimiser.safetensors";
    place.cut_short(optimiser);
    place.refuses(lines[2], &[optimiser, advice]);
    place.write("run/checkpoint/step-000000001/state.json", "{");
    place.refuses(lines[2], &["state.json", advice]);
}

/// The weights with one parameter under another name and one of another shape.
fn weights_of_another_model(weights: &[u8]) -> Vec<u8> {
    let mut tensors = SafeTensors::deserialize(weights).unwrap().tensors();
    tensors[0].0 = "another".to_owned();
    let (_, reshaped) = &mut tensors[1];
    let shape = [reshaped.shape(), &[1]].concat();
    *reshaped = TensorView::new(reshaped.dtype(), shape, reshaped.data()).unwrap();
    safetensors::serialize(tensors, None).unwrap()
}

#[test]
fn an_output_folder_that_cannot_be_one() {
    let place = Place::with_run();
    place.json("evaluate --run run --data rooms:rooms");
    place.json("dissect --run run --data rooms:rooms");
    place.write("file", "kept");
    for out in ["file", "file/below"] {
        place.refuses(
            &format!("train --data rooms:rooms --out {out} --steps 1 --batch-size 2"),
            &[out, "folder"],
        );
        place.refuses(
            &format!("render rooms --out {out} --train 1 --test 1"),
            &[out, "check"],
        );
        place.refuses(
            &format!("report run --out {out}"),
            &[out, "another output folder"],
        );
    }
}

#[test]
fn a_folder_of_other_rooms_is_kept() {
    let place = Place::new();
    let line = "render rooms --out rooms --train 12 --test 4 --width 160 --height 120";
    place.refuses(
        &format!("{line} --seed 5"),
        &["rooms/rooms.json", "seed 0", "seed 5", "another folder"],
    );
    let larger = line.replace("--train 12", "--train 13");
    place.refuses(
        &larger,
        &["rooms/rooms.json", "train 12", "train 13", "another folder"],
    );
    place.write("rooms/rooms.json", "rooms");
    place.refuses(
        line,
        &[
            "rooms/rooms.json",
            "does not say how the folder was rendered",
        ],
    );
    fs::remove_file(place.path("rooms/rooms.json")).unwrap();
    place.refuses(line, &["rooms/train", "no rooms.json", "choose another"]);
}

#[test]
fn a_report_needs_an_evaluation() {
    let place = Place::with_run();
    place.refuses(
        "report nowhere --out report",
        &["nowhere", "no such folder", "mde train"],
    );
    place.refuses(
        "report run --out report",
        &["run/evaluate.json is missing", "mde evaluate --run run"],
    );
    place.json("evaluate --run run --data rooms:rooms");
    // Without a dissection, the page lacks that section.
    place.json("report run --out report");
    assert!(place.text("report/report.html").contains("</html>"));
    place.json("dissect --run run --data rooms:rooms");
    place.cut_short("run/evaluate.json");
    place.refuses(
        "report run --out report",
        &["run/evaluate.json", "mde evaluate --run run"],
    );
}

#[test]
fn a_loss_that_is_not_finite_ends_training() {
    let place = Place::new();
    let line = "train --data rooms:rooms --out run --steps 6 --batch-size 2 --learning-rate 1e30 --checkpoint-every 1";
    let said = place.mde(line);
    said.is_refusal(
        line,
        1,
        &[
            "the loss became",
            "step ",
            "train/room_000",
            "last checkpoint is of step",
            "1e30",
            "a learning rate below",
        ],
    );
    // Every record has a finite loss and a completed step, and resuming ends with the same
    // message.
    let records = place.text("run/metrics.jsonl");
    for (index, line) in records.lines().enumerate() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["step"], index + 1);
        assert!(record["loss"].is_f64());
    }
    let before = place.files("run");
    let again = place.mde(line);
    assert_eq!(again.stderr, said.stderr);
    assert_same(line, &place.files("run"), &before);
}
