//! Predictions of another program, from files.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use candle_core::{Device, Tensor};
use mde_analysis::PredictedImage;
use mde_arrays::{Map, MapSet, pair};
use mde_datasets::{DataSpec, DepthEncoding, RgbdList, Split};
use mde_metrics::{EvalProtocol, ImageSize, Quantity};
use mde_results::Provenance;
use rayon::prelude::*;
use serde::Serialize;

use super::predictions::{Predictions, Visit, mean_of_list};
use crate::arguments::positive;
use crate::hashes::fingerprint;
use crate::progress::remark;
use crate::stage::Results;

/// Files of predictions and of their ground truth.
#[derive(Debug, Clone, clap::Args, Serialize)]
pub(super) struct GivenArgs {
    /// Predictions of another program in place of a network: a folder of .npy, .npz, .exr, .pfm,
    /// grey .png or .safetensors files with one map each, or one file with many maps. Needs --gt
    /// and --protocol.
    #[arg(long, value_name = "PATH", group = "network", requires = "gt")]
    #[arg(conflicts_with_all = ["model", "data"])]
    pred: Option<PathBuf>,
    /// Ground truth of --pred: files matched by name, or the test split of a data set, as for
    /// --data.
    #[arg(long, value_name = "PATH|[KIND:]DIR", requires = "pred")]
    gt: Option<String>,
    /// Array (.npz, .safetensors) or channel (.exr) of predictions, where files hold several.
    #[arg(long, value_name = "NAME", requires = "pred")]
    pred_array: Option<String>,
    /// Array or channel of the ground truth, where files hold several.
    #[arg(long, value_name = "NAME", requires = "pred")]
    gt_array: Option<String>,
    /// Metres per unit of the predictions, 0.001 for millimetres [default: 1; required for
    /// integers].
    #[arg(long, value_name = "METRES", requires = "pred", value_parser = positive::<f64>)]
    pred_scale: Option<f64>,
    /// Metres per unit of the ground truth's files [default: 1; required for integers].
    #[arg(long, value_name = "METRES", requires = "pred", value_parser = positive::<f64>)]
    gt_scale: Option<f64>,
    /// Predictions are disparities, 1 / depth: larger is nearer.
    #[arg(long, requires = "pred")]
    disparity: bool,
    /// Resize predictions bilinearly (corners not aligned) to the ground truth's size.
    #[arg(long, requires = "pred")]
    resize_pred: bool,
    /// Name of the network in the results [default: the name of PRED].
    #[arg(long, value_name = "NAME", requires = "pred")]
    name: Option<String>,
}

/// Predictions and ground truth, found and paired.
pub(super) struct FilePredictions {
    args: GivenArgs,
    pred: MapSet,
    gt: GroundTruth,
    /// The ids of the ground truth, and for each the prediction's.
    ids: Vec<String>,
    predictions: Vec<String>,
    protocol: Option<EvalProtocol>,
    results: Results,
}

enum GroundTruth {
    Maps { maps: MapSet, name: String },
    Data { spec: DataSpec, list: RgbdList },
}

impl FilePredictions {
    pub(super) fn open(
        args: &GivenArgs,
        protocol: Option<&str>,
        encoding: Option<DepthEncoding>,
        out: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let (Some(pred), Some(gt)) = (&args.pred, &args.gt) else {
            bail!("name the predictions and their ground truth: --pred PATH --gt PATH");
        };
        let protocol = protocol.map(EvalProtocol::preset).transpose()?;
        let predictions = MapSet::open(pred, args.pred_array.as_deref())?;
        let truth = GroundTruth::open(gt, args, encoding)?;
        let ids = truth.ids();
        let matched = matched(&predictions, &ids)
            .with_context(|| format!("{} and {gt} do not match", pred.display()))?;
        if matched.len() < predictions.len() {
            remark(&format!(
                "{}: {} of {} predictions have no ground truth and are left out",
                pred.display(),
                predictions.len() - matched.len(),
                predictions.len()
            ));
        }
        let of = args.name.clone().unwrap_or_else(|| name_of(pred));
        Ok(Self {
            args: args.clone(),
            predictions: matched,
            pred: predictions,
            gt: truth,
            ids,
            protocol,
            results: Results::into_folder(&of, out.map(Path::to_owned))?,
        })
    }

    /// The prediction of an image at the ground truth's size.
    fn prediction(&self, index: usize, size: ImageSize) -> anyhow::Result<Vec<f32>> {
        let id = &self.predictions[index];
        let map = metres(&self.pred, id, self.args.pred_scale, "--pred-scale")?;
        if (map.height, map.width) == (size.height, size.width) {
            return Ok(map.values);
        }
        ensure!(
            self.args.resize_pred,
            "{id}: the prediction is {}x{}, but the ground truth is {size} (height x width); --resize-pred resizes predictions bilinearly",
            map.height,
            map.width
        );
        let tensor = Tensor::from_vec(map.values, (1, 1, map.height, map.width), &Device::Cpu)?;
        let resized = mde_ops::resize_bilinear(&tensor, size.height, size.width)?;
        Ok(resized.flatten_all()?.to_vec1()?)
    }
}

impl Predictions for FilePredictions {
    fn ids(&self) -> Vec<String> {
        self.ids.clone()
    }

    fn each(&self, visit: &mut Visit<'_>) -> anyhow::Result<()> {
        (0..self.ids.len()).try_for_each(|index| self.one(index, visit))
    }

    fn one(&self, index: usize, visit: &mut Visit<'_>) -> anyhow::Result<()> {
        let truth = self.gt.load(index, &self.args)?;
        visit(PredictedImage {
            id: &self.ids[index],
            size: truth.size,
            rgb: truth.rgb.as_ref(),
            pred: &self.prediction(index, truth.size)?,
            gt: &truth.metres,
        })
    }

    fn quantity(&self) -> Quantity {
        if self.args.disparity {
            Quantity::Disparity
        } else {
            Quantity::Depth
        }
    }

    fn protocol(&self) -> anyhow::Result<EvalProtocol> {
        self.protocol.clone().with_context(|| {
            format!(
                "--pred needs --protocol (one of {}) or --all-protocols",
                EvalProtocol::names().join(", ")
            )
        })
    }

    fn test_mean(&self, protocol: &EvalProtocol) -> anyhow::Result<Option<f64>> {
        if let GroundTruth::Data { list, .. } = &self.gt {
            return mean_of_list(list);
        }
        let (mut sum, mut count) = (0.0, 0_u64);
        for index in 0..self.ids.len() {
            for depth in self.gt.load(index, &self.args)?.metres {
                if depth > protocol.min_depth && depth < protocol.max_depth {
                    (sum, count) = (sum + f64::from(depth), count + 1);
                }
            }
        }
        Ok((count > 0).then(|| sum / count as f64))
    }

    fn provenance(&self) -> anyhow::Result<Provenance> {
        let (data, split, data_hash) = match &self.gt {
            GroundTruth::Maps { maps, name } => (name.clone(), "given", hash(maps, maps.ids())?),
            GroundTruth::Data { spec, list } => {
                (spec.name()?, Split::Test.name(), fingerprint(list)?)
            }
        };
        Ok(Provenance {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            model: self.results.subject.clone(),
            checkpoint: Provenance::STORED.to_owned() + &hash(&self.pred, &self.predictions)?,
            data,
            split: split.to_owned(),
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

/// The id of the prediction for each ground truth. The maps of a stack have no names; they are
/// matched in order.
fn matched(predictions: &MapSet, ids: &[String]) -> anyhow::Result<Vec<String>> {
    let names = predictions.ids();
    if predictions.is_stack() {
        ensure!(
            names.len() == ids.len(),
            "a stack of {} predictions is matched in order, but there are {} ground truths",
            names.len(),
            ids.len()
        );
        return Ok(names.to_vec());
    }
    let pairs = pair(names, ids)?.pairs;
    Ok(pairs
        .into_iter()
        .map(|(prediction, _)| names[prediction].clone())
        .collect())
}

/// One image's ground truth.
struct Truth {
    size: ImageSize,
    metres: Vec<f32>,
    /// `[h, w, 3]`.
    rgb: Option<Vec<u8>>,
}

impl GroundTruth {
    fn open(text: &str, args: &GivenArgs, encoding: Option<DepthEncoding>) -> anyhow::Result<Self> {
        let path = Path::new(text);
        // An existing path may contain a colon. A folder with a dataset.toml is a data set.
        let described = path.join("dataset.toml").is_file();
        if path.exists() && !described {
            ensure!(
                encoding.is_none(),
                "--depth-encoding is for data sets; for the files in {text}, use --gt-scale"
            );
            return Ok(Self::Maps {
                maps: MapSet::open(path, args.gt_array.as_deref())?,
                name: name_of(path),
            });
        }
        let spec = text.parse::<DataSpec>().ok();
        let Some(spec) = spec.filter(|spec| described || spec.kind.is_some()) else {
            bail!("{text}: no such file or folder, and not a data set such as nyu:DIR");
        };
        ensure!(
            args.gt_scale.is_none(),
            "--gt-scale is for files; {text} is a data set, which defines its depth encoding (--depth-encoding overrides it)"
        );
        let list = spec.open(Split::Test, encoding)?;
        Ok(Self::Data { spec, list })
    }

    fn ids(&self) -> Vec<String> {
        match self {
            Self::Maps { maps, .. } => maps.ids().to_vec(),
            Self::Data { list, .. } => (0..list.len())
                .map(|index| list.id(index).to_owned())
                .collect(),
        }
    }

    fn load(&self, index: usize, args: &GivenArgs) -> anyhow::Result<Truth> {
        Ok(match self {
            Self::Maps { maps, .. } => {
                let id = &maps.ids()[index];
                let map = metres(maps, id, args.gt_scale, "--gt-scale")?;
                Truth {
                    size: ImageSize::new(map.height, map.width),
                    metres: map.values,
                    rgb: None,
                }
            }
            Self::Data { list, .. } => {
                let sample = list.load(index)?;
                let (height, width) = sample.depth.size();
                Truth {
                    size: ImageSize::new(height, width),
                    metres: sample.depth.metres,
                    rgb: Some(sample.rgb.into_raw()),
                }
            }
        })
    }
}

/// A map in metres. The unit of integers is never guessed.
fn metres(maps: &MapSet, id: &str, scale: Option<f64>, option: &str) -> anyhow::Result<Map> {
    ensure!(
        scale.is_some() || !maps.holds_integers(id)?,
        "{id}: the file holds integers; give their unit in metres: {option} 0.001 for millimetres, {option} 0.00390625 \
         for KITTI's 1/256 m, {option} 1 for metres"
    );
    let map = maps.load(id)?;
    let Some(scale) = scale.filter(|&scale| scale != 1.0) else {
        return Ok(map);
    };
    Ok(Map {
        // In f64, so that multiplying by 0.001 gives the same depths as dividing by 1000.
        values: map
            .values
            .iter()
            .map(|&value| (f64::from(value) * scale) as f32)
            .collect(),
        ..map
    })
}

/// blake3 over the ids, sizes and values of maps.
fn hash(maps: &MapSet, ids: &[String]) -> anyhow::Result<String> {
    let hashes: Vec<blake3::Hash> = ids
        .par_iter()
        .map(|id| {
            let map = maps.load(id)?;
            let mut hasher = blake3::Hasher::new();
            hasher.update(format!("{id}\n{}x{}\n", map.height, map.width).as_bytes());
            for value in &map.values {
                hasher.update(&value.to_le_bytes());
            }
            Ok(hasher.finalize())
        })
        .collect::<anyhow::Result<_>>()?;
    let mut whole = blake3::Hasher::new();
    for hash in &hashes {
        whole.update(hash.as_bytes());
    }
    Ok(whole.finalize().to_hex().to_string())
}

fn name_of(path: &Path) -> String {
    let name = path.file_stem().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
