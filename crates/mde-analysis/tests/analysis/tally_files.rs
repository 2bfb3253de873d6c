//! Tallies on disk: written and read back, or an error that says what is wrong.

use std::collections::HashMap;

use candle_core::Device;
use mde_analysis::{DissectLayer, DissectOptions, dissect};
use mde_metrics::DepthBins;
use mde_results::LayerTallies;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::common::{Fake, Image, Map, data, random};

/// Three images, two units, four bins of edges chosen by hand.
fn tallies() -> LayerTallies {
    let network = Fake::new().layer("L", 2, |seen, _| Map {
        size: (3, 5),
        values: seen.to_vec(),
    });
    let images: Vec<Image> = (0..3u64)
        .map(|index| Image {
            id: format!("room/\"{index}\""),
            seen: random(30, -1.0, 1.0, index),
            size: (5, 6),
            gt: random(77, 0.0, 5.0, 10 + index),
            gt_size: (7, 11),
        })
        .collect();
    let layers = [DissectLayer {
        name: "L".into(),
        bins: DepthBins::from_edges(vec![0.0, 0.1, 1.0 / 3.0, 2.0, 4.5]).unwrap(),
    }];
    let dissected = dissect(
        &network,
        &data(&images, 2),
        &Device::Cpu,
        &layers,
        &DissectOptions::default(),
        &mut |_| {},
    );
    dissected.unwrap().remove(0).tallies
}

fn read(bytes: &[u8]) -> Result<LayerTallies, String> {
    LayerTallies::from_safetensors(bytes)
}

#[track_caller]
fn assert_broken(bytes: &[u8], part: &str) {
    let message = read(bytes).unwrap_err();
    assert!(message.contains(part), "{message}");
}

#[test]
fn what_is_written_is_read() {
    let tallies = tallies();
    let bytes = tallies.to_safetensors().unwrap();
    assert_eq!(read(&bytes).unwrap(), tallies);
    assert_eq!(
        read(&bytes).unwrap().total().unwrap(),
        tallies.total().unwrap()
    );
    assert_eq!(read(&bytes).unwrap().to_safetensors().unwrap(), bytes);
    let none = LayerTallies::new(2, tallies.bins().clone());
    assert_eq!(read(&none.to_safetensors().unwrap()).unwrap(), none);
}

#[test]
fn bins_of_a_preset_keep_their_edges() {
    let empty = LayerTallies::new(64, DepthBins::nyu(64).unwrap());
    let read = read(&empty.to_safetensors().unwrap()).unwrap();
    assert_eq!(read.bins().edges(), empty.bins().edges());
}

#[test]
fn the_file_has_the_contracts_tensors() {
    let bytes = tallies().to_safetensors().unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.len(), 4);
    for (name, dtype, shape) in [
        ("sums", Dtype::F64, &[3, 2, 5][..]),
        ("counts", Dtype::U64, &[3, 5]),
        ("edges", Dtype::F64, &[5]),
        ("ground_truth", Dtype::U8, &[3, 32]),
    ] {
        let tensor = tensors.tensor(name).unwrap();
        assert_eq!((tensor.dtype(), tensor.shape()), (dtype, shape), "{name}");
    }
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let ids = &header.metadata().as_ref().unwrap()["ids"];
    let ids: Vec<String> = serde_json::from_str(ids).unwrap();
    assert_eq!(ids, ["room/\"0\"", "room/\"1\"", "room/\"2\""]);
}

#[test]
fn a_file_cut_short_is_an_error() {
    let bytes = tallies().to_safetensors().unwrap();
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn tensors_that_do_not_fit_are_an_error() {
    let zeros = [0u8; 8 * 30];
    let edges: Vec<u8> = [0f64, 1.0, 2.0, 3.0, 4.0]
        .iter()
        .flat_map(|edge| edge.to_le_bytes())
        .collect();
    let with_hashes = |hashes: usize,
                       sums: &[usize],
                       counts: (Dtype, &[usize]),
                       edges: &[u8],
                       ids: Option<&str>| {
        let count = |shape: &[usize]| 8 * shape.iter().product::<usize>();
        let views = [
            (
                "sums",
                TensorView::new(Dtype::F64, sums.to_vec(), &zeros[..count(sums)]).unwrap(),
            ),
            (
                "counts",
                TensorView::new(counts.0, counts.1.to_vec(), &zeros[..count(counts.1)]).unwrap(),
            ),
            (
                "edges",
                TensorView::new(Dtype::F64, vec![edges.len() / 8], edges).unwrap(),
            ),
            (
                "ground_truth",
                TensorView::new(Dtype::U8, vec![hashes, 32], &zeros[..32 * hashes]).unwrap(),
            ),
        ];
        let metadata = ids.map(|ids| HashMap::from([("ids".to_owned(), ids.to_owned())]));
        safetensors::serialize(views, metadata).unwrap()
    };
    let file = |sums: &[usize], counts: (Dtype, &[usize]), edges: &[u8], ids: Option<&str>| {
        with_hashes(3, sums, counts, edges, ids)
    };
    let (three, good) = (Some("[\"a\",\"b\",\"c\"]"), (Dtype::U64, &[3usize, 5][..]));
    read(&file(&[3, 2, 5], good, &edges, three)).unwrap();
    for (bytes, part) in [
        (file(&[3, 2, 4], good, &edges, three), "5 slots"),
        (file(&[2, 2, 5], good, &edges, three), "3 ids"),
        (
            file(&[3, 2, 5], (Dtype::U64, &[2, 5]), &edges, three),
            "counts [2, 5]",
        ),
        (
            file(&[3, 2, 5], (Dtype::F64, &[3, 5]), &edges, three),
            "counts is F64",
        ),
        (file(&[3, 10], good, &edges, three), "sums is F64 [3, 10]"),
        (file(&[3, 2, 5], good, &edges, Some("[\"a\"]")), "1 ids"),
        (file(&[3, 2, 5], good, &edges, Some("a")), "ids"),
        (file(&[3, 2, 5], good, &edges, None), "ids"),
        (file(&[3, 0, 5], good, &edges, three), "sums [3, 0, 5]"),
        (
            with_hashes(2, &[3, 2, 5], good, &edges, three),
            "ground_truth [2, 32]",
        ),
        // Edges that do not increase.
        (file(&[3, 2, 5], good, &[0; 40], three), "edges"),
    ] {
        assert_broken(&bytes, part);
    }
    let ids = HashMap::from([("ids".to_owned(), "[]".to_owned())]);
    let none = HashMap::<String, TensorView<'_>>::new();
    let nothing = safetensors::serialize(none, Some(ids)).unwrap();
    assert_broken(&nothing, "sums");
}
