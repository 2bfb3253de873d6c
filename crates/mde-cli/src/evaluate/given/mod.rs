//! Predictions of another program, from files.

mod args;
mod matching;
mod sizes;
mod truth;

use std::path::Path;

use anyhow::{Context, bail, ensure};
use mde_analysis::{Frame, PredictedImage};
use mde_arrays::MapSet;
use mde_datasets::DepthEncoding;
use mde_metrics::{EvalProtocol, ImageSize, MetricsError, Quantity};
use mde_results::Provenance;
use rayon::prelude::*;

pub(super) use self::args::GivenArgs;
use self::matching::match_maps;
use self::sizes::Fit;
use self::truth::{GroundTruth, hash_maps, name_of, open_maps};
use super::predictions::{Predictions, Stored, Visit, mean_of_list, remark_on_range};
use crate::stage::Results;

/// Predictions and ground truth, found and paired.
pub(super) struct FilePredictions {
    args: GivenArgs,
    pred: MapSet,
    gt: GroundTruth,
    images: Vec<Image>,
    protocol: Option<EvalProtocol>,
    results: Results,
}

/// A scored image.
struct Image {
    /// The id of the ground truth.
    id: String,
    /// Index of the ground truth.
    truth: usize,
    /// The id of the prediction.
    prediction: String,
    fit: Fit,
}

impl FilePredictions {
    pub(super) fn open(
        args: &GivenArgs,
        protocol: Option<&str>,
        encoding: Option<DepthEncoding>,
        out: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let (Some(path), Some(gt)) = (&args.pred, &args.gt) else {
            bail!("name the predictions and their ground truth: --pred PATH --gt PATH");
        };
        let protocol = protocol.map(EvalProtocol::preset).transpose()?;
        let pred = open_maps(path, args.pred_array.as_deref(), "--pred-array")?;
        let truth = GroundTruth::open(gt, args, encoding)?;
        let matched = match_maps(&pred, truth.ids(), args)
            .map_err(|error| match pred.maps_first(truth.ids().ids.len()) {
                Some(advice) => error.context(advice),
                None => error,
            })
            .with_context(|| format!("{} and {gt} do not match", path.display()))?;
        let images = fitted(&pred, &truth, &matched.pairs, args)?;
        let of = args.name.clone().unwrap_or_else(|| name_of(path));
        Ok(Self {
            args: args.clone(),
            pred,
            gt: truth,
            images,
            protocol,
            results: Results::into_folder(&of, out.map(Path::to_owned))?,
        })
    }

    /// The prediction of an image: metres, or 1 / metres for disparities.
    fn prediction(&self, image: &Image, size: ImageSize) -> anyhow::Result<Vec<f32>> {
        let scale = self.args.pred_scale;
        ensure!(
            !self.args.disparity
                || scale.is_some()
                || !self.pred.holds_integers(&image.prediction)?,
            "{}: the file holds integers; say which depth they stand for: --pred-scale S means depth = S / stored. S is \
             focal length in pixels x baseline in metres x what the disparities were multiplied by (256 for \
             KITTI's files). Any S will do with an alignment: --pred-scale 1 --align median",
            image.id
        );
        let map = truth::load(&self.pred, &image.prediction, scale, "--pred-scale")?;
        // A disparity p stands for depth S / p, which is 1 / (p / S).
        let map = truth::converted(map, |stored| match (scale, self.args.disparity) {
            (None, _) => stored,
            (Some(scale), false) => stored * scale,
            (Some(scale), true) => stored / scale,
        });
        sizes::resized(map, size)
    }

    fn visit(&self, image: &Image, visit: &mut Visit<'_>) -> anyhow::Result<()> {
        let truth = self.gt.load(image.truth, &self.args)?;
        let (id, rgb) = (&image.id, truth.rgb.as_ref());
        let Fit::Placed(view) = image.fit else {
            return visit(PredictedImage {
                id,
                size: truth.size,
                rgb,
                pred: &self.prediction(image, truth.size)?,
                gt: &truth.metres,
                frame: None,
            });
        };
        let part = view.cut_out(&truth.metres, truth.size)?;
        let rgb = rgb.map(|rgb| sizes::cut_out_picture(rgb, truth.size, view));
        let visited = visit(PredictedImage {
            id,
            size: view.size,
            rgb: rgb.as_ref(),
            pred: &self.prediction(image, view.size)?,
            gt: &part,
            frame: Some(Frame {
                view,
                size: truth.size,
                gt: &truth.metres,
            }),
        });
        visited.map_err(|error| {
            let is_outside = error.chain().any(|cause| {
                let cause = cause.downcast_ref::<MetricsError>();
                matches!(cause, Some(MetricsError::NotPredicted { .. }))
            });
            match self.args.place_pred.filter(|_| is_outside) {
                Some(placement) => error.context(sizes::outside(placement, view, truth.size)),
                None => error,
            }
        })
    }
}

/// The images, each with the way in which its prediction becomes a map of the ground truth's size.
fn fitted(
    pred: &MapSet,
    gt: &GroundTruth,
    pairs: &[(usize, usize)],
    args: &GivenArgs,
) -> anyhow::Result<Vec<Image>> {
    let ids = gt.ids().ids;
    let fit = |&(prediction, index): &(usize, usize)| {
        let (id, prediction) = (ids[index].clone(), pred.ids()[prediction].clone());
        let size = pred.size(&prediction);
        let (height, width) = size.map_err(|error| truth::with_option(error, "--pred-array"))?;
        let (size, frame) = (ImageSize::new(height, width), gt.size(index)?);
        let fit = sizes::fit(&id, size, frame, args.place_pred, args.resize_pred)?;
        let resized = match fit {
            Fit::Same => None,
            Fit::Resized => Some((size, frame)),
            Fit::Placed(view) => (size != view.size).then_some((size, view.size)),
        };
        let image = Image {
            id,
            truth: index,
            prediction,
            fit,
        };
        Ok((image, resized))
    };
    // Collected before the first error is taken, so that it does not depend on the threads.
    let found: Vec<anyhow::Result<_>> = pairs.par_iter().map(fit).collect();
    let found = found.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let (images, resized): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    let resized: Vec<_> = resized.into_iter().flatten().collect();
    sizes::remark_on_resizing(&resized);
    Ok(images)
}

impl Predictions for FilePredictions {
    fn ids(&self) -> Vec<String> {
        self.images.iter().map(|image| image.id.clone()).collect()
    }

    fn each(&self, visit: &mut Visit<'_>) -> anyhow::Result<()> {
        (self.images.iter()).try_for_each(|image| self.visit(image, visit))
    }

    fn one(&self, index: usize, visit: &mut Visit<'_>) -> anyhow::Result<()> {
        self.visit(&self.images[index], visit)
    }

    fn quantity(&self) -> Quantity {
        if self.args.disparity {
            Quantity::Disparity
        } else {
            Quantity::Depth
        }
    }

    fn stored(&self) -> Option<Stored> {
        Some(Stored {
            pred_scale: self.args.pred_scale.unwrap_or(1.0),
            gt_scale: match self.gt {
                GroundTruth::Maps { .. } => Some(self.args.gt_scale.unwrap_or(1.0)),
                GroundTruth::Data { .. } => None,
            },
        })
    }

    fn left_out(&self) -> usize {
        self.gt.ids().ids.len() - self.images.len()
    }

    fn protocol(&self) -> anyhow::Result<EvalProtocol> {
        self.protocol.clone().with_context(|| {
            format!(
                "--pred needs --protocol (one of {}) or --all-protocols",
                EvalProtocol::names().join(", ")
            )
        })
    }

    fn remark_on_range(&self, protocol: &EvalProtocol) {
        if let GroundTruth::Data { list, .. } = &self.gt {
            remark_on_range(list, protocol);
        }
    }

    fn test_mean(&self, protocol: &EvalProtocol) -> anyhow::Result<Option<f64>> {
        if let GroundTruth::Data { list, .. } = &self.gt
            && self.left_out() == 0
        {
            return mean_of_list(list, protocol);
        }
        let (mut sum, mut count) = (0.0, 0_u64);
        for image in &self.images {
            for depth in self.gt.load(image.truth, &self.args)?.metres {
                if depth > protocol.min_depth && depth < protocol.max_depth {
                    (sum, count) = (sum + f64::from(depth), count + 1);
                }
            }
        }
        Ok((count > 0).then(|| sum / count as f64))
    }

    fn provenance(&self) -> anyhow::Result<Provenance> {
        let truths: Vec<usize> = self.images.iter().map(|image| image.truth).collect();
        let (data, split, data_hash) = self.gt.provenance(&truths, &self.args)?;
        let stored = hash_maps(&self.images, |image| {
            Ok((image.prediction.clone(), self.pred.load(&image.prediction)?))
        })?;
        Ok(Provenance {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            model: self.results.subject.clone(),
            checkpoint: Provenance::STORED.to_owned() + &stored,
            data,
            split,
            data_hash,
            seed: None,
        })
    }

    fn preparation(&self) -> anyhow::Result<serde_json::Value> {
        serde_json::to_value(&self.args).context("cannot serialise")
    }

    fn results(&self) -> &Results {
        &self.results
    }
}
