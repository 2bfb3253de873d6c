//! Inspection of a whole data set: reports every fault, where opening stops at the first.
//!
//! `listing` finds the pairs, `image` inspects single files, `depth` sums up depths, `split_checks`
//! and `depth_checks` compare the pairs of a split, `set_checks` compares splits and the folder,
//! and `hashes` compares files with recorded hashes.

mod depth;
mod depth_checks;
mod finding;
mod hashes;
mod image;
mod listing;
mod pair;
mod report;
mod run;
mod set_checks;
mod split_checks;

pub use depth::DepthSummary;
pub use finding::{Finding, Severity};
pub use report::{Inspection, SizeCount, SplitSummary};
pub use run::{InspectEvent, InspectOptions, inspect};
