//! What a training run leaves: records, checkpoints, the summary of its configuration.

use std::fs;

use mde_results::{
    CONFIG_FORMAT, InitialPart, InitialWeights, ResultsError, RunFolder, TrainingSummary, names,
};
use serde_json::json;

use crate::common::{assert_parts, config, records};

fn refused(content: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::new(dir.path());
    fs::write(folder.file(names::RECORDS), content).unwrap();
    let error = folder.records().unwrap_err();
    assert!(matches!(error, ResultsError::Malformed { .. }), "{error}");
    let message = error.to_string();
    assert_parts(
        &message,
        &["metrics.jsonl", "run `mde train --data DATA --out"],
    );
    message
}

#[test]
fn records_are_read_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::new(dir.path());
    assert_eq!(folder.records().unwrap(), []);
    fs::write(folder.file(names::RECORDS), records(1..=3)).unwrap();
    let read = folder.records().unwrap();
    assert_eq!(read.len(), 3);
    assert_eq!((read[2].step, read[2].selectivity["D"]), (3, 0.25));
    // A last line without a line break is whole.
    fs::write(folder.file(names::RECORDS), records(1..=3).trim_end()).unwrap();
    assert_eq!(folder.records().unwrap(), read);
}

#[test]
fn gaps_and_damaged_lines_are_named() {
    let gap = refused(&records([1, 2, 4]));
    assert_parts(&gap, &["line 3: step 4 where step 3 is expected"]);
    let twice = refused(&records([1, 2, 2]));
    assert_parts(&twice, &["line 3: step 2 where step 3 is expected"]);
    let late = refused(&records([2, 3]));
    assert_parts(&late, &["line 1: step 2 where step 1 is expected"]);
    let torn = records(1..=3);
    let torn = refused(&torn[..torn.len() - 20]);
    assert_parts(&torn, &["line 3: not a training step"]);
    let other = refused(&format!("{}{{}}\n", records(1..=1)));
    assert_parts(&other, &["line 2: not a training step", "missing field"]);
}

#[test]
fn records_that_cannot_be_read_are_not_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::new(dir.path());
    fs::create_dir(folder.file(names::RECORDS)).unwrap();
    let error = folder.records().unwrap_err();
    assert!(matches!(error, ResultsError::Read { .. }), "{error}");
    assert!(!error.to_string().contains("damaged"), "{error}");
}

#[test]
fn checkpoints_are_listed_oldest_first() {
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::new(dir.path());
    assert_eq!(folder.checkpoints().unwrap(), []);
    let error = folder.newest_checkpoint().unwrap_err();
    assert!(matches!(error, ResultsError::NoCheckpoint { .. }));
    let parts = ["no checkpoint yet", "mde train --data DATA --out"];
    assert_parts(&error.to_string(), &parts);

    let steps = [100, 9, 1_000_000_000];
    for step in steps {
        fs::create_dir_all(folder.checkpoint_at(step).folder).unwrap();
    }
    // Unfinished, or none of ours.
    for name in [
        ".step-000000200.a1b2.incomplete",
        "step-",
        "step-x",
        "best",
        "step--1",
    ] {
        fs::create_dir(folder.file(names::CHECKPOINTS).join(name)).unwrap();
    }
    let found = folder.checkpoints().unwrap();
    let found: Vec<u64> = found.iter().map(|checkpoint| checkpoint.step).collect();
    assert_eq!(found, [9, 100, 1_000_000_000]);
    let newest = folder.newest_checkpoint().unwrap();
    assert_eq!(newest, folder.checkpoint_at(1_000_000_000));
    assert!(newest.weights().starts_with(&newest.folder));
    assert!(folder.checkpoint_at(9).folder.ends_with("step-000000009"));

    let file = RunFolder::new(dir.path().join("file"));
    fs::create_dir(file.path()).unwrap();
    fs::write(file.file(names::CHECKPOINTS), "").unwrap();
    assert!(matches!(
        file.checkpoints().unwrap_err(),
        ResultsError::Read { .. }
    ));
}

#[test]
fn the_summary_reads_older_configurations() {
    let now: TrainingSummary = serde_json::from_value(config()).unwrap();
    assert_eq!((now.batch_size, now.init), (2, None));
    assert_eq!(config()["format"], CONFIG_FORMAT);
    let mut older = config();
    let keys = older.as_object_mut().unwrap();
    keys.remove("init");
    let batch = keys.remove("batch_size").unwrap();
    keys.insert("batch".into(), batch);
    let older: TrainingSummary = serde_json::from_value(older).unwrap();
    assert_eq!((older.batch_size, older.init), (2, None));
    assert_eq!(older.assignment, now.assignment);
}

#[test]
fn initial_weights_are_known_by_their_content() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("weights.safetensors");
    assert!(InitialWeights::new(&file, InitialPart::Encoder).is_err());
    fs::write(&file, "weights").unwrap();
    let init = InitialWeights::new(&file, InitialPart::Encoder).unwrap();
    assert_eq!(init.hash, blake3::hash(b"weights").to_string());
    let json = serde_json::to_value(&init).unwrap();
    assert_eq!(json["part"], json!("encoder"));
    assert_eq!(
        serde_json::from_value::<InitialWeights>(json).unwrap(),
        init
    );
}
