//! Evaluates predictions of several images under a published protocol.
//!
//! `cargo run --example evaluate_predictions`

#![allow(clippy::print_stdout)]

use mde_metrics::{DepthPair, ErrorTally, EvalProtocol, ImageSize, MetricsError, depth_errors};

fn main() -> Result<(), MetricsError> {
    let protocol = EvalProtocol::preset("nyu-eigen")?;
    let size = ImageSize::new(480, 640);
    let mut tally = ErrorTally::default();
    for image in 1..=3 {
        // A floor from 1 to 9 m; every seventh pixel has no measurement (0).
        let depth = |pixel: usize| 1.0 + 8.0 * pixel as f32 / size.pixels() as f32;
        let measured = |pixel: usize| {
            if pixel.is_multiple_of(7) {
                0.0
            } else {
                depth(pixel)
            }
        };
        let gt: Vec<f32> = (0..size.pixels()).map(measured).collect();
        let pred: Vec<f32> = (0..size.pixels())
            .map(|pixel| depth(pixel) * (1.0 + 0.05 * image as f32))
            .collect();
        let pair = DepthPair {
            pred: &pred,
            gt: &gt,
            size,
        };
        match depth_errors(pair, &protocol) {
            Ok(errors) => tally.push(&errors),
            // An image without valid depth has no errors and is skipped.
            Err(MetricsError::NoValidPixel { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    if let Some(summary) = tally.summary() {
        println!("{} images, {} pixels", summary.images, summary.pixels);
        println!("AbsRel {:.4}", summary.mean.abs_rel);
        println!("δ < 1.25 {:.4}", summary.mean.delta_1);
        println!("RMSE, mean over images {:.4} m", summary.mean.rmse);
        println!("RMSE, pooled {:.4} m", summary.rmse_pooled);
    }
    Ok(())
}
