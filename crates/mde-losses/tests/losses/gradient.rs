//! Values for the tests, and gradients compared with finite differences.

use candle_core::{Device, Tensor, Var};

/// Values in [low, high) that depend only on the seed and the index (SplitMix64).
pub(crate) fn random(dims: &[usize], low: f64, high: f64, seed: u64) -> Tensor {
    let count: usize = dims.iter().product();
    let values: Vec<f64> = (0..count as u64)
        .map(|index| {
            let mut z = (seed << 32)
                .wrapping_add(index + 1)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            low + (high - low) * ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
        })
        .collect();
    tensor(values, dims)
}

pub(crate) fn tensor(values: Vec<f64>, dims: &[usize]) -> Tensor {
    Tensor::from_vec(values, dims, &Device::Cpu).unwrap()
}

/// All values, in reading order.
pub(crate) fn flat(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

pub(crate) fn number(scalar: &Tensor) -> f64 {
    scalar.to_scalar().unwrap()
}

/// The gradient of a scalar function at `x`.
pub(crate) fn gradient(x: &Tensor, function: impl Fn(&Tensor) -> Tensor) -> Vec<f64> {
    let var = Var::from_tensor(x).unwrap();
    let store = function(var.as_tensor()).backward().unwrap();
    flat(store.get(&var).unwrap())
}

/// Compares the gradient of a scalar function with central differences, value by value.
#[track_caller]
pub(crate) fn assert_gradient(x: &Tensor, function: impl Fn(&Tensor) -> Tensor) {
    const STEP: f64 = 1e-6;
    let analytic = gradient(x, &function);
    let at = flat(x);
    let mut largest = 0f64;
    for (index, &analytic) in analytic.iter().enumerate() {
        let moved = |step: f64| {
            let mut values = at.clone();
            values[index] += step;
            number(&function(&tensor(values, x.dims())))
        };
        let numeric = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
        largest = largest.max(numeric.abs());
        assert!(
            (numeric - analytic).abs() <= 1e-7 * (1.0 + numeric.abs()),
            "value {index}: gradient {analytic}, by differences {numeric}"
        );
    }
    assert!(largest > 1e-4, "a gradient of {largest} proves nothing");
}
