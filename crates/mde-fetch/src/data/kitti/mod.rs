//! KITTI: the files that the lists of the Eigen split name, extracted from the archives on their
//! server.
//!
//! `lists` reads the requested names, `archive` opens an archive, `remote_zip` reads one that stays
//! on its server, `members` finds and extracts the requested files.

mod archive;
mod lists;
mod members;
mod remote_zip;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use mde_files::write_atomic;

use self::archive::{Archive, OpenZip, Readable};
use self::lists::Wanted;
use self::members::Plan;
use super::options::{DataOptions, Job};
use crate::bill::Bill;
use crate::entry_file::EntryFile;
use crate::error::{FetchError, Result, io};
use crate::front::{Event, Front, remark};
use crate::home::Home;
use crate::manifest::{Manifest, ManifestEntry, Source};
use crate::text::{bytes, counted};

/// The parts of KITTI to fetch.
#[derive(Debug, Clone, Default)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct KittiOptions {
    /// Folder with manually downloaded archives (DRIVE_sync.zip, data_depth_annotated.zip) and
    /// lists; missing ones are downloaded.
    #[cfg_attr(feature = "cli", arg(long, value_name = "DIR"))]
    pub from: Option<PathBuf>,
    /// Options of all data sets.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub shared: DataOptions,
}

/// The manifest's names of the lists of the Eigen split.
const LISTS: [&str; 2] = ["kitti-eigen-train", "kitti-eigen-test"];

/// The plan for KITTI: everything that is known before its files are fetched.
pub(super) struct Kitti<'a> {
    job: Job<'a>,
    /// Lists in the folder of downloads, moved next to the data at the end.
    lists: Vec<PathBuf>,
    drives: Vec<Drive>,
}

/// An archive and its requested files.
struct Drive {
    /// The manifest's entry that it belongs to.
    entry: &'static str,
    archive: Archive,
    wanted: BTreeSet<String>,
    todo: Todo,
}

/// The work for an archive.
enum Todo {
    /// Extract these members.
    Members(Plan),
    /// Download it whole before its members are known; its size in bytes, if the server states it.
    Whole(Option<u64>),
}

impl<'a> Kitti<'a> {
    /// Fetches the lists and the archives' directories, and finds what is missing. `tell`: whether
    /// to show that.
    pub(super) fn plan(
        options: &KittiOptions,
        home: &Home,
        front: &'a dyn Front,
        tell: bool,
    ) -> Result<Self> {
        let from = options.from.as_deref();
        if let Some(from) = from.filter(|from| !from.is_dir()) {
            let what = format!("--from {}: no such folder", from.display());
            return Err(FetchError::Usage(what));
        }
        let job = Job::new("kitti", &options.shared, home, front)?;
        let mut wanted = Wanted::default();
        let mut lists = Vec::new();
        for name in LISTS {
            let list = job.file(name)?;
            let given = from.map(|from| from.join(&list.entry.file));
            let given = given.filter(|path| path.is_file());
            list.fetch(given.as_deref(), &job.connection, front)
                .map_err(|error| error.of(format!("cannot get the list {name}")))?;
            wanted.read(&list.target)?;
            lists.push(list.target);
        }
        let drives = drives(&job.manifest, wanted, from, &job.downloads)?;
        let mut kitti = Self { job, lists, drives };
        kitti.read_directories(tell)?;
        Ok(kitti)
    }

    fn read_directories(&mut self, tell: bool) -> Result<()> {
        let (front, count) = (self.job.front, self.drives.len());
        if tell {
            let archives = counted(count, "archive");
            remark(
                front,
                format!("KITTI: reading the directories of {archives}"),
            );
        }
        let bytes = None;
        front.show(&Event::Archives { count, bytes });
        let mut drives = std::mem::take(&mut self.drives);
        for (index, drive) in drives.iter_mut().enumerate() {
            let (number, name) = (index + 1, drive.archive.name.as_str());
            front.show(&Event::Archive { number, name });
            drive.todo = self
                .todo(drive)
                .map_err(|error| self.advise(drive, error))?;
        }
        front.show(&Event::ArchivesEnd);
        self.drives = drives;
        Ok(())
    }

    fn todo(&self, drive: &Drive) -> Result<Todo> {
        let (archive, connection) = (&drive.archive, &self.job.connection);
        let mut readable = archive.open(connection, self.job.front)?;
        if let Readable::Zip(open) = &readable {
            let plan = self.members(drive, open)?;
            if plan.members.is_empty() || open.parts {
                return Ok(Todo::Members(plan));
            }
            // The cached directory is of a deleted file: only the server knows whether it sends
            // parts.
            readable = archive.open_remote(connection, self.job.front)?;
        }
        Ok(match readable {
            Readable::Zip(open) => Todo::Members(self.members(drive, &open)?),
            Readable::OnlyWhole(size) => Todo::Whole(size),
        })
    }

    fn members(&self, drive: &Drive, open: &OpenZip<'_>) -> Result<Plan> {
        let place = if drive.entry == DEPTH {
            depth_place
        } else {
            image_place
        };
        Plan::new(&open.zip, &drive.wanted, &self.job.out, place)
            .map_err(|reason| FetchError::contents(&drive.archive.name, reason))
    }

    fn advise(&self, drive: &Drive, error: FetchError) -> FetchError {
        let page = self.job.manifest.data(drive.entry);
        let page = page.map_or("", |entry| entry.page.as_str());
        error.of(&drive.archive.name).advise(format!(
            "if it is available elsewhere (see {page}), give its folder with --from DIR"
        ))
    }

    pub(super) fn bill(&self) -> Bill {
        let mut bill = self.job.bill();
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
                    let about = self
                        .job
                        .manifest
                        .data(drive.entry)
                        .map(ManifestEntry::bytes);
                    let size = size.unwrap_or_else(|| about.unwrap_or(0));
                    bill.download += size;
                    // Files extracted from an archive of images are not larger than the archive.
                    bill.disk += size;
                    largest_whole = largest_whole.max(size);
                }
            }
        }
        bill.lines.push(format!(
            "KITTI, Eigen split: {} here, {new} missing; {} to download, {} to keep in {}",
            counted(here, "file"),
            bytes(bill.download),
            bytes(bill.disk),
            self.job.out.display()
        ));
        bill.disk += largest_whole;
        if whole > 0 {
            bill.lines.push(format!(
                "{} can only be downloaded whole: one at a time, and deleted after extraction",
                counted(whole, "archive")
            ));
        }
        if let Ok(entry) = self.job.manifest.data(RAW) {
            let line = format!("licence: {} ({})", entry.licence, entry.page);
            bill.lines.push(line);
        }
        bill
    }

    /// Fetches archive by archive, then moves the lists to where `mde` looks for them: a folder
    /// with lists is complete.
    pub(super) fn fetch(self) -> Result<()> {
        let (front, count) = (self.job.front, self.drives.len());
        let bytes = Some(self.bill().download);
        front.show(&Event::Archives { count, bytes });
        let mut wrong = Vec::new();
        for (index, drive) in self.drives.iter().enumerate() {
            let (number, name) = (index + 1, drive.archive.name.as_str());
            front.show(&Event::Archive { number, name });
            wrong.extend(self.fetch_archive(drive).map_err(|error| {
                match error {
                    FetchError::Changed { .. } => error.of(name),
                    error => error
                        .of(name)
                        .advise("run the same command again to resume"),
                }
            })?);
        }
        front.show(&Event::ArchivesEnd);
        if !wrong.is_empty() {
            let name = "KITTI";
            return Err(FetchError::Incomplete { name, wrong });
        }
        for list in &self.lists {
            publish(list, &self.job.out)?;
        }
        Ok(())
    }

    /// Fetches the requested files of one archive, and returns the failures.
    fn fetch_archive(&self, drive: &Drive) -> Result<Vec<String>> {
        let (archive, front) = (&drive.archive, self.job.front);
        match &drive.todo {
            Todo::Members(plan) if plan.members.is_empty() => {
                return Ok(lacks(archive, plan).into_iter().collect());
            }
            Todo::Members(_) => {}
            Todo::Whole(size) => self.download_whole(drive, *size)?,
        }
        let Readable::Zip(mut open) = archive.open(&self.job.connection, front)? else {
            let what = "its server no longer sends parts".to_owned();
            return Err(FetchError::Request(what));
        };
        let plan = self.members(drive, &open)?;
        if let Some(remote) = &open.remote {
            remote.plan(plan.spans());
        }
        let damaged = plan.extract(&mut open.zip, &self.job.out)?;
        front.show(&Event::ArchiveDone {
            name: &archive.name,
            files: plan.members.len() - damaged.len(),
        });
        let mut wrong: Vec<String> = lacks(archive, &plan).into_iter().collect();
        if !damaged.is_empty() {
            wrong.push(archive.damaged(&damaged));
        }
        // If something in it is damaged, another download is needed.
        archive.discard()?;
        Ok(wrong)
    }

    fn download_whole(&self, drive: &Drive, size: Option<u64>) -> Result<()> {
        let archive = &drive.archive;
        let entry = ManifestEntry {
            source: Source::Url(archive.url.clone()),
            size,
            sha256: None,
            ..self.job.manifest.data(drive.entry)?.clone()
        };
        let file = EntryFile {
            name: archive.name.clone(),
            entry,
            target: archive.whole.clone(),
            by_hand: self.job.by_hand("DIR"),
        };
        file.fetch(None, &self.job.connection, self.job.front)?;
        self.job.front.show(&Event::Bytes(size.unwrap_or(0)));
        Ok(())
    }
}

/// The manifest's names of the archives.
const RAW: &str = "kitti-raw";
const DEPTH: &str = "kitti-depth";

/// The archives that hold the requested files.
fn drives(
    manifest: &Manifest,
    wanted: Wanted,
    from: Option<&Path>,
    downloads: &Path,
) -> Result<Vec<Drive>> {
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

fn url(manifest: &Manifest, name: &str) -> Result<String> {
    match &manifest.data(name)?.source {
        Source::Url(url) => Ok(url.clone()),
        _ => Err(FetchError::Usage(format!(
            "the manifest's data.{name} needs a url"
        ))),
    }
}

/// An archive in a folder, or in a subfolder named by its drive as on the server.
fn given(from: &Path, name: &str) -> Option<PathBuf> {
    let drive = name.strip_suffix("_sync.zip").unwrap_or(name);
    let places = [from.join(name), from.join(drive).join(name)];
    places.into_iter().find(|path| path.is_file())
}

/// The path of a colour image: its name.
fn image_place(name: &str) -> Option<(String, PathBuf)> {
    Some((name.to_owned(), PathBuf::from(name)))
}

/// The path of a depth map: below `train` or `val` as in the archive, which the lists leave out.
fn depth_place(name: &str) -> Option<(String, PathBuf)> {
    ["train/", "val/"].iter().find_map(|split| {
        let (before, undated) = name.split_once(split)?;
        let top = before.is_empty() || before.ends_with('/');
        let target = Path::new("data_depth_annotated").join(split).join(undated);
        top.then(|| (undated.to_owned(), target))
    })
}

/// The requested files that an archive lacks, if any.
fn lacks(archive: &Archive, plan: &Plan) -> Option<String> {
    let first = plan.missing.first()?;
    Some(format!(
        "{}: lacks {}; the first is {first}",
        archive.name,
        counted(plan.missing.len(), "listed file")
    ))
}

/// Moves a list next to the data.
fn publish(list: &Path, out: &Path) -> Result<()> {
    let target = out.join(list.file_name().unwrap_or_default());
    let content = fs::read(list).map_err(io("read", list))?;
    write_atomic(&target, &content).map_err(io("write", &target))
}
