//! Writes a contact sheet of rooms: `cargo run --release -p mde-scenes --example sheet -- FILE [seed] [pairs]`.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;

use image::codecs::jpeg::JpegEncoder;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let path = args
        .next()
        .ok_or("usage: sheet FILE(.jpg or .png) [seed] [pairs]")?;
    let seed = args.next().map_or(Ok(0), |s| s.parse())?;
    let pairs = args.next().map_or(Ok(16), |s| s.parse())?;
    let sheet = mde_scenes::contact_sheet(seed, pairs, 2, 320, 240);
    if path.ends_with(".jpg") {
        let file = BufWriter::new(File::create(&path)?);
        JpegEncoder::new_with_quality(file, 80).encode_image(&sheet)?;
    } else {
        sheet.save(&path)?;
    }
    println!(
        "{path}: {pairs} rooms of seed {seed}, {}x{} pixels",
        sheet.width(),
        sheet.height()
    );
    Ok(())
}
