//! Plain against assigned: which runs may be compared, and the numbers that come out.

use mde_metrics::results::Provenance;

use crate::error::{Mismatch, ReportError};
use crate::format::listed;
use crate::run::RunFolder;

/// A quantity of the plain model, of the assigned model, and their difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Change {
    /// The plain model's value.
    pub plain: f64,
    /// The assigned model's value.
    pub assigned: f64,
    /// `assigned - plain`.
    pub difference: f64,
    /// `difference / plain`; `None` where the plain value is zero.
    pub relative: Option<f64>,
}

impl Change {
    fn between(plain: f64, assigned: f64) -> Self {
        let difference = assigned - plain;
        Self {
            plain,
            assigned,
            difference,
            relative: (plain != 0.0).then(|| difference / plain),
        }
    }
}

/// The mean selectivity of one layer in both models (valid-bins estimator).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LayerChange {
    /// Name of the layer.
    pub layer: String,
    /// `None` where either model's score is not defined.
    pub selectivity: Option<Change>,
}

/// The second of two runs less the first, such as an assigned one less a plain one.
///
/// Selectivity is the valid-bins estimator's: the mean over the units of a layer, then over the layers compared.
/// AbsRel is the mean over the test images under the runs' common protocol.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Comparison {
    /// The layers compared: the assigned ones in the order of the configuration, or else all that both runs dissected.
    pub layers: Vec<LayerChange>,
    /// Mean over `layers`; `None` where a layer's score is not defined in either model.
    pub selectivity: Option<Change>,
    /// Mean absolute relative error.
    pub abs_rel: Change,
}

impl Comparison {
    /// Compares two runs.
    ///
    /// # Errors
    /// [`ReportError::NotComparable`] if the first run was assigned and the second was not, and unless both were evaluated and
    /// dissected on the same images of the same data, under the same protocol, with the same bins in every layer compared.
    pub(crate) fn new(plain: &RunFolder, assigned: &RunFolder) -> Result<Self, ReportError> {
        check_comparable(plain, assigned)?;
        let layers: Vec<LayerChange> = compared_layers(plain, assigned)
            .iter()
            .map(|name| {
                let mean =
                    |run: &RunFolder| run.layer(name).and_then(|layer| layer.valid_bins.mean);
                let selectivity = mean(plain)
                    .zip(mean(assigned))
                    .map(|(plain, assigned)| Change::between(plain, assigned));
                LayerChange {
                    layer: name.clone(),
                    selectivity,
                }
            })
            .collect();
        let defined: Option<Vec<Change>> = layers.iter().map(|layer| layer.selectivity).collect();
        let selectivity = defined
            .filter(|changes| !changes.is_empty())
            .map(|changes| {
                let mean = |value: fn(&Change) -> f64| {
                    changes.iter().map(value).sum::<f64>() / changes.len() as f64
                };
                Change::between(mean(|change| change.plain), mean(|change| change.assigned))
            });
        let abs_rel = Change::between(
            plain.evaluation.summary.mean.abs_rel,
            assigned.evaluation.summary.mean.abs_rel,
        );
        Ok(Self {
            layers,
            selectivity,
            abs_rel,
        })
    }
}

fn check_comparable(plain: &RunFolder, assigned: &RunFolder) -> Result<(), ReportError> {
    let runs = Pair { plain, assigned };
    let swap = "name the run without an assignment as the plain one and the run with one as the assigned one";
    let training = |run: &RunFolder| match run.assigned_layers() {
        [] => "without an assignment".to_owned(),
        layers => format!("with an assignment to {}", listed(layers)),
    };
    if !plain.assigned_layers().is_empty() && assigned.assigned_layers().is_empty() {
        return Err(runs.refusal("the training", training(plain), training(assigned), swap));
    }

    let evaluate = "run `mde evaluate` on both with the same data and protocol";
    runs.same(
        "the test data",
        |run| data(&run.evaluation.provenance),
        evaluate,
    )?;
    runs.same(
        "the hash of the test data",
        |run| run.evaluation.provenance.data_hash.clone(),
        evaluate,
    )?;
    runs.same(
        "the evaluation protocol",
        |run| run.evaluation.protocol.name.clone(),
        evaluate,
    )?;
    runs.same(
        "the setting of the evaluation protocol",
        |run| format!("{:?}", run.evaluation.protocol),
        evaluate,
    )?;
    runs.same(
        "the number of test images",
        |run| run.evaluation.per_image.len().to_string(),
        evaluate,
    )?;
    for index in 0..plain.evaluation.per_image.len() {
        let what = format!("test image {index}");
        runs.same(
            &what,
            |run| run.evaluation.per_image[index].id.clone(),
            evaluate,
        )?;
    }

    let dissect = "run `mde dissect` on both with the same data, layers and bins";
    runs.same(
        "the dissection's data",
        |run| data(&run.dissection.provenance),
        dissect,
    )?;
    runs.same(
        "the hash of the dissection's data",
        |run| run.dissection.provenance.data_hash.clone(),
        dissect,
    )?;
    runs.same(
        "the number of dissected images",
        |run| run.dissection.images.to_string(),
        dissect,
    )?;
    for name in &compared_layers(plain, assigned) {
        let what = format!("the dissection of layer {name}");
        let bins = |run: &RunFolder| match run.layer(name) {
            Some(layer) => format!(
                "{} units and the edges {:?}",
                layer.units,
                layer.bins.edges()
            ),
            None => "absent".to_owned(),
        };
        runs.same(&what, bins, dissect)?;
        if assigned.layer(name).is_none() {
            return Err(runs.refusal(&what, bins(plain), bins(assigned), dissect));
        }
    }
    Ok(())
}

/// The layers that either run assigned, or else those that both dissected.
fn compared_layers(plain: &RunFolder, assigned: &RunFolder) -> Vec<String> {
    let named = |run: &RunFolder| run.assigned_layers().to_vec();
    let (first, second) = (named(plain), named(assigned));
    match (first.is_empty(), second.is_empty()) {
        (_, false) => second,
        (false, true) => first,
        (true, true) => {
            let layers = plain.dissection.layers.iter().map(|layer| &layer.layer);
            let common = layers.filter(|name| assigned.layer(name).is_some());
            common.cloned().collect()
        }
    }
}

fn data(provenance: &Provenance) -> String {
    format!("{} {}", provenance.data, provenance.split)
}

struct Pair<'runs> {
    plain: &'runs RunFolder,
    assigned: &'runs RunFolder,
}

impl Pair<'_> {
    fn same(
        &self,
        what: &str,
        value: impl Fn(&RunFolder) -> String,
        advice: &str,
    ) -> Result<(), ReportError> {
        let (plain, assigned) = (value(self.plain), value(self.assigned));
        if plain == assigned {
            Ok(())
        } else {
            Err(self.refusal(what, plain, assigned, advice))
        }
    }

    fn refusal(&self, what: &str, plain: String, assigned: String, advice: &str) -> ReportError {
        ReportError::NotComparable(Box::new(Mismatch {
            what: what.to_owned(),
            plain,
            assigned,
            plain_path: self.plain.path.clone(),
            assigned_path: self.assigned.path.clone(),
            advice: advice.to_owned(),
        }))
    }
}
