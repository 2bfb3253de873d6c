//! The unit browser on the page: the tuning curve of every unit.

use mde_metrics::Estimator;
use mde_results::LayerDissection;

use super::model::{Model, Models};
use super::units::{drawn, href};
use super::view::{LayerPanel, LayerSection, UnitCurve};
use crate::error::ReportError;
use crate::format::fixed;
use crate::tuning::{assigned_bins, response_map, tuning_curve};

pub(super) fn layers(models: &Models<'_>) -> Result<Vec<LayerSection>, ReportError> {
    let names = models.layer_names().into_iter();
    let sections = names.map(|name| {
        let layers = models
            .iter()
            .filter_map(|model| Some((model, model.run.layer(name)?)));
        let layers: Vec<(&Model<'_>, &LayerDissection)> = layers.collect();
        let panels = layers.iter().map(|(model, layer)| panel(model, layer));
        Ok(LayerSection {
            layer: name.to_owned(),
            remark: layers
                .first()
                .map_or(String::new(), |(_, layer)| remark(layer)),
            panels: panels.collect::<Result<_, ReportError>>()?,
        })
    });
    sections.collect()
}

fn remark(layer: &LayerDissection) -> String {
    let min_pixels = match layer.valid_bins.estimator {
        Estimator::ValidBins { min_pixels } => {
            format!(" (bins with fewer than {min_pixels} pixels are left out)")
        }
        _ => String::new(),
    };
    format!(
        "{} units, stride {}, {} depth bins{min_pixels}",
        layer.units,
        layer.stride,
        layer.bins.len()
    )
}

fn panel(model: &Model<'_>, layer: &LayerDissection) -> Result<LayerPanel, ReportError> {
    let assigned = assigned_bins(layer);
    let (units, every) = drawn(layer);
    let units = units.into_iter().map(|unit| UnitCurve {
        unit,
        href: href(&model.label, &layer.layer, unit),
        score: fixed(layer.valid_bins.units[unit].selectivity, 2),
        svg: tuning_curve(layer, unit, assigned.as_ref().map(|bins| bins.bin_of(unit))),
    });
    let mut remark = format!("mean selectivity {}", fixed(layer.valid_bins.mean, 3));
    if every > 1 {
        remark.push_str(&format!(
            "; one of every {every} units is drawn, tuning_curves.csv has all {}",
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
        units: units.collect(),
    })
}
