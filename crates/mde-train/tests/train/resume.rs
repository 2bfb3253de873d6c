//! Interrupted runs end in the same numbers as undisturbed ones.

use std::fs::{self, OpenOptions};
use std::io::Write;

use mde_results::ResultsError;
use mde_train::{RunConfig, TrainError};

use crate::common::{
    Data, STEPS, checkpoints, end, newest, path, plain, records, undisturbed, usual,
};

#[test]
fn a_run_killed_after_any_step_ends_as_an_undisturbed_one() {
    let data = Data::new();
    let config = usual();
    for step in 1..=STEPS {
        let name = format!("killed{step}");
        let folder = data.folder(&name);
        data.train_killed_after(step, &name, &config);
        // The step is recorded; the newest checkpoint is of an earlier one.
        assert_eq!(records(&folder).len() as u64, step);
        let saved = (step - 1) / 2 * 2;
        assert_eq!(newest(&folder), (saved > 0).then_some(saved));

        let mut steps = Vec::new();
        data.train_watched(&name, &config, &mut |record| steps.push(record.step))
            .unwrap();
        assert_eq!(steps, Vec::from_iter(saved + 1..=STEPS));
        assert!(&end(&folder) == undisturbed(), "killed after step {step}");
        assert_eq!(checkpoints(&folder), [format!("step-{STEPS:09}")]);
    }
}

#[test]
fn a_run_killed_again_and_again_ends_as_an_undisturbed_one() {
    let data = Data::new();
    for step in [1, 3, 4] {
        data.train_killed_after(step, "killed", &usual());
    }
    data.train("killed", &usual()).unwrap();
    assert!(&end(&data.folder("killed")) == undisturbed());
}

#[test]
fn what_a_kill_leaves_half_written_is_passed_over() {
    let data = Data::new();
    data.train_killed_after(3, "killed", &usual());
    let folder = data.folder("killed");
    let half = path(&folder, "checkpoint/.step-000000004.Ab12Cd.incomplete");
    fs::create_dir(&half).unwrap();
    fs::write(half.join("weights.safetensors"), "half").unwrap();
    let mut records = OpenOptions::new()
        .append(true)
        .open(path(&folder, "metrics.jsonl"))
        .unwrap();
    records.write_all(b"{\"step\":4,\"epo").unwrap();
    drop(records);

    data.train("killed", &usual()).unwrap();
    assert!(&end(&folder) == undisturbed());
    assert_eq!(checkpoints(&folder), [format!("step-{STEPS:09}")]);
}

#[test]
fn a_finished_run_is_left_alone() {
    let data = Data::new();
    data.train("run", &usual()).unwrap();
    let folder = data.folder("run");
    let expected = end(&folder);
    // A later version of the program resumes it, too.
    let mut config = usual();
    config.version = "9.9.9".to_owned();
    data.train_watched("run", &config, &mut |_| panic!("a step"))
        .unwrap();
    assert!(end(&folder) == expected);
    assert_eq!(RunConfig::read(&folder).unwrap(), usual());
}

/// Earlier versions wrote `batch` where `batch_size` is written now.
#[test]
fn a_run_with_an_older_configuration_resumes() {
    let data = Data::new();
    data.train_killed_after(3, "run", &usual());
    let folder = data.folder("run");
    let config = path(&folder, "config.json");
    let text = fs::read_to_string(&config).unwrap();
    let older = text.replace("\"batch_size\":", "\"batch\":");
    assert_ne!(older, text);
    fs::write(&config, &older).unwrap();
    assert_eq!(RunConfig::read(&folder).unwrap(), usual());
    data.train("run", &usual()).unwrap();
    assert!(&end(&folder) == undisturbed());
    assert_eq!(fs::read_to_string(&config).unwrap(), older);
}

#[test]
fn a_broken_checkpoint_is_an_error_that_names_the_file() {
    let data = Data::new();
    data.train_killed_after(3, "run", &usual());
    let folder = data.folder("run");
    let before = fs::read(path(&folder, "metrics.jsonl")).unwrap();
    for (file, content) in [
        ("weights.safetensors", None),
        ("optimiser.safetensors", None),
        ("state.json", None),
        ("state.json", Some("{\"format\":1}")),
    ] {
        let broken = folder.newest_checkpoint().unwrap().folder.join(file);
        let whole = fs::read(&broken).unwrap();
        let content = content.map_or(&whole[..whole.len() / 2], str::as_bytes);
        fs::write(&broken, content).unwrap();
        let error = data.train("run", &usual()).unwrap_err();
        assert!(
            matches!(error, TrainError::BrokenCheckpoint { .. }),
            "{error}"
        );
        assert!(
            error.to_string().contains(&broken.display().to_string()),
            "{error}"
        );
        assert_eq!(before, fs::read(path(&folder, "metrics.jsonl")).unwrap());
        fs::write(&broken, whole).unwrap();
    }
    // After the file is restored, the run resumes from it.
    data.train("run", &usual()).unwrap();
    assert!(&end(&folder) == undisturbed());
}

#[test]
fn a_folder_without_checkpoint_says_so() {
    let data = Data::new();
    let folder = data.folder("nothing");
    let error = folder.newest_checkpoint().unwrap_err();
    assert!(
        matches!(error, ResultsError::NoCheckpoint { .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("mde train --data DATA --out"),
        "{error}"
    );
    let error = RunConfig::read(&folder).unwrap_err();
    assert!(matches!(error, TrainError::NoRun { .. }), "{error}");
}

#[test]
fn a_file_that_is_gone_is_not_a_damaged_one() {
    let data = Data::new();
    data.train_killed_after(3, "run", &usual());
    let checkpoint = data.folder("run").newest_checkpoint().unwrap();
    for file in [
        checkpoint.weights(),
        checkpoint.optimiser(),
        checkpoint.state(),
    ] {
        let moved = file.with_extension("moved");
        fs::rename(&file, &moved).unwrap();
        let error = data.train("run", &usual()).unwrap_err();
        assert!(matches!(error, TrainError::File { .. }), "{error}");
        assert!(!error.to_string().contains("remove"), "{error}");
        fs::rename(&moved, &file).unwrap();
    }
    data.train("run", &usual()).unwrap();
    assert!(&end(&data.folder("run")) == undisturbed());
}

#[test]
fn a_missing_record_is_told_before_anything_is_written() {
    let data = Data::new();
    data.train_killed_after(3, "run", &usual());
    let records = path(&data.folder("run"), "metrics.jsonl");
    let text = fs::read_to_string(&records).unwrap();
    let without_first: String = text
        .lines()
        .skip(1)
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(&records, &without_first).unwrap();
    let error = data.train("run", &usual()).unwrap_err();
    assert!(
        matches!(error, TrainError::MissingRecords { .. }),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&records).unwrap(), without_first);
}

#[test]
fn a_checkpoint_of_a_later_step_stays() {
    let data = Data::new();
    data.train_killed_after(1, "run", &usual());
    let later = data.folder("run").checkpoint_at(900).folder;
    fs::create_dir_all(later.parent().unwrap()).unwrap();
    let mut watch = |_: &mde_results::StepRecord| fs::create_dir_all(&later).unwrap();
    data.train_watched("run", &usual(), &mut watch).unwrap();
    assert!(later.exists());
}

#[test]
fn data_that_changed_is_refused_unless_it_is_accepted() {
    let data = Data::new();
    data.train_killed_after(3, "run", &usual());
    let mut changed = usual();
    changed.data.fingerprint = "ff".to_owned();
    changed.data.mean_depth = 2.75;
    let error = data.train("run", &changed).unwrap_err();
    assert!(matches!(error, TrainError::DataChanged { .. }), "{error}");
    assert!(
        error.to_string().contains("--accept-changed-data"),
        "{error}"
    );

    let mut steps = Vec::new();
    let mut watch = |record: &mde_results::StepRecord| steps.push(record.step);
    data.train_with("run", &changed, true, &mut watch).unwrap();
    assert_eq!(steps, [3, 4]);
    let folder = data.folder("run");
    // The images are the same: only the recorded fingerprint differs.
    assert!(&end(&folder) == undisturbed());
    let config = RunConfig::read(&folder).unwrap();
    assert_eq!(config.data.fingerprint, "ff");
    assert_eq!(config.data.earlier.len(), 1);
    assert_eq!(config.data.earlier[0].fingerprint, usual().data.fingerprint);
    assert_eq!(config.data.earlier[0].steps, 2);
    // From now on it is the run of the changed data.
    data.train("run", &changed).unwrap();
    assert!(data.train("run", &usual()).is_err());
}

#[cfg(unix)]
#[test]
fn files_of_a_checkpoint_have_the_permissions_of_other_files() {
    use std::os::unix::fs::PermissionsExt;
    let data = Data::new();
    data.train("run", &plain()).unwrap();
    let folder = data.folder("run");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let expected = path(&folder, "new");
    fs::write(&expected, "").unwrap();
    let checkpoint = folder.newest_checkpoint().unwrap();
    for file in [
        checkpoint.weights(),
        checkpoint.optimiser(),
        checkpoint.state(),
    ] {
        assert_eq!(mode(&file), mode(&expected), "{}", file.display());
    }
}
