//! Losses against the goldens `losses` and `assigned_selectivity`.

use candle_core::{Tensor, Var};
use mde_losses::{VARIANCE_FOCUS, assigned_selectivity, mff_loss, silog_loss};
use mde_metrics::{DepthBins, UnitAssignment};
use mde_tests::{Golden, assert_close, assert_relative};

/// Tolerance of losses and selectivities.
const VALUE: f64 = 1e-5;
/// Tolerance of gradients, as a fraction of their largest magnitude.
const GRADIENT: f64 = 1e-3;

fn check_loss(case: &str, loss: impl Fn(&Tensor, &Tensor) -> Tensor) {
    let golden = Golden::open("losses");
    let pred = Var::from_tensor(golden.tensor(&format!("{case}/pred"))).unwrap();
    let value = loss(&pred, golden.tensor(&format!("{case}/gt")));
    assert_relative(
        case,
        f64::from(value.to_scalar::<f32>().unwrap()),
        golden.scalar(&format!("{case}/loss")),
        VALUE,
    );
    let gradients = value.backward().unwrap();
    assert_close(
        case,
        gradients.get(&pred).unwrap(),
        golden.tensor(&format!("{case}/grad")),
        GRADIENT,
    );
}

#[test]
fn parity_mff_loss() {
    check_loss("mff", |pred, gt| mff_loss(pred, gt).unwrap());
}

#[test]
fn parity_silog_loss() {
    check_loss("silog_nyuv2", |pred, gt| {
        silog_loss(pred, gt, 0.1, VARIANCE_FOCUS).unwrap()
    });
    check_loss("silog_kitti", |pred, gt| {
        silog_loss(pred, gt, 1.0, VARIANCE_FOCUS).unwrap()
    });
}

#[test]
fn parity_assigned_selectivity() {
    let golden = Golden::open("assigned_selectivity");
    for case in golden.cases() {
        // nyuv2_K64_C128_12x16_to_24x31
        let mut parts = case.split('_');
        let data = parts.next().unwrap();
        let k: usize = parts
            .next()
            .unwrap()
            .strip_prefix('K')
            .unwrap()
            .parse()
            .unwrap();
        let bins = if data == "kitti" {
            DepthBins::kitti(k)
        } else {
            DepthBins::nyu(k)
        }
        .unwrap();
        let features = Var::from_tensor(golden.tensor(&format!("{case}/features"))).unwrap();
        let assignment = UnitAssignment::new(features.dim(1).unwrap(), k).unwrap();
        let depth = golden.tensor(&format!("{case}/depth"));
        let value = assigned_selectivity(&features, depth, &bins, &assignment).unwrap();
        let found = f64::from(value.to_scalar::<f32>().unwrap());
        assert_relative(
            case,
            found,
            golden.scalar(&format!("{case}/selectivity")),
            VALUE,
        );
        let gradients = value.backward().unwrap();
        assert_close(
            case,
            gradients.get(&features).unwrap(),
            golden.tensor(&format!("{case}/grad")),
            GRADIENT,
        );
    }
}
