//! Files of selected images and maps.
//!
//! All are safetensors files with tensors `INDEX/NAME` and the metadata `ids`, a JSON list of the
//! images' ids.

use std::collections::HashMap;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::ResultsError;

/// An image.
#[derive(Debug, Clone, PartialEq)]
pub struct Photograph {
    /// The sample's id.
    pub id: String,
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
    /// `[height, width, 3]`, 8-bit RGB.
    pub rgb: Vec<u8>,
}

/// An image with its depth maps, all of the image's size, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The image.
    pub image: Photograph,
    /// `[height, width]` metres, 0 where there is no ground truth.
    pub gt: Vec<f32>,
    /// `[height, width]` metres.
    pub pred: Vec<f32>,
}

/// An image with its depth before and after correction; see
/// [`LayerCorrection::maps`](crate::LayerCorrection::maps).
#[derive(Debug, Clone, PartialEq)]
pub struct CorrectedExample {
    /// The image, ground truth and prediction.
    pub example: Example,
    /// Prediction with all units corrected, `[height, width]` metres.
    pub corrected: Vec<f32>,
    /// The most by which correcting a single unit reduces a pixel's error, `[height, width]`
    /// metres.
    pub gain: Vec<f32>,
    /// That unit, `[height, width]`; `None` where no unit reduces it.
    pub unit: Vec<Option<usize>>,
}

/// The images that each unit of a layer responds to most.
#[derive(Debug, Clone, PartialEq)]
pub struct TopImages {
    /// Maximum number of images per unit.
    pub per_unit: usize,
    /// Ids of all images that appear.
    pub ids: Vec<String>,
    /// Their pictures; empty if the data has none.
    pub pictures: Vec<Photograph>,
    /// Per unit, strongest response first.
    pub units: Vec<Vec<TopImage>>,
    /// Rows and columns of the activation maps.
    pub size: (usize, usize),
}

/// One image that a unit responds to.
#[derive(Debug, Clone, PartialEq)]
pub struct TopImage {
    /// Index into [`TopImages::ids`].
    pub image: usize,
    /// The response of the largest magnitude, with its sign.
    pub peak: f32,
    /// `[h, w]`: 255 · |response| / |peak|.
    pub activation: Vec<u8>,
}

/// The file `examples.safetensors`: for image i `i/rgb` U8 [H, W, 3], `i/gt` and `i/pred` F32
/// [H, W].
///
/// # Errors
/// If a map does not have the size of its image.
pub fn encode_examples(examples: &[Example]) -> Result<Vec<u8>, ResultsError> {
    let mut file = MapWriter::new(examples.iter().map(|example| &example.image.id));
    for (index, example) in examples.iter().enumerate() {
        file.push_example(index, example);
    }
    file.finish()
}

/// Reads what [`encode_examples`] wrote.
///
/// # Errors
/// What is wrong with the file.
pub fn decode_examples(bytes: &[u8]) -> Result<Vec<Example>, String> {
    let file = MapReader::open(bytes)?;
    (0..file.ids.len())
        .map(|index| file.example(index))
        .collect()
}

/// The file of corrected maps: as [`encode_examples`], with `i/corrected` and `i/gain` F32 [H, W]
/// and `i/unit` I32 [H, W], -1 for none.
///
/// # Errors
/// If a map does not have the size of its image.
pub fn encode_corrected(examples: &[CorrectedExample]) -> Result<Vec<u8>, ResultsError> {
    let mut file = MapWriter::new(examples.iter().map(|one| &one.example.image.id));
    for (index, corrected) in examples.iter().enumerate() {
        let image = &corrected.example.image;
        let shape = [image.height, image.width];
        file.push_example(index, &corrected.example);
        file.push_floats(format!("{index}/corrected"), &shape, &corrected.corrected);
        file.push_floats(format!("{index}/gain"), &shape, &corrected.gain);
        let unit = |unit: &Option<usize>| unit.map_or(-1, |unit| unit as i32);
        let units: Vec<i32> = corrected.unit.iter().map(unit).collect();
        file.push_integers(format!("{index}/unit"), &shape, &units);
    }
    file.finish()
}

/// Reads what [`encode_corrected`] wrote, of a layer with `units` units.
///
/// # Errors
/// What is wrong with the file.
pub fn decode_corrected(bytes: &[u8], units: usize) -> Result<Vec<CorrectedExample>, String> {
    let file = MapReader::open(bytes)?;
    let decoded = (0..file.ids.len()).map(|index| {
        let example = file.example(index)?;
        let shape = [example.image.height, example.image.width];
        let name = format!("{index}/unit");
        let unit: Option<Vec<_>> = file
            .integers(&name, &shape)?
            .into_iter()
            .map(|unit| index_or_none(unit, units))
            .collect();
        Ok(CorrectedExample {
            corrected: file.floats(&format!("{index}/corrected"), &shape)?,
            gain: file.floats(&format!("{index}/gain"), &shape)?,
            unit: unit.ok_or_else(|| format!("{name} names a unit beyond {units}"))?,
            example,
        })
    });
    decoded.collect()
}

/// The file `dissect/LAYER-top.safetensors`, with T images per unit: `images` I32 [units, T], each
/// unit's images, strongest response first, as indices into the metadata's `ids`; -1 where there is
/// no further image in which the unit responds. `peak` F32 [units, T], `activation` U8
/// [units, T, h, w]. For image i `i/rgb` U8 [H, W, 3], if the data has pictures.
///
/// # Errors
/// If a map does not have the size that it should.
pub fn encode_top_images(top: &TopImages) -> Result<Vec<u8>, ResultsError> {
    let (units, wanted) = (top.units.len(), top.per_unit);
    let pixels = top.size.0 * top.size.1;
    let mut images = vec![-1i32; units * wanted];
    let mut peaks = vec![0f32; units * wanted];
    let mut activation = vec![0u8; units * wanted * pixels];
    for (unit, tops) in top.units.iter().enumerate() {
        for (rank, one) in tops.iter().enumerate() {
            let at = unit * wanted + rank;
            images[at] = one.image as i32;
            peaks[at] = one.peak;
            activation[at * pixels..][..one.activation.len()].copy_from_slice(&one.activation);
        }
    }
    let mut file = MapWriter::new(&top.ids);
    file.push_integers("images".to_owned(), &[units, wanted], &images);
    file.push_floats("peak".to_owned(), &[units, wanted], &peaks);
    let shape = vec![units, wanted, top.size.0, top.size.1];
    file.push("activation".to_owned(), Dtype::U8, shape, activation);
    for (index, picture) in top.pictures.iter().enumerate() {
        file.push_picture(index, picture);
    }
    file.finish()
}

/// Reads what [`encode_top_images`] wrote, of a layer with `units` units.
///
/// # Errors
/// What is wrong with the file.
pub fn decode_top_images(bytes: &[u8], units: usize) -> Result<TopImages, String> {
    let file = MapReader::open(bytes)?;
    let (activation, shape) = file.tensor("activation", Dtype::U8)?;
    let [found, per_unit, height, width] = shape[..] else {
        return Err(format!(
            "activation has shape {shape:?} where [units, images, height, width] is expected"
        ));
    };
    if found != units {
        return Err(format!(
            "activation is of {found} units where {units} are expected"
        ));
    }
    let images = file.integers("images", &[units, per_unit])?;
    let peaks = file.floats("peak", &[units, per_unit])?;
    let (known, pixels) = (file.ids.len(), height * width);
    let mut tops = Vec::with_capacity(units);
    for unit in 0..units {
        let mut of_unit = Vec::with_capacity(per_unit);
        for at in unit * per_unit..(unit + 1) * per_unit {
            let image = index_or_none(images[at], known)
                .ok_or_else(|| format!("images names image {} of {known}", images[at]))?;
            if let Some(image) = image {
                of_unit.push(TopImage {
                    image,
                    peak: peaks[at],
                    activation: activation[at * pixels..(at + 1) * pixels].to_vec(),
                });
            }
        }
        tops.push(of_unit);
    }
    let pictures = if file.has_pictures() { known } else { 0 };
    Ok(TopImages {
        per_unit,
        pictures: (0..pictures)
            .map(|index| file.photograph(index))
            .collect::<Result<_, String>>()?,
        ids: file.ids,
        units: tops,
        size: (height, width),
    })
}

/// `Some(None)` for -1, which stands for none; `None` for an invalid index.
fn index_or_none(value: i32, count: usize) -> Option<Option<usize>> {
    match usize::try_from(value) {
        Ok(index) if index < count => Some(Some(index)),
        Err(_) if value == -1 => Some(None),
        _ => None,
    }
}

/// Collects tensors for a file of images.
struct MapWriter {
    ids: HashMap<String, String>,
    tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
}

impl MapWriter {
    fn new(ids: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        Self {
            ids: ids_metadata(ids),
            tensors: Vec::new(),
        }
    }

    fn push(&mut self, name: String, dtype: Dtype, shape: Vec<usize>, bytes: Vec<u8>) {
        self.tensors.push((name, dtype, shape, bytes));
    }

    fn push_floats(&mut self, name: String, shape: &[usize], values: &[f32]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        self.push(name, Dtype::F32, shape.to_vec(), bytes.collect());
    }

    fn push_integers(&mut self, name: String, shape: &[usize], values: &[i32]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        self.push(name, Dtype::I32, shape.to_vec(), bytes.collect());
    }

    fn push_picture(&mut self, index: usize, image: &Photograph) {
        let shape = vec![image.height, image.width, 3];
        self.push(format!("{index}/rgb"), Dtype::U8, shape, image.rgb.clone());
    }

    fn push_example(&mut self, index: usize, example: &Example) {
        let shape = [example.image.height, example.image.width];
        self.push_picture(index, &example.image);
        self.push_floats(format!("{index}/gt"), &shape, &example.gt);
        self.push_floats(format!("{index}/pred"), &shape, &example.pred);
    }

    fn finish(self) -> Result<Vec<u8>, ResultsError> {
        let views: Vec<_> = self
            .tensors
            .iter()
            .map(|(name, dtype, shape, bytes)| {
                let view = TensorView::new(*dtype, shape.clone(), bytes)?;
                Ok((name.as_str(), view))
            })
            .collect::<Result<_, safetensors::SafeTensorError>>()?;
        Ok(safetensors::serialize(views, Some(self.ids))?)
    }
}

/// The metadata entry `ids` of a safetensors file: a JSON list.
pub fn ids_metadata(ids: impl IntoIterator<Item = impl AsRef<str>>) -> HashMap<String, String> {
    let ids: Vec<String> = ids.into_iter().map(|id| id.as_ref().to_owned()).collect();
    HashMap::from([("ids".to_owned(), serde_json::json!(ids).to_string())])
}

/// The tensors of a safetensors file and the ids in its metadata; see [`ids_metadata`].
pub(crate) fn tensors_and_ids(bytes: &[u8]) -> Result<(SafeTensors<'_>, Vec<String>), String> {
    let broken = |error| format!("not a whole safetensors file ({error})");
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(broken)?;
    let entries = header.metadata().as_ref();
    let ids = entries.and_then(|entries| entries.get("ids"));
    let ids = ids.ok_or("the metadata has no \"ids\"")?;
    let ids = serde_json::from_str(ids)
        .map_err(|error| format!("the metadata's \"ids\" is not a JSON array ({error})"))?;
    Ok((tensors, ids))
}

/// A file of images.
struct MapReader<'file> {
    tensors: SafeTensors<'file>,
    ids: Vec<String>,
}

impl<'file> MapReader<'file> {
    fn open(bytes: &'file [u8]) -> Result<Self, String> {
        let (tensors, ids) = tensors_and_ids(bytes)?;
        Ok(Self { tensors, ids })
    }

    /// Bytes and shape of a tensor of the expected element type.
    fn tensor(&self, name: &str, dtype: Dtype) -> Result<(&'file [u8], Vec<usize>), String> {
        let view = self
            .tensors
            .tensor(name)
            .map_err(|_| format!("tensor {name} is missing"))?;
        if view.dtype() != dtype {
            return Err(format!(
                "tensor {name} is {:?} where {dtype:?} is expected",
                view.dtype()
            ));
        }
        Ok((view.data(), view.shape().to_vec()))
    }

    /// The elements of a tensor of the expected shape, four bytes each.
    fn elements<T>(
        &self,
        name: &str,
        dtype: Dtype,
        expected: &[usize],
        element: impl Fn([u8; 4]) -> T,
    ) -> Result<Vec<T>, String> {
        let (data, shape) = self.tensor(name, dtype)?;
        if shape != expected {
            return Err(format!(
                "{name} has shape {shape:?} where {expected:?} is expected"
            ));
        }
        let (chunks, _) = data.as_chunks::<4>();
        Ok(chunks.iter().map(|bytes| element(*bytes)).collect())
    }

    fn floats(&self, name: &str, expected: &[usize]) -> Result<Vec<f32>, String> {
        self.elements(name, Dtype::F32, expected, f32::from_le_bytes)
    }

    fn integers(&self, name: &str, expected: &[usize]) -> Result<Vec<i32>, String> {
        self.elements(name, Dtype::I32, expected, i32::from_le_bytes)
    }

    fn has_pictures(&self) -> bool {
        self.tensors.tensor("0/rgb").is_ok()
    }

    /// The image `INDEX/rgb`.
    fn photograph(&self, index: usize) -> Result<Photograph, String> {
        let name = format!("{index}/rgb");
        let (rgb, shape) = self.tensor(&name, Dtype::U8)?;
        let [height, width, 3] = shape[..] else {
            return Err(format!(
                "{name} has shape {shape:?} where [height, width, 3] is expected"
            ));
        };
        if height == 0 || width == 0 {
            return Err(format!("{name} is an empty image, shape {shape:?}"));
        }
        Ok(Photograph {
            id: self.ids[index].clone(),
            height,
            width,
            rgb: rgb.to_vec(),
        })
    }

    fn example(&self, index: usize) -> Result<Example, String> {
        let image = self.photograph(index)?;
        let shape = [image.height, image.width];
        Ok(Example {
            gt: self.floats(&format!("{index}/gt"), &shape)?,
            pred: self.floats(&format!("{index}/pred"), &shape)?,
            image,
        })
    }
}
