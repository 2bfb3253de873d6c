//! Killed at any moment, or stopped by a full disk, and run again: the results are those of an
//! undisturbed run.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;
use std::sync::OnceLock;

use safetensors::SafeTensors;

use crate::place::{Place, assert_same};

const TRAIN: &str =
    "train --data rooms:rooms --out run --steps 5 --batch-size 4 --alpha 0.1 --checkpoint-every 1";

/// Starts `mde LINE` and kills it as soon as `now` says so, without a chance to clean up.
fn kill_when(place: &Place, line: &str, now: impl Fn() -> bool) {
    let mut command = place.command(line);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // If the program was faster, it must have succeeded.
    while !now() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The results of an undisturbed run of 5 steps: records, weights and optimiser, tensor by tensor.
struct Left {
    records: String,
    tensors: BTreeMap<String, Vec<u8>>,
}

impl Left {
    fn by(place: &Place) -> Self {
        let mut tensors = BTreeMap::new();
        for file in ["weights", "optimiser"] {
            let bytes = place.read(&format!("run/checkpoint/step-000000005/{file}.safetensors"));
            for (name, tensor) in SafeTensors::deserialize(&bytes).unwrap().tensors() {
                tensors.insert(
                    format!("{file}: {name} {:?}", tensor.shape()),
                    tensor.data().to_vec(),
                );
            }
        }
        Self {
            records: place.text("run/metrics.jsonl"),
            tensors,
        }
    }

    fn undisturbed() -> &'static Self {
        static UNDISTURBED: OnceLock<Left> = OnceLock::new();
        UNDISTURBED.get_or_init(|| {
            let place = Place::new();
            place.json(&TRAIN.replace("--checkpoint-every 1", ""));
            Self::by(&place)
        })
    }

    /// Runs the training of `place` to its end and fails unless it leaves the same.
    fn assert_same_after_resuming(&self, place: &Place) {
        place.json(TRAIN);
        let found = Self::by(place);
        assert_eq!(found.records, self.records);
        assert!(found.tensors.keys().eq(self.tensors.keys()));
        for (name, content) in &self.tensors {
            assert!(found.tensors[name] == *content, "{name} differs");
        }
        for name in place.files("run").keys() {
            assert!(!name.contains(".incomplete"), "{name} was left");
        }
        let checkpoints = fs::read_dir(place.path("run/checkpoint")).unwrap().count();
        assert_eq!(checkpoints, 1, "only the newest checkpoint is kept");
    }
}

fn steps(place: &Place) -> usize {
    fs::read_to_string(place.path("run/metrics.jsonl")).map_or(0, |text| text.lines().count())
}

/// The names in a folder; none if it does not exist.
fn names(place: &Place, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(place.path(folder)).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.collect()
}

/// The step of the newest checkpoint.
fn checkpoint(place: &Place) -> Option<u64> {
    let names = names(place, "run/checkpoint");
    let steps = names
        .iter()
        .filter_map(|name| name.strip_prefix("step-")?.parse().ok());
    steps.max()
}

/// True if there is an unfinished file or folder.
fn unfinished(place: &Place, folder: &str) -> bool {
    let names = names(place, folder);
    names.iter().any(|name| name.ends_with(".incomplete"))
}

#[test]
fn killed_training_ends_with_the_same_weights_and_records() {
    let undisturbed = Left::undisturbed();
    let place = Place::new();
    let moments: [&dyn Fn() -> bool; 5] = [
        &|| place.path("run").exists(),
        &|| steps(&place) > 0,
        &|| unfinished(&place, "run/checkpoint"),
        &|| checkpoint(&place).is_some_and(|step| step >= 2),
        &|| steps(&place) > 3,
    ];
    for moment in moments {
        kill_when(&place, TRAIN, moment);
    }
    undisturbed.assert_same_after_resuming(&place);
}

#[test]
fn leftovers_of_a_kill_are_removed() {
    let undisturbed = Left::undisturbed();
    let place = Place::new();
    kill_when(&place, TRAIN, || {
        checkpoint(&place).is_some_and(|step| step >= 2)
    });
    let next = checkpoint(&place).unwrap() + 1;
    let torn = "{\"step\":3,\"epoch\":1,\"lear";
    place.write("run/metrics.jsonl", place.text("run/metrics.jsonl") + torn);
    for file in ["weights.safetensors", "state.json", "stray"] {
        place.write(
            &format!("run/checkpoint/.step-{next:09}.a1b2.incomplete/{file}"),
            "half",
        );
    }
    place.write(
        "run/checkpoint/.step-000000001.a1b2.incomplete/weights.safetensors",
        "half",
    );
    place.write("run/.metrics.jsonl.a1b2.incomplete", "half");
    undisturbed.assert_same_after_resuming(&place);
}

#[test]
fn killed_evaluation_and_dissection_end_with_the_same_files() {
    let place = Place::with_run();
    let lines = [
        "evaluate --run run --data rooms:rooms",
        "dissect --run run --data rooms:rooms",
    ];
    let untouched = place.files("run");
    lines.iter().for_each(|line| drop(place.json(line)));
    let undisturbed = place.files("run");
    let moments: [(&str, &dyn Fn() -> bool); 4] = [
        ("an unfinished file", &|| unfinished(&place, "run")),
        ("run/evaluate.json", &|| {
            place.path("run/evaluate.json").exists()
        }),
        ("run/dissect", &|| place.path("run/dissect").exists()),
        ("run/dissect.json", &|| {
            place.path("run/dissect.json").exists()
        }),
    ];
    for (name, moment) in moments {
        fs::remove_dir_all(place.path("run")).unwrap();
        for (name, content) in &untouched {
            place.write(&format!("run/{name}"), content);
        }
        lines
            .iter()
            .for_each(|line| kill_when(&place, line, moment));
        lines.iter().for_each(|line| drop(place.json(line)));
        assert_same(
            &format!("killed at {name}"),
            &place.files("run"),
            &undisturbed,
        );
    }
}

#[test]
fn killed_rendering_ends_with_the_same_rooms() {
    let undisturbed = Place::new();
    let place = Place::empty();
    let line = "render rooms --train 12 --test 4 --width 160 --height 120 --out rooms";
    for written in [
        "rooms/rooms.json",
        "rooms/train/room_00003.jpg",
        "rooms/test/room_00001.png",
    ] {
        kill_when(&place, line, || place.path(written).exists());
    }
    place.json(line);
    assert_same(line, &place.files("rooms"), &undisturbed.files("rooms"));
}

#[test]
fn a_full_disk_stops_training_and_keeps_complete_files() {
    let undisturbed = Left::undisturbed();
    let place = Place::new();
    let said = place.mde_on_full_disk(100, TRAIN);
    said.is_refusal(TRAIN, 1, &["weights.safetensors", "too large", "space"]);
    assert!(
        place
            .files("run")
            .keys()
            .eq(["config.json", "metrics.jsonl"])
    );
    undisturbed.assert_same_after_resuming(&place);

    let place = Place::new();
    kill_when(&place, TRAIN, || checkpoint(&place).is_some());
    let kept = checkpoint(&place).unwrap();
    let said = place.mde_on_full_disk(100, TRAIN);
    said.is_refusal(TRAIN, 1, &["weights.safetensors", "too large", "space"]);
    assert_eq!(
        checkpoint(&place),
        Some(kept),
        "the older checkpoint is still there"
    );
    assert!(!unfinished(&place, "run/checkpoint"));
    undisturbed.assert_same_after_resuming(&place);
}

#[test]
fn a_full_disk_stops_the_other_commands() {
    let place = Place::with_run();
    for (line, file) in [
        (
            "evaluate --run run --data rooms:rooms",
            "run/examples.safetensors",
        ),
        (
            "dissect --run run --data rooms:rooms",
            "run/dissect/D.safetensors",
        ),
    ] {
        let before = place.files("run");
        place
            .mde_on_full_disk(8, line)
            .is_refusal(line, 1, &[file, "too large"]);
        assert_same(line, &place.files("run"), &before);
        place.json(line);
    }
    let line = "report run --out report";
    let report = |ending: &str| {
        place
            .files("report")
            .keys()
            .any(|name| name.ends_with(ending))
    };
    place
        .mde_on_full_disk(2, line)
        .is_refusal(line, 1, &["report/", "too large", "free"]);
    assert!(!report("report.html") && !report(".incomplete"));
    place.json(line);

    let line = "render rooms --out other --train 2 --test 1";
    place
        .mde_on_full_disk(1, line)
        .is_refusal(line, 1, &["other/t", "too large", "disk"]);
    let written = place.files("other");
    assert!(written.keys().eq(["rooms.json"]), "{:?}", written.keys());
    place.json(line);

    if cfg!(target_os = "linux") {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = place.command(line).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write to stdout"));
    }
}

#[test]
fn a_second_training_in_the_same_folder_is_refused() {
    let place = Place::new();
    let long = TRAIN.replace("--steps 5", "--steps 500");
    let mut command = place.command(&long);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while steps(&place) == 0 {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::yield_now();
    }
    let said = place.mde(&long);
    let process = format!("run is in use by process {}", child.id());
    said.is_refusal(&long, 1, &[&process, "choose another folder"]);
    child.kill().unwrap();
    child.wait().unwrap();
    // A killed process holds no lock.
    let other = long.replace("--alpha 0.1", "--alpha 0.2");
    place.mde(&other).is_refusal(&other, 1, &["alpha"]);
}
