//! Exported networks on the Hugging Face hub.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use super::{export, measured_place, without_checkpoint};
use crate::place::Place;

/// A hub on loopback: the files below a folder by the last part of their path.
struct Hub {
    url: String,
    requested: Arc<Mutex<Vec<String>>>,
}

impl Hub {
    fn start(files: BTreeMap<String, Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requested = Arc::new(Mutex::new(Vec::new()));
        let log = requested.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let first = lines.next().and_then(Result::ok).unwrap_or_default();
                for line in lines.map_while(Result::ok) {
                    if line.is_empty() {
                        break;
                    }
                }
                let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
                let file = files.get(path.rsplit('/').next().unwrap());
                let (status, body) = match file {
                    Some(body) => ("200 OK", body.as_slice()),
                    None => ("404 Not Found", &[][..]),
                };
                log.lock().unwrap().push(path);
                let head = format!(
                    "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                drop(
                    stream
                        .write_all(head.as_bytes())
                        .and_then(|()| stream.write_all(body)),
                );
            }
        });
        Self { url, requested }
    }

    /// `mde LINE` with this hub; status and stderr.
    fn mde(&self, place: &Place, line: &str) -> (Option<i32>, String) {
        let mut command = place.command(line);
        command
            .env("HF_ENDPOINT", &self.url)
            .env("HF_HOME", place.home().join("hf"));
        for proxy in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
            command.env_remove(proxy);
        }
        let output = command.output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }
}

#[test]
fn an_exported_network_comes_from_the_hub() {
    let place = measured_place();
    export(&place, "run -o net");
    let hub = Hub::start(place.files("net"));
    let evaluate = "evaluate --data rooms:rooms --weights hf:me/net@v1 --out kept";
    // Nothing is downloaded without consent; the advice is the next command.
    let (status, said) = hub.mde(&place, evaluate);
    assert_eq!(status, Some(1), "{said}");
    assert!(
        said.contains("run `mde fetch weights hf:me/net@v1` first"),
        "{said}"
    );
    assert!(hub.requested.lock().unwrap().is_empty());
    let (status, said) = hub.mde(&place, "fetch weights hf:me/net@v1");
    assert_eq!(status, Some(0), "{said}");
    let paths =
        ["config.json", "model.safetensors"].map(|name| format!("/me/net/resolve/v1/{name}"));
    assert_eq!(*hub.requested.lock().unwrap(), paths);
    let (status, said) = hub.mde(&place, evaluate);
    assert_eq!(status, Some(0), "{said}");
    let found = without_checkpoint(&place, "kept/evaluate.json");
    assert_eq!(found, without_checkpoint(&place, "run/evaluate.json"));
    let train = "train --data rooms:rooms --steps 1 --batch-size 2 --out tuned --init hf:me/net@v1";
    assert_eq!(hub.mde(&place, train).0, Some(0));
    assert_eq!(hub.requested.lock().unwrap().len(), 2);
}

#[test]
fn repositories_of_other_programs_are_refused_before_their_weights_are_fetched() {
    let place = Place::empty();
    let config = br#"{"model_type": "dpt", "architectures": ["DPTForDepthEstimation"]}"#.to_vec();
    let hub = Hub::start(BTreeMap::from([
        ("config.json".to_owned(), config),
        ("model.safetensors".to_owned(), b"never read".to_vec()),
    ]));
    for _ in 0..2 {
        let (status, said) = hub.mde(&place, "fetch weights hf:intel/dpt");
        assert_eq!(status, Some(1), "{said}");
        assert!(
            said.contains("transformers library (model_type dpt)"),
            "{said}"
        );
    }
    let requested = hub.requested.lock().unwrap().clone();
    assert!(
        requested.iter().all(|path| path.ends_with("config.json")),
        "{requested:?}"
    );
    let hub = Hub::start(BTreeMap::from([(
        "net.pth".to_owned(),
        b"weights".to_vec(),
    )]));
    let (status, said) = hub.mde(&place, "fetch weights hf:me/old");
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("name their file: hf:me/old/FILE"), "{said}");
    let (status, said) = hub.mde(&place, "fetch weights hf:me/old/net.pth");
    assert_eq!(status, Some(0), "{said}");
    let line = "fetch weights hf:me/old --from x.pth";
    let (status, said) = hub.mde(&place, line);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("hf:me/old/FILE --from FILE"), "{said}");
}

#[test]
fn files_of_the_hub_can_be_given_by_hand() {
    let place = measured_place();
    export(&place, "run -o net");
    let offline = place.mde("fetch weights hf:me/net --offline");
    let command = "mde fetch weights hf:me/net/config.json --from FILE";
    assert!(offline.stderr.contains(command), "{}", offline.stderr);
    for name in ["config.json", "model.safetensors"] {
        let line = format!("fetch weights hf:me/net/{name} --from net/{name}");
        let said = place.mde(&line);
        assert_eq!(said.status, Some(0), "{}", said.stderr);
    }
    let offline = place.mde("fetch weights hf:me/net --offline");
    assert_eq!(offline.status, Some(0), "{}", offline.stderr);
    place.json("inspect --weights hf:me/net");
}
