//! Looks at a whole data set and tells everything that is wrong with it, where opening it stops at the first fault.
//!
//! `listing` finds the pairs, `image` looks into one file, `depth` adds up depths, `judge` compares pairs with each other, `hashes` compares
//! files with recorded hashes.

mod depth;
mod hashes;
mod image;
mod judge;
mod listing;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;

pub use self::depth::DepthSummary;
use self::depth::Depths;
use self::image::{DepthFacts, RgbFacts};
use self::judge::Looked;
use self::listing::{Listed, Listing};
use crate::{DataSpec, DatasetError, DepthEncoding, Split};

/// What to look at.
#[derive(Debug, Clone, Default)]
pub struct InspectOptions {
    /// One split alone; both if None, of which one may be absent.
    pub split: Option<Split>,
    /// Decode every image; otherwise headers and completeness are all that is looked at.
    pub decode: bool,
    /// How depth is stored, if not as the data set says.
    pub encoding: Option<DepthEncoding>,
    /// Recorded BLAKE3 hashes, lines `HASH  path` as `b3sum` writes them, paths relative to the data folder.
    pub hashes: Option<PathBuf>,
}

/// What happens during an inspection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum InspectEvent {
    /// So many pairs of a split will be looked at.
    Begins {
        /// The split.
        split: Split,
        /// How many pairs it has.
        pairs: usize,
    },
    /// One of them is done.
    Pair,
}

/// All that was found.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// The data, as it was named.
    pub data: String,
    /// The splits that are there, training first.
    pub splits: Vec<SplitSummary>,
    /// In the order of the lists.
    pub findings: Vec<Finding>,
    /// BLAKE3 of every file that the lists name, and of the lists, by path relative to the data folder.
    #[serde(skip)]
    pub hashes: BTreeMap<String, String>,
}

/// One split in numbers.
#[derive(Debug, Clone, Serialize)]
pub struct SplitSummary {
    /// The split.
    pub split: Split,
    /// The list file, or the description whose patterns name the pairs.
    pub list: String,
    /// Pairs that it names.
    pub pairs: usize,
    /// Images that it names without depth, which are left out.
    pub without_depth: usize,
    /// Whether every image was decoded.
    pub decoded: bool,
    /// How depth is stored.
    pub encoding: DepthEncoding,
    /// Sizes of the depth maps, the most frequent first.
    pub sizes: Vec<SizeCount>,
    /// Of all depth maps together, where they were decoded.
    pub depth: Option<DepthSummary>,
}

/// How many pairs have a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SizeCount {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Pairs.
    pub pairs: usize,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The data cannot be used, or not as what they are said to be.
    Error,
    /// They can be used, but are probably not what they should be.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// `error`, `warning` or `note`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// A name for findings of this kind, such as `missing-file`.
    pub check: &'static str,
    /// The file, with its line in a list.
    #[serde(rename = "where")]
    pub place: String,
    /// What was found.
    pub what: String,
    /// What to do about it; empty if nothing need be done.
    pub advice: &'static str,
}

impl Finding {
    fn new(
        severity: Severity,
        check: &'static str,
        place: impl Into<String>,
        what: impl Into<String>,
        advice: &'static str,
    ) -> Self {
        Self {
            severity,
            check,
            place: place.into(),
            what: what.into(),
            advice,
        }
    }
}

/// Looks at a data set, in parallel, and tells all that it finds: a folder that does not exist is a finding too.
///
/// `observe` is told of progress, from any thread. Every file that a list names is read whole and hashed. The findings do not depend on
/// the number of threads.
pub fn inspect(
    data: &DataSpec,
    options: &InspectOptions,
    observe: &(dyn Fn(InspectEvent) + Sync),
) -> Inspection {
    let mut findings = Vec::new();
    let listings = listing::list(data, options, &mut findings);
    let mut hashes = BTreeMap::new();
    let mut splits = Vec::new();
    let mut looked_at = Vec::new();
    for listing in &listings {
        observe(InspectEvent::Begins {
            split: listing.split,
            pairs: listing.pairs.len(),
        });
        let (pairs, depths) = look(listing, options.decode, observe);
        findings.extend(pairs.iter().flat_map(Looked::findings));
        judge::within(data, listing, &pairs, &depths, &mut findings);
        splits.push(summary(data, listing, &pairs, &depths, options.decode));
        hashes::collect(listing, &pairs, &mut hashes);
        looked_at.push((listing, pairs));
    }
    judge::between(&looked_at, &mut findings);
    if options.split.is_none() && !listings.is_empty() {
        judge::unlisted(data, &listings, &mut findings);
    }
    if let Some(file) = &options.hashes {
        hashes::compare(file, &hashes, options.split.is_none(), &mut findings);
    }
    Inspection {
        data: data.to_string(),
        splits,
        findings,
        hashes,
    }
}

/// Looks into the files of every pair, in the list's order.
fn look<'l>(
    listing: &'l Listing,
    decode: bool,
    observe: &(dyn Fn(InspectEvent) + Sync),
) -> (Vec<Looked<'l>>, Depths) {
    let depths = Depths::new();
    let plan = &listing.plan;
    let look = |listed: &'l Listed| {
        let rgb = listed.rgb.as_ref();
        let rgb = rgb.map(|path| RgbFacts::of(&plan.root.join(path), decode));
        let depth = listed.depth.as_ref();
        let depth = depth.map(|path| {
            let all = decode.then_some(&depths);
            DepthFacts::of(&plan.root.join(path), plan, all)
        });
        observe(InspectEvent::Pair);
        Looked { listed, rgb, depth }
    };
    (listing.pairs.par_iter().map(look).collect(), depths)
}

fn summary(
    data: &DataSpec,
    listing: &Listing,
    pairs: &[Looked],
    depths: &Depths,
    decoded: bool,
) -> SplitSummary {
    SplitSummary {
        split: listing.split,
        list: relative(&data.root, &listing.plan.list),
        pairs: listing.pairs.len(),
        without_depth: listing.without_depth,
        decoded,
        encoding: listing.plan.encoding,
        sizes: judge::sizes(pairs),
        depth: depths.summary(),
    }
}

/// An error's message without the path in front, where the finding names it already.
fn without_path(error: &DatasetError, path: &Path) -> String {
    let message = error.to_string();
    let prefix = format!("{}: ", path.display());
    message.strip_prefix(&prefix).unwrap_or(&message).to_owned()
}

/// A path below a folder with `/` between names, as lists write it.
fn relative(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    let names = below.components();
    let names: Vec<_> = names
        .map(|name| name.as_os_str().to_string_lossy())
        .collect();
    names.join("/")
}
