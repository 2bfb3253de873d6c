//! The Hugging Face hub, simulated by a server on loopback at `HF_ENDPOINT`.

use std::fs;

use crate::place::{Done, Entry, Place, body, done, sha256};
use crate::server::{Reply, Server};

const SIZE: usize = 100_000;
const REPOSITORY: &str = "timm/resnet50.tv_in1k";
const PATH: &str = "/timm/resnet50.tv_in1k/resolve/main/model.safetensors";

fn redirect(to: &str) -> Reply {
    Reply::Status(302, vec![("Location", to.to_owned())])
}

fn fetch(place: &Place, endpoint: &str, token: Option<&str>) -> Done {
    let mut command = place.command(&["net"]);
    command.env("HF_ENDPOINT", endpoint);
    if let Some(token) = token {
        command.env("HF_TOKEN", token);
    }
    done(command.output().unwrap())
}

#[test]
fn the_address_follows_the_endpoint() {
    let body = body(SIZE);
    let server = Server::start(&body, &[Reply::Break(10_000), Reply::File]);
    for ending in ["", "/"] {
        let place = Place::new(&Entry::hub(REPOSITORY).of(&body));
        fetch(&place, &format!("{}{ending}", server.url()), None).assert_ok();
        place.assert_holds(&body);
    }
    for request in server.received() {
        assert_eq!(request.path, PATH);
        assert_eq!(request.header("authorization"), None);
    }
}

#[test]
fn the_token_is_sent_only_to_the_hub() {
    let body = body(SIZE);
    // On another port, which is another server.
    let storage = Server::start(&body, &[Reply::Break(20_000), Reply::File]);
    let hub = Server::start(
        b"",
        &[
            redirect("/renamed/model.safetensors"),
            redirect(&format!("{}/blob", storage.url())),
        ],
    );
    let place = Place::new(&Entry::hub(REPOSITORY).of(&body));
    let done = fetch(&place, &hub.url(), Some("hf_secret")).assert_ok();
    assert!(!done.stderr.contains("hf_secret"), "{}", done.stderr);
    place.assert_holds(&body);
    let asked: Vec<String> = hub
        .received()
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert_eq!(asked, [PATH, "/renamed/model.safetensors", PATH]);
    for request in hub.received() {
        assert_eq!(request.header("authorization"), Some("Bearer hf_secret"));
    }
    let blobs = storage.received();
    assert_eq!(blobs.len(), 2);
    for request in &blobs {
        assert_eq!(
            (request.path.as_str(), request.header("authorization")),
            ("/blob", None)
        );
    }
    assert_eq!(blobs[1].header("range"), Some("bytes=20000-"));
}

#[test]
fn the_token_is_not_sent_to_other_addresses() {
    let body = body(SIZE);
    let server = Server::good(&body);
    let place = Place::new(&Entry::url(&server.url()).of(&body));
    fetch(&place, &server.url(), Some("hf_secret")).assert_ok();
    assert_eq!(server.received()[0].header("authorization"), None);
}

#[test]
fn the_stored_token_is_used_if_none_is_set() {
    let body = body(SIZE);
    let server = Server::good(&body);
    let place = Place::new(&Entry::hub(REPOSITORY).of(&body));
    let home = place.dir.path().join("huggingface");
    fs::create_dir_all(&home).unwrap();
    fs::write(home.join("token"), "hf_kept\n").unwrap();
    fetch(&place, &server.url(), None).assert_ok();
    assert_eq!(
        server.received()[0].header("authorization"),
        Some("Bearer hf_kept")
    );
}

#[test]
fn gated_models_are_explained() {
    for code in [401, 403] {
        let server = Server::start(b"", &[Reply::Status(code, Vec::new())]);
        let place = Place::new(&Entry::hub(REPOSITORY));
        let words = [
            "accept the terms",
            "https://example.org/page",
            "set HF_TOKEN",
        ];
        fetch(&place, &server.url(), None).assert_fails(&words);
        let words = [
            "the token was sent",
            "accept the terms",
            "https://example.org/page",
        ];
        fetch(&place, &server.url(), Some("hf_weak")).assert_fails(&words);
        assert_eq!(server.received().len(), 2);
    }
}

#[test]
fn an_unreachable_hub_is_an_error_with_alternatives() {
    let url = Server::good(b"").url();
    let place = Place::new(&Entry::hub(REPOSITORY));
    fetch(&place, &url, None).assert_fails(&[
        "cannot reach",
        "HF_ENDPOINT",
        "HTTPS_PROXY",
        "--from FILE",
    ]);
}

#[test]
fn the_hubs_own_hash_is_checked_where_the_manifest_has_none() {
    let (right, wrong) = (body(SIZE), vec![9; SIZE]);
    let storage = Server::good(&wrong);
    let blob = vec![
        ("Location", format!("{}/blob", storage.url())),
        ("X-Linked-Etag", format!("\"{}\"", sha256(&right))),
    ];
    let hub = Server::start(b"", &[Reply::Status(302, blob)]);
    let place = Place::new(&Entry::hub(REPOSITORY));
    fetch(&place, &hub.url(), None).assert_fails(&["SHA-256", &sha256(&wrong), &sha256(&right)]);
    place.assert_holds_nothing();
    storage.turn_to(&right, None, &[Reply::File]);
    fetch(&place, &hub.url(), None).assert_ok();
    place.assert_holds(&right);
}

#[test]
fn endless_and_broken_redirects_are_errors() {
    for (reply, words) in [
        (redirect("/again"), "too many times"),
        (redirect("ftp://127.0.0.1/file"), "redirects"),
        (
            Reply::Status(302, Vec::new()),
            "redirects without an address",
        ),
    ] {
        let server = Server::start(b"", &[reply]);
        let place = Place::new(&Entry::hub(REPOSITORY));
        let done = fetch(&place, &server.url(), None);
        assert!(server.received().len() <= 11);
        if words != "redirects" {
            done.assert_fails(&[words]);
        } else {
            done.assert_fails(&[]);
        }
        place.assert_holds_nothing();
    }
}

/// Stores a file in the hub's cache, as another program would.
fn cache(place: &Place, bytes: &[u8]) {
    let repository = place
        .dir
        .path()
        .join("huggingface/hub/models--timm--resnet50.tv_in1k");
    fs::create_dir_all(repository.join("refs")).unwrap();
    fs::create_dir_all(repository.join("snapshots/0123abc")).unwrap();
    fs::write(repository.join("refs/main"), "0123abc").unwrap();
    fs::write(
        repository.join("snapshots/0123abc/model.safetensors"),
        bytes,
    )
    .unwrap();
}

#[test]
fn a_file_in_the_local_cache_is_copied() {
    let body = body(SIZE);
    let server = Server::good(&body);
    let place = Place::new(&Entry::hub(REPOSITORY).of(&body));
    cache(&place, &body);
    fetch(&place, &server.url(), None)
        .assert_ok()
        .assert_says(&["taken from"]);
    place.assert_holds(&body);
    // Without a connection as well.
    let place = Place::new(&Entry::hub(REPOSITORY).of(&body));
    cache(&place, &body);
    place.run(&["net", "--offline"]).assert_ok();
    place.assert_holds(&body);
    assert!(server.received().is_empty());
}

#[test]
fn another_version_in_the_local_cache_is_ignored() {
    let body = body(SIZE);
    let server = Server::good(&body);
    let place = Place::new(&Entry::hub(REPOSITORY).of(&body));
    cache(&place, &[1; SIZE]);
    fetch(&place, &server.url(), None)
        .assert_ok()
        .assert_says(&["is a different version"]);
    place.assert_holds(&body);
    assert_eq!(server.received().len(), 1);
}
