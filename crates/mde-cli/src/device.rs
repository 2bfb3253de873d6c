//! `--device`.

use anyhow::Context;
use candle_core::Device;

/// Where tensors live.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum DeviceChoice {
    /// A GPU if this build and this machine have one, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The first NVIDIA GPU.
    Cuda,
}

impl DeviceChoice {
    /// Opens the device.
    pub(crate) fn open(self) -> anyhow::Result<Device> {
        match self {
            DeviceChoice::Cpu => Ok(Device::Cpu),
            DeviceChoice::Auto if !candle_core::utils::cuda_is_available() => Ok(Device::Cpu),
            DeviceChoice::Auto => Ok(Device::new_cuda(0).unwrap_or(Device::Cpu)),
            DeviceChoice::Cuda if !candle_core::utils::cuda_is_available() => {
                anyhow::bail!(
                    "this build has no CUDA: build with `--features cuda`, or use --device cpu"
                )
            }
            DeviceChoice::Cuda => {
                Device::new_cuda(0).context("no CUDA device can be opened; use --device cpu")
            }
        }
    }
}
