//! Lists of other repositories.

use std::process::Command;

use image::{ImageBuffer, Luma, Rgb, RgbImage};
use serde_json::json;

use crate::place::Place;

/// Pairs of the folder `sync`.
const PAIRS: usize = 4;
const TRAIN: &str = "train --data sync --model mff-tiny --out run --steps 1 --batch-size 2";

/// A folder `sync` in the layout of BTS's NYU Depth V2, with a list for both splits. Each line is
/// made of the names of an image, of its depth map and of a filled depth map.
fn sync(list: &str, line: impl Fn(&str, &str, &str) -> String) -> Place {
    let place = Place::empty();
    for i in 0..PAIRS {
        let [rgb, depth, _] = names(i);
        pair(&place, &format!("sync/{rgb}"), &format!("sync/{depth}"), i);
    }
    describe(&place, list);
    let lines = (0..PAIRS).map(|i| {
        let [rgb, depth, dense] = names(i);
        line(&rgb, &depth, &dense)
    });
    place.write(&format!("sync/{list}"), lines.collect::<String>());
    place
}

fn names(i: usize) -> [String; 3] {
    ["rgb_00000.jpg", "sync_depth_00000.png", "dense_00000.png"].map(|name| {
        format!(
            "kitchen_0028b/{}",
            name.replace("00000", &format!("{i:05}"))
        )
    })
}

fn pair(place: &Place, rgb: &str, depth: &str, i: usize) {
    place.write(rgb, "");
    place.write(depth, "");
    let shade = Rgb([40 * i as u8, 90, 120]);
    RgbImage::from_pixel(160, 120, shade)
        .save(place.path(rgb))
        .unwrap();
    let stored = Luma([1500 + 100 * i as u16]);
    let depths: ImageBuffer<Luma<u16>, _> = ImageBuffer::from_pixel(160, 120, stored);
    depths.save(place.path(depth)).unwrap();
}

fn describe(place: &Place, list: &str) {
    place.write(
        "sync/dataset.toml",
        format!(
            "name = \"nyu-bts\"\nscene = \"indoor\"\n[depth]\nencoding = \"u16-mm\"\n\
             [train]\nlist = \"{list}\"\n[test]\nlist = \"{list}\"\n"
        ),
    );
}

/// The training split is read whole: 1.5 to 1.8 m. Returns what training says about it.
fn reads_all(place: &Place) -> String {
    let said = place.mde("inspect --data sync --split train --decode --json");
    assert_eq!(said.status, Some(0), "{}", said.stdout);
    let found: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let split = &found["splits"][0];
    let measured = (
        &split["pairs"],
        &split["depth"]["min"],
        &split["depth"]["max"],
    );
    assert_eq!(
        measured,
        (&json!(PAIRS), &json!(1.5), &json!(1.8_f32)),
        "{found}"
    );
    let said = place.mde(TRAIN);
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    let line = said.stderr.lines().next().unwrap().to_owned();
    assert!(line.starts_with("4 pairs in sync (train split)"), "{line}");
    std::fs::remove_dir_all(place.path("run")).unwrap();
    line
}

/// The list is refused once, with `reason`; `inspect` reports it once. The printed command is run.
fn repair(place: &Place, reason: &str) {
    place.refuses(TRAIN, &[reason]);
    let inspected = place.mde("inspect --data sync");
    assert_eq!(inspected.status, Some(1));
    assert_eq!(
        inspected.stdout.matches(reason).count(),
        1,
        "{}",
        inspected.stdout
    );
    assert!(
        inspected.stdout.contains("\n1 error,"),
        "{}",
        inspected.stdout
    );
    let message = place.mde(TRAIN).stderr;
    let command = message
        .split('`')
        .find(|part| part.starts_with("mv "))
        .unwrap();
    assert!(inspected.stdout.contains(command), "{}", inspected.stdout);
    run(place, command);
}

fn run(place: &Place, command: &str) {
    let mut shell = Command::new("sh");
    let done = shell
        .args(["-c", command])
        .current_dir(place.path("."))
        .output();
    let done = done.unwrap();
    assert!(
        done.status.success(),
        "{command}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// The fingerprint of the test split, as an evaluation records it.
fn fingerprint(place: &Place) -> serde_json::Value {
    place.json_and_remarks(TRAIN);
    let (document, _) = place.json_and_remarks("evaluate --run run --data sync");
    std::fs::remove_dir_all(place.path("run")).unwrap();
    document["provenance"]["data_hash"].clone()
}

#[test]
fn glpdepth_10_paths_begin_with_a_slash() {
    const LIST: &str = "nyudepthv2_train_files_with_gt.txt";
    let place = sync(LIST, |rgb, depth, _| format!("/{rgb} /{depth} 518.8579\n"));
    let line = reads_all(&place);
    assert!(
        line.ends_with(
            "paths that begin with a slash are read as below the data folder (all 4 lines)"
        ),
        "{line}"
    );
    // The same data as without the slashes, with the same ids.
    let slashes = fingerprint(&place);
    let plain = sync(LIST, |rgb, depth, _| format!("{rgb} {depth} 518.8579\n"));
    assert_eq!(reads_all(&plain), "4 pairs in sync (train split)");
    assert_eq!(fingerprint(&plain), slashes);
    place.json_and_remarks(&format!("{TRAIN} --seed 3"));
    place.json_and_remarks("evaluate --run run --data sync --dump maps");
    assert!(place.path("maps/pred/kitchen_0028b/rgb_00000.npy").exists());
}

#[test]
fn adabins_90_the_list_of_a_known_layout() {
    // BTS's list under the name of the layout, whose lists have commas.
    for list in ["nyuv2_train.csv", "nyuv2_test.csv"] {
        let place = sync(list, |rgb, depth, _| format!("/{rgb} /{depth} 518.8579\n"));
        std::fs::remove_file(place.path("sync/dataset.toml")).unwrap();
        let split = if list.contains("train") {
            "train"
        } else {
            "test"
        };
        let line = format!("inspect --data nyu:sync --split {split} --depth-encoding u16-mm");
        let found = place.json(&line);
        assert_eq!(found["splits"][0]["pairs"], PAIRS, "{found}");
    }
}

#[test]
fn a_path_of_the_whole_system_is_refused() {
    let place = sync("l.txt", |rgb, depth, _| format!("/{rgb} /{depth}\n"));
    let outside = tempfile::tempdir().unwrap();
    let outside = outside.path();
    std::fs::create_dir_all(outside.join("kitchen_0028b")).unwrap();
    let mut lines = String::new();
    for i in 0..PAIRS {
        let [rgb, depth, _] = names(i);
        for name in [&rgb, &depth] {
            std::fs::copy(place.path(&format!("sync/{name}")), outside.join(name)).unwrap();
        }
        lines += &format!("{0}/{rgb} {0}/{depth}\n", outside.display());
    }
    place.write("sync/l.txt", &lines);
    let name = format!("{}/kitchen_0028b/rgb_00000.jpg", outside.display());
    place.refuses(
        TRAIN,
        &["all 4 lines", &name, "leads out of the data folder"],
    );
    // Also if a file of this name is below the data folder: the list is ambiguous.
    for i in 0..PAIRS {
        let [rgb, depth, _] = names(i);
        let below = |name: &str| format!("sync{}/{name}", outside.display());
        pair(&place, &below(&rgb), &below(&depth), i);
    }
    place.refuses(TRAIN, &["leads out of the data folder"]);
    place.write(
        "sync/l.txt",
        lines.replace(&format!("{}/", outside.display()), "../"),
    );
    place.refuses(
        TRAIN,
        &["`../kitchen_0028b/rgb_00000.jpg` leads out of the data folder"],
    );
    // Absolute paths below the data folder are repaired.
    let root = place.path("sync").canonicalize().unwrap();
    let below = lines.replace(&outside.display().to_string(), &root.display().to_string());
    place.write("sync/l.txt", below);
    repair(&place, "which the data folder does not have");
    reads_all(&place);
}

#[test]
fn transunet_161_backslashes() {
    let windows = |rgb: &str, depth: &str, _: &str| format!("{rgb},{depth}\r\n").replace('/', "\\");
    let place = sync("l.csv", windows);
    let line = reads_all(&place);
    assert!(
        line.ends_with("backslashes in paths are read as slashes (all 4 lines)"),
        "{line}"
    );
    let plain = sync("l.csv", |rgb, depth, _| format!("{rgb},{depth}\n"));
    assert_eq!(fingerprint(&place), fingerprint(&plain));
    let drives = sync("l.csv", |rgb, depth, _| {
        format!("C:\\data\\sync\\{rgb},C:\\data\\sync\\{depth}\r\n").replace('/', "\\")
    });
    repair(&drives, "the listed paths begin with `C:/data/sync/`");
    reads_all(&drives);
}

#[test]
fn hierarchical_localization_319_blanks_in_paths() {
    let forms: [fn(&str, &str) -> String; 4] = [
        |rgb, depth| format!("{rgb} {depth}\n"),
        |rgb, depth| format!("\"{rgb}\" {depth}\n"),
        |rgb, depth| format!("\"{rgb}\" \"{depth}\"\r\n"),
        |rgb, depth| format!("{rgb} {depth} 518.8579\n"),
    ];
    for form in forms {
        let place = sync("l.txt", |rgb, depth, _| {
            form(&rgb.replace("rgb_", "my photo "), depth)
        });
        for i in 0..PAIRS {
            let rgb = place.path(&format!("sync/{}", names(i)[0]));
            let renamed = rgb.to_str().unwrap().replace("rgb_", "my photo ");
            std::fs::rename(rgb, renamed).unwrap();
        }
        place.refuses(TRAIN, &["use a list named *.csv"]);
        repair(&place, "a path with a blank");
        reads_all(&place);
        // The same as CSV, also quoted.
        for quote in ["", "\""] {
            let lines = (0..PAIRS).map(|i| {
                let [rgb, depth, _] = names(i);
                format!(
                    "{quote}{}{quote},{depth}\n",
                    rgb.replace("rgb_", "my photo ")
                )
            });
            place.write("sync/l.csv", lines.collect::<String>());
            describe(&place, "l.csv");
            reads_all(&place);
        }
    }
}

#[test]
fn newcrfs_34_a_third_path() {
    let forms: [fn(&str, &str, &str) -> String; 4] = [
        |rgb, depth, dense| format!("{rgb} {depth} {dense}\n"),
        |rgb, depth, dense| format!("/{rgb} /{depth} /{dense}\r\n"),
        |rgb, depth, dense| format!("{rgb} {depth} {dense} 518.8579\n"),
        |rgb, depth, dense| format!("{rgb},{depth},{dense}\n"),
    ];
    for form in forms {
        let place = sync("nyudepthv2_train_files_with_gt_dense.txt", form);
        repair(&place, "the third column is a path");
        reads_all(&place);
    }
}

#[test]
fn monodepth2_379_folder_frame_and_side() {
    let drive = "2011_09_26/2011_09_26_drive_0022_sync";
    let truth = "2011_09_26_drive_0022_sync/proj_depth/groundtruth";
    for (lines, camera) in [
        (format!("{drive} 473 r\n{drive} 474 r\n"), "image_03"),
        (format!("{drive} 473 l\r\n{drive} 474 l\r\n"), "image_02"),
        (
            format!("{drive} 0000000473\n{drive} 0000000474\n"),
            "image_02",
        ),
    ] {
        let place = Place::empty();
        for (i, frame) in [473, 474].into_iter().enumerate() {
            let rgb = format!("kitti/{drive}/{camera}/data/{frame:010}.png");
            let depth =
                format!("kitti/data_depth_annotated/train/{truth}/{camera}/{frame:010}.png");
            pair(&place, &rgb, &depth, i);
        }
        let list = "kitti/eigen_train_files_with_gt.txt";
        place.write(list, lines);
        let line = "inspect --data kitti:kitti --split train";
        let said = place.mde(line);
        let reason = "folder, frame and side";
        assert_eq!(said.stdout.matches(reason).count(), 1, "{}", said.stdout);
        assert!(
            said.stdout.contains("a list of monodepth2"),
            "{}",
            said.stdout
        );
        assert!(said.stdout.contains("0 pairs"), "{}", said.stdout);
        let command = said.stdout.split('`').find(|part| part.starts_with("mv "));
        run(&place, command.unwrap());
        let found = place.json(line);
        assert_eq!(found["splits"][0]["pairs"], 2, "{found}");
        assert!(
            place.text(list).contains(" 721.5377\n"),
            "{}",
            place.text(list)
        );
    }
}

#[test]
fn monodepth_a_stereo_pair_has_no_depth() {
    let place = Place::empty();
    let drive = "2011_09_26/2011_09_26_drive_0002_sync";
    let depth = "kitti/2011_09_26_drive_0002_sync/proj_depth/groundtruth/image_02/0000000069.png";
    pair(
        &place,
        &format!("kitti/{drive}/image_02/data/0000000069.jpg"),
        depth,
        0,
    );
    let list = "kitti/eigen_test_files_with_gt.txt";
    let image = |camera| format!("{drive}/image_{camera}/data/0000000069.jpg");
    place.write(list, format!("{} {}\n", image("02"), image("03")));
    let line = "inspect --data kitti:kitti --split test";
    let said = place.mde(line);
    assert!(
        said.stdout.contains("right image of a stereo pair"),
        "{}",
        said.stdout
    );
    let command = said.stdout.split('`').find(|part| part.starts_with("mv "));
    run(&place, command.unwrap());
    assert_eq!(place.json(line)["splits"][0]["pairs"], 1);
}

#[test]
fn densedepth_lists_the_folder_above() {
    let place = sync("nyu2_train.csv", |rgb, depth, _| {
        format!("data/nyu2_train/{rgb},data/nyu2_train/{depth}\n")
    });
    repair(&place, "begin with `data/nyu2_train/`");
    reads_all(&place);
    let place = sync("deeper.csv", |rgb, depth, _| {
        let name = |path: &str| path.replace("kitchen_0028b/", "");
        format!("{},{}\n", name(rgb), name(depth))
    });
    repair(&place, "the files are in its folder `kitchen_0028b/`");
    reads_all(&place);
    let place = sync("l.txt", |rgb, depth, _| {
        format!("{} {depth} 518\n", rgb.replace(".jpg", ".png"))
    });
    repair(&place, "the files are named *.jpg, and the list has *.png");
    reads_all(&place);
}

#[test]
fn tables_with_headers_and_other_separators() {
    let header = |head: &'static str, line: fn(&str, &str, usize) -> String| {
        move |rgb: &str, depth: &str, _: &str| {
            let i = (0..PAIRS).find(|&i| names(i)[0] == rgb).unwrap();
            let head = if i == 0 { head } else { "" };
            format!("{head}{}", line(rgb, depth, i))
        }
    };
    let plain: fn(&str, &str, usize) -> String = |rgb, depth, _| format!("{rgb},{depth}\n");
    // Read as it is.
    let line = reads_all(&sync("l.csv", header("image,depth\n", plain)));
    assert!(
        line.ends_with("line 1 is a header (`image,depth`)"),
        "{line}"
    );
    for (list, form) in [
        ("l.txt", "{r}\t{d}\n"),
        ("l.csv", "{r}\t{d}\n"),
        ("l.csv", "{r};{d}\n"),
        ("l.csv", "{r},{d},\n"),
        ("l.csv", "{r},{d},518.8579,,\n"),
        ("l.txt", "\"{r}\" \"{d}\"\n"),
        ("l.csv", "\"{r}\",\"{d}\"\n"),
        ("l.txt", "{r}, {d}\n"),
        ("l.csv", "# a comment\n\n  {r} , {d}  \n"),
        ("l.txt", "./{r} .\\{d}\n"),
    ] {
        let place = sync(list, |rgb, depth, _| {
            form.replace("{r}", rgb).replace("{d}", depth)
        });
        reads_all(&place);
    }
    let place = sync("l.csv", |rgb, depth, _| {
        format!("{rgb},{depth}\nx/1.jpg,None\n")
    });
    let line = reads_all(&place);
    assert!(line.ends_with("4 lines without depth (`None`)"), "{line}");
    // Refused with a repair.
    let swapped: fn(&str, &str, usize) -> String = |rgb, depth, _| format!("{depth},{rgb}\n");
    let place = sync("l.csv", header("depth,image\n", swapped));
    repair(&place, "names the depth map first");
    reads_all(&place);
    let indexed: fn(&str, &str, usize) -> String = |rgb, depth, i| format!("{i},{rgb},{depth}\n");
    for head in [",image,depth\n", ""] {
        let place = sync("l.csv", header(head, indexed));
        repair(&place, "the first column is a number");
        reads_all(&place);
    }
    // Refused once, without a command that could know the depth maps.
    let place = sync("l.txt", |rgb, _, _| format!("{rgb}\n"));
    place.refuses(
        TRAIN,
        &["all 4 lines: 1 field", "expected `rgb depth [focal]`"],
    );
}

#[test]
fn a_few_missing_files_are_left_out_by_the_printed_command() {
    let place = sync("l.txt", |rgb, depth, _| {
        let lost = if rgb.contains("00002") {
            "x/1.jpg x/1.png\n"
        } else {
            ""
        };
        format!("{lost}{rgb} {depth}\n")
    });
    let message = place.mde(TRAIN).stderr;
    assert!(
        message.contains("2 of the listed files are missing in sync: x/1.jpg"),
        "{message}"
    );
    run(&place, message.split('`').nth(1).unwrap());
    reads_all(&place);
}

#[test]
fn all_lines_of_a_long_list_are_one_finding() {
    let place = sync("l.txt", |rgb, depth, _| format!("{rgb} {depth}\n"));
    let wrong: String = (0..24_231)
        .map(|i| format!("a/rgb_{i}.jpg a/d_{i}.png a/e_{i}.png\n"))
        .collect();
    let missing: String = (0..24_231)
        .map(|i| format!("/a/rgb_{i}.jpg /a/d_{i}.png 518.8\n"))
        .collect();
    for (lines, what) in [
        (wrong, "all 24,231 lines: the third column"),
        (
            missing,
            "48,462 of 48,462 listed files are not in the data folder",
        ),
    ] {
        place.write("sync/l.txt", lines);
        let said = place.mde("inspect --data sync");
        assert!(said.stdout.contains(what), "{}", said.stdout);
        assert!(said.stdout.contains("\n1 error,"), "{}", said.stdout);
    }
}
