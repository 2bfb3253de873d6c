//! `--device`.

use anyhow::Context;
use candle_core::Device;

/// The device for tensors.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum DeviceChoice {
    /// The first NVIDIA GPU if this build supports CUDA and the GPU can be opened, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The first NVIDIA GPU.
    Cuda,
}

impl DeviceChoice {
    /// Opens the device and logs its name.
    pub(crate) fn open(self) -> anyhow::Result<Device> {
        // This asks about the build, not about the machine.
        let built_for_cuda = candle_core::utils::cuda_is_available();
        let device = match self {
            Self::Cpu => Device::Cpu,
            Self::Auto if !built_for_cuda => Device::Cpu,
            Self::Auto => Device::new_cuda(0).unwrap_or_else(|error| {
                tracing::warn!("no CUDA device can be opened: {error}");
                Device::Cpu
            }),
            Self::Cuda if !built_for_cuda => anyhow::bail!(
                "this build has no CUDA support: build with `--features cuda`, or use --device cpu"
            ),
            Self::Cuda => Device::new_cuda(0)
                .context("no CUDA device can be opened: see `nvidia-smi`, or use --device cpu")?,
        };
        tracing::info!("computing on device {}", name(&device));
        Ok(device)
    }
}

/// The name of a device in logs and documents.
pub(crate) fn name(device: &Device) -> &'static str {
    if device.is_cpu() { "cpu" } else { "cuda" }
}
