//! Six real frames, read back from the written images.

use std::fs;
use std::path::Path;

use mde_convert::{FrameSplit, RgbFormat, Split, convert_labelled};
use mde_test_kit::matlab_splits;
use sha2::{Digest, Sha256};

use crate::common::{labelled_options, real_data, silent};

/// Results of h5py and NumPy for the sample: SHA-256 of the upright 8-bit RGB image (480 rows of
/// 640) and of the millimetres floor(1000 depths + 0.5) as little-endian 16-bit numbers; the
/// colours at row 10, column 20 and the millimetres at row 240, column 320.
const EXPECTED: [(&str, &str, &str, [u8; 3], u16); 6] = [
    (
        "kitchen",
        "0e3171f4b971f94acea7203545e55fe72dc4561575dc3e1d17852753d73ea05e",
        "34452277d8898a6cd20f4a227b8f1d70cbeeeecf72dd2911c4e6978cbfb4a52d",
        [91, 96, 98],
        3361,
    ),
    (
        "kitchen",
        "469dd18e6d875c9ffeb214b1d08edb1dc69c050ef688c9638e642c33d3fc5b29",
        "456c099f9e325743132c64dcb2e56130dca020f88ac134f6d47edc9e9d33490b",
        [87, 87, 66],
        1824,
    ),
    (
        "office",
        "bd6c703eb733de6c8d292f6ecc3fca3798fa8a4960f5de7e177b5996f477bfe4",
        "a7bf290a50f8938a156a3d72de9fd748ede0f3c0ca26dcce0225d414066ce0e6",
        [116, 97, 93],
        1790,
    ),
    (
        "office",
        "7de2c2ab9cdd57ed02186d836def2618fdb9edc09124082bba8517f43d850077",
        "9bdd1ec24274491f15ea6e6b241ff57b7e81f1ae9e9f1663d6f784b2af88bae0",
        [145, 133, 133],
        2216,
    ),
    (
        "office",
        "1418280e587068ce2197324af1131542bb2d90b00944b7d9bad4fd686d6c4765",
        "26934a5662fd79facc7a41ebce0bee634f1ca91819b13f4ec6d195847516d424",
        [118, 115, 109],
        3730,
    ),
    (
        "bathroom",
        "df1b98d271ea76ae01fbd105989bb521141510c403e6434f41219b3504527e52",
        "f7fa42cb8c471ec6cb31cc1c3978ef4fc8b12f4185d9a38ab4b61f419ed2ff2d",
        [137, 123, 129],
        1957,
    ),
];

const SAMPLE: &str = "nyu_depth_v2_labeled_6.mat";

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn real_frames_are_converted_exactly_to_the_millimetre() {
    let Some(sample) = real_data("nyu-mat-sample") else {
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let options = labelled_options(
        sample.join(SAMPLE),
        FrameSplit::All(Split::Test),
        out.path(),
    );
    let converted = convert_labelled(&options, &silent).unwrap();
    assert_eq!((converted.written, converted.unstorable), (6, 0));
    for (frame, (scene, rgb, depth, pixel, middle)) in EXPECTED.into_iter().enumerate() {
        let folder = out.path().join("test").join(scene);
        let image = image::open(folder.join(format!("rgb_{frame:05}.png"))).unwrap();
        let image = image.as_rgb8().unwrap();
        assert_eq!(image.dimensions(), (640, 480));
        assert_eq!(image.get_pixel(20, 10).0, pixel, "frame {frame}");
        assert_eq!(sha256(image), rgb, "colours of frame {frame}");
        for kind in ["sync_depth", "raw_depth"] {
            let map = image::open(folder.join(format!("{kind}_{frame:05}.png"))).unwrap();
            let map = map.as_luma16().unwrap();
            assert_eq!(map.get_pixel(320, 240).0, [middle], "frame {frame}");
            let bytes: Vec<u8> = map.iter().flat_map(|mm| mm.to_le_bytes()).collect();
            // In the sample, raw and filled depths are identical.
            assert_eq!(sha256(&bytes), depth, "{kind} of frame {frame}");
        }
    }
}

/// The same frames in another copy of the data set: JPEG images, depth accurate to about 5 mm.
#[test]
fn real_frames_agree_with_the_copy_under_the_paper_s_names() {
    let (Some(sample), Some(copy)) = (real_data("nyu-mat-sample"), real_data("nyu-labeled")) else {
        return;
    };
    let out = tempfile::tempdir().unwrap();
    // The official split of these six frames.
    let split = out.path().join("splits.mat");
    fs::write(&split, matlab_splits(&[3, 4, 5, 6], &[1, 2])).unwrap();
    let mut options = labelled_options(sample.join(SAMPLE), FrameSplit::File(split), out.path());
    options.rgb = RgbFormat::Jpeg { quality: 95 };
    convert_labelled(&options, &silent).unwrap();

    let of_copy = fs::read_to_string(copy.join("nyuv2_test.csv")).unwrap();
    let list = fs::read_to_string(out.path().join("nyuv2_test.csv")).unwrap();
    assert_eq!(list.lines().count(), 2);
    assert!(of_copy.starts_with(&list), "{list}");
    for name in list.lines().flat_map(|line| line.split(',')) {
        compare(&out.path().join(name), &copy.join(name));
    }
    let list = fs::read_to_string(out.path().join("nyuv2_labeled_train.csv")).unwrap();
    assert_eq!(list.lines().count(), 4);
    assert!(list.ends_with("train/bathroom/rgb_00005.jpg,train/bathroom/sync_depth_00005.png\n"));
}

fn compare(ours: &Path, copy: &Path) {
    let (ours, copy) = (image::open(ours).unwrap(), image::open(copy).unwrap());
    let difference = |one: &[f64], two: &[f64]| {
        let apart: f64 = one.iter().zip(two).map(|(a, b)| (a - b).abs()).sum();
        apart / one.len() as f64
    };
    match (ours.as_luma16(), copy.as_luma16()) {
        (Some(ours), Some(copy)) => {
            let apart: Vec<u16> = ours
                .iter()
                .zip(copy.iter())
                .map(|(a, b)| a.abs_diff(*b))
                .collect();
            let sum: u64 = apart.iter().map(|&mm| u64::from(mm)).sum();
            // Mirrored images would differ by at least 300 mm.
            assert!(apart.iter().all(|&mm| mm <= 10) && sum < 5 * apart.len() as u64);
        }
        _ => {
            let [ours, copy] = [ours, copy].map(|image| image.into_rgb8());
            let numbers = |image: &[u8]| image.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
            let apart = difference(&numbers(&ours), &numbers(&copy));
            let mirrored = image::imageops::flip_horizontal(&ours);
            let as_mirrored = difference(&numbers(&mirrored), &numbers(&copy));
            assert!(apart < 4.0, "{apart} steps apart");
            assert!(as_mirrored > 5.0 * apart, "{apart}, mirrored {as_mirrored}");
        }
    }
}

/// The paper's list and the official split give the 654 frames the same names.
#[test]
fn names_of_the_paper_s_list_are_made_of_scene_and_index() {
    let Some(copy) = real_data("nyu-labeled") else {
        return;
    };
    let list = fs::read_to_string(copy.join("nyuv2_test.csv")).unwrap();
    // As in the paper's repository, without a final newline.
    assert_eq!(
        sha256(list.trim_end().as_bytes()),
        "fd1e0e64be984bf1e1e91471f5ec3892f6eff82f1260e632c6e1dadf194a7469"
    );
    let name = |line: &str| {
        let (rgb, depth) = line.split_once(',').unwrap();
        let (scene, file) = rgb.strip_prefix("test/").unwrap().split_once('/').unwrap();
        let number = file
            .strip_prefix("rgb_")
            .unwrap()
            .strip_suffix(".jpg")
            .unwrap();
        assert_eq!(depth, format!("test/{scene}/sync_depth_{number}.png"));
        assert_eq!(number.len(), 5);
        number.parse::<usize>().unwrap()
    };
    let frames: Vec<usize> = list.lines().map(name).collect();
    assert_eq!(frames.len(), 654);
    assert!(frames.is_sorted() && frames[653] < 1449, "in index order");
}
