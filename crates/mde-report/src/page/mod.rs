//! From run folders to what the templates show: words, tables, charts and pictures, in the order of the page.

mod accuracy;
mod pictures;
mod provenance;
mod selectivity;
mod training;
mod words;

use serde::Serialize;

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
    /// The answer in one sentence.
    pub headline: String,
    /// What a reader has to know before relying on the numbers.
    pub caveats: Vec<String>,
    pub key_numbers: Vec<KeyNumber>,
    pub models: Vec<Label>,
    pub accuracy: Table,
    pub accuracy_note: String,
    pub by_depth: Table,
    pub by_depth_figures: Vec<Figure>,
    pub selectivity: Table,
    pub selectivity_notes: Vec<String>,
    pub selectivity_figure: Figure,
    pub layers: Vec<LayerSection>,
    pub training: Vec<Figure>,
    pub examples: Vec<ExampleSection>,
    pub provenance: Table,
    pub configs: Vec<Config>,
    pub commands: Vec<String>,
    pub terms: Vec<Term>,
    pub version: &'static str,
    /// Long tables that go to CSV only.
    #[serde(skip)]
    pub data_tables: Vec<Table>,
}

/// A model of the report as the page names and colours it.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Label {
    /// CSS class.
    pub class: &'static str,
    pub label: &'static str,
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
    pub label: &'static str,
    pub text: String,
}

/// A chart with its caption.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub title: String,
    pub caption: String,
    pub svg: String,
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
    pub label: &'static str,
    pub remark: String,
    pub map: String,
    pub units: Vec<UnitCurve>,
}

#[derive(Debug, Serialize)]
pub(crate) struct UnitCurve {
    pub unit: usize,
    pub score: String,
    pub svg: String,
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
    pub label: &'static str,
    pub json: String,
}

/// A term and what it means.
#[derive(Debug, Serialize)]
pub(crate) struct Term {
    pub term: &'static str,
    pub meaning: String,
}

/// A run with its place in the report.
#[derive(Clone, Copy)]
pub(crate) struct Model<'run> {
    pub run: &'run RunFolder,
    pub label: Label,
}

impl<'run> Model<'run> {
    fn new(run: &'run RunFolder) -> Self {
        let label = match run.assigned_layers() {
            [] => Label {
                class: "plain",
                label: "Plain",
            },
            _ => Label {
                class: "assigned",
                label: "Assigned",
            },
        };
        Self { run, label }
    }
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

impl Page {
    /// Builds the page of one run, or of a plain and an assigned run.
    pub(crate) fn build(
        title: &str,
        plain: &RunFolder,
        assigned: Option<&RunFolder>,
    ) -> Result<Self, ReportError> {
        let comparison = assigned
            .map(|assigned| Comparison::new(plain, assigned))
            .transpose()?;
        let models: Vec<Model<'_>> = [Some(plain), assigned]
            .into_iter()
            .flatten()
            .map(Model::new)
            .collect();
        let data_tables = vec![
            selectivity::unit_table(&models),
            selectivity::curve_table(&models),
            accuracy::image_table(&models),
        ];
        Ok(Self {
            title: title.to_owned(),
            lede: words::lede(&models),
            headline: comparison
                .as_ref()
                .map_or_else(|| words::alone(plain), Comparison::sentence),
            caveats: words::caveats(&models),
            key_numbers: words::key_numbers(&models, comparison.as_ref()),
            models: models.iter().map(|model| model.label).collect(),
            accuracy: accuracy::table(&models),
            accuracy_note: accuracy::note(&models),
            by_depth: accuracy::by_depth_table(&models),
            by_depth_figures: accuracy::by_depth_figures(&models),
            selectivity: selectivity::table(&models),
            selectivity_notes: selectivity::notes(&models),
            selectivity_figure: selectivity::figure(&models),
            layers: selectivity::layers(&models)?,
            training: training::figures(&models),
            examples: pictures::examples(&models)?,
            provenance: provenance::table(&models),
            configs: provenance::configs(&models),
            commands: provenance::commands(&models),
            terms: words::terms(&models),
            version: env!("CARGO_PKG_VERSION"),
            data_tables,
        })
    }

    /// Every table, for CSV.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        [
            &self.accuracy,
            &self.by_depth,
            &self.selectivity,
            &self.provenance,
        ]
        .into_iter()
        .chain(&self.data_tables)
    }
}
