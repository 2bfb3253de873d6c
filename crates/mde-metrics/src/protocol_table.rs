//! Scores the same predictions under several protocols, to find the origin of a published number.

use crate::{
    DepthErrors, DepthPair, ErrorSummary, ErrorSums, ErrorTally, EvalProtocol, MetricsError,
    ScoredPixels,
};
use serde::{Deserialize, Serialize};

/// Aggregates errors under several protocols: push each image, then [`finish`](Self::finish).
#[derive(Debug)]
pub struct ProtocolTable {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    protocol: EvalProtocol,
    tally: ErrorTally,
    sums: ErrorSums,
    skipped: usize,
    /// Why the protocol cannot be applied to these images.
    refused: Option<MetricsError>,
}

/// Errors of the predictions under one protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProtocolErrors {
    /// The protocol.
    pub protocol: EvalProtocol,
    /// Mean over images; `None` if the protocol cannot be applied.
    pub by_image: Option<ErrorSummary>,
    /// Mean over the pixels of all images.
    pub by_pixel: Option<DepthErrors>,
    /// Number of images without a valid pixel.
    pub skipped: usize,
    /// Why the protocol cannot be applied.
    pub refused: Option<String>,
}

impl ProtocolTable {
    /// A table without images.
    pub fn new(protocols: Vec<EvalProtocol>) -> Self {
        let row = |protocol| Row {
            protocol,
            tally: ErrorTally::default(),
            sums: ErrorSums::default(),
            skipped: 0,
            refused: None,
        };
        Self {
            rows: protocols.into_iter().map(row).collect(),
        }
    }

    /// Adds an image. A protocol is marked as not applicable if its crop does not fit the image, if
    /// it scores pixels without a prediction (NaN), or if it cannot align the prediction.
    ///
    /// # Errors
    /// If a prediction is infinite at a valid pixel, or a buffer has the wrong length.
    pub fn push(&mut self, pair: DepthPair<'_>) -> Result<(), MetricsError> {
        for row in self.rows.iter_mut().filter(|row| row.refused.is_none()) {
            match ScoredPixels::new(pair, &row.protocol) {
                Ok(scored) => {
                    let sums = scored.sums();
                    row.sums.merge(&sums);
                    if let Some(errors) = sums.errors() {
                        row.tally.push(&errors);
                    }
                }
                Err(MetricsError::NoValidPixel { .. }) => row.skipped += 1,
                Err(
                    error @ (MetricsError::CropSize { .. }
                    | MetricsError::EmptyCrop { .. }
                    | MetricsError::NotPredicted { .. }
                    | MetricsError::MedianScaling { .. }
                    | MetricsError::ConstantPrediction { .. }
                    | MetricsError::NotInvertible { .. }),
                ) => row.refused = Some(error),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The errors under each protocol, in the given order.
    pub fn finish(self) -> Vec<ProtocolErrors> {
        let finished = self.rows.into_iter().map(|row| {
            let applied = row.refused.is_none();
            ProtocolErrors {
                protocol: row.protocol,
                by_image: row.tally.summary().filter(|_| applied),
                by_pixel: row.sums.errors().filter(|_| applied),
                skipped: row.skipped,
                refused: row.refused.map(|error| error.to_string()),
            }
        });
        finished.collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{ImageSize, depth_errors};

    fn presets(names: &[&str]) -> Vec<EvalProtocol> {
        let preset = |name: &&str| EvalProtocol::preset(name).unwrap();
        names.iter().map(preset).collect()
    }

    #[test]
    fn each_row_equals_its_protocol_by_image_and_by_pixel() {
        let size = ImageSize::new(20, 50);
        let map = |offset: f32| -> Vec<f32> {
            let pixel = |i: usize| 0.5 + (i * 37 % 101) as f32 / 12.0 + offset;
            (0..size.pixels()).map(pixel).collect()
        };
        // The second image was measured in its upper half alone.
        let mut half = map(0.0);
        half[size.pixels() / 2..].fill(0.0);
        let images = [(map(0.3), map(0.0)), (map(1.0), half)];
        let names = ["nyu-full", "kitti-garg", "nyu-eigen"];
        let mut table = ProtocolTable::new(presets(&names));
        for (pred, gt) in &images {
            table.push(DepthPair { pred, gt, size }).unwrap();
        }
        table
            .push(DepthPair {
                pred: &images[0].0,
                gt: &vec![0.0; size.pixels()],
                size,
            })
            .unwrap();
        let rows = table.finish();
        for row in &rows[..2] {
            let mut tally = ErrorTally::default();
            let errors = images.each_ref().map(|(pred, gt)| {
                depth_errors(DepthPair { pred, gt, size }, &row.protocol).unwrap()
            });
            errors.iter().for_each(|errors| tally.push(errors));
            assert_eq!(row.by_image, tally.summary());
            let pooled = row.by_pixel.as_ref().unwrap();
            let pixels = errors.each_ref().map(|errors| errors.pixels as f64);
            let mean = errors[0].abs_rel * pixels[0] + errors[1].abs_rel * pixels[1];
            let mean = mean / (pixels[0] + pixels[1]);
            assert!((pooled.abs_rel - mean).abs() < 1e-12);
            assert!(pooled.abs_rel != row.by_image.as_ref().unwrap().mean.abs_rel);
            assert_eq!((row.skipped, &row.refused), (1, &None));
        }
        let refused = rows[2].refused.as_ref().unwrap();
        assert!(refused.contains("480x640"), "{refused}");
        assert_eq!((&rows[2].by_image, &rows[2].by_pixel), (&None, &None));
    }
}
