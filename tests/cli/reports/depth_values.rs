//! What training masks, and encodings of depth.

use image::{ImageBuffer, Luma, Rgb, RgbImage};
use serde_json::Value;

use crate::place::Place;

type Grey16 = ImageBuffer<Luma<u16>, Vec<u16>>;

/// A folder of four pictures and depth maps of 160x120, which `stored(row, column)` gives.
fn write_set(place: &Place, name: &str, toml: &str, stored: impl Fn(u32, u32) -> u16) {
    std::fs::create_dir_all(place.path(&format!("{name}/f"))).unwrap();
    let mut list = String::new();
    for number in 0..4 {
        let picture = RgbImage::from_fn(160, 120, |x, y| {
            Rgb([x as u8, y as u8, (40 * number) as u8])
        });
        let depth = Grey16::from_fn(160, 120, |x, y| Luma([stored(y, x)]));
        let file = |end: &str| place.path(&format!("{name}/f/{number}{end}.png"));
        picture.save(file("")).unwrap();
        depth.save(file("_d")).unwrap();
        list += &format!("f/{number}.png,f/{number}_d.png\n");
    }
    place.write(&format!("{name}/l.csv"), list);
    place.write(&format!("{name}/dataset.toml"), toml);
}

fn toml(scene: &str, encoding: &str, range: &str) -> String {
    format!(
        "name = \"seven\"\nscene = \"{scene}\"\n[depth]\nencoding = \"{encoding}\"\n{range}\n\
         [train]\nlist = \"l.csv\"\n[test]\nlist = \"l.csv\"\n"
    )
}

/// 1.5 to 4 m in millimetres, a tenth of the pixels `hole`.
fn with_holes(hole: u16) -> impl Fn(u32, u32) -> u16 {
    move |row, column| match column {
        0..16 => hole,
        _ => (1500 + row * 2500 / 119) as u16,
    }
}

/// The last loss of a training, and the remarks.
fn loss(place: &Place, line: &str) -> (f64, String) {
    let (document, remarks) = place.json_and_remarks(line);
    (document["last"]["loss"].as_f64().unwrap(), remarks)
}

/// Checks and texts of the findings on depth values.
fn depth_findings(place: &Place, data: &str) -> Vec<(String, String)> {
    let said = place.mde(&format!(
        "inspect --data {data} --decode --split train --json"
    ));
    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    let findings = document["findings"].as_array().unwrap().iter();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let named = [
        "largest-value",
        "beyond-reach",
        "rotated-bits",
        "implausible-depth",
    ];
    let findings = findings.map(|finding| {
        let what = format!("{}; {}", text(finding, "what"), text(finding, "advice"));
        (text(finding, "check"), what)
    });
    findings
        .filter(|(check, _)| named.contains(&&check[..]))
        .collect()
}

#[test]
fn tsdf_fusion_python_34_no_measurement_is_65535() {
    let place = Place::empty();
    for (name, hole) in [("holes0", 0), ("holes65535", u16::MAX)] {
        write_set(
            &place,
            name,
            &toml("indoor", "u16-mm", ""),
            with_holes(hole),
        );
    }
    let train = |data: &str, out: &str| {
        let line = format!(
            "train --data {data} --model mff-tiny --out {out} --steps 3 --batch 4 --loss l1 --seed 0"
        );
        loss(&place, &line)
    };
    let (zero, quiet) = train("holes0", "zero");
    let (full, said) = train("holes65535", "full");
    assert_eq!((full, &quiet[..]), (zero, ""));
    assert!(
        said.contains(
            "10.0 % of the pixels are 65.535 m, the largest 16-bit value, and count as not measured"
        ),
        "{said}"
    );
    assert_eq!(depth_findings(&place, "holes0"), []);
    let findings = depth_findings(&place, "holes65535");
    assert_eq!(findings[0].0, "largest-value", "{findings:?}");
    assert_eq!(findings.len(), 1, "{findings:?}");
    // Both estimators see the same pixels.
    let dissect = |data: &str| {
        let document = place.json(&format!("dissect --run zero --data {data}"));
        document["layers"].clone()
    };
    assert_eq!(dissect("holes65535"), dissect("holes0"));

    // The advice, as it is printed.
    let advice = "range = [0.1, 10.0]";
    assert!(
        findings[0].1.contains(advice) && said.contains(advice),
        "{said}"
    );
    place.write("holes65535/dataset.toml", toml("indoor", "u16-mm", advice));
    assert_eq!(depth_findings(&place, "holes65535"), []);
    let (ranged, said) = train("holes65535", "ranged");
    assert_eq!((ranged, &said[..]), (zero, ""));
}

#[test]
fn synthetic2realistic_22_sky_is_655_metres() {
    let place = Place::empty();
    // Centimetres; the sky is the upper third.
    let stored = |sky: u16| {
        move |row: u32, column: u32| match row {
            0..40 => sky,
            _ => (7900 - 60 * (row - 40) + column) as u16,
        }
    };
    for (name, sky) in [("none", 0), ("sky", u16::MAX)] {
        write_set(&place, name, &toml("street", "u16/100", ""), stored(sky));
    }
    let train = |data: &str| {
        let line = format!(
            "train --data {data} --model meter-xxs-kitti --out run-{data} --steps 2 --batch 2"
        );
        loss(&place, &line)
    };
    let ((none, quiet), (sky, said)) = (train("none"), train("sky"));
    assert_eq!(sky, none);
    // 79 m and 1 to 159 cm more: the reach is 80 m.
    assert!(
        quiet.contains("beyond 80 m, the reach of street scenes"),
        "{quiet}"
    );
    assert!(said.contains("33.3 % of the pixels are 655.35 m"), "{said}");
    let findings = depth_findings(&place, "sky");
    assert_eq!(findings[0].0, "largest-value", "{findings:?}");
    assert!(
        findings[0].1.contains("range = [0.1, 80.0]"),
        "{findings:?}"
    );
    place.write(
        "sky/dataset.toml",
        toml("street", "u16/100", "range = [0.1, 80.0]"),
    );
    assert_eq!(depth_findings(&place, "sky"), []);
}

/// A data set of one pair whose depth map is one row of stored values.
fn one_row(place: &Place, scene: &str, encoding: &str, stored: &[u16]) {
    let width = stored.len() as u32;
    std::fs::create_dir_all(place.path("d")).unwrap();
    RgbImage::new(width, 1).save(place.path("d/c.png")).unwrap();
    let depth = Grey16::from_raw(width, 1, stored.to_vec()).unwrap();
    depth.save(place.path("d/d.png")).unwrap();
    place.write("d/l.csv", "c.png,d.png\n");
    place.write("d/dataset.toml", toml(scene, encoding, ""));
}

/// AbsRel of these depths in metres as a prediction of the pair.
fn abs_rel(place: &Place, metres: &[f32], options: &str) -> f64 {
    let values = metres.iter().flat_map(|value| value.to_le_bytes());
    let mut pfm = format!("Pf\n{} 1\n-1.0\n", metres.len()).into_bytes();
    pfm.extend(values);
    place.write("pred/c.pfm", pfm);
    let line = format!("evaluate --pred pred --gt d --protocol nyu-full {options}");
    let (document, _) = place.json_and_remarks(&line);
    assert_eq!(document["summary"]["pixels"], metres.len(), "{document}");
    document["summary"]["mean"]["abs_rel"].as_f64().unwrap()
}

#[test]
fn depth_aware_cnn_34_rotated_bits() {
    let place = Place::empty();
    let stored = [9872, 64000, 6465];
    one_row(&place, "indoor", "sunrgbd", &stored);
    assert_eq!(abs_rel(&place, &[1.234, 8.0, 9.0], ""), 0.0);
    one_row(&place, "indoor", "u16/8000", &stored);
    assert!(abs_rel(&place, &[1.234, 8.0, 0.808_125], "") < 1e-7);
    let overridden = abs_rel(&place, &[1.234, 8.0, 9.0], "--depth-encoding sunrgbd");
    assert_eq!(overridden, 0.0);

    // A ramp of 1.0 to 9.9 m is told apart, and the advice reads it.
    let ramp = |row: u32, column: u32| (1000 + (row * 160 + column) * 8900 / 19199) as u16;
    let rotated = |row, column| ramp(row, column).rotate_left(3);
    write_set(&place, "sun", &toml("indoor", "u16/8000", ""), rotated);
    let findings = depth_findings(&place, "sun");
    let [(check, what)] = findings.as_slice() else {
        panic!("{findings:?}")
    };
    assert_eq!(check, "rotated-bits");
    let advice = "encoding = \"sunrgbd\"";
    assert!(
        what.contains("80.8 % of the stored values are multiples of 8"),
        "{what}"
    );
    assert!(what.contains(advice), "{what}");
    let described = toml("indoor", "u16/8000", "").replace("encoding = \"u16/8000\"", advice);
    place.write("sun/dataset.toml", described);
    assert_eq!(depth_findings(&place, "sun"), []);
    let document = place.json("inspect --data sun --decode --split train");
    let depth = &document["splits"][0]["depth"];
    for (end, metres) in [("min", 1.0), ("max", 9.9)] {
        let found = depth[end].as_f64().unwrap();
        assert!((found - metres).abs() < 1e-6, "{depth}");
    }
}

#[test]
fn nice_slam_108_and_point_odyssey_14_scales_that_are_no_whole_number() {
    let place = Place::empty();
    one_row(&place, "indoor", "u16/6553.5", &[10848; 3]);
    assert!(abs_rel(&place, &[1.655_298_7; 3], "") < 1e-7);
    one_row(&place, "street", "u16/65.535", &[13107; 3]);
    assert_eq!(abs_rel(&place, &[200.0; 3], "--max-depth 1000"), 0.0);
    for scale in ["0", "-1", "inf", "nan", "6553,5", ""] {
        one_row(&place, "indoor", &format!("u16/{scale}"), &[10848; 3]);
        let refused = format!("unknown depth encoding `u16/{scale}`");
        place.refuses(
            "train --data d --model mff-tiny --out run",
            &[
                &refused,
                "u16/6553.5",
                "sunrgbd",
                "float",
                "any number above 0",
            ],
        );
    }
}

#[test]
fn depth_maps_are_arrays() {
    let place = Place::new();
    let depth = |end: &str, content: Vec<u8>| place.write(&format!("own/d{end}"), content);
    std::fs::create_dir_all(place.path("own")).unwrap();
    let metres = |row: u32, column: u32| match (row, column) {
        (0, 0) => f32::NAN,
        (0, 1) => f32::INFINITY,
        (0, 2) => -1.0,
        (0, 3) => 0.0,
        _ => 1.0 + 0.01 * row as f32 + 0.001 * column as f32,
    };
    let all = |rows: &mut dyn Iterator<Item = u32>| -> Vec<f32> {
        rows.flat_map(|row| (0..160).map(move |column| metres(row, column)))
            .collect()
    };
    let bytes = |values: &[f32]| {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    };
    let down = all(&mut (0..120));
    let mut npy = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (120, 160), }";
    npy.extend(format!("{header:117}\n").into_bytes());
    npy.extend::<Vec<u8>>(bytes(&down));
    depth("0.npy", npy);
    let mut pfm = b"Pf\n160 120\n-1\n".to_vec();
    pfm.extend::<Vec<u8>>(bytes(&all(&mut (0..120).rev())));
    depth("1.pfm", pfm);
    for number in 0..2 {
        let picture = RgbImage::from_fn(160, 120, |x, y| Rgb([x as u8, y as u8, 9]));
        picture
            .save(place.path(&format!("own/c{number}.png")))
            .unwrap();
    }
    place.write("own/l.csv", "c0.png,d0.npy\nc1.png,d1.pfm\n");
    place.write("own/dataset.toml", toml("indoor", "float", ""));
    let document = place.json("inspect --data own --decode --split train");
    let found = &document["splits"][0];
    assert_eq!(
        (&found["encoding"], &found["pairs"]),
        (&"float".into(), &2.into())
    );
    let missing = found["depth"]["missing_fraction"].as_f64().unwrap();
    assert!((missing - 4.0 / 19200.0).abs() < 1e-9, "{found}");
    place.json("train --data own --model mff-tiny --out run --steps 1 --batch 2");
    let dumped = place.json("evaluate --run run --data own --dump maps");
    assert_eq!(dumped["summary"]["images"], 2);
    // Another unit, and the wrong kind of file.
    place.write("own/dataset.toml", toml("indoor", "float/1000", ""));
    let document = place.json_then_failure("inspect --data own --decode --split train", "error");
    assert!(
        document
            .to_string()
            .contains("99 % of the stored depths are below"),
        "{document}"
    );
    place.write("own/dataset.toml", toml("indoor", "u16-mm", ""));
    place.refuses(
        "train --data own --model mff-tiny --out other",
        &["d0.npy", "found an array", "float"],
    );
    place.refuses(
        "train --data rooms:rooms --depth-encoding float --model mff-tiny --out other",
        &["rooms/train", "found a PNG", "choose the encoding"],
    );
}

#[test]
fn depth_beyond_the_reach_is_scored_as_far_as_the_protocol_and_the_range_say() {
    let place = Place::empty();
    // 1 to 16.9 m from left to right, decimetre by decimetre.
    let stored = |_: u32, column: u32| (1000 + 100 * column) as u16;
    write_set(&place, "far", &toml("indoor", "u16-mm", ""), stored);
    let mut npy = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (120, 160), }";
    npy.extend(format!("{header:117}\n").into_bytes());
    let row = (0..160).map(|column| 1.0 + 0.1 * column as f32);
    let row: Vec<u8> = row.flat_map(f32::to_le_bytes).collect();
    npy.extend(row.repeat(120));
    for number in 0..4 {
        place.write(&format!("pred/{number}.npy"), &npy);
    }
    let evaluate = |options: &str| {
        let line = format!("evaluate --pred pred --gt far --protocol nyu-full {options}");
        let (document, remarks) = place.json_and_remarks(&line);
        let mean = document["summary"]["mean"]["abs_rel"].as_f64().unwrap();
        assert!(mean < 1e-6, "{document}");
        (
            document["summary"]["pixels"].as_u64().unwrap() / 480,
            remarks,
        )
    };
    // Below 10 m, below 15 m, all.
    assert_eq!(evaluate(""), (90, String::new()));
    assert_eq!(evaluate("--max-depth 15"), (140, String::new()));
    assert_eq!(evaluate("--max-depth 20"), (160, String::new()));
    place.write(
        "far/dataset.toml",
        toml("indoor", "u16-mm", "range = [0.1, 12.0]"),
    );
    let (columns, said) = evaluate("--max-depth 20");
    assert_eq!(columns, 111);
    assert!(
        said.contains("reaches to 20 m, but `range` in dataset.toml ends at 12 m"),
        "{said}"
    );
    assert_eq!(evaluate(""), (90, String::new()));
    // Training ends at the scene's reach, and says what it leaves out.
    let line = "train --data far --model mff-tiny --out run --steps 1 --batch 2";
    let (_, said) = loss(&place, line);
    assert!(
        said.contains(
            "43.1 % of the pixels are beyond 10 m, the reach of indoor scenes, up to 16.9 m"
        ),
        "{said}"
    );
}

/// Depth beyond the scene's reach that is right: the advice makes the error a warning.
#[test]
fn point_odyssey_14_far_depth_of_an_indoor_scene() {
    let findings = |scene: &str, range: &str, stored: u16| {
        let place = Place::empty();
        let toml = toml(scene, "u16/65.535", range);
        write_set(&place, "d", &toml, |row, column| {
            stored - row as u16 - column as u16
        });
        depth_findings(&place, "d")
    };
    let check = |found: &[(String, String)], name: &str, part: &str| {
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, name, "{found:?}");
        assert!(found[0].1.contains(part), "{found:?}");
    };
    let range = "range = [0.1, 200.0]";
    check(&findings("indoor", "", 13107), "implausible-depth", range);
    check(
        &findings("indoor", range, 13107),
        "beyond-reach",
        "networks do not learn",
    );
    // Up to 80 m, the scene is the remedy.
    let street = "scene = \"street\"";
    check(&findings("indoor", "", 5000), "implausible-depth", street);
    assert!(findings("street", "", 5000).is_empty());
}
