//! The images that each unit responds to most.

use std::collections::{BTreeMap, BTreeSet};

use mde_results::{Photograph, TopImage, TopImages};
use rayon::prelude::*;

use crate::layer_maps::LayerMaps;
use crate::shrink::{area_mean, at_most};

/// Longest side of a response map that is kept, pixels.
const LONGEST_MAP: usize = 48;

/// Longest side of an image that is kept, pixels.
const LONGEST_PICTURE: usize = 192;

/// For each unit of a layer, the images with the largest |response|. Equal images keep the order of
/// the list.
///
/// Only images that are among the largest of a unit so far are kept in memory: a downscaled image
/// of at most 110 KB each, and a map of at most 2.3 KB per unit and image.
#[derive(Debug, Clone)]
pub(crate) struct TopImageTracker {
    wanted: usize,
    /// Size of the kept maps, derived from the first image's.
    map_size: (usize, usize),
    /// By unit, largest response first.
    units: Vec<Vec<Top>>,
    /// By index in the list.
    images: BTreeMap<usize, Image>,
}

/// An image that a unit responds to.
#[derive(Debug, Clone)]
struct Top {
    image: usize,
    peak: f32,
    map: Vec<u8>,
}

#[derive(Debug, Clone)]
struct Image {
    id: String,
    /// Size and 8-bit RGB values, if the data set has images.
    picture: Option<((usize, usize), Vec<u8>)>,
}

impl TopImageTracker {
    /// No image yet.
    pub(crate) fn new(units: usize, wanted: usize) -> Self {
        Self {
            wanted,
            map_size: (0, 0),
            units: vec![Vec::new(); units],
            images: BTreeMap::new(),
        }
    }

    /// Considers the maps of a batch. `first` is the index of its first image among all.
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
                    // The unit does not respond, or `wanted` other images have larger responses.
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
            self.images
                .insert(image, Image::from_batch(maps, image - first));
        }
    }

    /// The images kept so far.
    pub(crate) fn collect(&self) -> TopImages {
        let index: BTreeMap<usize, usize> = self.images.keys().copied().zip(0..).collect();
        let units = self.units.iter().map(|tops| {
            let tops = tops.iter().map(|top| TopImage {
                image: index.get(&top.image).copied().unwrap_or_default(),
                peak: top.peak,
                activation: top.map.clone(),
            });
            tops.collect()
        });
        let pictures = self.images.values().filter_map(|image| {
            let ((height, width), rgb) = image.picture.clone()?;
            Some(Photograph {
                id: image.id.clone(),
                height,
                width,
                rgb,
            })
        });
        TopImages {
            per_unit: self.wanted,
            ids: self.images.values().map(|image| image.id.clone()).collect(),
            pictures: pictures.collect(),
            units: units.collect(),
            size: self.map_size,
        }
    }
}

impl Image {
    fn from_batch(maps: &LayerMaps<'_>, index: usize) -> Self {
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
