//! What the processor can do beyond what its architecture promises, by the names that Cranelift has for it.

/// As the triple of a target begins; code is made for these two alone.
pub const ARCHITECTURE: &str = match () {
    () if cfg!(target_arch = "x86_64") => "x86_64",
    () if cfg!(target_arch = "aarch64") => "aarch64",
    () => "of another kind",
};

macro_rules! features {
    ($detected:ident, $name:ident: $($theirs:literal $ours:tt),*) => {
        match $name {
            $($theirs => std::arch::$detected!($ours),)*
            // What is not known here is better not relied on.
            _ => false,
        }
    };
}

/// Whether the processor has it.
#[cfg(target_arch = "x86_64")]
pub fn has(feature: &str) -> bool {
    features!(is_x86_feature_detected, feature:
        "has_cmpxchg16b" "cmpxchg16b", "has_sse3" "sse3", "has_ssse3" "ssse3", "has_sse41" "sse4.1",
        "has_sse42" "sse4.2", "has_avx" "avx", "has_avx2" "avx2", "has_fma" "fma", "has_popcnt" "popcnt",
        "has_bmi1" "bmi1", "has_bmi2" "bmi2", "has_lzcnt" "lzcnt", "has_avx512bitalg" "avx512bitalg",
        "has_avx512dq" "avx512dq", "has_avx512f" "avx512f", "has_avx512vbmi" "avx512vbmi", "has_avx512vl" "avx512vl",
        "has_avx512vnni" "avx512vnni", "has_avx_vnni" "avxvnni"
    )
}

/// Whether the processor has it.
#[cfg(target_arch = "aarch64")]
pub fn has(feature: &str) -> bool {
    features!(is_aarch64_feature_detected, feature:
        "has_lse" "lse", "has_fp16" "fp16", "has_pauth" "paca", "has_dotprod" "dotprod", "has_i8mm" "i8mm"
    )
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub fn has(_feature: &str) -> bool {
    false
}
