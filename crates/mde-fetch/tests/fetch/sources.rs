//! Weights by file, by name and on the hub.

use std::fs;
use std::path::Path;

use mde_fetch::{Answer, FetchError, HubFile, HubKind, WeightSource, resolve};

use crate::place::{Notes, Place, Server};

fn source(text: &str) -> WeightSource {
    text.parse().unwrap()
}

#[test]
fn a_name_is_fetched_on_first_use_and_then_reused() {
    let body = b"the weights".repeat(100);
    let server = Server::start(&body);
    let place = Place::with_weights(&["net"], &server.url(), &body);
    let front = Notes::new(Answer::Yes);
    for _ in 0..2 {
        let file = resolve(&source("net"), &place.home, &front).unwrap();
        assert_eq!(file, place.target());
    }
    assert_eq!(fs::read(place.target()).unwrap(), body);
    assert_eq!((server.requests(), front.asked.borrow().len()), (1, 1));
    let asked = &front.asked.borrow()[0][0];
    assert!(
        asked.contains("weights net: 1.10 kB to download"),
        "{asked}"
    );
    // The same checks as with the command: a damaged file is not used.
    fs::write(place.target(), vec![0; body.len()]).unwrap();
    let error = resolve(&source("net"), &place.home, &front).unwrap_err();
    assert!(error.to_string().contains("SHA-256"), "{error}");
}

#[test]
fn a_wrong_file_is_not_kept() {
    let server = Server::start(b"other weights");
    let place = Place::with_weights(&["net"], &server.url(), b"right weights");
    let front = Notes::new(Answer::Yes);
    let error = resolve(&source("net"), &place.home, &front).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("cannot get the weights net"), "{error}");
    assert!(error.contains("SHA-256"), "{error}");
    assert!(!place.target().exists());
}

#[test]
fn an_existing_file_takes_precedence_and_a_missing_path_is_returned_unchanged() {
    let place = Place::with_weights(&["net"], "http://127.0.0.1:9/never-asked", b"");
    let front = Notes::new(Answer::Nobody);
    let resolved = |text: &str| resolve(&source(text), &place.home, &front).unwrap();
    let file = place.dir.path().join("net");
    fs::write(&file, "mine").unwrap();
    assert_eq!(resolved(&file.display().to_string()), file);
    for missing in ["no/such/file", "missing.pth", "/none/net"] {
        assert_eq!(resolved(missing), Path::new(missing));
    }
    assert!(front.asked.borrow().is_empty());
}

#[test]
fn similar_names_are_suggested() {
    let place = Place::with_weights(
        &["meter-xxs-nyu", "mff-resnet50"],
        "http://127.0.0.1:9/",
        b"",
    );
    let front = Notes::new(Answer::Nobody);
    for (text, suggestion) in [
        ("meter_xxs_nyu", Some("meter-xxs-nyu")),
        ("METER-XXS-NYU", Some("meter-xxs-nyu")),
        ("mff-resnet5", Some("mff-resnet50")),
        // Also by the network that the weights fit.
        ("mff-tiny", Some("mff-resnet50")),
        ("something-else", None),
    ] {
        let error = resolve(&source(text), &place.home, &front).unwrap_err();
        let FetchError::UnknownName {
            suggestion: found, ..
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!(found.is_some(), suggestion.is_some(), "{text}: {error}");
        if text != "mff-tiny" {
            assert_eq!(found.as_deref(), suggestion, "{text}");
        }
        assert!(error.to_string().contains("meter-xxs-nyu"), "{error}");
    }
}

#[test]
fn files_of_the_hub_are_stored_in_their_own_folder() {
    let place = Place::new(&[]);
    let front = Notes::new(Answer::Nobody);
    for (text, revision, below) in [
        (
            "hf:timm/vit/model.pth",
            "main",
            "hf/timm/vit/main/model.pth",
        ),
        (
            "hf:timm/vit@0123abc/sub/model.pth",
            "0123abc",
            "hf/timm/vit/0123abc/sub/model.pth",
        ),
    ] {
        let parsed = source(text);
        assert_eq!(parsed.to_string(), text);
        let expected = HubFile {
            repository: "timm/vit".to_owned(),
            path: text
                .split_once('/')
                .unwrap()
                .1
                .split_once('/')
                .unwrap()
                .1
                .to_owned(),
            kind: HubKind::Model,
            revision: revision.to_owned(),
        };
        assert!(matches!(&parsed, WeightSource::Hub { file, .. } if *file == expected));
        // Without consent to a download, a stored file is used.
        let error = resolve(&parsed, &place.home, &front)
            .unwrap_err()
            .to_string();
        assert!(error.contains("mde fetch weights hf:timm/vit"), "{error}");
        let target = place.home.weights().join(below);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(&target, "weights").unwrap();
        assert_eq!(resolve(&parsed, &place.home, &front).unwrap(), target);
    }
}

#[test]
fn hub_addresses_that_leave_the_folder_are_refused() {
    for text in [
        "hf:",
        "hf:timm",
        "hf:timm/",
        "hf:/vit",
        "hf:timm/vit/",
        "hf:timm/vit@",
        "hf:timm/.vit",
        "hf:timm/vit@/model.pth",
        "hf:timm/vit/../model.pth",
        "hf:../vit/model.pth",
        "hf:timm/vit//model.pth",
        "hf:timm/vit/a\\b",
        "hf:timm/vit/.hidden",
        "hf:timm/vit/model.pth?download=true",
    ] {
        let error = text.parse::<WeightSource>().unwrap_err().to_string();
        assert!(error.contains("hf:ORG/REPO[@REVISION]/FILE"), "{error}");
    }
}

#[test]
fn an_exported_network_of_the_hub_is_two_files_in_one_folder() {
    let place = Place::new(&[]);
    let front = Notes::new(Answer::Nobody);
    for (text, revision) in [("hf:me/net", "main"), ("hf:me/net@v1.0", "v1.0")] {
        let parsed = source(text);
        assert_eq!(parsed.to_string(), text);
        assert!(matches!(&parsed, WeightSource::Repository { config, .. }
                if config.repository == "me/net" && config.revision == revision));
        let error = resolve(&parsed, &place.home, &front).unwrap_err();
        let command = format!("run `mde fetch weights {text}` first");
        assert!(error.to_string().contains(&command), "{error}");
        let bill = front.asked.borrow().last().unwrap().join("\n");
        for file in ["config.json", "model.safetensors"] {
            assert!(bill.contains(&format!("{text}/{file}: ")), "{bill}");
        }
        // Stored files are used without a question. The configuration names the other file.
        let folder = place.home.weights().join("hf/me/net").join(revision);
        fs::create_dir_all(&folder).unwrap();
        fs::write(
            folder.join("config.json"),
            r#"{"format": "mde-export", "format_version": 1, "weights": {"file": "pytorch_model.pth"}}"#,
        )
        .unwrap();
        let asked = front.asked.borrow().len();
        assert!(resolve(&parsed, &place.home, &front).is_err());
        let bill = front.asked.borrow().last().unwrap().join("\n");
        assert!(
            bill.contains("pytorch_model.pth") && !bill.contains("config.json"),
            "{bill}"
        );
        fs::write(folder.join("pytorch_model.pth"), "weights").unwrap();
        assert_eq!(resolve(&parsed, &place.home, &front).unwrap(), folder);
        assert_eq!(front.asked.borrow().len(), asked + 1);
    }
}
