//! The content of the page, as the templates take it.

use serde::Serialize;

use super::browser_data::BrowserData;
use super::missing::Missing;
use super::model::Label;
use crate::table::Table;

/// Everything the templates need.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    pub title: String,
    /// What was run on what.
    pub lede: String,
    /// The main results, a sentence or two each.
    pub answers: Vec<Answer>,
    /// Signs that the numbers are wrong, such as a prediction in another unit.
    pub warnings: Vec<String>,
    /// Limits of the numbers.
    pub caveats: Vec<String>,
    pub key_numbers: Vec<KeyNumber>,
    /// Parts that are not on the page, and the commands that add them.
    pub missing: Vec<Missing>,
    pub models: Vec<Label>,
    pub accuracy: Table,
    pub accuracy_note: String,
    pub by_depth: Table,
    pub by_depth_figures: Vec<Figure>,
    /// `None` without a dissection.
    pub selectivity: Option<SelectivitySection>,
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
    /// The data of the unit browser's script.
    #[serde(skip)]
    pub browser: BrowserData,
}

impl Page {
    /// All tables.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        let selectivity = self.selectivity.iter();
        let correction = self.correction.iter();
        [&self.accuracy, &self.by_depth]
            .into_iter()
            .chain(selectivity.clone().map(|section| &section.table))
            .chain(selectivity.filter_map(|section| Some(&section.bins.as_ref()?.table)))
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

/// One of the main results.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    pub topic: &'static str,
    pub text: String,
}

/// A number of the first screen, with a value per model.
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
    /// Empty without an interval.
    pub interval: String,
}

/// A chart with its caption.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub title: String,
    pub caption: String,
    pub svg: String,
    /// Class and name of each curve.
    pub legend: Vec<(String, String)>,
}

impl Figure {
    /// A figure without a legend.
    pub(super) fn new(title: impl Into<String>, caption: impl Into<String>, svg: String) -> Self {
        Self {
            title: title.into(),
            caption: caption.into(),
            svg,
            legend: Vec::new(),
        }
    }
}

/// Depth selectivity of all layers.
#[derive(Debug, Serialize)]
pub(crate) struct SelectivitySection {
    pub table: Table,
    pub notes: Vec<String>,
    pub figure: Figure,
    pub bins: Option<BinSection>,
}

/// Selectivity under other numbers and spacings of bins.
#[derive(Debug, Serialize)]
pub(crate) struct BinSection {
    pub figures: Vec<Figure>,
    pub table: Table,
}

/// The tuning curves of one layer.
#[derive(Debug, Serialize)]
pub(crate) struct LayerSection {
    pub layer: String,
    pub remark: String,
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
    /// Address of the unit's view in the browser.
    pub href: String,
    pub score: String,
    pub svg: String,
}

/// Each unit in both models.
#[derive(Debug, Serialize)]
pub(crate) struct Pairs {
    pub notes: Vec<String>,
    pub figures: Vec<Figure>,
    pub table: Table,
}

/// Effects of removing units.
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

/// A chart of the ablation. The page shows one per layer and model at a time.
#[derive(Debug, Serialize)]
pub(crate) struct AblationChart {
    pub layer: String,
    pub class: &'static str,
    pub label: String,
    pub fill: String,
    pub range: String,
    /// Whether the chart is shown before anything is selected.
    pub first: bool,
    pub figure: Figure,
}

/// Effects of correcting units.
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
    /// Colour and name of each unit in the map of units.
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

impl Picture {
    pub(super) fn new(caption: impl Into<String>, alt: String, uri: String) -> Self {
        let caption = caption.into();
        Self { caption, alt, uri }
    }
}

/// The text of a configuration file.
#[derive(Debug, Serialize)]
pub(crate) struct Config {
    pub label: String,
    pub json: String,
}

/// A term and its definition.
#[derive(Debug, Serialize)]
pub(crate) struct Term {
    pub term: &'static str,
    pub meaning: String,
}
