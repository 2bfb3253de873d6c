//! Operations on CPU tensors as custom operations of candle.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};

use super::values::values;

/// Values and shape of an output.
pub(crate) type Output = Result<(Vec<f32>, Shape)>;

/// Gradients in the inputs of an operation, `None` where none is needed.
pub(crate) type Gradients<const N: usize> = Result<[Option<Tensor>; N]>;

/// A differentiable operation on `N` contiguous `f32` tensors on the CPU.
pub(crate) trait CpuOp<const N: usize>: Send + Sync + 'static {
    /// Name in candle's messages.
    const NAME: &'static str;

    fn forward(&self, values: [&[f32]; N], shapes: [&Shape; N]) -> Output;

    /// `grad` is the gradient in the output `out`.
    fn backward(&self, inputs: [&Tensor; N], out: &Tensor, grad: &Tensor) -> Gradients<N>;
}

/// The output of `op` for `x`.
pub(crate) fn apply1(op: impl CpuOp<1>, x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Custom(op))
}

/// The output of `op` for two inputs.
pub(crate) fn apply2(op: impl CpuOp<2>, x: &Tensor, y: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op2(&y.contiguous()?, Custom(op))
}

/// The output of `op` for three inputs.
pub(crate) fn apply3(op: impl CpuOp<3>, x: &Tensor, y: &Tensor, z: &Tensor) -> Result<Tensor> {
    x.contiguous()?
        .apply_op3(&y.contiguous()?, &z.contiguous()?, Custom(op))
}

struct Custom<Op>(Op);

macro_rules! custom_op {
    (
        $custom:ident, $count:literal, [$($x:ident $layout:ident),+],
        $grads:ty, $array:pat => $out:expr
    ) => {
        impl<Op: CpuOp<$count>> $custom for Custom<Op> {
            fn name(&self) -> &'static str {
                Op::NAME
            }

            fn cpu_fwd(
                &self,
                $($x: &CpuStorage, $layout: &Layout),+
            ) -> Result<(CpuStorage, Shape)> {
                let values = [$(values($x, $layout)?),+];
                let (out, shape) = self.0.forward(values, [$($layout.shape()),+])?;
                Ok((CpuStorage::F32(out), shape))
            }

            fn bwd(&self, $($x: &Tensor),+, out: &Tensor, grad: &Tensor) -> Result<$grads> {
                let $array = self.0.backward([$($x),+], out, grad)?;
                Ok($out)
            }
        }
    };
}

type Grad = Option<Tensor>;
custom_op!(CustomOp1, 1, [x x_layout], Grad, [x] => x);
custom_op!(CustomOp2, 2, [x x_layout, y y_layout], (Grad, Grad), grads => grads.into());
custom_op!(
    CustomOp3, 3, [x x_layout, y y_layout, z z_layout],
    (Grad, Grad, Grad), grads => grads.into()
);
