//! What counts as a measured depth: the reach of the scene, arrays, signs of another encoding.

use image::{ImageBuffer, Luma};
use mde_arrays::to_npy;
use mde_datasets::{
    DataSpec, DepthEncoding, InspectOptions, Inspection, MeterInput, Preprocessing, Severity,
    Split, inspect, mean_depth, survey_depth,
};

use crate::common::{Folder, Grey16, SIZE, depth_mm};

const TOML: &str = "name = \"x\"\nscene = \"SCENE\"\n[depth]\nencoding = \"ENCODING\"\nRANGE\n[train]\nlist = \"list.csv\"\n";

/// Two pairs with the stored values of `value(x, y)` as their depth.
fn folder(value: impl Fn(u32, u32) -> u16) -> Folder {
    let folder = Folder::new(2);
    for number in 0..2 {
        let map = Grey16::from_fn(SIZE.1, SIZE.0, |x, y| Luma([value(x, y)]));
        let name = format!("train/{number:05}_depth.png");
        map.save(folder.path(&name)).unwrap();
    }
    folder
}

fn describe(folder: &Folder, scene: &str, encoding: &str, range: &str) -> DataSpec {
    let text = TOML.replace("SCENE", scene).replace("ENCODING", encoding);
    folder.write("dataset.toml", text.replace("RANGE", range));
    folder.root().to_str().unwrap().parse().unwrap()
}

fn look(data: &DataSpec) -> Inspection {
    let options = InspectOptions {
        split: Some(Split::Train),
        decode: true,
        ..InspectOptions::default()
    };
    inspect(data, &options, &|_| ())
}

/// Severity and name of the findings on depth values.
fn checks(inspection: &Inspection) -> Vec<(Severity, &'static str)> {
    let findings = inspection.findings.iter();
    let depth = [
        "largest-value",
        "beyond-reach",
        "rotated-bits",
        "implausible-depth",
    ];
    let findings = findings.filter(|finding| depth.contains(&finding.check));
    findings
        .map(|finding| (finding.severity, finding.check))
        .collect()
}

/// 1.5 m and more to the right; the first 7 of 35 columns hold `hole`.
fn with_holes(hole: u16) -> impl Fn(u32, u32) -> u16 {
    move |x, _| if x < 7 { hole } else { (1500 + 50 * x) as u16 }
}

#[test]
fn the_largest_value_is_not_measured_and_is_reported() {
    let (zero, full) = (folder(with_holes(0)), folder(with_holes(u16::MAX)));
    for (scene, encoding, hole) in [
        ("indoor", "u16-mm", "65.535"),
        ("street", "u16/100", "655.35"),
    ] {
        let open = |folder| {
            let data = describe(folder, scene, encoding, "");
            (data.open(Split::Train, None).unwrap(), data)
        };
        let ((zero, _), (full, data)) = (open(&zero), open(&full));
        for index in 0..2 {
            let depths = [&zero, &full].map(|list| list.load(index).unwrap().depth);
            assert_eq!(depths[0], depths[1]);
            // Evaluation keeps the depth: its protocol masks it.
            let kept = full.clone().with_depth_limit(f32::INFINITY);
            let kept = kept.load_depth(index).unwrap();
            assert_eq!(kept.metres[0].to_string(), hole);
            assert_eq!(kept.metres[7..35], depths[0].metres[7..35]);
        }
        assert_eq!(mean_depth(&full).unwrap(), mean_depth(&zero).unwrap());
        let [zero, full] = [zero, full].map(|list| survey_depth(&list).unwrap().warnings);
        assert_eq!(zero, [] as [String; 0]);
        let [warning] = full.as_slice() else {
            panic!("{full:?}")
        };
        let said = format!(
            "20.0 % of the pixels are {hole} m, the largest 16-bit value, and count as not measured"
        );
        assert!(warning.starts_with(&said), "{warning}");
        let inspection = look(&data);
        assert_eq!(checks(&inspection), [(Severity::Warning, "largest-value")]);
        let depth = inspection.splits[0].depth.unwrap();
        assert!((depth.largest_value_fraction - 0.2).abs() < 1e-9);
        assert!(
            (depth.missing_fraction - 0.2).abs() < 1e-9 && depth.max < 80.0,
            "{depth:?}"
        );
    }
    // The range that the advice names says the same, and nothing is left to report.
    let data = describe(&full, "indoor", "u16-mm", "range = [0.1, 10.0]");
    assert_eq!(checks(&look(&data)), []);
    let list = data.open(Split::Train, None).unwrap();
    assert_eq!(survey_depth(&list).unwrap().warnings, [] as [String; 0]);
    assert_eq!(
        mean_depth(&list).unwrap(),
        mean_depth(&zero.open().unwrap()).unwrap()
    );
}

#[test]
fn depth_at_the_end_of_the_reach_is_measured_and_beyond_it_is_not() {
    let folder = folder(|x, y| if (x, y) == (0, 0) { 10_001 } else { 10_000 });
    let list = folder.open().unwrap();
    let depth = list.load_depth(0).unwrap();
    assert_eq!(depth.metres[..2], [0.0, 10.0]);
    let warnings = survey_depth(&list).unwrap().warnings;
    let said = "0.1 % of the pixels are beyond 10 m, the reach of indoor scenes, up to 10.001 m, and count as not measured";
    assert_eq!(warnings, [said]);
    let data = describe(&folder, "indoor", "u16-mm", "");
    assert_eq!(checks(&look(&data)), [(Severity::Note, "beyond-reach")]);
    // A range may end before the reach, but not after it; evaluation reads to its end.
    let data = describe(&folder, "indoor", "u16-mm", "range = [0.1, 20.0]");
    let list = data.open(Split::Train, None).unwrap();
    assert_eq!(list.load_depth(0).unwrap().metres[..2], [0.0, 10.0]);
    let list = list.with_depth_limit(f32::INFINITY);
    assert_eq!(list.load_depth(0).unwrap().metres[..2], [10.001, 10.0]);
}

#[test]
fn eight_bits_end_where_depth_ends_and_sixteen_seldom_do() {
    let folder = Folder::new(2);
    let map = ImageBuffer::from_fn(SIZE.1, SIZE.0, |x, y| {
        Luma([if x < 1 { 255u8 } else { 100 + y as u8 }])
    });
    for number in 0..2 {
        map.save(folder.path(&format!("train/{number:05}_depth.png")))
            .unwrap();
    }
    let list = folder.open_as(DepthEncoding::U8_OVER_25_5).unwrap();
    assert_eq!(list.load_depth(0).unwrap().metres[0], 10.0);
    assert_eq!(survey_depth(&list).unwrap().warnings, [] as [String; 0]);
    let data = describe(&folder, "indoor", "u8/25.5", "");
    let inspection = look(&data);
    assert_eq!(checks(&inspection), []);
    let depth = inspection.splits[0].depth.unwrap();
    assert!((depth.largest_value_fraction - 1.0 / 35.0).abs() < 1e-9);

    // 255 in 3 of 35 columns is more than a common depth.
    let map = ImageBuffer::from_fn(SIZE.1, SIZE.0, |x, _| {
        Luma([if x < 3 { 255u8 } else { 90 }])
    });
    map.save(folder.path("train/00000_depth.png")).unwrap();
    map.save(folder.path("train/00001_depth.png")).unwrap();
    let checks_now = checks(&look(&data));
    assert_eq!(checks_now, [(Severity::Warning, "largest-value")]);

    // Replica's unit: the largest value is 10 m, within the reach.
    let folder = self::folder(|x, _| {
        if x < 7 {
            u16::MAX
        } else {
            15_000 + 500 * x as u16
        }
    });
    let data = describe(&folder, "indoor", "u16/6553.5", "");
    let list = data.open(Split::Train, None).unwrap();
    assert_eq!(list.load_depth(0).unwrap().metres[0], 10.0);
    let warnings = survey_depth(&list).unwrap().warnings;
    assert!(warnings[0].contains("10 m, the largest 16-bit value, and count as measured"));
    assert_eq!(checks(&look(&data)), [(Severity::Warning, "largest-value")]);
    let data = describe(&folder, "indoor", "u16/6553.5", "range = [0.1, 9.99]");
    assert_eq!(checks(&look(&data)), []);
    let list = data.open(Split::Train, None).unwrap();
    assert_eq!(list.load_depth(0).unwrap().metres[0], 0.0);
}

#[test]
fn rotated_bits_are_reported_and_read() {
    let ramp = |x, y| (1000 + 9 * (x * SIZE.0 + y)) as u16;
    let rotated = folder(|x, y| ramp(x, y).rotate_left(3));
    let data = describe(&rotated, "indoor", "u16/8000", "");
    let inspection = look(&data);
    assert_eq!(checks(&inspection), [(Severity::Warning, "rotated-bits")]);
    let list = data.open(Split::Train, None).unwrap();
    assert!(survey_depth(&list).unwrap().warnings[0].contains("encoding = \"sunrgbd\""));
    let data = describe(&rotated, "indoor", "sunrgbd", "");
    assert_eq!(checks(&look(&data)), []);
    let upright = folder(ramp);
    let plain = upright.open().unwrap();
    let list = data.open(Split::Train, None).unwrap();
    assert_eq!(list.load_depth(1).unwrap(), plain.load_depth(1).unwrap());
    // A few constant maps whose value is a multiple of 8 are no sign.
    let constant = folder(|_, _| 2000);
    assert_eq!(
        checks(&look(&describe(&constant, "indoor", "u16-mm", ""))),
        []
    );
}

/// A version 1.0 .npy file of little-endian numbers.
fn npy(kind: &str, (height, width): (u32, u32), values: Vec<u8>) -> Vec<u8> {
    let header =
        format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({height}, {width}), }}");
    let header = format!("{header:117}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.into_bytes());
    file.extend(values);
    file
}

#[test]
fn arrays_are_depth_maps_in_metres_or_in_a_stated_unit() {
    let folder = Folder::new(1);
    let millimetres = depth_mm(0);
    let plain = folder.open().unwrap().load_depth(0).unwrap();
    let mut metres = plain.metres.clone();
    // Three spellings of "not measured"; hole 0 stays.
    for (index, value) in [(3, f32::NAN), (4, f32::INFINITY), (5, -1.0)] {
        metres[index] = value;
    }
    let size = (SIZE.0 as usize, SIZE.1 as usize);
    let mut expected = plain.metres.clone();
    expected[3..6].fill(0.0);
    let meter = Preprocessing::Meter(MeterInput::nyu()).evaluation();
    let load = |name: &str, encoding: &str| {
        folder.write("list.csv", format!("train/00000.png,{name}\n"));
        let list = folder.open_as(encoding.parse().unwrap()).unwrap();
        list.check(meter.as_ref()).unwrap();
        list.load(0).unwrap().depth
    };
    folder.write("d.npy", to_npy(&metres, size));
    assert_eq!(load("d.npy", "float").metres, expected);
    let rows = metres.chunks(size.1).rev().flatten();
    let mut pfm = format!("Pf\n{} {}\n-1.0\n", size.1, size.0).into_bytes();
    pfm.extend(rows.flat_map(|value| value.to_le_bytes()));
    folder.write("d.pfm", pfm);
    assert_eq!(load("d.pfm", "float").metres, expected);
    let integers = millimetres
        .as_raw()
        .iter()
        .flat_map(|value| value.to_le_bytes());
    folder.write("mm.npy", npy("<u2", SIZE, integers.collect()));
    assert_eq!(load("mm.npy", "float/1000"), plain);
    // Read as metres, millimetres are beyond every reach.
    assert!(
        load("mm.npy", "float")
            .metres
            .iter()
            .all(|&metres| metres == 0.0)
    );

    for (name, encoding, parts) in [
        ("d.npy", "u16-mm", ["d.npy", "found an array", "float"]),
        (
            "train/00000_depth.png",
            "float",
            ["00000_depth.png", "found a PNG", ".npy"],
        ),
        (
            "train/00000.png",
            "float",
            ["00000.png", "found a PNG", "float"],
        ),
    ] {
        folder.write("list.csv", format!("train/00000.png,{name}\n"));
        let message = folder.load_error(encoding.parse().unwrap());
        for part in parts {
            assert!(message.contains(part), "{message}");
        }
    }
}

#[test]
fn an_exr_is_a_depth_map() {
    let fixture = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../mde-arrays/tests/fixtures/zip.exr"
    );
    let array = mde_arrays::read_array(fixture, None).unwrap();
    let (height, width) = (array.shape[0], array.shape[1]);
    let folder = Folder::new(1);
    std::fs::copy(fixture, folder.path("d.exr")).unwrap();
    image::RgbImage::new(width as u32, height as u32)
        .save(folder.path("c.png"))
        .unwrap();
    folder.write("list.csv", "c.png,d.exr\n");
    let depth = folder
        .open_as("float".parse().unwrap())
        .unwrap()
        .load(0)
        .unwrap()
        .depth;
    assert_eq!(depth.size(), (height, width));
    for (found, stored) in depth.metres.iter().zip(&array.values) {
        let measured = *stored > 0.0 && *stored <= 10.0;
        assert_eq!(*found, if measured { *stored } else { 0.0 });
    }
    assert!(
        depth.metres.iter().any(|&metres| metres > 0.0),
        "{:?}",
        array.values
    );
}
