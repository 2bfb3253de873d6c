//! Loops compiled for the vector instructions of the processor.

/// A loop over slices with its arguments, to be run by [`vectorised`].
pub(crate) trait Kernel {
    /// Does the work. Must be `#[inline(always)]`, and so must all that it calls: what is not inlined is compiled for
    /// any processor. (A closure would be neater, but cannot be marked.)
    fn run<S: pulp::Simd>(self, simd: S);
}

/// Runs the kernel compiled for the vector instructions that this processor has: a release build for any x86-64 is then
/// as fast as one for the machine at hand.
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
