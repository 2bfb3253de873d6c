//! `mde predict`: depth of any picture, and activations of chosen units.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, bail, ensure};
use candle_core::{Device, Tensor};
use mde_analysis::{AnalysisError, Predicted, predict};
use mde_arrays::to_npy;
use mde_datasets::{DepthEncoding, DepthMap, Scene, read_picture};
use mde_models::DepthInput;
use mde_report::{PictureOf, coloured_picture};
use serde::Serialize;
use serde_json::json;

use crate::arguments::positive;
use crate::output::{Output, message, shown};
use crate::progress::Progress;
use crate::stage;
use crate::subject::{NetworkArgs, Subject};

/// Which pictures to predict.
#[derive(Debug, clap::Args)]
pub(crate) struct PredictArgs {
    /// Pictures: JPEG or PNG, of any size.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    #[command(flatten)]
    network: NetworkArgs,
    /// Output folder. Per picture: STEM-depth.png (16-bit), STEM-depth.npy (float32, metres) and
    /// STEM-depth-colour.png. Existing files are replaced.
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    /// Focal length of the camera in pixels of the picture, for BTS on KITTI [default: KITTI's].
    #[arg(long, value_name = "PX", value_parser = positive::<f32>)]
    focal: Option<f32>,
    /// Units whose activations are written as STEM-LAYER-UNIT.png and .npy, such as MFF:0,7;
    /// repeat the option for several layers.
    #[arg(long, value_name = "LAYER:UNIT,…")]
    units: Vec<LayerUnits>,
}

/// Units of a layer.
#[derive(Debug, Clone, PartialEq)]
struct LayerUnits {
    layer: String,
    units: Vec<usize>,
}

impl FromStr for LayerUnits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected a layer and its units, such as MFF:0,7".to_owned();
        let (layer, units) = text.rsplit_once(':').ok_or_else(expected)?;
        let units = units
            .split(',')
            .map(|unit| unit.parse().map_err(|_| expected()));
        if layer.is_empty() {
            return Err(expected());
        }
        Ok(Self {
            layer: layer.to_owned(),
            units: units.collect::<Result<_, _>>()?,
        })
    }
}

/// The files written for one picture.
#[derive(Debug, Serialize)]
struct PictureOutput {
    image: String,
    /// Height and width of the picture and of every map.
    size: [usize; 2],
    /// Height and width of the network's input.
    input: [usize; 2],
    depth_png: String,
    depth_npy: String,
    depth_colour: String,
    /// Metres.
    nearest: f32,
    farthest: f32,
    units: Vec<UnitOutput>,
}

#[derive(Debug, Serialize)]
struct UnitOutput {
    layer: String,
    unit: usize,
    colour: String,
    npy: String,
    lowest: f32,
    highest: f32,
}

/// Predicts. Pictures that cannot be read are left out and reported at the end. A file that cannot
/// be written ends the command.
pub(crate) fn run(args: PredictArgs, device: &Device) -> anyhow::Result<Output> {
    let predictor = Predictor::new(&args, device)?;
    let stems = stems(&args, &predictor.units)?;
    let progress = Progress::new("predicting", "pictures", args.images.len());
    let (mut written, mut failures) = (Vec::new(), Vec::new());
    for (image, stem) in args.images.iter().zip(&stems) {
        match predictor.predict(image) {
            Ok(maps) => written.push(predictor.write(image, stem, &maps)?),
            Err(error) => failures.push((image, message(&error))),
        }
        progress.add(1);
    }
    drop(progress);
    described(&predictor, &written, &failures)
}

struct Predictor<'a> {
    subject: Subject,
    device: &'a Device,
    out: &'a Path,
    focal: Option<f32>,
    units: Vec<(String, usize)>,
    encoding: DepthEncoding,
}

/// The maps of one picture, at its size.
struct Maps {
    /// Height and width of the network's input.
    input: (usize, usize),
    depth: DepthMap,
    units: Vec<Vec<f32>>,
}

impl<'a> Predictor<'a> {
    fn new(args: &'a PredictArgs, device: &'a Device) -> anyhow::Result<Self> {
        let subject = args.network.load(device)?;
        ensure!(
            args.focal.is_none() || subject.preprocessing.uses_focal(),
            "{}: this network does not use a focal length; remove --focal",
            subject.preset.name
        );
        let mut units = Vec::new();
        for LayerUnits {
            layer,
            units: chosen,
        } in &args.units
        {
            let known = subject.network.layer(layer)?.units;
            for &unit in chosen {
                if unit >= known {
                    return Err(AnalysisError::UnknownUnit {
                        layer: layer.clone(),
                        unit,
                        units: known,
                    }
                    .into());
                }
                units.push((layer.clone(), unit));
            }
        }
        Ok(Self {
            encoding: encoding(subject.recipe.scene),
            subject,
            device,
            out: &args.out,
            focal: args.focal,
            units,
        })
    }

    fn predict(&self, path: &Path) -> anyhow::Result<Maps> {
        if path.is_dir() {
            bail!(
                "{}: this is a folder; name its pictures, such as {}/*.jpg",
                path.display(),
                path.display()
            );
        }
        let name = || path.display().to_string();
        let rgb = read_picture(path)?;
        let size = (rgb.height() as usize, rgb.width() as usize);
        let whole = self.subject.preprocessing.whole_image(&rgb, self.focal);
        let whole = whole.with_context(name)?;
        let (height, width) = whole.size;
        let mut input = DepthInput::new(Tensor::from_vec(
            whole.image,
            (1, 3, height, width),
            self.device,
        )?);
        if let Some(focal) = whole.focal {
            input = input.with_focal(Tensor::new(&[focal], self.device)?);
        }
        let network = self.subject.network.as_ref();
        let Predicted { depth, units } =
            predict(network, &input, size, &self.units).with_context(name)?;
        Ok(Maps {
            input: whole.size,
            depth: DepthMap {
                height: size.0,
                width: size.1,
                metres: depth,
            },
            units,
        })
    }

    fn write(&self, image: &Path, stem: &OsStr, maps: &Maps) -> anyhow::Result<PictureOutput> {
        let size = maps.depth.size();
        let keep = |end: &str, content: &[u8]| -> anyhow::Result<String> {
            let path = self.out.join(named(stem, end));
            stage::write(&path, content)?;
            Ok(shown(&path))
        };
        let metres = &maps.depth.metres;
        let depth_png = keep("depth.png", &maps.depth.to_png(self.encoding)?)?;
        let depth_npy = keep("depth.npy", &to_npy(metres, size))?;
        let colour = coloured_picture(metres, size, PictureOf::Depth)?;
        let depth_colour = keep("depth-colour.png", &colour)?;
        let mut units = Vec::with_capacity(self.units.len());
        for ((layer, unit), map) in self.units.iter().zip(&maps.units) {
            let colour = coloured_picture(map, size, PictureOf::Activation)?;
            let [lowest, highest] = range(map);
            units.push(UnitOutput {
                colour: keep(&format!("{layer}-{unit}.png"), &colour)?,
                npy: keep(&format!("{layer}-{unit}.npy"), &to_npy(map, size))?,
                layer: layer.clone(),
                unit: *unit,
                lowest,
                highest,
            });
        }
        let [nearest, farthest] = range(metres);
        Ok(PictureOutput {
            image: shown(image),
            size: size.into(),
            input: maps.input.into(),
            depth_png,
            depth_npy,
            depth_colour,
            nearest,
            farthest,
            units,
        })
    }
}

/// Depth encoding of 16-bit PNG files for this kind of scene.
fn encoding(scene: Scene) -> DepthEncoding {
    match scene {
        Scene::Indoor => DepthEncoding::U16_MM,
        Scene::Street => DepthEncoding::U16_OVER_256,
    }
}

fn png_unit(scene: Scene) -> &'static str {
    match scene {
        Scene::Indoor => "millimetres",
        Scene::Street => "metres x 256",
    }
}

fn named(stem: &OsStr, end: &str) -> OsString {
    let mut name = stem.to_owned();
    name.push("-");
    name.push(end);
    name
}

fn range(values: &[f32]) -> [f32; 2] {
    let finite = values.iter().filter(|value| value.is_finite());
    finite.fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], &value| {
        [low.min(value), high.max(value)]
    })
}

/// The stems of the results' names. They must differ between pictures, and no result may overwrite
/// a picture.
fn stems<'a>(args: &'a PredictArgs, units: &[(String, usize)]) -> anyhow::Result<Vec<&'a OsStr>> {
    let inputs: BTreeMap<PathBuf, &PathBuf> = (args.images.iter())
        .filter_map(|image| Some((image.canonicalize().ok()?, image)))
        .collect();
    let mut ends = ["depth.png", "depth.npy", "depth-colour.png"]
        .map(str::to_owned)
        .to_vec();
    for (layer, unit) in units {
        ends.extend(["png", "npy"].map(|kind| format!("{layer}-{unit}.{kind}")));
    }
    let mut seen: BTreeMap<&OsStr, &PathBuf> = BTreeMap::new();
    for image in &args.images {
        if image.is_dir() {
            bail!(
                "{}: a folder; name its pictures, such as {}",
                image.display(),
                image.join("*.jpg").display()
            );
        }
        let Some(stem) = image.file_stem() else {
            bail!("{}: not a file name", image.display());
        };
        if let Some(other) = seen.insert(stem, image) {
            bail!(
                "{} and {} would write the same files, {}-…; rename one, or choose another --out for it",
                other.display(),
                image.display(),
                args.out.join(stem).display()
            );
        }
        for end in &ends {
            let result = args.out.join(named(stem, end));
            if let Some(input) = result
                .canonicalize()
                .ok()
                .and_then(|path| inputs.get(&path))
            {
                bail!(
                    "the result {} would replace the picture {}; choose another --out",
                    result.display(),
                    input.display()
                );
            }
        }
    }
    Ok(args
        .images
        .iter()
        .filter_map(|image| image.file_stem())
        .collect())
}

fn described(
    predictor: &Predictor<'_>,
    written: &[PictureOutput],
    failures: &[(&PathBuf, String)],
) -> anyhow::Result<Output> {
    let total = written.len() + failures.len();
    let failure = (!failures.is_empty()).then(|| {
        let reasons = failures.iter().map(|(_, reason)| format!("\n  {reason}"));
        let reasons = reasons.collect::<String>();
        format!(
            "{} of {total} pictures could not be predicted:{reasons}",
            failures.len()
        )
    });
    if let (Some(failure), true) = (&failure, written.is_empty()) {
        bail!("{failure}");
    }
    let mut words = String::new();
    for picture in written {
        let [height, width] = picture.size;
        words += &format!(
            "{}: {width}x{height} pixels, {:.2} to {:.2} m: {}\n",
            picture.image, picture.nearest, picture.farthest, picture.depth_colour
        );
        for unit in &picture.units {
            words += &format!(
                "  {} unit {}: {:.3} to {:.3}: {}\n",
                unit.layer, unit.unit, unit.lowest, unit.highest, unit.colour
            );
        }
    }
    let scene = predictor.subject.recipe.scene;
    words += &format!(
        "{} of {total} pictures by {}: depth in 16-bit PNG ({}), .npy (metres) and colour",
        written.len(),
        predictor.subject.preset.name,
        png_unit(scene),
    );
    let failed = failures
        .iter()
        .map(|(image, error)| json!({ "image": shown(image), "error": error }));
    let document = json!({
        "model": predictor.subject.preset.name, "load_report": predictor.subject.load_report(),
        "depth_encoding": predictor.encoding, "depth_png_values": png_unit(scene),
        "images": written, "failed": failed.collect::<Vec<_>>(),
    });
    let output = Output::new(words, document)?;
    Ok(match failure {
        Some(failure) => output.with_failure(failure),
        None => output,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn units_are_read_or_refused() {
        let read = |text: &str| {
            text.parse::<LayerUnits>()
                .map(|read| (read.layer, read.units))
        };
        assert_eq!(read("MFF:0,7"), Ok(("MFF".to_owned(), vec![0, 7])));
        assert_eq!(read("D:12"), Ok(("D".to_owned(), vec![12])));
        for text in ["", "D", "D:", ":3", "D:x", "D:1,", "D:-1", "D:1.5", "D: 1"] {
            assert!(read(text).unwrap_err().contains("MFF:0,7"), "{text}");
        }
    }
}
