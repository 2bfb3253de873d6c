//! All documents of a folder, read together: what is accepted and what is refused.

use std::fs;
use std::path::Path;

use mde_results::{Provenance, ResultsError, RunFolder, RunResults, names};
use serde_json::{Value, json};

use crate::common::{
    LAYER, assert_parts, corrected_examples, edit, examples, tallies, top_images, write_analyses,
    write_run,
};

/// The error of reading a run after a change; the message has all parts.
#[track_caller]
fn refused(change: impl FnOnce(&Path), parts: &[&str]) -> ResultsError {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run");
    write_run(&path);
    change(&path);
    let error = RunResults::read(&path).unwrap_err();
    assert_parts(&error.to_string(), parts);
    assert_parts(&error.to_string(), &[path.to_str().unwrap()]);
    error
}

fn remove(file: &str) -> impl FnOnce(&Path) {
    move |run| fs::remove_file(run.join(file)).unwrap()
}

#[test]
fn a_whole_run_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let folder = write_run(dir.path());
    let run = RunResults::read(dir.path()).unwrap();
    assert_eq!(run.folder, folder);
    assert_eq!(run.config.as_ref().unwrap().batch_size, 2);
    assert_eq!(run.config_json.as_ref().unwrap()["seed"], 7);
    assert_eq!((run.training.len(), run.outdated.len()), (3, 0));
    assert_eq!(run.assigned_layers(), [LAYER]);
    assert_eq!(run.layers().len(), 1);
    assert!(run.ablated(LAYER).is_some() && run.ablated("E").is_none());
    let layer = run.layer(LAYER).unwrap();
    assert_eq!(run.examples().unwrap(), examples());
    assert_eq!(run.top_images(layer).unwrap().unwrap(), top_images());
    let maps = run.corrected_maps(run.corrected(LAYER).unwrap()).unwrap();
    assert_eq!(maps, corrected_examples());
    let (read, hash) = folder.tallies(layer, "mde dissect").unwrap();
    assert_eq!(read, tallies(1.0));
    let file = folder.file(&names::tally(LAYER));
    assert_eq!(hash, mde_files::hash_file(&file).unwrap());
}

#[test]
fn stages_that_were_not_run_may_be_absent() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path());
    for file in [names::CORRECTION, names::ABLATION, names::DISSECTION] {
        remove(file)(dir.path());
        let run = RunResults::read(dir.path()).unwrap();
        assert_eq!(run.correction, None);
        assert_eq!(run.dissection.is_none(), file == names::DISSECTION);
    }
    let run = RunResults::read(dir.path()).unwrap();
    assert!(run.layers().is_empty());
    let message = run.required_dissection().unwrap_err().to_string();
    let command = format!(
        "run `mde dissect --run {} --data rooms:DIR`",
        dir.path().display()
    );
    assert_parts(&message, &["dissect.json is missing", &command]);
}

#[test]
fn commands_name_what_the_folder_knows() {
    let dir = tempfile::tempdir().unwrap();
    let folder = write_run(dir.path());
    let shown = dir.path().display();
    for file in [names::CONFIG, names::RECORDS] {
        remove(file)(dir.path());
    }
    let command = |data: &str, checkpoint: &str, stage: &str| {
        for file in [
            names::EVALUATION,
            names::DISSECTION,
            names::ABLATION,
            names::CORRECTION,
        ] {
            edit(&folder.file(file), "/provenance/data", json!(data));
            edit(
                &folder.file(file),
                "/provenance/checkpoint",
                json!(checkpoint),
            );
        }
        RunResults::read(dir.path()).unwrap().command(stage)
    };
    assert_eq!(
        command("nyu", "00", "ablate"),
        format!(
            "mde ablate --model mff-tiny --weights FILE --out {shown} --data nyu:DIR \
             --protocol nyu-full"
        )
    );
    // A data set of the user's own is named by its folder.
    assert_parts(&command("lab", "00", "ablate"), &["--data DIR"]);
    let stored = format!("{}00", Provenance::STORED);
    assert_eq!(
        command("nyu", &stored, "evaluate"),
        format!(
            "mde evaluate --pred PATH --gt PATH --protocol nyu-full --name mff-tiny --out {shown}"
        )
    );
    assert_parts(
        &command("nyu", &stored, "dissect"),
        &["mde dissect --features FILE --dataset NAME --name mff-tiny"],
    );
}

#[test]
fn missing_files_name_the_command() {
    let error = refused(
        |run| fs::remove_dir_all(run).unwrap(),
        &["no such folder", "mde train"],
    );
    assert!(matches!(error, ResultsError::NoFolder { .. }));
    for (file, command) in [
        (names::CONFIG, "run `mde train --data DATA --out "),
        (names::EVALUATION, "run `mde evaluate --run "),
    ] {
        let error = refused(remove(file), &[file, "is missing", command]);
        assert!(matches!(error, ResultsError::Missing { .. }), "{error}");
    }
    // An analysis of a dissection that is gone.
    let error = refused(
        remove(names::DISSECTION),
        &[
            "dissect.json is missing",
            "run `mde dissect --run ",
            "--data rooms:DIR",
        ],
    );
    assert!(matches!(error, ResultsError::Missing { .. }));

    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path());
    let run = RunResults::read(dir.path()).unwrap();
    let layer = run.layer(LAYER).unwrap();
    let corrected = run.corrected(LAYER).unwrap();
    for file in [
        names::EXAMPLES,
        &layer.tally,
        &names::top_images(LAYER),
        &corrected.maps,
    ] {
        remove(file)(dir.path());
    }
    for (error, file, stage) in [
        (run.examples().unwrap_err(), names::EXAMPLES, "evaluate"),
        (run.top_images(layer).unwrap_err(), "D-top", "dissect"),
        (
            run.corrected_maps(corrected).unwrap_err(),
            "D-maps",
            "correct",
        ),
    ] {
        let command = format!("run `mde {stage} --run ");
        assert_parts(&error.to_string(), &[file, "is missing", &command]);
    }
}

#[test]
fn damaged_files_name_the_command() {
    let cut = |file: &'static str| {
        move |run: &Path| {
            let whole = fs::read(run.join(file)).unwrap();
            fs::write(run.join(file), &whole[..whole.len() / 2]).unwrap();
        }
    };
    for (file, stage) in [
        (names::CONFIG, "train --data DATA --out"),
        (names::RECORDS, "train --data DATA --out"),
        (names::EVALUATION, "evaluate --run"),
        (names::DISSECTION, "dissect --run"),
        (names::ABLATION, "ablate --run"),
        (names::CORRECTION, "correct --run"),
    ] {
        let command = format!("run `mde {stage} ");
        let error = refused(cut(file), &[file, "damaged or half-written", &command]);
        assert!(matches!(error, ResultsError::Malformed { .. }));
        let directory = |run: &Path| {
            fs::remove_file(run.join(file)).unwrap();
            fs::create_dir(run.join(file)).unwrap();
        };
        let error = refused(directory, &["cannot read", file]);
        assert!(matches!(error, ResultsError::Read { .. }), "{error}");
        assert!(!error.to_string().contains("damaged"), "{error}");
    }

    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path());
    let run = RunResults::read(dir.path()).unwrap();
    cut(names::EXAMPLES)(dir.path());
    let message = run.examples().unwrap_err().to_string();
    assert_parts(
        &message,
        &["examples.safetensors", "damaged", "mde evaluate --run"],
    );
}

#[test]
fn values_that_do_not_fit_are_refused() {
    for (file, pointer, value, parts) in [
        (
            "config.json",
            "/format",
            json!(9),
            &["format 9", "reads format 1"][..],
        ),
        (
            "config.json",
            "/steps",
            json!(-1),
            &["not what this stage writes"],
        ),
        (
            "evaluate.json",
            "/format",
            json!(2),
            &["format 2", "reads format 4"],
        ),
        (
            "evaluate.json",
            "/summary/mean/abs_rel",
            Value::Null,
            &["not what this stage writes"],
        ),
        (
            "ablate.json",
            "/format",
            json!(1),
            &["ablate.json", "format 1", "mde ablate --run"],
        ),
        (
            "dissect.json",
            "/layers/0/mean_response/1",
            json!([0.5]),
            &["layer D: mean_response of unit 1 has 1 bins where 3 are expected"],
        ),
        (
            "dissect.json",
            "/layers/0/response_intervals",
            json!([]),
            &["response_intervals has 0 entries where 2"],
        ),
        (
            "dissect.json",
            "/layers/0/pixels",
            json!([1]),
            &["pixels has 1 entries where 3"],
        ),
        (
            "dissect.json",
            "/layers/0/null/units",
            json!([]),
            &["null.units has 0 entries"],
        ),
        (
            "dissect.json",
            "/layers/0/reference/units",
            json!([]),
            &["layer D, reference: units has 0 entries"],
        ),
        (
            "dissect.json",
            "/layers/0/valid_bins/held_out/units",
            json!([]),
            &["layer D, valid_bins: held_out.units has 0 entries"],
        ),
        (
            "dissect.json",
            "/layers/0/valid_bins/units/0/preferred_bin",
            json!(3),
            &["layer D: preferred bin 3 of 3 bins"],
        ),
        (
            "ablate.json",
            "/layers/0/layer",
            json!("E"),
            &["layer E is not in dissect.json"],
        ),
        (
            "ablate.json",
            "/layers/0/units",
            json!(3),
            &["3 units here and 2 in dissect.json"],
        ),
        (
            "ablate.json",
            "/layers/0/order",
            json!([0]),
            &["order has 1 entries where 2"],
        ),
        (
            "ablate.json",
            "/layers/0/single_removals/0/units",
            json!([]),
            &["single_removals.units has 0 entries"],
        ),
        (
            "ablate.json",
            "/layers/0/curves/0/points/1/by_range",
            json!([]),
            &["by_range has 0 entries"],
        ),
        (
            "ablate.json",
            "/layers/0/curves/0/points/2/removed",
            json!(3),
            &["3 of 2 units removed"],
        ),
        (
            "correct.json",
            "/layers/0/ranking",
            json!([0, 2]),
            &["layer D: unit 2 of 2 units"],
        ),
        (
            "correct.json",
            "/layers/0/groups/0/units",
            json!([7]),
            &["unit 7 of 2 units"],
        ),
        (
            "correct.json",
            "/layers/0/per_image/0/units/0/unit",
            json!(2),
            &["unit 2 of 2"],
        ),
        (
            "correct.json",
            "/layers/0/all_units/by_bin",
            json!([]),
            &["by_bin has 0 entries"],
        ),
        (
            "correct.json",
            "/layers/0/indicator/units",
            json!([]),
            &["indicator.units has 0"],
        ),
    ] {
        refused(|run| edit(&run.join(file), pointer, value), parts);
    }
}

#[test]
fn results_of_other_weights_or_another_model_are_refused() {
    for file in [names::DISSECTION, names::ABLATION, names::CORRECTION] {
        let change = |run: &Path| edit(&run.join(file), "/provenance/checkpoint", json!("0123"));
        let stage = file.strip_suffix(".json").unwrap();
        let command = format!("`mde {stage} --run ");
        let what = format!("evaluate.json and {file} are of different weights (00ff and 0123)");
        let error = refused(change, &[&what, "run `mde evaluate --run ", &command]);
        assert!(matches!(error, ResultsError::StageMismatch { .. }));
    }
    let change = |run: &Path| {
        edit(
            &run.join(names::EVALUATION),
            "/provenance/model",
            json!("meter-xxs"),
        );
    };
    let parts = [
        "evaluate.json is about meter-xxs",
        "the run trained mff-tiny",
        "mde evaluate",
    ];
    let error = refused(change, &parts);
    assert!(matches!(error, ResultsError::OtherModel { .. }));
}

#[test]
fn analyses_of_other_data_or_another_protocol_are_refused() {
    for file in [names::ABLATION, names::CORRECTION] {
        let change = |run: &Path| edit(&run.join(file), "/provenance/data_hash", json!("0a"));
        let error = refused(
            change,
            &[&format!("evaluate.json and {file} are of different data")],
        );
        assert!(matches!(error, ResultsError::StageMismatch { .. }));
        let change = |run: &Path| edit(&run.join(file), "/protocol/alignment", json!("median"));
        let error = refused(
            change,
            &["different protocols", "alignment median", "`mde evaluate"],
        );
        assert!(matches!(error, ResultsError::StageMismatch { .. }));
        // The printed commands have no option that analyses lack.
        let evaluation = |run: &Path| {
            let path = run.join(names::EVALUATION);
            edit(&path, "/protocol/name", json!("nyu-mff, flip average"));
            edit(&path, "/protocol/alignment", json!("median"));
        };
        let message = refused(evaluation, &["flip average", "--protocol nyu-mff`"]).to_string();
        assert!(
            !message.contains("--flip-average") && !message.contains("--align"),
            "{message}"
        );
    }
}

#[test]
fn results_of_an_earlier_checkpoint_are_refused() {
    let change = |run: &Path| {
        let checkpoint = RunFolder::new(run).checkpoint_at(120);
        std::fs::create_dir_all(&checkpoint.folder).unwrap();
        std::fs::write(checkpoint.weights(), "trained further").unwrap();
    };
    let error = refused(
        change,
        &[
            "evaluate.json",
            "reached step 120",
            "run `mde evaluate --run ",
        ],
    );
    assert!(matches!(
        error,
        ResultsError::EarlierCheckpoint { step: 120, .. }
    ));
}

#[test]
fn analyses_of_another_dissection_are_outdated() {
    let dir = tempfile::tempdir().unwrap();
    let folder = write_run(dir.path());
    edit(&folder.file(names::DISSECTION), "/bootstrap/seed", json!(1));
    let run = RunResults::read(dir.path()).unwrap();
    assert_eq!(run.outdated, ["ablate", "correct"]);
    write_analyses(&folder);
    let run = RunResults::read(dir.path()).unwrap();
    assert!(run.outdated.is_empty());
}

#[test]
fn names_of_files_stay_in_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let folder = write_run(dir.path());
    for (file, pointer) in [
        (names::DISSECTION, "/layers/0/tally"),
        (names::DISSECTION, "/layers/0/top_images"),
        (names::CORRECTION, "/layers/0/maps"),
    ] {
        edit(&folder.file(file), pointer, json!("../secret.safetensors"));
    }
    let run = RunResults::read(dir.path()).unwrap();
    let layer = run.layer(LAYER).unwrap();
    for error in [
        folder.tallies(layer, "mde dissect").unwrap_err(),
        run.top_images(layer).unwrap_err(),
        run.corrected_maps(run.corrected(LAYER).unwrap())
            .unwrap_err(),
    ] {
        assert!(matches!(error, ResultsError::Outside(_)), "{error}");
        assert_parts(&error.to_string(), &["\"../secret.safetensors\""]);
    }
}
