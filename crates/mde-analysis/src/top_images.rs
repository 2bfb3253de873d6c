//! The images that each unit responds to most, kept to be looked at.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::AnalysisError;
use crate::dissect::LayerMaps;
use crate::examples::{ids_metadata, le_bytes};
use crate::shrink::{area_mean, at_most};

/// Longest side of a response map that is kept, pixels.
const LONGEST_MAP: usize = 48;

/// Longest side of a picture that is kept, pixels.
const LONGEST_PICTURE: usize = 192;

/// For each unit of a layer the images in which its response peaks highest, by |response|; equals in the order of the list.
///
/// In memory are only the images that are among a unit's highest so far: small pictures, at most 110 KB each, and one small map for
/// each unit and image, at most 2.3 KB.
#[derive(Debug, Clone)]
pub struct TopImages {
    wanted: usize,
    /// Size of the maps kept, from the first image's.
    map_size: (usize, usize),
    /// By unit, the highest first.
    units: Vec<Vec<Top>>,
    /// By place in the list.
    images: BTreeMap<usize, Image>,
}

/// An image in which a unit's response peaks.
#[derive(Debug, Clone)]
struct Top {
    image: usize,
    peak: f32,
    map: Vec<u8>,
}

#[derive(Debug, Clone)]
struct Image {
    id: String,
    /// Size and colours, if the data set gives pictures.
    picture: Option<((usize, usize), Vec<u8>)>,
}

impl TopImages {
    /// No image yet.
    pub(crate) fn new(units: usize, wanted: usize) -> Self {
        Self {
            wanted,
            map_size: (0, 0),
            units: vec![Vec::new(); units],
            images: BTreeMap::new(),
        }
    }

    /// Looks at the maps of a batch, whose first image is number `first` of all.
    pub(crate) fn offer(&mut self, first: usize, maps: &LayerMaps<'_>) {
        let size = (maps.size.height, maps.size.width);
        if first == 0 {
            self.map_size = at_most(size, LONGEST_MAP);
        }
        let (wanted, map_size) = (self.wanted, self.map_size);
        self.units
            .par_iter_mut()
            .enumerate()
            .for_each(|(unit, tops)| {
                for (index, features) in maps.images().enumerate() {
                    let map = &features[unit * maps.size.pixels()..(unit + 1) * maps.size.pixels()];
                    let height = map
                        .iter()
                        .fold(0f32, |height, value| height.max(value.abs()));
                    let place = tops.partition_point(|top| top.peak.abs() >= height);
                    // A unit that does not respond has no peak.
                    if height == 0.0 || place == wanted {
                        continue;
                    }
                    let peak = map.iter().find(|value| value.abs() == height);
                    let shares = area_mean(|at| map[at].abs() / height, size, map_size);
                    let top = Top {
                        image: first + index,
                        peak: peak.copied().unwrap_or(height),
                        map: shares.iter().map(|share| byte(255.0 * share)).collect(),
                    };
                    tops.insert(place, top);
                    tops.truncate(wanted);
                }
            });
        let needed: BTreeSet<usize> = (self.units.iter().flatten()).map(|top| top.image).collect();
        self.images.retain(|image, _| needed.contains(image));
        for &image in needed.range(first..) {
            self.images.insert(image, Image::of(maps, image - first));
        }
    }

    /// The safetensors file `dissect/LAYER-top.safetensors`, with T images wanted: `images` I32 [units, T], each unit's
    /// images from the highest peak down, as places in the metadata's `ids` (a JSON list); -1 where there are no more images in which
    /// the unit responds. `peak` F32 [units, T], the response there, with its sign. `activation` U8 [units, T, h, w],
    /// 255 · |response| / |peak| averaged down to at most 48 pixels a side. For image i of `ids` `i/rgb` U8 [H, W, 3], at most 192 pixels a
    /// side, if the data set gives pictures.
    ///
    /// # Errors
    /// If the format refuses.
    pub fn to_safetensors(&self) -> Result<Vec<u8>, AnalysisError> {
        let (units, wanted) = (self.units.len(), self.wanted);
        let (height, width) = self.map_size;
        let place: BTreeMap<usize, i32> = self.images.keys().copied().zip(0..).collect();
        let mut images = vec![-1i32; units * wanted];
        let mut peaks = vec![0f32; units * wanted];
        let mut activation = vec![0u8; units * wanted * height * width];
        for (unit, tops) in self.units.iter().enumerate() {
            for (rank, top) in tops.iter().enumerate() {
                let at = unit * wanted + rank;
                images[at] = place.get(&top.image).copied().unwrap_or(-1);
                peaks[at] = top.peak;
                activation[at * height * width..][..top.map.len()].copy_from_slice(&top.map);
            }
        }
        let images: Vec<u8> = images
            .iter()
            .flat_map(|image| image.to_le_bytes())
            .collect();
        let peaks = le_bytes(&peaks);
        let shape = [units, wanted, height, width];
        let mut views = vec![
            (
                "images".to_owned(),
                Dtype::I32,
                shape[..2].to_vec(),
                images.as_slice(),
            ),
            ("peak".to_owned(), Dtype::F32, shape[..2].to_vec(), &peaks),
            (
                "activation".to_owned(),
                Dtype::U8,
                shape.to_vec(),
                &activation,
            ),
        ];
        for (index, image) in self.images.values().enumerate() {
            if let Some(((height, width), rgb)) = &image.picture {
                views.push((
                    format!("{index}/rgb"),
                    Dtype::U8,
                    vec![*height, *width, 3],
                    rgb,
                ));
            }
        }
        let views: Result<Vec<_>, _> = views
            .into_iter()
            .map(|(name, dtype, shape, data)| Ok((name, TensorView::new(dtype, shape, data)?)))
            .collect();
        let ids: Vec<&str> = self
            .images
            .values()
            .map(|image| image.id.as_str())
            .collect();
        let views = views.map_err(AnalysisError::Serialise)?;
        Ok(safetensors::serialize(views, Some(ids_metadata(&ids)))?)
    }
}

impl Image {
    fn of(maps: &LayerMaps<'_>, index: usize) -> Self {
        let batch = maps.batch;
        let picture = batch.picture(index).map(|(from, rgb)| {
            let to = at_most(from, LONGEST_PICTURE);
            let channels: Vec<Vec<f32>> = (0..3)
                .map(|channel| area_mean(|at| f32::from(rgb[3 * at + channel]), from, to))
                .collect();
            let pixels = (0..to.0 * to.1).flat_map(|at| [0, 1, 2].map(|c| byte(channels[c][at])));
            (to, pixels.collect())
        });
        Self {
            id: batch.ids[index].clone(),
            picture,
        }
    }
}

fn byte(value: f32) -> u8 {
    value.round() as u8
}
