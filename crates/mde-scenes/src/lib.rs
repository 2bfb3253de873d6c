//! Procedural rooms and streets with exact depth, written in the layouts of NYU Depth V2 and KITTI.
//!
//! A room is a pure function of a seed and an index: its kind and size, its furniture (standing on the floor, at life
//! size), its textures (at metric scale), its lamps and windows, and a camera with the Kinect's intrinsics. It is ray
//! traced to a photograph and a z-depth map; a model of the Kinect then adds noise and holes. So a depth network can
//! be trained and taken apart without any download. A street likewise: its kind and cross-section, houses, trees, traffic
//! and people, the time of day and the weather, seen by KITTI's camera from a car; its depth is what a spinning laser
//! scanner would have measured, sparse and up to 80 m. See the README for when not to use it.
//!
//! ```
//! let frame = mde_scenes::render_room(7, 0, 64, 48);
//! assert_eq!(frame.rgb.dimensions(), (64, 48));
//! assert_eq!(frame.exact.len(), 64 * 48);
//! assert!(frame.exact.iter().all(|&z| z > 0.0));
//!
//! let frame = mde_scenes::render_street(7, 0, 124, 37);
//! let measured = frame.depth.pixels().filter(|depth| depth[0] > 0).count();
//! assert!(measured > 0 && measured < 124 * 37 / 3);
//! ```

mod albedo;
mod arrange;
mod bvh;
mod camera;
mod colour;
mod furniture;
mod layout;
mod lidar;
mod light;
mod material;
mod outdoors;
mod pattern;
mod pictures;
mod piece;
mod plan;
mod random;
mod room;
mod scene;
mod sensor;
mod shade;
mod sheet;
mod shell;
mod sky;
mod solid;
mod street;
mod texture;
mod view;
mod writer;

use image::{ImageBuffer, Luma, RgbImage};

pub use camera::{FOCAL_AT_640, KITTI_FOCAL, KITTI_SIZE};
pub use lidar::{LIDAR_STEPS_PER_METRE, MAX_LIDAR_DEPTH};
pub use sensor::{MAX_DEPTH, MIN_DEPTH};
pub use sheet::{contact_sheet, street_sheet};
pub use writer::{
    RenderConfig, RenderEvent, RenderSummary, SceneError, write_rooms, write_streets,
};

use camera::{Camera, Lens};
use random::Dice;
use sensor::Metering;

/// One picture of a room with its depth, all three `width` x `height`, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct RgbdFrame {
    /// The photograph, 8-bit sRGB.
    pub rgb: RgbImage,
    /// What a Kinect-like sensor measured: z-depth in millimetres with noise, 0 where it measured nothing.
    pub depth_mm: ImageBuffer<Luma<u16>, Vec<u16>>,
    /// The true z-depth in metres of the ray through each pixel's middle. May exceed [`MAX_DEPTH`].
    pub exact: Vec<f32>,
}

/// Renders the room number `index` of the world `seed`.
///
/// A pure function: the same arguments give the same frame, on any thread. (Between machines of different kinds the
/// last bit of a sine may differ, and with it a few pixels.) The focal length is [`FOCAL_AT_640`] scaled with the
/// width, the principal point the middle of the image; depth is along the optical axis, as in NYU Depth V2.
/// A width or height of 0 gives an empty frame.
#[must_use]
pub fn render_room(seed: u64, index: u64, width: u32, height: u32) -> RgbdFrame {
    let mut dice = Dice::new(seed, index);
    let (scene, plan) = room::furnished(&mut dice);
    let camera = camera::choose(&mut dice, &scene, &plan, Lens::kinect(width, height));
    let fragments = view::fragments(&scene, &camera);
    let radiance = shade::radiance(&scene, &camera, &fragments);
    RgbdFrame {
        rgb: sensor::photograph(&mut dice, &radiance, &camera, Metering::INDOORS),
        depth_mm: sensor::measure(&mut dice, &fragments, &camera),
        exact: fragments.iter().map(|fragment| fragment.z).collect(),
    }
}

/// One picture of a street with its depth, all three `width` x `height`, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct StreetFrame {
    /// The photograph, 8-bit sRGB.
    pub rgb: RgbImage,
    /// What a spinning laser scanner measured: z-depth in steps of 1/256 m, 0 where it measured nothing.
    pub depth: ImageBuffer<Luma<u16>, Vec<u16>>,
    /// The true z-depth in metres of the ray through each pixel's middle; infinite in the sky. May exceed
    /// [`MAX_LIDAR_DEPTH`].
    pub exact: Vec<f32>,
}

/// Renders the street number `index` of the world `seed`.
///
/// A pure function, as [`render_room`] is. The focal length is [`KITTI_FOCAL`] scaled with the width, the principal
/// point KITTI's, scaled with each side; the camera drives on the right, 1.6 to 1.7 m over the road; depth is along the
/// optical axis, as in KITTI. A width or height of 0 gives an empty frame.
#[must_use]
pub fn render_street(seed: u64, index: u64, width: u32, height: u32) -> StreetFrame {
    let mut dice = Dice::new(seed ^ STREETS, index);
    let (scene, pose) = street::built(&mut dice);
    let camera = Camera::new(pose.position, pose.angles, Lens::kitti(width, height));
    let fragments = view::fragments(&scene, &camera);
    let radiance = shade::radiance(&scene, &camera, &fragments);
    StreetFrame {
        rgb: sensor::photograph(&mut dice, &radiance, &camera, Metering::OUTDOORS),
        depth: lidar::scan(&mut dice, &fragments, &camera),
        exact: fragments.iter().map(|fragment| fragment.z).collect(),
    }
}

/// Keeps the dice of streets apart from those of rooms of the same seed.
const STREETS: u64 = u64::from_le_bytes(*b"mde-strt");

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
