//! Files that are not weights, or are those of another network: for measuring (`--weights`) and for
//! training (`--init`).

use safetensors::SafeTensors;

use crate::place::{Place, shared};

const WEIGHTS: &str = "run/checkpoint/step-000000001/weights.safetensors";

/// Every command that reads a file of weights, each with an output folder.
fn lines(file: &str) -> [String; 3] {
    let data = "--data rooms:rooms --out new";
    [
        format!("evaluate --model meter-xxs --weights {file} {data}"),
        format!("dissect --model meter-xxs --weights {file} {data}"),
        format!("train --model meter-xxs --init {file} {data} --steps 1 --batch-size 2"),
    ]
}

/// Fails unless each of the commands names the file and what is wrong with it, and writes
/// nothing.
fn refused(place: &Place, file: &str, parts: &[&str]) {
    for line in lines(file) {
        place.refuses(&line, &[&[file], parts].concat());
    }
}

#[test]
fn files_that_are_not_weights_are_refused() {
    let place = Place::with_meter();
    refused(&place, "absent.pth", &["No such file"]);
    refused(&place, "run", &["describes a training run", "--run run"]);
    refused(
        &place,
        "run/config.json",
        &["neither a safetensors file nor"],
    );
    // Bytes without a pattern, the same each time.
    let noise = (0..5000u32).map(|i| (i.wrapping_mul(0x9e37_79b9) >> 24) as u8 | 1);
    for (file, content, part) in [
        ("empty.pth", vec![], "0 bytes: it is cut short"),
        (
            "noise.pth",
            noise.clone().collect(),
            "neither a safetensors file nor",
        ),
        (
            "noise.safetensors",
            noise.collect(),
            "neither a safetensors file nor",
        ),
        (
            "page.pth",
            b"<!DOCTYPE html><html></html>".to_vec(),
            "a web page",
        ),
        (
            "page2.pth",
            b"\xef\xbb\xbf\r\n\r\n<html><body>404</body></html>".to_vec(),
            "a web page",
        ),
        (
            "message.pth",
            b"{\"message\": \"Not Found\"}\n".to_vec(),
            "text that begins with \"{\\\"message",
        ),
        (
            "old.pth",
            b"\x80\x02}q\x00.        ".to_vec(),
            "a plain Python pickle",
        ),
        ("empty.zip", zip(&[]), "an empty zip archive"),
        (
            "other.zip",
            zip(&[("notes.txt", b"weights")]),
            "without data.pkl",
        ),
    ] {
        place.write(file, content);
        refused(&place, file, &[part]);
    }
}

#[test]
fn safetensors_cut_short_are_refused() {
    let place = Place::with_meter();
    let whole = place.read(WEIGHTS);
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    for length in [8, header / 2, header, header + 1000, whole.len() - 1] {
        place.write("cut.safetensors", &whole[..length]);
        let parts = ["cannot read the weights", "it is cut short"];
        refused(&place, "cut.safetensors", &parts);
    }
    place.write("long.safetensors", [&whole[..], b"more"].concat());
    refused(&place, "long.safetensors", &["cannot read the weights"]);
}

#[test]
fn a_real_checkpoint_cut_short_or_damaged_is_refused() {
    let Some(file) = shared("weights/meter_xxs_nyu.pth") else {
        return;
    };
    let place = Place::new();
    place.copy(&file, "whole.pth");
    let whole = place.read("whole.pth");
    for length in [100, whole.len() / 2, whole.len() - 1] {
        place.write("cut.pth", &whole[..length]);
        refused(&place, "cut.pth", &["cut short or damaged"]);
    }
    let mut damaged = whole;
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    place.write("damaged.pth", damaged);
    refused(&place, "damaged.pth", &["damaged"]);
}

#[test]
fn code_in_a_checkpoint_is_named_and_not_run() {
    let place = Place::new();
    // `os.system("touch ran")` as pickle spells it, and as a tensor of a state dict.
    let call = b"(X\x09\x00\x00\x00touch rantR";
    for name in [
        "posix\nsystem",
        "os\nsystem",
        "builtins\nexec",
        "__main__\nMeter",
    ] {
        let global = format!("c{name}\n");
        let alone = [b"\x80\x02", global.as_bytes(), call, b"."].concat();
        let tensor = [
            b"\x80\x02}X\x01\x00\x00\x00w",
            global.as_bytes(),
            call,
            b"s.",
        ]
        .concat();
        for pickle in [alone, tensor] {
            place.write(
                "checkpoint.pth",
                zip(&[("archive/data.pkl", &pickle), ("archive/version", b"3\n")]),
            );
            let named = name.replace('\n', ".");
            refused(&place, "checkpoint.pth", &[&named, "no code was run"]);
        }
    }
    // The archive itself can be read.
    place.write(
        "checkpoint.pth",
        zip(&[("archive/data.pkl", b"\x80\x02}.")]),
    );
    refused(&place, "checkpoint.pth", &["no named tensors"]);
}

#[test]
fn weights_of_another_network_are_refused_with_the_first_ten_differences() {
    let place = Place::with_meter();
    place.json("train --data rooms:rooms --out mff --steps 1 --batch-size 2");
    place.json("train --model meter-xs --data rooms:rooms --out larger --steps 1 --batch-size 2");
    for (run, parts) in [
        (
            "mff",
            [
                "0 matched, 226 missing, 242 unexpected",
                "missing decoder.conv2d_in.weight",
                "unexpected D.bn.bias",
                "and 458 more",
                "closest: mff-tiny, with 242 of 242 parameters",
            ],
        ),
        (
            "larger",
            [
                "6 matched, 0 missing, 0 unexpected, 220 with a different shape",
                "conv2d_out.weight is [1, 16, 3, 3], the model has [1, 8, 3, 3]",
                "and 210 more",
                "closest: meter-xs, meter-xs-kitti, with 226 of 226 parameters",
                "",
            ],
        ),
    ] {
        let file = WEIGHTS.replace("run/", &format!("{run}/"));
        refused(
            &place,
            &file,
            &[&["do not fit this model"], &parts[..]].concat(),
        );
        for line in lines(&file) {
            let message = place.mde(&line).stderr;
            let differences = message.lines().filter(|line| {
                let other = line.starts_with("  missing ") || line.starts_with("  unexpected ");
                other || line.contains(", the model has [")
            });
            assert_eq!(differences.count(), 10, "{message}");
        }
    }
    // The other contents of a checkpoint.
    let optimiser = WEIGHTS.replace("weights", "optimiser");
    refused(
        &place,
        &optimiser,
        &["do not fit this model", "226 missing"],
    );
}

#[test]
fn a_renamed_tensor_is_reported_as_missing_and_unexpected() {
    let place = Place::with_meter();
    let whole = place.read(WEIGHTS);
    let mut tensors = SafeTensors::deserialize(&whole).unwrap().tensors();
    let renamed = std::mem::replace(&mut tensors[0].0, "another".to_owned());
    place.write(
        "w.safetensors",
        safetensors::serialize(tensors, None).unwrap(),
    );
    refused(
        &place,
        "w.safetensors",
        &[
            "225 matched, 1 missing, 1 unexpected, 0 with a different shape",
            &format!("missing {renamed}"),
            "unexpected another",
        ],
    );
}

/// A zip archive of these files, not compressed.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let offset = archive.len() as u32;
        let size = (content.len() as u32).to_le_bytes();
        // What both headers have: version, flags, method, time, date; checksum and sizes; lengths
        // of name and extra.
        let mut fields = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        fields.extend(crc32(content).to_le_bytes());
        fields.extend([size, size].concat());
        fields.extend((name.len() as u32).to_le_bytes());
        archive.extend([b"PK\x03\x04", &fields[..], name.as_bytes(), content].concat());
        directory.extend([b"PK\x01\x02\x14\x00", &fields[..], &[0; 10]].concat());
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, size) = (archive.len() as u32, directory.len() as u32);
    let count = (files.len() as u16).to_le_bytes();
    archive.extend(directory);
    archive.extend([b"PK\x05\x06", &[0; 4][..], &count, &count].concat());
    archive.extend([size.to_le_bytes(), start.to_le_bytes()].concat());
    archive.extend([0; 2]);
    archive
}

fn crc32(content: &[u8]) -> u32 {
    !content.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 * (crc & 1))
        })
    })
}
