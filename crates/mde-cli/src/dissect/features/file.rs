//! Files of activations and depth maps, read image by image.

use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use mde_arrays::{Array, ArrayError, ArrayFile};
use mde_datasets::{DatasetError, ExampleBatch};
use mde_metrics::{DepthBins, ImageSize};
use mde_results::DepthHash;

use super::layout::{Maps, Shapes, Stated};

/// What is read of each image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Activations and depth.
    All,
    /// Depth only.
    Depth,
}

/// One file: a stack of activations and one of depth maps.
#[derive(Debug)]
pub(super) struct FeatureFile {
    array: ArrayFile,
    features: String,
    depths: String,
    pub(super) images: usize,
    pub(super) maps: Maps,
    pub(super) depth: ImageSize,
}

impl FeatureFile {
    /// Reads the headers.
    pub(super) fn open(path: &Path, prefix: Option<&str>, stated: Stated) -> anyhow::Result<Self> {
        let array = ArrayFile::open(path)?;
        let name = |name: &str| match prefix {
            None => name.to_owned(),
            Some(prefix) => format!("{prefix}/{name}"),
        };
        let (features, depths) = (name("features"), name("depth"));
        let shown = path.display();
        let shape = member(&array, &features)?;
        let depth_shape = member(&array, &depths)?;
        let found = || format!("{shown}: {features} is {shape:?}, {depths} {depth_shape:?}");
        ensure!(
            shape.iter().chain(&depth_shape).all(|&side| side > 0),
            "{}: empty",
            found()
        );
        let (&[images, height, width] | &[images, 1, height, width] | &[images, height, width, 1]) =
            depth_shape.as_slice()
        else {
            anyhow::bail!("{}: expected depth [N, 1, H, W]", found());
        };
        let depth = ImageSize { height, width };
        let shapes = Shapes {
            features: &shape,
            images,
            depth,
        };
        let maps = Maps::new(&shapes, stated).with_context(found)?;
        Ok(Self {
            array,
            features,
            depths,
            images,
            maps,
            depth,
        })
    }

    pub(super) fn path(&self) -> &Path {
        self.array.path()
    }

    /// Reads the images `first..first + count` only; earlier files hold `before` images.
    fn read(
        &self,
        before: usize,
        first: usize,
        count: usize,
        part: Part,
    ) -> Result<ExampleBatch, ArrayError> {
        let size = self.maps.size;
        let mut batch = ExampleBatch {
            ids: Vec::with_capacity(count),
            images: Vec::new(),
            image_size: (size.height, size.width),
            depths: Vec::new(),
            depth_size: (self.depth.height, self.depth.width),
            frames: (0..count).map(|_| None).collect(),
            focals: None,
            rgb: Vec::new(),
        };
        for index in first..first + count {
            let slice =
                |name: &str| -> Result<Array, _> { self.array.read_slice(Some(name), index) };
            batch.ids.push((before + index).to_string());
            if part == Part::All {
                let values = slice(&self.features)?.values;
                batch.images.extend(self.maps.arrange(values));
            }
            let depths = slice(&self.depths)?.values.into_iter();
            // Infinite depth, such as sky, was not measured either.
            batch
                .depths
                .extend(depths.map(|depth| if depth.is_finite() { depth } else { 0.0 }));
        }
        Ok(batch)
    }
}

fn member(array: &ArrayFile, name: &str) -> anyhow::Result<Vec<usize>> {
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

/// How many tensors of a file an error names.
const NAMED: usize = 8;

/// The images of all files, `batch` at a time. A batch is never of two files.
pub(super) fn batches(
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
                path: file.path().to_owned(),
                source: io::Error::other(error),
            })
    })
}

/// The ground truth of all images.
#[derive(Debug)]
pub(super) struct GroundTruth {
    /// The hash of each image's depth map.
    pub(super) maps: Vec<DepthHash>,
}

impl GroundTruth {
    /// Reads every depth map.
    ///
    /// # Errors
    /// If a file cannot be read, or no depth is within the bins.
    pub(super) fn read(files: &Arc<Vec<FeatureFile>>, bins: &DepthBins) -> anyhow::Result<Self> {
        let mut maps = Vec::new();
        let mut smallest = f32::INFINITY;
        for batch in batches(files.clone(), 1, Part::Depth) {
            let batch = batch?;
            let (height, width) = batch.depth_size;
            maps.push(DepthHash::new(&batch.depths, ImageSize { height, width }));
            let valid = batch.depths.iter().copied().filter(|depth| *depth > 0.0);
            smallest = valid.fold(smallest, f32::min);
        }
        let (images, last) = (maps.len(), bins.edges()[bins.len()]);
        ensure!(
            smallest.is_finite(),
            "the files hold {images} images without any depth above 0; write `depth` in metres"
        );
        ensure!(
            f64::from(smallest) <= last,
            "the smallest depth is {smallest} m, beyond {last} m, where the last depth bin ends. \
             Write `depth` in metres, or set the bins with --range NEAR,FAR"
        );
        Ok(Self { maps })
    }
}
