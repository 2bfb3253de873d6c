//! `mde profile`: the time of a network by operation. Tests compare sums, not absolute times.

use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::place::Place;

fn rows<'a>(document: &'a Value, table: &str) -> &'a [Value] {
    document[table].as_array().unwrap()
}

fn seconds(value: &Value) -> f64 {
    let seconds = value["seconds"].as_f64().unwrap();
    assert!(seconds >= 0.0, "{value}");
    seconds
}

/// Fails unless the parts add up to the whole, times and costs alike.
fn assert_sums(document: &Value) {
    let (total, all) = (seconds(document), &document["operations_cost"]);
    let other = document["other_seconds"].as_f64().unwrap();
    assert!(total > 0.0 && other >= 0.0, "{total} with {other}");
    assert!((seconds(all) + other - total).abs() < 1e-9);
    for table in ["operations", "kinds"] {
        let rows = rows(document, table);
        let sum = rows.iter().map(seconds).sum::<f64>();
        assert!((sum - seconds(all)).abs() < 1e-9, "{table}: {sum}");
        assert!(
            rows.is_sorted_by(|a, b| seconds(a) >= seconds(b)),
            "{table}"
        );
        for field in ["calls", "flops", "bytes"] {
            let sum: u64 = rows.iter().map(|row| row[field].as_u64().unwrap()).sum();
            assert_eq!(all[field], sum, "{table}: {field}");
        }
        for row in rows {
            let share = row["share"].as_f64().unwrap();
            assert!((share - seconds(row) / total).abs() < 1e-9, "{row}");
            match row["flops_per_second"].as_f64() {
                None => assert_eq!(row["flops"], 0, "{row}"),
                Some(rate) => {
                    let flops = row["flops"].as_f64().unwrap();
                    assert!((rate * seconds(row) / flops - 1.0).abs() < 1e-9, "{row}");
                }
            }
        }
    }
    assert!(
        document["matrix_product_flops_per_second"]
            .as_f64()
            .unwrap()
            > 0.0
    );
    assert_eq!(
        document["peak_memory_bytes"].is_u64(),
        cfg!(target_os = "linux")
    );
}

#[test]
fn every_convolution_and_every_layer_is_listed() {
    let place = Place::with_run();
    let before = place.files(".");
    let document = place.json("profile --model mff-tiny --runs 2");
    assert_sums(&document);
    assert_eq!(document["work"], "forward");
    assert_eq!(document["size"], json!([57, 76]));
    assert_eq!(document["phases"], json!([]));

    let weights = place.read("run/checkpoint/step-000000001/weights.safetensors");
    let tensors = SafeTensors::deserialize(&weights).unwrap();
    let kernels = tensors
        .iter()
        .filter(|(_, tensor)| tensor.shape().len() == 4);
    // Kernels on the same map are one product, so their output channels are added.
    let channels: usize = kernels.map(|(_, tensor)| tensor.shape()[0]).sum();
    let operations = rows(&document, "operations");
    let told = operations
        .iter()
        .filter(|row| row["flops"] != 0)
        .map(|row| {
            let shape = row["shape"].as_str().unwrap();
            let out = shape.split_once(" -> ").unwrap().1.split('x').next();
            out.unwrap().parse::<usize>().unwrap() * row["calls"].as_u64().unwrap() as usize
        });
    assert_eq!(told.sum::<usize>(), channels);
    let first = "1x3x57x76 -> 16x29x38, 7x7 stride 2";
    let first = operations.iter().find(|row| row["shape"] == first).unwrap();
    assert_eq!(
        (&first["op"], &first["pass"], &first["calls"]),
        (&json!("conv2d_affine"), &json!("forward"), &json!(1))
    );
    assert_eq!(first["flops"], 2 * 16 * 29 * 38 * 3 * 7 * 7);
    assert_eq!(first["bytes"], 4 * 16 * 29 * 38);

    let models = place.json("models mff-tiny");
    let known = models["models"][0]["layers"].as_array().unwrap();
    let layers = rows(&document, "layers");
    assert!(layers.is_sorted_by(|a, b| seconds(a) <= seconds(b)));
    let (depth, layers) = layers.split_last().unwrap();
    assert_eq!(depth["shape"], json!([1, 1, 29, 38]));
    assert_eq!(layers.len(), known.len());
    for (layer, known) in layers.iter().zip(known) {
        assert_eq!(
            (&layer["layer"], &layer["shape"][1]),
            (&known["name"], &known["units"])
        );
        let values: u64 = rows(layer, "shape")
            .iter()
            .map(|side| side.as_u64().unwrap())
            .product();
        assert_eq!(layer["bytes"], 4 * values);
    }

    let said = place.mde("profile --model mff-tiny --runs 1");
    assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""));
    for row in operations
        .iter()
        .chain(rows(&document, "kinds"))
        .chain(layers)
    {
        for field in ["op", "shape", "layer"] {
            if let Some(text) = row[field].as_str() {
                assert!(said.stdout.contains(text), "{text} in {}", said.stdout);
            }
        }
    }
    for part in [
        "(depth)",
        "other",
        "1 image of 57x76 on cpu",
        "two per multiply-add",
    ] {
        assert!(said.stdout.contains(part), "{part} in {}", said.stdout);
    }
    assert_eq!(place.files("."), before);
}

#[test]
fn a_training_step_is_listed_with_its_gradients_and_phases() {
    let place = Place::empty();
    let line = "profile --model mff-tiny --train --batch-size 2 --size 49x65 --runs 1";
    let assigned = place.json(&format!("{line} --alpha 0.1"));
    assert_sums(&assigned);
    assert_eq!(assigned["work"], "training step");
    assert_eq!(
        (&assigned["batch"], &assigned["size"]),
        (&json!(2), &json!([49, 65]))
    );
    let phases = rows(&assigned, "phases");
    let names: Vec<_> = phases.iter().map(|row| &row["phase"]).collect();
    assert_eq!(
        json!(names),
        json!(["forward", "losses", "backward", "update"])
    );
    assert!(phases.iter().map(seconds).sum::<f64>() <= seconds(&assigned));

    let cost = |document: &Value, op: &str, pass: &str| {
        let mut kinds = rows(document, "kinds").iter();
        let kind = kinds.find(|row| row["op"] == op && row["pass"] == pass);
        kind.map(|row| (row["calls"].clone(), row["flops"].as_u64().unwrap()))
    };
    // Every resized convolution has both gradients, and the batch norm of every layer its one.
    let forward = cost(&assigned, "conv_after_resize", "forward").unwrap();
    let expected = Some((forward.0, 2 * forward.1));
    assert_eq!(cost(&assigned, "conv_after_resize", "backward"), expected);
    let norm = cost(&assigned, "batch_norm_train", "forward");
    assert_eq!(cost(&assigned, "batch_norm_train", "backward"), norm);
    // Two assigned layers, pooled once each.
    let pooled = cost(&assigned, "bin_pool", "forward").unwrap();
    assert_eq!(pooled.0, 2);
    assert_eq!(cost(&place.json(line), "bin_pool", "forward"), None);
}

#[test]
fn the_recipes_sizes_are_the_default() {
    let place = Place::empty();
    // The loss is computed at the target size: half of the input, rounded up.
    let trained = place.json("profile --model mff-tiny --train --runs 1");
    assert_eq!(trained["size"], json!([57, 76]));
    let resizes = |row: &&Value| row["op"] == "resize_bilinear";
    assert_eq!(rows(&trained, "operations").iter().find(resizes), None);
    let of_meter = place.json("profile --model meter-xxs --train --runs 1");
    let resize = rows(&of_meter, "operations").iter().find(resizes).unwrap();
    assert_eq!(resize["shape"], "1x1x48x64 -> 96x128");
    // Trained on crops of its evaluation input, with a focal length.
    let line = "profile --model bts-tiny-kitti --runs 1";
    assert_eq!(place.json(line)["size"], json!([88, 304]));
    let step = place.json(&format!("{line} --train"));
    assert_eq!(step["size"], json!([88, 176]));
    assert_sums(&step);
}

#[test]
fn unusable_settings_are_refused() {
    let place = Place::empty();
    place.refuses(
        "profile --model mff-huge",
        &["unknown model \"mff-huge\"", "mff-tiny", "meter-xxs"],
    );
    place.refuses(
        "profile --model meter-xxs --size 100x100",
        &["cannot profile meter-xxs", "13x13", "multiples of 64"],
    );
    place.refuses(
        "profile --model mff-tiny --train --alpha nan",
        &["alpha is NaN", "finite"],
    );
}
