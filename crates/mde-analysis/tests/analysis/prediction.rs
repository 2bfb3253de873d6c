//! Prediction of one image: what `mde predict` writes.

use candle_core::{Device, Tensor};
use mde_analysis::{AnalysisError, predict};
use mde_models::DepthInput;

use crate::common::{Fake, Map, assert_near};

/// Predicts channel 0 of the image. The maps of layer `L` are one pixel: 1, 2 and 3.
fn network() -> Fake {
    Fake::new().layer("L", 3, |_, _| Map {
        size: (1, 1),
        values: vec![1.0, 2.0, 3.0],
    })
}

fn input(channel: &[f32], size: (usize, usize)) -> DepthInput {
    let planes = [channel, channel, channel].concat();
    DepthInput::new(Tensor::from_vec(planes, (1, 3, size.0, size.1), &Device::Cpu).unwrap())
}

fn unit(layer: &str, unit: usize) -> (String, usize) {
    (layer.to_owned(), unit)
}

#[test]
fn maps_are_resized_to_the_size_asked_for() {
    let input = input(&[1.0, 3.0], (1, 2));
    let found = predict(
        &network(),
        &input,
        (3, 4),
        &[unit("L", 2), unit("L", 0), unit("L", 2)],
    );
    let found = found.unwrap();
    assert_eq!(found.units, [vec![3.0; 12], vec![1.0; 12], vec![3.0; 12]]);
    // Half-pixel centres: columns at -1/4, 1/4, 3/4 and 5/4, the outer two at the border.
    for (index, depth) in found.depth.iter().enumerate() {
        assert_near(f64::from(*depth), [1.0, 1.5, 2.5, 3.0][index % 4]);
    }
    // The prediction is not clamped.
    let found = predict(&network(), &self::input(&[-2.0], (1, 1)), (1, 1), &[]).unwrap();
    assert_eq!((found.depth, found.units), (vec![-2.0], Vec::new()));
}

#[test]
fn units_that_are_not_there_and_depths_that_are_none() {
    let input = input(&[1.0; 6], (2, 3));
    let error = |units: &[_]| predict(&network(), &input, (2, 3), units).unwrap_err();
    let unknown = error(&[unit("L", 1), unit("L", 3)]);
    assert!(matches!(unknown, AnalysisError::UnknownUnit { .. }));
    let message = unknown.to_string();
    assert!(message.contains("L has units 0 to 2, not 3"), "{message}");
    assert!(matches!(error(&[unit("M", 0)]), AnalysisError::Model(_)));
    for depth in [f32::NAN, f32::INFINITY] {
        let input = self::input(&[1.0, depth], (1, 2));
        let error = predict(&network(), &input, (2, 5), &[]).unwrap_err();
        assert!(matches!(error, AnalysisError::NonFiniteDepth), "{error}");
    }
}
