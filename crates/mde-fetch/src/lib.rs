#![doc = include_str!("../README.md")]
//!
//! # Code map
//!
//! | module | holds |
//! |---|---|
//! | `home` | [`Home`]: the folder of weights, downloads, data sets and runs |
//! | `manifest` | [`Manifest`]: what can be downloaded, from where |
//! | `weights` | [`WeightSource`], [`resolve`], [`fetch_weights`] |
//! | `exported`, `repository` | networks that `mde export` wrote: [`read_export`], on the hub |
//! | `data` | [`fetch_data`], [`DataPlan`]: NYU Depth V2 and KITTI |
//! | `doctor` | [`examine`]: the machine, the data sets and the weights |
//! | `front` | [`Front`]: the program's side, which shows and asks; `terminal` has one |
//! | `entry_file` | one entry of the manifest and the location of its file |
//! | `download` | one file; uses `transfer`, `retry` and `partial` (the partial file) |
//! | `ranges` | parts of a file that stays on its server |
//! | `hub` | the Hugging Face hub |
//!
//! **Invariants.** Only `terminal` prints. Nothing is downloaded without the consent of the
//! caller or the user. A file under its final name is complete and verified.

mod bill;
mod connection;
mod consent;
mod data;
mod doctor;
mod download;
mod entry_file;
mod error;
mod exported;
mod front;
mod home;
mod hub;
mod manifest;
mod partial;
mod ranges;
mod repository;
mod retry;
#[cfg(feature = "cli")]
mod terminal;
mod text;
mod transfer;
mod weight_list;
mod weights;

pub use bill::{Bill, SPARE_MEGABYTES};
pub use connection::Connection;
pub use data::{
    Conversion, Convert, DataOptions, DataPlan, DataSet, KittiOptions, NyuOptions, TrainingSet,
    fetch_data, is_complete,
};
pub use doctor::{DoctorOptions, Examination, Inspect, InspectError, Inspected, examine};
pub use error::FetchError;
pub use exported::{EXPORT_CONFIG, EXPORT_FORMAT, EXPORT_VERSION, EXPORT_WEIGHTS, read_export};
pub use front::{Answer, Commands, Event, Front, Silent};
pub use home::{Home, home};
pub use manifest::{HubFile, HubKind, Manifest, ManifestEntry, Source};
#[cfg(feature = "cli")]
pub use terminal::Terminal;
pub use weight_list::WeightList;
pub use weights::{
    FetchedWeights, WeightOptions, WeightSource, add_weights_to_bill, fetch_weights, list_weights,
    resolve,
};
