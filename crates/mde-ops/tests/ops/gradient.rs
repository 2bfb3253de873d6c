//! Comparison of values and gradients: of a kernel with the f64 path, of the f64 path with finite
//! differences.

use candle_core::{DType, Device, Result, Tensor, Var};

/// A function under test: its inputs and its output.
pub(crate) trait Function: Fn(&[Tensor]) -> Result<Tensor> {}
impl<F: Fn(&[Tensor]) -> Result<Tensor>> Function for F {}

/// Values in [-1, 1) that depend only on the seed and the index (SplitMix64).
pub(crate) fn random_values(count: usize, seed: u64) -> Vec<f32> {
    (0..count as u64)
        .map(|index| {
            let mut z = (seed << 32)
                .wrapping_add(index + 1)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// A tensor of [`random_values`].
pub(crate) fn random(dims: &[usize], seed: u64) -> Tensor {
    Tensor::from_vec(
        random_values(dims.iter().product(), seed),
        dims,
        &Device::Cpu,
    )
    .unwrap()
}

/// All values in f64, in reading order.
pub(crate) fn flat(tensor: &Tensor) -> Vec<f64> {
    tensor
        .to_dtype(DType::F64)
        .and_then(|t| t.flatten_all()?.to_vec1())
        .unwrap()
}

pub(crate) fn dot(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.dims(), b.dims());
    flat(a).iter().zip(flat(b)).map(|(a, b)| a * b).sum()
}

/// The output, and the gradient of `<output, g>` in every input, for a fixed random g.
pub(crate) struct Evaluated {
    pub(crate) out: Tensor,
    pub(crate) g: Tensor,
    pub(crate) gradients: Vec<Tensor>,
}

pub(crate) fn evaluate(inputs: &[Tensor], function: impl Function) -> Evaluated {
    let vars: Vec<Var> = inputs
        .iter()
        .map(|x| Var::from_tensor(x).unwrap())
        .collect();
    let tensors: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let out = function(&tensors).unwrap();
    let g = random(out.dims(), 77).to_dtype(out.dtype()).unwrap();
    let store = (&out * &g).unwrap().sum_all().unwrap().backward().unwrap();
    let gradients = vars
        .iter()
        .enumerate()
        .map(|(i, var)| {
            let gradient = store.get(var);
            gradient
                .unwrap_or_else(|| panic!("no gradient of input {i}"))
                .clone()
        })
        .collect();
    Evaluated { out, g, gradients }
}

/// Fails unless the shapes agree and every difference is below `tolerance` times the largest
/// expected magnitude.
#[track_caller]
pub(crate) fn assert_close(what: &str, found: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(found.dims(), expected.dims(), "{what}: shape");
    let (found, expected) = (flat(found), flat(expected));
    let scale = expected.iter().fold(1e-6, |max: f64, v| max.max(v.abs()));
    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance * scale,
            "{what}: value {i} is {found}, expected {expected} (largest {scale})"
        );
    }
}

/// Compares the value and all gradients of `fast` in f32 with those of `plain` in f64.
#[track_caller]
pub(crate) fn assert_agree(
    what: &str,
    inputs: &[Tensor],
    fast: impl Function,
    plain: impl Function,
    tolerance: f64,
) {
    let exact: Vec<Tensor> = inputs
        .iter()
        .map(|x| x.to_dtype(DType::F64).unwrap())
        .collect();
    let (fast, plain) = (evaluate(inputs, fast), evaluate(&exact, plain));
    assert_close(&format!("{what}: output"), &fast.out, &plain.out, tolerance);
    for (i, (fast, plain)) in fast.gradients.iter().zip(&plain.gradients).enumerate() {
        assert_close(&format!("{what}: gradient {i}"), fast, plain, tolerance);
    }
}

/// Compares the gradients of a function of f64 tensors with central differences along random
/// directions, in one input at a time and in all together.
#[track_caller]
pub(crate) fn assert_gradient(what: &str, inputs: &[Tensor], function: impl Function) {
    const STEP: f64 = 1e-5;
    const DIRECTIONS: u64 = 3;
    let inputs: Vec<Tensor> = inputs
        .iter()
        .map(|x| x.to_dtype(DType::F64).unwrap())
        .collect();
    let at = evaluate(&inputs, &function);
    for direction in 0..DIRECTIONS {
        for moved in 0..=inputs.len() {
            let directions: Vec<Tensor> = inputs
                .iter()
                .enumerate()
                .map(|(i, x)| {
                    let all = moved == inputs.len();
                    let scale = if all || i == moved { 1.0 } else { 0.0 };
                    let step = random(x.dims(), 1000 + 10 * direction + i as u64);
                    (step.to_dtype(DType::F64).unwrap() * scale).unwrap()
                })
                .collect();
            let loss = |step: f64| {
                let inputs: Vec<Tensor> = inputs
                    .iter()
                    .zip(&directions)
                    .map(|(x, d)| (x + (d * step).unwrap()).unwrap())
                    .collect();
                dot(&function(&inputs).unwrap(), &at.g)
            };
            let numeric = (loss(STEP) - loss(-STEP)) / (2.0 * STEP);
            let terms = at.gradients.iter().zip(&directions);
            let analytic: f64 = terms.map(|(gradient, d)| dot(gradient, d)).sum();
            assert!(
                (numeric - analytic).abs() <= 1e-6 * (1.0 + numeric.abs()),
                "{what}: along direction {direction} of input {moved}: {analytic}, by differences {numeric}"
            );
        }
    }
}
