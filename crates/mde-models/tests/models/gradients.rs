//! Whole networks: gradients in f64 against finite differences, and f32 kernels against the same
//! network in f64.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{VarBuilder, VarMap};
use mde_models::bts::{Bts, BtsConfig};
use mde_models::densenet::DenseNetConfig;
use mde_models::meter::{DepthUnit, Meter, MeterConfig};
use mde_models::mff::{Mff, MffConfig};
use mde_models::mobilevit::MobileVitConfig;
use mde_models::resnet::ResNetConfig;
use mde_models::senet::SeNetConfig;
use mde_models::{DepthInput, DepthNet, Mode, NoProbe};

use crate::common::{images, input};

type Build = fn(VarBuilder) -> Box<dyn DepthNet>;

/// Small networks of every kind and an input size for each.
const NETWORKS: [(&str, Build, usize, usize); 4] = [
    ("bts", small_bts, 33, 51),
    ("meter", small_meter, 61, 64),
    ("senet", small_senet, 35, 51),
    ("densenet", small_densenet, 35, 51),
];

fn small_bts(vb: VarBuilder) -> Box<dyn DepthNet> {
    let encoder = ResNetConfig {
        width: 4,
        stages: [1, 1, 1, 1],
        ..ResNetConfig::resnet18()
    };
    let config = BtsConfig {
        encoder: encoder.into(),
        decoder: [16, 12, 16, 16, 16],
        max_depth: 80.0,
        focal_scaled: true,
    };
    Box::new(Bts::new(config, vb).unwrap())
}

fn small_meter(vb: VarBuilder) -> Box<dyn DepthNet> {
    let config = MeterConfig {
        encoder: MobileVitConfig {
            stem: 4,
            channels: [4, 4, 6, 6, 8],
            out: 8,
            tokens: [8, 10, 12],
            expansion: 2,
        },
        decoder: [8, 6, 4, 4],
        unit: DepthUnit::Decimetre,
    };
    Box::new(Meter::new(config, vb).unwrap())
}

fn small_mff(config: MffConfig, vb: VarBuilder) -> Box<dyn DepthNet> {
    let config = MffConfig {
        decoder: [8, 8, 6, 6, 4],
        branch: 4,
        ..config
    };
    Box::new(Mff::new(config, vb).unwrap())
}

fn small_senet(vb: VarBuilder) -> Box<dyn DepthNet> {
    let encoder = SeNetConfig {
        stages: [1, 1, 1, 1],
        width: 4,
        groups: 2,
        reduction: 4,
    };
    small_mff(MffConfig::with_encoder(encoder), vb)
}

fn small_densenet(vb: VarBuilder) -> Box<dyn DepthNet> {
    let encoder = DenseNetConfig {
        stem: 4,
        growth: 4,
        layers: [1, 2, 1, 1],
    };
    small_mff(MffConfig::with_encoder(encoder), vb)
}

/// Values in [-1, 1) that depend on the name and the index only.
fn noise(name: &str, count: usize) -> Vec<f64> {
    let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let values = (1..=count as u64).map(|index| {
        let mut z = seed.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    });
    values.collect()
}

struct Model {
    network: Box<dyn DepthNet>,
    vars: BTreeMap<String, Var>,
    input: DepthInput,
}

fn model(build: Build, height: usize, width: usize, dtype: DType) -> Model {
    let map = VarMap::new();
    let network = build(VarBuilder::from_varmap(&map, dtype, &Device::Cpu));
    let vars: BTreeMap<String, Var> = map.data().lock().unwrap().clone().into_iter().collect();
    for (name, var) in &vars {
        let dims = var.dims();
        let (centre, spread) = match dims.len() {
            1 if name.ends_with("running_var") => (1.0, 0.5),
            1 if name.ends_with("weight") => (0.8, 0.3),
            1 => (0.0, 0.2),
            _ => (
                0.0,
                (6.0 / dims[1..].iter().product::<usize>() as f64).sqrt(),
            ),
        };
        let values = noise(name, var.elem_count())
            .into_iter()
            .map(|v| centre + spread * v);
        let values = Tensor::from_vec(values.collect::<Vec<f64>>(), dims, &Device::Cpu).unwrap();
        var.set(&values.to_dtype(dtype).unwrap()).unwrap();
    }
    let mut input = input(images(2, height, width));
    input.image = input.image.to_dtype(dtype).unwrap();
    Model {
        network,
        vars,
        input,
    }
}

impl Model {
    fn depth(&self) -> Tensor {
        self.network
            .forward(&self.input, Mode::Train, &mut NoProbe)
            .unwrap()
    }

    /// The mean depth, weighted by noise.
    fn loss(&self) -> Tensor {
        let depth = self.depth();
        let weights = noise("loss", depth.elem_count());
        let weights = Tensor::from_vec(weights, depth.dims(), &Device::Cpu).unwrap();
        (depth * weights.to_dtype(self.input.image.dtype()).unwrap())
            .unwrap()
            .mean_all()
            .unwrap()
    }

    fn trainable(&self) -> impl Iterator<Item = (&String, &Var)> {
        self.vars
            .iter()
            .filter(|(name, _)| !name.contains("running_"))
    }
}

fn number(tensor: &Tensor) -> f64 {
    tensor.to_dtype(DType::F64).unwrap().to_scalar().unwrap()
}

#[test]
fn gradients_are_those_of_finite_differences() {
    // Short enough that no ReLU changes its state.
    const STEP: f64 = 1e-8;
    for (name, build, height, width) in NETWORKS {
        let model = model(build, height, width, DType::F64);
        let gradients = model.loss().backward().unwrap();
        for direction in 0..2 {
            let moves: Vec<(&Var, Tensor, Tensor)> = model
                .trainable()
                .map(|(parameter, var)| {
                    let direction = noise(&format!("{direction}/{parameter}"), var.elem_count());
                    let direction = Tensor::from_vec(direction, var.dims(), &Device::Cpu).unwrap();
                    (var, var.as_detached_tensor().copy().unwrap(), direction)
                })
                .collect();
            let analytic: f64 = moves
                .iter()
                .map(|(var, _, direction)| {
                    number(
                        &(gradients.get(var).unwrap() * direction)
                            .unwrap()
                            .sum_all()
                            .unwrap(),
                    )
                })
                .sum();
            let at = |step: f64| {
                for (var, start, direction) in &moves {
                    var.set(&(start + (direction * step).unwrap()).unwrap())
                        .unwrap();
                }
                number(&model.loss())
            };
            let numeric = (at(STEP) - at(-STEP)) / (2.0 * STEP);
            at(0.0);
            assert!(
                (numeric - analytic).abs() <= 1e-5 * (numeric.abs() + 1e-3),
                "{name}: {analytic}, by differences {numeric}"
            );
        }
    }
}

#[test]
fn the_kernels_agree_with_the_same_network_in_double_precision() {
    for (name, build, height, width) in NETWORKS {
        let [fast, exact] = [DType::F32, DType::F64].map(|dtype| {
            let model = model(build, height, width, dtype);
            let depth = model
                .depth()
                .to_dtype(DType::F64)
                .unwrap()
                .flatten_all()
                .unwrap();
            let gradients = model.loss().backward().unwrap();
            let norms: BTreeMap<String, f64> = model
                .trainable()
                .map(|(name, var)| {
                    let norm = gradients
                        .get(var)
                        .unwrap()
                        .sqr()
                        .unwrap()
                        .sum_all()
                        .unwrap();
                    (name.clone(), number(&norm).sqrt())
                })
                .collect();
            (depth.to_vec1::<f64>().unwrap(), norms)
        });
        let largest = exact.0.iter().fold(0f64, |largest, v| largest.max(v.abs()));
        for (fast, exact) in fast.0.iter().zip(&exact.0) {
            assert!(
                (fast - exact).abs() < 1e-4 * largest,
                "{name}: {fast}, in f64 {exact}"
            );
        }
        // A ReLU whose input is all but 0 may open in one precision only; a wrong gradient is off
        // by far more. Before a batch norm a shift has no effect, and its gradient is rounding.
        let rounding = 1e-6
            * exact
                .1
                .values()
                .fold(0f64, |largest, norm| largest.max(*norm));
        for (parameter, exact) in &exact.1 {
            let fast = fast.1[parameter];
            assert!(
                (fast - exact).abs() < 0.02 * exact + rounding,
                "{name} {parameter}: {fast}, in f64 {exact}"
            );
        }
    }
}
