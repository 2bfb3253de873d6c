//! What was measured of an exported network: the documents of its run folder.

use anyhow::ensure;
use mde_results::{Ablation, Correction, Dissection, Evaluation, Provenance, RunFolder, names};
use serde::de::DeserializeOwned;

use crate::output::shell_word;

/// The documents of a run folder, all about the exported weights.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) evaluation: Option<Evaluation>,
    pub(super) dissection: Option<Dissection>,
    pub(super) ablation: Option<Ablation>,
    pub(super) correction: Option<Correction>,
}

impl Measured {
    /// Reads the documents that exist.
    ///
    /// # Errors
    /// If one is damaged, of other weights, or computed from another dissection.
    pub(super) fn read(folder: &RunFolder, checkpoint: &str) -> anyhow::Result<Self> {
        let source = Source { folder, checkpoint };
        let (evaluation, _) = source.document(names::EVALUATION, "evaluate", |document| {
            let Evaluation { provenance, .. } = document;
            provenance
        })?;
        let (dissection, current) =
            source.document(names::DISSECTION, "dissect", |document: &Dissection| {
                &document.provenance
            })?;
        let (ablation, _) = source.document(names::ABLATION, "ablate", |document: &Ablation| {
            &document.provenance
        })?;
        let (correction, _) =
            source.document(names::CORRECTION, "correct", |document: &Correction| {
                &document.provenance
            })?;
        let from = [
            (
                "ablate",
                names::ABLATION,
                ablation.as_ref().map(|found| &found.dissection),
            ),
            (
                "correct",
                names::CORRECTION,
                correction.as_ref().map(|found| &found.dissection),
            ),
        ];
        for (command, name, dissection) in from {
            ensure!(
                dissection.is_none() || dissection == current.as_ref(),
                "{} was computed from another {}; run `{}` again, or delete the file",
                folder.file(name).display(),
                names::DISSECTION,
                source.command(command)
            );
        }
        Ok(Self {
            evaluation,
            dissection,
            ablation,
            correction,
        })
    }

    /// The documents, each with its file's name and what it holds.
    fn parts(&self) -> [(bool, &'static str, &'static str); 4] {
        [
            (self.evaluation.is_some(), names::EVALUATION, "depth errors"),
            (
                self.dissection.is_some(),
                names::DISSECTION,
                "depth selectivity",
            ),
            (
                self.ablation.is_some(),
                names::ABLATION,
                "errors with units removed",
            ),
            (
                self.correction.is_some(),
                names::CORRECTION,
                "errors with responses corrected",
            ),
        ]
    }

    /// Names of the files that were read.
    pub(super) fn files(&self) -> Vec<&'static str> {
        let parts = self.parts().into_iter();
        parts.filter(|part| part.0).map(|part| part.1).collect()
    }

    /// What was not measured.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        let parts = self.parts().into_iter();
        parts.filter(|part| !part.0).map(|part| part.2).collect()
    }
}

struct Source<'a> {
    folder: &'a RunFolder,
    checkpoint: &'a str,
}

impl Source<'_> {
    /// A document and its file's hash; neither if the stage was not run.
    fn document<T: DeserializeOwned>(
        &self,
        name: &str,
        command: &str,
        provenance: impl Fn(&T) -> &Provenance,
    ) -> anyhow::Result<(Option<T>, Option<String>)> {
        let path = self.folder.file(name);
        if !path.exists() {
            return Ok((None, None));
        }
        let command = self.command(command);
        let (document, hash): (T, _) = self.folder.document(name, &command)?;
        let measured = &provenance(&document).checkpoint;
        ensure!(
            measured == self.checkpoint,
            "{} is about an earlier checkpoint (BLAKE3 {measured}), not the newest ({}); run \
             `{command}` again, or delete the file to export without its numbers",
            path.display(),
            self.checkpoint
        );
        Ok((Some(document), Some(hash)))
    }

    /// DATA stands for what the folder does not record.
    fn command(&self, stage: &str) -> String {
        let run = shell_word(&self.folder.path().display().to_string());
        format!("mde {stage} --run {run} --data DATA")
    }
}
