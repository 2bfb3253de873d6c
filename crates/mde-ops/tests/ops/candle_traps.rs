//! What candle 0.11.1 lacks or gets wrong. A failure here after an upgrade is good news: candle can
//! do it now, so reconsider the operation of this crate that the message names.

use candle_core::{DType, Device, Result, Tensor, Var};

use crate::gradient::{flat, random};

fn var(dims: &[usize]) -> Var {
    Var::from_tensor(&random(dims, 1)).unwrap()
}

#[track_caller]
fn assert_no_backward(out: &Tensor, reconsider: &str) {
    let result = out.sum_all().unwrap().backward();
    assert!(
        result.is_err(),
        "candle differentiates this now: reconsider {reconsider}"
    );
}

#[test]
fn bilinear_upsampling_has_no_backward() {
    let x = var(&[1, 2, 5, 7]);
    let out = x.upsample_bilinear2d(10, 14, false).unwrap();
    assert_no_backward(
        &out,
        "mde_ops::resize_bilinear and mde_ops::conv_after_resize",
    );
}

#[test]
fn max_pooling_has_no_backward_where_kernel_and_stride_differ() {
    let x = var(&[1, 2, 9, 11]);
    let out = x.max_pool2d_with_stride(3, 2).unwrap();
    assert_no_backward(&out, "mde_ops::max_pool2d");
}

#[test]
fn max_pooling_divides_the_gradient_of_ties_by_their_number_squared() {
    let x = Var::zeros((1, 1, 2, 2), DType::F32, &Device::Cpu).unwrap();
    let gradients = x
        .max_pool2d(2)
        .unwrap()
        .sum_all()
        .unwrap()
        .backward()
        .unwrap();
    let gradient = flat(gradients.get(&x).unwrap());
    assert_ne!(
        gradient,
        [1.0, 0.0, 0.0, 0.0],
        "candle gives the gradient of ties to the first now: reconsider mde_ops::max_pool2d"
    );
}

/// The gradient of the input should be 57x76; the single output padding makes it 57x75 or fails.
#[test]
fn strided_convolution_has_no_backward_where_the_axes_want_different_output_padding() {
    let x = var(&[1, 3, 57, 76]);
    let weight = var(&[4, 3, 3, 3]);
    let out = x.conv2d(&weight, 1, 2, 1, 1).unwrap();
    assert_eq!(out.dims(), [1, 4, 29, 38]);
    assert_no_backward(&out, "mde_ops::conv2d");
}

#[test]
fn nearest_upsampling_overwrites_the_gradient_of_another_consumer() {
    let x = var(&[1, 1, 2, 3]);
    // Each value counts four times through the upsampling and once directly. The order in which the
    // two reach the gradient decides which one is lost, so try both.
    let gradient_of = |loss: Result<Tensor>| -> Vec<f64> {
        let gradients = loss.unwrap().backward().unwrap();
        flat(gradients.get(&x).unwrap())
    };
    let upsampled = || x.upsample_nearest2d(4, 6)?.sum_all();
    let one = gradient_of(upsampled().and_then(|up| up + x.sum_all()?));
    let other = gradient_of(upsampled().and_then(|up| x.sum_all()? + up));
    let right = |gradient: &[f64]| gradient.iter().all(|g| *g == 5.0);
    assert!(
        !right(&one) || !right(&other),
        "candle adds the gradient of upsample_nearest2d now: it may be used where a tensor has a second consumer"
    );
}

#[test]
fn relu_passes_the_gradient_at_zero() {
    let x = Var::zeros((1, 1, 1, 1), DType::F32, &Device::Cpu).unwrap();
    let gradients = x.relu().unwrap().sum_all().unwrap().backward().unwrap();
    assert_eq!(
        flat(gradients.get(&x).unwrap()),
        [1.0],
        "candle's relu has PyTorch's gradient at 0 now: mde_ops::plain::channel_affine may use it"
    );
}

/// The gradient of a mean over 2x2 blocks is a quarter everywhere inside. Candle repeats it by
/// nearest neighbour, which shifts it if a row or column is left over, or fails.
#[test]
fn average_pooling_has_another_gradient_on_odd_sizes() {
    let x = var(&[1, 1, 5, 7]);
    let gradients = x.avg_pool2d(2).unwrap().sum_all().unwrap().backward();
    let right = |gradient: &[f64]| {
        let inside = |index: usize| index / 7 < 4 && index % 7 < 6;
        let quarter = |index| if inside(index) { 0.25 } else { 0.0 };
        gradient
            .iter()
            .enumerate()
            .all(|(index, g)| *g == quarter(index))
    };
    assert!(
        !gradients.is_ok_and(|gradients| right(&flat(gradients.get(&x).unwrap()))),
        "candle's average pooling has the right gradient now: reconsider mde_ops::avg_pool2x2"
    );
}
