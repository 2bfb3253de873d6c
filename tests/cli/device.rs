//! `--device`: the choice, its log message, and refusals. With `--features cuda` the choice depends
//! on the machine, so only what holds on all machines is tested.

use crate::place::{Place, Said};

/// `mde LINE` with the log at the level that names the device.
fn logged(place: &Place, line: &str) -> Said {
    let mut command = place.command(line);
    Said::from(command.env("MDE_LOG", "info").output().unwrap())
}

/// The commands that compute with a network.
const COMPUTING: [&str; 4] = [
    "train --data rooms:rooms --out new --steps 1 --batch-size 2",
    "evaluate --run run --data rooms:rooms",
    "dissect --run run --data rooms:rooms --layers D",
    "profile --model mff-tiny --runs 1",
];

#[test]
fn the_log_names_the_device() {
    let place = Place::with_run();
    for line in COMPUTING {
        let said = logged(&place, &format!("{line} --device cpu"));
        assert_eq!(said.status, Some(0), "{line}: {}", said.stderr);
        let told = said.stderr.matches("computing on device cpu").count();
        assert_eq!(told, 1, "{line}: {}", said.stderr);
    }
    // Without -v the log is silent: `json` checks that stderr is empty.
    let document = place.json("profile --model mff-tiny --runs 1 --device cpu");
    assert_eq!(document["device"], "cpu");
}

#[test]
fn commands_without_a_network_open_no_device() {
    let place = Place::empty();
    let said = logged(&place, "models mff-tiny --device auto");
    assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""));
}

#[cfg(not(feature = "cuda"))]
mod without_cuda {
    use super::{COMPUTING, Place, logged};

    #[test]
    fn auto_is_the_cpu_and_the_default() {
        let place = Place::empty();
        for option in ["", "--device auto"] {
            let said = logged(
                &place,
                &format!("profile --model mff-tiny --runs 1 {option}"),
            );
            assert_eq!(said.status, Some(0), "{}", said.stderr);
            assert!(
                said.stderr.contains("computing on device cpu"),
                "{option}: {}",
                said.stderr
            );
        }
    }

    #[test]
    fn cuda_is_refused_with_advice() {
        let place = Place::with_run();
        for line in COMPUTING {
            place.refuses(
                &format!("{line} --device cuda"),
                &["no CUDA", "--features cuda", "--device cpu"],
            );
        }
    }
}
