//! Names and shapes of the reference's state dicts, without `num_batches_tracked`.

use crate::networks::built;

/// (name, shape), sorted by name.
fn expected(list: &str) -> Vec<(String, Vec<usize>)> {
    let entries = list
        .lines()
        .filter(|line| !line.contains("num_batches_tracked"));
    let mut entries: Vec<_> = entries
        .map(|line| {
            let mut fields = line.split_whitespace();
            let (name, shape) = (fields.next().unwrap(), fields.next().unwrap());
            let sizes = shape.split('x').map(|size| size.parse().unwrap());
            (name.to_owned(), sizes.collect())
        })
        .collect();
    entries.sort();
    entries
}

#[track_caller]
fn check(model: &str, list: &str) {
    let (_, parameters) = built(model);
    let all = parameters.all().into_iter();
    let found: Vec<_> = all.map(|(name, var)| (name, var.dims().to_vec())).collect();
    assert_eq!(found, expected(list), "{model}");
}

#[test]
fn parity_state_dict_mff_resnet50() {
    check(
        "mff-resnet50",
        include_str!("../goldens/state_dicts/mff_resnet50.txt"),
    );
}

#[test]
fn parity_state_dict_mff_senet154() {
    check(
        "mff-senet154",
        include_str!("../goldens/state_dicts/mff_senet154.txt"),
    );
}

#[test]
fn parity_state_dict_bts_densenet161() {
    let list = include_str!("../goldens/state_dicts/bts_densenet161.txt");
    check("bts-densenet161-nyu", list);
    check("bts-densenet161-kitti", list);
}

#[test]
fn parity_state_dict_meter_xxs() {
    let list = include_str!("../goldens/state_dicts/meter_xxs.txt");
    check("meter-xxs", list);
    check("meter-xxs-kitti", list);
}
