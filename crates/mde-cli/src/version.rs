//! `mde --version`: the version, the commit, and what this build can use.

use std::sync::LazyLock;

/// The version, the commit it was built from, its features, and the CPU features found.
pub(crate) fn long() -> &'static str {
    static LONG: LazyLock<String> = LazyLock::new(|| {
        let list = |names: Vec<&str>| match names.is_empty() {
            true => "none".to_owned(),
            false => names.join(", "),
        };
        format!(
            "{}\ncommit: {}\nfeatures: {}\nCPU: {} ({})",
            env!("CARGO_PKG_VERSION"),
            env!("MDE_COMMIT"),
            list(features()),
            std::env::consts::ARCH,
            list(cpu_features()),
        )
    });
    &LONG
}

/// The cargo features of this build.
fn features() -> Vec<&'static str> {
    let mut features = Vec::new();
    if cfg!(feature = "cuda") {
        features.push("cuda");
    }
    features
}

/// The vector instructions of this processor that the kernels know.
fn cpu_features() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let known = [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
    ];
    #[cfg(target_arch = "aarch64")]
    let known = [("neon", std::arch::is_aarch64_feature_detected!("neon"))];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let known: [(&str, bool); 0] = [];
    let found = known.into_iter().filter(|(_, is_found)| *is_found);
    found.map(|(name, _)| name).collect()
}
