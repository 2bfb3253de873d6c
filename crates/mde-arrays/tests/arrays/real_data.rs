//! Real depth maps, where available (`MDE_DATA`, else `../shared`), compared with Pillow and NumPy.

use mde_arrays::{MapSet, read_array};
use mde_test_kit::real_data;

#[test]
fn sixteen_bit_pngs_of_sensors() {
    for (folder, file, shape, holes, sum, weighted) in [
        (
            "nyu-raw-sample",
            "sync_depth_00000.png",
            [480, 640],
            82_079,
            805_536_601u64,
            112_495_614_378u64,
        ),
        (
            "kitti-sample/depth",
            "0000000050.png",
            [375, 1242],
            369_619,
            451_696_671,
            47_964_150_318,
        ),
    ] {
        let Some(folder) = real_data(folder) else {
            return;
        };
        let array = read_array(folder.join(file), None).unwrap();
        assert_eq!(array.shape, shape);
        let stored: Vec<u64> = array.values.iter().map(|value| *value as u64).collect();
        assert_eq!(stored.iter().filter(|value| **value == 0).count(), holes);
        assert_eq!(stored.iter().sum::<u64>(), sum);
        let places = stored
            .iter()
            .zip(0..)
            .map(|(value, place)| value * place % 1_000_003);
        assert_eq!(places.sum::<u64>(), weighted);
    }
}

#[test]
fn a_folder_of_ground_truth_has_ids_by_room() {
    let Some(folder) = real_data("nyu-labeled/test") else {
        return;
    };
    // The colour images are JPEG files, which are not listed.
    let maps = MapSet::open(&folder, None).unwrap();
    assert_eq!(maps.len(), 654);
    assert_eq!(
        maps.find("sync_depth_00090").unwrap(),
        "bookstore/sync_depth_00090"
    );
    let map = maps.load("bookstore/sync_depth_00090").unwrap();
    let sum: u64 = map.values.iter().map(|value| *value as u64).sum();
    assert_eq!((map.height, map.width, sum), (480, 640, 1_394_324_940));
}
