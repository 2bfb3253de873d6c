//! Procedural rooms with exact depth, written in NYU Depth V2's layout.
//!
//! A room is a pure function of a seed and an index: its kind and size, its furniture (standing on the floor, at life
//! size), its textures (at metric scale), its lamps and windows, and a camera with the Kinect's intrinsics. It is ray
//! traced to a photograph and a z-depth map; a model of the Kinect then adds noise and holes. So a depth network can
//! be trained and taken apart without any download. See the README for when not to use it.
//!
//! ```
//! let frame = mde_scenes::render_room(7, 0, 64, 48);
//! assert_eq!(frame.rgb.dimensions(), (64, 48));
//! assert_eq!(frame.exact.len(), 64 * 48);
//! assert!(frame.exact.iter().all(|&z| z > 0.0));
//! ```

mod arrange;
mod bvh;
mod camera;
mod furniture;
mod material;
mod pattern;
mod pictures;
mod plan;
mod random;
mod room;
mod scene;
mod sensor;
mod shade;
mod sheet;
mod shell;
mod solid;
mod texture;
mod view;
mod writer;

use image::{ImageBuffer, Luma, RgbImage};

pub use camera::FOCAL_AT_640;
pub use sensor::{MAX_DEPTH, MIN_DEPTH};
pub use sheet::contact_sheet;
pub use writer::{RenderEvent, RoomsConfig, RoomsSummary, SceneError, write_rooms};

use random::Dice;

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
    let camera = camera::choose(&mut dice, &scene, &plan, width, height);
    let fragments = view::fragments(&scene, &camera);
    let radiance = shade::radiance(&scene, &camera, &fragments);
    RgbdFrame {
        rgb: sensor::photograph(&mut dice, &radiance, &camera),
        depth_mm: sensor::measure(&mut dice, &fragments, &camera),
        exact: fragments.iter().map(|fragment| fragment.z).collect(),
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
