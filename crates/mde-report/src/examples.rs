//! The pictures of a run folder: example depth maps, corrected depth maps, and the images that units answer to most.

use safetensors::Dtype;

use crate::ReportError;
use crate::read::{Photograph, Pictures, Source};

/// One test image with its depth maps, all of the image's size, row-major.
#[derive(Debug, Clone)]
pub struct Example {
    /// The image.
    pub image: Photograph,
    /// `[height, width]` metres, 0 where nothing was measured.
    pub gt: Vec<f32>,
    /// `[height, width]` metres.
    pub pred: Vec<f32>,
}

/// One test image with its depth before and after correction; see `LayerCorrection::maps`.
#[derive(Debug, Clone)]
pub struct CorrectedExample {
    /// The image, ground truth and prediction.
    pub example: Example,
    /// Prediction with all units corrected, `[height, width]` metres.
    pub corrected: Vec<f32>,
    /// The most by which correcting a single unit brings a pixel nearer to the truth, `[height, width]` metres.
    pub gain: Vec<f32>,
    /// That unit, `[height, width]`; `None` where no unit does.
    pub unit: Vec<Option<usize>>,
}

/// The images that the units of a layer answer to most.
#[derive(Debug, Clone)]
pub struct TopImages {
    /// All images that appear.
    pub images: Vec<Photograph>,
    /// Per unit, strongest first.
    pub units: Vec<Vec<TopImage>>,
    /// Rows and columns of the activation maps.
    pub size: (usize, usize),
}

/// One image that a unit answers to.
#[derive(Debug, Clone)]
pub struct TopImage {
    /// Which of [`TopImages::images`].
    pub image: usize,
    /// The response of the largest size, with its sign.
    pub peak: f32,
    /// `[h, w]`: 0 to 255 as a share of the peak.
    pub activation: Vec<u8>,
}

pub(crate) fn read_examples(source: Source<'_>) -> Result<Vec<Example>, ReportError> {
    source.pictures(|pictures| {
        (0..pictures.ids.len())
            .map(|index| example(pictures, index))
            .collect()
    })
}

fn example(pictures: &Pictures<'_>, index: usize) -> Result<Example, String> {
    let image = pictures.photograph(index)?;
    let shape = [image.height, image.width];
    Ok(Example {
        gt: pictures.floats(&format!("{index}/gt"), &shape)?,
        pred: pictures.floats(&format!("{index}/pred"), &shape)?,
        image,
    })
}

pub(crate) fn read_corrected(
    source: Source<'_>,
    units: usize,
) -> Result<Vec<CorrectedExample>, ReportError> {
    source.pictures(|pictures| {
        (0..pictures.ids.len())
            .map(|index| {
                let example = example(pictures, index)?;
                let shape = [example.image.height, example.image.width];
                let name = format!("{index}/unit");
                let unit = pictures
                    .integers(&name, &shape)?
                    .into_iter()
                    .map(|unit| index_or_none(unit, units))
                    .collect::<Option<Vec<_>>>();
                Ok(CorrectedExample {
                    corrected: pictures.floats(&format!("{index}/corrected"), &shape)?,
                    gain: pictures.floats(&format!("{index}/gain"), &shape)?,
                    unit: unit.ok_or_else(|| format!("{name} names a unit beyond {units}"))?,
                    example,
                })
            })
            .collect()
    })
}

pub(crate) fn read_top_images(source: Source<'_>, units: usize) -> Result<TopImages, ReportError> {
    source.pictures(|pictures| {
        let (_, shape) = pictures.tensor("activation", Dtype::U8)?;
        let [found, top, height, width] = shape[..] else {
            return Err(format!(
                "activation has shape {shape:?} where [units, images, height, width] is expected"
            ));
        };
        if found != units {
            return Err(format!(
                "activation is of {found} units where {units} are expected"
            ));
        }
        let activation = pictures.shaped("activation", Dtype::U8, &shape)?;
        let images = pictures.integers("images", &[units, top])?;
        let peaks = pictures.floats("peak", &[units, top])?;
        let of_unit = |unit: usize| {
            (unit * top..(unit + 1) * top)
                .filter_map(|at| {
                    let image = index_or_none(images[at], pictures.ids.len());
                    let image = image.ok_or_else(|| {
                        format!(
                            "images names image {} of {}",
                            images[at],
                            pictures.ids.len()
                        )
                    });
                    let pixels = height * width;
                    image
                        .map(|image| {
                            image.map(|image| TopImage {
                                image,
                                peak: peaks[at],
                                activation: activation[at * pixels..(at + 1) * pixels].to_vec(),
                            })
                        })
                        .transpose()
                })
                .collect()
        };
        Ok(TopImages {
            images: (0..pictures.ids.len())
                .map(|index| pictures.photograph(index))
                .collect::<Result<_, String>>()?,
            units: (0..units).map(of_unit).collect::<Result<_, String>>()?,
            size: (height, width),
        })
    })
}

/// -1 stands for none; `None` for what is no index at all.
fn index_or_none(value: i32, count: usize) -> Option<Option<usize>> {
    match usize::try_from(value) {
        Ok(index) if index < count => Some(Some(index)),
        Err(_) if value == -1 => Some(None),
        _ => None,
    }
}
