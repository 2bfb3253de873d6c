//! Activations that another program has stored, with the ground truth of their images.

mod file;
mod kept;
mod layout;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::ArgMatches;
use clap::error::ErrorKind;
use mde_analysis::{DissectData, DissectLayer, StoredLayer};
use mde_datasets::{DataKind, Scene};
use mde_files::path_below;
use mde_metrics::Discretisation;
use mde_results::{Provenance, StoredFeatures, names};
use serde_json::json;

use self::file::{FeatureFile, Part, batches};
pub(super) use self::kept::{Stored, check_no_features};
use self::layout::{Axes, Stated, TokenGrid};
use super::request::{DissectedNetwork, Options};
use crate::hashes::hash_files;
use crate::output::{shell_word, shown};
use crate::progress::remark;
use crate::stage::Results;

/// Files of a layer's activations.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("bin_range").args(["dataset", "range"]).multiple(true)))]
pub(super) struct FeatureArgs {
    /// Activations of a layer in place of a network: .safetensors or .npz with `[PREFIX/]features`
    /// [N, C, h, w] and `[PREFIX/]depth` [N, 1, H, W] in metres, 0 for invalid depth. Several files
    /// are parts of one set of images.
    #[arg(long, value_name = "FILE", group = "network", value_delimiter = ',', num_args = 1..)]
    #[arg(requires = "bin_range", conflicts_with_all = ["model", "data"])]
    features: Vec<PathBuf>,
    /// Prefix of the tensors' names, up to a slash.
    #[arg(long, value_name = "PREFIX", requires = "features")]
    prefix: Option<String>,
    /// Order of the axes of `features`, where their sizes do not show it.
    #[arg(long, requires = "features", conflicts_with = "tokens")]
    layout: Option<Axes>,
    /// Rows and columns of patches where `features` are a transformer's tokens, [N, T, C] or
    /// [N, 1, T, C]. Class and register tokens before them are dropped.
    #[arg(long, value_name = "HxW", requires = "features")]
    tokens: Option<TokenGrid>,
    /// Data set whose depth range the bins cover: nyu or rooms (10 m), kitti or streets (80 m). Any
    /// other name needs --range.
    #[arg(long, value_name = "NAME", requires = "features")]
    dataset: Option<String>,
    /// Name of the layer in the results [default: the prefix, or `features`].
    #[arg(long, value_name = "NAME", requires = "features")]
    layer: Option<String>,
    /// Name of the network in the results [default: the name of the first file].
    #[arg(long, value_name = "NAME", requires = "features")]
    name: Option<String>,
}

impl FeatureArgs {
    /// Checks that the name of a data set decides the bins.
    pub(super) fn check_dataset(&self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let Some(name) = &self.dataset else {
            return Ok(());
        };
        if matches.contains_id("range") || self.kind().is_some() {
            return Ok(());
        }
        let message = format!(
            "--dataset {name} is not nyu, rooms, kitti or streets: add --range NEAR,FAR, where the \
             first and the last depth bin end, in metres\n"
        );
        Err(clap::Error::raw(ErrorKind::InvalidValue, message))
    }

    fn kind(&self) -> Option<DataKind> {
        self.dataset.as_ref()?.parse().ok()
    }

    fn discretisation(&self, options: &Options) -> anyhow::Result<Discretisation> {
        let known = self.kind().map(|kind| match kind.scene() {
            Scene::Indoor => Discretisation::NYU,
            Scene::Street => Discretisation::KITTI,
        });
        let given = options.range.map(Into::into);
        given.or(known).context("--features needs --dataset")
    }

    /// The prefix without its slash.
    fn prefix(&self) -> Option<&str> {
        let prefix = self.prefix.as_deref()?.trim_end_matches('/');
        (!prefix.is_empty()).then_some(prefix)
    }

    fn stated(&self) -> Stated {
        match (self.layout, self.tokens) {
            (Some(axes), _) => Stated::Axes(axes),
            (None, Some(grid)) => Stated::Tokens(grid),
            (None, None) => Stated::Nothing,
        }
    }

    /// The options that give this layer, as on the command line.
    fn options(&self, options: &Options, layer: &str, name: &str) -> String {
        let files: Vec<String> = self.features.iter().map(|path| shown(path)).collect();
        let layout = self.layout.map(|axes| match axes {
            Axes::Nchw => "nchw",
            Axes::Nhwc => "nhwc",
        });
        let given = [
            ("--features", Some(files.join(","))),
            ("--prefix", self.prefix.clone()),
            ("--layout", layout.map(str::to_owned)),
            ("--tokens", self.tokens.map(|grid| grid.0.to_string())),
            ("--dataset", self.dataset.clone()),
            ("--range", options.range.map(|range| range.to_string())),
            ("--bins", options.bins.map(|bins| bins.to_string())),
            ("--layer", Some(layer.to_owned())),
            ("--name", Some(name.to_owned())),
        ];
        let given = given
            .into_iter()
            .filter_map(|(option, value)| Some(format!("{option} {}", shell_word(&value?))));
        given.collect::<Vec<_>>().join(" ")
    }
}

/// Opens the files, and says where the activations come from; reads only the headers.
pub(super) fn open(
    args: &FeatureArgs,
    options: &Options,
    out: Option<PathBuf>,
) -> anyhow::Result<(DissectedNetwork, Stored)> {
    let first = args.features.first().context("--features names no file")?;
    let files: Vec<FeatureFile> = args
        .features
        .iter()
        .map(|path| FeatureFile::open(path, args.prefix(), args.stated()))
        .collect::<anyhow::Result<_>>()?;
    let maps = files[0].maps;
    let units = maps.units;
    for file in &files[1..] {
        ensure!(
            file.maps.units == units,
            "{}: {} units, but {} has {units}; all files must be of one layer",
            file.path().display(),
            file.maps.units,
            first.display()
        );
    }
    let leading = maps.leading();
    if leading > 0 {
        remark(&format!(
            "{}: the first {leading} of {} tokens left out, as class and register tokens",
            first.display(),
            leading + maps.size.pixels()
        ));
    }
    let bins = options.bins.unwrap_or(units.min(options.max_bins()));
    ensure!(
        bins >= 2,
        "{}: a layer of one unit gets one depth bin, and selectivity compares bins; set their number \
         with --bins K",
        first.display()
    );
    let discretisation = args.discretisation(options)?;
    let layer = args.layer.as_deref().or(args.prefix());
    let layer = layer.unwrap_or("features").to_owned();
    path_below(Path::new("results"), &names::tally(&layer))
        .with_context(|| format!("the layer's name {layer:?} becomes the name of a file"))?;
    let name = args.name.clone().unwrap_or_else(|| {
        let name = first.file_stem().unwrap_or(first.as_os_str());
        name.to_string_lossy().into_owned()
    });
    let images = files.iter().map(|file| file.images).sum();
    let stride = (files[0].depth.height / maps.size.height).max(1);
    let bins = discretisation.bins(bins)?;
    let files = Arc::new(files);
    let batch = options.batch_size.max(1);
    let hash = hash_of_all(&args.features)?;
    let network = DissectedNetwork {
        network: Box::new(StoredLayer::new(&layer, units, stride)),
        layers: vec![DissectLayer {
            name: layer.clone(),
            bins,
        }],
        images,
        provenance: Provenance {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            model: name.clone(),
            checkpoint: Provenance::STORED.to_owned() + &hash,
            data: args.dataset.clone().unwrap_or_else(|| "own".to_owned()),
            split: "given".to_owned(),
            // Replaced by the hash of the depth maps before they are dissected.
            data_hash: hash.clone(),
            seed: None,
        },
        preprocessing: json!({ "prefix": args.prefix(), "maps": format!("{maps:?}") }),
        data: DissectData {
            depths: {
                let files = files.clone();
                Box::new(move || Box::new(batches(files.clone(), batch, Part::Depth)))
            },
            images: {
                let files = files.clone();
                Box::new(move || Box::new(batches(files.clone(), batch, Part::All)))
            },
        },
        // The files hold no pictures.
        top_images: 0,
        grids: discretisation.sweep()?,
        assignments: Vec::new(),
        results: Results::into_folder(&name, out)?,
        load_report: serde_json::Value::Null,
    };
    let stored = Stored {
        files,
        is_layer_named: args.layer.is_some(),
        source: StoredFeatures {
            hash,
            options: args.options(options, &layer, &name),
        },
    };
    Ok((network, stored))
}

/// blake3 of the files' hashes, in order.
fn hash_of_all(paths: &[PathBuf]) -> anyhow::Result<String> {
    let mut hasher = blake3::Hasher::new();
    for hash in hash_files(paths)? {
        hasher.update(hash.as_bytes());
    }
    Ok(hasher.finalize().to_hex().to_string())
}
