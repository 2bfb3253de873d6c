//! Networks that see a part of each frame: protocols score the whole frame.

use candle_core::Device;
use mde_analysis::{AnalysisError, EvaluateOptions, Evaluated, evaluate};
use mde_datasets::{DatasetError, DepthMap, ExampleBatch, FrameDepth};
use mde_metrics::{Alignment, Crop, DepthPair, EvalProtocol, ImageSize, depth_errors};
use mde_results::BaselineSource;

use crate::common::{Fake, Image, batches, provenance, random};

/// What the network sees of each frame.
const VIEW: (usize, usize) = (4, 6);
/// Sizes of two frames; the view is at the bottom, in the middle.
const FRAMES: [(usize, usize); 2] = [(6, 9), (5, 8)];

/// The frames' depths, and the images of their views.
fn frames() -> [(Vec<f32>, Image); 2] {
    FRAMES.map(|(height, width)| {
        let depth = random(height * width, 1.0, 9.0, height as u64);
        let (top, left) = (height - VIEW.0, (width - VIEW.1) / 2);
        let view = (0..VIEW.0).flat_map(|row| {
            let start = (top + row) * width + left;
            depth[start..start + VIEW.1].to_vec()
        });
        let image = Image {
            id: format!("{height}x{width}"),
            seen: random(VIEW.0 * VIEW.1, 1.0, 9.0, 100 + height as u64),
            size: VIEW,
            gt: view.collect(),
            gt_size: VIEW,
        };
        (depth, image)
    })
}

/// One batch of both images.
fn batch(frames: [(Vec<f32>, Image); 2]) -> ExampleBatch {
    let (depths, images): (Vec<_>, Vec<_>) = frames.into_iter().unzip();
    let mut batch = batches(&images, 2).next().unwrap().unwrap();
    batch.frames = (FRAMES.into_iter().zip(depths))
        .map(|((height, width), metres)| {
            let depth = DepthMap {
                height,
                width,
                metres,
            };
            let (top, left) = (height - VIEW.0, (width - VIEW.1) / 2);
            Some(FrameDepth { depth, top, left })
        })
        .collect();
    batch
}

fn run(batch: ExampleBatch, protocol: &EvalProtocol) -> Result<Evaluated, AnalysisError> {
    let options = EvaluateOptions {
        protocol: protocol.clone(),
        constant: Some((4.0, BaselineSource::TestMean)),
        images: 2,
        examples: 2,
        flip_average: false,
    };
    evaluate(
        &Fake::new(),
        [Ok::<_, DatasetError>(batch)].into_iter(),
        &Device::Cpu,
        &options,
        provenance(),
        &mut |_| {},
    )
}

/// Scores the middle of the lower half of each frame.
fn lower() -> EvalProtocol {
    EvalProtocol {
        crop: Crop::Fractions {
            top: 0.5,
            bottom: 1.0,
            left: 0.3,
            right: 0.7,
        },
        ..EvalProtocol::preset("nyu-full").unwrap()
    }
}

/// The window is one of each frame; examples show what the network sees.
#[test]
fn a_prediction_is_put_back_before_the_protocol_crops() {
    let found = run(batch(frames()), &lower()).unwrap();
    for ((depth, image), (height, width)) in frames().iter().zip(FRAMES) {
        let size = ImageSize::new(height, width);
        let mut pred = vec![f32::NAN; height * width];
        for (row, seen) in image.seen.chunks(VIEW.1).enumerate() {
            let start = (height - VIEW.0 + row) * width + (width - VIEW.1) / 2;
            pred[start..start + VIEW.1].copy_from_slice(seen);
        }
        let (pred, gt) = (&pred, depth);
        let expected = depth_errors(DepthPair { pred, gt, size }, &lower()).unwrap();
        let scored = &found.evaluation.per_image;
        let scored = scored.iter().find(|scored| scored.id == image.id).unwrap();
        assert_eq!(scored.errors, expected);
        let example = found.examples.iter();
        let mut example = example.filter(|example| example.image.id == image.id);
        let example = example.next().unwrap();
        assert_eq!((&example.gt, &example.pred), (&image.gt, &image.seen));
    }
}

#[test]
fn scored_pixels_that_the_network_does_not_see_are_an_error() {
    let full = EvalProtocol::preset("nyu-full").unwrap();
    let message = run(batch(frames()), &full).unwrap_err().to_string();
    // All but the view's 24 of 54 pixels.
    assert!(message.contains("6x9"), "{message}");
    let source = std::error::Error::source(&run(batch(frames()), &full).unwrap_err())
        .map(ToString::to_string)
        .unwrap_or(message);
    assert!(source.contains("30 of 54"), "{source}");

    // Without measurements outside of the view there is nothing to score there.
    let mut inside = batch(frames());
    for (frame, (height, width)) in inside.frames.iter_mut().flatten().zip(FRAMES) {
        for (at, depth) in frame.depth.metres.iter_mut().enumerate() {
            let (row, column) = (at / width, at % width);
            let left = (width - VIEW.1) / 2;
            if row < height - VIEW.0 || !(left..left + VIEW.1).contains(&column) {
                *depth = 0.0;
            }
        }
    }
    let found = run(inside, &full).unwrap().evaluation;
    assert_eq!(found.summary.pixels, 48);
}

#[test]
fn the_constant_baseline_is_not_aligned() {
    let baseline = |alignment| {
        let protocol = EvalProtocol {
            alignment,
            ..lower()
        };
        let found = run(batch(frames()), &protocol).unwrap().evaluation;
        found.constant_baseline.unwrap().summary
    };
    for alignment in Alignment::ALL {
        assert_eq!(
            baseline(alignment),
            baseline(Alignment::None),
            "{alignment}"
        );
    }
}
