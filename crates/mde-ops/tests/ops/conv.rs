//! Convolution.

use candle_core::Tensor;
use mde_ops::{ConvConfig, Padding, Rectifier, conv2d, conv2d_affine, plain};
use proptest::prelude::*;

use crate::gradient::{assert_agree, assert_close, assert_gradient, dot, evaluate, flat, random};

/// One test case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    /// Batch, channels, height, width.
    x: [usize; 4],
    out: usize,
    kernel: [usize; 2],
    pub(crate) config: ConvConfig,
}

/// `x`, output channels, kernel, then stride, padding, dilation, groups.
fn case(x: [usize; 4], out: usize, kernel: [usize; 2], config: [usize; 4]) -> Case {
    let [stride, padding, dilation, groups] = config;
    let config = ConvConfig {
        stride,
        padding: padding.into(),
        dilation,
        groups,
    };
    Case {
        x,
        out,
        kernel,
        config,
    }
}

impl Case {
    pub(crate) fn inputs(&self, seed: u64) -> [Tensor; 2] {
        let [kh, kw] = self.kernel;
        let weight = [self.out, self.x[1] / self.config.groups, kh, kw];
        [random(&self.x, seed), random(&weight, seed + 1)]
    }

    /// Output size by its definition, the number of positions whose whole kernel lies in the padded
    /// input, and the zeros before the input.
    fn out_size(&self, size: usize, kernel: usize) -> (usize, usize) {
        let config = self.config;
        let reach = (kernel - 1) * config.dilation;
        let (before, after) = match config.padding {
            Padding::Each(zeros) => (zeros, zeros),
            Padding::Same => {
                let last = (size.div_ceil(config.stride) - 1) * config.stride;
                let zeros = (last + reach + 1).saturating_sub(size);
                (zeros / 2, zeros - zeros / 2)
            }
        };
        let padded = before + size + after;
        let fits = |start: &usize| start + reach < padded;
        let positions = (0..padded).step_by(config.stride).take_while(fits);
        (positions.count(), before)
    }

    /// The definition, one sum per value.
    fn naive(&self, x: &Tensor, weight: &Tensor) -> Tensor {
        let (x_values, weight_values) = (flat(x), flat(weight));
        let [batch, channels, h, w] = self.x;
        let [kh, kw] = self.kernel;
        let ConvConfig {
            stride,
            dilation,
            groups,
            ..
        } = self.config;
        let ((out_h, top), (out_w, left)) = (self.out_size(h, kh), self.out_size(w, kw));
        let (group_in, group_out) = (channels / groups, self.out / groups);
        let mut out = Vec::new();
        for index in 0..batch * self.out * out_h * out_w {
            let (b, o) = (
                index / (self.out * out_h * out_w),
                index / (out_h * out_w) % self.out,
            );
            let (oy, ox) = (index / out_w % out_h, index % out_w);
            let mut sum = 0.0;
            for c in 0..group_in {
                for ky in 0..kh {
                    for kx in 0..kw {
                        let y = (oy * stride + ky * dilation) as isize - top as isize;
                        let x = (ox * stride + kx * dilation) as isize - left as isize;
                        if (0..h as isize).contains(&y) && (0..w as isize).contains(&x) {
                            let channel = b * channels + o / group_out * group_in + c;
                            sum += x_values[(channel * h + y as usize) * w + x as usize]
                                * weight_values[((o * group_in + c) * kh + ky) * kw + kx];
                        }
                    }
                }
            }
            out.push(sum);
        }
        Tensor::from_vec(out, (batch, self.out, out_h, out_w), x.device()).unwrap()
    }
}

/// The shapes of the networks, and every branch of the kernels.
pub(crate) fn table() -> Vec<Case> {
    let same = |x, out, kernel, stride, groups| {
        let mut case = case(x, out, kernel, [stride, 0, 1, groups]);
        case.config.padding = Padding::Same;
        case
    };
    vec![
        // TensorFlow's padding: sides of both parities, with one zero more at the end or not.
        same([2, 3, 12, 19], 5, [3, 3], 2, 1),
        same([1, 6, 12, 19], 6, [3, 3], 2, 6),
        same([2, 4, 18, 23], 4, [5, 5], 2, 4),
        same([1, 4, 9, 14], 4, [5, 5], 3, 4),
        same([2, 4, 9, 14], 4, [5, 5], 1, 4),
        same([1, 3, 9, 14], 2, [1, 1], 2, 1),
        same([1, 2, 1, 2], 2, [5, 5], 2, 2),
        // 5x5 with one filter per channel.
        case([3, 5, 13, 35], 5, [5, 5], [1, 2, 1, 5]),
        case([1, 4, 13, 35], 4, [5, 5], [2, 2, 1, 4]),
        case([2, 3, 17, 21], 3, [5, 5], [1, 4, 2, 3]),
        case([2, 3, 17, 21], 3, [5, 5], [6, 4, 2, 3]),
        // Pointwise, with and without stride and padding.
        case([1, 5, 7, 9], 4, [1, 1], [1, 0, 1, 1]),
        case([3, 5, 7, 9], 4, [1, 1], [2, 0, 1, 1]),
        case([3, 5, 7, 9], 4, [1, 1], [1, 2, 1, 1]),
        case([3, 8, 7, 9], 4, [1, 1], [1, 0, 1, 4]),
        // Few pixels and many filters: several tasks per panel; 131 has no equal shares.
        case([2, 6, 5, 7], 300, [3, 3], [1, 1, 1, 1]),
        case([2, 4, 5, 7], 520, [3, 3], [1, 1, 1, 2]),
        case([1, 3, 5, 7], 131, [1, 1], [1, 0, 1, 1]),
        // Square kernels.
        case([3, 4, 9, 13], 6, [3, 3], [1, 1, 1, 1]),
        case([1, 4, 9, 13], 6, [3, 3], [1, 0, 1, 1]),
        case([1, 3, 11, 8], 5, [5, 5], [1, 2, 1, 1]),
        case([3, 3, 23, 31], 6, [7, 7], [2, 3, 1, 1]),
        // What candle cannot differentiate: 57x76 to 29x38.
        case([1, 3, 57, 76], 4, [3, 3], [2, 1, 1, 1]),
        case([3, 3, 57, 76], 2, [1, 1], [2, 0, 1, 1]),
        case([1, 9, 14, 10], 4, [3, 3], [3, 1, 1, 1]),
        case([1, 3, 14, 10], 4, [2, 2], [3, 0, 1, 1]),
        // Padding beyond the reach of the kernel.
        case([3, 2, 5, 6], 3, [3, 3], [1, 3, 1, 1]),
        case([1, 2, 5, 6], 3, [1, 3], [2, 3, 1, 1]),
        case([1, 2, 1, 1], 3, [3, 3], [1, 3, 1, 1]),
        // Non-square kernels, for which no mirrored convolution with a single padding exists.
        case([3, 3, 8, 11], 4, [1, 5], [1, 0, 1, 1]),
        case([1, 3, 8, 11], 4, [7, 1], [1, 3, 1, 1]),
        case([1, 3, 8, 11], 4, [2, 3], [1, 1, 1, 1]),
        case([1, 3, 8, 11], 4, [3, 2], [2, 1, 1, 1]),
        // Dilation, also beyond the map.
        case([3, 3, 15, 17], 4, [3, 3], [1, 3, 3, 1]),
        case([1, 3, 15, 17], 4, [3, 3], [1, 6, 6, 1]),
        case([1, 3, 4, 5], 4, [3, 3], [1, 6, 6, 1]),
        case([1, 3, 15, 17], 4, [3, 3], [2, 3, 3, 1]),
        // Groups, down to one channel each.
        case([3, 6, 9, 7], 4, [3, 3], [1, 1, 1, 2]),
        case([1, 8, 9, 7], 12, [3, 3], [2, 1, 1, 4]),
        case([3, 6, 9, 7], 6, [3, 3], [1, 1, 1, 6]),
        case([1, 6, 9, 7], 6, [5, 5], [2, 2, 1, 6]),
        case([1, 5, 9, 7], 10, [3, 3], [1, 2, 2, 5]),
        // Depthwise 3x3: rows shorter than a vector, of one, and of several; any stride, padding
        // and dilation.
        case([2, 5, 9, 7], 5, [3, 3], [2, 1, 1, 5]),
        case([3, 4, 6, 5], 4, [3, 3], [1, 0, 1, 4]),
        case([1, 3, 8, 16], 3, [3, 3], [1, 1, 1, 3]),
        case([2, 3, 21, 53], 3, [3, 3], [1, 1, 1, 3]),
        case([2, 3, 22, 70], 3, [3, 3], [2, 1, 1, 3]),
        case([1, 2, 11, 37], 2, [3, 3], [3, 2, 1, 2]),
        case([1, 2, 11, 37], 2, [3, 3], [2, 3, 2, 2]),
        case([1, 3, 15, 17], 3, [3, 3], [1, 6, 6, 3]),
        case([1, 3, 4, 5], 3, [3, 3], [1, 5, 1, 3]),
        case([2, 1, 7, 9], 1, [3, 3], [1, 1, 1, 1]),
        // One input and one output channel.
        case([3, 1, 9, 7], 5, [3, 3], [1, 1, 1, 1]),
        case([1, 5, 9, 7], 1, [5, 5], [1, 2, 1, 1]),
        case([1, 1, 9, 7], 1, [3, 3], [2, 1, 1, 1]),
        // Channels that do not fill the last of the blocks of the backward pass.
        case([1, 9, 6, 7], 3, [3, 3], [1, 1, 1, 1]),
        case([1, 17, 6, 7], 3, [3, 3], [2, 1, 1, 1]),
        // Small maps, whose images are computed together, in more than one round.
        case([5, 24, 4, 5], 20, [3, 3], [1, 1, 1, 1]),
        case([5, 24, 5, 7], 20, [3, 3], [2, 1, 1, 1]),
        case([3, 700, 16, 20], 3, [3, 3], [1, 1, 1, 1]),
        case([3, 700, 31, 39], 3, [3, 3], [2, 1, 1, 1]),
        // The whole input in one window.
        case([3, 4, 5, 7], 6, [5, 7], [1, 0, 1, 1]),
        // Strips of a single row; several strips, the last one shorter.
        case([1, 256, 5, 71], 3, [3, 3], [1, 1, 1, 1]),
        case([1, 256, 5, 71], 3, [3, 3], [2, 1, 1, 1]),
        case([3, 3, 61, 83], 2, [3, 3], [1, 1, 1, 1]),
        case([1, 9, 85, 61], 4, [1, 1], [1, 0, 1, 1]),
        case([1, 24, 81, 85], 4, [1, 1], [1, 0, 1, 1]),
    ]
}

/// Enough channels and pixels for Winograd's kernels, 3x3 and 5x5: sizes that tiles do and do not
/// fill, any padding, strips of several rows of tiles, channels that fill no vector.
fn winograd_table() -> Vec<Case> {
    vec![
        case([2, 16, 24, 36], 16, [3, 3], [1, 1, 1, 1]),
        case([1, 17, 31, 23], 19, [3, 3], [1, 1, 1, 1]),
        case([1, 16, 29, 38], 33, [3, 3], [1, 0, 1, 1]),
        case([1, 20, 25, 41], 16, [3, 3], [1, 2, 1, 1]),
        case([2, 16, 24, 36], 16, [5, 5], [1, 2, 1, 1]),
        case([1, 19, 29, 38], 17, [5, 5], [1, 2, 1, 1]),
        case([1, 16, 33, 27], 24, [5, 5], [1, 0, 1, 1]),
        case([1, 18, 22, 45], 16, [5, 5], [1, 4, 1, 1]),
        case([1, 64, 57, 76], 64, [5, 5], [1, 2, 1, 1]),
        case([1, 128, 57, 76], 128, [3, 3], [1, 1, 1, 1]),
    ]
}

/// Winograd's sums have larger terms that cancel. The error grows, and must stay far below a
/// thousandth of the range.
#[test]
fn winograd_agrees_with_the_plain_path_in_f64() {
    for case in winograd_table() {
        assert_agree(
            &format!("{case:?}"),
            &case.inputs(3),
            |t| conv2d(&t[0], &t[1], case.config),
            |t| plain::conv2d(&t[0], &t[1], case.config),
            2e-4,
        );
    }
}

#[test]
fn agrees_with_the_plain_path_in_f64() {
    for case in table() {
        assert_agree(
            &format!("{case:?}"),
            &case.inputs(3),
            |t| conv2d(&t[0], &t[1], case.config),
            |t| plain::conv2d(&t[0], &t[1], case.config),
            2e-5,
        );
    }
}

#[test]
fn plain_gradient_is_that_of_finite_differences() {
    for case in [
        case([2, 3, 5, 7], 2, [3, 3], [2, 1, 1, 1]),
        case([1, 4, 6, 5], 4, [3, 2], [1, 2, 2, 2]),
    ] {
        assert_gradient(&format!("{case:?}"), &case.inputs(5), |t| {
            plain::conv2d(&t[0], &t[1], case.config)
        });
    }
}

#[test]
fn an_identity_kernel_returns_its_input() {
    let x = random(&[2, 3, 5, 7], 1);
    let config = ConvConfig {
        padding: 1.into(),
        groups: 3,
        ..ConvConfig::default()
    };
    let weight = [0f32, 0., 0., 0., 1., 0., 0., 0., 0.].repeat(3);
    let weight = Tensor::from_vec(weight, (3, 1, 3, 3), x.device()).unwrap();
    assert_close("identity", &conv2d(&x, &weight, config).unwrap(), &x, 0.0);
}

#[test]
fn an_input_that_needs_no_gradient_gets_none() {
    let image = random(&[1, 3, 9, 7], 1);
    let weight = candle_core::Var::from_tensor(&random(&[4, 3, 3, 3], 2)).unwrap();
    let out = conv2d(&image, &weight, ConvConfig::default()).unwrap();
    let gradients = out.sum_all().unwrap().backward().unwrap();
    assert!(gradients.get(&weight).is_some());
    assert!(gradients.get(&image).is_none());
}

#[test]
fn inputs_need_not_be_contiguous() {
    let config = ConvConfig {
        stride: 2,
        padding: 1.into(),
        ..ConvConfig::default()
    };
    // Stored as [W, H, C, B] and as every second filter of a larger weight.
    let inputs = [random(&[9, 7, 3, 2], 1), random(&[8, 3, 3, 3], 2)];
    let views = |t: &[Tensor]| {
        let x = t[0].permute((3, 2, 1, 0))?;
        let weight = t[1].reshape((4, 2, 3, 3, 3))?.narrow(1, 1, 1)?.squeeze(1)?;
        assert!(!x.is_contiguous() && !weight.is_contiguous());
        Ok((x, weight))
    };
    assert_agree(
        "views",
        &inputs,
        |t| views(t).and_then(|(x, weight)| conv2d(&x, &weight, config)),
        |t| views(t).and_then(|(x, weight)| plain::conv2d(&x, &weight, config)),
        2e-5,
    );
}

fn any_case() -> impl Strategy<Value = Case> {
    let channels = (1..=3usize, 1..=3usize, 1..=3usize);
    let map = (1..=2usize, 1..=9usize, 1..=9usize);
    let kernel = (1..=4usize, 1..=4usize);
    let steps = (1..=3usize, 0..=4usize, 1..=3usize);
    (map, channels, kernel, steps).prop_map(|((b, h, w), (groups, i, o), (kh, kw), (s, p, d))| {
        case(
            [b, groups * i, h, w],
            groups * o,
            [kh, kw],
            [s, p, d, groups],
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_convolution_is_the_naive_one_or_an_error(case in any_case(), seed in 0..1000u64) {
        let [x, weight] = case.inputs(seed);
        let [_, _, h, w] = case.x;
        let fits = case.out_size(h, case.kernel[0]).0 > 0 && case.out_size(w, case.kernel[1]).0 > 0;
        prop_assert_eq!(conv2d(&x, &weight, case.config).is_ok(), fits);
        prop_assert_eq!(plain::conv2d(&x, &weight, case.config).is_ok(), fits);
        if fits {
            let expected = flat(&case.naive(&x, &weight));
            // The terms of a sum may cancel: n terms round by at most n eps / 2 of the sum of their
            // magnitudes. Twice as much is allowed.
            let terms = flat(&case.naive(&x.abs().unwrap(), &weight.abs().unwrap()));
            let rounding = weight.dims()[1..].iter().product::<usize>() as f64 * f64::from(f32::EPSILON);
            for conv in [conv2d, plain::conv2d] {
                let found = flat(&conv(&x, &weight, case.config).unwrap());
                prop_assert_eq!(found.len(), expected.len());
                for ((found, expected), terms) in found.iter().zip(&expected).zip(&terms) {
                    let close = (found - expected).abs() <= rounding * terms;
                    prop_assert!(close, "{} and {}", found, expected);
                }
            }
            // Linear in either operand, so each gradient is the adjoint: <conv(x, w), g> = <x, dx>
            // = <w, dw>.
            let inputs = [x, weight];
            let at = evaluate(&inputs, |t| conv2d(&t[0], &t[1], case.config));
            let value = dot(&at.out, &at.g);
            let scale = 1e-5 * flat(&at.out).iter().map(|v| v.abs()).sum::<f64>().max(1.0);
            for (input, gradient) in inputs.iter().zip(&at.gradients) {
                let adjoint = dot(input, gradient);
                prop_assert!((adjoint - value).abs() <= scale, "{} and {}", adjoint, value);
            }
        }
    }
}

/// Batch norm and a rectifier after a convolution, in the same pass or in a second one.
#[test]
fn conv2d_affine_equals_two_passes() {
    for (index, case) in table().iter().enumerate() {
        let [x, weight] = case.inputs(31);
        let scale = random(&[case.out], 33);
        let shift = (random(&[case.out], 34) * 8.0).unwrap();
        for rectifier in [Rectifier::None, Rectifier::Relu, Rectifier::Relu6] {
            let found = conv2d_affine(&x, &weight, case.config, &scale, &shift, rectifier).unwrap();
            let convolved = conv2d(&x, &weight, case.config).unwrap();
            let expected = plain::channel_affine(&convolved, &scale, &shift, rectifier).unwrap();
            assert_close(&format!("case {index}"), &found, &expected, 1e-5);
            // Tracked inputs take the path that has a gradient.
            let tracked = candle_core::Var::from_tensor(&weight).unwrap();
            let out = conv2d_affine(&x, &tracked, case.config, &scale, &shift, rectifier).unwrap();
            assert!(out.track_op());
            assert_close(&format!("case {index}"), &out, &expected, 1e-5);
        }
    }
    let (x, weight) = (random(&[1, 3, 4, 5], 1), random(&[2, 3, 1, 1], 2));
    let (good, bad) = (random(&[2], 3), random(&[3], 4));
    let config = ConvConfig::default();
    for (scale, shift) in [(&good, &bad), (&bad, &good)] {
        assert!(conv2d_affine(&x, &weight, config, scale, shift, Rectifier::None).is_err());
    }
}
