//! Folders with a `dataset.toml`: the examples of docs/own-data.md on small folders, and every
//! wrong description.

use std::fs;
use std::path::Path;

use image::{Luma, Rgb, RgbImage};
use mde_datasets::{DataSpec, DatasetError, DepthEncoding, RgbdList, Split};
use tempfile::TempDir;

use crate::common::{Folder, Grey16};

/// The `dataset.toml` of this name in the documentation; None in a package without the
/// documentation.
#[allow(clippy::print_stderr)]
fn documented(name: &str) -> Option<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/own-data.md");
    let Ok(page) = fs::read_to_string(&page) else {
        eprintln!("skipped: no {}", page.display());
        return None;
    };
    let mut files = page
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    let file = files.find(|file| file.starts_with(&format!("name = \"{name}\"")));
    Some(file.unwrap().to_owned())
}

fn describe(root: &Path, text: &str) {
    fs::write(root.join("dataset.toml"), text).unwrap();
}

fn open(root: &Path, split: Split) -> Result<RgbdList, DatasetError> {
    let spec: DataSpec = root.to_str().unwrap().parse().unwrap();
    spec.open(split, None)
}

fn ids(list: &RgbdList) -> Vec<&str> {
    (0..list.len()).map(|index| list.id(index)).collect()
}

fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{message}` does not say `{part}`");
    }
}

fn save(root: &Path, path: &str, size: (u32, u32), stored: Option<u16>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let (height, width) = size;
    match stored {
        Some(stored) => Grey16::from_pixel(width, height, Luma([stored]))
            .save(path)
            .unwrap(),
        None => RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 7]))
            .save(path)
            .unwrap(),
    }
}

/// TUM RGB-D: files are named by their time; colour and depth have different times.
fn tum() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    for time in ["02.175304", "02.211214", "02.243211", "02.275326", "03.5"] {
        save(root, &format!("rgb/13050311{time}.png"), (24, 32), None);
    }
    // The first is nearest to the first image, 02.212 and 02.2300 to the second, none to the last.
    for (time, stored) in [
        ("02.160407", 6250),
        ("02.212", 7500),
        ("02.230000", 10_000),
        ("02.275400", 65_535),
    ] {
        save(
            root,
            &format!("depth/13050311{time}.png"),
            (24, 32),
            Some(stored),
        );
    }
    fs::write(
        root.join("rgb.txt"),
        "# color images\n# timestamp filename\n1305031102.175304 rgb/1305031102.175304.png\n",
    )
    .unwrap();
    dir
}

#[test]
fn a_tum_sequence_is_paired_by_time() {
    let dir = tum();
    let Some(text) = documented("tum-fr3-office") else {
        return;
    };
    describe(dir.path(), &text);
    let spec: DataSpec = dir.path().to_str().unwrap().parse().unwrap();
    assert_eq!(spec.name().unwrap(), "tum-fr3-office");
    let train = spec.open(Split::Train, None).unwrap();
    let test = spec.open(Split::Test, None).unwrap();
    // One of 5 images is left out; the first 0.8 of 4 pairs are 3.
    let names = ["02.175304", "02.211214", "02.243211", "02.275326"];
    let names = names.map(|time| format!("rgb/13050311{time}"));
    assert_eq!([ids(&train), ids(&test)].concat(), names);
    assert_eq!((train.len(), train.without_depth()), (3, 1));
    assert_eq!(train.max_depth(), 10.0);
    let metres = |list: &RgbdList, index| list.load(index).unwrap().depth.metres[0];
    assert_eq!(
        [0, 1, 2].map(|index| metres(&train, index)),
        [1.25, 1.5, 2.0]
    );
    assert_eq!(metres(&test, 0), 0.0, "13.107 m are out of range");
    assert_eq!(train.load(0).unwrap().focal, Some(535.4));
}

/// ScanNet: 1296x968 colour, 640x480 depth, here at an eighth.
fn scannet() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (scene, frames) in [
        ("scene0000_00", 12),
        ("scene0001_00", 2),
        ("scene0002_00", 3),
    ] {
        for frame in 0..frames {
            let folder = format!("scans/{scene}");
            save(
                dir.path(),
                &format!("{folder}/color/{frame}.jpg"),
                (121, 162),
                None,
            );
            save(
                dir.path(),
                &format!("{folder}/depth/{frame}.png"),
                (60, 80),
                Some(2000 + frame),
            );
        }
    }
    fs::write(
        dir.path().join("train.txt"),
        "scene0000_00\n\nscene0001_00\n",
    )
    .unwrap();
    fs::write(
        dir.path().join("val.txt"),
        "# one\nscene0002_00\nscene9999_00\n",
    )
    .unwrap();
    dir
}

#[test]
fn scannet_scenes_are_paired_by_name_and_colour_is_resized() {
    let dir = scannet();
    let Some(text) = documented("scannet") else {
        return;
    };
    describe(dir.path(), &text);
    let train = open(dir.path(), Split::Train).unwrap();
    // Every fifth of 14, numbers by value: 10 comes after 5, and scene 1 after scene 0.
    assert_eq!(
        ids(&train),
        [
            "scene0000_00/color/0",
            "scene0000_00/color/5",
            "scene0000_00/color/10"
        ]
        .map(|id| format!("scans/{id}"))
    );
    let test = open(dir.path(), Split::Test).unwrap();
    assert_eq!(test.len(), 3, "a missing scene is no error");
    let sample = test.load(2).unwrap();
    assert_eq!(
        (sample.rgb.dimensions(), sample.depth.size()),
        ((80, 60), (60, 80))
    );
    assert_eq!(sample.depth.metres[7], 2.002);
    assert_eq!(test.frame_size().unwrap(), (60, 80));

    let at_its_size = text.replace("resize_rgb = true\n", "");
    assert_ne!(text, at_its_size);
    describe(dir.path(), &at_its_size);
    let error = open(dir.path(), Split::Test).unwrap().load(0).unwrap_err();
    says(&error.to_string(), &["121x162", "60x80", "resize_rgb"]);
    describe(dir.path(), &text);
    save(
        dir.path(),
        "scans/scene0002_00/depth/0.png",
        (60, 90),
        Some(1),
    );
    let error = open(dir.path(), Split::Test).unwrap().load(0).unwrap_err();
    says(
        &error.to_string(),
        &["0.jpg", "121x162", "60x90", "aspect ratio"],
    );
}

/// A described folder with `train/0000N.png` and `train/0000N_depth.png`.
fn described(count: u32, text: &str) -> Folder {
    let folder = Folder::new(count);
    describe(
        folder.root(),
        &format!("name = \"mine\"\nscene = \"indoor\"\n{text}"),
    );
    folder
}

const PATTERNS: &str = "rgb = \"train/0*0.png\"\ndepth = \"train/0*0_depth.png\"\n";

#[test]
fn a_description_names_lists_of_both_forms() {
    let folder = described(
        2,
        "[depth]\nencoding = \"u16/1000\"\n[train]\nlist = \"list.csv\"\n[test]\nlist = \"test.txt\"\nencoding = \"u16/256\"\n",
    );
    folder.write(
        "test.txt",
        "# rgb depth focal\ntrain/00001.png train/00001_depth.png 500\ntrain/00000.png None 500\n",
    );
    let train = open(folder.root(), Split::Train).unwrap();
    assert_eq!((train.len(), train.encoding()), (2, DepthEncoding::U16_MM));
    // The fingerprint covers additions of a description to a list: none here.
    assert_eq!(
        train.fingerprint().unwrap(),
        folder.open().unwrap().fingerprint().unwrap()
    );
    let test = open(folder.root(), Split::Test).unwrap();
    assert_eq!(
        (test.len(), test.without_depth(), test.encoding()),
        (1, 1, DepthEncoding::U16_OVER_256)
    );
    assert_eq!(test.load(0).unwrap().focal, Some(500.0));
    // What separates the fields is decided by the lines, not by the name.
    folder.write("test.txt", "train/00001.png,train/00001_depth.png\n");
    let test = open(folder.root(), Split::Test).unwrap();
    assert_eq!(ids(&test), ["train/00001"]);
    assert_eq!(test.remarks(), ["its fields are separated by commas"]);
}

#[test]
fn a_kind_with_a_description_uses_its_lists_and_keeps_its_name() {
    let folder = described(2, "[test]\nlist = \"list.csv\"\n");
    let spec = |kind: &str| -> DataSpec {
        let text = format!("{kind}:{}", folder.root().display());
        text.parse().unwrap()
    };
    let nyu = spec("nyu");
    assert_eq!(nyu.name().unwrap(), "nyu");
    let test = nyu.open(Split::Test, None).unwrap();
    assert_eq!((test.len(), test.encoding()), (2, DepthEncoding::U16_MM));
    let error = nyu.open(Split::Train, None).unwrap_err().to_string();
    says(&error, &["dataset.toml", "[train]", "not described"]);
    let error = spec("kitti")
        .open(Split::Test, None)
        .unwrap_err()
        .to_string();
    says(&error, &["dataset.toml", "\"indoor\"", "kitti:", "80 m"]);
    let error = open(folder.root(), Split::Test).unwrap_err().to_string();
    says(&error, &["[test]", "no `encoding`", "u16/N"]);
}

#[test]
fn the_fingerprint_covers_the_description() {
    let table = "[depth]\nencoding = \"u16-mm\"\n[train]\nrgb = \"train/*.png\"\ndepth = \"train/*_depth.png\"\nskip_unpaired = true\n";
    let folder = described(4, table);
    let fingerprint = |text: &str| {
        describe(
            folder.root(),
            &format!("name = \"x\"\nscene = \"indoor\"\n{text}"),
        );
        open(folder.root(), Split::Train)
            .unwrap()
            .fingerprint()
            .unwrap()
    };
    let original = fingerprint(table);
    assert_eq!(original, fingerprint(&format!("# a comment\n{table}")));
    let camera = format!("{table}[camera]\nfx = 500\n");
    let others = [
        format!("resize_rgb = true\n{table}"),
        table.replace("[train]", "range = [0.5, 8]\n[train]"),
        format!("{table}every = 2\n"),
        format!("{table}part = [0.5, 1]\n"),
        camera,
    ];
    let mut all: Vec<String> = others.iter().map(|text| fingerprint(text)).collect();
    all.push(original);
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn errors_of_wrong_descriptions_name_the_fault() {
    let ok = format!("[train]\nencoding = \"u16-mm\"\n{PATTERNS}");
    for (text, parts) in [
        (
            "colour = 1\n",
            &[
                "line 3",
                "unknown field `colour`",
                "`resize_rgb`",
                "`camera`",
            ][..],
        ),
        (
            "[train]\nlits = \"list.csv\"\n",
            &["line 4", "unknown field `lits`", "`list`", "`every`"],
        ),
        (
            "[camera]\nfx = 500\nk1 = 0\n",
            &["unknown field `k1`", "`fx`"],
        ),
        ("[camera]\nfx = -1\n", &["[camera]", "fx", "positive"]),
        ("[depth]\nencoding = \"mm\"\n", &["line 4", "`mm`", "u16/N"]),
        ("[depth]\nencoding = \n", &["line 4"]),
        ("scene = \"street\"\n", &["line 3", "duplicate key"]),
        (
            "[train]\n",
            &["[train]", "either `list`, or both `rgb` and `depth`"],
        ),
        (
            "[train]\nrgb = \"train/*.png\"\n",
            &["both `rgb` and `depth`"],
        ),
        (
            "[train]\nlist = \"list.csv\"\nevery = 2\n",
            &["`every` goes with the patterns"],
        ),
        (
            "[train]\nlist = \"../list.csv\"\n",
            &["`../list.csv`", "out of the data folder"],
        ),
        (
            "[train]\nrgb = \"../*.png\"\ndepth = \"d/*.png\"\n",
            &["out of the data folder"],
        ),
        (
            "[train]\nrgb = \"*/*.png\"\ndepth = \"d/*.png\"\n",
            &["has 2 *", "has 1", "same text in both"],
        ),
        (
            &format!("{ok}range = [3, 2]\n"),
            &["range = [3, 2]", "metres"],
        ),
        (
            &format!("{ok}part = [0, 1.5]\n"),
            &["part = [0, 1.5]", "fractions"],
        ),
        (&format!("{ok}every = 0\n"), &["every = 0"]),
        (&format!("{ok}max_gap = 0.1\n"), &["`max_gap` goes with"]),
        (&format!("{ok}pair = \"time\"\n"), &["needs `max_gap`"]),
        (
            &format!("{ok}pair = \"clock\"\n"),
            &["unknown variant `clock`", "`time`"],
        ),
        (&format!("{ok}only = 3\n"), &["list of names"]),
        (
            &format!("{ok}only = \"scenes.txt\"\n"),
            &["only: `scenes.txt`"],
        ),
        (&format!("{ok}only = [\"000x\"]\n"), &["`only`", "first *"]),
        (
            &format!("{ok}skip = [\"000\", \"000\"]\n"),
            &["`skip`", "first *"],
        ),
        (
            &format!("{ok}pair = \"time\"\nmax_gap = 0.02\nskip = []\n"),
            &[],
        ),
        (
            &ok.replace("0*0", "1*0"),
            &["rgb = \"train/1*0.png\"", "matches no file in"],
        ),
        (
            &ok.replace("_depth", "_d"),
            &[
                "1 image without a depth map",
                "00000.png (no train/00000_d.png)",
                "skip_unpaired",
            ],
        ),
        (
            &format!("{}skip_unpaired = true\n", ok.replace("_depth", "_d")),
            &["1 image without a depth map", "_d.png"],
        ),
        (
            &ok.replace("0*0.png", "*0*.png").replace("0*0_", "*x*_"),
            &["belongs to", "or to", "write out more"],
        ),
        (
            &ok.replace("0*0.png", "*.png").replace(
                "depth = \"train/0*0_depth.png\"",
                "depth = \"train/*.png\"\npair = \"time\"\nmax_gap = 0.5",
            ),
            &["`00000_depth` is not a time"],
        ),
    ] {
        let folder = described(1, text);
        let result = open(folder.root(), Split::Train);
        if parts.is_empty() {
            result.unwrap();
            continue;
        }
        let message = result.unwrap_err().to_string();
        says(&message, &["dataset.toml"]);
        says(&message, parts);
        assert!(!message.contains('\n'), "{message}");
    }
}

#[test]
fn the_error_of_a_folder_without_description_has_advice() {
    let folder = Folder::new(1);
    let message = open(folder.root(), Split::Train).unwrap_err().to_string();
    says(
        &message,
        &["dataset.toml", "no such file", "own-data.md", "nyu:DIR"],
    );
    let nowhere: DataSpec = folder.path("nowhere").to_str().unwrap().parse().unwrap();
    let message = nowhere.open(Split::Train, None).unwrap_err().to_string();
    says(&message, &["nowhere", "no such folder", "dataset.toml"]);
    assert!(nowhere.name().is_err());
}
