//! Draws a contact sheet:
//! `cargo run --release -p mde-scenes --example sheet -- rooms|streets FILE [seed] [pairs]`.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;

use image::codecs::jpeg::JpegEncoder;

fn main() -> Result<(), Box<dyn Error>> {
    let usage = "usage: sheet rooms|streets FILE(.jpg or .png) [seed] [pairs]";
    let mut args = std::env::args().skip(1);
    let (scene, path) = (args.next().ok_or(usage)?, args.next().ok_or(usage)?);
    let seed = args.next().map_or(Ok(0), |s| s.parse())?;
    let pairs = args.next().map_or(Ok(16), |s| s.parse())?;
    let sheet = match scene.as_str() {
        "rooms" => mde_scenes::room_sheet(seed, pairs, 2, 320, 240),
        "streets" => mde_scenes::street_sheet(seed, pairs, 2, 414, 125),
        _ => return Err(usage.into()),
    };
    if path.ends_with(".jpg") {
        let file = BufWriter::new(File::create(&path)?);
        JpegEncoder::new_with_quality(file, 80).encode_image(&sheet)?;
    } else {
        sheet.save(&path)?;
    }
    println!(
        "{path}: {pairs} {scene} of seed {seed}, {}x{} pixels",
        sheet.width(),
        sheet.height()
    );
    Ok(())
}
