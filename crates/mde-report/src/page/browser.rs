//! The unit browser: a small curve per unit on the page, and everything else about the unit as data for its script.

use std::collections::BTreeMap;

use mde_metrics::results::{Fill, LayerAblation, LayerCorrection, LayerDissection};
use mde_metrics::statistics::Interval;
use mde_metrics::{Estimator, KeyErrors};
use serde::Serialize;

use super::{Label, LayerPanel, LayerSection, Missing, Model, UnitCurve, layer_names, words};
use crate::ReportError;
use crate::examples::TopImages;
use crate::format::fixed;
use crate::maps::{grey, photograph};
use crate::tuning::{by_preferred_depth, depth_ticks, owned_bins, response_map, tuning_curve};

/// At most this many units a layer and model are drawn; the CSV has all of them.
const MAX_UNITS: usize = 256;
/// Images shown of a unit, where there is room for so many of every unit.
const MAX_TOP: usize = 4;
/// Activation maps on the page: with about 3 kB each they are most of it.
const MAX_ACTIVATIONS: usize = 2400;
/// Photographs of the browser are small: they lie under an activation map of fewer pixels.
const PHOTO_WIDTH: usize = 256;

/// Everything the browser's script needs.
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

/// One unit. Numbers are rounded to five digits; `null` where not defined or not measured.
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
    /// Bin.
    pub preferred: Option<usize>,
    /// Bin.
    pub own: Option<usize>,
    pub at_own: Option<f64>,
    /// Change of AbsRel and of RMSE, metres, without the unit: 0 in its place.
    pub zero: Option<[f64; 2]>,
    /// The same, its mean in its place.
    pub filled: Option<[f64; 2]>,
    /// AbsRel less with the unit corrected.
    pub gain: Option<f64>,
    pub gain_interval: Option<[f64; 2]>,
    pub top: Vec<Top>,
}

/// An image that the unit answers to.
#[derive(Debug, Serialize)]
pub(crate) struct Top {
    pub photo: usize,
    pub peak: f64,
    /// The activation as a grey picture.
    pub uri: String,
}

/// Five significant digits: more than a chart shows, a third of the bytes.
pub(super) fn short(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

fn ends(interval: Option<Interval>) -> Option<[f64; 2]> {
    interval.map(|interval| [short(interval.low), short(interval.high)])
}

/// The units of a layer that are drawn: all, or evenly many along the preferred depth.
fn shown(layer: &LayerDissection) -> (Vec<usize>, usize) {
    let order = by_preferred_depth(layer);
    let every = order.len().div_ceil(MAX_UNITS).max(1);
    (order.into_iter().step_by(every).collect(), every)
}

/// What a unit's address is: `unit=MODEL/LAYER/UNIT`, the layer escaped as `encodeURIComponent` does.
pub(super) fn href(model: &Label, layer: &str, unit: usize) -> String {
    let mut escaped = String::new();
    for byte in layer.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'_'
            | b'.'
            | b'!'
            | b'~'
            | b'*'
            | b'\''
            | b'('
            | b')' => {
                escaped.push(char::from(byte));
            }
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    format!("#unit={}/{escaped}/{unit}", model.key)
}

pub(super) fn layers(models: &[Model<'_>]) -> Result<Vec<LayerSection>, ReportError> {
    let assigned = |name: &str| {
        let mut all = models.iter().flat_map(|model| model.run.assigned_layers());
        all.any(|layer| layer == name)
    };
    let any_assigned = models
        .iter()
        .any(|model| !model.run.assigned_layers().is_empty());
    layer_names(models)
        .into_iter()
        .map(|name| {
            let panels: Result<Vec<LayerPanel>, ReportError> = models
                .iter()
                .filter_map(|model| model.run.layer(name).map(|layer| panel(model, layer)))
                .collect();
            let shape = models.iter().find_map(|model| model.run.layer(name));
            let remark = shape.map_or(String::new(), |layer| {
                let min_pixels = match layer.valid_bins.estimator {
                    Estimator::ValidBins { min_pixels } => {
                        format!("; bins with fewer than {min_pixels} pixels are left out")
                    }
                    _ => String::new(),
                };
                format!(
                    "{} units at stride {}, {} depth bins{min_pixels}",
                    layer.units,
                    layer.stride,
                    layer.bins.len()
                )
            });
            Ok(LayerSection {
                layer: name.to_owned(),
                remark,
                open: !any_assigned || assigned(name),
                panels: panels?,
            })
        })
        .collect()
}

fn panel(model: &Model<'_>, layer: &LayerDissection) -> Result<LayerPanel, ReportError> {
    let owned = owned_bins(layer);
    let (units, every) = shown(layer);
    let units = units
        .into_iter()
        .map(|unit| UnitCurve {
            unit,
            href: href(&model.label, &layer.layer, unit),
            score: fixed(layer.valid_bins.units[unit].selectivity, 2),
            svg: tuning_curve(layer, unit, owned.as_ref().map(|owned| owned.owner(unit))),
        })
        .collect();
    let mut remark = format!("mean selectivity {}", fixed(layer.valid_bins.mean, 3));
    if every > 1 {
        remark.push_str(&format!(
            "; every {every}th of {} units is drawn, tuning_curves.csv has all",
            layer.units
        ));
    }
    let alt = format!(
        "Response of all units of {} by depth, {} model",
        layer.layer, model.label.name
    );
    Ok(LayerPanel {
        class: model.label.class,
        key: model.label.key,
        label: model.label.label.clone(),
        remark,
        map: response_map(layer, &alt)?,
        units,
    })
}

pub(super) fn data(models: &[Model<'_>]) -> Result<BrowserData, ReportError> {
    let drawn = models
        .iter()
        .flat_map(|model| &model.run.dissection.layers)
        .map(|layer| layer.units.min(MAX_UNITS))
        .sum::<usize>();
    let mut photos = Photos {
        top: (MAX_ACTIVATIONS / drawn.max(1)).clamp(1, MAX_TOP),
        index: BTreeMap::new(),
        photos: Vec::new(),
    };
    let mut panels = Vec::new();
    for model in models {
        for layer in &model.run.dissection.layers {
            panels.push(panel_data(model, layer, &mut photos)?);
        }
    }
    Ok(BrowserData {
        models: models.iter().map(|model| model.label.clone()).collect(),
        panels,
        photos: photos.photos,
    })
}

/// Each photograph once, however many units answer to it.
struct Photos {
    /// Images shown of a unit.
    top: usize,
    index: BTreeMap<(String, usize, usize), usize>,
    photos: Vec<Photo>,
}

impl Photos {
    fn of(&mut self, images: &TopImages, unit: usize) -> Result<Vec<Top>, ReportError> {
        let shown = images.units[unit].iter().take(self.top);
        shown
            .map(|top| {
                let image = &images.images[top.image];
                let key = (image.id.clone(), image.height, image.width);
                let photo = match self.index.get(&key) {
                    Some(photo) => *photo,
                    None => {
                        let size = (image.height, image.width);
                        self.photos.push(Photo {
                            id: image.id.clone(),
                            width: image.width,
                            height: image.height,
                            uri: photograph(&image.rgb, size, PHOTO_WIDTH)?,
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
            })
            .collect()
    }
}

fn panel_data(
    model: &Model<'_>,
    layer: &LayerDissection,
    photos: &mut Photos,
) -> Result<PanelData, ReportError> {
    let (run, name) = (model.run, &layer.layer);
    let (ablation, correction) = (run.ablated(name), run.corrected(name));
    let top_images = run.top_images.get(name);
    let owned = owned_bins(layer);
    let units: Result<Vec<UnitData>, ReportError> = shown(layer)
        .0
        .into_iter()
        .map(|unit| {
            let top = top_images.map_or(Ok(Vec::new()), |images| photos.of(images, unit))?;
            let own = owned.as_ref().map(|owned| owned.owner(unit));
            Ok(unit_data(layer, unit, own, ablation, correction, top))
        })
        .collect();
    Ok(PanelData {
        model: model.label.key,
        layer: name.clone(),
        edges: layer.bins.edges().iter().copied().map(short).collect(),
        pixels: layer.pixels.clone(),
        ticks: depth_ticks(&layer.bins),
        missing: words::missing(model, std::iter::once(layer)),
        units: units?,
    })
}

fn unit_data(
    layer: &LayerDissection,
    unit: usize,
    own: Option<usize>,
    ablation: Option<&LayerAblation>,
    correction: Option<&LayerCorrection>,
    top: Vec<Top>,
) -> UnitData {
    let valid = &layer.valid_bins;
    let intervals = &layer.response_intervals[unit];
    let side = |end: fn(&Interval) -> f64| {
        let ends = intervals
            .iter()
            .map(|interval| interval.as_ref().map(|interval| short(end(interval))));
        ends.collect()
    };
    let null = layer.null.as_ref().map(|null| null.units[unit]);
    let corrected = correction.map(|correction| correction.single[unit].lowered);
    UnitData {
        unit,
        mean: layer.mean_response[unit]
            .iter()
            .map(|response| response.map(short))
            .collect(),
        low: side(|interval| interval.low),
        high: side(|interval| interval.high),
        selectivity: valid.units[unit].selectivity.map(short),
        interval: ends(valid.unit_intervals[unit]),
        reference: layer.reference.units[unit].selectivity.map(short),
        held_out: valid.held_out.units[unit].map(short),
        null_mean: null.and_then(|null| null.mean).map(short),
        null_95: null.and_then(|null| null.quantile_95).map(short),
        p_value: null.and_then(|null| null.p_value).map(short),
        preferred: valid.units[unit].preferred_bin,
        own,
        at_own: valid
            .assigned
            .as_ref()
            .and_then(|scores| scores[unit])
            .map(short),
        zero: removal(ablation, Fill::Zero, unit),
        filled: removal(ablation, Fill::Mean, unit),
        gain: corrected.map(|lowered| short(lowered.value)),
        gain_interval: corrected.and_then(|lowered| ends(lowered.interval)),
        top,
    }
}

/// What AbsRel and RMSE rise by without the unit.
pub(super) fn removed(ablation: &LayerAblation, fill: Fill, unit: usize) -> Option<[f64; 2]> {
    let single = ablation.single.iter().find(|single| single.fill == fill)?;
    let KeyErrors { abs_rel, rmse, .. } = single.units[unit];
    Some([abs_rel - ablation.whole.abs_rel, rmse - ablation.whole.rmse])
}

fn removal(ablation: Option<&LayerAblation>, fill: Fill, unit: usize) -> Option<[f64; 2]> {
    ablation
        .and_then(|ablation| removed(ablation, fill, unit))
        .map(|changes| changes.map(short))
}
