//! Reports with statistics, ablation and correction: their contents and omissions.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::path::{Path, PathBuf};

use common::analyses::{add_analyses, add_statistics, around, write_analyses};
use common::{
    ASSIGNED, LAYERS, PLAIN, Spec, dissection, edit, evaluation, layer, provenance, write_json,
    write_run,
};
use mde_metrics::statistics::Bootstrap;
use mde_report::ReportError;
use mde_results::{
    AccuracyComparison, FORMAT, LayerComparison, MetricComparison, RunComparison,
    SelectivityComparison, UnitWarning,
};
use serde_json::{Value, json};
use tempfile::TempDir;

fn whole(folder: &Path, spec: &Spec) {
    write_run(folder, spec);
    add_analyses(folder, spec);
}

fn both() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    whole(&folder.path().join("plain"), &PLAIN);
    whole(&folder.path().join("assigned"), &ASSIGNED);
    folder
}

fn report_of(
    runs: &[PathBuf],
    comparison: Option<RunComparison>,
    out: &Path,
) -> Result<String, ReportError> {
    let runs: Vec<&Path> = runs.iter().map(PathBuf::as_path).collect();
    let paths = match comparison {
        None => common::report(&runs, "Rooms", out)?,
        Some(comparison) => {
            common::report_with(&runs, "Rooms", out, |_, _| Ok(comparison.clone()))?
        }
    };
    Ok(std::fs::read_to_string(paths.html).unwrap())
}

fn report_both(folder: &Path) -> Result<String, ReportError> {
    report_of(
        &[folder.join("plain"), folder.join("assigned")],
        None,
        &folder.join("out"),
    )
}

/// The data that the page carries.
fn data(html: &str) -> Value {
    let (_, rest) = html
        .split_once("<script type=\"application/json\" id=\"data\">")
        .unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

/// Assigned less plain, as `mde compare` computes it, with round numbers.
fn comparison() -> RunComparison {
    let layer = |name: &str| LayerComparison {
        layer: name.to_owned(),
        units: PLAIN.units,
        images: PLAIN.images,
        counted: true,
        defined_in_both: PLAIN.units,
        defined_only_in_first: 0,
        defined_only_in_second: 0,
        selectivity: Some(SelectivityComparison {
            first: 0.3,
            second: 0.5,
            difference: around(0.2, 0.05),
        }),
        unit_differences: vec![Some(0.2); PLAIN.units],
        by_unit: Some(around(0.2, 0.07)),
        higher: 10,
        lower: 2,
    };
    RunComparison {
        format: FORMAT,
        first: provenance(&PLAIN),
        second: provenance(&ASSIGNED),
        bootstrap: Bootstrap::default(),
        accuracy: AccuracyComparison {
            protocol: "nyu-mff".to_owned(),
            images: PLAIN.images,
            metrics: vec![MetricComparison {
                metric: "abs_rel".to_owned(),
                first: 0.2,
                second: 0.21,
                difference: around(0.01, 0.002),
            }],
        },
        layers: LAYERS.iter().map(|name| layer(name)).collect(),
        layers_left_out: Vec::new(),
        selectivity: Some(SelectivityComparison {
            first: 0.3,
            second: 0.5,
            difference: around(0.2, 0.05),
        }),
    }
}

#[test]
fn the_answer_states_differences_with_intervals() {
    let folder = both();
    let runs = ["plain", "assigned"].map(|name| folder.path().join(name));
    let out = folder.path().join("out");
    let html = report_of(&runs, Some(comparison()), &out).unwrap();
    for sentence in [
        "With assignment, AbsRel rose by 0.0100 (95\u{a0}% interval 0.0080 to 0.0120), from 0.2000 to 0.2100 (+5.0\u{a0}%)",
        "The mean selectivity of the units in D and MFF rose by 0.200 (95\u{a0}% interval 0.150 to 0.250), from 0.300 to 0.500. \
         20 units are more selective in the assigned model, 4 in the plain model.",
        "In D, removing units most selective first instead of in random order changes AbsRel by \u{2212}0.0100 (interval \
         \u{2212}0.0220 to 0.0020, no clear difference) in the plain model and by +0.0400 (interval 0.0280 to 0.0520) in the \
         assigned model. Correcting all units of D changes AbsRel by \u{2212}0.0720 (\u{2212}40.0\u{a0}%, interval \u{2212}0.0869 \
         to \u{2212}0.0571) in the plain model and",
        "The mean changes by +0.200 (95\u{a0}% interval 0.150 to 0.250 over images, 0.130 to 0.270 over units).",
        "<td>0.0080 to 0.0120</td>",
    ] {
        assert!(html.contains(sentence), "{sentence}");
    }
    let csv = std::fs::read_to_string(out.join("tables/accuracy.csv")).unwrap();
    assert!(
        csv.starts_with("Metric,Plain,Assigned,Change,Change 95 % low,Change 95 % high,"),
        "{csv}"
    );

    let mut open = comparison();
    open.accuracy.metrics[0].difference = around(0.01, 0.02);
    let html = report_of(&runs, Some(open), &out).unwrap();
    assert!(html.contains(
        "AbsRel did not clearly change (from 0.2000 to 0.2100; difference +0.0100, 95\u{a0}% interval \u{2212}0.0100 to 0.0300)"
    ));
}

#[test]
fn a_comparison_of_other_weights_is_refused() {
    let folder = both();
    let runs = ["plain", "assigned"].map(|name| folder.path().join(name));
    let mut other = comparison();
    other.second.checkpoint = "0123".to_owned();
    let error = report_of(&runs, Some(other), &folder.path().join("out")).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("0123") && message.contains("assigned"),
        "{message}"
    );
}

#[test]
fn one_run_states_its_intervals_chance_and_units() {
    let folder = tempfile::tempdir().unwrap();
    whole(folder.path(), &PLAIN);
    let html = report_of(
        &[folder.path().to_owned()],
        None,
        &folder.path().join("out"),
    )
    .unwrap();
    let mut expected = layer(&PLAIN, "D");
    add_statistics(&mut expected);
    let mean = expected.valid_bins.mean.unwrap();
    let sentence = format!(
        "mean depth selectivity of the units is {mean:.3} ({:.3} to {:.3}) in D and",
        mean - 0.03,
        mean + 0.03
    );
    assert!(html.contains(&sentence), "{sentence}");
    let nulls = LAYERS.map(|name| {
        let mut layer = layer(&PLAIN, name);
        add_statistics(&mut layer);
        layer.null.unwrap()
    });
    let above: usize = nulls.iter().map(|null| null.above).sum();
    let tested: usize = nulls.iter().map(|null| null.tested).sum();
    let sentence = format!("{above} of {tested} units exceed the chance level (p &lt; 0.05)");
    assert!(html.contains(&sentence), "{sentence}");
    let abs_rel = evaluation(&PLAIN).summary.mean.abs_rel;
    let values: Vec<f64> = evaluation(&PLAIN)
        .per_image
        .iter()
        .map(|image| image.errors.abs_rel)
        .collect();
    let interval = Bootstrap::default()
        .mean(&values)
        .unwrap()
        .interval
        .unwrap();
    let sentence = format!(
        "AbsRel is {abs_rel:.4} (95\u{a0}% interval {:.4} to {:.4} over 3 images)",
        interval.low, interval.high
    );
    assert!(html.contains(&sentence), "{sentence}");
    assert!(html.contains(
        "changes AbsRel by \u{2212}0.0100 (interval \u{2212}0.0220 to 0.0020, no clear difference). Correcting"
    ));
    assert!(!html.contains("Not measured, and"));
}

#[test]
fn the_page_carries_every_unit() {
    let folder = both();
    let data = data(&report_both(folder.path()).unwrap());
    assert_eq!(data["panels"].as_array().unwrap().len(), 2 * LAYERS.len());
    let mut expected = layer(&ASSIGNED, "D");
    add_statistics(&mut expected);
    let panel = &data["panels"][2];
    assert_eq!(
        (panel["model"].as_str(), panel["layer"].as_str()),
        (Some("assigned"), Some("D"))
    );
    let units = panel["units"].as_array().unwrap();
    assert_eq!(units.len(), ASSIGNED.units);
    for unit in units {
        let number = unit["unit"].as_u64().unwrap() as usize;
        let close = |found: &Value, expected: Option<f64>| {
            let (found, expected) = (found.as_f64().unwrap(), expected.unwrap());
            assert!(
                (found - expected).abs() <= 1e-4 * expected.abs(),
                "{found} {expected}"
            );
        };
        let scored = &expected.valid_bins;
        close(&unit["selectivity"], scored.units[number].selectivity);
        close(&unit["held_out"], scored.held_out.units[number]);
        close(
            &unit["null_95"],
            expected.null.as_ref().unwrap().units[number].quantile_95,
        );
        close(&unit["mean"][3], expected.mean_response[number][3]);
        close(
            &unit["low"][3],
            expected.response_intervals[number][3].map(|interval| interval.low),
        );
        assert_eq!(
            unit["assigned"].as_u64(),
            Some(number as u64),
            "as many bins as units"
        );
        assert!(unit["zero"][0].is_number() && unit["gain"].is_number());
        assert_eq!(unit["mean"][0], Value::Null, "the empty first bin");
        // The last unit has one image only.
        assert_eq!(
            unit["top"].as_array().unwrap().len(),
            if number + 1 == ASSIGNED.units { 1 } else { 3 }
        );
    }
    assert_eq!(
        data["photos"].as_array().unwrap().len(),
        ASSIGNED.images,
        "each photograph once"
    );
    assert_eq!(panel["missing"], json!([]));
}

#[test]
fn stages_that_were_not_run_are_left_out_with_their_command() {
    let folder = both();
    let plain = folder.path().join("plain");
    std::fs::remove_file(plain.join("ablate.json")).unwrap();
    std::fs::remove_file(plain.join("correct.json")).unwrap();
    let html = report_both(folder.path()).unwrap().replace("&#x2f;", "/");
    for stage in ["ablate", "correct"] {
        let command = format!(
            "mde {stage} --run {} --data rooms:DIR --protocol nyu-mff",
            plain.display()
        );
        assert!(
            html.contains(&format!("<code>{command}</code>")),
            "{command}"
        );
    }
    assert!(
        html.contains("id=\"ablation\""),
        "the other model’s is there"
    );
    let panels = data(&html);
    assert!(
        panels["panels"][0]["missing"]
            .to_string()
            .contains("mde ablate")
    );
    assert_eq!(panels["panels"][0]["units"][0]["zero"], Value::Null);

    for name in ["plain", "assigned"] {
        write_run(
            &folder.path().join(name),
            if name == "plain" { &PLAIN } else { &ASSIGNED },
        );
        let _ = std::fs::remove_file(folder.path().join(name).join("ablate.json"));
        let _ = std::fs::remove_file(folder.path().join(name).join("correct.json"));
    }
    let html = report_both(folder.path()).unwrap();
    assert!(
        !html.contains("id=\"ablation\"")
            && !html.contains("id=\"correction\"")
            && !html.contains("href=\"#ablation\"")
    );
    assert!(html.contains("Plain: the chance level, other bins and the images with the strongest response. <code>mde dissect --run"));
}

#[test]
fn weights_that_were_not_trained_here_have_a_report() {
    let folder = tempfile::tempdir().unwrap();
    whole(folder.path(), &PLAIN);
    std::fs::remove_file(folder.path().join("config.json")).unwrap();
    std::fs::remove_file(folder.path().join("metrics.jsonl")).unwrap();
    std::fs::remove_file(folder.path().join("ablate.json")).unwrap();
    let html = report_of(
        &[folder.path().to_owned()],
        None,
        &folder.path().join("out"),
    )
    .unwrap();
    assert!(html.contains("mff-tiny with weights that were not trained here (blake3 aaaaaaaaaaaa…). Evaluated on 3 images"));
    let command = format!(
        "mde ablate --model mff-tiny --weights FILE --out {} --data rooms:DIR",
        folder.path().display()
    );
    assert!(html.contains(&command), "{command}");
    assert!(html.contains("No training log"));
}

#[test]
fn any_two_runs_are_shown_under_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let runs = ["seed-1", "seed <2>"].map(|name| folder.path().join(name));
    for run in &runs {
        whole(run, &PLAIN);
    }
    let html = report_of(&runs, None, &folder.path().join("out")).unwrap();
    assert!(html.contains("From seed-1 to seed &lt;2&gt;, AbsRel did not change"));
    assert!(html.contains("href=\"#unit=second/MFF/3\""));
    assert!(!html.contains("seed <2>"));
}

#[test]
fn a_newer_dissection_is_mentioned() {
    let folder = both();
    edit(
        &folder.path().join("plain/dissect.json"),
        "/bootstrap/seed",
        json!(5),
    );
    let html = report_both(folder.path()).unwrap();
    assert!(html.contains("The plain model was dissected again after <code>mde ablate</code>"));
    assert!(!html.contains("The assigned model was dissected again"));
}

/// Every optional value is undefined: one unit, one bin, no image, no value.
#[test]
fn a_layer_of_one_unit_and_no_images_still_has_a_page() {
    let spec = Spec {
        units: 1,
        images: 0,
        ..PLAIN
    };
    let folder = tempfile::tempdir().unwrap();
    write_run(
        folder.path(),
        &Spec {
            images: 1,
            ..spec.clone()
        },
    );
    edit(
        &folder.path().join("evaluate.json"),
        "/per_image",
        json!([]),
    );
    edit(&folder.path().join("evaluate.json"), "/by_depth", json!([]));
    let mut dissection = dissection(&spec);
    for layer in &mut dissection.layers {
        add_statistics(layer);
        layer.mean_response = vec![vec![None]];
        layer.response_intervals = vec![vec![None]];
        for part in [&mut layer.reference, &mut layer.valid_bins] {
            part.mean = None;
            part.interval = None;
            part.unit_intervals = vec![None];
            part.held_out.mean = None;
            part.held_out.units = vec![None];
            part.units[0].selectivity = None;
            part.units[0].preferred_bin = None;
            part.units[0].response = None;
        }
        let null = layer.null.as_mut().unwrap();
        (null.mean, null.above, null.tested) = (None, 0, 0);
        null.units[0].mean = None;
        null.units[0].quantile_95 = None;
        null.units[0].p_value = None;
        for score in &mut layer.discretisations {
            (score.valid_bins, score.reference, score.flat_floor) = (None, None, None);
        }
    }
    write_analyses(folder.path(), &spec, &dissection);
    let correct = folder.path().join("correct.json");
    for pointer in [
        "indicator/spearman",
        "indicator/spearman_of_depth",
        "all_units/relative_reduction",
        "all_units/abs_rel_reduction/interval",
        "single_units/0/abs_rel_reduction/interval",
    ] {
        edit(&correct, &format!("/layers/0/{pointer}"), json!(null));
    }
    edit(
        &folder.path().join("ablate.json"),
        "/layers/0/areas/0/abs_rel/interval",
        json!(null),
    );
    let html = report_of(
        &[folder.path().to_owned()],
        None,
        &folder.path().join("out"),
    )
    .unwrap();
    let shown = html.split("<script>").next().unwrap();
    assert!(!shown.contains("NaN") && !shown.contains("inf\"") && !shown.contains("infinity"));
    assert!(shown.contains("Selectivity could not be computed"));
    assert!(shown.contains("not defined: score or error does not vary"));
    assert_eq!(
        data(&html)["panels"][0]["units"][0]["selectivity"],
        Value::Null
    );
}

#[test]
fn outside_names_are_escaped_everywhere() {
    let nasty = "</script><img src=x onerror=alert(1)>\"'";
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), &PLAIN);
    let mut dissection = dissection(&PLAIN);
    dissection.layers.iter_mut().for_each(add_statistics);
    write_analyses(folder.path(), &PLAIN, &dissection);
    // The names of layers and images in every document; files keep theirs.
    for (file, lists) in [
        ("dissect.json", ["layers"].as_slice()),
        ("ablate.json", &["layers"]),
        ("correct.json", &["layers"]),
    ] {
        let path = folder.path().join(file);
        let mut json: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for list in lists {
            json[list][0]["layer"] = json!(nasty);
        }
        if file == "correct.json" {
            json["layers"][0]["per_image"][0]["id"] = json!(nasty);
        }
        write_json(&path, &json);
    }
    edit(
        &folder.path().join("evaluate.json"),
        "/per_image/0/id",
        json!(nasty),
    );
    let html = report_of(
        &[folder.path().to_owned()],
        None,
        &folder.path().join("out"),
    )
    .unwrap();
    assert!(!html.contains("<img src=x") && !html.contains("</script><img"));
    assert_eq!(
        html.matches("</script>").count(),
        2,
        "the data’s end and the script’s"
    );
    let data = data(&html);
    assert_eq!(data["panels"][0]["layer"], nasty);
    assert!(html.contains("href=\"#unit=plain&#x2f;%3C%2Fscript%3E%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E%22&#x27;&#x2f;0\""), "the address is escaped twice");
    let csv = data["tables"]["correction_images"].as_str().unwrap();
    assert!(
        csv.contains("\"</script><img src=x onerror=alert(1)>\"\"'\""),
        "{csv}"
    );
}

#[test]
fn a_run_without_a_dissection_has_a_page_without_that_section() {
    let folder = tempfile::tempdir().unwrap();
    write_run(folder.path(), &PLAIN);
    std::fs::remove_file(folder.path().join("dissect.json")).unwrap();
    let out = folder.path().join("out");
    let html = report_of(&[folder.path().to_owned()], None, &out).unwrap();
    assert!(html.contains("id=\"accuracy\"") && html.contains("id=\"maps\""));
    for part in ["selectivity-title", "units-title", "unit-tools", "#units"] {
        assert!(!html.contains(part), "{part}");
    }
    let html = html.replace("&#x2f;", "/");
    let missing = "depth selectivity. <code>mde dissect --run";
    assert!(html.contains(missing), "{missing}");
    assert!(!out.join("tables/selectivity.csv").exists());
    let markdown = std::fs::read_to_string(out.join("report.md")).unwrap();
    assert!(markdown.contains("## Accuracy") && !markdown.contains("## Depth selectivity"));
}

#[test]
fn a_wrong_unit_is_a_warning() {
    let folder = both();
    let evaluation = folder.path().join("assigned/evaluate.json");
    let warning = UnitWarning::check(10.2).unwrap();
    assert!(
        !report_both(folder.path())
            .unwrap()
            .contains("role=\"alert\"")
    );
    edit(&evaluation, "/unit_warning", json!(warning));
    let html = report_both(folder.path()).unwrap();
    let text = format!(
        "In the assigned model, the median ratio of prediction to ground truth is 10.200, far from 1: {}.",
        warning.likely
    );
    assert!(html.contains(&text), "{text}");
    assert!(html.contains("role=\"alert\""));
}
