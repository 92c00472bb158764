//! Kernels by CPU and the tables through which they are picked.
//!
//! The functions behind every table have the same contract. # Safety: the CPU has the features of the [`Isa`]
//! that the table was asked for, and the arguments have passed the checks of the `run` that calls them.

#[cfg(target_arch = "aarch64")]
mod aarch64;
mod all;
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
mod generic;
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
mod instantiate;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::{Ymm, Zmm};

use crate::conv::ConvInput;
use crate::depthwise::DepthwiseInput;
use crate::elementwise::{AddParams, DequantizeParams, MulParams, QuantizeParams};
use crate::epilogue::{Dynamic, Raw, Requant};
use crate::gemm::GemmInput;
use crate::isa::{Isa, IsaKind, Level};
use crate::name::Tile;
use crate::panel::{GROUP, PANEL};
use crate::pool::AvgPoolParams;
use crate::taps::Taps;

/// Matrix products by their epilogue.
#[derive(Debug)]
pub struct GemmFns {
    pub requant: unsafe fn(&GemmInput<'_>, &Requant<'_>, &mut [u8], usize, &mut [u8]),
    pub dynamic: unsafe fn(&GemmInput<'_>, &Dynamic<'_>, &mut [f32], usize, &mut [u8]),
    pub raw: unsafe fn(&GemmInput<'_>, &Raw<'_>, &mut [i32], usize, &mut [u8]),
}

pub(crate) type ConvFn = unsafe fn(&ConvInput<'_>, &Requant<'_>, &mut [u8], usize, &mut [u8]);
pub(crate) type DepthwiseFn = unsafe fn(&DepthwiseInput<'_>, &Requant<'_>, &mut [u8], &mut [u8]);

#[derive(Debug)]
pub(crate) struct ElementwiseFns {
    pub add: unsafe fn(&AddParams, &[u8], &[u8], &mut [u8]),
    pub mul: unsafe fn(&MulParams, &[u8], &[u8], &mut [u8]),
    pub lookup: unsafe fn(&[u8; 256], &[u8], &mut [u8]),
    pub quantize: unsafe fn(&QuantizeParams, &[f32], &mut [u8]),
    pub dequantize: unsafe fn(&DequantizeParams, &[u8], &mut [f32]),
}

#[derive(Debug)]
pub(crate) struct PoolFns {
    pub avg: unsafe fn(&AvgPoolParams, &[u8], &Taps<'_>, &[f32], &mut [u8]),
    pub max: unsafe fn(&[u8], &Taps<'_>, &mut [u8]),
}

/// Evaluates an expression with `$set` as the module of an instruction set, or another one for the reference.
macro_rules! dispatch {
    ($isa:expr, $reference:expr, $set:ident => $expression:expr) => {
        match $isa.level() {
            Level::Reference => $reference,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => {
                use x86_64::avx2 as $set;
                $expression
            }
            #[cfg(target_arch = "x86_64")]
            Level::AvxVnniVex => {
                use x86_64::avx_vnni::vex as $set;
                $expression
            }
            #[cfg(target_arch = "x86_64")]
            Level::AvxVnniEvex => {
                use x86_64::avx_vnni::evex as $set;
                $expression
            }
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Vnni => {
                use x86_64::avx512_vnni as $set;
                $expression
            }
            #[cfg(target_arch = "aarch64")]
            Level::Neon => {
                use aarch64::neon as $set;
                $expression
            }
            #[cfg(target_arch = "aarch64")]
            Level::NeonDotprod => {
                use aarch64::neon_dotprod as $set;
                $expression
            }
            #[cfg(target_arch = "aarch64")]
            Level::NeonI8mm => {
                use aarch64::neon_i8mm as $set;
                $expression
            }
        }
    };
}

pub(crate) fn gemm_fns(isa: Isa) -> &'static GemmFns {
    dispatch!(isa, &all::GEMM, set => &set::GEMM)
}

/// Bytes of scratch of a product of `m` rows and depth `k`.
pub(crate) fn gemm_scratch(isa: Isa, m: usize, k: usize) -> usize {
    dispatch!(isa, 0, set => set::TILES.scratch_len(m, k))
}

pub(crate) fn conv_fn(isa: Isa) -> ConvFn {
    dispatch!(isa, all::conv, set => set::CONV)
}

pub(crate) fn conv_scratch(isa: Isa, taps: &Taps<'_>) -> usize {
    dispatch!(isa, 0, set => generic::conv::scratch_len(&set::TILES, taps))
}

pub(crate) fn depthwise_fn(isa: Isa) -> DepthwiseFn {
    dispatch!(isa, all::depthwise, set => set::depthwise)
}

pub(crate) fn depthwise_scratch(isa: Isa, taps: &Taps<'_>) -> usize {
    dispatch!(isa, 0, set => set::depthwise_scratch(taps))
}

pub(crate) fn elementwise_fns(isa: Isa) -> &'static ElementwiseFns {
    dispatch!(isa, &all::ELEMENTWISE, set => &set::ELEMENTWISE)
}

pub(crate) fn pool_fns(isa: Isa) -> &'static PoolFns {
    dispatch!(isa, &all::POOL, set => &set::POOL)
}

/// See [`crate::peak`]; ARM has no yardsticks yet.
pub(crate) fn peak_int8(isa: Isa, rounds: u32) -> Option<u64> {
    match isa.level() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level is proof of the features.
        Level::Avx2 => Some(unsafe { x86_64::peak::avx2_int8(rounds) }),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::AvxVnniVex => Some(unsafe { x86_64::peak::vex_int8(rounds) }),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::AvxVnniEvex => Some(unsafe { x86_64::peak::evex_int8(rounds) }),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::Avx512Vnni => Some(unsafe { x86_64::peak::avx512_int8(rounds) }),
        _ => None,
    }
}

/// See [`crate::peak`].
pub(crate) fn peak_f32(isa: Isa, rounds: u32) -> Option<u64> {
    match isa.level() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level is proof of AVX512.
        Level::Avx512Vnni => Some(unsafe { x86_64::peak::avx512_f32(rounds) }),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::AvxVnniVex | Level::AvxVnniEvex if isa.fuses() => {
            // SAFETY: what fuses has FMA, and the level AVX2.
            Some(unsafe { x86_64::peak::fma_f32(rounds) })
        }
        #[cfg(target_arch = "x86_64")]
        // SAFETY: each of the levels is proof of AVX2.
        Level::Avx2 | Level::AvxVnniVex | Level::AvxVnniEvex => Some(unsafe { x86_64::peak::avx2_f32(rounds) }),
        _ => None,
    }
}

/// Three channels side by side; see [`crate::interleave3`].
pub(crate) fn interleave3(isa: Isa, planes: [&[u8]; 3], out: &mut [u8]) {
    match isa.level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::AvxVnniVex | Level::AvxVnniEvex | Level::Avx512Vnni => {
            // SAFETY: each of the levels is proof of AVX2.
            unsafe { x86_64::avx2::interleave3(planes, out) }
        }
        _ => all::interleave3(planes, out),
    }
}

/// The tile that most of a product of `m` rows and `n` channels is cut into.
pub(crate) fn gemm_tile(isa: Isa, m: usize, n: usize) -> Tile {
    dispatch!(isa, SCALAR, set => {
        let [rows, channels] = set::TILES.shape(m, n);
        Tile::Product { rows, channels, depth: GROUP }
    })
}

/// Output points and channels of a depthwise convolution at a time.
pub(crate) fn depthwise_tile(isa: Isa) -> Tile {
    match isa.kind() {
        IsaKind::Reference => SCALAR,
        _ => Tile::Product { rows: 4, channels: PANEL, depth: GROUP },
    }
}

/// Elements of an element-wise operation at a time.
pub(crate) fn elementwise_tile(isa: Isa) -> Tile {
    match isa.kind() {
        IsaKind::Reference => Tile::Elements(1),
        _ => Tile::Elements(2 * PANEL),
    }
}

/// Bytes of a lookup at a time.
pub(crate) fn lookup_tile(isa: Isa) -> Tile {
    match isa.kind() {
        IsaKind::Avx512Vnni => Tile::Elements(64),
        IsaKind::Neon | IsaKind::NeonDotprod | IsaKind::NeonI8mm => Tile::Elements(PANEL),
        _ => Tile::Elements(1),
    }
}

/// Channels of a pool at a time.
pub(crate) fn pool_tile(isa: Isa) -> Tile {
    match isa.kind() {
        IsaKind::Reference => Tile::Elements(1),
        _ => Tile::Elements(PANEL),
    }
}

/// The reference's tile.
const SCALAR: Tile = Tile::Product { rows: 1, channels: 1, depth: 1 };
