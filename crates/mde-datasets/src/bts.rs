//! The recipe of BTS (Lee et al. 2019) on NYUv2 and KITTI, at its own sizes and scaled down.

use std::borrow::Cow;
use std::ops::Range;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::photometric::{Levels, Normalisation};
use crate::rotation::Rotation;
use crate::{DatasetError, DepthMap, Example, FrameDepth, Sample, Transform, geometry};

/// Size of an NYUv2 frame and of BTS's ground truth there.
const NYU_FRAME: (usize, usize) = (480, 640);
/// Rows and columns of such a frame that training uses: outside, many frames are blank where the
/// colour image was aligned with the depth map.
const NYU_ROWS: Range<usize> = 45..472;
const NYU_COLUMNS: Range<usize> = 43..608;
/// Size of the KITTI benchmark crop: bottom rows, middle columns.
const KITTI_CROP: (usize, usize) = (352, 1216);

/// Columns of a KITTI frame.
const KITTI_WIDTH: usize = 1242;

/// The part of a frame that BTS uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BtsView {
    /// NYU Depth V2 or other 4:3 frames. Evaluation uses the whole frame, with ground truth at
    /// 480x640. Training uses rows 45..472 and columns 43..608 of 480x640, or the same in
    /// proportion.
    Nyu,
    /// KITTI or streets in its layout: a window at the bottom, horizontally centred (left margin
    /// rounded down), such as the benchmark crop. Ground truth is the window at the file's
    /// resolution.
    ///
    /// Focal lengths are multiplied by 1216 / width of the window. Frames of half KITTI's size,
    /// with half of the benchmark crop, so get the focal length of the full frame, which BTS's
    /// depth scale expects.
    Kitti {
        /// Rows and columns of the window.
        window: (usize, usize),
    },
}

/// Sizes of the BTS recipe, as (height, width).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BtsGeometry {
    /// The part of the frame that is used.
    pub view: BtsView,
    /// Size to which the view is resized (RGB bilinear with antialiasing): the network's input in
    /// evaluation.
    pub input: (usize, usize),
    /// Size of the random crop of the resized view: input and target in training.
    pub crop: (usize, usize),
}

impl BtsGeometry {
    /// BTS on NYUv2: 480x640, training crop 416x544.
    pub const fn nyu() -> Self {
        Self {
            view: BtsView::Nyu,
            input: NYU_FRAME,
            crop: (416, 544),
        }
    }

    /// NYUv2 at a quarter of the resolution: input 120x160, training crop 104x136.
    pub const fn nyu_quarter() -> Self {
        Self {
            view: BtsView::Nyu,
            input: (120, 160),
            crop: (104, 136),
        }
    }

    /// BTS on KITTI: benchmark crop 352x1216, training crop 352x704.
    pub const fn kitti() -> Self {
        Self {
            view: BtsView::Kitti { window: KITTI_CROP },
            input: KITTI_CROP,
            crop: (352, 704),
        }
    }

    /// KITTI at a quarter of the resolution: input 88x304, training crop 88x176.
    pub const fn kitti_quarter() -> Self {
        Self {
            input: (88, 304),
            crop: (88, 176),
            ..Self::kitti()
        }
    }

    /// The same for frames of size (height, width). On KITTI, the window is the benchmark crop; for
    /// smaller frames it is scaled by their width / 1242 (176x608 for streets of 188x621).
    #[must_use]
    pub fn for_frames(mut self, (height, width): (usize, usize)) -> Self {
        if let BtsView::Kitti { window } = &mut self.view {
            *window = KITTI_CROP;
            if height < window.0 || width < window.1 {
                let scaled = |side: usize| (side * width + KITTI_WIDTH / 2) / KITTI_WIDTH;
                *window = (scaled(window.0), scaled(window.1));
            }
        }
        self
    }

    /// (height, width) of the ground truth in evaluation.
    pub fn gt(self) -> (usize, usize) {
        match self.view {
            BtsView::Nyu => NYU_FRAME,
            BtsView::Kitti { window } => window,
        }
    }

    /// Half the range of the random rotation, in degrees.
    fn rotation(self) -> f32 {
        match self.view {
            BtsView::Nyu => 2.5,
            BtsView::Kitti { .. } => 1.0,
        }
    }

    /// Half the range of the brightness factor, around 1.
    fn brightness(self) -> f32 {
        match self.view {
            BtsView::Nyu => 0.25,
            BtsView::Kitti { .. } => 0.1,
        }
    }

    fn check(self) -> Result<(), DatasetError> {
        let (gt, input, crop) = (self.gt(), self.input, self.crop);
        if [gt.0, gt.1, input.0, input.1, crop.0, crop.1].contains(&0) {
            return Err(geometry::empty_side(self));
        }
        let (rows, columns) = self.trained();
        if crop.0 > rows.len() || crop.1 > columns.len() {
            let reason = "the training crop must fit into the part of the input that training uses";
            return Err(geometry::bad(reason, self));
        }
        Ok(())
    }

    /// Rows and columns of the resized view that training uses.
    fn trained(self) -> (Range<usize>, Range<usize>) {
        let (height, width) = self.input;
        let part = |range: Range<usize>, to: usize, from: usize| {
            range.start * to / from..range.end * to / from
        };
        match self.view {
            BtsView::Nyu => (
                part(NYU_ROWS, height, NYU_FRAME.0),
                part(NYU_COLUMNS, width, NYU_FRAME.1),
            ),
            BtsView::Kitti { .. } => (0..height, 0..width),
        }
    }

    /// The used part of a sample, at the file's resolution.
    fn crop_to_view(self, mut sample: Sample) -> Result<Sample, DatasetError> {
        let found = sample.depth.size();
        let (rows, columns) = self.view_of(&sample.id, found)?;
        if (rows.len(), columns.len()) != found {
            sample.rgb = geometry::crop_rgb(&sample.rgb, &rows, &columns);
            sample.depth = sample.depth.crop(rows, columns);
        }
        if let BtsView::Kitti { window } = self.view {
            let scale = KITTI_CROP.1 as f32 / window.1 as f32;
            sample.focal = sample.focal.map(|focal| focal * scale);
        }
        Ok(sample)
    }

    /// The frame that the view is a part of; `None` if the view is the whole frame.
    fn frame_of(self, sample: &Sample) -> Result<Option<FrameDepth>, DatasetError> {
        let found = sample.depth.size();
        let (rows, columns) = self.view_of(&sample.id, found)?;
        let is_part = (rows.len(), columns.len()) != found;
        Ok(is_part.then(|| FrameDepth {
            depth: sample.depth.clone(),
            top: rows.start,
            left: columns.start,
        }))
    }

    /// Rows and columns of the view in a frame of this size.
    fn view_of(
        self,
        id: &str,
        found: (usize, usize),
    ) -> Result<(Range<usize>, Range<usize>), DatasetError> {
        match self.view {
            BtsView::Nyu if found.0 * NYU_FRAME.1 != found.1 * NYU_FRAME.0 => {
                Err(DatasetError::NotAnNyuFrame {
                    id: id.to_owned(),
                    found,
                })
            }
            BtsView::Nyu => Ok((0..found.0, 0..found.1)),
            BtsView::Kitti { window } => bottom_crop(id, found, window),
        }
    }

    fn check_size(self, id: &str, size: (usize, usize)) -> Result<(), DatasetError> {
        self.check()?;
        self.view_of(id, size).map(|_| ())
    }

    /// Depth of the view at the input's size, with a measured depth wherever a pixel covers one.
    fn resized_depth(self, depth: DepthMap) -> DepthMap {
        if depth.size() == self.input {
            return depth;
        }
        depth.resize_nearest_valid(self.input.0, self.input.1)
    }
}

/// BTS's training transform.
///
/// In this order: crop to the view and resize; rotation about the centre, uniform in ±2.5 degrees
/// on NYUv2 and ±1 on KITTI (RGB bilinear, depth nearest); random crop; horizontal flip with
/// probability 1/2; with probability 1/2 gamma, brightness and colour factors, clamped to [0, 1];
/// ImageNet normalisation. Gamma and colour factors range from 0.9 to 1.1, brightness from 0.75 to
/// 1.25 on NYUv2 and from 0.9 to 1.1 on KITTI.
///
/// Where the input is smaller than the view, [`DepthMap::resize_nearest_valid`] resizes the depth:
/// sparse LiDAR depth keeps a measurement wherever a pixel of the input covers one. Depths are
/// never mixed. 0 stays 0 (not measured); corners that a rotation uncovers are black in RGB and 0
/// in depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BtsTrain {
    /// Sizes.
    pub geometry: BtsGeometry,
}

impl Transform for BtsTrain {
    fn apply(&self, sample: Sample, rng: &mut ChaCha8Rng) -> Result<Example, DatasetError> {
        let sizes = self.geometry;
        sizes.check()?;
        let view = sizes.crop_to_view(sample)?;
        let rgb = geometry::resize_rgb(&view.rgb, sizes.input);
        let depth = sizes.resized_depth(view.depth);

        let (rows, columns) = sizes.trained();
        let angle = rng.random_range(-sizes.rotation()..=sizes.rotation());
        let top = rng.random_range(0..=rows.len() - sizes.crop.0);
        let left = rng.random_range(0..=columns.len() - sizes.crop.1);
        let (flip, augment) = (rng.random_bool(0.5), rng.random_bool(0.5));

        let (rgb, depth) = if (rows.len(), columns.len()) == sizes.input {
            (rgb, depth)
        } else {
            (
                Cow::Owned(geometry::crop_rgb(&rgb, &rows, &columns)),
                depth.crop(rows, columns),
            )
        };
        let rotation = Rotation::new(depth.size(), angle);
        let (rows, columns) = (top..top + sizes.crop.0, left..left + sizes.crop.1);
        let levels = if augment {
            Levels::augmented(Normalisation::ImageNet, sizes.brightness(), rng)
        } else {
            Levels::new(Normalisation::ImageNet)
        };
        let image = levels.planes(&rotation.rgb(&rgb, &rows, &columns), flip);
        let mut depth = rotation.depth(&depth, &rows, &columns);
        if flip {
            depth.flip_horizontal();
        }
        Ok(Example {
            id: view.id,
            image,
            image_size: sizes.crop,
            depth,
            frame: None,
            focal: view.focal,
            rgb: None,
        })
    }

    fn check_size(&self, id: &str, size: (usize, usize)) -> Result<(), DatasetError> {
        self.geometry.check_size(id, size)
    }

    fn input_size(&self) -> (usize, usize) {
        self.geometry.crop
    }

    fn target_size(&self) -> (usize, usize) {
        self.geometry.crop
    }
}

/// BTS's evaluation transform: the whole view, with ground truth of the size [`BtsGeometry::gt`]
/// for every input resolution.
///
/// Ground truth is the file's depth, cropped; the example also has the depth of the whole frame.
/// NYUv2 frames of other sizes than 480x640 are resized
/// to it by nearest neighbour. 0 stays 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BtsEval {
    /// Sizes; `crop` is not used.
    pub geometry: BtsGeometry,
}

impl Transform for BtsEval {
    fn apply(&self, sample: Sample, _rng: &mut ChaCha8Rng) -> Result<Example, DatasetError> {
        self.geometry.check()?;
        let frame = self.geometry.frame_of(&sample)?;
        let view = self.geometry.crop_to_view(sample)?;
        let input = geometry::resize_rgb(&view.rgb, self.geometry.input);
        let gt = self.geometry.gt();
        Ok(Example {
            id: view.id,
            image: Levels::new(Normalisation::ImageNet).planes(&input, false),
            image_size: self.geometry.input,
            depth: view.depth.resize_nearest(gt.0, gt.1),
            frame,
            focal: view.focal,
            rgb: Some(geometry::resize_rgb(&view.rgb, gt).into_owned().into_raw()),
        })
    }

    fn apply_to_depth(
        &self,
        id: &str,
        depth: DepthMap,
        _rng: &mut ChaCha8Rng,
    ) -> Result<DepthMap, DatasetError> {
        self.geometry.check()?;
        let (rows, columns) = self.geometry.view_of(id, depth.size())?;
        let gt = self.geometry.gt();
        Ok(depth.crop(rows, columns).resize_nearest(gt.0, gt.1))
    }

    fn check_size(&self, id: &str, size: (usize, usize)) -> Result<(), DatasetError> {
        self.geometry.check_size(id, size)
    }

    fn input_size(&self) -> (usize, usize) {
        self.geometry.input
    }

    fn target_size(&self) -> (usize, usize) {
        self.geometry.gt()
    }
}

/// Rows and columns of a window at the bottom, horizontally centred.
fn bottom_crop(
    id: &str,
    found: (usize, usize),
    window: (usize, usize),
) -> Result<(Range<usize>, Range<usize>), DatasetError> {
    if window.0 > found.0 || window.1 > found.1 {
        return Err(DatasetError::CropDoesNotFit {
            id: id.to_owned(),
            found,
            crop: window,
        });
    }
    let left = (found.1 - window.1) / 2;
    Ok((found.0 - window.0..found.0, left..left + window.1))
}
