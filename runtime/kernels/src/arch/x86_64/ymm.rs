//! What all instruction sets of 256-bit vectors share: a panel is two registers.

use core::arch::x86_64::*;

use crate::arch::generic::simd::Bounds;

/// Which of 8 lanes lie below `len`, for masked loads and stores.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn mask(len: usize) -> __m256i {
    let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    _mm256_cmpgt_epi32(_mm256_set1_epi32(len.min(8) as i32), lanes)
}

/// Four vectors of 16 channels as `[16][4]`, 4 channels in each register.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn interleave(taps: [__m128i; 4]) -> [__m128i; 4] {
    let [a, b, c, d] = taps;
    let (ab_low, ab_high) = (_mm_unpacklo_epi8(a, b), _mm_unpackhi_epi8(a, b));
    let (cd_low, cd_high) = (_mm_unpacklo_epi8(c, d), _mm_unpackhi_epi8(c, d));
    [
        _mm_unpacklo_epi16(ab_low, cd_low),
        _mm_unpackhi_epi16(ab_low, cd_low),
        _mm_unpacklo_epi16(ab_high, cd_high),
        _mm_unpackhi_epi16(ab_high, cd_high),
    ]
}

/// # Safety
/// 16 bytes each.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn load_taps(from: [*const u8; 4]) -> [__m128i; 4] {
    // SAFETY: the caller's promise.
    unsafe {
        [
            _mm_loadu_si128(from[0].cast()),
            _mm_loadu_si128(from[1].cast()),
            _mm_loadu_si128(from[2].cast()),
            _mm_loadu_si128(from[3].cast()),
        ]
    }
}

/// # Safety
/// `len` bytes.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn byte_sum(from: *const u8, len: usize) -> i32 {
    let mut sum = _mm256_setzero_si256();
    let whole = len / 32 * 32;
    for at in (0..whole).step_by(32) {
        // SAFETY: 32 bytes are left.
        let bytes = unsafe { _mm256_loadu_si256(from.add(at).cast()) };
        sum = _mm256_add_epi64(sum, _mm256_sad_epu8(bytes, _mm256_setzero_si256()));
    }
    let halves = _mm_add_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
    let mut total = (_mm_extract_epi64::<0>(halves) as i32).wrapping_add(_mm_extract_epi64::<1>(halves) as i32);
    for at in whole..len {
        // SAFETY: the caller's promise.
        total = total.wrapping_add(i32::from(unsafe { *from.add(at) }));
    }
    total
}

/// See `Simd::narrow`, for two vectors.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn narrow(q: [[__m256i; 2]; 2], bounds: &Bounds<[__m256i; 2]>) -> __m256i {
    let mut words = [_mm256_packs_epi32(q[0][0], q[0][1]), _mm256_packs_epi32(q[1][0], q[1][1])];
    if !bounds.plain {
        words = [_mm256_adds_epi16(words[0], bounds.zero[0]), _mm256_adds_epi16(words[1], bounds.zero[0])];
    }
    let mut bytes = _mm256_packus_epi16(words[0], words[1]);
    if !bounds.plain {
        bytes = _mm256_max_epu8(_mm256_min_epu8(bytes, bounds.hi[0]), bounds.lo[0]);
    }
    // In each 128 bits the packs leave 4 channels of each of the four registers.
    _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
}

/// # Safety
/// `len` bytes.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn store_u8(to: *mut u8, value: __m128i, len: usize) {
    // SAFETY: the caller promises `len` bytes; each step advances by what it has written.
    unsafe {
        if len == 16 {
            return _mm_storeu_si128(to.cast(), value);
        }
        let (mut to, mut left) = (to, value);
        if len & 8 != 0 {
            _mm_storel_epi64(to.cast(), left);
            left = _mm_unpackhi_epi64(left, left);
            to = to.add(8);
        }
        let mut rest = _mm_cvtsi128_si64(left) as u64;
        if len & 4 != 0 {
            to.cast::<u32>().write_unaligned(rest as u32);
            rest >>= 32;
            to = to.add(4);
        }
        if len & 2 != 0 {
            to.cast::<u16>().write_unaligned(rest as u16);
            rest >>= 16;
            to = to.add(2);
        }
        if len & 1 != 0 {
            to.write(rest as u8);
        }
    }
}

/// The methods of `Simd` for integers and numbers, on pairs of registers.
macro_rules! lanes {
    () => {
        type I32 = [__m256i; 2];
        type F32 = [__m256; 2];
        type Bytes = [__m256i; 2];

        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn splat_i32(value: i32) -> Self::I32 {
            [_mm256_set1_epi32(value); 2]
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn load_i32(from: *const i32, len: usize) -> Self::I32 {
            use $crate::arch::x86_64::ymm::mask;
            // SAFETY: the caller's promise of `len` integers; masked lanes are not read.
            unsafe {
                if len == 16 {
                    return [_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(8).cast())];
                }
                [
                    _mm256_maskload_epi32(from, mask(len)),
                    _mm256_maskload_epi32(from.wrapping_add(8), mask(len.saturating_sub(8))),
                ]
            }
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn store_i32(to: *mut i32, value: Self::I32, len: usize) {
            use $crate::arch::x86_64::ymm::mask;
            // SAFETY: the caller's promise of `len` integers; masked lanes are not written.
            unsafe {
                _mm256_maskstore_epi32(to, mask(len), value[0]);
                _mm256_maskstore_epi32(to.wrapping_add(8), mask(len.saturating_sub(8)), value[1]);
            }
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn load_u8(from: *const u8) -> Self::I32 {
            // SAFETY: the caller's promise of 16 bytes.
            let bytes = unsafe { _mm_loadu_si128(from.cast()) };
            [_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_unpackhi_epi64(bytes, bytes))]
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn narrow(q: [Self::I32; 4], bounds: &$crate::arch::generic::simd::Bounds<Self::I32>) -> Self::Bytes {
            use $crate::arch::x86_64::ymm::narrow;
            [narrow([q[0], q[1]], bounds), narrow([q[2], q[3]], bounds)]
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn store_u8(to: *mut u8, bytes: Self::Bytes, at: usize, len: usize) {
            let pair = bytes[at / 2];
            let value = if at % 2 == 0 { _mm256_castsi256_si128(pair) } else { _mm256_extracti128_si256::<1>(pair) };
            // SAFETY: the caller's promise.
            unsafe { $crate::arch::x86_64::ymm::store_u8(to, value, len) }
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn store_pair(to: *mut u8, bytes: Self::Bytes, at: usize, len: usize) {
            // SAFETY: the caller's promise.
            unsafe {
                if len == 32 {
                    return _mm256_storeu_si256(to.cast(), bytes[at / 2]);
                }
                Self::store_u8(to, bytes, at, 16);
                Self::store_u8(to.add(16), bytes, at + 1, len - 16);
            }
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn add(a: Self::I32, b: Self::I32) -> Self::I32 {
            [_mm256_add_epi32(a[0], b[0]), _mm256_add_epi32(a[1], b[1])]
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn sub(a: Self::I32, b: Self::I32) -> Self::I32 {
            [_mm256_sub_epi32(a[0], b[0]), _mm256_sub_epi32(a[1], b[1])]
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn mul(a: Self::I32, b: Self::I32) -> Self::I32 {
            [_mm256_mullo_epi32(a[0], b[0]), _mm256_mullo_epi32(a[1], b[1])]
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn splat_f32(value: f32) -> Self::F32 {
            [_mm256_set1_ps(value); 2]
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn load_f32(from: *const f32, len: usize) -> Self::F32 {
            // SAFETY: the caller's promise; every bit pattern is a number.
            let bits = unsafe { Self::load_i32(from.cast(), len) };
            [_mm256_castsi256_ps(bits[0]), _mm256_castsi256_ps(bits[1])]
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn store_f32(to: *mut f32, value: Self::F32, len: usize) {
            let bits = [_mm256_castps_si256(value[0]), _mm256_castps_si256(value[1])];
            // SAFETY: the caller's promise.
            unsafe { Self::store_i32(to.cast(), bits, len) }
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn to_f32(value: Self::I32) -> Self::F32 {
            [_mm256_cvtepi32_ps(value[0]), _mm256_cvtepi32_ps(value[1])]
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn round(value: Self::F32) -> Self::I32 {
            [_mm256_cvtps_epi32(value[0]), _mm256_cvtps_epi32(value[1])]
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn add_f32(a: Self::F32, b: Self::F32) -> Self::F32 {
            [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])]
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn mul_f32(a: Self::F32, b: Self::F32) -> Self::F32 {
            [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])]
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn div_f32(a: Self::F32, b: Self::F32) -> Self::F32 {
            [_mm256_div_ps(a[0], b[0]), _mm256_div_ps(a[1], b[1])]
        }
        #[inline]
        #[target_feature(enable = "avx2")]
        unsafe fn min_f32(a: Self::F32, b: Self::F32) -> Self::F32 {
            [_mm256_min_ps(a[0], b[0]), _mm256_min_ps(a[1], b[1])]
        }
    };
}

pub(super) use lanes;
