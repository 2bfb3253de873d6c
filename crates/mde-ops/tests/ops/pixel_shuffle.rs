//! Channels to pixels.

use mde_ops::{pixel_shuffle, plain};

use crate::gradient::{assert_agree, assert_gradient, flat, random};

#[test]
fn agrees_with_the_plain_path_in_f64() {
    for (dims, ratio) in [
        ([3, 8, 5, 7], 2),
        ([1, 64, 3, 4], 8),
        ([2, 16, 4, 3], 4),
        ([2, 9, 1, 5], 3),
        ([1, 5, 4, 3], 1),
    ] {
        assert_agree(
            &format!("{dims:?} by {ratio}"),
            &[random(&dims, 3)],
            |t| pixel_shuffle(&t[0], ratio),
            |t| plain::pixel_shuffle(&t[0], ratio),
            0.0,
        );
    }
}

#[test]
fn plain_gradient_is_that_of_finite_differences() {
    assert_gradient("pixel_shuffle", &[random(&[2, 8, 3, 4], 1)], |t| {
        plain::pixel_shuffle(&t[0], 2)
    });
}

#[test]
fn every_channel_lands_where_pytorch_puts_it() {
    let (c, r, h, w) = (2, 3, 2, 4);
    let x = random(&[1, c * r * r, h, w], 5);
    let (values, out) = (flat(&x), flat(&pixel_shuffle(&x, r).unwrap()));
    for (index, found) in out.into_iter().enumerate() {
        let (channel, row, column) = (
            index / (h * r * w * r),
            index / (w * r) % (h * r),
            index % (w * r),
        );
        let from = (channel * r + row % r) * r + column % r;
        assert_eq!(found, values[(from * h + row / r) * w + column / r]);
    }
}

#[test]
fn inputs_need_not_be_contiguous() {
    assert_agree(
        "view",
        &[random(&[5, 7, 2, 4], 1)],
        |t| pixel_shuffle(&t[0].permute((2, 3, 0, 1))?, 2),
        |t| plain::pixel_shuffle(&t[0].permute((2, 3, 0, 1))?, 2),
        0.0,
    );
}
