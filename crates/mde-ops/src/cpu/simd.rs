//! Loops compiled for the vector instructions of the processor.

/// `max(value, 0)`, except that a NaN stays NaN.
#[inline(always)]
pub(crate) fn rectify(value: f32) -> f32 {
    if value < 0.0 { 0.0 } else { value }
}

/// What follows a norm or a convolution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rectifier {
    /// Nothing.
    #[default]
    None,
    /// ReLU: `max(x, 0)`.
    Relu,
    /// ReLU6: `min(max(x, 0), 6)`.
    Relu6,
}

impl Rectifier {
    /// A NaN stays NaN.
    #[inline(always)]
    pub(crate) fn apply(self, value: f32) -> f32 {
        match self {
            Self::None => value,
            Self::Relu => rectify(value),
            Self::Relu6 => {
                if value > 6.0 {
                    6.0
                } else {
                    rectify(value)
                }
            }
        }
    }

    /// Whether the slope is 1 at an input, or at an output, of this value; else it is 0, as in
    /// PyTorch.
    #[inline(always)]
    pub(crate) fn passes(self, value: f32) -> bool {
        match self {
            Self::None => true,
            Self::Relu => value > 0.0,
            Self::Relu6 => value > 0.0 && value < 6.0,
        }
    }
}

/// A loop over slices, with its arguments, for [`vectorised`].
pub(crate) trait Kernel {
    /// Runs the loop. Must be `#[inline(always)]`, as must everything it calls: functions that are
    /// not inlined are compiled for any processor. Closures cannot be marked this way.
    fn run<S: pulp::Simd>(self, simd: S);
}

/// Runs the kernel compiled for the vector instructions of this processor, so that a portable
/// x86-64 build is as fast as a native one.
pub(crate) fn vectorised(kernel: impl Kernel) {
    struct Dispatched<K>(K);

    impl<K: Kernel> pulp::WithSimd for Dispatched<K> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, simd: S) {
            self.0.run(simd);
        }
    }

    pulp::Arch::new().dispatch(Dispatched(kernel));
}
