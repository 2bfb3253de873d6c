//! The inspection itself.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rayon::prelude::*;

use super::depth::Depths;
use super::finding::relative;
use super::image::{inspect_depth, inspect_rgb};
use super::listing::{self, Listed, Listing};
use super::pair::InspectedPair;
use super::report::{Inspection, SplitSummary};
use super::{depth_checks, hashes, set_checks, split_checks};
use crate::{DataSpec, DepthEncoding, Split};

/// What to inspect.
#[derive(Debug, Clone, Default)]
pub struct InspectOptions {
    /// One split only. By default both; one of them may be absent.
    pub split: Option<Split>,
    /// Decode every image. By default only headers and completeness are checked.
    pub decode: bool,
    /// Depth encoding, if it is not that of the data set.
    pub encoding: Option<DepthEncoding>,
    /// File of recorded BLAKE3 hashes: lines `HASH  path` as `b3sum` writes them, with paths
    /// relative to the data folder.
    pub hashes: Option<PathBuf>,
}

/// Progress of an inspection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InspectEvent {
    /// The inspection of a split begins.
    Begins {
        /// The split.
        split: Split,
        /// Number of its pairs.
        pairs: usize,
    },
    /// One pair is done.
    Pair,
}

/// Inspects a data set, in parallel. Faults are findings, also a missing folder.
///
/// `observe` receives the progress, from any thread. Every listed file is read and hashed. The
/// findings do not depend on the number of threads.
pub fn inspect(
    data: &DataSpec,
    options: &InspectOptions,
    observe: &(dyn Fn(InspectEvent) + Sync),
) -> Inspection {
    let mut findings = Vec::new();
    let listings = listing::list(data, options.split, options.encoding, &mut findings);
    let mut hashes = BTreeMap::new();
    let mut splits = Vec::new();
    let mut inspected = Vec::new();
    for listing in &listings {
        let (pairs, depths) = inspect_pairs(listing, options.decode, observe);
        findings.extend(pairs.iter().flat_map(InspectedPair::findings));
        split_checks::check(data, listing, &pairs, &mut findings);
        depth_checks::check(listing, &pairs, &depths, &mut findings);
        set_checks::turned(listing, &pairs, &mut findings);
        hashes::collect(listing, &pairs, &mut hashes);
        splits.push(SplitSummary {
            split: listing.split,
            list: relative(&data.root, &listing.plan.list),
            pairs: listing.pairs.len(),
            without_depth: listing.without_depth,
            decoded: options.decode,
            encoding: listing.plan.encoding,
            sizes: split_checks::sizes(&pairs),
            depth: depths.summary(),
        });
        inspected.push(pairs);
    }
    if let [train, test] = inspected.as_slice() {
        set_checks::leaks(train, test, &mut findings);
    }
    if options.split.is_none() && !listings.is_empty() {
        set_checks::unlisted(data, &listings, &mut findings);
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

/// Inspects the files of every pair. The result has the list's order.
fn inspect_pairs<'l>(
    listing: &'l Listing,
    decode: bool,
    observe: &(dyn Fn(InspectEvent) + Sync),
) -> (Vec<InspectedPair<'l>>, Depths) {
    observe(InspectEvent::Begins {
        split: listing.split,
        pairs: listing.pairs.len(),
    });
    let depths = Depths::new();
    let plan = &listing.plan;
    let inspect = |listed: &'l Listed| {
        let rgb = listed.rgb.as_ref();
        let rgb = rgb.map(|path| inspect_rgb(&plan.root.join(path), decode));
        let all = decode.then_some(&depths);
        let depth = listed.depth.as_ref();
        let depth = depth.map(|path| inspect_depth(&plan.root.join(path), plan, all));
        observe(InspectEvent::Pair);
        InspectedPair { listed, rgb, depth }
    };
    (listing.pairs.par_iter().map(inspect).collect(), depths)
}
