//! The folder of results of stored activations: any number of layers of one network and one set of
//! images.

use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use mde_metrics::DepthBins;
use mde_results::{
    DepthHash, Dissection, Evaluation, LayerDissection, Provenance, RunFolder, Stage,
    StoredFeatures, names, to_json,
};

use super::file::{FeatureFile, GroundTruth};
use crate::output::shell_word;
use crate::stage::Results;

/// Where the activations of a layer come from.
pub(crate) struct Stored {
    pub(super) files: Arc<Vec<FeatureFile>>,
    /// Whether the user gave the layer its name.
    pub(super) is_layer_named: bool,
    pub(super) source: StoredFeatures,
}

impl Stored {
    /// The layer's result of an earlier call, if it is up to date.
    pub(crate) fn up_to_date(results: &Results, stage: &Stage, layer: &str) -> Option<Dissection> {
        let mut found: Dissection = results.read(names::DISSECTION).ok()?;
        found.layers.retain(|known| known.layer == layer);
        let entry = found.layers.first()?;
        stage.is_entry_up_to_date(entry).then_some(found)
    }

    /// Checks that the layer belongs into the folder, and returns the folder's dissection and the
    /// hash of the ground truth.
    ///
    /// # Errors
    /// If the folder holds results of another network or of other ground truth, or there is no
    /// depth in the bins.
    pub(crate) fn join(
        &self,
        results: &Results,
        own: &Provenance,
        layer: &str,
        bins: &DepthBins,
    ) -> anyhow::Result<(Option<Dissection>, String)> {
        let mut kept = None;
        if let Some(folder) = results.folder() {
            check_run(folder)?;
            if folder.file(names::EVALUATION).exists() {
                let (found, _): (Evaluation, _) =
                    folder.document(names::EVALUATION, "mde evaluate --pred PATH --gt PATH")?;
                check_network(folder, names::EVALUATION, &found.provenance, own)?;
            }
            kept = read(folder)?;
        }
        if let (Some(found), Some(folder)) = (&kept, results.folder()) {
            check_network(folder, names::DISSECTION, &found.provenance, own)?;
            self.check_layer(folder, found, layer)?;
        }
        let ground_truth = GroundTruth::read(&self.files, bins)?;
        let hash = DepthHash::of_all(ground_truth.maps.iter().copied());
        if let (Some(found), Some(folder)) = (&kept, results.folder())
            && let Some(other) = found.layers.iter().find(|known| known.layer != layer)
            && found.provenance.data_hash != hash
        {
            let place = folder.file(names::DISSECTION);
            bail!(
                "{}: layer {} is of other ground truth: {}. Write all layers with the same depth \
                 maps in the same order, or choose another --out",
                place.display(),
                other.layer,
                difference(folder, found, other, &ground_truth)
            );
        }
        Ok((kept, hash))
    }

    /// A layer that the user did not name must not replace one of other files.
    fn check_layer(
        &self,
        folder: &RunFolder,
        found: &Dissection,
        layer: &str,
    ) -> anyhow::Result<()> {
        let known = found.layers.iter().find(|known| known.layer == layer);
        let known = known.and_then(|known| known.features.as_ref());
        ensure!(
            self.is_layer_named || known.is_none_or(|known| known.hash == self.source.hash),
            "{}: layer {layer} is of other files. Name this layer with --layer NAME, or replace the \
             other with --layer {}",
            folder.file(names::DISSECTION).display(),
            shell_word(layer)
        );
        Ok(())
    }

    /// Writes the layer beside the folder's other layers.
    pub(crate) fn finish(
        &self,
        stage: &Stage,
        kept: Option<Dissection>,
        found: &mut Dissection,
        files: &[(String, Vec<u8>)],
    ) -> anyhow::Result<()> {
        for layer in &mut found.layers {
            layer.features = Some(self.source.clone());
        }
        let entry = found.layers.first().context("no layer was dissected")?;
        let mut whole = found.clone();
        whole.layers = kept.map_or(Vec::new(), |kept| kept.layers);
        let mut known = whole.layers.iter_mut();
        match known.find(|known| known.layer == entry.layer) {
            Some(known) => *known = entry.clone(),
            None => whole.layers.push(entry.clone()),
        }
        whole.provenance.checkpoint = checkpoint(&whole.layers);
        stage.finish_entry(
            files,
            (names::DISSECTION.to_owned(), to_json(&whole)?),
            entry,
        )?;
        Ok(())
    }
}

/// The hash of all layers' files. That of a single layer is the hash of its files.
fn checkpoint(layers: &[LayerDissection]) -> String {
    let hashes = layers.iter().filter_map(|layer| layer.features.as_ref());
    let hashes: Vec<&str> = hashes.map(|source| source.hash.as_str()).collect();
    let hash = match hashes[..] {
        [only] => only.to_owned(),
        _ => blake3::hash(hashes.concat().as_bytes()).to_string(),
    };
    Provenance::STORED.to_owned() + &hash
}

fn check_run(folder: &RunFolder) -> anyhow::Result<()> {
    ensure!(
        !folder.has_config(),
        "{}: this is the folder of a run; choose another --out",
        folder.path().display()
    );
    Ok(())
}

/// Checks that a network's results do not replace those of stored features.
///
/// # Errors
/// If the folder holds layers that another program stored.
pub(crate) fn check_no_features(folder: &RunFolder) -> anyhow::Result<()> {
    let found = folder.document::<Dissection>(names::DISSECTION, "the same command");
    match found {
        Ok((found, _)) if found.provenance.is_stored() => bail!(
            "{}: these layers are of files of another program; choose another --out",
            folder.file(names::DISSECTION).display()
        ),
        _ => Ok(()),
    }
}

/// The layers that the folder holds.
fn read(folder: &RunFolder) -> anyhow::Result<Option<Dissection>> {
    let path = folder.file(names::DISSECTION);
    if !path.exists() {
        return Ok(None);
    }
    let advice = "mde dissect --features FILE --layer NAME";
    let found = folder.document(names::DISSECTION, advice).with_context(|| {
        format!(
            "{}: the layer would be added to this file. Remove it and dissect its layers again, or \
             choose another --out",
            path.display()
        )
    });
    found.map(|(document, _)| Some(document))
}

/// Results of one network are kept in one folder, under one name.
fn check_network(
    folder: &RunFolder,
    file: &str,
    found: &Provenance,
    own: &Provenance,
) -> anyhow::Result<()> {
    let path = folder.file(file);
    ensure!(
        found.is_stored(),
        "{}: these results are of the weights of a {}, not of files of another program; choose \
         another --out",
        path.display(),
        found.model
    );
    ensure!(
        found.model == own.model,
        "{}: these results are of a network named {}, the features of one named {}. If they are of \
         one network, give --name {}; otherwise choose another --out",
        path.display(),
        found.model,
        own.model,
        shell_word(&found.model)
    );
    Ok(())
}

/// How the ground truth of a layer differs.
fn difference(
    folder: &RunFolder,
    found: &Dissection,
    layer: &LayerDissection,
    own: &GroundTruth,
) -> String {
    if found.images != own.maps.len() {
        return format!("{} images there, {} here", found.images, own.maps.len());
    }
    let tallies = folder.tallies(layer, "the same command");
    let there = tallies.iter().flat_map(|(found, _)| found.ground_truth());
    match there.zip(&own.maps).position(|(there, own)| there != own) {
        Some(image) => format!("the depth maps of image {image} differ"),
        None => "the depth maps differ".to_owned(),
    }
}
