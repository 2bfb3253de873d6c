//! Initial values.

use candle_core::{Device, Tensor};
use candle_nn::Init;
use candle_nn::init::DEFAULT_KAIMING_UNIFORM;
use mde_models::Parameters;

use crate::common::{bits, built, tiny, values};

fn get(parameters: &Parameters, shape: (usize, usize), name: &str) -> Tensor {
    parameters
        .builder()
        .get_with_hints(shape, name, DEFAULT_KAIMING_UNIFORM)
        .unwrap()
}

#[test]
fn initial_values_depend_only_on_seed_and_name() {
    let names = ["a.weight", "b.weight", "a.b.weight", "ab.weight"];
    let make = |seed, order: &[usize]| {
        let parameters = Parameters::new(seed, &Device::Cpu);
        for &index in order {
            get(&parameters, (5, 7), names[index]);
        }
        parameters
    };
    let (forwards, backwards) = (make(3, &[0, 1, 2, 3]), make(3, &[3, 1, 0, 2]));
    let other_seed = make(4, &[0, 1, 2, 3]);
    for (index, name) in names.iter().enumerate() {
        let value = bits(&forwards.all()[*name]);
        assert_eq!(value, bits(&backwards.all()[*name]), "{name}");
        assert_ne!(value, bits(&other_seed.all()[*name]), "{name}");
        for other in &names[..index] {
            assert_ne!(value, bits(&forwards.all()[*other]), "{name} and {other}");
        }
    }
    let order: Vec<String> = backwards.all().into_keys().collect();
    assert_eq!(order, ["a.b.weight", "a.weight", "ab.weight", "b.weight"]);
}

/// Parameters with the same name and shape have equal initial values in different networks.
#[test]
fn a_deeper_network_starts_with_the_same_shared_parameters() {
    let (shallow, deep) = (built("mff-resnet18", 5), built("mff-resnet34", 5));
    let deep = deep.parameters.all();
    let shallow = shallow.parameters.all();
    assert!(deep.len() > shallow.len());
    for (name, var) in &shallow {
        assert_eq!(bits(var), bits(&deep[name]), "{name}");
    }
}

#[test]
fn weights_keep_the_scale_of_he_et_al() {
    let weights = values(&get(&Parameters::new(1, &Device::Cpu), (400, 50), "weight"));
    let variance = weights.iter().map(|w| w * w).sum::<f32>() / weights.len() as f32;
    assert!((variance - 2.0 / 50.0).abs() < 0.002, "{variance}");
    let mean = weights.iter().sum::<f32>() / weights.len() as f32;
    assert!(mean.abs() < 0.005, "{mean}");
    let bound = (6f32 / 50.0).sqrt();
    assert!(weights.iter().all(|weight| weight.abs() <= bound));
}

#[test]
fn batch_norms_and_biases_start_neutral() {
    let all = tiny().parameters.all();
    let is = |name: &str, value: f32| {
        assert!(values(&all[name]).iter().all(|&v| v == value), "{name}");
    };
    is("E.bn1.weight", 1.0);
    is("E.bn1.bias", 0.0);
    is("E.bn1.running_mean", 0.0);
    is("E.bn1.running_var", 1.0);
    is("R.conv2.bias", 0.0);
}

#[test]
fn one_name_has_one_shape() {
    let parameters = Parameters::new(1, &Device::Cpu);
    let first = get(&parameters, (3, 4), "weight");
    let again = get(&parameters, (3, 4), "weight");
    assert_eq!(bits(&first), bits(&again));
    let other = parameters
        .builder()
        .get_with_hints((4, 3), "weight", Init::Const(0.0));
    assert!(other.unwrap_err().to_string().contains("weight"));
    assert_eq!(parameters.all().len(), 1);
}

#[test]
fn a_snapshot_is_not_changed_by_training() {
    let parameters = Parameters::new(1, &Device::Cpu);
    get(&parameters, (3, 4), "weight");
    let snapshot = parameters.snapshot().unwrap();
    let before = bits(&snapshot["weight"]);
    let var = &parameters.all()["weight"];
    var.set(&var.zeros_like().unwrap()).unwrap();
    assert_eq!(before, bits(&snapshot["weight"]));
    assert!(
        values(&parameters.all()["weight"])
            .iter()
            .all(|&v| v == 0.0)
    );
}
