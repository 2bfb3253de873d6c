//! A network on its way out, and the formats of its weights.

use std::path::Path;

use mde_models::Preset;

use super::config::ExportedNetwork;
use super::licence::Licence;
use super::measured::Measured;

/// Formats of weights by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ExportFormat {
    /// model.safetensors, for mde and the Hugging Face hub.
    Safetensors,
    /// pytorch_model.pth with all names of the reference's state dict, for PyTorch's torch.load and
    /// load_state_dict.
    PthNames,
}

impl ExportFormat {
    /// One of [`EXPORT_WEIGHTS`](mde_fetch::EXPORT_WEIGHTS).
    pub(super) fn file(self) -> &'static str {
        let [safetensors, pth] = mde_fetch::EXPORT_WEIGHTS;
        match self {
            Self::Safetensors => safetensors,
            Self::PthNames => pth,
        }
    }
}

/// A network on its way out, for the card.
pub(super) struct Exported<'a> {
    pub(super) config: &'a ExportedNetwork,
    pub(super) preset: &'a Preset,
    pub(super) measured: &'a Measured,
    pub(super) licence: Option<&'a Licence>,
    pub(super) format: ExportFormat,
    /// The name of the file that the weights come from.
    pub(super) origin: &'a str,
    pub(super) folder: &'a Path,
}
