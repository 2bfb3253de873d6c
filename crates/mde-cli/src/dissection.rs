//! The dissection that an analysis starts from, as written by `mde dissect`.

use mde_results::{Dissection, LayerDissection, LayerTallies, RunFolder, names};

use crate::data::DataArgs;
use crate::output::shell_word;
use crate::subject::{Subject, SubjectArgs};

/// A dissection of the network.
pub(crate) struct Dissected {
    /// The chosen layers.
    pub(crate) layers: Vec<LayerDissection>,
    /// All dissected layers.
    pub(crate) all: Vec<LayerDissection>,
    /// blake3 of `dissect.json`.
    pub(crate) hash: String,
    folder: RunFolder,
    /// The command that writes the dissection.
    command: String,
}

impl Dissected {
    /// Reads the dissection of the chosen layers, or of all dissected layers.
    pub(crate) fn read(
        subject: &Subject,
        args: &SubjectArgs,
        data: &DataArgs,
        layers: Option<&[String]>,
    ) -> anyhow::Result<Self> {
        let data = shell_word(&data.data.to_string());
        let mut command = format!("mde dissect {} --data {data}", args.options());
        let Some(folder) = subject.results.folder().cloned() else {
            anyhow::bail!(
                "this analysis starts from a dissection: run `{command} --out DIR`, then give the same --out DIR here"
            );
        };
        let path = folder.file(names::DISSECTION);
        let (dissection, hash): (Dissection, _) = folder.document(names::DISSECTION, &command)?;
        anyhow::ensure!(
            subject.is_about(&dissection.provenance),
            "{} is about other weights, those of blake3 {}; run `{command}` first",
            path.display(),
            dissection.provenance.checkpoint
        );
        let known: Vec<&str> = (dissection.layers.iter())
            .map(|layer| layer.layer.as_str())
            .collect();
        let wanted = layers.map_or(known.clone(), |names| {
            names.iter().map(String::as_str).collect()
        });
        let mut chosen: Vec<LayerDissection> = Vec::with_capacity(wanted.len());
        for name in wanted {
            anyhow::ensure!(
                chosen.iter().all(|layer| layer.layer != name),
                "layer {name:?} is named twice"
            );
            // A layer that does not exist is a different mistake from one that was not dissected.
            subject.network.layer(name)?;
            let layer = dissection.layers.iter().find(|layer| layer.layer == name);
            let Some(layer) = layer else {
                command += &format!(" --layers {},{name}", known.join(","));
                anyhow::bail!(
                    "{} holds the layers {}, not {name}: run `{command}` first",
                    path.display(),
                    known.join(", ")
                );
            };
            chosen.push(layer.clone());
        }
        Ok(Self {
            layers: chosen,
            all: dissection.layers,
            hash,
            folder,
            command,
        })
    }

    /// The per-image tallies of a layer, and the hash of their file.
    pub(crate) fn tallies(
        &self,
        layer: &LayerDissection,
    ) -> anyhow::Result<(LayerTallies, String)> {
        Ok(self.folder.tallies(layer, &self.command)?)
    }
}
