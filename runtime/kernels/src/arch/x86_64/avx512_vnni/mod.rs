//! 512-bit vectors with byte dot products: a panel of sums is one register.

mod depthwise;
mod elementwise;
mod gemm;
mod pool;

use core::arch::x86_64::*;

use crate::arch::generic::simd::{Bounds, Simd};
use crate::arch::generic::tile::Tile;

pub(crate) use depthwise::{depthwise, depthwise_scratch};
pub(crate) use elementwise::ELEMENTWISE;
pub(crate) use gemm::{CHOICES, CONV, GEMM, TILES};
pub(crate) use pool::POOL;

#[derive(Clone, Copy)]
struct Zmm;

/// Index of the byte that goes to each place when four vectors of 16 channels become `[16][4]`.
const INTERLEAVE: [u8; 64] = {
    let mut index = [0; 64];
    let mut i = 0;
    while i < 64 {
        index[i] = (i % 4 * 16 + i / 4) as u8;
        i += 1;
    }
    index
};

/// The first `len` lanes.
fn mask(len: usize) -> __mmask16 {
    (u32::MAX >> (32 - len)) as u16
}

/// See `Simd::narrow`, but each 128 bits of the result have four bytes of each vector.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
fn pack(q: [__m512i; 4], bounds: &Bounds<__m512i>) -> __m512i {
    let mut words = [_mm512_packs_epi32(q[0], q[1]), _mm512_packs_epi32(q[2], q[3])];
    if !bounds.plain {
        words = [_mm512_adds_epi16(words[0], bounds.zero), _mm512_adds_epi16(words[1], bounds.zero)];
    }
    let mut bytes = _mm512_packus_epi16(words[0], words[1]);
    if !bounds.plain {
        bytes = _mm512_max_epu8(_mm512_min_epu8(bytes, bounds.hi), bounds.lo);
    }
    bytes
}

macro_rules! zmm {
    ($($(#[$attribute:meta])* fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty $body:block)*) => {$(
        $(#[$attribute])*
        #[inline]
        #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
        unsafe fn $name($($argument: $type),*) -> $result $body
    )*};
}

impl Simd for Zmm {
    type I32 = __m512i;
    type F32 = __m512;
    type Bytes = __m512i;
    type Acc = __m512i;
    type Splat = __m512i;
    type Quads = __m512i;
    type Weights = __m512i;

    const MULTIPLIES: bool = true;

    #[inline]
    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
    unsafe fn narrow(q: [__m512i; 4], bounds: &Bounds<__m512i>) -> __m512i {
        let bytes = pack(q, bounds);
        // In each 128 bits the packs leave 4 channels of each vector.
        let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        _mm512_permutexvar_epi32(order, bytes)
    }

    #[inline(always)]
    unsafe fn products<const MR: usize, const NP: usize, const KU: usize>(
        tile: &Tile,
        init: [[__m512i; NP]; MR],
    ) -> [[__m512i; NP]; MR] {
        // SAFETY: the caller's promise.
        unsafe { gemm::products::<MR, NP, KU>(tile, init) }
    }

    zmm! {
        fn start(from: __m512i) -> __m512i { from }
        fn sum(acc: __m512i) -> __m512i { acc }
        fn splat(from: *const u8) -> __m512i {
            // SAFETY: the caller's promise of 4 bytes.
            _mm512_set1_epi32(unsafe { from.cast::<i32>().read_unaligned() })
        }
        fn weights(from: *const i8) -> __m512i {
            // SAFETY: the caller's promise of 64 bytes.
            unsafe { _mm512_loadu_si512(from.cast()) }
        }
        fn dot(acc: __m512i, a: __m512i, w: __m512i) -> __m512i { _mm512_dpbusd_epi32(acc, a, w) }
        fn quads(from: [*const u8; 4]) -> __m512i {
            // SAFETY: the caller's promise of 16 bytes each; the table has 64.
            unsafe {
                let [first, second, third, fourth] = from.map(|from| _mm_loadu_si128(from.cast()));
                // Loads that leave the other lanes alone take less of the port for shuffles than insertions do.
                let mut taps = _mm512_castsi128_si512(first);
                taps = _mm512_mask_broadcast_i32x4(taps, 0x00f0, second);
                taps = _mm512_mask_broadcast_i32x4(taps, 0x0f00, third);
                taps = _mm512_mask_broadcast_i32x4(taps, 0xf000, fourth);
                _mm512_permutexvar_epi8(_mm512_loadu_si512(INTERLEAVE.as_ptr().cast()), taps)
            }
        }
        fn dot_quads(acc: __m512i, a: __m512i, w: __m512i) -> __m512i { _mm512_dpbusd_epi32(acc, a, w) }
        fn row_sum(from: *const u8, len: usize) -> i32 {
            let ones = _mm512_set1_epi8(1);
            let mut sum = _mm512_setzero_si512();
            for at in (0..len).step_by(64) {
                let mask = u64::MAX >> (64 - (len - at).min(64));
                // SAFETY: the mask ends where the caller's bytes do.
                let bytes = unsafe { _mm512_maskz_loadu_epi8(mask, from.add(at).cast()) };
                sum = _mm512_dpbusd_epi32(sum, bytes, ones);
            }
            _mm512_reduce_add_epi32(sum)
        }
        fn splat_i32(value: i32) -> __m512i { _mm512_set1_epi32(value) }
        fn load_i32(from: *const i32, len: usize) -> __m512i {
            // SAFETY: the caller's promise of `len` integers.
            unsafe { _mm512_maskz_loadu_epi32(mask(len), from) }
        }
        fn store_i32(to: *mut i32, value: __m512i, len: usize) -> () {
            // SAFETY: the caller's promise of `len` integers.
            unsafe { _mm512_mask_storeu_epi32(to, mask(len), value) }
        }
        fn load_u8(from: *const u8) -> __m512i {
            // SAFETY: the caller's promise of 16 bytes.
            _mm512_cvtepu8_epi32(unsafe { _mm_loadu_si128(from.cast()) })
        }
        fn store_u8(to: *mut u8, bytes: __m512i, at: usize, len: usize) -> () {
            let value = match at {
                0 => _mm512_castsi512_si128(bytes),
                1 => _mm512_extracti32x4_epi32::<1>(bytes),
                2 => _mm512_extracti32x4_epi32::<2>(bytes),
                _ => _mm512_extracti32x4_epi32::<3>(bytes),
            };
            // SAFETY: the caller's promise of `len` bytes.
            unsafe { _mm_mask_storeu_epi8(to.cast(), mask(len), value) }
        }
        fn store_pair(to: *mut u8, bytes: __m512i, at: usize, len: usize) -> () {
            let value = if at == 0 { _mm512_castsi512_si256(bytes) } else { _mm512_extracti64x4_epi64::<1>(bytes) };
            // SAFETY: the caller's promise of `len` bytes.
            unsafe { _mm256_mask_storeu_epi8(to.cast(), u32::MAX >> (32 - len), value) }
        }
        fn store_four(to: *mut u8, bytes: __m512i, len: usize) -> () {
            // SAFETY: the caller's promise of `len` bytes.
            unsafe { _mm512_mask_storeu_epi8(to.cast(), u64::MAX >> (64 - len), bytes) }
        }
        fn add(a: __m512i, b: __m512i) -> __m512i { _mm512_add_epi32(a, b) }
        fn sub(a: __m512i, b: __m512i) -> __m512i { _mm512_sub_epi32(a, b) }
        fn mul(a: __m512i, b: __m512i) -> __m512i { _mm512_mullo_epi32(a, b) }
        fn splat_f32(value: f32) -> __m512 { _mm512_set1_ps(value) }
        fn load_f32(from: *const f32, len: usize) -> __m512 {
            // SAFETY: the caller's promise of `len` numbers.
            unsafe { _mm512_maskz_loadu_ps(mask(len), from) }
        }
        fn store_f32(to: *mut f32, value: __m512, len: usize) -> () {
            // SAFETY: the caller's promise of `len` numbers.
            unsafe { _mm512_mask_storeu_ps(to, mask(len), value) }
        }
        fn to_f32(value: __m512i) -> __m512 { _mm512_cvtepi32_ps(value) }
        fn round(value: __m512) -> __m512i { _mm512_cvtps_epi32(value) }
        fn add_f32(a: __m512, b: __m512) -> __m512 { _mm512_add_ps(a, b) }
        fn mul_f32(a: __m512, b: __m512) -> __m512 { _mm512_mul_ps(a, b) }
        fn div_f32(a: __m512, b: __m512) -> __m512 { _mm512_div_ps(a, b) }
        fn quotient(a: __m512, b: __m512, inverse: __m512) -> __m512 {
            let estimate = _mm512_mul_ps(a, inverse);
            let remainder = _mm512_fnmadd_ps(estimate, b, a);
            let small = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(_mm512_abs_ps(estimate), _mm512_set1_ps(1_048_576.0));
            // What is infinite or no number stays as it is.
            _mm512_mask3_fmadd_ps(remainder, inverse, estimate, small)
        }
        fn min_f32(a: __m512, b: __m512) -> __m512 { _mm512_min_ps(a, b) }
    }
}
