//! Inspection: no fault in an intact data set, exactly the planted faults in a broken one, no
//! fault in real data.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use image::{DynamicImage, Luma, Rgb, RgbImage};
use mde_datasets::{
    DataSpec, Finding, InspectEvent, InspectOptions, Inspection, Severity, Split, inspect,
};

use crate::common::{Grey16, depth_u8, real_data};

/// Rows and columns of the frames.
const SIZE: (u32, u32) = (24, 32);

/// A folder in the layout of `rooms` with 12 training and 8 test pairs, all different.
fn sound() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (split, first, count) in [("train", 0, 12), ("test", 100, 8)] {
        fs::create_dir(dir.path().join(split)).unwrap();
        let mut list = "# made for a test\n".to_owned();
        for number in 0..count {
            let (rgb, depth) = (
                format!("{split}/{number}.png"),
                format!("{split}/{number}_d.png"),
            );
            rgb_image(first + number)
                .save(dir.path().join(&rgb))
                .unwrap();
            depth_image(first + number)
                .save(dir.path().join(&depth))
                .unwrap();
            list += &format!("{rgb},{depth}\n");
        }
        fs::write(dir.path().join(format!("rooms_{split}.csv")), list).unwrap();
    }
    dir
}

fn rgb_image(number: u32) -> RgbImage {
    RgbImage::from_fn(SIZE.1, SIZE.0, |x, y| {
        Rgb([(7 * x) as u8, (9 * y) as u8, number as u8])
    })
}

fn depth_image(number: u32) -> Grey16 {
    Grey16::from_fn(SIZE.1, SIZE.0, |x, y| {
        let hole = (x + y + number).is_multiple_of(9);
        Luma([if hole {
            0
        } else {
            (1000 + 30 * x + 10 * y + number) as u16
        }])
    })
}

fn look(data: &str, options: InspectOptions) -> Inspection {
    inspect(&data.parse::<DataSpec>().unwrap(), &options, &|_| ())
}

fn rooms(root: &Path, decode: bool) -> Inspection {
    let options = InspectOptions {
        decode,
        ..InspectOptions::default()
    };
    look(&format!("rooms:{}", root.display()), options)
}

/// Errors and warnings, as `check place`.
fn faults(inspection: &Inspection) -> BTreeSet<String> {
    let faults = inspection.findings.iter();
    let faults = faults.filter(|finding| finding.severity < Severity::Note);
    faults
        .map(|Finding { check, place, .. }| format!("{check} {place}"))
        .collect()
}

fn none() -> BTreeSet<String> {
    BTreeSet::new()
}

#[test]
fn an_intact_data_set_has_no_fault() {
    let dir = sound();
    for decode in [false, true] {
        let inspection = rooms(dir.path(), decode);
        assert_eq!(inspection.findings, []);
        let [train, test] = inspection.splits.as_slice() else {
            panic!("{:?}", inspection.splits)
        };
        assert_eq!((train.pairs, test.pairs, train.decoded), (12, 8, decode));
        assert_eq!(train.list, "rooms_train.csv");
        assert_eq!(
            (
                test.sizes[0].height,
                test.sizes[0].width,
                test.sizes[0].pairs
            ),
            (24, 32, 8)
        );
        assert_eq!(test.depth.is_some(), decode);
    }
    let depth = rooms(dir.path(), true).splits[0].depth.unwrap();
    let stored = (0..12).flat_map(|number| depth_image(number).into_raw());
    let mut measured: Vec<u16> = stored.filter(|&stored| stored > 0).collect();
    measured.sort_unstable();
    let metres = |stored: u16| f64::from(stored) / 1000.0;
    let mean = measured.iter().map(|&stored| metres(stored)).sum::<f64>() / measured.len() as f64;
    assert_eq!(
        depth.median,
        metres(measured[measured.len().div_ceil(2) - 1])
    );
    assert_eq!(
        f64::from(depth.min * 1000.0).round(),
        f64::from(measured[0])
    );
    assert!((depth.mean - mean).abs() < 1e-6);
    let missing = 1.0 - measured.len() as f64 / f64::from(12 * 24 * 32);
    assert!((depth.missing_fraction - missing).abs() < 1e-12);
}

/// Plants a fault of every kind in an intact folder; returns the expected findings.
fn plant(root: &Path) -> BTreeSet<String> {
    let write = |path: &str, content: &[u8]| fs::write(root.join(path), content).unwrap();
    let read = |path: &str| fs::read(root.join(path)).unwrap();
    let save = |path: &str, image: DynamicImage| image.save(root.join(path)).unwrap();
    // Line n + 2 of a list is pair n.
    let mut list = fs::read_to_string(root.join("rooms_train.csv")).unwrap();
    list += "train/9.png\n../9.png,train/9_d.png\ntrain/0.png,train/0_d.png\n";
    write("rooms_train.csv", list.as_bytes());
    fs::remove_file(root.join("train/1.png")).unwrap();
    let whole = read("train/2_d.png");
    write("train/2_d.png", &whole[..whole.len() / 2]);
    write("train/3.png", b"");
    write("train/4_d.png", b"<html>404 Not Found</html>");
    save("train/5_d.png", depth_u8(99).into());
    save("train/6.png", rgb_image(6).into());
    save(
        "train/6.png",
        DynamicImage::from(rgb_image(6)).into_luma8().into(),
    );
    save(
        "train/7_d.png",
        Grey16::from_pixel(20, 24, Luma([1500])).into(),
    );
    // Re-encoded: other bytes, the same pixels.
    let mut palette = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new_with_quality(
        &mut palette,
        image::codecs::png::CompressionType::Fast,
        image::codecs::png::FilterType::NoFilter,
    );
    rgb_image(9).write_with_encoder(encoder).unwrap();
    assert_ne!(palette, read("train/9.png"));
    write("train/8.png", &palette);
    write("test/0.png", &read("train/10.png"));
    save("test/1_d.png", Grey16::new(SIZE.1, SIZE.0).into());
    save(
        "test/2_d.png",
        Grey16::from_pixel(SIZE.1, SIZE.0, Luma([2000])).into(),
    );
    // In tenths of a millimetre, and in metres.
    save(
        "test/3_d.png",
        Grey16::from_fn(SIZE.1, SIZE.0, |x, _| Luma([15_000 + x as u16])).into(),
    );
    save(
        "test/4_d.png",
        Grey16::from_fn(SIZE.1, SIZE.0, |x, _| Luma([1 + (x % 3) as u16])).into(),
    );
    save(
        "test/5_d.png",
        Grey16::from_fn(SIZE.1, SIZE.0, |x, y| {
            Luma([if x < 5 { 900 + y as u16 } else { 0 }])
        })
        .into(),
    );
    let mut bytes = read("test/6_d.png");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xFF;
    write("test/6_d.png", &bytes);
    [
        "malformed-line rooms_train.csv, line 14",
        "malformed-line rooms_train.csv, line 15",
        "duplicate-line rooms_train.csv, line 16",
        "missing-file rooms_train.csv, line 3: train/1.png",
        "truncated rooms_train.csv, line 4: train/2_d.png",
        "empty-file rooms_train.csv, line 5: train/3.png",
        "not-an-image rooms_train.csv, line 6: train/4_d.png",
        "depth-type rooms_train.csv, line 7: train/5_d.png",
        "pixel-type rooms_train.csv, line 8: train/6.png",
        "size-mismatch rooms_train.csv, line 9: train/7_d.png",
        "constant-depth rooms_train.csv, line 9: train/7_d.png",
        "duplicate-image rooms_train.csv, line 11: train/9.png",
        "leak rooms_test.csv, line 2: test/0.png",
        "no-measurement rooms_test.csv, line 3: test/1_d.png",
        "constant-depth rooms_test.csv, line 4: test/2_d.png",
        "implausible-depth rooms_test.csv, line 5: test/3_d.png",
        "implausible-depth rooms_test.csv, line 6: test/4_d.png",
        "missing-depth rooms_test.csv, line 7: test/5_d.png",
        "damaged rooms_test.csv, line 8: test/6_d.png",
    ]
    .map(str::to_owned)
    .into()
}

#[test]
fn every_planted_fault_is_found_and_nothing_else() {
    let dir = sound();
    let planted = plant(dir.path());
    let inspection = rooms(dir.path(), true);
    assert_eq!(faults(&inspection), planted);
    let every = inspection
        .findings
        .iter()
        .filter(|finding| finding.severity < Severity::Note);
    assert!(
        every
            .clone()
            .all(|finding| !finding.advice.is_empty() && !finding.what.is_empty())
    );
    let sizes = inspection
        .findings
        .iter()
        .find(|finding| finding.check == "sizes")
        .unwrap();
    assert!(sizes.what.contains("24x20 (1 pair)"), "{}", sizes.what);

    // Faults in headers and lengths are found without decoding.
    let quick = faults(&rooms(dir.path(), false));
    let deep = [
        "constant-depth",
        "duplicate-image",
        "no-measurement",
        "implausible",
        "missing-depth",
        "damaged",
    ];
    let expected = planted
        .into_iter()
        .filter(|fault| !deep.iter().any(|deep| fault.starts_with(deep)));
    assert_eq!(quick, expected.collect());
}

#[test]
fn a_wrong_unit_of_all_maps_is_one_finding() {
    let dir = sound();
    let data = format!("rooms:{}", dir.path().display());
    for number in 0..3 {
        let tenths = depth_image(number)
            .pixels()
            .map(|stored| 10 * stored.0[0])
            .collect();
        let map = Grey16::from_raw(SIZE.1, SIZE.0, tenths).unwrap();
        map.save(dir.path().join(format!("test/{number}_d.png")))
            .unwrap();
    }
    for (encoding, parts) in [
        ("u16/100", "beyond"),
        ("u16/65535", "99 % of the stored depths are below"),
        ("u16-mm", "3 of 8 depth maps"),
    ] {
        let options = InspectOptions {
            decode: true,
            split: Some(Split::Test),
            encoding: Some(encoding.parse().unwrap()),
            hashes: None,
        };
        let inspection = look(&data, options);
        assert_eq!(
            faults(&inspection),
            ["implausible-depth rooms_test.csv".to_owned()].into()
        );
        assert!(
            inspection.findings[0].what.contains(parts),
            "{}",
            inspection.findings[0].what
        );
    }
}

/// Depth maps of 0.8 to 4 m in this number of stored units per metre, declared as `encoding` with
/// the range of the own-data guide's TUM example.
fn with_range(units_per_metre: f32, encoding: &str) -> Inspection {
    let dir = sound();
    for number in 0..12 {
        let map = Grey16::from_fn(SIZE.1, SIZE.0, |x, y| {
            let metres = 0.8 + 3.2 * x as f32 / (SIZE.1 - 1) as f32;
            Luma([(metres * units_per_metre) as u16 + (y + number) as u16])
        });
        map.save(dir.path().join(format!("train/{number}_d.png")))
            .unwrap();
    }
    let text = format!(
        "name = \"x\"\nscene = \"indoor\"\n[depth]\nencoding = \"{encoding}\"\nrange = [0.4, 8.0]\n[train]\nlist = \"rooms_train.csv\"\n"
    );
    fs::write(dir.path().join("dataset.toml"), text).unwrap();
    let options = InspectOptions {
        decode: true,
        split: Some(Split::Train),
        ..InspectOptions::default()
    };
    look(dir.path().to_str().unwrap(), options)
}

#[test]
fn a_unit_wrong_by_5_is_found_before_the_range_is_applied() {
    assert_eq!(with_range(5000.0, "u16/5000").findings, []);
    assert_eq!(with_range(1000.0, "u16-mm").findings, []);
    // TUM declared as millimetres: 4 to 20 m, of which the range hides what is beyond 8 m.
    let too_large = with_range(5000.0, "u16-mm");
    let [finding] = too_large.findings.as_slice() else {
        panic!("{:?}", too_large.findings)
    };
    assert_eq!(
        (finding.severity, finding.check, finding.place.as_str()),
        (Severity::Error, "implausible-depth", "rooms_train.csv")
    );
    assert!(finding.what.contains("beyond 8 m"), "{}", finding.what);
    assert!(too_large.splits[0].depth.unwrap().max <= 8.0);
    // Maps without a depth inside the range are not reported as unmeasured: 20 to 100 m.
    let all_outside = with_range(25_000.0 / 2.0, "u16/500");
    let checks: Vec<_> = all_outside
        .findings
        .iter()
        .map(|found| found.check)
        .collect();
    assert_eq!(checks, ["implausible-depth"]);
    // Millimetres declared as TUM's unit: 0.16 to 0.8 m.
    let too_small = with_range(1000.0, "u16/5000");
    let [finding] = too_small.findings.as_slice() else {
        panic!("{:?}", too_small.findings)
    };
    assert_eq!(
        (finding.severity, finding.check),
        (Severity::Warning, "implausible-depth")
    );
    assert!(
        finding.what.contains("below 0.4 m; expected 0.4 to 8 m"),
        "{}",
        finding.what
    );
}

#[test]
fn missing_lists_folders_and_descriptions_are_findings() {
    let dir = sound();
    fs::write(dir.path().join("train/other.jpg"), "x").unwrap();
    fs::remove_file(dir.path().join("rooms_test.csv")).unwrap();
    let inspection = rooms(dir.path(), false);
    assert_eq!((faults(&inspection), inspection.splits.len()), (none(), 1));
    let notes: Vec<_> = inspection
        .findings
        .iter()
        .map(|note| (note.check, note.what.as_str()))
        .collect();
    assert!(
        matches!(notes[..], [("missing-list", _), ("unlisted", _)]),
        "{notes:?}"
    );
    // The 16 images of the test split are not listed either.
    assert!(notes[1].1.starts_with("17 images"), "{notes:?}");
    // A list of neither split also counts.
    let named = (0..8).map(|number| format!("test/{number}.png,test/{number}_d.png\n"));
    fs::write(dir.path().join("other.csv"), named.collect::<String>()).unwrap();
    let inspection = rooms(dir.path(), false);
    let last = &inspection.findings[1].what;
    assert_eq!(last, "1 image not named by any list: train/other.jpg");
    fs::remove_file(dir.path().join("other.csv")).unwrap();
    let test = InspectOptions {
        split: Some(Split::Test),
        ..InspectOptions::default()
    };
    let asked = look(&format!("rooms:{}", dir.path().display()), test);
    assert_eq!(faults(&asked), ["missing-list test".to_owned()].into());

    let own = look(dir.path().to_str().unwrap(), InspectOptions::default());
    assert_eq!(
        faults(&own),
        ["missing-description dataset.toml".to_owned()].into()
    );
    fs::write(dir.path().join("dataset.toml"), "name = 3").unwrap();
    let own = look(dir.path().to_str().unwrap(), InspectOptions::default());
    assert_eq!(
        faults(&own),
        ["bad-description dataset.toml".to_owned()].into()
    );
    let nowhere = rooms(&dir.path().join("nowhere"), true);
    assert_eq!(nowhere.findings.len(), 1);
    assert_eq!(nowhere.findings[0].check, "missing-folder");
    fs::write(dir.path().join("rooms_test.csv"), "# nothing\n").unwrap();
    fs::remove_file(dir.path().join("dataset.toml")).unwrap();
    assert_eq!(
        faults(&rooms(dir.path(), true)),
        ["empty-list rooms_test.csv".to_owned()].into()
    );
}

#[test]
fn own_data_is_inspected_as_described() {
    let dir = sound();
    let describe = |more: &str| {
        let table = "rgb = \"train/*.png\"\ndepth = \"train/*_d.png\"";
        let text = format!(
            "name = \"x\"\nscene = \"street\"\n{more}\n[depth]\nencoding = \"u16-mm\"\n[train]\n{table}\nskip_unpaired = true\n[test]\n{}\n",
            table.replace("train", "test").replace("*.", "*[0-9].")
        );
        fs::write(dir.path().join("dataset.toml"), text).unwrap();
    };
    describe("");
    let options = InspectOptions {
        decode: true,
        ..InspectOptions::default()
    };
    let data = dir.path().to_str().unwrap();
    let inspection = look(data, options.clone());
    let expected = [
        "bad-description dataset.toml",
        "focal-missing dataset.toml, [train]",
    ];
    assert_eq!(faults(&inspection), expected.map(str::to_owned).into());
    assert_eq!(inspection.splits[0].pairs, 12);
    describe("[camera]\nfx = 500");
    let inspection = look(data, options);
    let implausible = faults(&inspection)
        .into_iter()
        .filter(|fault| fault.starts_with("focal-implausible dataset.toml, [train]: train/"));
    assert_eq!(implausible.count(), 12);
}

#[test]
fn recorded_hashes_are_compared() {
    let dir = sound();
    let recorded = rooms(dir.path(), false).hashes;
    assert_eq!(recorded.len(), 2 * 20 + 2);
    let file = dir.path().join("hashes.b3");
    let lines = |skip: usize| -> String {
        let lines = recorded.iter().skip(skip);
        lines
            .map(|(path, hash)| format!("{hash}  {path}\n"))
            .collect()
    };
    let compare = |text: String| {
        fs::write(&file, text).unwrap();
        let options = InspectOptions {
            hashes: Some(file.clone()),
            ..InspectOptions::default()
        };
        look(&format!("rooms:{}", dir.path().display()), options)
    };
    assert_eq!(compare(lines(0)).findings, []);
    assert_eq!(compare(lines(0).replace("  ", " *./")).findings, []);
    let some = compare(lines(3));
    assert_eq!((faults(&some), some.findings.len()), (none(), 1));
    assert!(
        some.findings[0].what.starts_with("3 files"),
        "{:?}",
        some.findings
    );
    let wrong = compare(format!("{}deadbeef  x.png\n", lines(0)));
    assert_eq!(
        faults(&wrong),
        [format!("hash-file {}, line 43", file.display())].into()
    );
    rgb_image(77).save(dir.path().join("test/3.png")).unwrap();
    assert_eq!(
        faults(&compare(lines(0))),
        ["hash-mismatch test/3.png".to_owned()].into()
    );
    let none = InspectOptions {
        hashes: Some("nowhere.b3".into()),
        ..InspectOptions::default()
    };
    let none = look(&format!("rooms:{}", dir.path().display()), none);
    assert_eq!(faults(&none), ["hash-file nowhere.b3".to_owned()].into());
}

#[test]
fn every_pair_is_reported_as_progress() {
    let dir = sound();
    let spec: DataSpec = format!("rooms:{}", dir.path().display()).parse().unwrap();
    let seen = std::sync::Mutex::new((0, 0));
    inspect(&spec, &InspectOptions::default(), &|event| {
        let mut seen = seen.lock().unwrap();
        match event {
            InspectEvent::Begins { pairs, .. } => seen.0 += pairs,
            InspectEvent::Pair => seen.1 += 1,
        }
    });
    assert_eq!(*seen.lock().unwrap(), (20, 20));
}

#[test]
fn real_data_has_no_faults() {
    let decode = || InspectOptions {
        decode: true,
        ..InspectOptions::default()
    };
    if let Some(root) = real_data("nyu-labeled") {
        let nyu = look(&format!("nyu:{}", root.display()), decode());
        assert_eq!(faults(&nyu), none());
        let notes: Vec<_> = nyu.findings.iter().map(|note| note.what.as_str()).collect();
        assert_eq!(
            notes,
            [
                "795 images: the official labelled training set",
                "654 images: the official test set"
            ]
        );
        let [train, test] = nyu.splits.as_slice() else {
            panic!()
        };
        assert_eq!(
            (train.pairs, train.encoding.bits(), train.sizes.len()),
            (795, Some(8), 1)
        );
        assert_eq!(
            (test.pairs, test.encoding.bits(), test.sizes[0].height),
            (654, Some(16), 480)
        );
        let depth = test.depth.unwrap();
        assert!(
            depth.max <= 10.0 && depth.min > 0.5 && depth.missing_fraction < 0.01,
            "{depth:?}"
        );
    }
    let dir = tempfile::tempdir().unwrap();
    if let Some(root) = real_data("kitti-sample") {
        for folder in ["rgb", "depth"] {
            copy(&root.join(folder), &dir.path().join(folder));
        }
        let text = "name = \"kitti-sample\"\nscene = \"street\"\n[depth]\nencoding = \"u16/256\"\n[camera]\nfx = 721.5377\n[test]\nrgb = \"rgb/*.png\"\ndepth = \"depth/*.png\"\n";
        fs::write(dir.path().join("dataset.toml"), text).unwrap();
        let kitti = look(dir.path().to_str().unwrap(), decode());
        assert_eq!(faults(&kitti), none());
        let depth = kitti.splits[0].depth.unwrap();
        assert!(
            depth.max > 60.0 && depth.missing_fraction > 0.7,
            "{depth:?}"
        );
    }
    let dir = tempfile::tempdir().unwrap();
    if let Some(root) = real_data("nyu-raw-sample") {
        copy(&root, &dir.path().join("raw"));
        let text = "name = \"nyu-raw\"\nscene = \"indoor\"\n[depth]\nencoding = \"u16-mm\"\n[test]\nrgb = \"raw/rgb_*.jpg\"\ndepth = \"raw/sync_depth_*.png\"\n";
        fs::write(dir.path().join("dataset.toml"), text).unwrap();
        let raw = look(dir.path().to_str().unwrap(), decode());
        assert_eq!(faults(&raw), none());
        let depth = raw.splits[0].depth.unwrap();
        assert!((0.01..0.6).contains(&depth.missing_fraction), "{depth:?}");
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}
