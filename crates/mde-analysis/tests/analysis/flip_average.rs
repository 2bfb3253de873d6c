//! Predictions averaged with those of mirrored images.

use candle_core::{Device, Result, Tensor};
use mde_analysis::{AnalysisError, predict_each};
use mde_models::{DepthInput, DepthNet, LayerInfo, Mode, Probe};

use crate::common::{Image, batches};

/// Adds to each pixel of the image the number of its column.
struct Ramp;

impl DepthNet for Ramp {
    fn layers(&self) -> &[LayerInfo] {
        &[]
    }

    fn forward(&self, input: &DepthInput, _: Mode, _: &mut dyn Probe) -> Result<Tensor> {
        let seen = input.image.narrow(1, 0, 1)?;
        let width = seen.dim(3)?;
        let ramp = Tensor::arange(0f32, width as f32, &Device::Cpu)?;
        seen.broadcast_add(&ramp)
    }
}

fn predictions(flip_average: bool) -> Vec<Vec<f32>> {
    let image = |id: &str, seen: [f32; 6]| Image {
        id: id.into(),
        seen: seen.to_vec(),
        size: (2, 3),
        gt: vec![1.0; 6],
        gt_size: (2, 3),
    };
    let images = [
        image("a", [1.0, 2.0, 4.0, 3.0, 5.0, 8.0]),
        image("b", [0.0, 0.0, 6.0, 1.0, 1.0, 1.0]),
    ];
    let mut found = Vec::new();
    predict_each(
        &Ramp,
        batches(&images, 2),
        &Device::Cpu,
        flip_average,
        &mut |image| {
            found.push(image.pred.to_vec());
            Ok::<_, AnalysisError>(())
        },
    )
    .unwrap();
    found
}

/// The prediction is x + (0, 1, 2). Of the mirrored image, mirrored back, it is x + (2, 1, 0). The
/// mean is x + 1.
#[test]
fn is_the_mean_of_the_prediction_and_of_the_mirrored_prediction_for_the_mirrored_image() {
    assert_eq!(predictions(false)[0], [1.0, 3.0, 6.0, 3.0, 6.0, 10.0]);
    assert_eq!(
        predictions(true),
        [
            [2.0, 3.0, 5.0, 4.0, 6.0, 9.0],
            [1.0, 1.0, 7.0, 2.0, 2.0, 2.0]
        ]
    );
}
