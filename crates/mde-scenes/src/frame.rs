//! Frames: a photograph of a room or street with its depth.

use image::{ImageBuffer, Luma, RgbImage};

use crate::camera::{self, Camera, Lens};
use crate::random::Dice;
use crate::scene::Scene;
use crate::sensor::{self, Metering};
use crate::view::Fragment;
use crate::{lidar, room, shade, street, view};

/// Depth as stored in a 16-bit file; 0 marks invalid depth.
pub(crate) type StoredDepth = ImageBuffer<Luma<u16>, Vec<u16>>;

/// A photograph with its depth. All three parts have the same width and height.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The photograph, 8-bit sRGB.
    pub rgb: RgbImage,
    /// Measured z-depth with noise and holes; 0 marks invalid depth. Rooms store millimetres,
    /// streets steps of 1/256 m.
    pub depth: ImageBuffer<Luma<u16>, Vec<u16>>,
    /// True z-depth in metres of the ray through each pixel's middle, row by row. It may exceed
    /// the sensor's range and is infinite in the sky.
    pub exact: Vec<f32>,
}

/// Renders room number `index` of the world `seed`, with depth as a Kinect measures it.
///
/// The frame depends on the arguments only, not on the thread. Between kinds of machines, the last
/// bit of a sine may differ, and with it a few pixels. The focal length is
/// [`KINECT_FOCAL`](crate::KINECT_FOCAL) scaled with the width; the principal point is the image's
/// middle. Depth is along the optical axis, as in NYU Depth V2. A width or height of 0 gives an
/// empty frame.
#[must_use]
pub fn render_room(seed: u64, index: u64, width: u32, height: u32) -> Frame {
    let mut dice = Dice::new(seed, index);
    let (scene, plan) = room::furnished(&mut dice);
    let camera = camera::choose(&mut dice, &scene, &plan, Lens::kinect(width, height));
    frame(
        &mut dice,
        &scene,
        &camera,
        Metering::INDOORS,
        sensor::measure,
    )
}

/// Renders street number `index` of the world `seed`, with depth as a laser scanner measures it.
///
/// Deterministic, as [`render_room`] is. The focal length is [`KITTI_FOCAL`](crate::KITTI_FOCAL)
/// scaled with the width; the principal point is KITTI's, scaled with each side. The camera drives
/// on the right, 1.6 to 1.7 m above the road. Depth is along the optical axis, as in KITTI. A width
/// or height of 0 gives an empty frame.
#[must_use]
pub fn render_street(seed: u64, index: u64, width: u32, height: u32) -> Frame {
    let mut dice = Dice::new(seed ^ STREETS, index);
    let (scene, pose) = street::built(&mut dice);
    let camera = Camera::new(pose.position, pose.angles, Lens::kitti(width, height));
    frame(&mut dice, &scene, &camera, Metering::OUTDOORS, lidar::scan)
}

/// Gives streets other random numbers than the rooms of the same seed.
const STREETS: u64 = u64::from_le_bytes(*b"mde-strt");

fn frame(
    dice: &mut Dice,
    scene: &Scene,
    camera: &Camera,
    metering: Metering,
    measure: fn(&mut Dice, &[Fragment], &Camera) -> StoredDepth,
) -> Frame {
    let fragments = view::fragments(scene, camera);
    let radiance = shade::radiance(scene, camera, &fragments);
    Frame {
        rgb: sensor::photograph(dice, &radiance, camera, metering),
        depth: measure(dice, &fragments, camera),
        exact: fragments.iter().map(|fragment| fragment.z).collect(),
    }
}
