//! Images and maps: what is written is read, and no damage ends in a panic.

use std::collections::HashMap;

use mde_results::{
    Example, TopImages, decode_corrected, decode_examples, decode_top_images, encode_corrected,
    encode_examples, encode_top_images, ids_metadata,
};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::common::{
    UNITS, assert_parts, corrected_examples, examples, noise, tallies, top_images,
};
use mde_results::LayerTallies;

/// Reads a file and forgets what was in it.
type Read = fn(&[u8]) -> Result<(), String>;

/// One file of each kind.
fn files() -> [(&'static str, Vec<u8>, Read); 4] {
    [
        ("examples", encode_examples(&examples()).unwrap(), |bytes| {
            decode_examples(bytes).map(drop)
        }),
        (
            "corrected maps",
            encode_corrected(&corrected_examples()).unwrap(),
            |bytes| decode_corrected(bytes, UNITS).map(drop),
        ),
        (
            "top images",
            encode_top_images(&top_images()).unwrap(),
            |bytes| decode_top_images(bytes, UNITS).map(drop),
        ),
        ("tallies", tallies(1.0).to_safetensors().unwrap(), |bytes| {
            let read = LayerTallies::from_safetensors(bytes)?;
            let total = read.total().map_err(|error| error.to_string())?;
            total.mean_response(mde_metrics::Estimator::Reference);
            Ok(())
        }),
    ]
}

#[test]
fn what_is_written_is_read() {
    let bytes = encode_examples(&examples()).unwrap();
    assert_eq!(decode_examples(&bytes).unwrap(), examples());
    let bytes = encode_corrected(&corrected_examples()).unwrap();
    assert_eq!(
        decode_corrected(&bytes, UNITS).unwrap(),
        corrected_examples()
    );
    let bytes = encode_top_images(&top_images()).unwrap();
    assert_eq!(decode_top_images(&bytes, UNITS).unwrap(), top_images());

    // Without images, and without pictures.
    let none: [Example; 0] = [];
    assert_eq!(
        decode_examples(&encode_examples(&none).unwrap()).unwrap(),
        none
    );
    let without_pictures = TopImages {
        pictures: Vec::new(),
        ..top_images()
    };
    let bytes = encode_top_images(&without_pictures).unwrap();
    assert_eq!(decode_top_images(&bytes, UNITS).unwrap(), without_pictures);
}

#[test]
fn maps_of_another_size_than_their_image_are_not_written() {
    let mut examples = examples();
    examples[1].gt.pop();
    assert!(encode_examples(&examples).is_err());
    let mut corrected = corrected_examples();
    corrected[0].unit.push(None);
    assert!(encode_corrected(&corrected).is_err());
}

#[test]
fn files_cut_short_are_refused() {
    for (name, whole, read) in files() {
        read(&whole).unwrap();
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{name}, {length} bytes");
        }
    }
}

/// Flips in the header change names, shapes and offsets; flips in the values often change nothing
/// that can be noticed. Neither may end the program.
#[test]
fn flipped_bytes_never_panic() {
    for (name, whole, read) in files() {
        let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
        let mut refused = 0;
        for seed in 0..4000u64 {
            let mut bytes = whole.clone();
            let draw =
                |index: u64, below: usize| (noise(97 * seed + index) * below as f32) as usize;
            let flips = 1 + draw(0, 3);
            for flip in 0..flips as u64 {
                let below = if seed % 2 == 0 { header } else { whole.len() };
                let at = draw(1 + 2 * flip, below).min(whole.len() - 1);
                bytes[at] ^= 1 << draw(2 + 2 * flip, 8).min(7);
            }
            refused += usize::from(read(&bytes).is_err());
        }
        assert!(refused > 1000, "{name}: {refused}");
    }
}

#[test]
fn the_problem_is_named() {
    let bytes = |tensors: &[(&str, Dtype, &[usize])], ids: Option<&str>| {
        let zeros = [0u8; 4096];
        let views = tensors.iter().map(|(name, dtype, shape)| {
            let size = shape.iter().product::<usize>() * dtype.bitsize() / 8;
            (
                *name,
                TensorView::new(*dtype, shape.to_vec(), &zeros[..size]).unwrap(),
            )
        });
        let metadata = ids.map(|ids| HashMap::from([("ids".to_owned(), ids.to_owned())]));
        safetensors::serialize(views, metadata).unwrap()
    };
    let one = Some("[\"a\"]");
    let rgb = ("0/rgb", Dtype::U8, &[2, 3, 3][..]);
    let gt = ("0/gt", Dtype::F32, &[2, 3][..]);
    for (file, part) in [
        (bytes(&[rgb, gt], None), "no \"ids\""),
        (bytes(&[rgb, gt], Some("a")), "not a JSON array"),
        (bytes(&[rgb, gt], one), "tensor 0/pred is missing"),
        (
            bytes(&[("0/rgb", Dtype::F32, &[2, 3, 3])], one),
            "0/rgb is F32 where U8",
        ),
        (
            bytes(&[("0/rgb", Dtype::U8, &[2, 3])], one),
            "[height, width, 3] is expected",
        ),
        (
            bytes(&[("0/rgb", Dtype::U8, &[0, 3, 3])], one),
            "an empty image",
        ),
        (
            bytes(&[rgb, ("0/gt", Dtype::F32, &[3, 2])], one),
            "0/gt has shape [3, 2] where [2, 3]",
        ),
    ] {
        assert_parts(&decode_examples(&file).unwrap_err(), &[part]);
    }

    let file = encode_corrected(&corrected_examples()).unwrap();
    let message = decode_corrected(&file, 1).unwrap_err();
    assert_parts(&message, &["0/unit names a unit beyond 1"]);
    let file = encode_top_images(&top_images()).unwrap();
    let message = decode_top_images(&file, 5).unwrap_err();
    assert_parts(&message, &["2 units where 5 are expected"]);
    let tops = |images: &[usize], activation: &[usize]| {
        let tensors = [
            ("images", Dtype::I32, images),
            ("peak", Dtype::F32, images),
            ("activation", Dtype::U8, activation),
        ];
        decode_top_images(&bytes(&tensors, Some("[]")), UNITS).unwrap_err()
    };
    assert_parts(
        &tops(&[2, 1], &[2, 1, 4]),
        &["[units, images, height, width]"],
    );
    assert_parts(&tops(&[2, 2], &[2, 1, 2, 2]), &["images has shape [2, 2]"]);
    assert_parts(
        &tops(&[2, 1], &[2, 1, 2, 2]),
        &["images names image 0 of 0"],
    );
}

#[test]
fn ids_are_a_json_list() {
    let ids = ["a/\"b\"", "é"];
    let file = safetensors::serialize(
        HashMap::<String, TensorView<'_>>::new(),
        Some(ids_metadata(ids)),
    );
    let file = file.unwrap();
    let (_, header) = SafeTensors::read_metadata(&file).unwrap();
    let text = &header.metadata().as_ref().unwrap()["ids"];
    assert_eq!(serde_json::from_str::<Vec<String>>(text).unwrap(), ids);
}
