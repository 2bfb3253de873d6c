//! A sweep over assignments: a table, and a plot of accuracy against selectivity.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mde_results::{AlphaSweep, SweepPoint};
use minijinja::Value;
use minijinja::value::Serde;
use serde::Serialize;

use crate::charts::{Labels, Stop, Trail, trails};
use crate::error::ReportError;
use crate::format::{counted, fixed, listed};
use crate::render::{environment, put};
use crate::table::{Cell, INTERVAL, Table};

/// The files of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepPaths {
    /// The self-contained page.
    pub html: PathBuf,
    /// The table as Markdown.
    pub markdown: PathBuf,
    /// The table as CSV, full precision.
    pub table: PathBuf,
}

/// Writes `sweep.html`, `sweep.md` and `sweep.csv` into the folder `out`, which is created if
/// needed. Each file is written whole or not at all.
///
/// # Errors
/// If `out` cannot be written.
pub fn write_sweep(sweep: &AlphaSweep, out: &Path) -> Result<SweepPaths, ReportError> {
    // The plain network belongs to every set of layers.
    let networks: BTreeSet<&str> = sweep
        .points
        .iter()
        .map(|point| point.run.as_str())
        .collect();
    let failed = sweep.failed.iter().map(|point| {
        let (alpha, layers) = (point.alpha, listed(&point.layers));
        format!("α = {alpha}, {layers}: {}", point.message)
    });
    let page = Page {
        title: format!("Assignments of {} on {}", sweep.model, sweep.data),
        lede: format!(
            "{} trained with seed {}, with different weights and layers of the assignment, \
             evaluated on {} with protocol {}. Intervals and bars are 95 % intervals over \
             images. They do not include the variation between seeds, which can be as large.",
            counted(networks.len() as u64, "network"),
            sweep.seed,
            counted(sweep.images, "image"),
            sweep.protocol,
        ),
        plot: plot(sweep),
        legend: legend(sweep),
        table: table(sweep),
        failed: failed.collect(),
        version: env!("CARGO_PKG_VERSION"),
    };
    let paths = SweepPaths {
        html: out.join("sweep.html"),
        markdown: out.join("sweep.md"),
        table: out.join("sweep.csv"),
    };
    let csv = page.table.csv(&paths.table)?;
    let environment = environment()?;
    let context = Value::from(Serde(&page));
    let render = |name: &str| environment.get_template(name)?.render(context.clone());
    let (html, markdown) = (render("sweep.html")?, render("sweep.md")?);
    put(&paths.table, &csv)?;
    put(&paths.markdown, &markdown)?;
    put(&paths.html, &html)?;
    Ok(paths)
}

/// The content of the page.
#[derive(Serialize)]
struct Page {
    title: String,
    lede: String,
    plot: String,
    legend: Vec<Entry>,
    table: Table,
    failed: Vec<String>,
    version: &'static str,
}

/// A set of layers and its CSS class.
#[derive(Serialize)]
struct Entry {
    class: String,
    label: String,
}

/// The sets of layers, in the order of the points.
fn sets(sweep: &AlphaSweep) -> Vec<&[String]> {
    let mut sets: Vec<&[String]> = Vec::new();
    for point in &sweep.points {
        if !sets.contains(&point.layers.as_slice()) {
            sets.push(&point.layers);
        }
    }
    sets
}

/// Number of styles for sets of layers; further sets repeat them.
const LOOKS: usize = 5;

fn legend(sweep: &AlphaSweep) -> Vec<Entry> {
    let entries = sets(sweep).into_iter().enumerate();
    entries
        .map(|(index, layers)| Entry {
            class: format!("set-{}", index % LOOKS),
            label: listed(layers),
        })
        .collect()
}

fn table(sweep: &AlphaSweep) -> Table {
    let columns = [
        "Assigned layers",
        "α",
        "AbsRel",
        INTERVAL,
        "RMSE (m)",
        "δ < 1.25",
        "Selectivity",
        "Change from plain",
        "Units without a value",
    ];
    let layers = sweep.points.first();
    let layers = layers.map_or(&[][..], |point| &point.by_layer);
    let layers = layers.iter().map(|layer| layer.layer.as_str());
    let caption = "Means over the test images. Selectivity by the valid-bins estimator: the mean \
                   of the assigned layers, and each layer, over the units that have a value. The \
                   change from the plain network is over the units that have one in both.";
    let mut table = Table::new("sweep", caption, columns.into_iter().chain(layers), 1);
    for point in &sweep.points {
        let layers = listed(&point.layers);
        let mut row = vec![
            Cell::text(match point.alpha == 0.0 {
                true => format!("none (plain; scored in {layers})"),
                false => layers,
            }),
            Cell::number(point.alpha),
            Cell::fixed(point.abs_rel.value, 4),
            Cell::interval(point.abs_rel.interval, 4),
            Cell::fixed(point.rmse.value, 3),
            Cell::fixed(point.delta_1.value, 3),
            Cell::fixed(point.selectivity, 3),
            Cell::signed(point.selectivity_change.filter(|_| point.alpha != 0.0), 3),
            Cell::count(units_without_value(point)),
        ];
        let layers = point.by_layer.iter();
        row.extend(layers.map(|layer| Cell::fixed(layer.valid_bins, 3)));
        table.rows.push(row);
    }
    table
}

/// Units of the point's layers that its mean selectivity leaves out.
fn units_without_value(point: &SweepPoint) -> usize {
    let layers = point.by_layer.iter();
    let counted = layers.filter(|layer| point.layers.contains(&layer.layer));
    counted.map(|layer| layer.units - layer.defined_units).sum()
}

/// AbsRel with its interval against selectivity. Points of a set of layers are joined by rising α.
fn plot(sweep: &AlphaSweep) -> String {
    let stop = |point: &SweepPoint| {
        let (selectivity, abs_rel) = (point.selectivity?, point.abs_rel.value);
        Some(Stop {
            x: selectivity,
            y: abs_rel,
            interval: point.abs_rel.interval,
            label: fixed(point.alpha, decimals(point.alpha)),
            name: format!(
                "α = {}, {}: selectivity {}, AbsRel {}",
                point.alpha,
                listed(&point.layers),
                fixed(selectivity, 3),
                fixed(abs_rel, 4)
            ),
        })
    };
    let sets = sets(sweep).into_iter().enumerate();
    let all = sets.map(|(index, layers)| {
        let points = sweep.points.iter().filter(|point| point.layers == layers);
        Trail {
            class: format!("set-{}", index % LOOKS),
            stops: points.filter_map(stop).collect(),
        }
    });
    let labels = Labels {
        alt: "AbsRel against selectivity, a point per network. The table has the numbers.",
        x: "depth selectivity, mean of the layers (higher is better)",
        y: "AbsRel (lower is better)",
    };
    trails(&labels, &all.collect::<Vec<_>>())
}

/// Number of decimals of a weight.
fn decimals(value: f64) -> usize {
    let text = value.to_string();
    text.split_once('.')
        .map_or(0, |(_, decimals)| decimals.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use mde_metrics::statistics::{Bootstrap, Estimate, Interval};
    use mde_results::{FailedPoint, SweepLayer};

    fn point(alpha: f64, layers: &[&str], selectivity: Option<f64>, abs_rel: f64) -> SweepPoint {
        let estimate = |value| Estimate {
            value,
            interval: Some(Interval {
                low: value - 0.01,
                high: value + 0.01,
            }),
        };
        SweepPoint {
            alpha,
            layers: layers.iter().map(ToString::to_string).collect(),
            run: "run".into(),
            abs_rel: estimate(abs_rel),
            rmse: estimate(0.5),
            delta_1: estimate(0.8),
            selectivity,
            selectivity_change: selectivity.map(|_| 0.125),
            by_layer: vec![SweepLayer {
                layer: "D".into(),
                units: 16,
                defined_units: 13,
                valid_bins: selectivity,
                interval: None,
                reference: selectivity,
            }],
        }
    }

    fn sweep(points: Vec<SweepPoint>) -> AlphaSweep {
        AlphaSweep {
            format: 2,
            model: "mff-tiny".into(),
            seed: 0,
            data: "rooms".into(),
            data_hash: "d".into(),
            protocol: "nyu-mff".into(),
            images: 120,
            bootstrap: Bootstrap::default(),
            points,
            failed: vec![FailedPoint {
                alpha: 9.0,
                layers: vec!["D".into()],
                message: "the loss is <not> finite".into(),
            }],
        }
    }

    #[test]
    fn a_line_for_every_set_and_a_mark_for_every_defined_point() {
        let svg = plot(&sweep(vec![
            point(0.0, &["D"], Some(0.4), 0.2),
            point(0.1, &["D"], Some(0.6), 0.21),
            point(0.0, &["MFF"], Some(0.3), 0.2),
            point(0.3, &["MFF"], None, 0.3),
        ]));
        assert_eq!(svg.matches("<circle").count(), 3);
        assert_eq!(svg.matches(r#"<g class="set"#).count(), 2);
        // More selectivity lies to the right, more error lies higher.
        let at = |index: usize, key: &str| -> f64 {
            let circle = svg.split("<circle").nth(index + 1).unwrap();
            let value = circle.split(key).nth(1).unwrap();
            value.split('"').nth(1).unwrap().parse().unwrap()
        };
        assert!(at(1, "cx=") > at(0, "cx=") && at(1, "cy=") < at(0, "cy="));
    }

    #[test]
    fn one_point_or_none_gives_a_finite_plot() {
        for points in [
            vec![],
            vec![point(0.1, &["D"], Some(0.5), 0.2)],
            vec![point(0.1, &["D"], None, 0.2)],
        ] {
            let svg = plot(&sweep(points));
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }

    #[test]
    fn the_files_hold_every_point_and_what_failed() {
        let folder = tempfile::tempdir().unwrap();
        let found = sweep(vec![
            point(0.0, &["D"], Some(0.4), 0.2),
            point(-0.1, &["D"], None, 0.21),
        ]);
        let paths = write_sweep(&found, folder.path()).unwrap();
        let csv = std::fs::read_to_string(paths.table).unwrap();
        assert_eq!(csv.lines().count(), 3);
        assert!(
            csv.contains("none (plain; scored in D),0,0.2,0.19"),
            "{csv}"
        );
        // Units that a mean leaves out are counted, and the change is over those in both networks.
        assert!(
            csv.lines().skip(1).all(|line| line.contains(",3,")),
            "{csv}"
        );
        let html = std::fs::read_to_string(&paths.html).unwrap();
        assert!(html.contains("Change from plain") && html.contains("Units without a value"));
        let html = std::fs::read_to_string(paths.html).unwrap();
        assert!(html.contains("the loss is &lt;not&gt; finite"));
        let markdown = std::fs::read_to_string(paths.markdown).unwrap();
        assert!(
            markdown.contains("0.2000") && markdown.contains("&lt;not> finite"),
            "{markdown}"
        );
    }
}
