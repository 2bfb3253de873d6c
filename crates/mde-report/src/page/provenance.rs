//! Where the numbers come from: configurations, seeds, hashes, versions and commands.

use mde_metrics::results::Provenance;
use mde_metrics::{Alignment, EvalProtocol, Quantity};

use super::{Config, Model};
use crate::config::{AssignmentConfig, RunConfig};
use crate::format::{listed, metres, short_hash};
use crate::run::RunFolder;
use crate::table::{Cell, Table};

type Fact = (&'static str, fn(&RunFolder) -> Cell);

const FACTS: [Fact; 22] = [
    ("Network", |run| {
        Cell::text(&run.evaluation.provenance.model)
    }),
    ("Weights (blake3)", |run| {
        hash(&run.evaluation.provenance.checkpoint)
    }),
    ("Depth ranges", |run| {
        trained(run, |config| Cell::text(assignment(config)))
    }),
    ("Seed", |run| {
        trained(run, |config| Cell::text(config.seed.to_string()))
    }),
    ("Steps", |run| {
        trained(run, |config| Cell::count(config.steps))
    }),
    ("Batch", |run| {
        trained(run, |config| Cell::count(config.batch as u64))
    }),
    ("Learning rate", |run| {
        trained(run, |config| Cell::number(config.learning_rate))
    }),
    ("Training data", |run| {
        trained(run, |config| Cell::text(&config.data.name))
    }),
    ("Training images", |run| {
        trained(run, |config| Cell::count(config.data.images))
    }),
    ("Training data (blake3)", |run| {
        trained(run, |config| hash(&config.data.fingerprint))
    }),
    ("Mean training depth (m)", |run| {
        trained(run, |config| Cell::fixed(config.data.mean_depth, 3))
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
    ("Intervals", |run| {
        let drawn = &run.dissection.bootstrap;
        Cell::text(format!(
            "{} resamples of the images, seed {}",
            drawn.resamples, drawn.seed
        ))
    }),
    ("Permutation null", |run| {
        let mut layers = run.dissection.layers.iter();
        match layers.find_map(|layer| layer.null.as_ref()) {
            Some(null) => Cell::text(format!(
                "{} permutations, seed {}",
                null.permutations, null.seed
            )),
            None => Cell::undefined(),
        }
    }),
    ("Version that trained", |run| {
        trained(run, |config| Cell::text(&config.version))
    }),
    ("Version that evaluated", |run| {
        Cell::text(&run.evaluation.provenance.version)
    }),
];

/// A fact of the training, where it was done here.
fn trained(run: &RunFolder, fact: impl Fn(&RunConfig) -> Cell) -> Cell {
    run.config.as_ref().map_or(Cell::undefined(), fact)
}

pub(super) fn table(models: &[Model<'_>]) -> Table {
    let mut columns = vec!["What"];
    columns.extend(models.iter().map(|model| model.label.label.as_str()));
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
    Cell::of(short_hash(whole), whole)
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
    let prediction = match protocol.prediction {
        Quantity::Depth => "",
        Quantity::Disparity => ", of disparities",
    };
    let alignment = match protocol.alignment {
        Alignment::None => "",
        Alignment::Median => ", each image aligned by its median",
        Alignment::LeastSquares => ", each image aligned by least squares",
    };
    let (min, max) = (protocol.min_depth, metres(f64::from(protocol.max_depth)));
    format!(
        "{}: depth between {min} and {max} m{prediction}{alignment}",
        protocol.name
    )
}

pub(super) fn configs(models: &[Model<'_>]) -> Vec<Config> {
    models
        .iter()
        .filter_map(|model| {
            Some(Config {
                label: model.label.name.clone(),
                json: format!("{:#}", model.run.config_json.as_ref()?),
            })
        })
        .collect()
}

/// The commands that lead from the data to this report.
pub(super) fn commands(models: &[Model<'_>]) -> Vec<String> {
    let mut commands = Vec::new();
    for model in models {
        let run = model.run;
        let config = run.config.as_ref();
        commands.extend(config.and_then(|config| config.command.clone()));
        commands.push(run.command("evaluate"));
        commands.push(run.command("dissect"));
        commands.extend(run.ablation.as_ref().map(|_| run.command("ablate")));
        commands.extend(run.correction.as_ref().map(|_| run.command("correct")));
    }
    commands
}
