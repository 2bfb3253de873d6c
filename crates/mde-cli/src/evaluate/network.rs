//! Predictions of a network.

use anyhow::Context;
use candle_core::Device;
use mde_analysis::predict_each;
use mde_datasets::{DatasetError, ExampleBatch, sample_rng};
use mde_metrics::EvalProtocol;
use mde_results::Provenance;

use super::predictions::{Predictions, Visit, mean_of_list, remark_on_range};
use crate::measured::{MeasureArgs, Measured, remark_on_crop};
use crate::stage::Results;
use crate::subject::{Subject, SubjectArgs};

/// The network and its input images.
pub(super) struct NetworkPredictions {
    subject: Subject,
    measured: Measured,
    flip_average: bool,
    device: Device,
}

impl NetworkPredictions {
    pub(super) fn open(
        subject: &SubjectArgs,
        measure: &MeasureArgs,
        flip_average: bool,
        device: &Device,
    ) -> anyhow::Result<Self> {
        let subject = subject.load(device)?;
        Ok(Self {
            measured: measure.open(&subject)?,
            subject,
            flip_average,
            device: device.clone(),
        })
    }

    fn predict(
        &self,
        batches: impl Iterator<Item = Result<ExampleBatch, DatasetError>>,
        visit: &mut Visit<'_>,
    ) -> anyhow::Result<()> {
        let network = self.subject.network.as_ref();
        predict_each(network, batches, &self.device, self.flip_average, visit)
    }
}

impl Predictions for NetworkPredictions {
    fn ids(&self) -> Vec<String> {
        let list = &self.measured.list;
        (0..list.len())
            .map(|index| list.id(index).to_owned())
            .collect()
    }

    fn each(&self, visit: &mut Visit<'_>) -> anyhow::Result<()> {
        self.predict(self.measured.loader.epoch(1, 0), visit)
    }

    fn one(&self, index: usize, visit: &mut Visit<'_>) -> anyhow::Result<()> {
        let sample = self.measured.list.load(index)?;
        let transform = self.measured.preprocessing.evaluation();
        // Evaluation uses no random numbers.
        let example = transform.apply(sample, &mut sample_rng(0, 1, index))?;
        self.predict([ExampleBatch::collate(vec![example])].into_iter(), visit)
    }

    fn remark_on_all_protocols(&self) {
        remark_on_crop(self.measured.preprocessing, "every protocol");
    }

    fn protocol(&self) -> anyhow::Result<EvalProtocol> {
        Ok(self.measured.protocol.clone())
    }

    fn provenance(&self) -> anyhow::Result<Provenance> {
        Ok(self.measured.provenance.clone())
    }

    fn preparation(&self) -> anyhow::Result<serde_json::Value> {
        serde_json::to_value(self.measured.preprocessing).context("cannot serialise")
    }

    fn training_mean(&self) -> Option<f64> {
        let config = self.subject.config.as_ref()?;
        Some(config.data.mean_depth)
    }

    fn remark_on_range(&self, protocol: &EvalProtocol) {
        remark_on_range(&self.measured.list, protocol);
    }

    fn test_mean(&self, protocol: &EvalProtocol) -> anyhow::Result<Option<f64>> {
        mean_of_list(&self.measured.list, protocol)
    }

    fn results(&self) -> &Results {
        &self.subject.results
    }

    fn load_report(&self) -> serde_json::Value {
        self.subject.load_report()
    }
}
