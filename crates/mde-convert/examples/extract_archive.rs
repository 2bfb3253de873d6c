//! Extracts a tiny archive laid out like MFF's training set.
//!
//! `cargo run --example extract_archive`

#![allow(clippy::print_stdout)]

use std::fs::{self, File};
use std::io::Write;

use mde_convert::{ArchiveOptions, ConvertEvent, extract_mff};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A real archive holds JPEG images and 8-bit PNG depth maps of 640x480.
    let folder = tempfile::tempdir()?;
    let archive = folder.path().join("nyu_data.zip");
    let mut zip = ZipWriter::new(File::create(&archive)?);
    for name in ["1.jpg", "1.png", "notes.txt"] {
        let member = format!("data/nyu2_train/kitchen_0001_out/{name}");
        zip.start_file(member, SimpleFileOptions::default())?;
        zip.write_all(b"content")?;
    }
    zip.finish()?;

    let options = ArchiveOptions {
        archive,
        list: None, // or the paper's nyuv2_train.csv
        out: folder.path().join("nyu"),
    };
    let converted = extract_mff(&options, &|event| match event {
        ConvertEvent::Frame { done, .. } => println!("{done} files"),
        event => println!("{event:?}"),
    })?;
    println!(
        "{} files written, {} ignored",
        converted.written, converted.ignored
    );
    print!("{}", fs::read_to_string(&converted.lists[0])?);
    Ok(())
}
