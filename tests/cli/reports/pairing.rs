//! Which prediction belongs to which ground truth.

use std::io::{Cursor, Write};

use mde_arrays::Map;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::Value;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::place::Place;

const HEIGHT: usize = 4;
const WIDTH: usize = 6;

/// Depth of the map with this number, in metres.
fn depth(number: usize) -> f32 {
    1.0 + 0.25 * number as f32
}

fn map(number: usize) -> Map {
    Map {
        height: HEIGHT,
        width: WIDTH,
        values: vec![depth(number); HEIGHT * WIDTH],
    }
}

/// A `.npy` of shape `[N, 4, 6]`.
fn stack(numbers: impl IntoIterator<Item = usize>) -> Vec<u8> {
    let maps: Vec<Map> = numbers.into_iter().map(map).collect();
    let shape = format!("({}, {HEIGHT}, {WIDTH})", maps.len());
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    for value in maps.iter().flat_map(|map| &map.values) {
        file.extend(value.to_le_bytes());
    }
    file
}

fn folder(place: &Place, folder: &str, names: impl IntoIterator<Item = (String, usize)>) {
    for (name, number) in names {
        place.write(&format!("{folder}/{name}.npy"), map(number).to_npy());
    }
}

/// Names and numbers of maps, in this order of keys.
fn npz(names: &[(String, usize)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, number) in names {
        let options = SimpleFileOptions::default();
        archive.start_file(format!("{name}.npy"), options).unwrap();
        archive.write_all(&map(*number).to_npy()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn safetensors(names: &[(String, usize)]) -> Vec<u8> {
    let values = |number: usize| map(number).values.into_iter().flat_map(f32::to_le_bytes);
    let bytes: Vec<(String, Vec<u8>)> = (names.iter())
        .map(|(name, number)| (name.clone(), values(*number).collect()))
        .collect();
    let views = bytes.iter().map(|(name, bytes)| {
        let view = TensorView::new(Dtype::F32, vec![HEIGHT, WIDTH], bytes);
        (name, view.unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

/// Names that count from `base`, with a pattern such as `frame_{}` or `{:04}`.
fn counted(base: usize, count: usize, name: impl Fn(usize) -> String) -> Vec<(String, usize)> {
    (0..count).map(|at| (name(base + at), at)).collect()
}

fn evaluate(place: &Place, options: &str) -> (Value, String) {
    let said = place.mde(&format!("evaluate --protocol nyu-full --json {options}"));
    assert_eq!(said.status, Some(0), "{options}: {}", said.stderr);
    (serde_json::from_str(&said.stdout).unwrap(), said.stderr)
}

/// All pairs are right: the depths of no two maps are equal.
#[track_caller]
fn assert_perfect(place: &Place, options: &str, images: usize) -> String {
    let (document, remarks) = evaluate(place, options);
    let summary = &document["summary"];
    assert_eq!(summary["mean"]["abs_rel"], 0.0, "{options}: {remarks}");
    assert_eq!(summary["images"], images, "{options}");
    remarks
}

#[track_caller]
fn refusal(place: &Place, options: &str, parts: &[&str]) -> String {
    let line = format!("evaluate --protocol nyu-full {options}");
    place.refuses(&line, parts);
    place.mde(&line).stderr
}

#[test]
fn stylegan_v_43_unpadded_frame_numbers() {
    let place = Place::empty();
    folder(&place, "gt", counted(0, 12, |n| n.to_string()));
    place.write("pred.npy", stack(0..12));
    let remarks = assert_perfect(&place, "--pred pred.npy --gt gt", 12);
    assert!(
        remarks.contains("by number: slice 0 is 0, slice 11 is 11"),
        "{remarks}"
    );
    let remarks = assert_perfect(&place, "--pred gt --gt pred.npy", 12);
    assert!(
        remarks.contains("slice 0 is 0, slice 11 is 11"),
        "{remarks}"
    );
}

#[test]
fn deepvo_37_numbers_from_0_or_1_in_any_container_and_padding() {
    let patterns: [fn(usize) -> String; 5] = [
        |n| n.to_string(),
        |n| format!("{n:04}"),
        |n| format!("frame_{n}"),
        |n| format!("sequence/{n}"),
        |n| format!("v2/rgb_{n}_left"),
    ];
    for (at, name) in patterns.into_iter().enumerate() {
        for base in [0, 1] {
            let place = Place::empty();
            place.write("stack.npy", stack(0..12));
            let names = counted(base, 12, name);
            folder(&place, "maps", names.clone());
            let mut shuffled = names.clone();
            shuffled.rotate_left(5);
            shuffled.swap(0, 7);
            place.write("maps.npz", npz(&shuffled));
            place.write("maps.safetensors", safetensors(&shuffled));
            for file in ["maps", "maps.npz", "maps.safetensors"] {
                for options in [
                    format!("--pred stack.npy --gt {file}"),
                    format!("--pred {file} --gt stack.npy"),
                ] {
                    let remarks = assert_perfect(&place, &options, 12);
                    let (first, last) = (name(base), name(base + 11));
                    let ends = format!("slice 0 is {first}, slice 11 is {last}");
                    assert!(remarks.contains(&ends), "{at}, {options}: {remarks}");
                }
            }
        }
    }
}

#[test]
fn trackers_558_an_order_that_nobody_stated_is_refused_and_can_be_chosen() {
    let place = Place::empty();
    let names = counted(8, 4, |n| format!("frame_{n}"));
    folder(&place, "gt", names.clone());
    place.write("by_number.npy", stack(0..4));
    // frame_10, frame_11, frame_8, frame_9.
    place.write("by_text.npy", stack([2, 3, 0, 1]));
    place.write("swapped.npy", stack([3, 2, 1, 0]));
    place.write(
        "order.txt",
        "frame_11\r\nframe_10\r\nframe_9\r\nframe_8\r\n",
    );
    let orders = [
        "by number frame_8, frame_9, frame_10, frame_11",
        "by text frame_10, frame_11, frame_8, frame_9",
        "--in-order number, --in-order text",
        "--in-order FILE",
    ];
    refusal(&place, "--pred by_number.npy --gt gt", &orders);
    for (stack, order) in [
        ("by_number", "number"),
        ("by_text", "text"),
        ("swapped", "order.txt"),
    ] {
        let options = format!("--pred {stack}.npy --gt gt --in-order {order}");
        assert_perfect(&place, &options, 4);
        let options = format!("--pred gt --gt {stack}.npy --in-order {order}");
        assert_perfect(&place, &options, 4);
    }
    // The order of arrays in a file is a third one.
    let stored = [
        names[3].clone(),
        names[0].clone(),
        names[2].clone(),
        names[1].clone(),
    ];
    place.write("gt.npz", npz(&stored));
    place.write("as_stored.npy", stack([3, 0, 2, 1]));
    let parts = ["as stored frame_11, frame_8", "--in-order stored"];
    refusal(&place, "--pred as_stored.npy --gt gt.npz", &parts);
    assert_perfect(
        &place,
        "--pred as_stored.npy --gt gt.npz --in-order stored",
        4,
    );
    refusal(
        &place,
        "--pred by_number.npy --gt gt --in-order stored",
        &["no stored order", "--in-order number"],
    );
    refusal(
        &place,
        "--pred by_number.npy --gt gt --in-order numbers",
        &["numbers: no such file", "number, text or stored"],
    );
}

#[test]
fn flowframes_228_frames_of_several_folders() {
    let place = Place::empty();
    let frames = |folder: &str, first: usize| {
        (0..6)
            .map(|n| (format!("{folder}/{n}"), first + n))
            .collect::<Vec<_>>()
    };
    // Number and text agree: there is one order.
    folder(&place, "few", [frames("a", 0), frames("b", 6)].concat());
    place.write("pred.npy", stack(0..12));
    let remarks = assert_perfect(&place, "--pred pred.npy --gt few", 12);
    assert!(
        remarks.contains("slice 0 is a/0, slice 11 is b/5"),
        "{remarks}"
    );
    // drive_2 and drive_10 do not.
    folder(
        &place,
        "many",
        [frames("drive_2", 0), frames("drive_10", 6)].concat(),
    );
    refusal(
        &place,
        "--pred pred.npy --gt many",
        &["drive_2/0", "drive_10/0"],
    );
    assert_perfect(&place, "--pred pred.npy --gt many --in-order number", 12);
}

#[test]
fn arrays_of_numpy_savez_are_a_stack_in_their_order() {
    let place = Place::empty();
    let names = counted(0, 12, |n| format!("arr_{n}"));
    let mut sorted = names.clone();
    sorted.sort();
    place.write("pred.npz", npz(&sorted));
    place.write("gt.npz", npz(&names));
    place.write("stack.npy", stack(0..12));
    folder(&place, "gt", counted(1, 12, |n| format!("image_{n}")));
    for gt in ["gt.npz", "stack.npy", "gt"] {
        assert_perfect(&place, &format!("--pred pred.npz --gt {gt}"), 12);
        assert_perfect(&place, &format!("--pred {gt} --gt pred.npz"), 12);
    }
}

#[test]
fn padding_of_names_does_not_matter() {
    let place = Place::empty();
    folder(&place, "plain", counted(0, 12, |n| n.to_string()));
    folder(&place, "padded", counted(0, 12, |n| format!("{n:06}")));
    folder(
        &place,
        "nested",
        counted(0, 12, |n| format!("test/kitchen/{n:03}")),
    );
    for pred in ["plain", "padded", "nested"] {
        for gt in ["plain", "padded", "nested"] {
            let remarks = assert_perfect(&place, &format!("--pred {pred} --gt {gt}"), 12);
            assert!(
                remarks.contains("paired 12 predictions by name"),
                "{remarks}"
            );
        }
    }
    // Numbers from 1 are not those from 0.
    folder(&place, "from_1", counted(1, 12, |n| n.to_string()));
    let parts = ["numbered from 1", "from 0", "--in-order number"];
    refusal(&place, "--pred from_1 --gt padded", &parts);
    assert_perfect(&place, "--pred from_1 --gt padded --in-order number", 12);
}

#[test]
fn numbered_predictions_of_named_images_need_an_order() {
    let place = Place::empty();
    let names = ["bath/rgb_9", "bath/rgb_10", "den/rgb_3"];
    let named = names
        .iter()
        .zip(0..)
        .map(|(name, at)| ((*name).to_owned(), at));
    folder(&place, "gt", named);
    folder(&place, "pred", counted(0, 3, |n| n.to_string()));
    let parts = ["3 of 3", "predictions are numbered", "--in-order number"];
    refusal(&place, "--pred pred --gt gt", &parts);
    let remarks = assert_perfect(&place, "--pred pred --gt gt --in-order number", 3);
    assert!(
        remarks.contains("0 is bath/rgb_9, 2 is den/rgb_3"),
        "{remarks}"
    );
    // Names on both sides have no positions.
    refusal(
        &place,
        "--pred gt --gt gt --in-order number",
        &["matched by name"],
    );
}

/// The list of a data set has an order, which nobody has to choose.
#[test]
fn a_stack_beside_a_data_set_has_the_order_of_its_list() {
    let place = Place::new();
    let lines = place.text("rooms/rooms_test.csv");
    let ids: Vec<&str> = (lines.lines())
        .map(|line| line.split_once('.').unwrap().0)
        .collect();
    let maps: Vec<f32> = vec![2.0; 4 * 120 * 160];
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 120, 160), }\n";
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(maps.iter().flat_map(|value| value.to_le_bytes()));
    place.write("pred.npy", &file);
    let (document, remarks) = evaluate(&place, "--pred pred.npy --gt rooms:rooms");
    assert_eq!(document["summary"]["images"], 4);
    let ends = format!("slice 0 is {}, slice 3 is {}", ids[0], ids[3]);
    assert!(remarks.contains(&ends), "{remarks}");
    // Of a shuffled list too, where numbers say otherwise.
    let mut shuffled: Vec<&str> = lines.lines().collect();
    shuffled.rotate_left(1);
    place.write("rooms/rooms_test.csv", shuffled.join("\n"));
    refusal(
        &place,
        "--pred pred.npy --gt rooms:rooms",
        &["in the list", "by number", "--in-order stored"],
    );
    let (_, remarks) = evaluate(&place, "--pred pred.npy --gt rooms:rooms --in-order stored");
    let ends = format!("slice 0 is {}, slice 3 is {}", ids[1], ids[0]);
    assert!(remarks.contains(&ends), "{remarks}");
}

#[test]
fn a_stack_of_another_length_is_refused_with_both_lengths() {
    let place = Place::empty();
    folder(&place, "gt", counted(0, 12, |n| n.to_string()));
    place.write("pred.npy", stack(0..11));
    let parts = ["11 predictions in a stack", "12 ground truths"];
    refusal(&place, "--pred pred.npy --gt gt", &parts);
    place.write("gt.npy", stack(0..12));
    refusal(&place, "--pred pred.npy --gt gt.npy", &parts);
}

#[test]
fn one_map_in_one_file_each() {
    let place = Place::empty();
    place.write("mine.npy", map(3).to_npy());
    place.write("truth.npy", map(3).to_npy());
    place.write("other.npy", stack([3]));
    for pred in ["mine.npy", "other.npy"] {
        let remarks = assert_perfect(&place, &format!("--pred {pred} --gt truth.npy"), 1);
        assert!(
            remarks.contains("paired 1 prediction as the only maps"),
            "{remarks}"
        );
    }
    folder(&place, "two", counted(0, 2, |n| n.to_string()));
    refusal(&place, "--pred mine.npy --gt two", &["2 of 2"]);
}

#[test]
fn bts_80_flattened_names() {
    let place = Place::empty();
    for (drive, number) in [
        ("2011_09_26_drive_0002_sync", 1),
        ("2011_09_26_drive_0009_sync", 2),
    ] {
        let frame = "0000000069";
        let gt = format!("gt/{drive}/proj_depth/groundtruth/image_02/{frame}.npy");
        place.write(&gt, map(number).to_npy());
        place.write(&format!("raw/{drive}_{frame}.npy"), map(number).to_npy());
    }
    let remarks = assert_perfect(&place, "--pred raw --gt gt", 2);
    assert!(remarks.contains("folders joined with `_`"), "{remarks}");
    assert!(
        remarks
            .contains("2011_09_26_drive_0009_sync_0000000069 is 2011_09_26_drive_0009_sync/proj"),
        "{remarks}"
    );
    assert_perfect(&place, "--pred gt --gt raw", 2);
    // The frames of another drive are not taken.
    place.write(
        "other/2011_09_26_drive_0001_sync_0000000069.npy",
        map(1).to_npy(),
    );
    refusal(&place, "--pred other --gt gt", &["2 of 2"]);
}

#[test]
fn bts_39_flattened_names_of_nyu() {
    let place = Place::empty();
    for (scene, frame, number) in [("bathroom", "00045", 1), ("den_2", "00045", 2)] {
        place.write(&format!("gt/{scene}/rgb_{frame}.npy"), map(number).to_npy());
        place.write(
            &format!("files/{scene}/sync_depth_{frame}.npy"),
            map(number).to_npy(),
        );
        place.write(
            &format!("raw/{scene}_rgb_{frame}.npy"),
            map(number).to_npy(),
        );
    }
    assert_perfect(&place, "--pred raw --gt gt", 2);
    let remarks = assert_perfect(&place, "--pred raw --gt files", 2);
    assert!(remarks.contains("without words such as `rgb`"), "{remarks}");
}

#[test]
fn a_subset_is_scored_if_asked_and_the_result_says_so() {
    let place = Place::empty();
    folder(&place, "gt", counted(0, 12, |n| format!("scene/{n:05}")));
    folder(
        &place,
        "pred",
        counted(3, 4, |n| format!("{n:05}"))
            .into_iter()
            .map(|(n, at)| (n, at + 3)),
    );
    let parts = [
        "8 of 12 ground-truth maps have no prediction",
        "--only predicted scores the 4 images with a prediction",
        "--only FILE",
    ];
    refusal(&place, "--pred pred --gt gt", &parts);
    let (document, remarks) = evaluate(&place, "--pred pred --gt gt --only predicted --out part");
    assert_eq!(document["summary"]["images"], 4);
    assert_eq!(document["summary"]["mean"]["abs_rel"], 0.0);
    assert_eq!(document["provenance"]["split"], "given, 4 of 12 images");
    assert!(remarks.contains("4 of 12 images scored"), "{remarks}");
    let line = "evaluate --pred pred --gt gt --protocol nyu-full --only predicted";
    let said = place.mde(line);
    assert!(
        said.stdout.contains("8 images left out by --only"),
        "{}",
        said.stdout
    );
    // Ids, paths of files and the last part of ids; another system's text.
    let list = "\u{feff}scene/00004\r\n\r\nscene\\00003.npy\r\n00006\r\n".encode_utf16();
    place.write(
        "list.txt",
        list.flat_map(u16::to_le_bytes).collect::<Vec<u8>>(),
    );
    assert_perfect(&place, "--pred pred --gt gt --only list.txt", 3);
    place.write("unknown.txt", "scene/00004\nscene/99999\nelsewhere\n");
    refusal(
        &place,
        "--pred pred --gt gt --only unknown.txt",
        &["2 of 3 listed ids", "scene/99999, elsewhere", "scene/00000"],
    );
    place.write("more.txt", "scene/00004\nscene/00000\n");
    let parts = ["1 of 2 ground-truth maps have no prediction: scene/00000"];
    refusal(&place, "--pred pred --gt gt --only more.txt", &parts);
    refusal(
        &place,
        "--pred pred --gt gt --only nowhere.txt",
        &["nowhere.txt: no such file"],
    );
    place.write("empty.txt", "\n");
    refusal(
        &place,
        "--pred pred --gt gt --only empty.txt",
        &["holds no id"],
    );
}

#[test]
fn a_subset_of_a_stack() {
    let place = Place::empty();
    folder(&place, "gt", counted(0, 12, |n| n.to_string()));
    place.write("all.npy", stack(0..12));
    place.write("three.npy", stack([2, 7, 11]));
    place.write("list.txt", "2\n7\n11\n");
    for pred in ["all.npy", "three.npy"] {
        assert_perfect(&place, &format!("--pred {pred} --gt gt --only list.txt"), 3);
    }
    assert_perfect(&place, "--pred gt --gt all.npy --only list.txt", 3);
    // The order of the list is one order, that of numbers another.
    place.write("turned.txt", "11\n2\n7\n");
    refusal(
        &place,
        "--pred three.npy --gt gt --only turned.txt",
        &["as stored 11, 2, 7"],
    );
    let line = "--pred three.npy --gt gt --only turned.txt --in-order number";
    assert_perfect(&place, line, 3);
}

#[test]
fn results_of_other_images_are_not_compared() {
    let place = Place::empty();
    folder(&place, "gt", counted(0, 6, |n| n.to_string()));
    place.write("list.txt", "0\n1\n2\n");
    place.write("other.txt", "0\n1\n3\n");
    let hash = |options: &str| {
        let (document, _) = evaluate(&place, &format!("--pred gt --gt gt {options}"));
        document["provenance"]["data_hash"].to_string()
    };
    let hashes = [
        hash(""),
        hash("--only list.txt"),
        hash("--only other.txt"),
        // Metres are hashed, not what is stored.
        hash("--gt-scale 0.5"),
    ];
    for (at, one) in hashes.iter().enumerate() {
        assert!(!hashes[at + 1..].contains(one), "{at}");
    }
    assert_eq!(hash("--only predicted"), hashes[0]);
    assert_eq!(hash("--gt-scale 1"), hashes[0]);
}
