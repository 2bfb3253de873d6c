//! `mde sweep`: selectivity and accuracy for several weights and layers of the assignment.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail, ensure};
use candle_core::Device;
use mde_datasets::Split;
use mde_metrics::DepthErrors;
use mde_metrics::statistics::{Bootstrap, Estimate};
use mde_models::Preset;
use mde_report::write_sweep;
use mde_results::{
    AlphaSweep, Dissection, Evaluation, FORMAT, FailedPoint, ImageErrors, LayerDissection,
    RunFolder, SweepLayer, SweepPoint,
};
use serde_json::json;

use crate::dissect::{self, DissectArgs};
use crate::evaluate::{self, EvaluateArgs};
use crate::output::{Output, count, estimate, message, result_place, shown};
use crate::progress::remark;
use crate::train::{self, TrainArgs, TrainSettings};

/// The grid of assignments, and how to train each point.
#[derive(Debug, clap::Args)]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    settings: TrainSettings,
    /// Output folder: one run folder per point, and sweep.json, sweep.html, sweep.md and sweep.csv.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Weights of the assigned selectivity in the loss; 0 trains the plain network.
    #[arg(
        long,
        value_name = "WEIGHT",
        value_delimiter = ',',
        allow_hyphen_values = true,
        default_value = "-0.1,0,0.03,0.1,0.3"
    )]
    alphas: Vec<f64>,
    /// Layers assigned together; repeat the option for several choices [default: the recipe's
    /// layers].
    #[arg(long, value_name = "LAYER[,LAYER…]")]
    layers: Vec<LayerSet>,
}

/// Layers that are assigned together.
#[derive(Debug, Clone, PartialEq)]
struct LayerSet(Vec<String>);

impl FromStr for LayerSet {
    type Err = Infallible;

    fn from_str(names: &str) -> Result<Self, Infallible> {
        Ok(Self(
            names
                .split(',')
                .map(|name| name.trim().to_owned())
                .collect(),
        ))
    }
}

/// The sweep's result.
const FILE: &str = "sweep.json";

/// Trains, evaluates and dissects every point that is not up to date. A point that fails does not
/// stop the others.
pub(crate) fn run(args: SweepArgs, device: &Device) -> anyhow::Result<Output> {
    let sweep = Sweep::new(args)?;
    let mut points = Vec::new();
    let mut dissections = Vec::new();
    let mut failed = Vec::new();
    let mut about = None;
    let mut up_to_date = true;
    let grid = sweep.grid();
    for (index, point) in grid.iter().enumerate() {
        remark(&format!("== {point}, {} of {}", index + 1, grid.len()));
        match sweep.measure(point, device) {
            Ok((evaluation, dissection, unchanged)) => {
                up_to_date &= unchanged;
                points.push(sweep.point(point, &evaluation, &dissection)?);
                dissections.push(dissection);
                about.get_or_insert(evaluation);
            }
            Err(error) => {
                let message = message(&error);
                tracing::error!("{point}: {message}");
                failed.push(FailedPoint {
                    alpha: point.alpha,
                    layers: point.layers.clone(),
                    message,
                });
            }
        }
    }
    let Some(about) = about else {
        bail!("no point of the sweep could be measured; see the messages above");
    };
    // The plain network is the same in every set of layers.
    let plain = points.iter().position(|point| point.alpha == 0.0);
    if let Some(plain) = plain.map(|index| &dissections[index]) {
        for (point, dissection) in points.iter_mut().zip(&dissections) {
            point.selectivity_change = change(plain, dissection, &point.layers);
        }
    }
    let found = AlphaSweep {
        format: FORMAT,
        model: about.provenance.model,
        seed: sweep.settings.seed,
        data: about.provenance.data,
        data_hash: about.provenance.data_hash,
        protocol: about.protocol.name,
        images: about.summary.images,
        bootstrap: Bootstrap::default(),
        points,
        failed,
    };
    RunFolder::new(&sweep.out).write_document(FILE, &found)?;
    let pages = write_sweep(&found, &sweep.out)?;
    ensure!(
        found.failed.is_empty(),
        "{} of {} points failed, see the messages above; {} shows the others",
        found.failed.len(),
        grid.len(),
        pages.html.display()
    );
    let document = json!({
        "file": shown(&sweep.out.join(FILE)), "html": shown(&pages.html), "markdown": shown(&pages.markdown),
        "table": shown(&pages.table), "up_to_date": up_to_date, "sweep": found,
    });
    Output::new(describe(&found, &pages.html, up_to_date), document)
}

/// A checked sweep.
struct Sweep {
    settings: TrainSettings,
    out: PathBuf,
    /// In increasing order.
    alphas: Vec<f64>,
    sets: Vec<Vec<String>>,
    /// The layers of all sets; every point is dissected in these.
    layers: Vec<String>,
}

/// One training of the grid.
struct Point {
    alpha: f64,
    layers: Vec<String>,
    /// The run folder's name.
    run: String,
}

impl std::fmt::Display for Point {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "α {}, {}", self.alpha, self.layers.join(" and "))
    }
}

impl Sweep {
    /// Checks all settings before the first training, so that a mistake shows at once.
    fn new(args: SweepArgs) -> anyhow::Result<Self> {
        let SweepArgs {
            settings,
            out,
            mut alphas,
            layers,
        } = args;
        let mut sets = Vec::with_capacity(layers.len().max(1));
        for LayerSet(set) in layers {
            sets.push(settings.assignment(0.0, Some(&set))?.layers);
        }
        if sets.is_empty() {
            sets.push(settings.assignment(0.0, None)?.layers);
        }
        for &alpha in &alphas {
            settings.assignment(alpha, None)?;
        }
        let preset = Preset::named(&settings.model)?;
        for split in [Split::Train, Split::Test] {
            settings.data.open(split, &preset)?;
        }
        alphas.sort_by(f64::total_cmp);
        // -0 equals 0.
        alphas.dedup_by(|a, b| a == b);
        let mut all: Vec<String> = Vec::new();
        for layer in sets.iter().flatten() {
            if !all.contains(layer) {
                all.push(layer.clone());
            }
        }
        Ok(Self {
            settings,
            out,
            alphas,
            sets,
            layers: all,
        })
    }

    fn grid(&self) -> Vec<Point> {
        let points = self.sets.iter().flat_map(|set| {
            self.alphas.iter().map(|&alpha| Point {
                alpha,
                layers: set.clone(),
                run: match alpha == 0.0 {
                    true => "plain".to_owned(),
                    false => format!("alpha{alpha}-{}", set.join("+")),
                },
            })
        });
        points.collect()
    }

    /// The results of a point, and whether all of them were up to date.
    fn measure(
        &self,
        point: &Point,
        device: &Device,
    ) -> anyhow::Result<(Evaluation, Dissection, bool)> {
        let folder = self.out.join(&point.run);
        let train = TrainArgs {
            settings: self.settings.clone(),
            out: folder.clone(),
            alpha: point.alpha,
            layers: Some(point.layers.clone()),
            accept_changed_data: false,
        };
        let trained = train::run(train, device)?;
        let data = self.settings.data.clone();
        let evaluate = EvaluateArgs::from_run(folder.clone(), data.clone());
        let evaluated = evaluate::run(evaluate, device)?;
        let (layers, bins) = (self.layers.clone(), self.settings.bins);
        let dissect = DissectArgs::from_run(folder.clone(), data, layers, bins);
        let dissected = dissect::run(dissect, device)?;
        let outputs = [trained, evaluated, dissected].map(Output::into_document);
        let up_to_date = outputs.iter().all(|output| output["up_to_date"] == true);
        let run = RunFolder::new(folder);
        let (evaluation, _) = run.document(evaluate::FILE, "mde sweep")?;
        let (dissection, _) = run.document(dissect::FILE, "mde sweep")?;
        Ok((evaluation, dissection, up_to_date))
    }

    fn point(
        &self,
        point: &Point,
        evaluation: &Evaluation,
        dissection: &Dissection,
    ) -> anyhow::Result<SweepPoint> {
        let mean = |value: fn(&DepthErrors) -> f64| -> anyhow::Result<Estimate> {
            let of_image = |image: &ImageErrors| value(&image.errors);
            let values: Vec<f64> = evaluation.per_image.iter().map(of_image).collect();
            let mean = Bootstrap::default().mean(&values);
            mean.with_context(|| format!("{}: an error is not finite", point.run))
        };
        let by_layer: Vec<SweepLayer> = (dissection.layers.iter())
            .map(|layer| SweepLayer {
                layer: layer.layer.clone(),
                units: layer.units,
                defined_units: selectivities(layer).flatten().count(),
                valid_bins: layer.valid_bins.mean,
                interval: layer.valid_bins.interval,
                reference: layer.reference.mean,
            })
            .collect();
        let of_set = by_layer
            .iter()
            .filter(|layer| point.layers.contains(&layer.layer));
        let of_set: Option<Vec<f64>> = of_set.map(|layer| layer.valid_bins).collect();
        Ok(SweepPoint {
            alpha: point.alpha,
            layers: point.layers.clone(),
            run: point.run.clone(),
            abs_rel: mean(|errors| errors.abs_rel)?,
            rmse: mean(|errors| errors.rmse)?,
            delta_1: mean(|errors| errors.delta_1)?,
            selectivity: of_set
                .filter(|values| !values.is_empty())
                .map(|values| mean_of(&values)),
            selectivity_change: None,
            by_layer,
        })
    }
}

/// See [`SweepPoint::selectivity_change`].
fn change(plain: &Dissection, dissection: &Dissection, layers: &[String]) -> Option<f64> {
    let of_layer = |name: &String| {
        let find = |dissection: &'_ Dissection| {
            let mut layers = dissection.layers.iter();
            let found = layers.find(|layer| layer.layer == *name)?;
            Some(selectivities(found).collect::<Vec<_>>())
        };
        let (plain, other) = (find(plain)?, find(dissection)?);
        let pairs = plain.into_iter().zip(other);
        let changes: Vec<f64> = pairs
            .filter_map(|(plain, other)| Some(other? - plain?))
            .collect();
        (!changes.is_empty()).then(|| mean_of(&changes))
    };
    let of_layers: Vec<f64> = layers.iter().map(of_layer).collect::<Option<_>>()?;
    (!of_layers.is_empty()).then(|| mean_of(&of_layers))
}

/// Each unit's selectivity by the valid-bins estimator.
fn selectivities(layer: &LayerDissection) -> impl Iterator<Item = Option<f64>> + '_ {
    layer.valid_bins.units.iter().map(|unit| unit.selectivity)
}

fn mean_of(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn describe(sweep: &AlphaSweep, page: &Path, up_to_date: bool) -> String {
    let mut words = format!(
        "{}: {} ({})",
        result_place(format!("{} on {}", sweep.model, sweep.data), up_to_date),
        count(sweep.images, "image"),
        sweep.protocol
    );
    for point in &sweep.points {
        let selectivity = point
            .selectivity
            .map_or("undefined".to_owned(), |mean| format!("{mean:.4}"));
        words += &format!(
            "\n  α {:<5} {:<12} AbsRel {}, selectivity {selectivity}",
            point.alpha,
            point.layers.join(","),
            estimate(&point.abs_rel),
        );
        let of_set = point.by_layer.iter();
        let of_set = of_set.filter(|layer| point.layers.contains(&layer.layer));
        let silent: usize = of_set.map(|layer| layer.units - layer.defined_units).sum();
        if silent > 0 {
            words += &format!(" ({} without a value left out)", count(silent, "unit"));
        }
        if let Some(change) = point.selectivity_change.filter(|_| point.alpha != 0.0) {
            words += &format!(", {change:+.4} from plain");
        }
    }
    if sweep
        .points
        .iter()
        .any(|point| point.selectivity_change.is_some())
    {
        words += "\nfrom plain: over the units that have a selectivity in both networks";
    }
    words + &format!("\nsweep: {}", page.display())
}
