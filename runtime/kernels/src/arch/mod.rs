//! Kernels by CPU and the tables through which they are picked.
//!
//! The functions behind every table have the same contract. # Safety: the CPU has the features of the [`Isa`]
//! that the table was asked for, and the arguments have passed the checks of the `run` that calls them.

#[cfg(target_arch = "aarch64")]
mod aarch64;
mod all;
pub(crate) mod choice;
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
mod generic;
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
mod instantiate;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm32;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub(crate) use aarch64::Quad;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::{Ymm, Zmm};

use choice::{Choice, TileChoice, choose};

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
    pub requant: unsafe fn(TileChoice, &GemmInput<'_>, &Requant<'_>, &mut [u8], usize, &mut [u8]),
    pub dynamic: unsafe fn(TileChoice, &GemmInput<'_>, &Dynamic<'_>, &mut [f32], usize, &mut [u8]),
    pub raw: unsafe fn(TileChoice, &GemmInput<'_>, &Raw<'_>, &mut [i32], usize, &mut [u8]),
}

pub(crate) type ConvFn = unsafe fn(TileChoice, &ConvInput<'_>, &Requant<'_>, &mut [u8], usize, &mut [u8]);
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
            Level::AvxVnni => {
                use x86_64::avx_vnni as $set;
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
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128", not(target_feature = "relaxed-simd")))]
            Level::WasmSimd128 => {
                use wasm32::simd128 as $set;
                $expression
            }
            #[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
            Level::WasmRelaxedSimd => {
                use wasm32::relaxed_simd as $set;
                $expression
            }
        }
    };
}

#[cfg(all(target_arch = "wasm32", target_feature = "relaxed-simd"))]
pub(crate) use wasm32::relaxed_simd::{detect as relaxed_dots_are_exact, is_signed as relaxed_dots_are_signed};

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

/// Rows of the products that a convolution with these windows consists of.
pub(crate) fn conv_rows(isa: Isa, taps: &Taps<'_>) -> usize {
    dispatch!(isa, taps.points(), set => generic::conv::rows(set::TILES.form, taps))
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

/// See [`crate::peak`].
#[cfg_attr(target_arch = "wasm32", expect(unused_variables, reason = "WebAssembly has no yardsticks"))]
pub(crate) fn peak_int8(isa: Isa, rounds: u32) -> Option<u64> {
    match isa.level() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level is proof of the features.
        Level::Avx2 => Some(unsafe { x86_64::peak::avx2_int8(rounds) }),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::AvxVnni => Some(unsafe { x86_64::peak::avx_vnni_int8(rounds) }),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::Avx512Vnni => Some(unsafe { x86_64::peak::avx512_int8(rounds) }),
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        Level::Neon => Some(unsafe { aarch64::peak::neon_int8(rounds) }),
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        Level::NeonDotprod => Some(unsafe { aarch64::peak::dotprod_int8(rounds) }),
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        Level::NeonI8mm => Some(unsafe { aarch64::peak::i8mm_int8(rounds) }),
        _ => None,
    }
}

/// See [`crate::peak`].
#[cfg_attr(target_arch = "wasm32", expect(unused_variables, reason = "WebAssembly has no yardsticks"))]
pub(crate) fn peak_f32(isa: Isa, rounds: u32) -> Option<u64> {
    match isa.level() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level is proof of AVX512.
        Level::Avx512Vnni => Some(unsafe { x86_64::peak::avx512_f32(rounds) }),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::AvxVnni if isa.fuses() => {
            // SAFETY: what fuses has FMA, and the level AVX2.
            Some(unsafe { x86_64::peak::fma_f32(rounds) })
        }
        #[cfg(target_arch = "x86_64")]
        // SAFETY: each of the levels is proof of AVX2.
        Level::Avx2 | Level::AvxVnni => Some(unsafe { x86_64::peak::avx2_f32(rounds) }),
        #[cfg(target_arch = "aarch64")]
        // SAFETY: each of the levels is proof of NEON.
        Level::Neon | Level::NeonDotprod | Level::NeonI8mm => Some(unsafe { aarch64::peak::neon_f32(rounds) }),
        _ => None,
    }
}

/// Three channels side by side; see [`crate::interleave3`].
pub(crate) fn interleave3(isa: Isa, planes: [&[u8]; 3], out: &mut [u8]) {
    match isa.level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::AvxVnni | Level::Avx512Vnni => {
            // SAFETY: each of the levels is proof of AVX2.
            unsafe { x86_64::avx2::interleave3(planes, out) }
        }
        #[cfg(target_arch = "aarch64")]
        Level::Neon | Level::NeonDotprod | Level::NeonI8mm => {
            // SAFETY: each of the levels is proof of NEON.
            unsafe { aarch64::neon::interleave3(planes, out) }
        }
        _ => all::interleave3(planes, out),
    }
}

/// Four channels side by side; see [`crate::interleave4`]. Not inlined, lest it be compiled for size like its caller.
#[inline(never)]
pub(crate) fn interleave4(isa: Isa, planes: [&[u8]; 4], out: &mut [u8]) {
    match isa.level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::AvxVnni | Level::Avx512Vnni => {
            // SAFETY: each of the levels is proof of AVX2.
            unsafe { x86_64::avx2::interleave4(planes, out) }
        }
        _ => all::interleave4(planes, out),
    }
}

/// The table of an instruction set whose tiles have been timed, or an empty one.
fn gemm_choices(isa: Isa) -> &'static [Choice] {
    match isa.level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => x86_64::avx2::CHOICES,
        #[cfg(target_arch = "x86_64")]
        Level::Avx512Vnni => x86_64::avx512_vnni::CHOICES,
        _ => &[],
    }
}

/// The tile for products of the shape `[m, n, k]`.
pub(crate) fn gemm_choice(isa: Isa, shape: [usize; 3]) -> TileChoice {
    let chosen = choose(gemm_choices(isa), shape);
    dispatch!(isa, chosen.unwrap_or(TileChoice { panels: 1, rows: 1 }), set => {
        set::TILES.fit(chosen.unwrap_or_else(|| set::TILES.widest()), shape[1])
    })
}

/// Rows of the largest tile of this many panels and at most `limit` rows, if there is one.
fn gemm_rows(isa: Isa, panels: usize, limit: usize) -> Option<usize> {
    dispatch!(isa, (panels == 1 && limit > 0).then_some(1), set => set::TILES.rows(panels, limit))
}

/// All tiles that cut products of `m` rows and `n` channels each in another way.
pub(crate) fn gemm_candidates(isa: Isa, m: usize, n: usize) -> impl Iterator<Item = TileChoice> {
    let widths = 1..=n.div_ceil(PANEL).max(1);
    let families = widths.map_while(move |panels| Some((panels, gemm_rows(isa, panels, m.max(1))?)));
    families.flat_map(move |(panels, largest)| {
        let sizes = core::iter::successors(Some(largest), move |rows| gemm_rows(isa, panels, rows - 1));
        sizes.map(move |rows| TileChoice { panels, rows })
    })
}

/// The tile that most of a product of `m` rows is cut into.
pub(crate) fn gemm_tile(isa: Isa, choice: TileChoice, m: usize) -> Tile {
    match isa.kind() {
        IsaKind::Reference => SCALAR,
        _ => {
            let rows = gemm_rows(isa, choice.panels, choice.rows.min(m)).unwrap_or(1);
            Tile::Product { rows, channels: choice.panels * PANEL, depth: GROUP }
        }
    }
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
