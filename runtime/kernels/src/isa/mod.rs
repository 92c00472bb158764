//! Instruction sets and their detection.

#[cfg(all(any(target_arch = "aarch64", target_arch = "x86_64"), any(test, not(feature = "std"))))]
mod cpu;

use core::fmt;
use core::str::FromStr;

use crate::error::IsaError;

/// Whether the CPU has a feature: asked through the standard library where there is one.
#[cfg(all(target_arch = "x86_64", feature = "std"))]
macro_rules! has {
    ($feature:tt) => {
        std::is_x86_feature_detected!($feature)
    };
}

#[cfg(all(target_arch = "aarch64", feature = "std"))]
macro_rules! has {
    ($feature:tt) => {
        std::arch::is_aarch64_feature_detected!($feature)
    };
}

#[cfg(all(any(target_arch = "aarch64", target_arch = "x86_64"), not(feature = "std")))]
macro_rules! has {
    ($feature:tt) => {
        cpu::has($feature)
    };
}

/// Proof that the CPU has an instruction set: only detection makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Isa {
    level: Level,
}

/// Names of the instruction sets; those of one CPU family from the slowest to the fastest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IsaKind {
    /// Portable scalar code, the oracle of all others.
    Reference,
    /// AVX2 and F16C: bytes widened to 16 bits.
    Avx2,
    /// 256-bit byte dot products.
    AvxVnni,
    /// 512-bit byte dot products.
    Avx512Vnni,
    /// What every ARM CPU of 64 bits has: products of bytes widened to 16 bits.
    Neon,
    /// Byte dot products.
    NeonDotprod,
    /// Byte dot products of mixed signs, and matrix products of two by two.
    NeonI8mm,
    /// WebAssembly's vectors: bytes widened to 16 bits. A build with relaxed vectors hasn't this set.
    WasmSimd128,
    /// WebAssembly's byte dot products, where the engine computes them as the standard says. Not the best set where the
    /// engine has no such instruction of the CPU for them.
    WasmRelaxedSimd,
}

/// What the code dispatches on: the sets that there is code of in this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Level {
    Reference,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    #[cfg(target_arch = "aarch64")]
    Neon,
    #[cfg(target_arch = "aarch64")]
    NeonDotprod,
    #[cfg(target_arch = "aarch64")]
    NeonI8mm,
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128", not(target_feature = "relaxed-simd")))]
    WasmSimd128,
    #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
    WasmRelaxedSimd,
}

impl Isa {
    /// The portable kernels; every CPU has them.
    pub const REFERENCE: Self = Self { level: Level::Reference };

    /// The fastest set that this CPU has.
    pub fn best() -> Self {
        Self::supported().last().unwrap_or(Self::REFERENCE)
    }

    /// All sets that this CPU has, from the slowest to the fastest; [`Isa::REFERENCE`] is always among them.
    pub fn supported() -> impl Iterator<Item = Self> {
        IsaKind::ALL.into_iter().filter_map(|kind| Self::detect(kind).ok())
    }

    /// The set of that name, where the CPU has it.
    pub fn detect(kind: IsaKind) -> Result<Self, IsaError> {
        detect(kind).map(|level| Self { level })
    }

    /// Which set this is.
    pub const fn kind(self) -> IsaKind {
        match self.level {
            Level::Reference => IsaKind::Reference,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => IsaKind::Avx2,
            #[cfg(target_arch = "x86_64")]
            Level::AvxVnni => IsaKind::AvxVnni,
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Vnni => IsaKind::Avx512Vnni,
            #[cfg(target_arch = "aarch64")]
            Level::Neon => IsaKind::Neon,
            #[cfg(target_arch = "aarch64")]
            Level::NeonDotprod => IsaKind::NeonDotprod,
            #[cfg(target_arch = "aarch64")]
            Level::NeonI8mm => IsaKind::NeonI8mm,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128", not(target_feature = "relaxed-simd")))]
            Level::WasmSimd128 => IsaKind::WasmSimd128,
            #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
            Level::WasmRelaxedSimd => IsaKind::WasmRelaxedSimd,
        }
    }

    /// Whether float sums of products are fused where that is allowed: see [`Fusion`](crate::float::Fusion).
    pub fn fuses(self) -> bool {
        match self.level {
            Level::Reference => false,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 | Level::AvxVnni => has!("fma"),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Vnni => true,
            #[cfg(target_arch = "aarch64")]
            Level::Neon | Level::NeonDotprod | Level::NeonI8mm => true,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128", not(target_feature = "relaxed-simd")))]
            Level::WasmSimd128 => false,
            #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
            Level::WasmRelaxedSimd => false,
        }
    }

    /// The set for products with these weights, or with weights that are computed: the reference where an engine of WebAssembly multiplies
    /// signed bytes and may add pairs of products in 16 bits, which hold all of them but two of -128 by -128.
    pub fn for_weights(self, weights: Option<&[u8]>) -> Self {
        match self.level {
            #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
            Level::WasmRelaxedSimd => {
                let exact =
                    !crate::arch::relaxed_dots_are_signed() || weights.is_some_and(|w| !w.contains(&(i8::MIN as u8)));
                if exact { self } else { Self::REFERENCE }
            }
            _ => {
                let _ = weights;
                self
            }
        }
    }

    /// The set with vectors of half the length where there is one: what has AVX512 has AVX2.
    pub(crate) const fn halved(self) -> Self {
        match self.level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Vnni => Self { level: Level::Avx2 },
            _ => self,
        }
    }

    pub(crate) const fn level(self) -> Level {
        self.level
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)
    }
}

impl FromStr for Isa {
    type Err = IsaError;

    fn from_str(name: &str) -> Result<Self, IsaError> {
        let kind = IsaKind::ALL.into_iter().find(|kind| kind.name() == name);
        Self::detect(kind.ok_or(IsaError::Unknown)?)
    }
}

impl IsaKind {
    /// Every name; those of one CPU family from the slowest set to the fastest.
    pub const ALL: [Self; 9] = [
        Self::Reference,
        Self::Avx2,
        Self::AvxVnni,
        Self::Avx512Vnni,
        Self::Neon,
        Self::NeonDotprod,
        Self::NeonI8mm,
        Self::WasmSimd128,
        Self::WasmRelaxedSimd,
    ];

    /// `reference`, `avx2`, `avx_vnni`, `avx512_vnni`, `neon`, `neon_dotprod`, `neon_i8mm`, `wasm_simd128` or
    /// `wasm_relaxed_simd`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avx_vnni",
            Self::Avx512Vnni => "avx512_vnni",
            Self::Neon => "neon",
            Self::NeonDotprod => "neon_dotprod",
            Self::NeonI8mm => "neon_i8mm",
            Self::WasmSimd128 => "wasm_simd128",
            Self::WasmRelaxedSimd => "wasm_relaxed_simd",
        }
    }
}

impl IsaKind {
    /// The family of CPUs whose set it is, as Rust names it; of WebAssembly, the feature that a build must have.
    const fn cpu(self) -> &'static str {
        match self {
            Self::Reference => "any",
            Self::Avx2 | Self::AvxVnni | Self::Avx512Vnni => "x86_64",
            Self::Neon | Self::NeonDotprod | Self::NeonI8mm => "aarch64",
            Self::WasmSimd128 => "simd128",
            Self::WasmRelaxedSimd => "relaxed-simd",
        }
    }
}

impl fmt::Display for IsaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A module that runs has the instructions that it was compiled with; but not every engine computes all of them rightly.
#[cfg(target_arch = "wasm32")]
fn detect(kind: IsaKind) -> Result<Level, IsaError> {
    match kind {
        IsaKind::Reference => Ok(Level::Reference),
        #[cfg(all(target_feature = "simd128", not(target_feature = "relaxed-simd")))]
        IsaKind::WasmSimd128 => Ok(Level::WasmSimd128),
        #[cfg(target_feature = "relaxed-simd")]
        IsaKind::WasmRelaxedSimd
            if crate::arch::relaxed_dots_are_exact()
                && crate::trial::passed_by(Isa { level: Level::WasmRelaxedSimd }) =>
        {
            Ok(Level::WasmRelaxedSimd)
        }
        isa => Err(IsaError::Missing { isa, feature: isa.cpu() }),
    }
}

#[cfg(not(any(target_arch = "aarch64", target_arch = "wasm32", target_arch = "x86_64")))]
fn detect(kind: IsaKind) -> Result<Level, IsaError> {
    match kind {
        IsaKind::Reference => Ok(Level::Reference),
        isa => Err(IsaError::Missing { isa, feature: isa.cpu() }),
    }
}

#[cfg(target_arch = "x86_64")]
fn detect(kind: IsaKind) -> Result<Level, IsaError> {
    let (avx2, f16c) = (("avx2", has!("avx2")), ("f16c", has!("f16c")));
    match kind {
        IsaKind::Reference => Ok(Level::Reference),
        IsaKind::Avx2 => first_missing(kind, &[avx2, f16c]).map(|()| Level::Avx2),
        IsaKind::AvxVnni => first_missing(kind, &[avx2, f16c, ("avxvnni", has!("avxvnni"))]).map(|()| Level::AvxVnni),
        IsaKind::Avx512Vnni => {
            let fma = ("fma", has!("fma"));
            let [f, bw] = [("avx512f", has!("avx512f")), ("avx512bw", has!("avx512bw"))];
            let [dq, vl] = [("avx512dq", has!("avx512dq")), ("avx512vl", has!("avx512vl"))];
            let [vnni, vbmi] = [("avx512vnni", has!("avx512vnni")), ("avx512vbmi", has!("avx512vbmi"))];
            first_missing(kind, &[avx2, f16c, fma, f, bw, dq, vl, vnni, vbmi]).map(|()| Level::Avx512Vnni)
        }
        isa => Err(IsaError::Missing { isa, feature: isa.cpu() }),
    }
}

#[cfg(target_arch = "aarch64")]
fn detect(kind: IsaKind) -> Result<Level, IsaError> {
    let (neon, dotprod) = (("neon", has!("neon")), ("dotprod", has!("dotprod")));
    match kind {
        IsaKind::Reference => Ok(Level::Reference),
        IsaKind::Neon => first_missing(kind, &[neon]).map(|()| Level::Neon),
        IsaKind::NeonDotprod => first_missing(kind, &[neon, dotprod]).map(|()| Level::NeonDotprod),
        IsaKind::NeonI8mm => first_missing(kind, &[neon, dotprod, ("i8mm", has!("i8mm"))]).map(|()| Level::NeonI8mm),
        isa => Err(IsaError::Missing { isa, feature: isa.cpu() }),
    }
}

#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
fn first_missing(isa: IsaKind, features: &[(&'static str, bool)]) -> Result<(), IsaError> {
    match features.iter().find(|(_, present)| !present) {
        Some(&(feature, _)) => Err(IsaError::Missing { isa, feature }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn names_parse_back_where_supported() {
        for isa in Isa::supported() {
            assert_eq!(isa.to_string().parse(), Ok(isa));
        }
    }

    #[test]
    fn rejects_unknown_names() {
        assert_eq!("sse2".parse::<Isa>(), Err(IsaError::Unknown));
    }

    #[cfg(all(target_arch = "x86_64", feature = "std"))]
    #[test]
    fn the_standard_library_finds_the_same_features() {
        macro_rules! same {
            ($($feature:tt)*) => { $(assert_eq!(cpu::has($feature), has!($feature), $feature);)* };
        }
        same!("avx2" "f16c" "fma" "avxvnni" "avx512f" "avx512bw" "avx512dq" "avx512vl" "avx512vnni" "avx512vbmi");
        assert!(!cpu::has("sse2"), "not asked for");
    }

    #[cfg(all(target_arch = "aarch64", feature = "std"))]
    #[test]
    fn the_standard_library_finds_the_same_features() {
        macro_rules! same {
            ($($feature:tt)*) => { $(assert_eq!(cpu::has($feature), has!($feature), $feature);)* };
        }
        same!("neon" "dotprod" "i8mm");
    }

    #[test]
    fn best_is_supported() {
        assert!(Isa::supported().any(|isa| isa == Isa::best()));
    }
}
