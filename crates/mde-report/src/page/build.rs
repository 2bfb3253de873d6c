//! Builds the page of one run, or of two.

use mde_results::{RunComparison, RunResults};

use super::model::Models;
use super::view::Page;
use super::{
    ablation, accuracy, answer, browser, browser_data, correction, missing, pairs, pictures,
    provenance, selectivity, terms, training, words,
};
use crate::error::ReportError;

impl Page {
    /// The page of `first`, or of both runs and their comparison.
    pub(crate) fn build(
        title: &str,
        first: &RunResults,
        second: Option<(&RunResults, &RunComparison)>,
    ) -> Result<Self, ReportError> {
        let (second, comparison) = second.unzip();
        let models = &Models::new(first, second);
        let mut data_tables = vec![accuracy::image_table(models)];
        data_tables.extend(selectivity::data_tables(models));
        data_tables.extend(ablation::data_table(models));
        data_tables.extend(correction::data_table(models));
        Ok(Self {
            title: title.to_owned(),
            lede: words::lede(models),
            answers: answer::answers(models, comparison),
            warnings: words::warnings(models),
            caveats: words::caveats(models),
            key_numbers: words::key_numbers(models, comparison),
            missing: models
                .iter()
                .flat_map(|model| missing::missing(model, model.run.layers()))
                .collect(),
            accuracy: accuracy::table(models, comparison),
            accuracy_note: accuracy::note(models),
            by_depth: accuracy::by_depth_table(models),
            by_depth_figures: accuracy::by_depth_figures(models),
            selectivity: selectivity::section(models),
            layers: browser::layers(models)?,
            pairs: pairs::section(models, comparison),
            ablation: ablation::section(models),
            correction: correction::section(models)?,
            training: training::figures(models),
            examples: pictures::examples(models)?,
            provenance: provenance::table(models),
            configs: provenance::configs(models),
            commands: provenance::commands(models),
            terms: terms::terms(models),
            version: env!("CARGO_PKG_VERSION"),
            data_tables,
            browser: browser_data::data(models)?,
            models: models.iter().map(|model| model.label.clone()).collect(),
        })
    }
}
