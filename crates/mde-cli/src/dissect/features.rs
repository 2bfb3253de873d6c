//! Activations that another program has stored, with the ground truth of their images.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use mde_analysis::{DissectData, DissectLayer, StoredLayer};
use mde_arrays::{Array, ArrayFile};
use mde_datasets::{DataKind, DatasetError, ExampleBatch, Scene};
use mde_metrics::Discretisation;
use mde_results::Provenance;
use serde_json::json;

use super::request::{DissectedNetwork, Options};
use crate::hashes::hash_file;
use crate::stage::Results;

/// Files of a layer's activations.
#[derive(Debug, clap::Args)]
pub(super) struct FeatureArgs {
    /// Activations of a layer in place of a network: .safetensors or .npz with `[PREFIX/]features`
    /// [N, C, h, w] and `[PREFIX/]depth` [N, 1, H, W] in metres, 0 for invalid depth. Several files
    /// are parts of one set of images.
    #[arg(long, value_name = "FILE", group = "network", value_delimiter = ',')]
    #[arg(requires = "dataset", conflicts_with_all = ["model", "data"])]
    features: Vec<PathBuf>,
    /// Prefix of the tensors' names, up to a slash.
    #[arg(long, value_name = "PREFIX", requires = "features")]
    prefix: Option<String>,
    /// Data set whose depth range the bins cover: nyu or rooms (10 m), kitti or streets (80 m).
    #[arg(long, value_name = "KIND", requires = "features", value_parser = kind_parser())]
    dataset: Option<DataKind>,
    /// Name of the layer in the results.
    #[arg(
        long,
        value_name = "NAME",
        requires = "features",
        default_value = "features"
    )]
    layer: String,
    /// Name of the network in the results [default: the name of the first file].
    #[arg(long, value_name = "NAME", requires = "features")]
    name: Option<String>,
}

/// Accepts the names of data sets.
fn kind_parser() -> impl TypedValueParser<Value = DataKind> {
    PossibleValuesParser::new(DataKind::ALL.map(DataKind::name)).try_map(|name| {
        let mut kinds = DataKind::ALL.into_iter();
        kinds
            .find(|kind| kind.name() == name)
            .ok_or("not a data set")
    })
}

/// The paper's depth bins for a kind of scene.
fn discretisation(kind: DataKind) -> Discretisation {
    match kind.scene() {
        Scene::Indoor => Discretisation::NYU,
        Scene::Street => Discretisation::KITTI,
    }
}

/// Opens the files; reads only their headers.
pub(super) fn open(
    args: &FeatureArgs,
    options: &Options,
    out: Option<PathBuf>,
) -> anyhow::Result<DissectedNetwork> {
    let kind = args.dataset.context("--features needs --dataset")?;
    let first = args.features.first().context("--features names no file")?;
    let files: Vec<FeatureFile> = args
        .features
        .iter()
        .map(|path| FeatureFile::open(path, args.prefix.as_deref()))
        .collect::<anyhow::Result<_>>()?;
    let [units, height, _] = files[0].maps;
    for file in &files[1..] {
        ensure!(
            file.maps[0] == units,
            "{}: {} units, but {} has {units}; all files must be of one layer",
            file.array.path().display(),
            file.maps[0],
            first.display()
        );
    }
    let images = files.iter().map(|file| file.images).sum();
    let stride = (files[0].depth[0] / height).max(1);
    let bins = options.bins.unwrap_or(units.min(options.max_bins()));
    let discretisation = discretisation(kind);
    let of = args.name.clone().unwrap_or_else(|| {
        let name = first.file_stem().unwrap_or(first.as_os_str());
        name.to_string_lossy().into_owned()
    });
    let files = Arc::new(files);
    let batch = options.batch_size.max(1);
    Ok(DissectedNetwork {
        network: Box::new(StoredLayer::new(&args.layer, units, stride)),
        layers: vec![DissectLayer {
            name: args.layer.clone(),
            bins: discretisation.bins(bins)?,
        }],
        images,
        provenance: provenance(args, kind, &of)?,
        preprocessing: json!({ "prefix": args.prefix }),
        data: DissectData {
            depths: {
                let files = files.clone();
                Box::new(move || Box::new(batches(files.clone(), batch, Part::Depth)))
            },
            images: Box::new(move || Box::new(batches(files.clone(), batch, Part::All))),
        },
        // The files hold no pictures.
        top_images: 0,
        grids: discretisation.sweep()?,
        assignments: Vec::new(),
        results: Results::into_folder(&of, out)?,
        load_report: serde_json::Value::Null,
    })
}

fn provenance(args: &FeatureArgs, kind: DataKind, of: &str) -> anyhow::Result<Provenance> {
    let mut hasher = blake3::Hasher::new();
    for path in &args.features {
        hasher.update(hash_file(path)?.as_bytes());
    }
    let hash = hasher.finalize().to_hex().to_string();
    Ok(Provenance {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        model: of.to_owned(),
        checkpoint: Provenance::STORED.to_owned() + &hash,
        data: kind.name().to_owned(),
        split: "given".to_owned(),
        // Activations and depths are in the same files.
        data_hash: hash,
        seed: None,
    })
}

/// What is read of each image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Activations and depth.
    All,
    /// Depth only.
    Depth,
}

/// One file: a stack of activations and one of depth maps.
struct FeatureFile {
    array: ArrayFile,
    features: String,
    depths: String,
    images: usize,
    /// Units, height and width.
    maps: [usize; 3],
    /// Height and width.
    depth: [usize; 2],
}

impl FeatureFile {
    fn open(path: &Path, prefix: Option<&str>) -> anyhow::Result<Self> {
        let array = ArrayFile::open(path)?;
        let name = |name: &str| match prefix.map(|prefix| prefix.trim_end_matches('/')) {
            None | Some("") => name.to_owned(),
            Some(prefix) => format!("{prefix}/{name}"),
        };
        let (features, depths) = (name("features"), name("depth"));
        let shown = path.display();
        let maps = shape(&array, &features)?;
        let depth = shape(&array, &depths)?;
        let &[images, units, height, width] = maps.as_slice() else {
            anyhow::bail!("{shown}: {features} is {maps:?}, expected [N, C, h, w]");
        };
        let (&[count, gt_height, gt_width] | &[count, 1, gt_height, gt_width]) = depth.as_slice()
        else {
            anyhow::bail!("{shown}: {depths} is {depth:?}, expected [N, 1, H, W]");
        };
        ensure!(
            count == images,
            "{shown}: {features} has {images} images, but {depths} has {count}; each image needs both"
        );
        ensure!(
            [images, units, height, width, gt_height, gt_width]
                .iter()
                .all(|&side| side > 0),
            "{shown}: {features} is {maps:?} and {depths} is {depth:?}: empty"
        );
        Ok(Self {
            array,
            features,
            depths,
            images,
            maps: [units, height, width],
            depth: [gt_height, gt_width],
        })
    }

    /// Reads the images `first..first + count` only; earlier files hold `before` images.
    fn read(
        &self,
        before: usize,
        first: usize,
        count: usize,
        part: Part,
    ) -> Result<ExampleBatch, mde_arrays::ArrayError> {
        let [_, height, width] = self.maps;
        let [gt_height, gt_width] = self.depth;
        let mut batch = ExampleBatch {
            ids: Vec::with_capacity(count),
            images: Vec::new(),
            image_size: (height, width),
            depths: Vec::new(),
            depth_size: (gt_height, gt_width),
            focals: None,
            rgb: Vec::new(),
        };
        for index in first..first + count {
            let slice =
                |name: &str| -> Result<Array, _> { self.array.read_slice(Some(name), index) };
            batch.ids.push((before + index).to_string());
            if part == Part::All {
                batch.images.extend(slice(&self.features)?.values);
            }
            batch.depths.extend(slice(&self.depths)?.values);
        }
        Ok(batch)
    }
}

fn shape(array: &ArrayFile, name: &str) -> anyhow::Result<Vec<usize>> {
    let found = array.members().find(|(known, _)| *known == name);
    let Some((_, shape)) = found else {
        let known: Vec<&str> = array.members().map(|(name, _)| name).take(NAMED).collect();
        anyhow::bail!(
            "{}: no tensor {name:?} among its {}, which begin with {}; --prefix sets what precedes `features` and `depth`",
            array.path().display(),
            array.members().len(),
            known.join(", ")
        );
    };
    Ok(shape.to_vec())
}

/// Number of tensors that an error names.
const NAMED: usize = 6;

/// All images in batches, each batch from one file.
fn batches(
    files: Arc<Vec<FeatureFile>>,
    batch: usize,
    part: Part,
) -> impl Iterator<Item = Result<ExampleBatch, DatasetError>> {
    let mut before = 0;
    let mut parts = Vec::new();
    for (index, file) in files.iter().enumerate() {
        parts.extend(
            (0..file.images)
                .step_by(batch)
                .map(|first| (index, before, first)),
        );
        before += file.images;
    }
    parts.into_iter().map(move |(index, before, first)| {
        let file = &files[index];
        let count = batch.min(file.images - first);
        file.read(before, first, count, part)
            .map_err(|error| DatasetError::Read {
                path: file.array.path().to_owned(),
                source: io::Error::other(error),
            })
    })
}
