//! Depth maps before and after correction, and which unit explains the error where.

use std::collections::BTreeMap;

use mde_metrics::results::LayerCorrection;

use super::pictures::{brightest, depth_range, measured};
use super::{MapRow, Model, Picture};
use crate::ReportError;
use crate::examples::CorrectedExample;
use crate::format::{fixed, percent};
use crate::maps::{DEPTH, ERROR, GAIN, Map, colour_bar, indexed, photograph};

/// Images shown of a layer and model.
const MAX_ROWS: usize = 3;
const WIDEST: usize = 320;
/// Colours of the units that explain most pixels (after Okabe and Ito, 2008): told apart by those who see red and green alike.
const UNITS: [[u8; 3]; 7] = [
    [0, 114, 178],
    [230, 159, 0],
    [0, 158, 115],
    [204, 121, 167],
    [86, 180, 233],
    [213, 94, 0],
    [240, 228, 66],
];
const OTHERS: [u8; 3] = [205, 205, 205];
const NONE: [u8; 3] = [64, 64, 64];

pub(super) fn rows(model: &Model<'_>, layer: &LayerCorrection) -> Result<Vec<MapRow>, ReportError> {
    let maps = model.run.corrected_maps.get(&layer.layer);
    maps.into_iter()
        .flatten()
        .take(MAX_ROWS)
        .map(|maps| row(model, layer, maps))
        .collect()
}

fn row(
    model: &Model<'_>,
    layer: &LayerCorrection,
    maps: &CorrectedExample,
) -> Result<MapRow, ReportError> {
    let example = &maps.example;
    let image = &example.image;
    let (id, size) = (&image.id, (image.height, image.width));
    let gt = measured(&example.gt);
    let range = depth_range(&gt);
    let errors = |depths: &[f32]| -> Vec<Option<f64>> {
        let pairs = gt.iter().zip(depths);
        pairs
            .map(|(gt, depth)| gt.map(|gt| (f64::from(*depth) - gt).abs()))
            .collect()
    };
    let (before, after) = (errors(&example.pred), errors(&maps.corrected));
    // One scale before and after, or the two could not be compared.
    let error_range = (0.0, brightest([&before, &after]));
    let gain: Vec<Option<f64>> = gt
        .iter()
        .zip(&maps.gain)
        .map(|(gt, gain)| gt.map(|_| f64::from(*gain)))
        .collect();
    let gain_range = (0.0, brightest([&gain]));
    let paint = |values: &[Option<f64>], gradient, range| {
        Map {
            values,
            height: size.0,
            width: size.1,
            widest: WIDEST,
        }
        .paint(gradient, range)
    };
    let name = &model.label.name;
    let picture = |caption: &str, alt: String, uri: String| Picture {
        caption: caption.to_owned(),
        alt,
        uri,
    };
    let depths = |depths: &[f32]| -> Vec<Option<f64>> {
        depths.iter().map(|depth| Some(f64::from(*depth))).collect()
    };
    let (unit_map, units) = unit_map(maps, size)?;
    let pictures = vec![
        picture(
            "Image",
            format!("Photograph {id}"),
            photograph(&image.rgb, size, WIDEST)?,
        ),
        picture(
            "Ground truth",
            format!("Measured depth of {id}"),
            paint(&gt, DEPTH, range)?,
        ),
        picture(
            "Prediction",
            format!("Depth of {id} predicted by the {name} model"),
            paint(&depths(&example.pred), DEPTH, range)?,
        ),
        picture(
            "All units corrected",
            format!("Depth of {id} with all units of {} corrected", layer.layer),
            paint(&depths(&maps.corrected), DEPTH, range)?,
        ),
        picture(
            "Error before",
            format!("Absolute error on {id} before correction"),
            paint(&before, ERROR, error_range)?,
        ),
        picture(
            "Error after",
            format!("Absolute error on {id} after correction"),
            paint(&after, ERROR, error_range)?,
        ),
        picture(
            "Gain of the best unit",
            format!("How much nearer to the truth the best single unit brings each pixel of {id}"),
            paint(&gain, GAIN, gain_range)?,
        ),
        picture(
            "Which unit that is",
            format!(
                "The unit whose correction brings each pixel of {id} nearest to the truth; the list names the colours"
            ),
            unit_map,
        ),
    ];
    let scores = layer.per_image.iter().find(|image| image.id == *id);
    let scores = scores.map_or(String::new(), |scores| {
        format!(
            ", AbsRel {} before and {} after",
            fixed(scores.before.abs_rel, 3),
            fixed(scores.after.abs_rel, 3)
        )
    });
    Ok(MapRow {
        class: model.label.class,
        title: format!("{id}, {} model{scores}", model.label.name),
        width: image.width,
        height: image.height,
        pictures,
        bars: vec![
            colour_bar(DEPTH, range, "depth", "metres")?,
            colour_bar(ERROR, error_range, "absolute error", "metres")?,
            colour_bar(GAIN, gain_range, "gain", "metres")?,
        ],
        units,
    })
}

/// The map of units, and its colours in words.
type UnitMap = (String, Vec<(String, String)>);

fn unit_map(maps: &CorrectedExample, size: (usize, usize)) -> Result<UnitMap, ReportError> {
    let mut pixels: BTreeMap<usize, usize> = BTreeMap::new();
    for unit in maps.unit.iter().flatten() {
        *pixels.entry(*unit).or_default() += 1;
    }
    let mut order: Vec<(usize, usize)> = pixels.into_iter().collect();
    // By number of pixels, then by unit.
    order.sort_by_key(|(unit, pixels)| (usize::MAX - pixels, *unit));
    order.truncate(UNITS.len());
    let colour_of = |unit: &usize| order.iter().position(|(named, _)| named == unit);
    let indices: Vec<u8> = maps
        .unit
        .iter()
        .map(|unit| match unit {
            Some(unit) => colour_of(unit).unwrap_or(UNITS.len()) as u8,
            None => UNITS.len() as u8 + 1,
        })
        .collect();
    let mut palette = UNITS.to_vec();
    palette.extend([OTHERS, NONE]);
    let all = maps.unit.len().max(1) as f64;
    let hex = |[r, g, b]: [u8; 3]| format!("#{r:02x}{g:02x}{b:02x}");
    let mut words: Vec<(String, String)> = order
        .iter()
        .zip(UNITS)
        .map(|((unit, pixels), colour)| {
            let share = percent(*pixels as f64 / all, 0);
            (hex(colour), format!("unit {unit}, {share}"))
        })
        .collect();
    words.push((hex(OTHERS), "other units".to_owned()));
    words.push((hex(NONE), "none, or not measured".to_owned()));
    Ok((indexed(&indices, size, WIDEST, &palette)?, words))
}
