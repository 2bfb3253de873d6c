//! The images that units respond to most: found by sorting all of them.

use candle_core::Device;
use mde_analysis::{DissectData, DissectLayer, DissectOptions, dissect};
use mde_metrics::DepthBins;
use mde_results::encode_top_images;
use safetensors::{Dtype, SafeTensors};

use crate::common::{Fake, Image, Map, TestBatches, batches, data, metadata, random};

const UNITS: usize = 4;
const MAP: (usize, usize) = (11, 120);
const PIXELS: usize = MAP.0 * MAP.1;

/// Maps of 11x120. Unit 0 responds with the depth seen, unit 1 with minus its square, unit 2 with
/// 0, and unit 3 with one of three values, constant over the image.
fn responses(seen: &[f32]) -> Vec<f32> {
    let level = (seen[0] * 3.0).floor();
    let square = seen.iter().map(|value| -value * value);
    let rest = (0..2 * PIXELS).map(|at| if at < PIXELS { 0.0 } else { level });
    seen.iter().copied().chain(square).chain(rest).collect()
}

fn images(count: u64) -> Vec<Image> {
    (0..count)
        .map(|index| {
            let mut seen = random(PIXELS, -1.0, 1.0, index);
            seen[0] = (index % 3) as f32 / 3.0 + 0.1;
            Image {
                id: format!("image/{index}"),
                seen,
                size: MAP,
                gt: random(100 * 250, 0.5, 9.0, index),
                gt_size: (100, 250),
            }
        })
        .collect()
}

/// The file of a dissection that keeps `wanted` images per unit.
fn file(images: &[Image], wanted: usize, batch: usize) -> Vec<u8> {
    let network = Fake::new().layer("L", UNITS, |seen, size| Map {
        size,
        values: responses(seen),
    });
    let layers = [DissectLayer {
        name: "L".into(),
        bins: DepthBins::nyu(4).unwrap(),
    }];
    let options = DissectOptions {
        top_images: wanted,
        ..DissectOptions::default()
    };
    let batches = &data(images, batch);
    let dissected = dissect(
        &network,
        batches,
        &Device::Cpu,
        &layers,
        &options,
        &mut |_| {},
    );
    encode_top_images(&dissected.unwrap()[0].top_images().unwrap()).unwrap()
}

fn words<T>(tensors: &SafeTensors<'_>, name: &str, of: fn([u8; 4]) -> T) -> Vec<T> {
    let data = tensors.tensor(name).unwrap().data();
    data.as_chunks::<4>()
        .0
        .iter()
        .map(|bytes| of(*bytes))
        .collect()
}

fn ids(bytes: &[u8]) -> Vec<String> {
    serde_json::from_value(metadata(bytes, "ids")).unwrap()
}

/// Index and peak of the images that a unit responds to most.
fn sorted(images: &[Image], unit: usize) -> Vec<(usize, f32)> {
    let mut peaks: Vec<(usize, f32)> = images
        .iter()
        .map(|image| responses(&image.seen)[unit * PIXELS..(unit + 1) * PIXELS].to_vec())
        .map(|map| {
            map.into_iter()
                .max_by(|a, b| a.abs().total_cmp(&b.abs()))
                .unwrap()
        })
        .enumerate()
        .filter(|(_, peak)| *peak != 0.0)
        .collect();
    // Stable: equal images keep the order of the list.
    peaks.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    peaks
}

#[test]
fn are_those_with_the_highest_peaks() {
    let (images, wanted) = (images(9), 3);
    let bytes = file(&images, wanted, 2);
    let (tensors, ids) = (SafeTensors::deserialize(&bytes).unwrap(), ids(&bytes));
    let found = words(&tensors, "images", i32::from_le_bytes);
    let peaks = words(&tensors, "peak", f32::from_le_bytes);
    let activation = tensors.tensor("activation").unwrap();
    // 11x120 to a width of 48.
    assert_eq!(activation.shape(), [UNITS, wanted, 4, 48]);
    let mut occurring = Vec::new();
    for unit in 0..UNITS {
        let expected = sorted(&images, unit);
        for rank in 0..wanted {
            let at = unit * wanted + rank;
            let map = &activation.data()[at * 4 * 48..(at + 1) * 4 * 48];
            let Some(&(image, peak)) = expected.get(rank) else {
                assert_eq!((unit, found[at], peaks[at]), (2, -1, 0.0));
                assert_eq!(map, [0; 4 * 48]);
                continue;
            };
            occurring.push(image);
            assert_eq!(ids[usize::try_from(found[at]).unwrap()], images[image].id);
            assert_eq!(peaks[at], peak);
            let responses = &responses(&images[image].seen)[unit * PIXELS..];
            // The second row covers rows 2.75 to 5.5, the third column columns 5 to 7.5.
            let mut sum = 0.0;
            for (row, down) in [(2, 0.25), (3, 1.0), (4, 1.0), (5, 0.5)] {
                for (column, along) in [(5, 1.0), (6, 1.0), (7, 0.5)] {
                    sum += down * along * responses[row * MAP.1 + column].abs();
                }
            }
            let share = 255.0 * sum / (2.75 * 2.5) / peak.abs();
            assert!((f32::from(map[48 + 2]) - share).abs() < 0.51);
        }
    }
    // Only images that occur, in the order of the list.
    occurring.sort_unstable();
    occurring.dedup();
    let expected: Vec<_> = occurring
        .iter()
        .map(|&image| images[image].id.clone())
        .collect();
    assert_eq!(ids, expected);
    assert!(ids.len() < images.len());
    assert_eq!(tensors.len(), 3 + ids.len());
}

#[test]
fn equals_are_kept_in_the_order_of_the_list() {
    let images = images(9);
    let bytes = file(&images, 4, 4);
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let (ids, found) = (ids(&bytes), words(&tensors, "images", i32::from_le_bytes));
    let names: Vec<&str> = found[12..16]
        .iter()
        .map(|&at| ids[at as usize].as_str())
        .collect();
    assert_eq!(names, ["image/2", "image/5", "image/8", "image/1"]);
}

#[test]
fn of_fewer_images_than_wanted_are_all_and_no_more() {
    let bytes = file(&images(2), 3, 1);
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let found = words(&tensors, "images", i32::from_le_bytes);
    assert!(found[0] >= 0 && found[1] >= 0, "{found:?}");
    assert_eq!(found[2], -1);
    // Image 0 is at level 0.
    assert_eq!(found[9..], [1, -1, -1]);
}

#[test]
fn are_written_with_small_pictures_in_the_contracts_types() {
    let bytes = file(&images(5), 2, 3);
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    for (name, dtype) in [("images", Dtype::I32), ("peak", Dtype::F32)] {
        let tensor = tensors.tensor(name).unwrap();
        assert_eq!((tensor.dtype(), tensor.shape()), (dtype, &[UNITS, 2][..]));
    }
    assert_eq!(tensors.tensor("activation").unwrap().dtype(), Dtype::U8);
    for (index, id) in ids(&bytes).iter().enumerate() {
        let rgb = tensors.tensor(&format!("{index}/rgb")).unwrap();
        assert_eq!((rgb.dtype(), rgb.shape()), (Dtype::U8, &[77, 192, 3][..]));
        let colour = *id.as_bytes().last().unwrap();
        assert!(rgb.data().iter().all(|&value| value == colour));
    }
}

#[test]
fn images_without_pictures_are_named_all_the_same() {
    let images = images(3);
    let network = Fake::new().layer("L", UNITS, |seen, size| Map {
        size,
        values: responses(seen),
    });
    let layers = [DissectLayer {
        name: "L".into(),
        bins: DepthBins::nyu(4).unwrap(),
    }];
    let options = DissectOptions {
        top_images: 3,
        ..DissectOptions::default()
    };
    let without_pictures = || -> TestBatches {
        Box::new(batches(&images, 2).map(|batch| {
            let mut batch = batch?;
            batch.rgb.clear();
            Ok(batch)
        }))
    };
    let data = DissectData {
        images: without_pictures,
        depths: without_pictures,
    };
    let dissected = dissect(
        &network,
        &data,
        &Device::Cpu,
        &layers,
        &options,
        &mut |_| {},
    );
    let bytes = encode_top_images(&dissected.unwrap()[0].top_images().unwrap()).unwrap();
    assert_eq!(ids(&bytes), ["image/0", "image/1", "image/2"]);
    assert_eq!(SafeTensors::deserialize(&bytes).unwrap().len(), 3);
}
