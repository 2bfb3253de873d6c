//! The images that an evaluation keeps.

use candle_core::Device;
use mde_analysis::{EvaluateOptions, evaluate};
use mde_datasets::DatasetError;
use mde_metrics::EvalProtocol;
use mde_results::encode_examples;
use safetensors::{Dtype, SafeTensors};

use crate::common::{Fake, Image, batches, picture, provenance};

const SIZE: (usize, usize) = (3, 5);

/// The prediction for image i is i + 1 m everywhere. The truth is 2 m, with a missing pixel.
fn images(count: usize) -> Vec<Image> {
    (0..count)
        .map(|index| {
            let mut gt = vec![2.0; 15];
            gt[7] = 0.0;
            Image {
                id: index.to_string(),
                seen: vec![index as f32 + 1.0; 15],
                size: SIZE,
                gt,
                gt_size: SIZE,
            }
        })
        .collect()
}

fn file(images: usize, examples: usize, batch: usize) -> Vec<u8> {
    let options = EvaluateOptions {
        protocol: EvalProtocol::preset("nyu-full").unwrap(),
        constant: None,
        images,
        examples,
        flip_average: false,
    };
    let batches = batches(&self::images(images), batch);
    let evaluated = evaluate(
        &Fake::new(),
        batches,
        &Device::Cpu,
        &options,
        provenance(),
        &mut |_| {},
    );
    encode_examples(&evaluated.unwrap().examples).unwrap()
}

fn ids(bytes: &[u8]) -> Vec<String> {
    let (_, header) = SafeTensors::read_metadata(bytes).unwrap();
    serde_json::from_str(&header.metadata().as_ref().unwrap()["ids"]).unwrap()
}

#[test]
fn are_spread_evenly_whatever_the_batch() {
    for batch in [1, 3, 10] {
        // The middles of four quarters of ten images.
        assert_eq!(ids(&file(10, 4, batch)), ["1", "3", "6", "8"]);
        assert_eq!(ids(&file(10, 1, batch)), ["5"]);
        assert_eq!(ids(&file(3, 3, batch)), ["0", "1", "2"]);
        assert_eq!(ids(&file(3, 8, batch)), ["0", "1", "2"]);
        assert_eq!(ids(&file(3, 0, batch)), [""; 0]);
    }
}

#[test]
fn are_written_in_the_contracts_shapes() {
    let bytes = file(10, 4, 3);
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let ids = ids(&bytes);
    assert_eq!(tensors.len(), 3 * ids.len());
    let floats = |bytes: &[u8]| -> Vec<f32> {
        bytes
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect()
    };
    for (index, id) in ids.iter().enumerate() {
        let tensor = |kind: &str| tensors.tensor(&format!("{index}/{kind}")).unwrap();
        let (rgb, gt, pred) = (tensor("rgb"), tensor("gt"), tensor("pred"));
        assert_eq!((rgb.dtype(), rgb.shape()), (Dtype::U8, &[3, 5, 3][..]));
        assert_eq!((gt.dtype(), gt.shape()), (Dtype::F32, &[3, 5][..]));
        assert_eq!((pred.dtype(), pred.shape()), (Dtype::F32, &[3, 5][..]));
        assert_eq!(rgb.data(), picture(id, 15));
        let metres = id.parse::<f32>().unwrap() + 1.0;
        assert_eq!(floats(pred.data()), [metres; 15]);
        let gt = floats(gt.data());
        assert_eq!((gt[6], gt[7], gt[8]), (2.0, 0.0, 2.0));
    }
    assert_eq!(bytes, file(10, 4, 5));
}

#[test]
fn images_without_a_picture_are_passed_over() {
    let options = EvaluateOptions {
        protocol: EvalProtocol::preset("nyu-full").unwrap(),
        constant: None,
        images: 6,
        examples: 2,
        flip_average: false,
    };
    let images = images(6);
    // Only the last two have pictures.
    let batches = batches(&images, 2).enumerate().map(|(number, batch)| {
        let mut batch = batch.unwrap();
        if number < 2 {
            batch.rgb.clear();
        }
        Ok::<_, DatasetError>(batch)
    });
    let evaluated = evaluate(
        &Fake::new(),
        batches,
        &Device::Cpu,
        &options,
        provenance(),
        &mut |_| {},
    );
    let bytes = encode_examples(&evaluated.unwrap().examples).unwrap();
    assert_eq!(ids(&bytes), ["4", "5"]);
}
