//! NYU Depth V2: the labelled pairs with the official split, and one of the larger training sets.

use std::fs;
use std::path::{Path, PathBuf};

use mde_files::write_atomic;

use super::options::{Conversion, Convert, DataOptions, Job};
use super::shards::{self, Converted, Shard};
use crate::bill::Bill;
use crate::entry_file::EntryFile;
use crate::error::{FetchError, Result, io};
use crate::front::{Front, remark};
use crate::home::Home;
use crate::manifest::{ManifestEntry, Source};
use crate::partial;
use crate::text::{bytes, counted};

/// The parts of NYU Depth V2 to fetch.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct NyuOptions {
    /// Training set. The labelled pairs are always included, since they hold the test images.
    #[cfg_attr(feature = "cli", arg(long, value_enum, default_value_t))]
    pub train: TrainingSet,
    /// Manually downloaded files: nyu_depth_v2_labeled.mat, splits.mat, shards (.tar), or the
    /// archive of --train bts or mff. They are not moved.
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE"))]
    pub from: Vec<PathBuf>,
    /// Keep shards after their conversion.
    #[cfg_attr(feature = "cli", arg(long))]
    pub keep: bool,
    /// Options of all data sets.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub shared: DataOptions,
}

/// Training sets of NYU Depth V2.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum TrainingSet {
    /// The 795 labelled pairs of the official split.
    #[default]
    Labelled,
    /// FastDepth's 47,584 pairs, from the Hugging Face hub.
    Fastdepth,
    /// BTS's 24,231 pairs, from a manually downloaded archive.
    Bts,
    /// The paper's and MFF's 50,688 pairs, from a manually downloaded archive.
    Mff,
}

/// Names of the manifest.
const LABELLED: &str = "nyu-labelled";
const SPLITS: &str = "nyu-splits";
const FASTDEPTH: &str = "nyu-fastdepth";

/// A list that the conversion of the labelled pairs writes.
const TEST_LIST: &str = "nyuv2_test.csv";
/// Exists while the labelled pairs are converted, since lists alone do not prove that the folder
/// is complete.
const UNFINISHED: &str = ".nyu-labelled.unfinished";

/// Whether a folder holds labelled pairs whose conversion has not finished.
pub(super) fn is_unfinished(folder: &Path) -> bool {
    folder.join(UNFINISHED).exists()
}

/// The plan for NYU Depth V2: everything that is known before it is fetched.
pub(super) struct Nyu<'a> {
    job: Job<'a>,
    keep: bool,
    /// Manually downloaded files.
    given: Vec<PathBuf>,
    /// Whether labelled pairs remain to be fetched or converted.
    labelled: bool,
    training: Training,
}

/// The training set in addition to the labelled pairs.
enum Training {
    None,
    /// Shards that are not converted yet.
    Shards(Vec<Shard>),
    /// Manually downloaded shards, which need no list.
    Given(Vec<PathBuf>),
    Archive {
        archive: PathBuf,
        /// The archive's name in the manifest; that of its list ends with `-train`.
        form: &'static str,
    },
}

impl<'a> Nyu<'a> {
    /// Finds out what is missing.
    pub(super) fn plan(options: &NyuOptions, home: &Home, front: &'a dyn Front) -> Result<Self> {
        if let Some(file) = options.from.iter().find(|file| !file.is_file()) {
            let what = format!("--from {}: no such file", file.display());
            return Err(FetchError::Usage(what));
        }
        let job = Job::new("nyu", &options.shared, home, front)?;
        let own = [job.manifest.data(LABELLED)?, job.manifest.data(SPLITS)?];
        let is_own = |file: &PathBuf| own.iter().any(|entry| is_called(file, &entry.file));
        let (given, others) = options.from.iter().cloned().partition::<Vec<_>, _>(is_own);
        let downloaded = job.file(LABELLED)?.target.is_file();
        let labelled = !given.is_empty() || downloaded || !job.out.join(TEST_LIST).is_file();
        let training = training(options.train, others, &job)?;
        Ok(Self {
            keep: options.keep,
            given,
            labelled,
            training,
            job,
        })
    }

    pub(super) fn bill(&self) -> Bill {
        let mut bill = self.job.bill();
        if self.labelled {
            for name in [LABELLED, SPLITS] {
                self.add(&mut bill, name);
            }
        }
        match &self.training {
            Training::None | Training::Given(_) => {}
            Training::Shards(shards) => self.add_shards(&mut bill, shards),
            Training::Archive { form, .. } => self.add(&mut bill, &format!("{form}-train")),
        }
        if bill.lines.is_empty() {
            let line = "NYU Depth V2: all files are present".to_owned();
            bill.lines.push(line);
        }
        bill
    }

    /// Adds an entry that is not given: bytes still to download, and bytes after conversion.
    fn add(&self, bill: &mut Bill, name: &str) {
        let Ok(file) = self.job.file(name) else {
            return;
        };
        let is_converted = self.job.out.join(TEST_LIST).is_file() && !is_unfinished(&self.job.out);
        if !is_converted {
            bill.disk += file.entry.converted.unwrap_or(0);
        }
        if self.given(&file.entry.file).is_some() || file.target.is_file() {
            bill.lines.push(format!("{name}: present"));
        } else {
            file.add_to(bill, name);
        }
    }

    fn add_shards(&self, bill: &mut Bill, shards: &[Shard]) {
        let (mut download, mut all, mut largest) = (0, 0, 0);
        for shard in shards {
            download += self.shard_file(shard).missing();
            all += shard.entry.bytes();
            largest = largest.max(shard.entry.bytes());
        }
        // The converted size is known for the whole set only; the shards take their share of it.
        let whole = self.job.manifest.data(FASTDEPTH).ok();
        let converted = whole.map_or(0, |whole| {
            let part = all as f64 / whole.bytes().max(1) as f64;
            (whole.converted.unwrap_or(0) as f64 * part.min(1.0)) as u64
        });
        bill.download += download;
        bill.disk += converted + if self.keep { download } else { largest };
        bill.lines.push(format!(
            "{FASTDEPTH}: {} to convert, {} to download, about {} to keep{}",
            counted(shards.len(), "shard"),
            bytes(download),
            bytes(converted),
            if self.keep { ", and the shards" } else { "" }
        ));
    }

    /// Fetches and converts.
    pub(super) fn fetch(self, convert: &Convert<'_>) -> Result<()> {
        if self.labelled {
            self.convert_labelled(convert)?;
        }
        match &self.training {
            Training::None => Ok(()),
            Training::Shards(shards) => self.fetch_shards(shards, convert),
            Training::Given(files) => files
                .iter()
                .try_for_each(|file| self.convert_shard(file, convert)),
            Training::Archive { archive, form } => {
                self.check_given(form, archive)?;
                let (list, out) = (&self.bring(&format!("{form}-train"))?, &self.job.out);
                let conversion = Conversion::Archive {
                    form,
                    archive,
                    list,
                    out,
                };
                convert(conversion).map_err(FetchError::Convert)
            }
        }
    }

    fn convert_labelled(&self, convert: &Convert<'_>) -> Result<()> {
        let (mat, splits) = (&self.bring(LABELLED)?, &self.bring(SPLITS)?);
        let out = self.job.out.as_path();
        let unfinished = out.join(UNFINISHED);
        write_atomic(&unfinished, b"").map_err(io("write", &unfinished))?;
        convert(Conversion::Labelled { mat, splits, out }).map_err(FetchError::Convert)?;
        fs::remove_file(&unfinished).map_err(io("remove", &unfinished))?;
        let line = format!(
            "{} has been converted; remove it to free its space",
            mat.display()
        );
        remark(self.job.front, line);
        Ok(())
    }

    fn fetch_shards(&self, shards: &[Shard], convert: &Convert<'_>) -> Result<()> {
        for (number, shard) in shards.iter().enumerate() {
            let line = format!("shard {} of {}: {}", number + 1, shards.len(), shard.name);
            remark(self.job.front, line);
            let file = self.shard_file(shard);
            file.fetch(None, &self.job.connection, self.job.front)?;
            self.convert_shard(&file.target, convert)?;
            if !self.keep {
                fs::remove_file(&file.target).map_err(io("remove", &file.target))?;
            }
        }
        Ok(())
    }

    fn convert_shard(&self, shard: &Path, convert: &Convert<'_>) -> Result<()> {
        let out = self.job.out.as_path();
        convert(Conversion::FastDepth { shard, out }).map_err(FetchError::Convert)?;
        let name = shard.file_name().unwrap_or_default();
        Converted::in_folder(out).note(&name.to_string_lossy())
    }

    fn shard_file(&self, shard: &Shard) -> EntryFile {
        EntryFile {
            name: shard.name.clone(),
            entry: shard.entry.clone(),
            target: self.job.downloads.join(FASTDEPTH).join(&shard.name),
            by_hand: format!(
                "{} nyu --train fastdepth --from FILE",
                self.job.front.commands().data
            ),
        }
    }

    /// The file of an entry: the given one, else the fetched one.
    fn bring(&self, name: &str) -> Result<PathBuf> {
        let file = self.job.file(name)?;
        if let Some(given) = self.given(&file.entry.file) {
            self.check_given(name, given)?;
            return Ok(given.to_owned());
        }
        file.fetch(None, &self.job.connection, self.job.front)
            .map_err(|error| error.of(name))?;
        Ok(file.target)
    }

    fn given(&self, name: &str) -> Option<&Path> {
        let given = self.given.iter().find(|file| is_called(file, name));
        given.map(PathBuf::as_path)
    }

    /// Compares a given file with the manifest.
    fn check_given(&self, name: &str, file: &Path) -> Result<()> {
        let expected = self.job.file(name)?.expected();
        if expected.size.is_some() || expected.sha256.is_some() {
            partial::check(file, &expected)
                .map_err(|error| error.of(format!("cannot use {}", file.display())))?;
        }
        Ok(())
    }
}

/// The work for a training set; `files` are the given files except those of the labelled pairs.
fn training(train: TrainingSet, files: Vec<PathBuf>, job: &Job<'_>) -> Result<Training> {
    let usage = |what| Err(FetchError::Usage(what));
    let form = match train {
        TrainingSet::Labelled => match files.first() {
            None => return Ok(Training::None),
            Some(file) => {
                return usage(format!(
                    "--from {}: expected a file named {} or {}; for another training set, name \
                     it with --train",
                    file.display(),
                    job.manifest.data(LABELLED)?.file,
                    job.manifest.data(SPLITS)?.file
                ));
            }
        },
        TrainingSet::Fastdepth if !files.is_empty() => return Ok(Training::Given(files)),
        TrainingSet::Fastdepth => {
            let entry = job.manifest.data(FASTDEPTH)?;
            let mut shards = shards::list(entry, &job.downloads.join(FASTDEPTH), job)?;
            let converted = Converted::in_folder(&job.out);
            shards.retain(|shard| !converted.has(&shard.name));
            return Ok(Training::Shards(shards));
        }
        TrainingSet::Bts => "nyu-bts",
        TrainingSet::Mff => "nyu-mff",
    };
    match <[PathBuf; 1]>::try_from(files) {
        Ok([archive]) => Ok(Training::Archive { archive, form }),
        Err(files) if files.is_empty() => Err(no_archive(form, job.manifest.data(form)?, job)),
        Err(files) => usage(format!(
            "--from: expected one archive, found {}",
            files.len()
        )),
    }
}

/// Instructions for an archive that no program may download.
fn no_archive(name: &str, entry: &ManifestEntry, job: &Job<'_>) -> FetchError {
    let how = match &entry.source {
        Source::Manual(how) => how,
        _ => "download it by hand",
    };
    FetchError::Absent(format!(
        "{name} ({}) cannot be downloaded by a program: {how} (see {}), then run `{} nyu --train {} --from FILE`",
        entry.summary,
        entry.page,
        job.front.commands().data,
        name.trim_start_matches("nyu-")
    ))
}

fn is_called(file: &Path, name: &str) -> bool {
    file.file_name().is_some_and(|found| found == name)
}
