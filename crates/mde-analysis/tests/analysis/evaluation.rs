//! Evaluation, against `depth_errors` per image and pooled.

use candle_core::{DType, Device, Tensor};
use mde_analysis::{AnalysisError, EvaluateOptions, Evaluated, evaluate};
use mde_metrics::{
    Alignment, Crop, DepthErrors, DepthPair, EvalProtocol, ImageSize, Quantity, depth_errors,
};
use mde_results::BaselineSource;

use crate::common::{Fake, Image, batches, provenance, random};

const SIZE: (usize, usize) = (7, 11);
const PIXELS: usize = 77;

/// Seven images. Images 2 and 6 have no valid depth; the others have missing depth and depths
/// beyond the protocol's range.
fn images() -> Vec<Image> {
    (0..7u64)
        .map(|index| {
            let mut gt = random(PIXELS, 0.2, 11.0, index);
            gt.iter_mut().step_by(5).for_each(|depth| *depth = 0.0);
            match index {
                2 => gt.fill(0.0),
                6 => gt.fill(10.5),
                _ => {}
            }
            Image {
                id: format!("image{index}"),
                seen: random(PIXELS, 0.1, 12.0, 100 + index),
                size: SIZE,
                gt,
                gt_size: SIZE,
            }
        })
        .collect()
}

fn protocol() -> EvalProtocol {
    EvalProtocol {
        name: "by hand".into(),
        min_depth: 0.001,
        max_depth: 10.0,
        crop: Crop::None,
        prediction: Quantity::Depth,
        alignment: Alignment::None,
    }
}

fn options(constant: Option<f64>) -> EvaluateOptions {
    EvaluateOptions {
        protocol: protocol(),
        constant: constant.map(|depth| (depth, BaselineSource::TrainingMean)),
        images: 7,
        examples: 0,
        flip_average: false,
    }
}

fn run(
    images: &[Image],
    batch: usize,
    options: &EvaluateOptions,
) -> Result<Evaluated, AnalysisError> {
    let batches = batches(images, batch);
    evaluate(
        &Fake::new(),
        batches,
        &Device::Cpu,
        options,
        provenance(),
        &mut |_| {},
    )
}

/// The errors of one prediction per image, without images that have no valid depth.
fn expected(images: &[Image], pred: impl Fn(&Image) -> Vec<f32>) -> Vec<(String, DepthErrors)> {
    let size = ImageSize::new(SIZE.0, SIZE.1);
    let valid = images
        .iter()
        .filter(|image| !["image2", "image6"].contains(&image.id.as_str()));
    valid
        .map(|image| {
            let (pred, gt) = (&pred(image), &image.gt);
            let pair = DepthPair { pred, gt, size };
            (image.id.clone(), depth_errors(pair, &protocol()).unwrap())
        })
        .collect()
}

#[test]
fn numbers_are_those_of_depth_errors() {
    let images = images();
    let expected = expected(&images, |image| image.seen.clone());
    for batch in [1, 3, 7] {
        let found = run(&images, batch, &options(None)).unwrap().evaluation;
        let per_image = found
            .per_image
            .iter()
            .map(|image| (image.id.clone(), image.errors.clone()));
        assert_eq!(Vec::from_iter(per_image), expected);
        assert_eq!(found.images_without_valid_depth, ["image2", "image6"]);
        assert_eq!(found.summary.images, 5);
        assert_eq!(
            found.summary.pixels,
            expected.iter().map(|image| image.1.pixels).sum::<u64>()
        );
        let mean = |metric: fn(&DepthErrors) -> f64| {
            expected.iter().map(|image| metric(&image.1)).sum::<f64>() / 5.0
        };
        assert!((found.summary.mean.abs_rel - mean(|errors| errors.abs_rel)).abs() < 1e-12);
        assert!((found.summary.mean.rmse - mean(|errors| errors.rmse)).abs() < 1e-12);
        assert!((found.summary.mean.delta_1 - mean(|errors| errors.delta_1)).abs() < 1e-12);
        assert_eq!(found.constant_baseline, None);
        assert_eq!(found.protocol, protocol());
        assert_eq!(found.provenance, provenance());
    }
}

#[test]
fn one_image_by_hand() {
    // Valid pixels: 2 m predicted as 3, 4 m predicted as 4, 5 m predicted as 20, clamped to 10.
    let image = Image {
        id: "a".into(),
        seen: vec![3.0, 4.0, 20.0, 1.0],
        size: (1, 4),
        gt: vec![2.0, 4.0, 5.0, 0.0],
        gt_size: (1, 4),
    };
    let found = run(&[image], 1, &options(Some(4.0))).unwrap().evaluation;
    let mean = &found.summary.mean;
    assert_eq!(found.summary.pixels, 3);
    assert!((mean.abs_rel - (0.5 + 0.0 + 1.0) / 3.0).abs() < 1e-12);
    assert!((mean.rmse - (26.0f64 / 3.0).sqrt()).abs() < 1e-12);
    assert!((mean.delta_1 - 1.0 / 3.0).abs() < 1e-12);
    // Constant 4: errors 2, 0, -1.
    let baseline = found.constant_baseline.unwrap();
    assert_eq!(baseline.depth, 4.0);
    assert!((baseline.summary.mean.abs_rel - (1.0 + 0.0 + 0.2) / 3.0).abs() < 1e-12);
    assert!((baseline.summary.rmse_pooled - (5.0f64 / 3.0).sqrt()).abs() < 1e-12);
    // Ranges of 1 m: 2 m lies in the second, 4 in the fourth, 5 in the fifth.
    let by_depth: Vec<_> = found
        .by_depth
        .iter()
        .map(|range| (range.to, range.pixels, range.rmse))
        .collect();
    assert_eq!(by_depth[0], (1.0, 0, None));
    assert_eq!(by_depth[1], (2.0, 1, Some(1.0)));
    assert_eq!(by_depth[3], (4.0, 1, Some(0.0)));
    assert_eq!(by_depth[4], (5.0, 1, Some(5.0)));
    assert_eq!(found.by_depth[4].abs_rel, Some(1.0));
    assert_eq!(found.by_depth[0].abs_rel, None);
}

#[test]
fn a_prediction_of_another_size_is_resized_to_the_ground_truth() {
    let size = (3, 5);
    let seen = random(15, 1.0, 9.0, 3);
    let image = Image {
        id: "a".into(),
        seen: seen.clone(),
        size,
        gt: random(PIXELS, 1.0, 9.0, 4),
        gt_size: SIZE,
    };
    let small = Tensor::from_vec(seen, (1, 1, 3, 5), &Device::Cpu).unwrap();
    let small = small.to_dtype(DType::F64).unwrap();
    let large = mde_ops::plain::resize_bilinear(&small, SIZE.0, SIZE.1).unwrap();
    let large: Vec<f64> = large.flatten_all().unwrap().to_vec1().unwrap();
    let errors = large
        .iter()
        .zip(&image.gt)
        .map(|(pred, &gt)| (pred - f64::from(gt)).powi(2));
    let rmse = (errors.sum::<f64>() / PIXELS as f64).sqrt();
    let found = run(&[image], 1, &options(None)).unwrap().evaluation;
    assert!((found.summary.mean.rmse - rmse).abs() < 1e-6);
}

#[test]
fn by_depth_adds_up_to_the_pooled_numbers() {
    let found = run(&images(), 2, &options(None)).unwrap().evaluation;
    assert_eq!(found.by_depth.len(), 10);
    assert_eq!((found.by_depth[0].from, found.by_depth[9].to), (0.0, 10.0));
    let pixels: u64 = found.by_depth.iter().map(|range| range.pixels).sum();
    assert_eq!(pixels, found.summary.pixels);
    let squares: f64 = found
        .by_depth
        .iter()
        .filter_map(|range| Some(range.rmse?.powi(2) * range.pixels as f64))
        .sum();
    let pooled = (squares / pixels as f64).sqrt();
    assert!((pooled - found.summary.rmse_pooled).abs() < 1e-12);
    let relative: f64 = found
        .by_depth
        .iter()
        .filter_map(|range| Some(range.abs_rel? * range.pixels as f64))
        .sum();
    let weighted = found
        .per_image
        .iter()
        .map(|image| image.errors.abs_rel * image.errors.pixels as f64);
    assert!((relative - weighted.sum::<f64>()).abs() < 1e-9);
}

#[test]
fn the_baseline_predicts_one_depth_for_the_same_images() {
    let images = images();
    let found = run(&images, 3, &options(Some(2.75))).unwrap().evaluation;
    let baseline = found.constant_baseline.unwrap();
    assert_eq!(baseline.depth, 2.75);
    let expected = expected(&images, |image| vec![2.75; image.gt.len()]);
    assert_eq!(
        (baseline.summary.images, baseline.summary.pixels),
        (5, found.summary.pixels)
    );
    let mean = expected.iter().map(|image| image.1.sq_rel).sum::<f64>() / 5.0;
    assert!((baseline.summary.mean.sq_rel - mean).abs() < 1e-12);
}

#[test]
fn without_any_valid_depth_there_is_nothing_to_evaluate() {
    let images: Vec<Image> = images()
        .into_iter()
        .filter(|image| ["image2", "image6"].contains(&image.id.as_str()))
        .collect();
    let error = run(&images, 1, &options(Some(2.0))).unwrap_err();
    assert!(
        matches!(error, AnalysisError::NothingToEvaluate { images: 2, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("by hand"), "{error}");
    let error = run(&[], 1, &options(None)).unwrap_err();
    assert!(
        matches!(error, AnalysisError::NothingToEvaluate { images: 0, .. }),
        "{error}"
    );
}

#[test]
fn a_prediction_that_is_not_finite_is_an_error_that_names_the_image() {
    let mut images = images();
    // Predictions without ground truth do not matter.
    images[1].seen[0] = f32::NAN;
    assert_eq!(images[1].gt[0], 0.0);
    run(&images, 3, &options(None)).unwrap();
    let measured = images[4]
        .gt
        .iter()
        .position(|&depth| depth > 0.0 && depth < 10.0)
        .unwrap();
    images[4].seen[measured] = f32::NAN;
    let error = run(&images, 3, &options(None)).unwrap_err();
    assert!(matches!(error, AnalysisError::Image { .. }), "{error}");
    assert!(error.to_string().contains("image4"), "{error}");
}

#[test]
fn the_observer_counts_images_and_a_loaders_error_ends_the_evaluation() {
    let images = images();
    let mut seen = Vec::new();
    let mut count = |images| seen.push(images);
    let all = batches(&images, 3);
    evaluate(
        &Fake::new(),
        all,
        &Device::Cpu,
        &options(None),
        provenance(),
        &mut count,
    )
    .unwrap();
    assert_eq!(seen, [1; 7]);

    let mut seen = 0;
    let lost = mde_datasets::DatasetError::EmptyList {
        list: "lost.csv".into(),
        expected: "rgb,depth",
    };
    let broken = batches(&images, 3)
        .take(1)
        .chain([Err(lost)])
        .chain(batches(&images, 3));
    let result = evaluate(
        &Fake::new(),
        broken,
        &Device::Cpu,
        &options(None),
        provenance(),
        &mut |images| seen += images,
    );
    assert!(matches!(result, Err(AnalysisError::Data(_))));
    assert_eq!(seen, 3);
}
