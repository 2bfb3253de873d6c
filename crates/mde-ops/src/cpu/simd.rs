//! Loops compiled for the vector instructions of the processor.

/// `max(value, 0)`, except that a NaN stays NaN.
#[inline(always)]
pub(crate) fn rectify(value: f32) -> f32 {
    if value < 0.0 { 0.0 } else { value }
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
