//! Shared by the analyses of dissected layers, `mde ablate` and `mde correct`.

use candle_core::Device;
use mde_metrics::EvalProtocol;
use mde_metrics::statistics::Bootstrap;
use mde_results::{Provenance, Stage};
use serde::Serialize;
use serde_json::{Value, json};

use crate::dissection::Dissected;
use crate::measured::{MeasureArgs, Measured};
use crate::output::{count, result_place};
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
    /// The analysis as a stage; `own` are its inputs in addition to those of all analyses.
    pub(crate) fn stage(&self, name: &'static str, own: impl Serialize) -> anyhow::Result<Stage> {
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
        Ok(Stage::new(self.subject.results.folder(), name, inputs)?)
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
