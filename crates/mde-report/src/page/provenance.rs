//! Where the numbers come from: configurations, seeds, hashes, versions and commands.

use mde_metrics::EvalProtocol;
use mde_metrics::results::Provenance;

use super::{Config, Model};
use crate::format::{listed, metres, short_hash};
use crate::run::{AssignmentConfig, RunConfig, RunFolder};
use crate::table::{Cell, Table};

type Fact = (&'static str, fn(&RunFolder) -> Cell);

const FACTS: [Fact; 20] = [
    ("Network", |run| Cell::text(&run.config.model)),
    ("Weights (blake3)", |run| {
        hash(&run.evaluation.provenance.checkpoint)
    }),
    ("Depth ranges", |run| Cell::text(assignment(&run.config))),
    ("Seed", |run| Cell::text(run.config.seed.to_string())),
    ("Steps", |run| Cell::count(run.config.steps)),
    ("Batch", |run| Cell::count(run.config.batch as u64)),
    ("Learning rate", |run| {
        Cell::number(run.config.learning_rate)
    }),
    ("Training data", |run| Cell::text(&run.config.data.name)),
    ("Training images", |run| Cell::count(run.config.data.images)),
    ("Training data (blake3)", |run| {
        hash(&run.config.data.fingerprint)
    }),
    ("Mean training depth (m)", |run| {
        Cell::fixed(run.config.data.mean_depth, 3)
    }),
    ("Test data", |run| {
        Cell::text(data(&run.evaluation.provenance))
    }),
    ("Test data (blake3)", |run| {
        hash(&run.evaluation.provenance.data_hash)
    }),
    ("Test images", |run| {
        Cell::count(run.evaluation.summary.images)
    }),
    ("Protocol", |run| {
        Cell::text(protocol(&run.evaluation.protocol))
    }),
    ("Dissected data", |run| {
        Cell::text(data(&run.dissection.provenance))
    }),
    ("Dissected data (blake3)", |run| {
        hash(&run.dissection.provenance.data_hash)
    }),
    ("Dissected images", |run| {
        Cell::count(run.dissection.images as u64)
    }),
    ("Version that trained", |run| {
        Cell::text(&run.config.version)
    }),
    ("Version that evaluated", |run| {
        Cell::text(&run.evaluation.provenance.version)
    }),
];

pub(super) fn table(models: &[Model<'_>]) -> Table {
    let mut columns = vec!["What"];
    columns.extend(models.iter().map(|model| model.label.label));
    let mut table = Table::new(
        "provenance",
        "Where the numbers come from. Hashes are shortened here; the CSV has them whole.",
        &columns,
    );
    table.words = columns.len();
    for (name, fact) in FACTS {
        let mut row = vec![Cell::text(name)];
        row.extend(models.iter().map(|model| fact(model.run)));
        table.rows.push(row);
    }
    table
}

fn hash(whole: &str) -> Cell {
    Cell {
        text: short_hash(whole),
        raw: whole.to_owned(),
    }
}

fn data(provenance: &Provenance) -> String {
    format!("{}, {} split", provenance.data, provenance.split)
}

fn assignment(config: &RunConfig) -> String {
    match &config.assignment {
        None => "not assigned".to_owned(),
        Some(AssignmentConfig { alpha, layers }) => {
            format!("{}, α = {alpha}", listed(layers))
        }
    }
}

fn protocol(protocol: &EvalProtocol) -> String {
    let scaling = if protocol.median_scaling {
        ", median scaling"
    } else {
        ""
    };
    let (min, max) = (protocol.min_depth, metres(f64::from(protocol.max_depth)));
    format!(
        "{}: depth between {min} and {max} m{scaling}",
        protocol.name
    )
}

pub(super) fn configs(models: &[Model<'_>]) -> Vec<Config> {
    models
        .iter()
        .map(|model| Config {
            label: model.label.label,
            json: format!("{:#}", model.run.config_json),
        })
        .collect()
}

/// The commands that lead from the data to this report.
pub(super) fn commands(models: &[Model<'_>]) -> Vec<String> {
    let mut commands = Vec::new();
    for model in models {
        let folder = model.run.path.display();
        commands.extend(model.run.config.command.clone());
        commands.push(format!("mde evaluate --run {folder}"));
        commands.push(format!("mde dissect --run {folder}"));
    }
    commands
}
