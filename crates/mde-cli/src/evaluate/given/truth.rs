//! The ground truth of predictions: files of maps, or a data set.

use std::path::Path;

use anyhow::{anyhow, bail, ensure};
use mde_arrays::{ArrayError, Ids, Map, MapSet, OrderMeaning};
use mde_datasets::{DataSpec, DepthEncoding, RgbdList, Split};
use mde_metrics::ImageSize;
use rayon::prelude::*;

use super::args::GivenArgs;
use super::matching::few;
use crate::hashes::fingerprint;
use crate::output::count;
use crate::progress::remark;

/// Ground truth, image by image.
pub(super) enum GroundTruth {
    Maps {
        maps: MapSet,
        name: String,
    },
    Data {
        spec: DataSpec,
        list: RgbdList,
        ids: Vec<String>,
    },
}

/// One image's ground truth.
pub(super) struct Truth {
    pub(super) size: ImageSize,
    pub(super) metres: Vec<f32>,
    /// `[h, w, 3]`.
    pub(super) rgb: Option<Vec<u8>>,
}

impl GroundTruth {
    pub(super) fn open(
        text: &str,
        args: &GivenArgs,
        encoding: Option<DepthEncoding>,
    ) -> anyhow::Result<Self> {
        let path = Path::new(text);
        // An existing path may contain a colon. A folder with a dataset.toml is a data set.
        let described = path.join("dataset.toml").is_file();
        if path.exists() && !described {
            ensure!(
                encoding.is_none(),
                "--depth-encoding is for data sets; for the files in {text}, use --gt-scale"
            );
            return Ok(Self::Maps {
                maps: open_maps(path, args.gt_array.as_deref(), "--gt-array")?,
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
        let list = spec
            .open(Split::Test, encoding)?
            .with_depth_limit(f32::INFINITY);
        for said in list.remarks() {
            remark(&format!("{spec}: {said}"));
        }
        let ids = (0..list.len()).map(|index| list.id(index).to_owned());
        let ids = ids.collect();
        Ok(Self::Data { spec, list, ids })
    }

    /// The ids of all images, and what their order means.
    pub(super) fn ids(&self) -> Ids<'_> {
        match self {
            Self::Maps { maps, .. } => maps.ordered_ids(),
            Self::Data { list, ids, .. } => {
                // Patterns have no order of their own.
                let is_described = list.list().file_name() == Some("dataset.toml".as_ref());
                let meaning = match is_described {
                    true => OrderMeaning::Nothing,
                    false => OrderMeaning::Listed,
                };
                Ids { ids, meaning }
            }
        }
    }

    /// The size of an image's ground truth.
    pub(super) fn size(&self, index: usize) -> anyhow::Result<ImageSize> {
        let (height, width) = match self {
            Self::Maps { maps, .. } => {
                (maps.size(&maps.ids()[index])).map_err(|error| with_option(error, "--gt-array"))?
            }
            Self::Data { list, .. } => list.depth_size(index)?,
        };
        Ok(ImageSize::new(height, width))
    }

    pub(super) fn load(&self, index: usize, args: &GivenArgs) -> anyhow::Result<Truth> {
        Ok(match self {
            Self::Maps { maps, .. } => {
                let id = &maps.ids()[index];
                let map = in_metres(maps, id, args.gt_scale, "--gt-scale")?;
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

    /// Name of the data, name of the split, and blake3 of what these images are scored against: ids
    /// and metres.
    pub(super) fn provenance(
        &self,
        images: &[usize],
        args: &GivenArgs,
    ) -> anyhow::Result<(String, String, String)> {
        let (name, mut split, mut hash) = match self {
            Self::Maps { maps, name } => {
                let hash = hash_maps(images, |&index| {
                    let id = &maps.ids()[index];
                    Ok((
                        id.clone(),
                        in_metres(maps, id, args.gt_scale, "--gt-scale")?,
                    ))
                })?;
                (name.clone(), "given".to_owned(), hash)
            }
            Self::Data { spec, list, .. } => (
                spec.name()?,
                Split::Test.name().to_owned(),
                fingerprint(list)?,
            ),
        };
        let all = self.ids().ids;
        if images.len() < all.len() {
            split += &format!(", {} of {}", images.len(), count(all.len(), "image"));
            let mut hasher = blake3::Hasher::new();
            hasher.update(hash.as_bytes());
            for &index in images {
                hasher.update(format!("\n{}", all[index]).as_bytes());
            }
            hash = hasher.finalize().to_hex().to_string();
        }
        Ok((name, split, hash))
    }
}

/// A file or folder as a name in the results.
pub(super) fn name_of(path: &Path) -> String {
    let name = path.file_stem().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Opens maps and says which pictures are left out.
pub(super) fn open_maps(path: &Path, member: Option<&str>, option: &str) -> anyhow::Result<MapSet> {
    let maps = MapSet::open(path, member).map_err(|error| with_option(error, option))?;
    let pictures = maps.pictures();
    if !pictures.is_empty() {
        let names = pictures
            .iter()
            .filter_map(|path| path.file_name()?.to_str());
        remark(&format!(
            "{}: {} left out, depth is read from the other files: {}",
            path.display(),
            count(pictures.len(), "colour picture"),
            few(names, pictures.len())
        ));
    }
    Ok(maps)
}

/// The error with the option that names an array.
pub(super) fn with_option(error: ArrayError, option: &str) -> anyhow::Error {
    match error {
        ArrayError::NotMaps { ref members, .. } if members.len() == 1 => error.into(),
        ArrayError::SeveralMembers { .. } | ArrayError::NotMaps { .. } => {
            anyhow!("{error} ({option} NAME)")
        }
        error => error.into(),
    }
}

/// A map in metres. The unit of integers is never guessed.
fn in_metres(maps: &MapSet, id: &str, scale: Option<f64>, option: &str) -> anyhow::Result<Map> {
    let map = load(maps, id, scale, option)?;
    Ok(converted(map, |stored| match scale {
        // In f64, so that multiplying by 0.001 gives the same depths as dividing by 1000.
        Some(scale) => stored * scale,
        None => stored,
    }))
}

/// A map as it is stored, if its unit is known.
pub(super) fn load(
    maps: &MapSet,
    id: &str,
    scale: Option<f64>,
    option: &str,
) -> anyhow::Result<Map> {
    ensure!(
        scale.is_some() || !maps.holds_integers(id)?,
        "{id}: the file holds integers; give their unit in metres: {option} 0.001 for millimetres, {option} 0.00390625 \
         for KITTI's 1/256 m, {option} 1 for metres"
    );
    Ok(maps.load(id)?)
}

/// The map with converted values.
pub(super) fn converted(map: Map, convert: impl Fn(f64) -> f64) -> Map {
    let values = map.values.iter();
    Map {
        values: values
            .map(|&value| convert(f64::from(value)) as f32)
            .collect(),
        ..map
    }
}

/// blake3 over the ids, sizes and values of maps.
pub(super) fn hash_maps<T: Sync>(
    items: &[T],
    load: impl Fn(&T) -> anyhow::Result<(String, Map)> + Sync,
) -> anyhow::Result<String> {
    let hash = |item: &T| {
        let (id, map) = load(item)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{id}\n{}x{}\n", map.height, map.width).as_bytes());
        for value in &map.values {
            hasher.update(&value.to_le_bytes());
        }
        Ok(hasher.finalize())
    };
    // Collected before the first error is taken, so that it does not depend on the threads.
    let hashes: Vec<anyhow::Result<blake3::Hash>> = items.par_iter().map(hash).collect();
    let mut whole = blake3::Hasher::new();
    for hash in hashes {
        whole.update(hash?.as_bytes());
    }
    Ok(whole.finalize().to_hex().to_string())
}
