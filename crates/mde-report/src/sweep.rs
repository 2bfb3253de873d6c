//! A sweep over assignments: one table, and one plot of selectivity against accuracy.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mde_metrics::results::{AlphaSweep, SweepPoint};
use minijinja::Value;
use minijinja::value::Serde;
use serde::Serialize;

use crate::ReportError;
use crate::charts::{Labels, Stop, Trail, trails};
use crate::format::{fixed, grouped, listed};
use crate::render::{environment, put};
use crate::table::{Cell, Table};

/// Where a sweep's files lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepPaths {
    /// The self-contained page.
    pub html: PathBuf,
    /// The table as Markdown.
    pub markdown: PathBuf,
    /// The table as CSV, full precision.
    pub table: PathBuf,
}

/// Writes `sweep.html`, `sweep.md` and `sweep.csv` into the folder `out`, which is made if need be; each file is written
/// aside and renamed.
///
/// # Errors
/// If `out` cannot be written.
pub fn write_sweep(sweep: &AlphaSweep, out: &Path) -> Result<SweepPaths, ReportError> {
    // The plain one stands in every set of layers.
    let networks: BTreeSet<&str> = sweep
        .points
        .iter()
        .map(|point| point.run.as_str())
        .collect();
    let page = Page {
        title: format!("Assignments of {} on {}", sweep.model, sweep.data),
        lede: format!(
            "{} trained with seed {}, alike but for the weight of the assignment and its layers, measured on {} images \
             under {}. Ranges and bars are 95 % intervals over images; another seed may move a point by as much or more.",
            match networks.len() {
                1 => "One network".to_owned(),
                networks => format!("{networks} networks"),
            },
            sweep.seed,
            grouped(sweep.images),
            sweep.protocol,
        ),
        plot: plot(sweep),
        legend: legend(sweep),
        table: table(sweep),
        failed: (sweep.failed.iter())
            .map(|point| {
                format!(
                    "α {}, {}: {}",
                    point.alpha,
                    listed(&point.layers),
                    point.message
                )
            })
            .collect(),
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
    std::fs::create_dir_all(out).map_err(|source| ReportError::write(out, source))?;
    put(&paths.table, csv.as_bytes())?;
    put(&paths.markdown, markdown.as_bytes())?;
    put(&paths.html, html.as_bytes())?;
    Ok(paths)
}

/// What the templates need.
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

/// A set of layers and how it is drawn.
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

/// How many looks there are for sets of layers; further ones share them.
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
    let interval = |name: &str| {
        [
            name.to_owned(),
            format!("{name}, low"),
            format!("{name}, high"),
        ]
    };
    let mut columns = vec!["Assigned".to_owned(), "α".to_owned()];
    columns.extend(interval("AbsRel"));
    columns.extend(["RMSE, m", "δ<1.25", "Selectivity"].map(str::to_owned));
    let layers = sweep
        .points
        .first()
        .map_or(&[][..], |point| &point.by_layer);
    columns.extend(layers.iter().map(|layer| layer.layer.clone()));
    let mut table = Table::new(
        "sweep",
        "Means over the test images; selectivity by the valid-bins estimator, the mean of the assigned layers and each layer",
        &columns.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    for point in &sweep.points {
        let name = match point.alpha == 0.0 {
            true => format!("plain, in {}", listed(&point.layers)),
            false => listed(&point.layers),
        };
        let range = point.abs_rel.interval;
        let mut row = vec![
            Cell::text(name),
            Cell::number(point.alpha),
            Cell::fixed(point.abs_rel.value, 4),
            Cell::fixed(range.map(|range| range.low), 4),
            Cell::fixed(range.map(|range| range.high), 4),
            Cell::fixed(point.rmse.value, 3),
            Cell::fixed(point.delta_1.value, 3),
            Cell::fixed(point.selectivity, 3),
        ];
        row.extend(
            point
                .by_layer
                .iter()
                .map(|layer| Cell::fixed(layer.valid_bins, 3)),
        );
        table.rows.push(row);
    }
    table
}

/// AbsRel with its interval over selectivity: a trail for every set of layers, through its points by rising α.
fn plot(sweep: &AlphaSweep) -> String {
    let stop = |point: &SweepPoint| {
        let selectivity = point.selectivity?;
        let abs_rel = point.abs_rel.value;
        Some(Stop {
            x: selectivity,
            y: abs_rel,
            interval: point.abs_rel.interval,
            label: fixed(point.alpha, decimals(point.alpha)),
            name: format!(
                "α {}, {}: selectivity {}, AbsRel {}",
                point.alpha,
                listed(&point.layers),
                fixed(selectivity, 3),
                fixed(abs_rel, 4)
            ),
        })
    };
    let of_set = |(index, layers): (usize, &[String])| Trail {
        class: format!("set-{}", index % LOOKS),
        stops: (sweep.points.iter())
            .filter(|point| point.layers == layers)
            .filter_map(stop)
            .collect(),
    };
    let labels = Labels {
        alt: "AbsRel over selectivity, a point for every network; the table has the numbers",
        x: "depth selectivity, mean of the layers (more is better)",
        y: "AbsRel (less is better)",
    };
    let all: Vec<Trail> = sets(sweep).into_iter().enumerate().map(of_set).collect();
    trails(&labels, &all)
}

/// As many decimals as a weight has.
fn decimals(value: f64) -> usize {
    let text = value.to_string();
    text.split_once('.')
        .map_or(0, |(_, decimals)| decimals.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use mde_metrics::results::{FailedPoint, SweepLayer};
    use mde_metrics::statistics::{Bootstrap, Estimate, Interval};

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
            by_layer: vec![SweepLayer {
                layer: "D".into(),
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
        assert!(csv.contains("\"plain, in D\",0,0.2,0.19"), "{csv}");
        let html = std::fs::read_to_string(paths.html).unwrap();
        assert!(html.contains("the loss is &lt;not&gt; finite"));
        let markdown = std::fs::read_to_string(paths.markdown).unwrap();
        assert!(
            markdown.contains("0.2000") && markdown.contains("&lt;not> finite"),
            "{markdown}"
        );
    }
}
