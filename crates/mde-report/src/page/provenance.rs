//! The origin of the numbers: configurations, seeds, hashes, versions and commands.

use mde_metrics::{Alignment, EvalProtocol, Quantity};
use mde_results::{AssignmentConfig, Dissection, Provenance, RunResults, TrainingSummary};

use super::model::Models;
use super::view::Config;
use crate::format::{listed, metres, short_hash};
use crate::table::{Cell, Table};

type Fact = (&'static str, fn(&RunResults) -> Cell);

const FACTS: [Fact; 24] = [
    ("Network", |run| {
        Cell::text(&run.evaluation.provenance.model)
    }),
    ("Weights (blake3)", |run| {
        let network = Some(&run.evaluation.provenance).filter(|network| !network.is_stored());
        Cell::or_undefined(network, |network| hash(&network.checkpoint))
    }),
    ("Predictions (blake3)", |run| {
        stored(Some(&run.evaluation.provenance))
    }),
    ("Features (blake3)", |run| {
        stored(run.dissection.as_ref().map(|found| &found.provenance))
    }),
    ("Assignment", |run| {
        trained(run, |config| Cell::text(assignment(config)))
    }),
    ("Seed", |run| {
        trained(run, |config| Cell::text(config.seed.to_string()))
    }),
    ("Steps", |run| {
        trained(run, |config| Cell::count(config.steps))
    }),
    ("Batch size", |run| {
        trained(run, |config| Cell::count(config.batch_size))
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
        dissected(run, |found| Cell::text(data(&found.provenance)))
    }),
    ("Dissected data (blake3)", |run| {
        dissected(run, |found| hash(&found.provenance.data_hash))
    }),
    ("Dissected images", |run| {
        dissected(run, |found| Cell::count(found.images))
    }),
    ("Intervals", |run| {
        dissected(run, |found| {
            let (resamples, seed) = (found.bootstrap.resamples, found.bootstrap.seed);
            Cell::text(format!("{resamples} resamples of the images, seed {seed}"))
        })
    }),
    ("Permutation null", |run| {
        dissected(run, |found| {
            let null = found.layers.iter().find_map(|layer| layer.null.as_ref());
            Cell::or_undefined(null, |null| {
                let (permutations, seed) = (null.permutations, null.seed);
                Cell::text(format!("{permutations} permutations, seed {seed}"))
            })
        })
    }),
    ("Trained by version", |run| {
        trained(run, |config| Cell::text(&config.version))
    }),
    ("Evaluated by version", |run| {
        Cell::text(&run.evaluation.provenance.version)
    }),
];

/// The hash of files that another program stored.
fn stored(provenance: Option<&Provenance>) -> Cell {
    let files = provenance.and_then(|found| found.checkpoint.strip_prefix(Provenance::STORED));
    Cell::or_undefined(files, hash)
}

/// Facts of files of other programs alone.
const STORED_FACTS: [&str; 2] = ["Predictions (blake3)", "Features (blake3)"];

/// A fact of the training, where the weights were trained here.
fn trained(run: &RunResults, fact: impl Fn(&TrainingSummary) -> Cell) -> Cell {
    Cell::or_undefined(run.config.as_ref(), fact)
}

/// A fact of the dissection, where there is one.
fn dissected(run: &RunResults, fact: impl Fn(&Dissection) -> Cell) -> Cell {
    Cell::or_undefined(run.dissection.as_ref(), fact)
}

pub(super) fn table(models: &Models<'_>) -> Table {
    let columns: Vec<&str> = ["Fact"].into_iter().chain(models.heads()).collect();
    let words = columns.len();
    let caption = "Origin of the numbers. Hashes are shortened; the CSV has all of them in full.";
    let mut table = Table::new("provenance", caption, columns, words);
    let mut networks = models.iter().map(|model| &model.run.evaluation.provenance);
    let any_stored = networks.any(Provenance::is_stored);
    for (name, fact) in FACTS {
        if STORED_FACTS.contains(&name) && !any_stored {
            continue;
        }
        let mut row = vec![Cell::text(name)];
        row.extend(models.iter().map(|model| fact(model.run)));
        table.rows.push(row);
    }
    table
}

fn hash(whole: &str) -> Cell {
    Cell::new(short_hash(whole), whole)
}

fn data(provenance: &Provenance) -> String {
    format!("{}, {} split", provenance.data, provenance.split)
}

fn assignment(config: &TrainingSummary) -> String {
    match &config.assignment {
        None => "none".to_owned(),
        Some(AssignmentConfig { alpha, layers, .. }) => {
            format!("{}, α = {alpha}", listed(layers))
        }
    }
}

fn protocol(protocol: &EvalProtocol) -> String {
    let prediction = match protocol.prediction {
        Quantity::Depth => "",
        Quantity::Disparity => ", predictions are disparities",
    };
    let alignment = match protocol.alignment {
        Alignment::None => "",
        Alignment::Median => ", each image aligned by its median",
        Alignment::MedianDepth => ", each image aligned by the median of its depths",
        Alignment::LeastSquares => ", each image aligned by least squares",
        Alignment::LeastSquaresDepth => ", each image aligned by least squares in depth",
        Alignment::LeastSquaresDisparity => ", each image aligned by least squares in 1 / depth",
    };
    let (min, max) = (protocol.min_depth, metres(f64::from(protocol.max_depth)));
    format!(
        "{}: depth between {min} and {max} m{prediction}{alignment}",
        protocol.name
    )
}

pub(super) fn configs(models: &Models<'_>) -> Vec<Config> {
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

/// The commands that produced the results of this report.
pub(super) fn commands(models: &Models<'_>) -> Vec<String> {
    let mut commands = Vec::new();
    for model in models.iter() {
        let run = model.run;
        commands.push(run.command("evaluate"));
        commands.extend(run.dissect_commands(run.layers()));
        commands.extend(run.ablation.as_ref().map(|_| run.command("ablate")));
        commands.extend(run.correction.as_ref().map(|_| run.command("correct")));
    }
    commands
}
