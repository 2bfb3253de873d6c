//! Trains one block: convolution, batch norm, ReLU, max-pooling and bilinear upsampling.
#![allow(clippy::print_stdout)]

use candle_core::{Device, Result, Tensor, Var};
use mde_ops::{
    ConvConfig, PoolConfig, Rectifier, batch_norm_train, conv2d, max_pool2d, resize_bilinear,
};

fn main() -> Result<()> {
    let device = Device::Cpu;
    let images = Tensor::rand(0f32, 1.0, (2, 3, 57, 76), &device)?;
    let target = images.mean_keepdim(1)?; // [2, 1, 57, 76]
    let conv = Var::randn(0f32, 0.2, (8, 3, 3, 3), &device)?;
    let norm = [
        Var::ones(8, images.dtype(), &device)?,
        Var::zeros(8, images.dtype(), &device)?,
    ];
    let head = Var::randn(0f32, 0.2, (1, 8, 1, 1), &device)?;
    let strided = ConvConfig {
        stride: 2,
        padding: 1.into(),
        ..ConvConfig::default()
    };
    let pool = PoolConfig {
        kernel: 3,
        stride: 2,
        padding: 1,
        ceil_mode: false,
    };
    for step in 0..=40 {
        let x = conv2d(&images, &conv, strided)?; // [2, 8, 29, 38]
        let (x, _statistics) = batch_norm_train(&x, &norm[0], &norm[1], 1e-5, Rectifier::Relu)?;
        let x = max_pool2d(&x, pool)?; // [2, 8, 15, 19]
        let x = conv2d(&x, &head, ConvConfig::default())?; // [2, 1, 15, 19]
        let loss = (resize_bilinear(&x, 57, 76)? - &target)?
            .sqr()?
            .mean_all()?;
        if step % 10 == 0 {
            println!("step {step}: loss {:.4}", loss.to_scalar::<f32>()?);
        }
        let gradients = loss.backward()?;
        for parameter in [&conv, &norm[0], &norm[1], &head] {
            if let Some(gradient) = gradients.get(parameter) {
                parameter.set(&(parameter.as_tensor() - (gradient * 0.02)?)?)?;
            }
        }
    }
    Ok(())
}
