//! Softmax.

use candle_core::{Device, Tensor};
use mde_ops::{plain, softmax};

use crate::gradient::{assert_agree, assert_gradient, flat, random};

#[test]
fn agrees_with_the_plain_path_in_f64() {
    for dims in [
        &[3, 4, 5, 7][..],
        &[2, 3, 48],
        &[5, 1],
        &[200],
        &[1, 2, 3, 2, 19],
    ] {
        let x = (random(dims, 3) * 6.0).unwrap();
        assert_agree(
            &format!("{dims:?}"),
            &[x],
            |t| softmax(&t[0]),
            |t| plain::softmax(&t[0]),
            2e-6,
        );
    }
}

#[test]
fn plain_gradient_is_that_of_finite_differences() {
    assert_gradient("softmax", &[random(&[2, 3, 5], 1)], |t| {
        plain::softmax(&t[0])
    });
}

#[test]
fn large_values_do_not_overflow_and_what_is_not_finite_stays_visible() {
    let x = Tensor::new(
        &[[1000f32, 1000.0, -1000.0], [-2000.0, -2000.0, -2000.0]],
        &Device::Cpu,
    )
    .unwrap();
    let third = 1.0 / 3.0;
    for (found, expected) in flat(&softmax(&x).unwrap())
        .iter()
        .zip([0.5, 0.5, 0.0, third, third, third])
    {
        assert!((found - expected).abs() < 1e-7, "{found}");
    }
    for wrong in [f32::NAN, f32::INFINITY] {
        let x = Tensor::new(&[[0f32, wrong, 1.0], [0.0, 0.0, 0.0]], &Device::Cpu).unwrap();
        let found = flat(&softmax(&x).unwrap());
        assert!(found[1].is_nan(), "{wrong}");
        assert!((found[4] - third).abs() < 1e-7, "another row");
    }
}

#[test]
fn inputs_need_not_be_contiguous() {
    assert_agree(
        "view",
        &[random(&[7, 9, 2], 1)],
        |t| softmax(&t[0].permute((2, 1, 0))?),
        |t| plain::softmax(&t[0].permute((2, 1, 0))?),
        2e-6,
    );
}
