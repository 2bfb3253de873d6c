//! KITTI: the files that the lists of the Eigen split name, taken out of the archives on their server.
//!
//! `lists` reads what is wanted, `archive` opens an archive wherever it is, `remote_zip` reads one that stays on its server,
//! `members` finds and takes out what is wanted.

mod archive;
mod lists;
mod members;
mod progress;
mod remote_zip;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail, ensure};
use indicatif::DecimalBytes;

use self::archive::{Archive, OpenZip, Readable};
use self::lists::Wanted;
use self::members::Plan;
use self::progress::Progress;
use super::{Bill, Options, place};
use crate::fetch::manifest::{Entry, Manifest, Source};
use crate::fetch::{Connection, Place};

/// What of KITTI to fetch.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A folder with archives downloaded by hand (DRIVE_sync.zip, data_depth_annotated.zip) and lists; what it lacks is
    /// downloaded.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    #[command(flatten)]
    pub(super) options: Options,
}

impl Args {
    pub(super) fn by_default(options: Options) -> Self {
        Self {
            from: None,
            options,
        }
    }
}

/// The manifest's names of the lists of the Eigen split.
const LISTS: [&str; 2] = ["kitti-eigen-train", "kitti-eigen-test"];

/// KITTI, with all that is known before its files are fetched.
pub(crate) struct Job {
    out: PathBuf,
    connection: Connection,
    /// Lists as they were fetched, to be put beside the data in the end.
    lists: Vec<PathBuf>,
    drives: Vec<Drive>,
    manifest: Manifest,
    /// For messages.
    progress: Progress,
}

/// An archive and what is wanted of it.
struct Drive {
    /// The manifest's entry that it belongs to.
    entry: &'static str,
    archive: Archive,
    wanted: BTreeSet<String>,
    todo: Todo,
}

/// What there is to do with an archive.
enum Todo {
    /// These members are known to be in it.
    Members(Plan),
    /// It has to come whole before more is known; bytes, if the server says how many.
    Whole(Option<u64>),
}

impl Job {
    /// Fetches the lists and the archives' directories, and finds out what is missing.
    pub(super) fn prepare(args: Args) -> anyhow::Result<Self> {
        let Args { from, options } = args;
        if let Some(from) = &from {
            ensure!(from.is_dir(), "--from {}: no such folder", from.display());
        }
        let (out, downloads) = (options.out("kitti"), options.downloads());
        let manifest = options.manifest()?;
        let mut wanted = Wanted::default();
        let mut lists = Vec::new();
        for name in LISTS {
            let list = place(&manifest, name, &downloads, "kitti")?;
            bring_list(&list, from.as_deref(), &options.connection)?;
            wanted.read(&list.target)?;
            lists.push(list.target);
        }
        let drives = drives(&manifest, wanted, from.as_deref(), &downloads)?;
        let mut job = Self {
            out,
            connection: options.connection,
            lists,
            drives,
            manifest,
            progress: Progress::hidden(),
        };
        job.plan()?;
        Ok(job)
    }

    /// Looks into every archive.
    fn plan(&mut self) -> anyhow::Result<()> {
        eprintln!(
            "KITTI: looking into {} archives, of which only the directories are read now",
            self.drives.len()
        );
        let progress = Progress::reading(self.drives.len());
        let mut drives = std::mem::take(&mut self.drives);
        for drive in &mut drives {
            progress.next(&drive.archive.name);
            drive.todo = self
                .todo(drive, &progress)
                .map_err(|error| self.advise(drive, &error))?;
        }
        self.drives = drives;
        Ok(())
    }

    fn todo(&self, drive: &Drive, progress: &Progress) -> anyhow::Result<Todo> {
        let observe = || progress.observer(&drive.archive.name);
        let mut readable = drive.archive.open(&self.connection, observe())?;
        if let Readable::Zip(open) = &readable {
            let plan = self.members(drive, open)?;
            if plan.members.is_empty() || open.parts {
                return Ok(Todo::Members(plan));
            }
            // The directory is kept from a file that is gone: only the server knows whether parts can be had.
            readable = drive.archive.open_remote(&self.connection, observe())?;
        }
        Ok(match readable {
            Readable::Zip(open) => Todo::Members(self.members(drive, &open)?),
            Readable::OnlyWhole(size) => Todo::Whole(size),
        })
    }

    fn members(&self, drive: &Drive, open: &OpenZip) -> anyhow::Result<Plan> {
        let place = if drive.entry == DEPTH {
            depth_place
        } else {
            image_place
        };
        Plan::of(&open.zip, &drive.wanted, &self.out, place)
    }

    fn advise(&self, drive: &Drive, error: &anyhow::Error) -> anyhow::Error {
        let page = self.manifest.data(drive.entry);
        let page = page.map_or("", |entry| entry.page.as_str());
        anyhow!(
            "{}: {error:#}; if it can be had elsewhere (see {page}), give its folder with --from DIR",
            drive.archive.name
        )
    }

    pub(super) fn bill(&self) -> Bill {
        let mut bill = Bill::default();
        let (mut here, mut new, mut largest_whole) = (0, 0, 0);
        let mut whole = 0;
        for drive in &self.drives {
            match &drive.todo {
                Todo::Members(plan) => {
                    here += plan.present;
                    new += plan.members.len();
                    bill.disk += plan.size();
                    if drive.archive.local().is_none() {
                        bill.download += plan.fetched();
                    }
                    bill.lines.extend(lacks(&drive.archive, plan));
                }
                Todo::Whole(size) => {
                    whole += 1;
                    bill.unknown += usize::from(size.is_none());
                    let size = size.unwrap_or_else(|| self.about(drive.entry));
                    bill.download += size;
                    // What is taken out of an archive of pictures is no larger than the archive.
                    bill.disk += size;
                    largest_whole = largest_whole.max(size);
                }
            }
        }
        bill.disk += largest_whole;
        bill.lines.push(format!(
            "KITTI, Eigen split: {here} files are here, {new} are missing; {} to download, {} to keep in {}",
            DecimalBytes(bill.download),
            DecimalBytes(bill.disk - largest_whole),
            self.out.display()
        ));
        if whole > 0 {
            bill.lines.push(format!(
                "of {whole} archives the server sends all or nothing: they are downloaded whole, one at a time, and deleted \
                 when what is wanted is out of them"
            ));
        }
        bill.lines.extend(self.licence());
        bill
    }

    fn licence(&self) -> Option<String> {
        let entry = self.manifest.data(RAW).ok()?;
        Some(format!("licence: {} ({})", entry.licence, entry.page))
    }

    fn about(&self, entry: &str) -> u64 {
        self.manifest.data(entry).map_or(0, Entry::bytes)
    }

    /// Fetches archive by archive, then puts the lists where `mde` looks for them: a folder with lists is complete.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        self.progress = Progress::fetching(self.bill().download, self.drives.len());
        let mut wrong = Vec::new();
        for drive in &self.drives {
            self.progress.next(&drive.archive.name);
            wrong.extend(self.fetch(drive).map_err(|error| {
                anyhow!(
                    "{}: {error:#}; run the same again to go on from here",
                    drive.archive.name
                )
            })?);
        }
        self.progress.end();
        if !wrong.is_empty() {
            bail!(
                "KITTI is not complete, everything else is here:\n{}",
                wrong.join("\n")
            );
        }
        for list in &self.lists {
            publish(list, &self.out)?;
        }
        Ok(())
    }

    /// Brings what is wanted of one archive, and says what could not be had.
    fn fetch(&self, drive: &Drive) -> anyhow::Result<Vec<String>> {
        let archive = &drive.archive;
        match &drive.todo {
            Todo::Members(plan) if plan.members.is_empty() => {
                return Ok(lacks(archive, plan).into_iter().collect());
            }
            Todo::Members(_) => {}
            Todo::Whole(size) => self.download_whole(drive, *size)?,
        }
        let observe = self.progress.observer(&archive.name);
        let Readable::Zip(mut open) = archive.open(&self.connection, observe)? else {
            bail!("its server no longer sends parts");
        };
        let plan = self.members(drive, &open)?;
        if let Some(remote) = &open.remote {
            remote.plan(plan.spans());
        }
        let damaged = plan.extract(&mut open.zip, &self.out)?;
        self.progress
            .done(&archive.name, plan.members.len() - damaged.len());
        let mut wrong: Vec<String> = lacks(archive, &plan).into_iter().collect();
        if !damaged.is_empty() {
            wrong.push(archive.damaged(&damaged));
        }
        // If something in it is damaged, another download is needed.
        archive.discard()?;
        Ok(wrong)
    }

    fn download_whole(&self, drive: &Drive, size: Option<u64>) -> anyhow::Result<()> {
        let archive = &drive.archive;
        let entry = Entry {
            source: Source::Url(archive.url.clone()),
            size,
            sha256: None,
            ..self.manifest.data(drive.entry)?.clone()
        };
        let place = Place {
            name: &archive.name,
            entry: &entry,
            target: archive.whole.clone(),
            by_hand: "cargo xtask fetch-data kitti --from DIR".to_owned(),
        };
        place.fetch(None, &self.connection)?;
        self.progress.came(size.unwrap_or(0));
        Ok(())
    }
}

/// The manifest's names of the archives.
const RAW: &str = "kitti-raw";
const DEPTH: &str = "kitti-depth";

/// The archives that hold what is wanted.
fn drives(
    manifest: &Manifest,
    wanted: Wanted,
    from: Option<&Path>,
    downloads: &Path,
) -> anyhow::Result<Vec<Drive>> {
    let raw = url(manifest, RAW)?;
    let depth = manifest.data(DEPTH)?;
    let archives = wanted.images.into_iter().map(|(drive, images)| {
        // The address names the drive with and without the ending.
        let url = raw.replace("DRIVE", drive.strip_suffix("_sync").unwrap_or(&drive));
        (RAW, format!("{drive}.zip"), url, images)
    });
    let depth = (
        DEPTH,
        depth.file.clone(),
        url(manifest, DEPTH)?,
        wanted.depth,
    );
    let all = archives.chain([depth]);
    Ok(all
        .filter(|(.., wanted)| !wanted.is_empty())
        .map(|(entry, name, url, wanted)| Drive {
            entry,
            archive: Archive {
                given: from.and_then(|from| given(from, &name)),
                whole: downloads.join(entry).join(&name),
                directory: downloads
                    .join(entry)
                    .join(Path::new(&name).with_extension("directory")),
                name,
                url,
            },
            wanted,
            todo: Todo::Whole(None),
        })
        .collect())
}

fn url(manifest: &Manifest, name: &str) -> anyhow::Result<String> {
    match &manifest.data(name)?.source {
        Source::Url(url) => Ok(url.clone()),
        _ => bail!("the manifest's data.{name} needs a url"),
    }
}

/// An archive in a folder as it was downloaded, or below the folder of its drive as the server has it.
fn given(from: &Path, name: &str) -> Option<PathBuf> {
    let drive = name.strip_suffix("_sync.zip").unwrap_or(name);
    let places = [from.join(name), from.join(drive).join(name)];
    places.into_iter().find(|path| path.is_file())
}

/// Where a colour image belongs: as it is named.
fn image_place(name: &str) -> Option<(String, PathBuf)> {
    Some((name.to_owned(), PathBuf::from(name)))
}

/// Where a depth map belongs: below `train` or `val` as in the archive, which the lists leave out.
fn depth_place(name: &str) -> Option<(String, PathBuf)> {
    ["train/", "val/"].iter().find_map(|split| {
        let (before, undated) = name.split_once(split)?;
        let top = before.is_empty() || before.ends_with('/');
        let target = Path::new("data_depth_annotated").join(split).join(undated);
        top.then(|| (undated.to_owned(), target))
    })
}

/// What an archive lacks, if it does.
fn lacks(archive: &Archive, plan: &Plan) -> Option<String> {
    let first = plan.missing.first()?;
    Some(format!(
        "{}: {} listed files are not in it, {first} first",
        archive.name,
        plan.missing.len()
    ))
}

fn bring_list(
    list: &Place<'_>,
    from: Option<&Path>,
    connection: &Connection,
) -> anyhow::Result<()> {
    let given = from.map(|from| from.join(&list.entry.file));
    let given = given.filter(|path| path.is_file());
    list.fetch(given.as_deref(), connection)
        .with_context(|| format!("the list {} is needed", list.name))
}

/// Puts a list beside the data.
fn publish(list: &Path, out: &Path) -> anyhow::Result<()> {
    let name = list.file_name().context("a list without a name")?;
    let aside = out.join(format!("{}.incomplete", name.to_string_lossy()));
    fs::copy(list, &aside)
        .and_then(|_| fs::rename(&aside, out.join(name)))
        .with_context(|| format!("cannot write {}", out.join(name).display()))
}
