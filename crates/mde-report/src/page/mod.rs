//! From run folders to what the templates show: words, tables, charts and pictures, in the order of the page.

mod ablation;
mod accuracy;
mod answer;
mod browser;
mod corrected_maps;
mod correction;
mod pairs;
mod pictures;
mod provenance;
mod selectivity;
mod sweep;
mod terms;
mod training;
mod words;

use mde_metrics::results::RunComparison;
use serde::Serialize;

pub(crate) use browser::BrowserData;

use crate::ReportError;
use crate::compare::Comparison;
use crate::run::RunFolder;
use crate::table::Table;

/// Everything the templates need.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    pub title: String,
    /// What was run on what.
    pub lede: String,
    /// The answer in three sentences.
    pub answers: Vec<Answer>,
    /// What a reader has to know before relying on the numbers.
    pub caveats: Vec<String>,
    pub key_numbers: Vec<KeyNumber>,
    /// What is not on the page, and the command that adds it.
    pub missing: Vec<Missing>,
    pub models: Vec<Label>,
    pub accuracy: Table,
    pub accuracy_note: String,
    pub by_depth: Table,
    pub by_depth_figures: Vec<Figure>,
    pub selectivity: Table,
    pub selectivity_notes: Vec<String>,
    pub selectivity_figure: Figure,
    pub sweep: Option<Sweep>,
    pub layers: Vec<LayerSection>,
    pub pairs: Option<Pairs>,
    pub ablation: Option<AblationSection>,
    pub correction: Option<CorrectionSection>,
    pub training: Vec<Figure>,
    pub examples: Vec<ExampleSection>,
    pub provenance: Table,
    pub configs: Vec<Config>,
    pub commands: Vec<String>,
    pub terms: Vec<Term>,
    pub version: &'static str,
    /// Long tables that go to CSV only.
    pub data_tables: Vec<Table>,
    /// What the unit browser shows of one unit.
    #[serde(skip)]
    pub browser: BrowserData,
}

/// A model of the report as the page names and colours it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Label {
    /// CSS class, which carries the colour.
    pub class: &'static str,
    /// In tables and addresses: "plain" and "assigned", or "first" and "second".
    pub key: &'static str,
    /// As a heading.
    pub label: String,
    /// Within a sentence, as in "the plain model".
    pub name: String,
}

/// One sentence of the answer.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    pub topic: &'static str,
    pub text: String,
}

/// What a command would add.
#[derive(Debug, Serialize)]
pub(crate) struct Missing {
    pub model: String,
    pub what: String,
    pub command: String,
}

/// One of the few numbers of the first screen, a value per model.
#[derive(Debug, Serialize)]
pub(crate) struct KeyNumber {
    pub label: &'static str,
    pub values: Vec<KeyValue>,
    pub remark: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct KeyValue {
    pub class: &'static str,
    pub label: String,
    pub text: String,
    /// The interval, or nothing.
    pub interval: String,
}

/// A chart with its caption.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub title: String,
    pub caption: String,
    pub svg: String,
    /// What its curves are: class and name.
    pub legend: Vec<(String, String)>,
}

/// Selectivity under other numbers and spacings of bins.
#[derive(Debug, Serialize)]
pub(crate) struct Sweep {
    pub figures: Vec<Figure>,
    pub table: Table,
}

/// The tuning curves of one layer.
#[derive(Debug, Serialize)]
pub(crate) struct LayerSection {
    pub layer: String,
    pub remark: String,
    pub open: bool,
    pub panels: Vec<LayerPanel>,
}

/// The tuning curves of one layer in one model.
#[derive(Debug, Serialize)]
pub(crate) struct LayerPanel {
    pub class: &'static str,
    pub key: &'static str,
    pub label: String,
    pub remark: String,
    pub map: String,
    pub units: Vec<UnitCurve>,
}

#[derive(Debug, Serialize)]
pub(crate) struct UnitCurve {
    pub unit: usize,
    /// Where the browser opens it.
    pub href: String,
    pub score: String,
    pub svg: String,
}

/// The same units in two models.
#[derive(Debug, Serialize)]
pub(crate) struct Pairs {
    pub notes: Vec<String>,
    pub figures: Vec<Figure>,
    pub table: Table,
}

/// What removing units does.
#[derive(Debug, Serialize)]
pub(crate) struct AblationSection {
    pub areas: Table,
    pub fills: Vec<Choice>,
    pub ranges: Vec<Choice>,
    pub charts: Vec<AblationChart>,
}

/// One value of a selection.
#[derive(Debug, Serialize)]
pub(crate) struct Choice {
    pub value: String,
    pub text: String,
}

/// One of the ablation's charts; one per model is shown at a time.
#[derive(Debug, Serialize)]
pub(crate) struct AblationChart {
    pub layer: String,
    pub class: &'static str,
    pub label: String,
    pub fill: String,
    pub range: String,
    /// Shown before anything is selected.
    pub first: bool,
    pub figure: Figure,
}

/// What correcting units does.
#[derive(Debug, Serialize)]
pub(crate) struct CorrectionSection {
    pub note: String,
    pub table: Table,
    pub layers: Vec<CorrectedLayer>,
    pub indicator_table: Table,
    pub images: Table,
}

#[derive(Debug, Serialize)]
pub(crate) struct CorrectedLayer {
    pub layer: String,
    pub by_depth: Vec<Figure>,
    pub units: Vec<Figure>,
    pub maps: Vec<MapRow>,
}

/// The maps of one image in one model.
#[derive(Debug, Serialize)]
pub(crate) struct MapRow {
    pub class: &'static str,
    pub title: String,
    pub width: usize,
    pub height: usize,
    pub pictures: Vec<Picture>,
    pub bars: Vec<String>,
    /// Colour and words of the map of units.
    pub units: Vec<(String, String)>,
}

/// One test image with all its maps.
#[derive(Debug, Serialize)]
pub(crate) struct ExampleSection {
    pub id: String,
    pub width: usize,
    pub height: usize,
    pub columns: Vec<ExampleColumn>,
    pub depth_bar: String,
    pub error_bar: String,
}

/// Two pictures of one column: image over ground truth, or a model's prediction over its error.
#[derive(Debug, Serialize)]
pub(crate) struct ExampleColumn {
    pub class: &'static str,
    pub pictures: [Picture; 2],
}

#[derive(Debug, Serialize)]
pub(crate) struct Picture {
    pub caption: String,
    pub alt: String,
    pub uri: String,
}

/// A configuration file as it lies on disk.
#[derive(Debug, Serialize)]
pub(crate) struct Config {
    pub label: String,
    pub json: String,
}

/// A term and what it means.
#[derive(Debug, Serialize)]
pub(crate) struct Term {
    pub term: &'static str,
    pub meaning: String,
}

/// A run with its place in the report.
#[derive(Clone)]
pub(crate) struct Model<'run> {
    pub run: &'run RunFolder,
    pub label: Label,
}

/// The runs with their labels: "Plain" and "Assigned" where that tells them apart, else the names of their folders.
fn models<'run>(plain: &'run RunFolder, assigned: Option<&'run RunFolder>) -> Vec<Model<'run>> {
    let label = |class, key, label: String, name: String| Label {
        class,
        key,
        label,
        name,
    };
    let plain_label = || label("plain", "plain", "Plain".to_owned(), "plain".to_owned());
    let assigned_label = || {
        label(
            "assigned",
            "assigned",
            "Assigned".to_owned(),
            "assigned".to_owned(),
        )
    };
    let is_plain = |run: &RunFolder| run.assigned_layers().is_empty();
    let Some(second) = assigned else {
        let label = if is_plain(plain) {
            plain_label()
        } else {
            assigned_label()
        };
        return vec![Model { run: plain, label }];
    };
    let labels = if is_plain(plain) && !is_plain(second) {
        [plain_label(), assigned_label()]
    } else {
        let names = [plain, second].map(|run| {
            let name = run.path.file_name().unwrap_or_default();
            name.to_string_lossy().into_owned()
        });
        let [first, second] = if names[0] == names[1] || names.iter().any(String::is_empty) {
            ["first".to_owned(), "second".to_owned()]
        } else {
            names
        };
        [
            label("plain", "first", first.clone(), first),
            label("assigned", "second", second.clone(), second),
        ]
    };
    [plain, second]
        .into_iter()
        .zip(labels)
        .map(|(run, label)| Model { run, label })
        .collect()
}

/// The comparison's difference column appears only when there are two models.
pub(crate) fn change_of(values: &[Option<f64>]) -> Option<Option<f64>> {
    match values {
        [plain, assigned] => Some(
            plain
                .zip(*assigned)
                .map(|(plain, assigned)| assigned - plain),
        ),
        _ => None,
    }
}

/// Names of all dissected layers: the first model's in order, then what only the second has.
fn layer_names<'run>(models: &[Model<'run>]) -> Vec<&'run str> {
    let mut names: Vec<&str> = Vec::new();
    for layer in models.iter().flat_map(|model| &model.run.dissection.layers) {
        if !names.contains(&layer.layer.as_str()) {
            names.push(&layer.layer);
        }
    }
    names
}

impl Page {
    /// Builds the page of one run, or of two.
    pub(crate) fn build(
        title: &str,
        plain: &RunFolder,
        assigned: Option<&RunFolder>,
        compared: Option<&RunComparison>,
    ) -> Result<Self, ReportError> {
        let comparison = assigned
            .map(|assigned| Comparison::new(plain, assigned))
            .transpose()?;
        let models = models(plain, assigned);
        let models = models.as_slice();
        Ok(Self {
            title: title.to_owned(),
            lede: words::lede(models),
            answers: answer::sentences(models, comparison.as_ref(), compared),
            caveats: words::caveats(models),
            key_numbers: words::key_numbers(models, comparison.as_ref()),
            missing: models
                .iter()
                .flat_map(|model| words::missing(model, model.run.dissection.layers.iter()))
                .collect(),
            accuracy: accuracy::table(models, compared),
            accuracy_note: accuracy::note(models),
            by_depth: accuracy::by_depth_table(models),
            by_depth_figures: accuracy::by_depth_figures(models),
            selectivity: selectivity::table(models),
            selectivity_notes: selectivity::notes(models),
            selectivity_figure: selectivity::figure(models),
            sweep: sweep::section(models),
            layers: browser::layers(models)?,
            pairs: pairs::section(models, compared),
            ablation: ablation::section(models),
            correction: correction::section(models)?,
            training: training::figures(models),
            examples: pictures::examples(models)?,
            provenance: provenance::table(models),
            configs: provenance::configs(models),
            commands: provenance::commands(models),
            terms: terms::terms(models),
            version: env!("CARGO_PKG_VERSION"),
            data_tables: [
                vec![
                    selectivity::unit_table(models),
                    selectivity::curve_table(models),
                    accuracy::image_table(models),
                ],
                ablation::data_tables(models),
                correction::data_tables(models),
            ]
            .concat(),
            browser: browser::data(models)?,
            models: models.iter().map(|model| model.label.clone()).collect(),
        })
    }

    /// Every table, for CSV.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        let correction = self.correction.iter();
        [&self.accuracy, &self.by_depth, &self.selectivity]
            .into_iter()
            .chain(self.sweep.iter().map(|sweep| &sweep.table))
            .chain(self.pairs.iter().map(|pairs| &pairs.table))
            .chain(self.ablation.iter().map(|ablation| &ablation.areas))
            .chain(
                correction.flat_map(|section| {
                    [&section.table, &section.indicator_table, &section.images]
                }),
            )
            .chain([&self.provenance])
            .chain(&self.data_tables)
    }
}
