//! `--device`.

use anyhow::Context;
use candle_core::Device;

/// Where tensors live.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum DeviceChoice {
    /// The first NVIDIA GPU if this build can use it and it can be opened, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The first NVIDIA GPU.
    Cuda,
}

impl DeviceChoice {
    /// Opens the device, and logs which it is.
    pub(crate) fn open(self) -> anyhow::Result<Device> {
        // Of the build, not of the machine.
        let built_for_cuda = candle_core::utils::cuda_is_available();
        let device = match self {
            Self::Cpu => Device::Cpu,
            Self::Auto if !built_for_cuda => Device::Cpu,
            Self::Auto => Device::new_cuda(0).unwrap_or_else(|error| {
                tracing::warn!("no CUDA device can be opened: {error}");
                Device::Cpu
            }),
            Self::Cuda if !built_for_cuda => anyhow::bail!(
                "this build has no CUDA: build it with `--features cuda`, or use --device cpu"
            ),
            Self::Cuda => Device::new_cuda(0)
                .context("no CUDA device can be opened: see `nvidia-smi`, or use --device cpu")?,
        };
        tracing::info!("computing on device {}", name(&device));
        Ok(device)
    }
}

/// A device as logs and documents name it.
pub(crate) fn name(device: &Device) -> &'static str {
    if device.is_cpu() { "cpu" } else { "cuda" }
}
