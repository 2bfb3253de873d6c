//! The terms at the end of the page.

use mde_metrics::Estimator;

use super::{Model, Term};

pub(super) fn terms(models: &[Model<'_>]) -> Vec<Term> {
    let layer = models
        .iter()
        .find_map(|model| model.run.dissection.layers.first());
    let min_pixels = layer.and_then(|layer| match layer.valid_bins.estimator {
        Estimator::ValidBins { min_pixels } => Some(min_pixels),
        _ => None,
    });
    let enough = min_pixels.map_or("enough".to_owned(), |pixels| format!("at least {pixels}"));
    [
        ("Unit, layer", "A unit is one channel of a layer’s feature map. Layers bear the names the network gives them."),
        (
            "Depth bin",
            "A range of true depth. Spacing-increasing bins (SID) are narrow near the camera and wide far from it, as depth errors are.",
        ),
        (
            "Mean response, tuning curve",
            "The mean of a unit’s activation over all pixels of all images whose true depth lies in a bin, the feature map \
             resized to the depth map. Drawn over all bins it is the unit’s tuning curve.",
        ),
        (
            "Preferred bin",
            "The bin where the size of a unit’s mean response is largest. A dot marks it on the tuning curve.",
        ),
        (
            "Depth selectivity",
            "(|R*| − r) / (|R*| + r) with R* the mean response at the preferred bin and r the mean of |R| over the other bins: \
             0 for a unit that answers to all depths alike, 1 for a unit that answers to one bin only.",
        ),
        (
            "Valid-bins estimator",
            &format!(
                "Leaves out pixels without a depth or beyond the last edge, and bins that hold fewer pixels than needed \
                 ({enough}). Every claim of this report rests on it."
            ),
        ),
        (
            "Reference estimator",
            "Computes selectivity as the paper’s code does, for comparison with published numbers: depths beyond the last edge \
             count in the first bin and empty bins as response 0, so that empty bins alone raise the score.",
        ),
        (
            "Held-out selectivity",
            "The images are split in two at random; a unit’s preferred bin is chosen on one half and scored on the other. It lacks \
             the optimism of choosing and scoring on the same images.",
        ),
        (
            "Permutation null, p-value",
            "Every image’s depth map is given to another image and the layer is scored again, many times: how selective a unit \
             looks by chance and by what all images share. p is the share of such scores that reach the unit’s own.",
        ),
        (
            "95 % interval",
            "Bootstrap over the test images: they are drawn again with replacement, and 95 % of the resamples lie inside. It says \
             how much other images would change, not what another training would.",
        ),
        (
            "Ablation",
            "A unit is removed by putting 0, or its mean response, in the place of its response everywhere; the rest of the \
             network runs on.",
        ),
        (
            "Correction",
            "A unit’s response is replaced, pixel by pixel, by its mean response at the true depth. It uses ground truth: it \
             tells which units an error lies in, not how accurate the network could be.",
        ),
        (
            "Assigned range",
            "In the assigned model, unit k of N owns depth bin floor(k K / N) of K, and the loss rewards selectivity there. \
             Shaded on the tuning curve; “at the assigned bin” scores each unit at the bin it owns.",
        ),
        (
            "AbsRel, SqRel, log10",
            "Means of |p − d| / d, of (p − d)² / d and of |log10 p − log10 d| over the valid pixels of an image, p predicted and d \
             true depth; then the mean over images.",
        ),
        (
            "RMSE",
            "Root of the mean squared error in metres (RMSE log: of the logarithms). The mean over images averages the images’ \
             roots; pooled takes one root over the pixels of all images. Papers use both, so both are here.",
        ),
        ("SILog", "The scale-invariant error of the logarithms: what is left of RMSE log when an image’s overall scale is forgiven."),
        ("δ < t", "Share of the pixels with max(p / d, d / p) < t. Higher is better."),
    ]
    .into_iter()
    .map(|(term, meaning)| Term { term, meaning: meaning.to_owned() })
    .collect()
}
