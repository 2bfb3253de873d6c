//! `dataset.toml`: the description of a data folder.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use mde_files::{TextError, read_text};
use serde::Deserialize;

use crate::pairing::{Choice, Pairing, Patterns};
use crate::paths::check_inside;
use crate::pattern::Pattern;
use crate::{DatasetError, DepthEncoding, Scene, Split};

/// File name of the description in a data folder.
pub(crate) const FILE_NAME: &str = "dataset.toml";
/// Maximum length of a name, which appears in tables and file names.
const MAX_NAME_LENGTH: usize = 60;
/// Largest `max_gap` in seconds: frames further apart show different views.
const LARGEST_MAX_GAP: f64 = 1.0;

/// A checked description.
#[derive(Debug, Clone)]
pub(crate) struct Description {
    /// The file.
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) scene: Scene,
    pub(crate) resize_rgb: bool,
    pub(crate) camera: Option<Camera>,
    train: Option<SplitDescription>,
    test: Option<SplitDescription>,
}

/// The pairs of a split and the storage of their depth.
#[derive(Debug, Clone)]
pub(crate) struct SplitDescription {
    pub(crate) source: Source,
    pub(crate) encoding: Option<DepthEncoding>,
    /// Smallest and largest valid depth in metres.
    pub(crate) range: Option<(f32, f32)>,
}

/// What names the pairs.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A list file, relative to the folder.
    List(String),
    /// Patterns of paths.
    Patterns(Box<Patterns>),
}

/// Camera parameters in pixels of the depth maps.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Camera {
    /// Horizontal focal length: the one that networks use.
    pub(crate) fx: f32,
    fy: Option<f32>,
    cx: Option<f32>,
    cy: Option<f32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    scene: Scene,
    #[serde(default)]
    resize_rgb: bool,
    #[serde(default)]
    depth: DepthTable,
    camera: Option<Camera>,
    train: Option<SplitTable>,
    test: Option<SplitTable>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DepthTable {
    encoding: Option<DepthEncoding>,
    range: Option<[f32; 2]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SplitTable {
    list: Option<String>,
    rgb: Option<String>,
    depth: Option<String>,
    encoding: Option<DepthEncoding>,
    range: Option<[f32; 2]>,
    pair: Option<PairBy>,
    max_gap: Option<f64>,
    skip_unpaired: Option<bool>,
    only: Option<Names>,
    skip: Option<Names>,
    part: Option<[f64; 2]>,
    every: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PairBy {
    Name,
    Time,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a list of names, or the name of a file with one name per line"
)]
enum Names {
    These(Vec<String>),
    InFile(String),
}

impl Description {
    /// Reads the description of a folder; None if there is none.
    pub(crate) fn read(root: &Path) -> Result<Option<Self>, DatasetError> {
        let path = root.join(FILE_NAME);
        match read_text(&path) {
            Ok(text) => Self::parse(root, path, &text).map(Some),
            Err(TextError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn parse(root: &Path, path: PathBuf, text: &str) -> Result<Self, DatasetError> {
        let fault = |line, reason| DatasetError::BadDescription {
            path: path.clone(),
            line,
            reason,
        };
        let file: File = toml::from_str(text).map_err(|error| {
            let line = error.span().and_then(|span| text.get(..span.start));
            let line = line.map(|before| 1 + before.matches('\n').count());
            fault(line, error.message().replace('\n', " "))
        })?;
        let plain = |reason| fault(None, reason);
        check_name(&file.name).map_err(plain)?;
        if let Some(camera) = &file.camera {
            camera.check().map_err(plain)?;
        }
        let split = |table: Option<SplitTable>, split: Split| {
            let described = table.map(|table| table.describe(root, &file.depth));
            let described = described.transpose();
            described.map_err(|reason| fault(None, format!("[{split}]: {reason}")))
        };
        Ok(Self {
            train: split(file.train, Split::Train)?,
            test: split(file.test, Split::Test)?,
            path: path.clone(),
            name: file.name,
            scene: file.scene,
            resize_rgb: file.resize_rgb,
            camera: file.camera,
        })
    }

    /// The description of a split.
    pub(crate) fn split(&self, split: Split) -> Option<&SplitDescription> {
        match split {
            Split::Train => self.train.as_ref(),
            Split::Test => self.test.as_ref(),
        }
    }
}

fn check_name(name: &str) -> Result<(), String> {
    if name.trim().is_empty() || name.trim() != name || name.chars().any(char::is_control) {
        return Err(format!(
            "name = {name:?}: expected a short name without surrounding blanks or control characters"
        ));
    }
    if name.chars().count() > MAX_NAME_LENGTH {
        return Err(format!("name: longer than {MAX_NAME_LENGTH} characters"));
    }
    Ok(())
}

impl Camera {
    fn check(&self) -> Result<(), String> {
        let all = [
            ("fx", Some(self.fx)),
            ("fy", self.fy),
            ("cx", self.cx),
            ("cy", self.cy),
        ];
        for (key, value) in all {
            if value.is_some_and(|value| !(value > 0.0 && value.is_finite())) {
                return Err(format!(
                    "[camera]: {key} must be a positive number of pixels"
                ));
            }
        }
        Ok(())
    }
}

fn check_range(range: [f32; 2]) -> Result<(f32, f32), String> {
    let [near, far] = range;
    if near >= 0.0 && near < far && far.is_finite() {
        Ok((near, far))
    } else {
        Err(format!(
            "range = [{near}, {far}]: expected the smallest and the largest depth in metres, 0 <= smallest < largest"
        ))
    }
}

impl SplitTable {
    fn describe(self, root: &Path, defaults: &DepthTable) -> Result<SplitDescription, String> {
        let encoding = self.encoding.or(defaults.encoding);
        let range = self.range.or(defaults.range).map(check_range).transpose()?;
        let source = match (&self.list, &self.rgb, &self.depth) {
            (Some(list), None, None) => {
                let list = list.replace('\\', "/");
                check_inside(&list)?;
                self.check_list_keys()?;
                Source::List(list)
            }
            (None, Some(rgb), Some(depth)) => Source::Patterns(Box::new(Patterns {
                rgb: Pattern::parse(rgb)?,
                depth: Pattern::parse(depth)?,
                pairing: self.pairing()?,
                choice: self.choice(root)?,
            })),
            _ => {
                return Err("expected either `list`, or both `rgb` and `depth`".to_owned());
            }
        };
        if let Source::Patterns(patterns) = &source {
            check_stars(patterns)?;
        }
        Ok(SplitDescription {
            source,
            encoding,
            range,
        })
    }

    /// Refuses keys that only patterns may have.
    fn check_list_keys(&self) -> Result<(), String> {
        for (key, given) in [
            ("pair", self.pair.is_some()),
            ("max_gap", self.max_gap.is_some()),
            ("skip_unpaired", self.skip_unpaired.is_some()),
            ("only", self.only.is_some()),
            ("skip", self.skip.is_some()),
            ("part", self.part.is_some()),
            ("every", self.every.is_some()),
        ] {
            if given {
                return Err(format!(
                    "`{key}` goes with the patterns `rgb` and `depth`, not with a list"
                ));
            }
        }
        Ok(())
    }

    fn pairing(&self) -> Result<Pairing, String> {
        match (self.pair.unwrap_or(PairBy::Name), self.max_gap, self.skip_unpaired) {
            (PairBy::Name, None, skip) => Ok(Pairing::ByName {
                skip_unpaired: skip.unwrap_or(false),
            }),
            (PairBy::Name, Some(_), _) => Err("`max_gap` goes with pair = \"time\"".to_owned()),
            (PairBy::Time, _, Some(_)) => Err(
                "`skip_unpaired` goes with pair = \"name\"; by time, images without a depth map are always left out"
                    .to_owned(),
            ),
            (PairBy::Time, Some(max_gap), None) if max_gap > 0.0 && max_gap <= LARGEST_MAX_GAP => {
                Ok(Pairing::ByTime { max_gap })
            }
            (PairBy::Time, _, None) => Err(format!(
                "pair = \"time\" needs `max_gap`, the maximum number of seconds between an image and its depth map: above 0, at most {LARGEST_MAX_GAP}"
            )),
        }
    }

    fn choice(&self, root: &Path) -> Result<Choice, String> {
        let [from, to] = self.part.unwrap_or([0.0, 1.0]);
        if !(0.0 <= from && from < to && to <= 1.0) {
            return Err(format!(
                "part = [{from}, {to}]: expected two fractions of the pairs, 0 <= first < second <= 1"
            ));
        }
        let every = self.every.unwrap_or(1);
        if every == 0 {
            return Err("every = 0: expected 1 or more".to_owned());
        }
        // Names may be written as paths: of the folders before the first *, and with a slash.
        let folders = self.rgb.as_deref().unwrap_or_default();
        let folders = folders.split('*').next().unwrap_or_default();
        let folders = folders.rfind('/').map_or("", |end| &folders[..=end]);
        let names = |key: &str, names: &Option<Names>| {
            let read = names.as_ref().map(|names| names.read(root));
            let read = read.map(|read| {
                read.map(|names| {
                    let names = names.iter().map(|name| plain_name(name, folders));
                    names.collect::<HashSet<String>>()
                })
            });
            read.transpose()
                .map_err(|reason| format!("{key}: {reason}"))
        };
        Ok(Choice {
            only: names("only", &self.only)?,
            skip: names("skip", &self.skip)?.unwrap_or_default(),
            part: (from, to),
            every,
        })
    }
}

/// Checks that both patterns have the same number of stars.
fn check_stars(patterns: &Patterns) -> Result<(), String> {
    let Patterns { rgb, depth, .. } = patterns;
    if rgb.stars() == depth.stars() {
        return Ok(());
    }
    Err(format!(
        "rgb = \"{}\" has {} *, depth = \"{}\" has {}; each * has the same text in both",
        rgb.text(),
        rgb.stars(),
        depth.text(),
        depth.stars()
    ))
}

/// A name of `only` or `skip`: with slashes instead of backslashes, without slashes at its end and
/// without the folders in front of the first star.
fn plain_name(name: &str, folders: &str) -> String {
    let name = name.replace('\\', "/");
    let name = name.trim_end_matches('/');
    let name = name.strip_prefix("./").unwrap_or(name);
    name.strip_prefix(folders).unwrap_or(name).to_owned()
}

impl Names {
    fn read(&self, root: &Path) -> Result<HashSet<String>, String> {
        let file = match self {
            Self::These(names) => return Ok(names.iter().cloned().collect()),
            Self::InFile(file) => file,
        };
        let file = file.replace('\\', "/");
        check_inside(&file)?;
        let text = read_text(&root.join(&file)).map_err(|error| match error {
            TextError::Read { source, .. } => format!("`{file}`: {source}"),
            error => error.to_string(),
        })?;
        let lines = text.lines().map(str::trim);
        let names = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        Ok(names.map(str::to_owned).collect())
    }
}
