//! NYU Depth V2: the labelled pairs and the official split, and one of the larger training sets.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use indicatif::DecimalBytes;

use super::shards::{self, Done, Shard};
use super::{Bill, Options, place};
use crate::fetch::manifest::{Entry, Manifest, Source};
use crate::fetch::{Connection, Place, partial};
use crate::mde::Mde;

/// What of NYU Depth V2 to fetch.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What networks are trained on. The labelled pairs come with each of them: the test images are among them.
    #[arg(long, value_enum, default_value_t = Train::Labelled)]
    train: Train,
    /// Files downloaded by hand: nyu_depth_v2_labeled.mat, splits.mat, shards (.tar), or the archive of --train bts or mff.
    /// They stay where they are.
    #[arg(long, value_name = "FILE")]
    from: Vec<PathBuf>,
    /// Keep shards after they are converted.
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    pub(super) options: Options,
}

/// Training sets of NYU Depth V2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Train {
    /// The 795 labelled pairs of the official split.
    Labelled,
    /// FastDepth's 47,584 pairs, from the Hugging Face hub.
    Fastdepth,
    /// BTS's 24,231 pairs, from an archive downloaded by hand.
    Bts,
    /// The paper's and MFF's 50,688 pairs, from an archive downloaded by hand.
    Mff,
}

impl Args {
    pub(super) fn by_default(options: Options) -> Self {
        Self {
            train: Train::Labelled,
            from: Vec::new(),
            keep: false,
            options,
        }
    }
}

/// The manifest's names.
const LABELLED: &str = "nyu-labelled";
const SPLITS: &str = "nyu-splits";
const FASTDEPTH: &str = "nyu-fastdepth";

/// A list that `mde convert nyu-labelled` writes.
const TEST_LIST: &str = "nyuv2_test.csv";
/// There while the labelled pairs are converted: lists alone do not say that the folder is complete.
const UNFINISHED: &str = ".nyu-labelled.incomplete";

/// Whether a folder holds labelled pairs that were not converted to the end.
pub(crate) fn is_unfinished(folder: &Path) -> bool {
    folder.join(UNFINISHED).exists()
}

/// Whether the labelled pairs are in a folder.
fn is_converted(folder: &Path) -> bool {
    folder.join(TEST_LIST).is_file() && !is_unfinished(folder)
}

/// NYU Depth V2, with all that is known before it is fetched.
pub(crate) struct Job {
    out: PathBuf,
    downloads: PathBuf,
    manifest: Manifest,
    connection: Connection,
    keep: bool,
    /// Files downloaded by hand.
    given: Vec<PathBuf>,
    /// Whether the labelled pairs are to be fetched and converted, as far as they are not.
    labelled: bool,
    training: Training,
}

/// The training set beside the labelled pairs.
enum Training {
    None,
    /// Shards that are not yet converted.
    Shards(Vec<Shard>),
    /// Shards downloaded by hand, which no list is needed for.
    Given(Vec<PathBuf>),
    Archive {
        file: PathBuf,
        /// The manifest's names of the archive and of the list of its pairs.
        names: [&'static str; 2],
        /// The form of `mde convert`.
        form: &'static str,
    },
}

impl Job {
    /// Finds out what is missing.
    pub(super) fn prepare(args: Args) -> anyhow::Result<Self> {
        let Args {
            train,
            mut from,
            keep,
            options,
        } = args;
        for file in &from {
            ensure!(file.is_file(), "--from {}: no such file", file.display());
        }
        let manifest = options.manifest()?;
        let (out, downloads) = (options.out("nyu"), options.downloads());
        let own = [manifest.data(LABELLED)?, manifest.data(SPLITS)?];
        let is_own = |file: &mut PathBuf| own.iter().any(|entry| is_called(file, &entry.file));
        let given: Vec<PathBuf> = from.extract_if(.., |file| is_own(file)).collect();
        let mat = place(&manifest, LABELLED, &downloads, "nyu")?;
        let labelled = !given.is_empty() || mat.target.is_file() || !out.join(TEST_LIST).is_file();
        let training = training(
            train,
            from,
            &manifest,
            &out,
            &downloads,
            &options.connection,
        )?;
        Ok(Self {
            out,
            downloads,
            connection: options.connection,
            keep,
            given,
            labelled,
            training,
            manifest,
        })
    }

    pub(super) fn bill(&self) -> Bill {
        let mut bill = Bill::default();
        if self.labelled {
            for name in [LABELLED, SPLITS] {
                self.add(&mut bill, name);
            }
        }
        match &self.training {
            Training::None | Training::Given(_) => {}
            Training::Shards(shards) => self.add_shards(&mut bill, shards),
            Training::Archive { names, .. } => self.add(&mut bill, names[1]),
        }
        if bill.lines.is_empty() {
            bill.lines
                .push("NYU Depth V2: everything is here".to_owned());
        }
        bill
    }

    /// Adds an entry that is not given: what has yet to come, and what it becomes.
    fn add(&self, bill: &mut Bill, name: &str) {
        let Ok(place) = place(&self.manifest, name, &self.downloads, "nyu") else {
            return;
        };
        let entry = place.entry;
        if !is_converted(&self.out) {
            bill.disk += entry.converted.unwrap_or(0);
        }
        if self.given(&entry.file).is_some() || place.target.is_file() {
            bill.lines.push(format!("{name}: is here"));
            return;
        }
        let bytes = place.missing();
        bill.download += bytes;
        bill.disk += bytes;
        bill.unknown += usize::from(bytes == 0);
        let size = match (bytes, entry.size) {
            (0, _) => "an unknown number of bytes".to_owned(),
            (_, Some(_)) => DecimalBytes(bytes).to_string(),
            (_, None) => format!("about {}", DecimalBytes(bytes)),
        };
        bill.lines.push(format!(
            "{name}: {size} to download; {} ({}; licence: {})",
            entry.summary, entry.page, entry.licence
        ));
    }

    fn add_shards(&self, bill: &mut Bill, shards: &[Shard]) {
        let (mut download, mut all, mut largest) = (0, 0, 0);
        for shard in shards {
            download += self.shard_place(shard).missing();
            all += shard.entry.bytes();
            largest = largest.max(shard.entry.bytes());
        }
        // What the pictures take once converted is known of the whole set: as much of it as there are bytes to come.
        let whole = self.manifest.data(FASTDEPTH);
        let converted = whole.map_or(0, |whole| {
            let part = all as f64 / whole.bytes().max(1) as f64;
            (whole.converted.unwrap_or(0) as f64 * part.min(1.0)) as u64
        });
        bill.download += download;
        bill.disk += converted + if self.keep { download } else { largest };
        bill.lines.push(format!(
            "{FASTDEPTH}: {} shards to convert, {} to download, about {} to keep{}",
            shards.len(),
            DecimalBytes(download),
            DecimalBytes(converted),
            if self.keep { ", and the shards" } else { "" }
        ));
    }

    /// Fetches and converts.
    pub(super) fn run(self, mde: &Mde) -> anyhow::Result<()> {
        let out = self.out.display().to_string();
        if self.labelled {
            self.convert_labelled(mde, &out)?;
        }
        match &self.training {
            Training::None => Ok(()),
            Training::Shards(shards) => self.convert_shards(shards, mde),
            Training::Given(files) => {
                for file in files {
                    self.convert_shard(file, mde)?;
                }
                Ok(())
            }
            Training::Archive { file, names, form } => {
                self.check_given(names[0], file)?;
                let list = self.bring(names[1])?.display().to_string();
                let file = file.display().to_string();
                mde.run([
                    "convert",
                    form,
                    "--archive",
                    &file,
                    "--out",
                    &out,
                    "--list",
                    &list,
                ])
            }
        }
    }

    fn convert_labelled(&self, mde: &Mde, out: &str) -> anyhow::Result<()> {
        let [mat, splits] = [self.bring(LABELLED)?, self.bring(SPLITS)?];
        let [mat, splits] = [&mat, &splits].map(|path| path.display().to_string());
        let unfinished = self.out.join(UNFINISHED);
        let failed = || format!("cannot write {}", unfinished.display());
        fs::write(&unfinished, "").with_context(failed)?;
        mde.run([
            "convert",
            "nyu-labelled",
            "--mat",
            &mat,
            "--splits",
            &splits,
            "--out",
            out,
        ])?;
        fs::remove_file(&unfinished).with_context(failed)?;
        eprintln!("{mat} is converted: remove it if you want its room");
        Ok(())
    }

    fn convert_shards(&self, shards: &[Shard], mde: &Mde) -> anyhow::Result<()> {
        for (number, shard) in shards.iter().enumerate() {
            eprintln!("shard {} of {}: {}", number + 1, shards.len(), shard.name);
            let place = self.shard_place(shard);
            place.fetch(None, &self.connection)?;
            self.convert_shard(&place.target, mde)?;
            if !self.keep {
                fs::remove_file(&place.target)
                    .with_context(|| format!("cannot remove {}", place.target.display()))?;
            }
        }
        Ok(())
    }

    fn convert_shard(&self, file: &Path, mde: &Mde) -> anyhow::Result<()> {
        let [shard, out] = [file, &self.out].map(|path| path.display().to_string());
        mde.run(["convert", "nyu-fastdepth", "--shard", &shard, "--out", &out])?;
        let name = file.file_name().unwrap_or_default();
        Done::of(&self.out).note(&name.to_string_lossy())
    }

    fn shard_place<'a>(&self, shard: &'a Shard) -> Place<'a> {
        Place {
            name: &shard.name,
            entry: &shard.entry,
            target: self.downloads.join(FASTDEPTH).join(&shard.name),
            by_hand: "cargo xtask fetch-data nyu --train fastdepth --from FILE".to_owned(),
        }
    }

    /// The file of an entry: the one that is given, else fetched.
    fn bring(&self, name: &str) -> anyhow::Result<PathBuf> {
        let place = place(&self.manifest, name, &self.downloads, "nyu")?;
        if let Some(given) = self.given(&place.entry.file) {
            self.check_given(name, given)?;
            return Ok(given.to_owned());
        }
        place
            .fetch(None, &self.connection)
            .with_context(|| name.to_owned())?;
        Ok(place.target)
    }

    fn given(&self, name: &str) -> Option<&Path> {
        let given = self.given.iter().find(|file| is_called(file, name));
        given.map(PathBuf::as_path)
    }

    /// Compares a given file with what the manifest knows of it.
    fn check_given(&self, name: &str, file: &Path) -> anyhow::Result<()> {
        let expected = place(&self.manifest, name, &self.downloads, "nyu")?.expected();
        if expected.size.is_some() || expected.sha256.is_some() {
            partial::check(file, &expected)
                .with_context(|| format!("cannot take {}", file.display()))?;
        }
        Ok(())
    }
}

/// What there is to do for a training set; `files` are those given that are not the labelled pairs'.
fn training(
    train: Train,
    files: Vec<PathBuf>,
    manifest: &Manifest,
    out: &Path,
    downloads: &Path,
    connection: &Connection,
) -> anyhow::Result<Training> {
    let (names, form) = match train {
        Train::Labelled => {
            ensure!(
                files.is_empty(),
                "--from {}: it should be called {} or {}; for another training set say which with --train",
                files[0].display(),
                manifest.data(LABELLED)?.file,
                manifest.data(SPLITS)?.file
            );
            return Ok(Training::None);
        }
        Train::Fastdepth if !files.is_empty() => return Ok(Training::Given(files)),
        Train::Fastdepth => {
            let entry = manifest.data(FASTDEPTH)?;
            let mut shards = shards::list(entry, &downloads.join(FASTDEPTH), connection)?;
            let done = Done::of(out);
            shards.retain(|shard| !done.has(&shard.name));
            return Ok(Training::Shards(shards));
        }
        Train::Bts => (["nyu-bts", "nyu-bts-train"], "nyu-bts"),
        Train::Mff => (["nyu-mff", "nyu-mff-train"], "nyu-mff"),
    };
    match <[PathBuf; 1]>::try_from(files) {
        Ok([file]) => Ok(Training::Archive { file, names, form }),
        Err(files) if files.is_empty() => bail!(no_archive(names[0], manifest.data(names[0])?)),
        Err(files) => bail!(
            "--from: one archive is needed, and {} are given",
            files.len()
        ),
    }
}

/// What to do for an archive that no program may fetch.
fn no_archive(name: &str, entry: &Entry) -> String {
    let how = match &entry.source {
        Source::Manual(how) => how,
        _ => "download it by hand",
    };
    let train = name.trim_start_matches("nyu-");
    format!(
        "{name} ({}) is not to be had by a program: {how} (see {}), then: cargo xtask fetch-data nyu --train {train} --from FILE",
        entry.summary, entry.page
    )
}

fn is_called(file: &Path, name: &str) -> bool {
    file.file_name().is_some_and(|found| found == name)
}
