//! Shared by the analyses of dissected layers, `mde ablate` and `mde correct`.

use candle_core::Device;
use mde_metrics::EvalProtocol;
use mde_metrics::statistics::Bootstrap;
use mde_results::{LayerDissection, Provenance, Stage};
use serde::Serialize;
use serde_json::{Value, json};

use crate::dissection::Dissected;
use crate::measured::{MeasureArgs, Measured};
use crate::output::{count, result_place};
use crate::progress::remark;
use crate::subject::{Subject, SubjectArgs};

/// The network, the images and the layers.
#[derive(Debug, clap::Args)]
pub(crate) struct AnalysisArgs {
    #[command(flatten)]
    subject: SubjectArgs,
    #[command(flatten)]
    measure: MeasureArgs,
    /// Layers, out of those dissected [default: all of them].
    #[arg(long, value_name = "LAYER", value_delimiter = ',')]
    layers: Option<Vec<String>>,
}

/// What an analysis starts from.
pub(crate) struct Analysis {
    pub(crate) subject: Subject,
    pub(crate) dissected: Dissected,
    pub(crate) measured: Measured,
    pub(crate) bootstrap: Bootstrap,
}

impl AnalysisArgs {
    /// Loads the network and its dissection, and opens the test images.
    pub(crate) fn open(&self, device: &Device) -> anyhow::Result<Analysis> {
        let subject = self.subject.load(device)?;
        let layers = self.layers.as_deref();
        let data = &self.measure.data;
        Ok(Analysis {
            dissected: Dissected::read(&subject, &self.subject, data, layers)?,
            measured: self.measure.open(&subject)?,
            subject,
            bootstrap: Bootstrap::default(),
        })
    }
}

impl Analysis {
    /// The analysis of one layer as a stage, `COMMAND/LAYER`; `own` are its inputs in addition to
    /// those of all analyses.
    fn stage(&self, command: &str, layer: &str, own: impl Serialize) -> anyhow::Result<Stage> {
        let Measured {
            preprocessing,
            protocol,
            provenance,
            ..
        } = &self.measured;
        let inputs = json!({
            "provenance": provenance, "preprocessing": preprocessing, "protocol": protocol,
            "dissection": self.dissected.hash, "bootstrap": self.bootstrap,
            "own": serde_json::to_value(own)?,
        });
        let name = format!("{command}/{layer}");
        Ok(Stage::new(self.subject.results.folder(), &name, inputs)?)
    }

    /// What an earlier call left in the folder's document, whose layers are `found`, and the layers
    /// that are still to be measured. `own` gives the inputs of a layer in addition to those of all
    /// analyses; `name` that of a layer in the document.
    pub(crate) fn sort_layers<L: Serialize>(
        &self,
        command: &str,
        file: &str,
        found: Vec<L>,
        name: impl Fn(&L) -> &str,
        own: impl Fn(&LayerDissection) -> anyhow::Result<Value>,
    ) -> anyhow::Result<LayerStages<L>> {
        let mut sorted = LayerStages {
            kept: Vec::with_capacity(found.len()),
            missing: Vec::new(),
        };
        let mut replaced = Vec::new();
        for entry in found {
            let layer = self
                .dissected
                .all
                .iter()
                .find(|layer| layer.layer == name(&entry));
            // Where the inputs of an earlier result cannot be read, it is not known to be current.
            let stage = layer.and_then(|layer| {
                let own = own(layer).ok()?;
                self.stage(command, &layer.layer, own).ok()
            });
            match stage {
                Some(stage) if stage.is_entry_up_to_date(&entry) => sorted.kept.push(entry),
                _ => replaced.push(name(&entry).to_owned()),
            }
        }
        let chosen = self.dissected.layers.iter();
        replaced.retain(|gone| chosen.clone().all(|layer| layer.layer != *gone));
        let has =
            |layer: &LayerDissection| sorted.kept.iter().any(|kept| name(kept) == layer.layer);
        for layer in chosen.filter(|layer| !has(layer)) {
            let stage = self.stage(command, &layer.layer, own(layer)?)?;
            sorted.missing.push((layer.clone(), stage));
        }
        if !sorted.missing.is_empty() && !replaced.is_empty() {
            remark(&format!(
                "{file} held results of {} from other inputs; they are left out now",
                replaced.join(", ")
            ));
        }
        Ok(sorted)
    }

    /// The layers of a document in the order of the dissection.
    pub(crate) fn in_order<L>(&self, mut layers: Vec<L>, name: impl Fn(&L) -> &str) -> Vec<L> {
        let known = &self.dissected.all;
        layers.sort_by_key(|layer| known.iter().position(|known| known.layer == name(layer)));
        layers
    }

    /// Whether the user asked for the layer.
    pub(crate) fn is_chosen(&self, layer: &str) -> bool {
        self.dissected
            .layers
            .iter()
            .any(|chosen| chosen.layer == layer)
    }

    /// The document of an analysis; `layers` are the layers' results.
    pub(crate) fn document(
        &self,
        file: &str,
        up_to_date: bool,
        found: &Found<'_>,
        layers: Vec<Value>,
    ) -> Value {
        json!({
            "file": self.subject.results.kept(file), "up_to_date": up_to_date,
            "load_report": self.subject.load_report(), "provenance": found.provenance,
            "protocol": found.protocol, "images": found.images,
            "images_without_valid_depth": found.without_depth, "layers": layers,
        })
    }
}

/// The layers of an analysis: those whose results are up to date, and those to be measured.
pub(crate) struct LayerStages<L> {
    /// Results that are up to date, of chosen layers and of others.
    pub(crate) kept: Vec<L>,
    /// The chosen layers without such results, and their stages.
    pub(crate) missing: Vec<(LayerDissection, Stage)>,
}

/// What the results of all analyses have in common.
pub(crate) struct Found<'a> {
    pub(crate) provenance: &'a Provenance,
    pub(crate) protocol: &'a EvalProtocol,
    pub(crate) images: usize,
    /// Ids of the images without valid depth.
    pub(crate) without_depth: &'a [String],
}

impl Found<'_> {
    /// `run/ablate.json: 654 images (nyu-mff)`
    pub(crate) fn describe(&self, analysis: &Analysis, file: &str, up_to_date: bool) -> String {
        let place = result_place(analysis.subject.results.place(file), up_to_date);
        let images = count(self.images, "image");
        let mut words = format!("{place}: {images} ({})", self.protocol.name);
        if !self.without_depth.is_empty() {
            words += &format!(
                ", {} without valid depth left out",
                self.without_depth.len()
            );
        }
        words
    }
}
