//! Chains of convolutions and batch norms.

use candle_core::{DType, Device, Result, Tensor};
use mde_ops::{
    Activations, BatchStats, ChainStage, ConvConfig, Norm, Rectifier, Residual, batch_norm_train,
    conv_norm_chain, conv2d, plain,
};

use crate::gradient::{assert_agree, assert_close, assert_gradient, evaluate, flat, random};

const EPS: f64 = 1e-3;

/// The input of the case whose weights are larger than its maps.
const HEAVY: [usize; 4] = [1, 20, 3, 2];

/// Output channels, kernel (0 for no convolution), stride, groups, and the norm if any, with what
/// follows it.
type Stage = (usize, usize, usize, usize, Option<Rectifier>);

pub(crate) struct Case {
    x: [usize; 4],
    stages: Vec<Stage>,
    residual: Residual,
}

type Chain = fn(&Tensor, &[ChainStage<'_>], Residual) -> Result<(Tensor, Vec<Option<BatchStats>>)>;

pub(crate) fn keeping(
    x: &Tensor,
    stages: &[ChainStage<'_>],
    residual: Residual,
) -> Result<(Tensor, Vec<Option<BatchStats>>)> {
    conv_norm_chain(x, stages, residual, Activations::Keep)
}

fn recomputing(
    x: &Tensor,
    stages: &[ChainStage<'_>],
    residual: Residual,
) -> Result<(Tensor, Vec<Option<BatchStats>>)> {
    conv_norm_chain(x, stages, residual, Activations::Recompute)
}

impl Case {
    /// x, then the weight, the norm's weight and the norm's bias of each stage.
    pub(crate) fn inputs(&self) -> Vec<Tensor> {
        let mut inputs = vec![random(&self.x, 1)];
        let mut channels = self.x[1];
        for (index, (out, kernel, _, groups, norm)) in self.stages.iter().enumerate() {
            let seed = 10 * index as u64 + 2;
            if *kernel > 0 {
                inputs.push(random(&[*out, channels / groups, *kernel, *kernel], seed));
            }
            if norm.is_some() {
                inputs.push((random(&[*out], seed + 1) + 1.5).unwrap());
                inputs.push(random(&[*out], seed + 2));
            }
            channels = *out;
        }
        inputs
    }

    fn with<'a>(&self, inputs: &'a [Tensor]) -> Vec<ChainStage<'a>> {
        let mut parameters = inputs[1..].iter();
        let mut next = || parameters.next().unwrap();
        let stages = self.stages.iter();
        stages
            .map(|&(_, kernel, stride, groups, norm)| ChainStage {
                conv: (kernel > 0).then(|| {
                    let config = ConvConfig {
                        stride,
                        groups,
                        padding: (kernel / 2).into(),
                        dilation: 1,
                    };
                    (next(), config)
                }),
                norm: norm.map(|rectifier| Norm {
                    weight: next(),
                    bias: next(),
                    eps: EPS,
                    rectifier,
                }),
            })
            .collect()
    }

    pub(crate) fn run(&self, chain: Chain, inputs: &[Tensor]) -> Result<Tensor> {
        Ok(chain(&inputs[0], &self.with(inputs), self.residual)?.0)
    }
}

/// Blocks of METER's encoder, and other shapes: no norm at the end, a residual around one stage,
/// one channel, one image.
pub(crate) fn cases() -> Vec<Case> {
    let case = |x, stages: &[Stage], residual| Case {
        x,
        stages: stages.to_vec(),
        residual,
    };
    let inverted = |stride| {
        [
            (8, 1, 1, 1, Some(Rectifier::Relu)),
            (8, 3, stride, 8, Some(Rectifier::Relu)),
            (4, 1, 1, 1, Some(Rectifier::None)),
        ]
    };
    vec![
        case([3, 4, 9, 7], &inverted(1), Residual::Add),
        case([1, 4, 17, 23], &inverted(1), Residual::None),
        case([2, 4, 9, 13], &inverted(2), Residual::None),
        case(
            [2, 3, 11, 8],
            &[(5, 3, 2, 1, None), (6, 1, 1, 1, Some(Rectifier::Relu))],
            Residual::None,
        ),
        case(
            [2, 5, 6, 9],
            &[(3, 1, 1, 1, Some(Rectifier::Relu)), (5, 3, 1, 1, None)],
            Residual::Add,
        ),
        case(
            [2, 1, 5, 7],
            &[(1, 3, 1, 1, Some(Rectifier::Relu))],
            Residual::Add,
        ),
        case([2, 2, 5, 7], &[(3, 3, 1, 1, None)], Residual::None),
        // A norm first, as in DenseNet and up-projections; ReLU after the sum, as in ResNet.
        case(
            [2, 4, 7, 9],
            &[
                (4, 0, 1, 1, Some(Rectifier::Relu)),
                (6, 3, 1, 1, Some(Rectifier::None)),
            ],
            Residual::None,
        ),
        case(
            [2, 4, 9, 5],
            &[
                (3, 1, 1, 1, Some(Rectifier::Relu)),
                (4, 3, 1, 1, Some(Rectifier::None)),
            ],
            Residual::AddRelu,
        ),
        // Weights so large that the stages run separately.
        case(
            HEAVY,
            &[
                (24, 3, 1, 1, Some(Rectifier::Relu)),
                (20, 3, 1, 1, Some(Rectifier::None)),
            ],
            Residual::AddRelu,
        ),
        case(
            [2, 3, 5, 4],
            &[(3, 0, 1, 1, Some(Rectifier::None))],
            Residual::AddRelu,
        ),
        case(
            [2, 3, 5, 4],
            &[
                (5, 1, 1, 1, Some(Rectifier::Relu)),
                (5, 0, 1, 1, Some(Rectifier::None)),
            ],
            Residual::None,
        ),
    ]
}

#[test]
fn agrees_with_the_plain_path_in_f64() {
    for (index, case) in cases().iter().enumerate() {
        assert_agree(
            &format!("case {index}"),
            &case.inputs(),
            |t| case.run(keeping, t),
            |t| case.run(plain::conv_norm_chain, t),
            5e-5,
        );
    }
}

/// The plain path is a convolution and a norm in turn; the chain must equal it.
#[test]
fn is_its_parts_in_turn() {
    let case = &cases()[0];
    let parts = |t: &[Tensor]| {
        let mut out = t[0].clone();
        let stages = case.with(t);
        for stage in &stages {
            let norm = stage.norm.unwrap();
            let (weight, config) = stage.conv.unwrap();
            let convolved = conv2d(&out, weight, config)?;
            out = batch_norm_train(&convolved, norm.weight, norm.bias, EPS, norm.rectifier)?.0;
        }
        out + &t[0]
    };
    let inputs = case.inputs();
    let (whole, parts) = (
        evaluate(&inputs, |t| case.run(keeping, t)),
        evaluate(&inputs, parts),
    );
    assert_close("output", &whole.out, &parts.out, 1e-6);
    for (whole, parts) in whole.gradients.iter().zip(&parts.gradients) {
        assert_close("gradient", whole, parts, 2e-5);
    }
}

#[test]
fn plain_gradient_is_that_of_finite_differences() {
    // Without ReLU, since some value lies within a step of its kink.
    let smooth = Case {
        x: [2, 2, 5, 4],
        stages: vec![
            (4, 1, 1, 1, Some(Rectifier::None)),
            (4, 3, 2, 4, None),
            (3, 1, 1, 1, Some(Rectifier::None)),
        ],
        residual: Residual::None,
    };
    assert_gradient("chain", &smooth.inputs(), |t| {
        smooth.run(plain::conv_norm_chain, t)
    });
}

#[test]
fn statistics_are_those_of_every_norm() {
    for case in cases() {
        let inputs = case.inputs();
        let of = |chain: Chain| {
            chain(&inputs[0], &case.with(&inputs), case.residual)
                .unwrap()
                .1
        };
        let (found, expected) = (of(keeping), of(plain::conv_norm_chain));
        assert_eq!(found.len(), case.stages.len());
        for ((found, expected), stage) in found.iter().zip(&expected).zip(&case.stages) {
            assert_eq!(found.is_some(), stage.4.is_some());
            if let (Some(found), Some(expected)) = (found, expected) {
                assert_close("mean", &found.mean, &expected.mean, 1e-5);
                assert_close("var", &found.var, &expected.var, 1e-5);
                assert_eq!(found.count, expected.count);
                assert!(!found.mean.track_op() && !found.var.track_op());
            }
        }
    }
}

#[test]
fn an_image_gets_no_gradient_and_the_parameters_do() {
    for case in cases() {
        let inputs = case.inputs();
        let vars: Vec<_> = inputs[1..]
            .iter()
            .map(|t| candle_core::Var::from_tensor(t).unwrap())
            .collect();
        let mut tensors = vec![inputs[0].clone()];
        tensors.extend(vars.iter().map(|var| var.as_tensor().clone()));
        let out = case.run(keeping, &tensors).unwrap();
        let gradients = (&out * random(out.dims(), 77))
            .unwrap()
            .sum_all()
            .unwrap()
            .backward()
            .unwrap();
        // For separate stages, candle's own sum at the end computes both gradients.
        if case.x != HEAVY {
            assert!(gradients.get(&inputs[0]).is_none());
        }
        let expected = evaluate(&inputs, |t| case.run(keeping, t));
        for (var, expected) in vars.iter().zip(&expected.gradients[1..]) {
            assert_close("parameter", gradients.get(var).unwrap(), expected, 0.0);
        }
    }
}

#[test]
fn a_nan_stays_visible() {
    let case = &cases()[0];
    let mut inputs = case.inputs();
    let zeros = Tensor::zeros(&case.x, DType::F32, &Device::Cpu).unwrap();
    inputs[0] = (zeros / 0.0).unwrap();
    let out = case.run(keeping, &inputs).unwrap();
    assert!(flat(&out).iter().all(|value| value.is_nan()));
}

/// A chain frees what it kept as its gradient is computed, and computes it again for a second
/// backward pass.
#[test]
fn a_second_backward_pass_gives_the_same() {
    for case in cases() {
        let vars: Vec<_> = case
            .inputs()
            .iter()
            .map(|t| candle_core::Var::from_tensor(t).unwrap())
            .collect();
        let tensors: Vec<_> = vars.iter().map(|var| var.as_tensor().clone()).collect();
        let out = case.run(keeping, &tensors).unwrap();
        let loss = (&out * random(out.dims(), 77)).unwrap().sum_all().unwrap();
        let (first, second) = (loss.backward().unwrap(), loss.backward().unwrap());
        for var in &vars {
            let of =
                |gradients: &candle_core::backprop::GradStore| flat(gradients.get(var).unwrap());
            assert_eq!(of(&first), of(&second));
        }
    }
}

#[test]
fn recomputing_activations_changes_no_bit() {
    for case in cases() {
        let inputs = case.inputs();
        let [held, again] =
            [keeping, recomputing].map(|chain| evaluate(&inputs, |t| case.run(chain, t)));
        assert_eq!(flat(&held.out), flat(&again.out));
        for (held, again) in held.gradients.iter().zip(&again.gradients) {
            assert_eq!(flat(held), flat(again));
        }
    }
}
