//! The whole pipeline, from a download to the report.

use std::fs;

use crate::archives::{Kitti, TEST_LIST};
use crate::files::Files;
use crate::place::Place;

#[test]
fn a_missing_data_set_is_fetched_after_one_question() {
    let server = Files::start();
    server.put("/mat", vec![1; 1000]);
    server.put("/splits", vec![2; 10]);
    server.put("/net", vec![3; 50]);
    let entry = |path: &str, file: &str| {
        format!(
            "url = \"{}\"\nfile = \"{file}\"\nabout = 1000",
            server.url(path)
        )
    };
    let weights = format!(
        "{}\nmodels = [\"meter-xxs\"]\npaper = \"none\"\ninput = \"RGB\"",
        entry("/net", "net.pth")
    );
    let place = Place::new(&[
        (
            "data.nyu-labelled",
            entry("/mat", "nyu_depth_v2_labeled.mat"),
        ),
        ("data.nyu-splits", entry("/splits", "splits.mat")),
        ("weights.meter-xxs-nyu", weights),
    ]);
    let job = [
        "reproduce",
        "nyu",
        "--device",
        "cpu",
        "--model",
        "meter-xxs",
    ];
    place.run(&job).assert_fails(&[
        "network: meter-xxs (as requested)",
        "time: about 30 minutes",
        "(estimate",
        "nyu-labelled: about 1.00 kB to download",
        "weights meter-xxs-nyu: about 1.00 kB to download",
        "give --yes",
    ]);
    assert!(server.requests().is_empty() && place.calls().is_empty());
    // A refusal leaves no empty folders.
    let left = fs::read_dir(place.data()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["manifest.toml"]);
    place.run(&[&job[..], &["--yes"]].concat()).assert_ok();
    let commands: Vec<String> = place
        .calls()
        .iter()
        .map(|call| call.split(' ').next().unwrap().to_owned())
        .collect();
    let measured = ["evaluate", "dissect", "ablate", "correct"];
    let mut expected = vec!["convert"];
    expected.extend(measured);
    for _ in 0..2 {
        expected.push("train");
        expected.extend(measured);
    }
    expected.push("report");
    assert_eq!(commands, expected);
    let data = format!("--data nyu:{}", place.data().join("nyu").display());
    assert!(place.calls()[5].contains(&data), "{}", place.calls()[5]);
    // The second time nothing is missing, so the user is not asked.
    place.run(&job).assert_ok();
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn kitti_is_fetched_file_by_file() {
    let kitti = Kitti::new();
    let job = ["reproduce", "kitti", "--device", "cpu"];
    kitti.place.run(&job).assert_fails(&[
        "network: bts-tiny-kitti (small enough for a CPU, since no NVIDIA GPU",
        "0 files here, 15 missing",
        "give --yes",
    ]);
    let yes = [&job[..], &["--yes"]].concat();
    kitti.place.run(&yes).assert_ok();
    assert!(kitti.out().join(TEST_LIST).is_file());
    let calls = kitti.place.calls();
    assert!(calls[0].starts_with("train --data kitti:"), "{}", calls[0]);
    let sent = kitti.server.sent();
    kitti.place.run(&job).assert_ok();
    assert_eq!(kitti.server.sent(), sent);
}

#[test]
fn a_named_folder_must_exist() {
    let place = Place::new(&[]);
    let folder = place.path("elsewhere").display().to_string();
    let job = ["reproduce", "nyu", "--data", &folder, "--device", "cpu"];
    place.run(&job).assert_fails(&[
        &folder,
        "no such folder",
        "without --data, nyu is downloaded",
    ]);
    fs::create_dir(&folder).unwrap();
    // mde checks its contents.
    place.run(&job).assert_ok();
    assert!(place.calls()[0].contains(&format!("--data nyu:{folder}")));
}
