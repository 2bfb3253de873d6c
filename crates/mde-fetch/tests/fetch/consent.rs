//! Questions to the user, and the state after a refusal.

use std::fs;

use mde_fetch::{Answer, DataPlan, DataSet, FetchError, SPARE_MEGABYTES, fetch_data, resolve};

use crate::place::{Notes, Place, Server};

#[test]
fn without_consent_nothing_is_downloaded_and_no_folder_is_made() {
    let server = Server::start(b"weights");
    let place = Place::with_weights(&["net"], &server.url(), b"weights");
    let resolve = |answer| resolve(&"net".parse()?, &place.home, &Notes::new(answer));
    assert!(matches!(resolve(Answer::No), Err(FetchError::Declined)));
    let error = resolve(Answer::Nobody).unwrap_err().to_string();
    assert!(
        error.contains("run `mde fetch weights net` first"),
        "{error}"
    );
    assert_eq!(server.requests(), 0);
    assert!(!place.home.weights().exists());
}

fn nyu(server: &Server) -> Place {
    let entry = |file: &str| format!("url = \"{}\"\nfile = \"{file}\"\nabout = 7", server.url());
    Place::new(&[
        ("data.nyu-labelled", entry("nyu_depth_v2_labeled.mat")),
        ("data.nyu-splits", entry("splits.mat")),
    ])
}

#[test]
fn a_declined_data_set_leaves_nothing_behind() {
    let server = Server::start(b"content");
    let place = nyu(&server);
    let before = fs::read_dir(place.home.folder()).unwrap().count();
    for answer in [Answer::No, Answer::Nobody] {
        let front = Notes::new(answer);
        let data = DataSet::named("nyu").unwrap();
        fetch_data(data, &place.home, &front, &|_| Ok(())).unwrap_err();
        let asked = &front.asked.borrow()[0];
        assert_eq!(asked.len(), 2);
        assert!(asked[0].contains("about 7 B to download"), "{}", asked[0]);
    }
    assert_eq!(fs::read_dir(place.home.folder()).unwrap().count(), before);
    assert_eq!(server.requests(), 0);
}

#[test]
fn an_accepted_data_set_is_downloaded_and_converted() {
    let server = Server::start(b"content");
    let place = nyu(&server);
    let front = Notes::new(Answer::Yes);
    let plan = DataPlan::new(DataSet::named("nyu").unwrap(), &place.home, &front).unwrap();
    assert_eq!((plan.bill().download, plan.bill().unknown), (14, 0));
    let folder = plan.folder();
    plan.bill()
        .settle(&folder, SPARE_MEGABYTES, false, &front)
        .unwrap();
    let calls = std::cell::RefCell::new(Vec::new());
    plan.fetch(&|conversion| {
        let words = conversion.arguments();
        let words = words.iter().map(|word| word.to_string_lossy().into_owned());
        calls.borrow_mut().push(words.collect::<Vec<_>>());
        Ok(())
    })
    .unwrap();
    let calls = calls.into_inner();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0][..3], ["convert", "nyu-labelled", "--mat"]);
    assert_eq!(server.requests(), 2);
    assert_eq!(folder, place.home.data("nyu"));
}

#[test]
fn a_failed_conversion_is_an_error_and_does_not_count_as_complete() {
    let server = Server::start(b"content");
    let place = nyu(&server);
    let front = Notes::new(Answer::Yes);
    let fails = |_: mde_fetch::Conversion<'_>| Err("the archive is damaged".into());
    let data = DataSet::named("nyu").unwrap();
    let error = fetch_data(data, &place.home, &front, &fails).unwrap_err();
    assert_eq!(error.to_string(), "the archive is damaged");
    let folder = place.home.data("nyu");
    for list in ["nyuv2_labeled_train.csv", "nyuv2_test.csv"] {
        fs::write(folder.join(list), "").unwrap();
    }
    assert!(!mde_fetch::is_complete("nyu", &folder));
}
