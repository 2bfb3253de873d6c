//! Renders one room to a PNG in the folder for temporary files and prints its depth.
#![allow(clippy::print_stdout)]

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Room 42 of world 0 at 160x120: a photograph, measured depth and exact depth.
    let frame = mde_scenes::render_room(0, 42, 160, 120);
    let path = std::env::temp_dir().join("mde-scenes-room.png");
    frame.rgb.save(&path)?;

    let valid: Vec<_> = frame.depth.iter().filter(|&&mm| mm > 0).collect();
    let mean = valid.iter().map(|&&mm| f32::from(mm) / 1000.0).sum::<f32>() / valid.len() as f32;
    println!("{}: mean depth {mean:.2} m", path.display());
    println!("{:.2} m at the middle pixel", frame.exact[60 * 160 + 80]);
    Ok(())
}
