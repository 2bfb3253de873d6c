//! The terms at the end of the page.

use mde_metrics::Estimator;

use super::model::Models;
use super::view::Term;

pub(super) fn terms(models: &Models<'_>) -> Vec<Term> {
    let layer = models.layers().next();
    let enough = match layer.map(|(_, layer)| layer.valid_bins.estimator) {
        Some(Estimator::ValidBins { min_pixels }) => format!("fewer than {min_pixels} pixels"),
        _ => "too few pixels".to_owned(),
    };
    let valid_bins = format!(
        "Ignores pixels without a depth or beyond the last edge, and bins with {enough}. All \
         claims of this report use it."
    );
    [
        (
            "Unit, layer",
            "A unit is one channel of a layer’s feature map. Layers have the names that the \
             network gives them.",
        ),
        (
            "Depth bin",
            "A range of true depth. Spacing-increasing bins (SID) are narrow near the camera and \
             wide far away.",
        ),
        (
            "Mean response, tuning curve",
            "The mean response of a unit in a bin is its mean activation over all pixels of all \
             images whose true depth lies in the bin. The feature map is resized to the depth \
             map first. The tuning curve of a unit is its mean response over all bins.",
        ),
        (
            "Preferred bin",
            "The bin in which the absolute mean response of a unit is largest. A dot marks it on \
             the tuning curve.",
        ),
        (
            "Depth selectivity",
            "(|R*| − r) / (|R*| + r), with R* the mean response in the preferred bin and r the \
             mean of |R| over the other bins. 0: the unit responds equally at all depths. 1: it \
             responds in one bin only.",
        ),
        ("Valid-bins estimator", &valid_bins),
        (
            "Reference estimator",
            "Computes selectivity as the paper’s code does, for comparison with published \
             numbers. Depths beyond the last edge count in the first bin, and empty bins count \
             as response 0. Empty bins therefore raise the score.",
        ),
        (
            "Flat floor",
            "The reference estimator’s score of a unit with the same response at all depths. It \
             is above 0 because of empty bins.",
        ),
        (
            "Held-out selectivity",
            "The images are split in two at random. The preferred bin of a unit is chosen on one \
             half, and its selectivity is computed on the other. This removes the bias of \
             choosing and scoring on the same images.",
        ),
        (
            "Chance level, p-value",
            "The depth maps are permuted among the images and the layer is scored again, many \
             times (a permutation null). The chance level is the mean of these scores. The \
             p-value of a unit is the fraction of them that are at least as high as its own \
             score.",
        ),
        (
            "95 % interval",
            "A bootstrap interval over the test images, which are resampled with replacement. It \
             covers the variation between images, not between training runs.",
        ),
        (
            "Assignment",
            "In the assigned model, unit k of N is assigned depth bin floor(k K / N) of K, and \
             the loss rewards its selectivity there. The assigned bin is shaded on the tuning \
             curve. “At the assigned bin” is the selectivity with that bin in place of the \
             preferred one.",
        ),
        (
            "Ablation",
            "A unit is removed: its response is replaced by 0, or by its mean response, at every \
             pixel. The rest of the network runs as before.",
        ),
        (
            "Correction",
            "A unit’s response is replaced, pixel by pixel, by its mean response at the true \
             depth. This uses the ground truth. It shows which units the error comes from, not \
             how accurate the network could be.",
        ),
        (
            "Constant baseline",
            "Predicts the same depth at every pixel. A network that does not beat it has learned \
             nothing from the images.",
        ),
        (
            "AbsRel, SqRel, log10",
            "Means of |p − d| / d, of (p − d)² / d and of |log10 p − log10 d| over the valid \
             pixels of an image, with p the predicted and d the true depth; then the mean over \
             images.",
        ),
        (
            "RMSE, RMSE log",
            "Root of the mean squared error in metres, or of the logarithms of depth. “Mean over \
             images” averages the roots of the images; “pooled” takes one root over the pixels \
             of all images. Papers use both.",
        ),
        (
            "SILog",
            "The scale-invariant error of the logarithms: RMSE log after removing each image’s \
             overall scale.",
        ),
        (
            "δ < t",
            "Fraction of pixels with max(p / d, d / p) < t. Higher is better.",
        ),
    ]
    .into_iter()
    .map(|(term, meaning)| Term {
        term,
        meaning: meaning.to_owned(),
    })
    .collect()
}
