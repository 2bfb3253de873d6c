//! Limits of depth, alignments and crops as other programs evaluate, and what decides a result.

use mde_arrays::{Map, read_array};
use serde_json::Value;

use crate::place::Place;

/// A folder with one map, `1.npy`.
fn write(place: &Place, folder: &str, (height, width): (usize, usize), values: Vec<f32>) {
    let map = Map {
        height,
        width,
        values,
    };
    place.write(&format!("{folder}/1.npy"), map.to_npy());
}

fn row(place: &Place, folder: &str, values: &[f32]) {
    write(place, folder, (1, values.len()), values.to_vec());
}

fn evaluate(place: &Place, options: &str) -> Value {
    place.json_and_remarks(&format!("evaluate {options}")).0
}

fn mean(document: &Value, metric: &str) -> f64 {
    document["summary"]["mean"][metric].as_f64().unwrap()
}

fn assert_abs_rel(place: &Place, options: &str, expected: f64) {
    let found = mean(&evaluate(place, options), "abs_rel");
    assert!(
        (found - expected).abs() < 1e-6,
        "{options}: found {found}, expected {expected}"
    );
}

/// What the program says on stdout.
fn said(place: &Place, options: &str) -> String {
    let line = format!("evaluate {options}");
    let said = place.mde(&line);
    assert_eq!(said.status, Some(0), "{line}: {}", said.stderr);
    said.stdout
}

/// Depths of 1 to 8 m in `gt`, disparities in `pred` and depths in `metric`.
fn four_pixels() -> Place {
    let place = Place::empty();
    row(&place, "gt", &[1.0, 2.0, 4.0, 8.0]);
    row(&place, "pred", &[0.9, 0.6, 0.2, 0.15]);
    row(&place, "metric", &[1.5, 2.0, 3.0, 6.0]);
    place
}

/// monodepth2 inverts first: depths 1.11, 1.67, 5 and 6.67 m with a median of 3.33 m become 1, 1.5,
/// 4.5 and 6 m. The ratio of the medians of disparities is another one.
#[test]
fn sfmlearner_7_monodepth2_376_ratio_of_the_medians_of_depths() {
    let place = four_pixels();
    let given = "--pred pred --gt gt --disparity --protocol nyu-full";
    assert_abs_rel(&place, &format!("{given} --align median-depth"), 0.15625);
    assert_abs_rel(&place, &format!("{given} --align median"), 0.185185);
    let explained = said(&place, &format!("{given} --align median-depth --explain"));
    for part in [
        "protocol nyu-full, aligned by median-depth",
        "1/p x 0.900000 = median(d) / median(1/p)",
        "then 1.0000 to 6.0000 m",
        "= 0.156250",
    ] {
        assert!(explained.contains(part), "no `{part}` in {explained}");
    }
    // Its own protocol: Garg's crop, 1e-3 to 80 m.
    let (size, pixels) = ((100, 100), 0..10_000);
    let gt = |pixel: usize| [1.0, 2.0, 4.0, 8.0][pixel % 4];
    let pred = |pixel: usize| [0.9, 0.6, 0.2, 0.15][pixel % 4];
    write(&place, "large-gt", size, pixels.clone().map(gt).collect());
    write(&place, "large-pred", size, pixels.map(pred).collect());
    let found = evaluate(
        &place,
        "--pred large-pred --gt large-gt --disparity --protocol kitti-monodepth2",
    );
    assert_eq!(found["protocol"]["alignment"], "median-depth");
    assert_eq!(found["protocol"]["name"], "kitti-monodepth2");
    // Rows 40..99, columns 3..96.
    assert_eq!(found["summary"]["pixels"], 59 * 93);
}

/// The second rows of KITTI's tables.
#[test]
fn monodepth_147_cap_of_50_m() {
    let place = Place::empty();
    let map = |near: f32, far: f32| {
        let pixel = move |pixel: usize| if pixel % 100 < 50 { near } else { far };
        (0..10_000).map(pixel).collect::<Vec<f32>>()
    };
    write(&place, "gt", (100, 100), map(20.0, 60.0));
    write(&place, "pred", (100, 100), map(22.0, 90.0));
    let garg = "--pred pred --gt gt --protocol kitti-garg";
    let all = evaluate(&place, garg);
    assert_eq!(all["summary"]["pixels"], 5487);
    assert!((mean(&all, "abs_rel") - 0.215412).abs() < 1e-6);
    assert_eq!(all["protocol"]["name"], "kitti-garg");

    let near = format!("{garg} --max-depth 50");
    let document = evaluate(&place, &near);
    assert_eq!(document["summary"]["pixels"], 2773);
    assert!((mean(&document, "abs_rel") - 0.1).abs() < 1e-6);
    assert_eq!(document["protocol"]["name"], "kitti-garg, 0.001 to 50 m");
    assert_eq!(document["protocol"]["max_depth"], 50.0);
    assert!(said(&place, &near).contains("(kitti-garg, 0.001 to 50 m)"));
    // The far half alone; its prediction is clamped to 80 m.
    let far = evaluate(&place, &format!("{garg} --min-depth 50"));
    assert_eq!(far["summary"]["pixels"], 5487 - 2773);
    assert!((mean(&far, "abs_rel") - 1.0 / 3.0).abs() < 1e-6);
    // Predictions are clamped to the new limit.
    assert_abs_rel(
        &place,
        &format!("{garg} --max-depth 70"),
        (47.0 * 0.1 + 46.0 / 6.0) / 93.0,
    );
    // On every protocol of the table.
    let table = said(&place, "--pred pred --gt gt --all-protocols --max-depth 50");
    assert!(table.contains("kitti-garg, 0.001 to 50 m"), "{table}");
    assert!(!table.contains("to 80 m"), "{table}");
}

#[test]
fn limits_that_make_no_range_are_refused() {
    let place = four_pixels();
    let garg = "evaluate --pred pred --gt gt --protocol kitti-garg";
    for limits in [
        "--max-depth 0",
        "--max-depth -5",
        "--min-depth nan",
        "--max-depth inf",
    ] {
        let option = limits.split(' ').next().unwrap();
        let line = format!("{garg} {limits}");
        place.mde(&line).is_refusal(&line, 2, &[option]);
    }
    for limits in [
        "--max-depth 0.0005",
        "--min-depth 80",
        "--min-depth 5 --max-depth 4",
    ] {
        place.refuses(
            &format!("{garg} {limits}"),
            &["kitti-garg", "0 < min_depth < max_depth"],
        );
    }
}

/// The expected numbers are those of `numpy.linalg.lstsq`.
#[test]
fn midas_129_alignment_by_least_squares_in_disparity_and_in_depth() {
    let place = four_pixels();
    for (pred, alignment, expected) in [
        ("pred --disparity", "least-squares", 0.164678101),
        ("pred --disparity", "least-squares-disparity", 0.164678101),
        ("pred --disparity", "least-squares-depth", 0.163722827),
        ("metric", "least-squares", 0.102564103),
        ("metric", "least-squares-depth", 0.102564103),
        ("metric", "least-squares-disparity", 0.193888453),
    ] {
        let options = format!("--pred {pred} --gt gt --protocol nyu-full --align {alignment}");
        assert_abs_rel(&place, &options, expected);
    }
    // The protocols of relative depth align by themselves.
    let relative = "--pred pred --gt gt --disparity --protocol";
    assert_abs_rel(
        &place,
        &format!("{relative} nyu-affine-disparity"),
        0.164678101,
    );
    assert_abs_rel(
        &place,
        &format!("{relative} kitti-affine-disparity"),
        0.164678101,
    );
    let explained = said(
        &place,
        "--pred metric --gt gt --protocol nyu-affine-disparity --explain",
    );
    let fit = "1/p x 1.725000 + -0.250000, the least squares fit to 1/d";
    assert!(explained.contains(fit), "{explained}");
    // Unless another alignment is asked for, which the name says.
    let plain = evaluate(
        &place,
        &format!("{relative} nyu-affine-disparity --align none"),
    );
    assert_eq!(
        plain["protocol"]["name"],
        "nyu-affine-disparity, not aligned"
    );
    assert_eq!(plain["protocol"]["alignment"], "none");
    // A value of 0 has no inverse.
    row(&place, "zero", &[0.9, 0.6, 0.0, 0.15]);
    place.refuses(
        "evaluate --pred zero --gt gt --disparity --protocol nyu-full --align median-depth",
        &["1 of 4", "median-depth"],
    );
    let large = |value: f32| vec![value; 10_000];
    write(&place, "large-gt", (100, 100), large(2.0));
    write(&place, "large-zero", (100, 100), large(0.0));
    let options = "--pred large-zero --gt large-gt --disparity --all-protocols";
    let table = said(&place, options);
    let row = table
        .lines()
        .find(|row| row.starts_with("kitti-monodepth2"));
    assert!(row.unwrap().contains("inverts the prediction"), "{table}");
}

#[test]
fn the_constant_baseline_is_never_aligned() {
    let place = four_pixels();
    let baseline = |options: &str| {
        let options = format!("--pred pred --gt gt --protocol nyu-full {options}");
        evaluate(&place, &options)["constant_baseline"].clone()
    };
    let plain = baseline("");
    // 3.75 m at every pixel.
    let expected = (2.75 + 1.75 / 2.0 + 0.25 / 4.0 + 4.25 / 8.0) / 4.0;
    assert!((mean(&plain, "abs_rel") - expected).abs() < 1e-6);
    for alignment in [
        "median",
        "median-depth",
        "least-squares",
        "least-squares-depth",
        "least-squares-disparity",
    ] {
        for disparity in ["", "--disparity"] {
            assert_eq!(baseline(&format!("--align {alignment} {disparity}")), plain);
        }
    }
}

#[test]
fn a_negative_scale_is_reported_again_when_the_result_is_up_to_date() {
    let place = four_pixels();
    let options = "--pred metric --gt gt --disparity --protocol nyu-affine-disparity --out kept";
    for up_to_date in [false, true] {
        let document = evaluate(&place, options);
        assert_eq!(document["up_to_date"], up_to_date);
        assert_eq!(document["images_with_negative_scale"], 1);
        let said = said(&place, options);
        assert!(said.contains("negative"), "{said}");
    }
    let kept: Value = serde_json::from_slice(&place.read("kept/evaluate.json")).unwrap();
    assert_eq!(kept["images_with_negative_scale"], 1);
}

/// Every option that decides a number is part of what a kept result is compared with.
#[test]
fn a_result_is_up_to_date_only_for_the_same_options() {
    let place = four_pixels();
    let base = "--pred pred --gt gt --out kept";
    let all = [
        "--protocol nyu-full",
        "--protocol kitti-affine-disparity",
        "--protocol nyu-full --disparity",
        "--protocol nyu-full --disparity --align median",
        "--protocol nyu-full --disparity --align median-depth",
        "--protocol nyu-full --disparity --align least-squares-depth",
        "--protocol nyu-full --max-depth 5",
        "--protocol nyu-full --min-depth 1.5",
        "--protocol nyu-full --pred-scale 2",
        "--protocol nyu-full --gt-scale 0.5",
        "--protocol nyu-full --examples 1",
        "--protocol nyu-full --name other",
    ];
    for options in all {
        let line = format!("{base} {options}");
        assert_eq!(evaluate(&place, &line)["up_to_date"], false, "{line}");
        assert_eq!(evaluate(&place, &line)["up_to_date"], true, "{line}");
    }

    let place = Place::with_run();
    for options in [
        "",
        "--flip-average",
        "--max-depth 5",
        "--align least-squares",
    ] {
        let line = format!("--run run --data rooms:rooms {options}");
        assert_eq!(evaluate(&place, &line)["up_to_date"], false, "{line}");
        assert_eq!(evaluate(&place, &line)["up_to_date"], true, "{line}");
    }
}

#[test]
fn flip_average_is_named_and_its_maps_are_those_that_are_scored() {
    let place = Place::with_run();
    let run = "--run run --data rooms:rooms";
    let plain = evaluate(&place, run);
    let averaged = evaluate(&place, &format!("{run} --flip-average --dump averaged"));
    assert_eq!(averaged["protocol"]["name"], "nyu-mff, flip average");
    assert_ne!(plain["summary"], averaged["summary"]);
    assert!(said(&place, &format!("{run} --flip-average")).contains("flip average"));
    // The dumped maps are those that were scored.
    let given = evaluate(
        &place,
        "--pred averaged/pred --gt averaged/gt --protocol nyu-mff",
    );
    assert_eq!(given["summary"], averaged["summary"]);
    let line = "evaluate --pred averaged/pred --gt averaged/gt --protocol nyu-mff --flip-average";
    place.mde(line).is_refusal(line, 2, &["--flip-average"]);
    // A page and a comparison name it.
    place.json_and_remarks("report run --out page");
    assert!(place.text("page/report.md").contains("flip average"));
}

/// Streets of KITTI's size, and `run/`: a small BTS that sees the benchmark crop of each.
fn streets_of_full_size() -> Place {
    let place = Place::empty();
    place.json("render streets --train 2 --test 2 --width 1242 --height 375 --out streets");
    place.json(
        "train --model bts-tiny-kitti --data streets:streets --out run --steps 1 --batch-size 1",
    );
    place
}

/// The windows of `kitti-garg` and `kitti-eigen` are those of the whole frame, also for a network
/// that sees the benchmark crop.
#[test]
fn bts_70_windows_of_the_whole_frame() {
    let place = streets_of_full_size();
    let run = "--run run --data streets:streets";
    let bts = evaluate(&place, &format!("{run} --dump maps"));
    assert_eq!(bts["protocol"]["name"], "kitti-bts");
    let explained = |protocol: &str| {
        let options = format!("{run} --protocol {protocol} --explain");
        evaluate(&place, &options)["explanation"].clone()
    };
    for (protocol, rows, columns) in [
        ("kitti-garg", [153, 371], [44, 1197]),
        ("kitti-eigen", [124, 342], [44, 1197]),
        ("kitti-bts", [166, 372], [56, 1185]),
    ] {
        let found = explained(protocol);
        assert_eq!(
            found["size"],
            serde_json::json!({"height": 375, "width": 1242})
        );
        assert_eq!(found["rows"], serde_json::json!(rows), "{protocol}");
        assert_eq!(found["columns"], serde_json::json!(columns), "{protocol}");
    }

    // The dumped maps are whole frames, NaN where the network sees nothing.
    let dumped = place.files("maps/pred").into_keys().next().unwrap();
    let pred = read_array(place.path(&format!("maps/pred/{dumped}")), None).unwrap();
    assert_eq!(pred.shape, [375, 1242]);
    let inside = |pixel: usize| pixel / 1242 >= 23 && (13..1229).contains(&(pixel % 1242));
    for (pixel, value) in pred.values.iter().enumerate() {
        assert_eq!(value.is_nan(), !inside(pixel), "pixel {pixel}");
    }
    for protocol in [
        "kitti-bts",
        "kitti-garg",
        "kitti-eigen",
        "kitti-affine-depth",
    ] {
        let network = evaluate(&place, &format!("{run} --protocol {protocol}"));
        let given = evaluate(
            &place,
            &format!("--pred maps/pred --gt maps/gt --protocol {protocol}"),
        );
        assert_eq!(given["summary"], network["summary"], "{protocol}");
    }
    // What the network sees, as a map of its own: the same pixels for `kitti-bts` alone.
    for kind in ["pred", "gt"] {
        for name in place.files(&format!("maps/{kind}")).into_keys() {
            let map = read_array(place.path(&format!("maps/{kind}/{name}")), None).unwrap();
            let seen = map.values.iter().enumerate();
            let seen = seen.filter(|(pixel, _)| inside(*pixel));
            let crop = Map {
                height: 352,
                width: 1216,
                values: seen.map(|(_, value)| *value).collect(),
            };
            place.write(&format!("crop/{kind}/{name}"), crop.to_npy());
        }
    }
    let crop = "--pred crop/pred --gt crop/gt --protocol";
    let cropped = evaluate(&place, &format!("{crop} kitti-bts"));
    assert_eq!(cropped["summary"], bts["summary"]);
    let garg = evaluate(&place, &format!("{run} --protocol kitti-garg"));
    assert_ne!(garg["summary"], bts["summary"]);

    // Pixels that the protocol scores and the network does not see are an error.
    place.refuses(
        &format!("evaluate {run} --protocol nyu-full --max-depth 80"),
        &["valid pixels where the prediction is NaN", "nyu-full"],
    );
    let table = said(&place, &format!("{run} --all-protocols"));
    let line = |name: &str| {
        let mut lines = table.lines();
        lines
            .find(|line| line.starts_with(name))
            .unwrap()
            .to_owned()
    };
    assert!(
        line("kitti-affine-disparity").contains("cannot be applied"),
        "{table}"
    );
    let numbers = |name: &str| line(name).split_once("images").unwrap().1.to_owned();
    assert_ne!(numbers("kitti-garg"), numbers("kitti-bts"));
}

/// On smaller frames too, and in ablation and correction as in evaluation.
#[test]
fn analyses_of_a_network_that_sees_a_crop_agree_with_its_evaluation() {
    let place = Place::with_streets();
    place.json(
        "train --model bts-tiny-kitti --data streets:streets --out run --steps 1 --batch-size 2",
    );
    let run = "--run run --data streets:streets";
    let explained = evaluate(&place, &format!("{run} --explain"));
    let explained = &explained["explanation"];
    assert_eq!(explained["protocol"]["name"], "kitti-garg");
    // Garg's crop of 94x310.
    assert_eq!(explained["rows"], serde_json::json!([38, 93]));
    assert_eq!(explained["columns"], serde_json::json!([11, 298]));
    let evaluated = evaluate(&place, run);
    place.json(&format!("dissect {run} --layers iconv1 --bins 4"));
    for (stage, before) in [("ablate", "baseline"), ("correct", "before")] {
        let line = format!("{stage} {run} --max-depth 40");
        place.json_and_remarks(&line);
        place.json_and_remarks(&format!("{stage} {run}"));
        let document: Value =
            serde_json::from_slice(&place.read(&format!("run/{stage}.json"))).unwrap();
        assert_eq!(
            document["layers"][0][before]["abs_rel"], evaluated["summary"]["mean"]["abs_rel"],
            "{stage}"
        );
    }
}

/// MFF's view is resized before it is cropped, so it cannot be put back; the program says so.
#[test]
fn a_protocol_of_whole_frames_for_a_network_that_resizes_and_crops() {
    let place = Place::with_run();
    let run = "evaluate --run run --data rooms:rooms";
    let crop = "central 228x304";
    assert!(!place.mde(run).stderr.contains(crop));
    for options in ["--protocol nyu-full", "--all-protocols"] {
        let said = place.mde(&format!("{run} {options}"));
        assert_eq!(said.status, Some(0));
        assert!(said.stderr.contains(crop), "{options}: {}", said.stderr);
    }
}

#[test]
fn an_unknown_protocol_lists_those_there_are() {
    let place = four_pixels();
    let names = mde_metrics::EvalProtocol::names();
    place.refuses(
        "evaluate --pred pred --gt gt --protocol kitti-gark",
        &[&["did you mean \"kitti-garg\"?"], names].concat(),
    );
    let help = place.mde("evaluate --help").stdout;
    for option in [
        "--min-depth",
        "--max-depth",
        "--flip-average",
        "median-depth",
    ] {
        assert!(help.contains(option), "{option}");
    }
}
