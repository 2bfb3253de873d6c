//! Predictions of another size than the ground truth: parts of the frame are put back where they
//! were cut out, everything else is resized if asked.

use std::fmt;
use std::str::FromStr;

use anyhow::{anyhow, bail, ensure};
use candle_core::{Device, Tensor};
use mde_arrays::Map;
use mde_metrics::{ImageSize, View};
use serde::{Serialize, Serializer};

use crate::output::count;
use crate::progress::remark;

/// Change of the aspect ratio from which a resized prediction is reported.
const ASPECT_CHANGE: f64 = 0.01;

/// Eigen's crop of NYU's frames: rows 45..471 and columns 41..601 of 480x640.
const NYU_FRAME: ImageSize = ImageSize::new(480, 640);
const NYU_CROP: View = View {
    top: 45,
    left: 41,
    size: ImageSize::new(426, 560),
};

/// The output and the input of MFF: the centre of NYU's frame at half its size, 228x304 of 240x320.
const MFF_SIZES: [ImageSize; 2] = [ImageSize::new(114, 152), ImageSize::new(228, 304)];

/// Where a prediction belongs in the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placement {
    /// 352x1216 at the bottom centre.
    KittiCrop,
    /// 426x560 of 480x640.
    NyuCrop,
    /// The first row and column.
    At { top: usize, left: usize },
}

impl FromStr for Placement {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let at = || {
            let (top, left) = text.split_once(',')?;
            Some(Self::At {
                top: top.trim().parse().ok()?,
                left: left.trim().parse().ok()?,
            })
        };
        match text {
            "kitti-crop" => Ok(Self::KittiCrop),
            "nyu-crop" => Ok(Self::NyuCrop),
            _ => {
                at().ok_or("expected kitti-crop, nyu-crop, or the first row and column as TOP,LEFT")
            }
        }
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KittiCrop => f.write_str("kitti-crop"),
            Self::NyuCrop => f.write_str("nyu-crop"),
            Self::At { top, left } => write!(f, "{top},{left}"),
        }
    }
}

impl Serialize for Placement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Placement {
    /// The crops with names.
    const NAMED: [Self; 2] = [Self::KittiCrop, Self::NyuCrop];

    /// The part of the frame that a prediction of this size shows; None if the frame does not have
    /// this part.
    fn view(self, pred: ImageSize, frame: ImageSize) -> Option<View> {
        match self {
            Self::KittiCrop => View::bottom_centre(View::KITTI_BENCHMARK, frame).ok(),
            Self::NyuCrop => (frame == NYU_FRAME).then_some(NYU_CROP),
            Self::At { top, left } => {
                let size = pred;
                let fits = |start: usize, length: usize, all: usize| {
                    start.checked_add(length).is_some_and(|end| end <= all)
                };
                (fits(top, size.height, frame.height) && fits(left, size.width, frame.width))
                    .then_some(View { top, left, size })
            }
        }
    }

    /// What it is, for messages.
    fn describe(self) -> &'static str {
        match self {
            Self::KittiCrop => "KITTI's benchmark crop (352x1216)",
            Self::NyuCrop => "Eigen's crop of NYU (426x560)",
            Self::At { .. } => "a part of the frame",
        }
    }

    /// Names protocols that score no pixel outside of it.
    fn protocols(self) -> &'static str {
        match self {
            Self::KittiCrop => "; kitti-garg, kitti-eigen and kitti-bts do not",
            Self::NyuCrop => "; nyu-eigen does not",
            Self::At { .. } => "",
        }
    }
}

/// How a prediction becomes a map of the ground truth's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// It has that size.
    Same,
    /// It is resized to it.
    Resized,
    /// It is resized if necessary, and put into this part of the frame.
    Placed(View),
}

/// How the prediction of an image fits its ground truth, with --place-pred and --resize-pred as
/// given.
pub(super) fn fit(
    id: &str,
    pred: ImageSize,
    frame: ImageSize,
    place: Option<Placement>,
    resize: bool,
) -> anyhow::Result<Fit> {
    let sizes =
        format!("{id}: the prediction is {pred}, but the ground truth is {frame} (height x width)");
    if let Some(placement) = place {
        let what = placement.describe();
        let Some(view) = placement.view(pred, frame) else {
            bail!(
                "{sizes}: --place-pred {placement} does not fit, it expects {what} inside the frame"
            );
        };
        ensure!(
            pred == view.size || resize,
            "{sizes}; --place-pred {placement} expects {what}; with --resize-pred, the prediction is resized to it first"
        );
        return Ok(Fit::Placed(view));
    }
    if pred == frame {
        return Ok(Fit::Same);
    }
    ensure!(
        !is_turned(pred, frame),
        "{sizes}; its rows and columns seem to be swapped: save the transposed maps, such as np.swapaxes(maps, -1, -2)"
    );
    let crop = Placement::NAMED.into_iter().find(|crop| {
        let view = crop.view(pred, frame).filter(|view| view.size != frame);
        view.is_some_and(|view| pred.height * view.size.width == pred.width * view.size.height)
    });
    let Some(crop) = crop else {
        let fits = pred.height <= frame.height && pred.width <= frame.width;
        let part =
            "; --place-pred TOP,LEFT puts a part of the frame back at its first row and column";
        ensure!(
            resize,
            "{sizes}; --resize-pred resizes predictions bilinearly{}",
            if fits { part } else { "" }
        );
        return Ok(Fit::Resized);
    };
    let size = crop.view(pred, frame).map_or(pred, |view| view.size);
    let also = if pred == size { "" } else { " --resize-pred" };
    Err(anyhow!(
        "{sizes}; this is the shape of {}, not of the frame: --place-pred {crop}{also} puts it back where \
         it was cut out (--resize-pred alone would stretch it; if it shows the whole frame, squeezed, write it at \
         the size of the frame)",
        crop.describe()
    ))
}

/// Whether a prediction is upright where the frame is wide, or the reverse, and would have the
/// frame's shape if it were transposed.
fn is_turned(pred: ImageSize, frame: ImageSize) -> bool {
    let ratio = |size: ImageSize| size.width as f64 / size.height as f64;
    let (pred, frame) = (ratio(pred), ratio(frame));
    (pred * frame - 1.0).abs() < 2.0 * ASPECT_CHANGE && (frame - 1.0).abs() > 10.0 * ASPECT_CHANGE
}

/// Reports once what resizing changes. `sizes` are those of predictions and of what they are
/// resized to.
pub(super) fn remark_on_resizing(sizes: &[(ImageSize, ImageSize)]) {
    let ratio = |size: ImageSize| size.width as f64 / size.height as f64;
    let change = |&(from, to): &(ImageSize, ImageSize)| ratio(to) / ratio(from) - 1.0;
    let changed: Vec<_> = (sizes.iter())
        .filter(|sizes| change(sizes).abs() > ASPECT_CHANGE)
        .collect();
    let most = changed
        .iter()
        .max_by(|one, other| change(one).abs().total_cmp(&change(other).abs()));
    if let Some(most) = most {
        let (from, to) = most;
        remark(&format!(
            "--resize-pred changes the aspect ratio of {} of {}, at most by {:+.1} %: {from} becomes {to} \
             (height x width). Right for predictions of whole frames, wrong for parts of them (--place-pred)",
            changed.len(),
            count(sizes.len(), "prediction"),
            100.0 * change(most)
        ));
    }
    let centre =
        |(from, to): &&(ImageSize, ImageSize)| MFF_SIZES.contains(from) && *to == NYU_FRAME;
    let centres: Vec<_> = sizes.iter().filter(centre).collect();
    if let Some((from, to)) = centres.first() {
        remark(&format!(
            "--resize-pred takes {} of {from} for the whole frame of {to}; networks with the preprocessing of MFF \
             see its centre only, 95 % of height and width",
            count(centres.len(), "prediction")
        ));
    }
}

/// The map resized bilinearly, corners not aligned.
pub(super) fn resized(map: Map, size: ImageSize) -> anyhow::Result<Vec<f32>> {
    if (map.height, map.width) == (size.height, size.width) {
        return Ok(map.values);
    }
    let tensor = Tensor::from_vec(map.values, (1, 1, map.height, map.width), &Device::Cpu)?;
    let resized = mde_ops::resize_bilinear(&tensor, size.height, size.width)?;
    Ok(resized.flatten_all()?.to_vec1()?)
}

/// The part of a picture `[h, w, 3]` of a frame.
pub(super) fn cut_out_picture(rgb: &[u8], frame: ImageSize, view: View) -> Vec<u8> {
    let rows = rgb.chunks_exact(3 * frame.width);
    let rows = rows.skip(view.top).take(view.size.height);
    rows.flat_map(|row| &row[3 * view.left..3 * (view.left + view.size.width)])
        .copied()
        .collect()
}

/// Explains that a protocol scores pixels outside of a placed prediction.
pub(super) fn outside(placement: Placement, view: View, frame: ImageSize) -> String {
    format!(
        "--place-pred {placement} covers rows {}..{} and columns {}..{} of {frame}; the protocol scores pixels outside{}",
        view.top,
        view.top + view.size.height,
        view.left,
        view.left + view.size.width,
        placement.protocols()
    )
}
