//! The order of axes of stored features: maps of other programs, and tokens of transformers.

use safetensors::{Dtype, tensor::TensorView};
use serde_json::Value;

use crate::place::Place;

/// Images, units, and the size of maps and depth.
const IMAGES: usize = 4;
const UNITS: usize = 5;
pub(super) const MAP: (usize, usize) = (12, 16);
const DEPTH: (usize, usize) = (48, 64);

/// A unit's response at a pixel of its map.
fn response(image: usize, unit: usize, pixel: usize) -> f32 {
    let (row, column) = (pixel / MAP.1, pixel % MAP.1);
    let peak = (unit * 3 + image) % MAP.0;
    1.0 / (1.0 + row.abs_diff(peak) as f32) + ((column * 7 + unit) % 5) as f32 / 50.0
}

/// Rooms that recede from 0.6 to 9 m.
fn depth(image: usize, pixel: usize) -> f32 {
    let (row, column) = (pixel / DEPTH.1, pixel % DEPTH.1);
    0.6 + 8.0 * row as f32 / DEPTH.0 as f32 + ((column + image) % 9) as f32 / 25.0
}

/// One tensor of a file: its name, shape and values.
pub(super) type Tensor<'a> = (&'a str, Vec<usize>, Vec<f32>);

pub(super) fn write(place: &Place, name: &str, tensors: &[Tensor<'_>]) {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, values)| {
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        })
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        (
            *name,
            TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap(),
        )
    });
    place.write(name, safetensors::serialize(views, None).unwrap());
}

pub(super) fn depths() -> Tensor<'static> {
    depths_by(|metres| metres)
}

/// The depth maps, each depth changed.
pub(super) fn depths_by(change: impl Fn(f32) -> f32) -> Tensor<'static> {
    let pixels = DEPTH.0 * DEPTH.1;
    let values = (0..IMAGES * pixels).map(|at| change(depth(at / pixels, at % pixels)));
    ("depth", vec![IMAGES, 1, DEPTH.0, DEPTH.1], values.collect())
}

/// Features whose axes hold these sizes, in this order. `value` takes image, unit and pixel.
pub(super) fn features(
    axes: &str,
    leading: usize,
    value: impl Fn(usize, usize, usize) -> f32,
) -> Tensor<'static> {
    let size = |axis: char| match axis {
        'N' => IMAGES,
        'C' => UNITS,
        'h' => MAP.0,
        'w' => MAP.1,
        'T' => leading + MAP.0 * MAP.1,
        _ => 1,
    };
    let shape: Vec<usize> = axes.chars().map(size).collect();
    let mut values = Vec::new();
    for at in 0..shape.iter().product() {
        let (mut rest, mut index) = (at, [0; 5]);
        for (axis, side) in axes.chars().rev().zip(shape.iter().rev()) {
            let slot = "NChwT".find(axis);
            if let Some(slot) = slot {
                index[slot] = rest % side;
            }
            rest /= side;
        }
        let [image, unit, row, column, token] = index;
        let pixel = match axes.contains('T') {
            true => token.checked_sub(leading),
            false => Some(row * MAP.1 + column),
        };
        // Class tokens are large, so that they show if they are read.
        values.push(pixel.map_or(1e3, |pixel| value(image, unit, pixel)));
    }
    ("features", shape, values)
}

fn selectivity(document: &Value) -> f64 {
    document["layers"][0]["valid_bins"].as_f64().unwrap()
}

/// A place with the features in every order: the files' names, and the right selectivity.
fn orders() -> (Place, f64) {
    let place = Place::empty();
    for (name, axes, leading) in [
        ("nchw", "NChw", 0),
        ("nhwc", "NhwC", 0),
        ("ncwh", "NCwh", 0),
        ("nwhc", "NwhC", 0),
        ("cnhw", "CNhw", 0),
        ("ntc", "NTC", 0),
        ("n1tc", "N1TC", 0),
        ("cls", "NTC", 1),
        ("registers", "NTC", 5),
        ("nct", "NCT", 0),
    ] {
        let tensors = [features(axes, leading, response), depths()];
        write(&place, &format!("{name}.safetensors"), &tensors);
    }
    let document = place.json("dissect --dataset nyu --bins 6 --features nchw.safetensors");
    let right = selectivity(&document);
    assert!((0.05..0.95).contains(&right), "{document}");
    (place, right)
}

const LINE: &str = "dissect --dataset nyu --bins 6 --features";

/// The options that a message gives, such as `--tokens 12x16`.
fn advised(message: &str) -> String {
    let at = message.find("give --").unwrap() + "give ".len();
    let words = message[at..].split([' ', ',', ';', '\n']).take(2);
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn features_of_any_order_are_read_with_the_options_of_the_refusal() {
    let (place, right) = orders();
    for (file, shape) in [
        ("nhwc", "[4, 12, 16, 5]"),
        ("ntc", "[4, 192, 5]"),
        ("n1tc", "[4, 1, 192, 5]"),
        ("cls", "[4, 193, 5]"),
        ("registers", "[4, 197, 5]"),
    ] {
        let line = format!("{LINE} {file}.safetensors");
        place.refuses(&line, &[file, shape]);
        let advice = advised(&place.mde(&line).stderr);
        let (document, remarks) = place.json_and_remarks(&format!("{line} {advice}"));
        assert_eq!(document["layers"][0]["units"], UNITS, "{line} {advice}");
        assert_eq!(selectivity(&document), right, "{line} {advice}");
        let dropped = match file {
            "cls" => "the first 1 of 193 tokens",
            "registers" => "the first 5 of 197 tokens",
            _ => "",
        };
        assert!(remarks.contains(dropped), "{remarks}");
        assert_eq!(remarks.is_empty(), dropped.is_empty(), "{remarks}");
    }
}

/// The NumPy expression of each refusal, run on the file that was refused.
#[test]
fn features_of_any_order_are_read_after_the_advised_transposition() {
    let Some(python) = mde_test_kit::python(&["numpy", "safetensors"]) else {
        return;
    };
    let (place, right) = orders();
    for (file, options) in [
        ("nhwc", ""),
        ("ncwh", ""),
        ("nwhc", ""),
        ("cnhw", ""),
        ("nct", "--tokens 12x16"),
    ] {
        let line = format!("{LINE} {file}.safetensors {options}");
        let message = place.mde(&line).stderr;
        let at = message
            .find("np.ascontiguousarray(")
            .unwrap_or_else(|| panic!("{message}"));
        let length = message[at..].find("))").unwrap() + 2;
        let expression = &message[at..at + length];
        let script = format!(
            "import numpy as np\nfrom safetensors.numpy import load_file, save_file\n\
             tensors = load_file('{file}.safetensors')\nfeatures = tensors['features']\n\
             tensors['features'] = {expression}\nsave_file(tensors, 'turned.safetensors')\n"
        );
        place.python(&python, &script);
        let document = place.json(&format!("{LINE} turned.safetensors {options}"));
        assert_eq!(selectivity(&document), right, "{file}: {expression}");
    }
}

/// Tokens whose shape is that of maps: 192 tokens of 256 units have the depth's aspect ratio.
#[test]
fn tokens_in_the_shape_of_a_map_are_refused() {
    let place = Place::empty();
    let (tokens, units) = (MAP.0 * MAP.1, 256);
    let values = (0..IMAGES * tokens * units).map(|at| (at * 7919 % 1009) as f32);
    let features = ("features", vec![IMAGES, 1, tokens, units], values.collect());
    write(&place, "t.safetensors", &[features, depths()]);
    let line = "dissect --dataset nyu --features t.safetensors";
    place.refuses(
        line,
        &[
            "[4, 1, 192, 256]",
            "one unit",
            "--tokens 12x16",
            "--layout nchw",
        ],
    );
    let found = place.json(&format!("{line} --tokens 12x16 --permutations 0"));
    assert_eq!(found["layers"][0]["units"], 256);
    // As maps of one unit: bins are what is missing.
    let line = format!("{line} --layout nchw");
    place.refuses(&line, &["one unit gets one depth bin", "--bins K"]);
    let found = place.json(&format!("{line} --bins 8"));
    assert_eq!(found["layers"][0]["bins"], 8);
}

#[test]
fn maps_that_fit_in_two_orders_need_a_word() {
    let place = Place::empty();
    let values: Vec<f32> = (0..IMAGES * 16 * 16 * 16)
        .map(|at| (at * 7919 % 1009) as f32)
        .collect();
    let depth = (0..IMAGES * 32 * 32).map(|at| 0.5 + (at * 31 % 97) as f32 / 11.0);
    let tensors = [
        ("features", vec![IMAGES, 16, 16, 16], values),
        ("depth", vec![IMAGES, 32, 32], depth.collect()),
    ];
    write(&place, "square.safetensors", &tensors);
    let line = "dissect --dataset nyu --bins 6 --features square.safetensors";
    place.refuses(
        line,
        &[
            "[N, C, h, w]",
            "[N, h, w, C]",
            "--layout nchw or --layout nhwc",
        ],
    );
    let first = place.json(&format!("{line} --layout nchw"));
    let last = place.json(&format!("{line} --layout nhwc"));
    assert_ne!(selectivity(&first), selectivity(&last));
}

#[test]
fn a_wrong_grid_of_tokens_is_refused_with_the_right_one() {
    let (place, right) = orders();
    for grid in ["16x12", "8x24", "11x17", "14x14", "12x15"] {
        let line = format!("{LINE} ntc.safetensors --tokens {grid}");
        place.refuses(&line, &[grid, "48x64"]);
        let advice = advised(&place.mde(&line).stderr);
        assert_eq!(advice, "--tokens 12x16");
        let document = place.json(&format!("{LINE} ntc.safetensors {advice}"));
        assert_eq!(selectivity(&document), right);
    }
    place.refuses(
        &format!("{LINE} nchw.safetensors --tokens 12x16"),
        &["[4, 5, 12, 16]", "leave it out"],
    );
    for words in [
        "--tokens 12",
        "--tokens 12x16 --layout nhwc",
        "--layout chw",
    ] {
        let line = format!("{LINE} ntc.safetensors {words}");
        place.mde(&line).is_refusal(&line, 2, &["--"]);
    }
}
