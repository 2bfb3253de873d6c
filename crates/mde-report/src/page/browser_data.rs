//! The data of the unit browser's script: everything about each unit.

use std::collections::BTreeMap;

use mde_metrics::statistics::Interval;
use mde_results::{Fill, LayerDissection, TopImages};
use serde::Serialize;

use super::missing::{Missing, missing};
use super::model::{Label, Model, Models};
use super::units::{MAX_UNITS, drawn, removed, short};
use crate::error::ReportError;
use crate::maps::{Canvas, grey};
use crate::tuning::{assigned_bins, depth_ticks};

/// Maximum number of images per unit.
const MAX_TOP: usize = 4;
/// Maximum number of activation maps on the page: at about 3 kB each they are most of its bytes.
const MAX_ACTIVATIONS: usize = 2400;
/// Maximum width of photographs: they lie under activation maps of fewer pixels.
const PHOTO_WIDTH: usize = 256;

/// All data of the script.
#[derive(Debug, Serialize)]
pub(crate) struct BrowserData {
    pub models: Vec<Label>,
    pub panels: Vec<PanelData>,
    pub photos: Vec<Photo>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Photo {
    pub id: String,
    pub width: usize,
    pub height: usize,
    pub uri: String,
}

/// The units of one layer in one model.
#[derive(Debug, Serialize)]
pub(crate) struct PanelData {
    pub model: &'static str,
    pub layer: String,
    /// Edges of the bins, metres.
    pub edges: Vec<f64>,
    /// Pixels per bin.
    pub pixels: Vec<u64>,
    /// Position in bins, and depth.
    pub ticks: Vec<(f64, String)>,
    pub missing: Vec<Missing>,
    pub units: Vec<UnitData>,
}

/// One unit. Numbers have five significant digits; `null` where not defined or not measured.
#[derive(Debug, Serialize)]
pub(crate) struct UnitData {
    pub unit: usize,
    pub mean: Vec<Option<f64>>,
    pub low: Vec<Option<f64>>,
    pub high: Vec<Option<f64>>,
    pub selectivity: Option<f64>,
    pub interval: Option<[f64; 2]>,
    pub reference: Option<f64>,
    pub held_out: Option<f64>,
    pub null_mean: Option<f64>,
    pub null_95: Option<f64>,
    pub p_value: Option<f64>,
    /// The preferred bin.
    pub preferred: Option<usize>,
    /// The assigned bin.
    pub assigned: Option<usize>,
    pub at_assigned: Option<f64>,
    /// Change of AbsRel and of RMSE (metres) with the unit replaced by 0.
    pub zero: Option<[f64; 2]>,
    /// The same with the unit replaced by its mean response.
    pub filled: Option<[f64; 2]>,
    /// Reduction of AbsRel with the unit corrected.
    pub gain: Option<f64>,
    pub gain_interval: Option<[f64; 2]>,
    pub top: Vec<Top>,
}

/// An image to which the unit responds strongly.
#[derive(Debug, Serialize)]
pub(crate) struct Top {
    pub photo: usize,
    pub peak: f64,
    /// The activation as a grey picture.
    pub uri: String,
}

pub(super) fn data(models: &Models<'_>) -> Result<BrowserData, ReportError> {
    let drawn = models.layers().map(|(_, layer)| layer.units.min(MAX_UNITS));
    let drawn: usize = drawn.sum();
    let mut photos = Photos {
        top: (MAX_ACTIVATIONS / drawn.max(1)).clamp(1, MAX_TOP),
        index: BTreeMap::new(),
        photos: Vec::new(),
    };
    let panels = models
        .layers()
        .map(|(model, layer)| panel(model, layer, &mut photos));
    Ok(BrowserData {
        panels: panels.collect::<Result<_, ReportError>>()?,
        models: models.iter().map(|model| model.label.clone()).collect(),
        photos: photos.photos,
    })
}

/// The photographs of the page, each once, however many units respond to it.
struct Photos {
    /// Number of images per unit.
    top: usize,
    index: BTreeMap<(String, usize, usize), usize>,
    photos: Vec<Photo>,
}

impl Photos {
    /// The images of a unit; adds their photographs.
    fn add(&mut self, images: &TopImages, unit: usize) -> Result<Vec<Top>, ReportError> {
        let top = images.units[unit].iter().take(self.top);
        let top = top.map(|top| {
            let image = &images.pictures[top.image];
            let key = (image.id.clone(), image.height, image.width);
            let photo = match self.index.get(&key) {
                Some(photo) => *photo,
                None => {
                    let canvas = Canvas {
                        size: (image.height, image.width),
                        widest: PHOTO_WIDTH,
                    };
                    self.photos.push(Photo {
                        id: image.id.clone(),
                        width: image.width,
                        height: image.height,
                        uri: canvas.photograph(&image.rgb)?,
                    });
                    self.index.insert(key, self.photos.len() - 1);
                    self.photos.len() - 1
                }
            };
            Ok(Top {
                photo,
                peak: short(f64::from(top.peak)),
                uri: grey(&top.activation, images.size)?,
            })
        });
        top.collect()
    }
}

fn panel(
    model: &Model<'_>,
    layer: &LayerDissection,
    photos: &mut Photos,
) -> Result<PanelData, ReportError> {
    let top_images = model.run.top_images(layer)?;
    let top_images = top_images.filter(|images| !images.pictures.is_empty());
    let units = drawn(layer).0.into_iter().map(|unit| {
        let top = top_images
            .as_ref()
            .map_or(Ok(Vec::new()), |images| photos.add(images, unit))?;
        Ok(unit_data(model, layer, unit, top))
    });
    Ok(PanelData {
        model: model.label.key,
        layer: layer.layer.clone(),
        edges: layer.bins.edges().iter().copied().map(short).collect(),
        pixels: layer.pixels.clone(),
        ticks: depth_ticks(&layer.bins),
        missing: missing(model, std::slice::from_ref(layer)),
        units: units.collect::<Result<_, ReportError>>()?,
    })
}

fn unit_data(model: &Model<'_>, layer: &LayerDissection, unit: usize, top: Vec<Top>) -> UnitData {
    let rounded = |values: &[Option<f64>]| values.iter().map(|value| value.map(short)).collect();
    let ends = |interval: Interval| [short(interval.low), short(interval.high)];
    let side = |end: fn(Interval) -> f64| {
        let intervals = layer.response_intervals[unit].iter();
        intervals
            .map(|interval| interval.map(|interval| short(end(interval))))
            .collect()
    };
    let valid = &layer.valid_bins;
    let null = layer.null.as_ref().map(|null| null.units[unit]);
    let ablation = model.run.ablated(&layer.layer);
    let change = |fill| Some(removed(ablation?, fill, unit)?.map(short));
    let correction = model.run.corrected(&layer.layer);
    let gain = correction.map(|correction| correction.single_units[unit].abs_rel_reduction);
    UnitData {
        unit,
        mean: rounded(&layer.mean_response[unit]),
        low: side(|interval| interval.low),
        high: side(|interval| interval.high),
        selectivity: valid.units[unit].selectivity.map(short),
        interval: valid.unit_intervals[unit].map(ends),
        reference: layer.reference.units[unit].selectivity.map(short),
        held_out: valid.held_out.units[unit].map(short),
        null_mean: null.and_then(|null| null.mean).map(short),
        null_95: null.and_then(|null| null.quantile_95).map(short),
        p_value: null.and_then(|null| null.p_value).map(short),
        preferred: valid.units[unit].preferred_bin,
        assigned: assigned_bins(layer).map(|bins| bins.bin_of(unit)),
        at_assigned: valid
            .assigned
            .as_ref()
            .and_then(|scores| scores[unit])
            .map(short),
        zero: change(Fill::Zero),
        filled: change(Fill::Mean),
        gain: gain.map(|gain| short(gain.value)),
        gain_interval: gain.and_then(|gain| gain.interval).map(ends),
        top,
    }
}
