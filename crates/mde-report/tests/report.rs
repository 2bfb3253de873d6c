//! Reports of synthetic run folders: the numbers, the page, the tables.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::path::Path;

use common::analyses::add_analyses;
use common::{ASSIGNED, LAYERS, PLAIN, Spec, edit, evaluation, layer, write_run};
use mde_report::WrittenReport;
use serde_json::json;
use tempfile::TempDir;

/// Writes the two runs into `plain` and `assigned` of a fresh folder.
fn runs(plain: &Spec, assigned: &Spec) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_run(&folder.path().join("plain"), plain);
    write_run(&folder.path().join("assigned"), assigned);
    folder
}

fn report(folder: &Path, title: &str) -> WrittenReport {
    let (plain, assigned) = (folder.join("plain"), folder.join("assigned"));
    let out = folder.join("out");
    common::report(&[&plain, &assigned], title, &out).unwrap()
}

/// The report of documents that were edited after the comparison's tallies were written.
fn report_without_intervals(folder: &Path) -> WrittenReport {
    let (plain, assigned) = (folder.join("plain"), folder.join("assigned"));
    let (runs, out) = ([plain.as_path(), &assigned], folder.join("out"));
    common::report_with(&runs, "Rooms", &out, common::without_intervals).unwrap()
}

/// The page without its script: what is shown, and the data.
fn page(path: &Path) -> String {
    let html = read(path);
    html.split("<script>").next().unwrap().to_owned()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_sentence_holds_the_numbers_computed_by_hand() {
    let folder = runs(&PLAIN, &ASSIGNED);
    let at = |name: &str| folder.path().join(name);
    for (name, scores) in [("plain", [0.30, 0.40]), ("assigned", [0.55, 0.75])] {
        for (index, score) in scores.into_iter().enumerate() {
            edit(
                &at(name).join("dissect.json"),
                &format!("/layers/{index}/valid_bins/mean"),
                json!(score),
            );
        }
    }
    edit(
        &at("plain").join("evaluate.json"),
        "/summary/mean/abs_rel",
        json!(0.2),
    );
    edit(
        &at("assigned").join("evaluate.json"),
        "/summary/mean/abs_rel",
        json!(0.19),
    );

    let paths = report_without_intervals(folder.path());
    for sentence in [
        "With assignment, AbsRel fell by 0.0100, from 0.2000 to 0.1900 (\u{2212}5.0\u{a0}%).",
        "The mean selectivity of the units in D and MFF rose by 0.300, from 0.350 to 0.650.",
    ] {
        assert!(
            paths
                .answers
                .iter()
                .any(|answer| answer.starts_with(sentence)),
            "{:?}",
            paths.answers
        );
        assert!(read(&paths.html).contains(sentence), "{sentence}");
        assert!(read(&paths.markdown).contains(sentence), "{sentence}");
    }
}

#[test]
fn the_sentence_words_a_fall_no_change_and_an_undefined_score() {
    let folder = runs(&PLAIN, &ASSIGNED);
    let [plain, assigned] = ["plain", "assigned"].map(|name| folder.path().join(name));
    for run in [&plain, &assigned] {
        edit(
            &run.join("evaluate.json"),
            "/summary/mean/abs_rel",
            json!(0.25),
        );
        edit(
            &run.join("dissect.json"),
            "/layers/1/valid_bins/mean",
            json!(0.5),
        );
    }
    edit(
        &plain.join("dissect.json"),
        "/layers/0/valid_bins/mean",
        json!(0.5),
    );
    edit(
        &assigned.join("dissect.json"),
        "/layers/0/valid_bins/mean",
        json!(0.25),
    );
    let answers = report_without_intervals(folder.path()).answers;
    assert!(
        answers[0].contains("AbsRel did not change"),
        "{}",
        answers[0]
    );
    assert!(
        answers[1].contains("fell by 0.125, from 0.500 to 0.375"),
        "{}",
        answers[1]
    );
    edit(
        &plain.join("dissect.json"),
        "/layers/0/valid_bins/mean",
        json!(null),
    );
    let undefined = &report_without_intervals(folder.path()).answers[1];
    assert!(undefined.contains("could not be compared"), "{undefined}");
}

#[test]
fn both_models_stand_side_by_side() {
    let folder = runs(&PLAIN, &ASSIGNED);
    let paths = report(folder.path(), "Rooms");
    let (html, markdown) = (read(&paths.html), read(&paths.markdown));
    let [plain, assigned] = [&PLAIN, &ASSIGNED].map(|spec| evaluation(spec).summary);

    let (p, a) = (plain.mean.abs_rel, assigned.mean.abs_rel);
    for (cells, text) in [
        (
            format!("<td>{p:.4}</td><td>{a:.4}</td><td>+{:.4}</td>", a - p),
            &html,
        ),
        (format!("| {p:.4} | {a:.4} | +{:.4} |", a - p), &markdown),
    ] {
        let row = text.split(&cells).nth(1).expect(&cells);
        let row = row.lines().next().unwrap();
        assert!(row.contains(" to ") && row.contains("0.4800"), "{row}");
    }
    let pooled = format!(
        "RMSE, pooled pixels (m) ↓</th><td>{:.4}</td><td>{:.4}</td>",
        plain.rmse_pooled, assigned.rmse_pooled
    );
    assert!(html.contains(&pooled), "{pooled}");

    let a = layer(&ASSIGNED, "MFF").valid_bins;
    let owned = a.assigned.unwrap();
    let defined: Vec<f64> = owned.iter().flatten().copied().collect();
    let at_assigned = defined.iter().sum::<f64>() / defined.len() as f64;
    let cells = format!(
        "<td class=\"word\">Assigned</td><td class=\"word\">valid bins</td><td>{:.3}</td><td>{at_assigned:.3}</td>",
        a.mean.unwrap()
    );
    assert!(html.contains(&cells), "{cells}");
    let accuracy = read(&folder.path().join("out/tables/accuracy.csv"));
    let row = accuracy
        .lines()
        .find(|line| line.starts_with("AbsRel,"))
        .unwrap();
    assert!(
        row.starts_with(&format!(
            "AbsRel,{},{},",
            plain.mean.abs_rel, assigned.mean.abs_rel
        )),
        "{row}"
    );
}

#[test]
fn the_page_is_self_contained_and_every_unit_has_its_curve() {
    let folder = runs(&PLAIN, &ASSIGNED);
    let paths = report(folder.path(), "Rooms");
    let html = page(&paths.html);
    for forbidden in [
        "http://",
        "https://",
        "<script src",
        "<link",
        "@import",
        "NaN",
        "infinity",
        "src=\"/",
    ] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    let urls = html.matches(" src=\"").count() + html.matches(" href=\"").count();
    let inside = html.matches(" src=\"data:").count()
        + html.matches(" href=\"data:").count()
        + html.matches(" href=\"#").count();
    assert_eq!(urls, inside, "every address is inside the page");

    for (class, shaded) in [("plain", 0), ("assigned", PLAIN.units * LAYERS.len())] {
        let curves: usize = html
            .split("<div class=\"panel ")
            .filter(|panel| panel.starts_with(class))
            .map(|panel| panel.matches("<svg class=\"tuning\"").count())
            .sum();
        let owned: usize = html
            .split("<div class=\"panel ")
            .filter(|panel| panel.starts_with(class))
            .map(|panel| panel.matches("class=\"assigned-bin\"").count())
            .sum();
        assert_eq!(
            (curves, owned),
            (PLAIN.units * LAYERS.len(), shaded),
            "{class}"
        );
    }
    assert_eq!(html.matches("<img ").count(), 3 * 6);
    assert_eq!(
        html.matches("<svg").count(),
        html.matches("<svg class=\"tuning\" viewBox").count()
            + html.matches("<svg class=\"chart\" viewBox").count()
            + html
                .matches("aria-hidden=\"true\"><path class=\"curve")
                .count()
            + html.matches("<svg class=\"filters\"").count(),
        "every drawing is named or hidden"
    );
    assert_eq!(
        html.matches("<img ").count(),
        html.matches(" alt=\"").count()
    );
    assert_eq!(
        html.matches("<table").count(),
        html.matches("<caption>").count()
    );
}

#[test]
fn tables_hold_every_unit_bin_and_image() {
    let folder = runs(&PLAIN, &ASSIGNED);
    let paths = report(folder.path(), "Rooms");
    assert!(paths.tables.iter().all(|path| path.is_file()));
    let lines = |name: &str| {
        read(&folder.path().join("out/tables").join(name))
            .lines()
            .count()
            - 1
    };
    let units = 2 * LAYERS.len() * PLAIN.units;
    assert_eq!(lines("units.csv"), units);
    assert_eq!(lines("tuning_curves.csv"), units * PLAIN.units);
    assert_eq!(lines("images.csv"), 2 * PLAIN.images);
    assert_eq!(lines("error_by_depth.csv"), 16);
    assert_eq!(lines("selectivity.csv"), 2 * 2 * LAYERS.len());
    let left: Vec<_> = std::fs::read_dir(folder.path().join("out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().contains("incomplete")),
        "{left:?}"
    );
}

#[test]
fn outside_text_is_escaped() {
    let nasty = "<b>mff|\"tiny\"</b>";
    let folder = runs(
        &Spec {
            model: nasty,
            ..PLAIN
        },
        &Spec {
            model: nasty,
            ..ASSIGNED
        },
    );
    let at = |name: &str| folder.path().join(name);
    for run in ["plain", "assigned"] {
        edit(
            &at(run).join("dissect.json"),
            "/layers/0/layer",
            json!("D<i>"),
        );
    }
    edit(
        &at("assigned").join("config.json"),
        "/assignment/layers",
        json!(["D<i>"]),
    );
    let paths = report(folder.path(), "A <script>alert(1)</script> title");
    let (html, markdown) = (read(&paths.html), read(&paths.markdown));
    assert!(!html.contains("<b>mff") && !html.contains("D<i>") && !html.contains("<script>alert"));
    assert!(html.contains("&lt;b&gt;mff|&quot;tiny&quot;") && html.contains("D&lt;i&gt;"));
    assert!(
        !markdown.contains("<b>")
            && !markdown.contains("<script")
            && markdown.contains("&lt;b>mff\\|")
    );
}

#[test]
fn one_run_makes_a_report_of_its_own() {
    for (spec, shaded) in [(PLAIN, false), (ASSIGNED, true)] {
        let folder = tempfile::tempdir().unwrap();
        write_run(folder.path(), &spec);
        let paths = common::report(&[folder.path()], "One model", folder.path()).unwrap();
        let html = page(&paths.html);
        assert_eq!(html.contains("class=\"assigned-bin\""), shaded);
        assert_eq!(
            html.matches("<svg class=\"tuning\"").count(),
            spec.units * LAYERS.len()
        );
        assert!(
            !html.contains(">Change<") && !html.contains("trained twice") && !html.contains("NaN")
        );
    }
}

#[test]
fn differences_besides_the_assignment_are_said() {
    let folder = runs(&PLAIN, &ASSIGNED);
    let assigned = folder.path().join("assigned");
    assert!(!read(&report(folder.path(), "Rooms").html).contains("differ in more"));
    edit(&assigned.join("config.json"), "/seed", json!(7));
    edit(&assigned.join("config.json"), "/steps", json!(900));
    let html = read(&report(folder.path(), "Rooms").html);
    assert!(
        html.contains("seed (1 plain, 7 assigned) and steps (300 plain, 900 assigned)"),
        "the difference is named"
    );
    assert!(html.contains("training log ends at step 300 of 900"));
}

#[test]
fn initial_weights_are_named_and_compared() {
    let folder = runs(&PLAIN, &ASSIGNED);
    let config = |run: &str| folder.path().join(run).join("config.json");
    let weights =
        |hash: &str| json!({"file": "weights/meter.pth", "hash": hash, "part": "network"});
    edit(&config("plain"), "/init", weights("aa"));
    edit(&config("assigned"), "/init", weights("aa"));
    let html = read(&report(folder.path(), "Rooms").html);
    assert!(html.contains("(initialised from meter.pth)"));
    assert!(!html.contains("differ in more"));
    edit(&config("assigned"), "/init", json!(null));
    let html = read(&report(folder.path(), "Rooms").html);
    assert!(html.contains("initial weights (aa plain, none assigned)"));
}

#[test]
fn undefined_scores_show_as_dashes() {
    let folder = runs(&PLAIN, &ASSIGNED);
    let path = folder.path().join("plain/dissect.json");
    let none = json!({"selectivity": null, "preferred_bin": null, "response": null});
    edit(&path, "/layers/0/valid_bins/units/3", none);
    edit(
        &path,
        "/layers/0/mean_response/3",
        json!(vec![None::<f64>; PLAIN.units]),
    );
    edit(
        &folder.path().join("plain/evaluate.json"),
        "/constant_baseline",
        json!(null),
    );
    edit(
        &folder.path().join("assigned/evaluate.json"),
        "/constant_baseline",
        json!(null),
    );
    std::fs::remove_file(folder.path().join("plain/metrics.jsonl")).unwrap();
    let html = page(&report_without_intervals(folder.path()).html);
    assert!(html.contains("1 of 12 units of D in the plain model have no valid-bins score"));
    assert!(!html.contains("NaN") && !html.contains("Constant baseline</th>"));
    assert_eq!(
        html.matches("<svg class=\"tuning\"").count(),
        4 * PLAIN.units
    );
}

#[test]
fn the_same_runs_give_the_same_bytes() {
    let folder = runs(&PLAIN, &ASSIGNED);
    let first = read(&report(folder.path(), "Rooms").html);
    assert!(first == read(&report(folder.path(), "Rooms").html));
}

/// A report of a realistic size, with every analysis; `MDE_REPORT_OUT=DIR` keeps it and the run
/// folders, to look at.
#[test]
fn a_realistic_report_stays_under_fifteen_megabytes() {
    let plain = Spec {
        units: 64,
        width: 9.0,
        error: 0.16,
        size: (228, 304),
        images: 60,
        ..PLAIN
    };
    let assigned = Spec {
        assigned: true,
        width: 2.5,
        error: 0.164,
        ..plain.clone()
    };
    let temporary = tempfile::tempdir().unwrap();
    let keep = std::env::var_os("MDE_REPORT_OUT").map(std::path::PathBuf::from);
    let folder = keep.as_deref().unwrap_or(temporary.path());
    for (name, spec) in [("plain", &plain), ("assigned", &assigned)] {
        write_run(&folder.join(name), spec);
        add_analyses(&folder.join(name), spec);
    }
    let paths = report(folder, "Rooms, mff-tiny");
    let size = std::fs::metadata(&paths.html).unwrap().len();
    assert!(size < 15_000_000, "{size} bytes");
}
