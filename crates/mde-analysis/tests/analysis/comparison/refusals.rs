//! Layers and runs that cannot be compared.

use mde_metrics::{Alignment, DepthBins, EvalProtocol};
use mde_results::Provenance;

use super::{Run, compared, images, run, run_of};

#[test]
fn layers_of_one_run_or_of_other_bins_are_left_out() {
    let (first, mut second) = (run(0), run(2));
    second.dissection.layers.remove(0);
    let comparison = compared(&first, &second).unwrap();
    let names: Vec<_> = comparison.layers.iter().map(|layer| &layer.layer).collect();
    assert_eq!(names, ["M"]);
    assert_eq!(comparison.layers_left_out, ["L"]);
    let comparison = compared(&second, &first).unwrap();
    assert_eq!(comparison.layers_left_out, ["L"]);
    assert_eq!(
        comparison.selectivity, comparison.layers[0].selectivity,
        "the mean over one layer"
    );

    second.dissection.layers[0].bins = DepthBins::uniform(0.0, 10.0, 5).unwrap();
    let message = compared(&first, &second).unwrap_err();
    for part in [
        "no layer is in both with the same units and bins",
        "L (4 units, 5 custom bins, 0 to 7 m), M (1 unit, 5 custom bins, 0 to 7 m) in plain",
        "M (1 unit, 5 uniform bins, 0 to 10 m) in assigned",
        "`mde dissect` on both",
    ] {
        assert!(message.contains(part), "no `{part}` in `{message}`");
    }
}

#[test]
fn runs_that_differ_in_what_they_were_measured_on_are_refused() {
    type Change = fn(&mut Run);
    let evaluate = "run `mde evaluate` on both with the same data and protocol";
    let dissect = "run `mde dissect` on both with the same data, layers and bins";
    let cases: [(Change, &str, &str); 9] = [
        (
            |run| both(run, |provenance| provenance.data_hash = "0a".into()),
            "the hash of the test data is ff in plain but 0a in assigned",
            evaluate,
        ),
        (
            |run| both(run, |provenance| provenance.data = "rooms".into()),
            "the test data is hand test in plain but rooms test in assigned",
            evaluate,
        ),
        (
            |run| run.evaluation.protocol = EvalProtocol::preset("nyu-eigen").unwrap(),
            "the evaluation protocol is nyu-full in plain but nyu-eigen in assigned",
            evaluate,
        ),
        (
            |run| run.evaluation.protocol.alignment = Alignment::Median,
            "the evaluation protocol's alignment is none in plain but median in assigned",
            evaluate,
        ),
        (
            |run| run.evaluation.per_image.truncate(7),
            "the number of test images is 9 in plain but 7 in assigned",
            evaluate,
        ),
        (
            |run| run.evaluation.per_image.swap(1, 2),
            "test image 1 is room/1 in plain but room/2 in assigned",
            evaluate,
        ),
        (
            |run| run.dissection.images = 7,
            "the number of dissected images is 9 in plain but 7 in assigned",
            dissect,
        ),
        (
            |run| run.dissection.provenance.checkpoint = "77".into(),
            "assigned: evaluate.json and dissect.json are of different weights (00 and 77)",
            "and `mde dissect --model",
        ),
        (
            |run| run.dissection.provenance.data_hash = "77".into(),
            "assigned: evaluate.json and dissect.json are of different data (ff and 77)",
            "and `mde dissect --model",
        ),
    ];
    for (change, what, advice) in cases {
        let mut second = run(2);
        change(&mut second);
        let message = compared(&run(0), &second).unwrap_err();
        for part in [what, advice] {
            assert!(message.contains(part), "no `{part}` in `{message}`");
        }
    }
}

fn both(run: &mut Run, change: fn(&mut Provenance)) {
    change(&mut run.evaluation.provenance);
    change(&mut run.dissection.provenance);
}

#[test]
fn tallies_of_another_dissection_are_refused() {
    let (first, second) = (run(0), run(2));
    let mut images = images(2);
    images.reverse();
    let reversed = run_of(&images, 2).tallies;
    let cases = [
        // The same pixels, other weights.
        (
            run(4).tallies,
            "dissect/L.safetensors: not the tallies that dissect.json",
        ),
        // Another layer's.
        (
            second.tallies.iter().rev().cloned().collect(),
            "dissect/L.safetensors: not the tallies that dissect.json",
        ),
        // The same in another order.
        (
            reversed,
            "image 0 in the tallies of layer L is room/0 in plain but room/8",
        ),
    ];
    for (tallies, part) in cases {
        let other = Run {
            tallies,
            ..second.clone()
        };
        let message = compared(&first, &other).unwrap_err();
        assert!(message.contains(part), "no `{part}` in `{message}`");
        assert!(message.contains("dissect"), "{message}");
    }
}

/// Stored activations come with their own ground truth: a name and a number say nothing of it.
#[test]
fn stored_activations_of_other_images_are_refused() {
    let stored = |mut run: Run, hash: &str| {
        for provenance in [
            &mut run.evaluation.provenance,
            &mut run.dissection.provenance,
        ] {
            provenance.checkpoint = format!("{}{hash}", Provenance::STORED);
        }
        run
    };
    let first = stored(run(0), "00");
    compared(&first, &stored(run(2), "11")).unwrap();
    // One pixel of one image is another depth in the same bin: the pixel counts are the same.
    let mut other = images(2);
    other[4].gt[7] += if other[4].gt[7].fract() < 0.5 {
        0.01
    } else {
        -0.01
    };
    let error = compared(&first, &stored(run_of(&other, 2), "22")).unwrap_err();
    for part in [
        "the ground truth of image room/4 in the tallies of layer L is a depth map of 187 pixels \
         with hash ",
        " in plain but a depth map of 187 pixels with hash ",
        "for the same images",
    ] {
        assert!(error.contains(part), "no `{part}` in `{error}`");
    }
    // Missing depth is written as 0 by some programs and as NaN by others.
    let with_missing = |missing: f32| {
        let mut images = images(2);
        images[3].gt[5] = missing;
        stored(run_of(&images, 2), "33")
    };
    compared(&with_missing(0.0), &with_missing(f32::NAN)).unwrap();
    let error = compared(&first, &with_missing(0.0)).unwrap_err();
    assert!(
        error.contains("room/3") && error.contains("186 pixels"),
        "{error}"
    );
}
