//! METER's published weights, written by PyTorch.

use std::fs;
use std::path::Path;

use candle_core::DType;
use mde_models::Parameters;

use crate::common::{load, parameters, refused, shared, values};

/// Names and shapes from the reference's list, without batch counters.
pub(crate) fn model() -> Parameters {
    let list =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/state_dicts/meter_xxs.txt");
    let list = fs::read_to_string(list).unwrap();
    let shapes: Vec<(&str, Vec<usize>)> = list
        .lines()
        .map(|line| {
            let mut fields = line.split(' ');
            let (name, shape) = (fields.next().unwrap(), fields.next().unwrap());
            (
                name,
                shape
                    .split('x')
                    .filter_map(|dim| dim.parse().ok())
                    .collect(),
            )
        })
        .filter(|(name, _)| !name.ends_with("num_batches_tracked"))
        .collect();
    parameters(&shapes)
}

#[test]
fn meters_weights_equal_those_read_by_candle() {
    for name in ["nyu", "kitti"] {
        let Some(path) = shared(&format!("weights/meter_xxs_{name}.pth")) else {
            return;
        };
        let model = model();
        let report = model.load(&path).unwrap();
        assert!(report.is_match() && report.converted.is_empty());
        assert_eq!(report.matched, model.all().len());
        let theirs = candle_core::pickle::read_all(&path).unwrap();
        assert_eq!(theirs.len(), 261);
        for (name, tensor) in theirs {
            if tensor.dtype() == DType::F32 {
                let expected: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
                assert_eq!(values(&model, &name), expected, "{name}");
            }
        }
    }
}

#[test]
fn truncated_or_damaged_meter_weights_are_refused() {
    let Some(path) = shared("weights/meter_xxs_nyu.pth") else {
        return;
    };
    let whole = fs::read(path).unwrap();
    let model = model();
    for part in 0..20 {
        refused(&model, &whole[..whole.len() * part / 20]);
    }
    refused(&model, &whole[..whole.len() - 1]);
    for step in 0..40 {
        let mut damaged = whole.clone();
        let at = whole.len() * step / 40;
        damaged[at] ^= 0x10;
        let fresh = self::model();
        // Bytes between the archive's files are not checked; all others are.
        if load(&fresh, &damaged).is_ok() {
            let whole = self::model();
            load(
                &whole,
                &fs::read(shared("weights/meter_xxs_nyu.pth").unwrap()).unwrap(),
            )
            .unwrap();
            for name in whole.all().keys() {
                assert_eq!(
                    values(&whole, name),
                    values(&fresh, name),
                    "byte {at}, {name}"
                );
            }
        }
    }
}
