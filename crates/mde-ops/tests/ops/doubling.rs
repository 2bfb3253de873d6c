//! Two convolutions that double the size: after repeating values, and transposed.

use candle_core::{Result, Tensor};
use mde_ops::{ConvConfig, conv_after_nearest2x, conv_transpose2x, conv2d, plain};
use proptest::prelude::*;

use crate::gradient::{assert_agree, assert_close, assert_gradient, dot, evaluate, flat, random};

/// An operation, its plain version, and the shape of its weight for `input` and `out` channels.
type Operation = fn(&Tensor, &Tensor) -> Result<Tensor>;
const OPERATIONS: [(&str, Operation, Operation, bool); 2] = [
    (
        "nearest",
        conv_after_nearest2x,
        plain::conv_after_nearest2x,
        false,
    ),
    (
        "transposed",
        conv_transpose2x,
        plain::conv_transpose2x,
        true,
    ),
];

/// Input and output channels.
pub(crate) const SHAPES: [([usize; 4], usize); 5] = [
    ([1, 3, 5, 7], 2),
    ([3, 4, 6, 9], 5),
    ([2, 1, 1, 1], 1),
    ([1, 2, 1, 8], 3),
    ([2, 9, 11, 38], 4),
];

fn weight(transposed: bool, input: usize, out: usize, seed: u64) -> Tensor {
    let dims = if transposed {
        [input, out, 3, 3]
    } else {
        [out, input, 3, 3]
    };
    random(&dims, seed)
}

#[test]
fn agree_with_the_plain_path_in_f64() {
    for (x, out) in SHAPES {
        for (name, fast, plain, transposed) in OPERATIONS {
            assert_agree(
                &format!("{name}: {x:?} to {out} channels"),
                &[random(&x, 3), weight(transposed, x[1], out, 4)],
                |t| fast(&t[0], &t[1]),
                |t| plain(&t[0], &t[1]),
                2e-5,
            );
        }
    }
}

#[test]
fn plain_gradients_are_those_of_finite_differences() {
    for (name, _, plain, transposed) in OPERATIONS {
        let inputs = [random(&[2, 3, 4, 3], 1), weight(transposed, 3, 2, 2)];
        assert_gradient(name, &inputs, |t| plain(&t[0], &t[1]));
    }
}

#[test]
fn inputs_need_not_be_contiguous() {
    for (name, fast, plain, transposed) in OPERATIONS {
        let inputs = [random(&[5, 4, 3, 2], 1), weight(transposed, 3, 2, 2)];
        let views = |t: &[Tensor]| -> Result<_> {
            let weight = t[1].flip(&[2])?.transpose(2, 3)?;
            assert!(!weight.is_contiguous());
            Ok((t[0].permute((3, 2, 1, 0))?, weight))
        };
        assert_agree(
            name,
            &inputs,
            |t| views(t).and_then(|(x, weight)| fast(&x, &weight)),
            |t| views(t).and_then(|(x, weight)| plain(&x, &weight)),
            2e-5,
        );
    }
}

/// The transposed convolution is the adjoint of the strided one, which has its own tests.
#[test]
fn the_transposed_convolution_is_the_adjoint_of_the_strided_one() {
    let (small, large) = (random(&[2, 3, 5, 7], 1), random(&[2, 4, 10, 14], 2));
    // [C, O, 3, 3] of the transposed convolution is [out, in, 3, 3] of the strided one.
    let weight = random(&[3, 4, 3, 3], 3);
    let strided = ConvConfig {
        stride: 2,
        padding: 1.into(),
        ..ConvConfig::default()
    };
    let forward = dot(&conv_transpose2x(&small, &weight).unwrap(), &large);
    let adjoint = dot(&small, &conv2d(&large, &weight, strided).unwrap());
    assert!(
        (forward - adjoint).abs() < 1e-4 * forward.abs().max(1.0),
        "{forward} and {adjoint}"
    );
}

#[test]
fn the_transposed_convolution_is_candles_where_that_serves() {
    let (x, weight) = (random(&[2, 3, 5, 7], 1), random(&[3, 4, 3, 3], 3));
    let expected = x.conv_transpose2d(&weight, 1, 1, 2, 1).unwrap();
    assert_close(
        "candle",
        &conv_transpose2x(&x, &weight).unwrap(),
        &expected,
        1e-5,
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_size_gives_the_repeated_maps_convolution_and_its_adjoint(
        (h, w) in (1..=9usize, 1..=9usize),
        (input, out) in (1..=4usize, 1..=4usize),
        seed in 0..1000u64,
    ) {
        let inputs = [random(&[2, input, h, w], seed), weight(false, input, out, seed + 1)];
        let at = evaluate(&inputs, |t| conv_after_nearest2x(&t[0], &t[1]));
        let repeated = inputs[0].upsample_nearest2d(2 * h, 2 * w).unwrap();
        let same = ConvConfig { padding: 1.into(), ..ConvConfig::default() };
        assert_close("output", &at.out, &conv2d(&repeated, &inputs[1], same).unwrap(), 1e-5);
        let value = dot(&at.out, &at.g);
        let scale = 1e-5 * flat(&at.out).iter().map(|v| v.abs()).sum::<f64>().max(1.0);
        for (input, gradient) in inputs.iter().zip(&at.gradients) {
            let adjoint = dot(input, gradient);
            prop_assert!((adjoint - value).abs() <= scale, "{} and {}", adjoint, value);
        }
    }
}

/// Without a gradient, the kernels of the phases are computed differently.
#[test]
fn agree_without_a_gradient() {
    for (x, out) in SHAPES {
        for (name, fast, plain, transposed) in OPERATIONS {
            let (x, weight) = (random(&x, 3), weight(transposed, x[1], out, 4));
            let (found, expected) = (fast(&x, &weight).unwrap(), plain(&x, &weight).unwrap());
            assert_close(name, &found, &expected, 2e-5);
        }
    }
}
