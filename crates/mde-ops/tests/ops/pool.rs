//! Max-pooling.

use candle_core::{DType, Device, Tensor};
use mde_ops::{PoolConfig, max_pool2d, plain};
use proptest::prelude::*;

use crate::gradient::{assert_agree, assert_close, assert_gradient, evaluate, flat, random};

fn config(kernel: usize, stride: usize, padding: usize, ceil_mode: bool) -> PoolConfig {
    PoolConfig {
        kernel,
        stride,
        padding,
        ceil_mode,
    }
}

pub(crate) fn table() -> [([usize; 4], PoolConfig); 12] {
    [
        ([3, 3, 57, 75], config(3, 2, 1, false)),
        ([1, 3, 57, 76], config(3, 2, 1, true)),
        ([1, 2, 56, 75], config(3, 2, 0, true)),
        ([3, 2, 8, 11], config(3, 2, 0, false)),
        ([1, 2, 8, 11], config(2, 2, 0, false)),
        ([1, 2, 9, 11], config(2, 2, 0, true)),
        ([1, 2, 9, 7], config(5, 1, 2, false)),
        ([1, 2, 9, 7], config(2, 3, 1, false)),
        ([1, 2, 9, 7], config(2, 3, 1, true)),
        ([3, 1, 3, 4], config(1, 5, 0, true)),
        ([1, 1, 1, 1], config(3, 2, 1, false)),
        ([1, 2, 5, 1], config(3, 2, 1, true)),
    ]
}

#[test]
fn agrees_with_the_plain_path_in_f64() {
    for (x, config) in table() {
        // Integers make ties common; negative ones must win against the padding.
        let values = random(&x, 3);
        let ties = ((&values * 2.0).unwrap().round().unwrap() - 3.0).unwrap();
        for x in [values, ties] {
            assert_agree(
                &format!("{:?} with {config:?}", x.dims()),
                &[x],
                |t| max_pool2d(&t[0], config),
                |t| plain::max_pool2d(&t[0], config),
                1e-6,
            );
        }
    }
}

#[test]
fn plain_gradient_is_that_of_finite_differences() {
    for config in [config(3, 2, 1, false), config(2, 3, 1, true)] {
        assert_gradient("max_pool2d", &[random(&[2, 2, 6, 7], 3)], |t| {
            plain::max_pool2d(&t[0], config)
        });
    }
}

#[test]
fn output_sizes_follow_pytorch() {
    // (size, kernel, stride, padding, floor, ceil); the last ones lose a window that begins in the
    // right padding.
    for (size, kernel, stride, padding, floor, ceil) in [
        (114, 3, 2, 1, 57, 58),
        (57, 3, 2, 1, 29, 29),
        (112, 3, 2, 0, 55, 56),
        (7, 2, 2, 0, 3, 4),
        (3, 1, 5, 0, 1, 1),
        (4, 2, 5, 1, 1, 1),
        (5, 2, 3, 1, 2, 2),
    ] {
        let x = random(&[1, 1, size, size], 1);
        for (ceil_mode, expected) in [(false, floor), (true, ceil)] {
            for pool in [max_pool2d, plain::max_pool2d] {
                let out = pool(&x, config(kernel, stride, padding, ceil_mode)).unwrap();
                assert_eq!(
                    out.dims(),
                    [1, 1, expected, expected],
                    "{size} by {kernel}, {stride}"
                );
            }
        }
    }
}

#[test]
fn of_equal_values_the_first_gets_the_gradient() {
    // A map of zeros, as after a ReLU. Two windows of one row overlap in a column.
    let x = Tensor::zeros((1, 1, 3, 5), DType::F32, &Device::Cpu).unwrap();
    for pool in [max_pool2d, plain::max_pool2d] {
        let at = evaluate(std::slice::from_ref(&x), |t| {
            pool(&t[0], config(3, 2, 0, false))
        });
        let g = flat(&at.g);
        let mut expected = vec![0.0; 15];
        (expected[0], expected[2]) = (g[0], g[1]);
        assert_eq!(flat(&at.gradients[0]), expected);
    }
}

#[test]
fn windows_add_their_gradients_on_a_shared_maximum() {
    let mut values = vec![0f32; 25];
    values[12] = 1.0;
    let x = Tensor::from_vec(values, (1, 1, 5, 5), &Device::Cpu).unwrap();
    let at = evaluate(&[x], |t| max_pool2d(&t[0], config(3, 1, 0, false)));
    let total: f64 = flat(&at.g).iter().sum();
    assert!((flat(&at.gradients[0])[12] - total).abs() < 1e-6);
}

#[test]
fn non_finite_values_stay_visible() {
    let with = |value: f32| {
        let mut values = vec![-1f32; 20];
        values[7] = value;
        Tensor::from_vec(values, (1, 1, 4, 5), &Device::Cpu).unwrap()
    };
    let out = max_pool2d(&with(f32::NAN), config(3, 2, 1, false)).unwrap();
    assert!(flat(&out)[1].is_nan());
    // An infinite value in a window does not leak into others, nor into those that reach the
    // padding.
    let corner = Tensor::new(&[[[[f32::INFINITY, 0., 0., 0., 3.]]]], &Device::Cpu).unwrap();
    for pool in [max_pool2d, plain::max_pool2d] {
        let out = pool(&corner, config(3, 2, 1, false)).unwrap();
        assert_eq!(flat(&out), [f64::INFINITY, 0.0, 3.0]);
    }
}

#[test]
fn inputs_need_not_be_contiguous() {
    assert_agree(
        "view",
        &[random(&[7, 9, 2, 3], 1)],
        |t| max_pool2d(&t[0].permute((2, 3, 0, 1))?, config(3, 2, 1, false)),
        |t| plain::max_pool2d(&t[0].permute((2, 3, 0, 1))?, config(3, 2, 1, false)),
        1e-6,
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_window_gives_its_largest_value(
        (h, w) in (1..=9usize, 1..=9usize),
        (kernel, stride) in (1..=4usize, 1..=5usize),
        padding in 0..=2usize,
        ceil_mode in any::<bool>(),
        seed in 0..1000u64,
    ) {
        prop_assume!(padding <= kernel / 2);
        let config = config(kernel, stride, padding, ceil_mode);
        let x = random(&[1, 1, h, w], seed);
        let values = flat(&x);
        let Ok(out) = max_pool2d(&x, config) else {
            prop_assert!(kernel > h + 2 * padding || kernel > w + 2 * padding);
            return Ok(());
        };
        assert_close("plain", &plain::max_pool2d(&x, config).unwrap(), &out, 0.0);
        let (_, _, _, out_w) = out.dims4().unwrap();
        for (index, found) in flat(&out).into_iter().enumerate() {
            let (top, left) = (index / out_w * stride, index % out_w * stride);
            let inside = |y: usize, x: usize| {
                (top..top + kernel).contains(&(y + padding)) && (left..left + kernel).contains(&(x + padding))
            };
            let window = (0..h * w).filter(|i| inside(i / w, i % w)).map(|i| values[i]);
            prop_assert_eq!(found, window.fold(f64::NEG_INFINITY, f64::max));
        }
    }
}
