//! Depth maps before and after correction, and the unit that explains most of the error at each
//! pixel.

use std::collections::BTreeMap;

use mde_results::{CorrectedExample, LayerCorrection};

use super::model::Model;
use super::pictures::{absolute_errors, brightest, depth_range, measured, predicted};
use super::view::{MapRow, Picture};
use crate::error::ReportError;
use crate::format::{fixed, percent};
use crate::maps::{Canvas, DEPTH, ERROR, GAIN, colour_bar};

/// Maximum number of images per layer and model.
const MAX_ROWS: usize = 3;
const WIDEST: usize = 320;
/// Colours of the units that explain most pixels, after Okabe and Ito (2008): distinguishable with
/// red-green colour blindness.
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
    let maps = model.run.corrected_maps(layer)?;
    let maps = maps.iter().take(MAX_ROWS);
    maps.map(|maps| row(model, layer, maps)).collect()
}

fn row(
    model: &Model<'_>,
    layer: &LayerCorrection,
    maps: &CorrectedExample,
) -> Result<MapRow, ReportError> {
    let example = &maps.example;
    let (id, image) = (&example.image.id, &example.image);
    let canvas = Canvas {
        size: (image.height, image.width),
        widest: WIDEST,
    };
    let gt = measured(&example.gt);
    let range = depth_range(&gt);
    let [before, after] =
        [&example.pred, &maps.corrected].map(|depths| absolute_errors(&gt, depths));
    // One scale for both, so that they can be compared.
    let error_range = (0.0, brightest([&before, &after]));
    let gains = gt.iter().zip(&maps.gain);
    let gain = gains
        .map(|(gt, gain)| gt.map(|_| f64::from(*gain)))
        .collect();
    let gain_range = (0.0, brightest([&gain]));
    let (name, layer_name) = (&model.label.name, &layer.layer);
    let (unit_map, units) = unit_map(maps, canvas)?;
    let depth = |values| canvas.map(values, DEPTH, range);
    let error = |values| canvas.map(values, ERROR, error_range);
    let pictures = [
        (
            "Image",
            format!("Image {id}"),
            canvas.photograph(&image.rgb)?,
        ),
        (
            "Ground truth",
            format!("Measured depth of {id}"),
            depth(&gt)?,
        ),
        (
            "Prediction",
            format!("Depth of {id} predicted by the {name} model"),
            depth(&predicted(&example.pred))?,
        ),
        (
            "All units corrected",
            format!("Depth of {id} with all units of {layer_name} corrected"),
            depth(&predicted(&maps.corrected))?,
        ),
        (
            "Error before",
            format!("Absolute error on {id} before correction"),
            error(&before)?,
        ),
        (
            "Error after",
            format!("Absolute error on {id} after correction"),
            error(&after)?,
        ),
        (
            "Gain of the best unit",
            format!("Largest error reduction by a single unit at each pixel of {id}"),
            canvas.map(&gain, GAIN, gain_range)?,
        ),
        (
            "Best unit",
            format!(
                "The unit whose correction reduces the error most at each pixel of {id}; the \
                 list names the colours"
            ),
            unit_map,
        ),
    ];
    let scores = layer.per_image.iter().find(|image| image.id == *id);
    let scores = scores.map_or(String::new(), |scores| {
        format!(
            ": AbsRel {} before and {} after",
            fixed(scores.before.abs_rel, 3),
            fixed(scores.after.abs_rel, 3)
        )
    });
    Ok(MapRow {
        class: model.label.class,
        title: format!("{id}, {name} model{scores}"),
        width: image.width,
        height: image.height,
        pictures: pictures
            .map(|(caption, alt, uri)| Picture::new(caption, alt, uri))
            .into(),
        bars: vec![
            colour_bar(DEPTH, range, "depth", "metres")?,
            colour_bar(ERROR, error_range, "absolute error", "metres")?,
            colour_bar(GAIN, gain_range, "gain", "metres")?,
        ],
        units,
    })
}

/// The map of units, and the colour and name of each.
type UnitMap = (String, Vec<(String, String)>);

fn unit_map(maps: &CorrectedExample, canvas: Canvas) -> Result<UnitMap, ReportError> {
    let mut pixels: BTreeMap<usize, usize> = BTreeMap::new();
    for unit in maps.unit.iter().flatten() {
        *pixels.entry(*unit).or_default() += 1;
    }
    let mut order: Vec<(usize, usize)> = pixels.into_iter().collect();
    // By number of pixels, then by unit.
    order.sort_by_key(|(unit, pixels)| (usize::MAX - pixels, *unit));
    order.truncate(UNITS.len());
    let colour_of = |unit: &usize| order.iter().position(|(named, _)| named == unit);
    let indices = maps.unit.iter().map(|unit| match unit {
        Some(unit) => colour_of(unit).unwrap_or(UNITS.len()) as u8,
        None => UNITS.len() as u8 + 1,
    });
    let indices: Vec<u8> = indices.collect();
    let mut palette = UNITS.to_vec();
    palette.extend([OTHERS, NONE]);
    let all = maps.unit.len().max(1) as f64;
    let hex = |[r, g, b]: [u8; 3]| format!("#{r:02x}{g:02x}{b:02x}");
    let named = order.iter().zip(UNITS).map(|((unit, pixels), colour)| {
        let share = percent(*pixels as f64 / all, 0);
        (hex(colour), format!("unit {unit}, {share}"))
    });
    let mut names: Vec<(String, String)> = named.collect();
    names.push((hex(OTHERS), "other units".to_owned()));
    names.push((hex(NONE), "none, or not measured".to_owned()));
    Ok((canvas.indexed(&indices, &palette)?, names))
}
