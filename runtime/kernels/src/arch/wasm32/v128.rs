//! What both instruction sets share: a panel is four registers of 4 channels.

use core::arch::wasm32::*;

use crate::arch::generic::COMPACT;
use crate::arch::generic::simd::Bounds;

/// The bytes of two vectors in turns.
#[inline]
#[target_feature(enable = "simd128")]
pub(super) fn interleave(a: v128, b: v128) -> [v128; 2] {
    [
        i8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(a, b),
        i8x16_shuffle::<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>(a, b),
    ]
}

/// The lower eight bytes of two vectors in turns.
#[cfg(target_feature = "relaxed-simd")]
#[inline]
#[target_feature(enable = "simd128")]
pub(super) fn interleave_low(a: v128, b: v128) -> v128 {
    i8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(a, b)
}

/// Writes `len` of the lower and of the upper eight bytes, to a place each.
///
/// # Safety
/// `len` bytes each, 8 at most.
#[cfg(target_feature = "relaxed-simd")]
#[inline]
#[target_feature(enable = "simd128")]
pub(super) unsafe fn store_halves(to: [*mut u8; 2], bytes: v128, len: usize) {
    // SAFETY: the caller's promise; the copy has both halves.
    unsafe {
        if len == 8 {
            v128_store64_lane::<0>(bytes, to[0].cast());
            v128_store64_lane::<1>(bytes, to[1].cast());
            return;
        }
        let mut copy = [0_u8; 16];
        v128_store(copy.as_mut_ptr().cast(), bytes);
        core::ptr::copy_nonoverlapping(copy.as_ptr(), to[0], len);
        core::ptr::copy_nonoverlapping(copy[8..].as_ptr(), to[1], len);
    }
}

/// # Safety
/// 16 bytes each.
#[inline]
#[target_feature(enable = "simd128")]
pub(super) unsafe fn load_taps(from: [*const u8; 4]) -> [v128; 4] {
    // SAFETY: the caller's promise.
    from.map(|tap| unsafe { v128_load(tap.cast()) })
}

/// The sum of four integers, wrapping.
#[inline]
#[target_feature(enable = "simd128")]
pub(super) fn lanes_sum(sums: v128) -> i32 {
    let pairs = i32x4_add(sums, i64x2_shuffle::<1, 0>(sums, sums));
    i32x4_extract_lane::<0>(pairs).wrapping_add(i32x4_extract_lane::<1>(pairs))
}

/// # Safety
/// `len` integers.
#[inline]
#[target_feature(enable = "simd128")]
pub(super) unsafe fn load_i32(from: *const i32, len: usize) -> [v128; 4] {
    // SAFETY: the caller's promise; the copy has 16 integers.
    unsafe {
        if len == 16 {
            return [0, 4, 8, 12].map(|at| v128_load(from.add(at).cast()));
        }
        if !COMPACT && len == 8 {
            return [v128_load(from.cast()), v128_load(from.add(4).cast()), i32x4_splat(0), i32x4_splat(0)];
        }
        let mut copy = [0_i32; 16];
        core::ptr::copy_nonoverlapping(from, copy.as_mut_ptr(), len);
        [0, 4, 8, 12].map(|at| v128_load(copy[at..].as_ptr().cast()))
    }
}

/// # Safety
/// `len` integers.
#[inline]
#[target_feature(enable = "simd128")]
pub(super) unsafe fn store_i32(to: *mut i32, value: [v128; 4], len: usize) {
    // SAFETY: the caller's promise; the copy has 16 integers.
    unsafe {
        if len == 16 {
            for (i, value) in value.into_iter().enumerate() {
                v128_store(to.add(i * 4).cast(), value);
            }
            return;
        }
        let mut copy = [0_i32; 16];
        for (i, value) in value.into_iter().enumerate() {
            v128_store(copy[i * 4..].as_mut_ptr().cast(), value);
        }
        core::ptr::copy_nonoverlapping(copy.as_ptr(), to, len);
    }
}

/// # Safety
/// `len` bytes.
#[inline]
#[target_feature(enable = "simd128")]
pub(super) unsafe fn store_u8(to: *mut u8, value: v128, len: usize) {
    let mut copy = [0_u8; 16];
    // SAFETY: the copy has 16 bytes, and the caller promises `len`.
    unsafe {
        if len == 16 {
            return v128_store(to.cast(), value);
        }
        if !COMPACT && len == 8 {
            return v128_store64_lane::<0>(value, to.cast());
        }
        v128_store(copy.as_mut_ptr().cast(), value);
        core::ptr::copy_nonoverlapping(copy.as_ptr(), to, len);
    }
}

/// The 16 bytes as integers.
#[inline]
#[target_feature(enable = "simd128")]
pub(super) fn widen(bytes: v128) -> [v128; 4] {
    let (low, high) = (u16x8_extend_low_u8x16(bytes), u16x8_extend_high_u8x16(bytes));
    [
        u32x4_extend_low_u16x8(low),
        u32x4_extend_high_u16x8(low),
        u32x4_extend_low_u16x8(high),
        u32x4_extend_high_u16x8(high),
    ]
}

/// See `Simd::narrow`, for one vector.
#[inline]
#[target_feature(enable = "simd128")]
pub(super) fn narrow(q: [v128; 4], bounds: &Bounds<[v128; 4]>) -> v128 {
    let (low, high) = (i16x8_narrow_i32x4(q[0], q[1]), i16x8_narrow_i32x4(q[2], q[3]));
    if bounds.plain {
        return u8x16_narrow_i16x8(low, high);
    }
    let (low, high) = (i16x8_add_sat(low, bounds.zero[0]), i16x8_add_sat(high, bounds.zero[0]));
    u8x16_max(u8x16_min(u8x16_narrow_i16x8(low, high), bounds.hi[0]), bounds.lo[0])
}

/// See `Simd::min_f32`. `pmin` gives its first operand unless the second is smaller, as for what is no number it never is. But in a
/// build with relaxed instructions the compiler takes `f32x4.relaxed_min` for it, which may give either operand then.
#[inline]
#[target_feature(enable = "simd128")]
pub(super) fn min(a: v128, b: v128) -> v128 {
    if cfg!(target_feature = "relaxed-simd") { v128_bitselect(a, b, f32x4_lt(a, b)) } else { f32x4_pmin(b, a) }
}

/// See `Simd::round`. Added to 1.5 * 2^23 a number's fraction has no bits left, and IEEE addition rounds ties to even; that
/// takes a number of magnitude up to 2^22. A conversion that saturates would cost an engine on x86 several instructions.
#[inline]
#[target_feature(enable = "simd128")]
pub(super) fn round(value: v128) -> v128 {
    let (least, magic) = (f32x4_splat(-4_194_304.0), f32x4_splat(12_582_912.0));
    i32x4_sub(f32x4_add(f32x4_pmax(value, least), magic), magic)
}

/// The same of numbers from -12 million on.
#[cfg(target_feature = "relaxed-simd")]
#[inline]
#[target_feature(enable = "simd128")]
pub(super) fn round_large(value: v128) -> v128 {
    let magic = f32x4_splat(12_582_912.0);
    i32x4_sub(f32x4_add(value, magic), magic)
}

/// The methods of `Simd` for integers and numbers.
macro_rules! lanes {
    (round: $round:path) => {
        type I32 = [v128; 4];
        type F32 = [v128; 4];
        type Bytes = [v128; 4];

        #[inline]
        #[target_feature(enable = "simd128")]
        unsafe fn splat_i32(value: i32) -> [v128; 4] {
            [i32x4_splat(value); 4]
        }
        #[inline]
        #[target_feature(enable = "simd128")]
        unsafe fn load_i32(from: *const i32, len: usize) -> [v128; 4] {
            // SAFETY: the caller's promise.
            unsafe { $crate::arch::wasm32::v128::load_i32(from, len) }
        }
        #[inline]
        #[target_feature(enable = "simd128")]
        unsafe fn store_i32(to: *mut i32, value: [v128; 4], len: usize) {
            // SAFETY: the caller's promise.
            unsafe { $crate::arch::wasm32::v128::store_i32(to, value, len) }
        }
        #[inline]
        #[target_feature(enable = "simd128")]
        unsafe fn load_u8(from: *const u8) -> [v128; 4] {
            // SAFETY: the caller's promise of 16 bytes.
            $crate::arch::wasm32::v128::widen(unsafe { v128_load(from.cast()) })
        }
        #[inline]
        #[target_feature(enable = "simd128")]
        unsafe fn narrow(q: [[v128; 4]; 4], bounds: &$crate::arch::generic::simd::Bounds<[v128; 4]>) -> [v128; 4] {
            use $crate::arch::wasm32::v128::narrow;
            if $crate::arch::generic::COMPACT {
                q.map(|q| narrow(q, bounds))
            } else {
                [narrow(q[0], bounds), narrow(q[1], bounds), narrow(q[2], bounds), narrow(q[3], bounds)]
            }
        }
        #[inline]
        #[target_feature(enable = "simd128")]
        unsafe fn store_u8(to: *mut u8, bytes: [v128; 4], at: usize, len: usize) {
            // SAFETY: the caller's promise.
            unsafe { $crate::arch::wasm32::v128::store_u8(to, bytes[at], len) }
        }
        #[inline]
        #[target_feature(enable = "simd128")]
        unsafe fn add(a: [v128; 4], b: [v128; 4]) -> [v128; 4] {
            [i32x4_add(a[0], b[0]), i32x4_add(a[1], b[1]), i32x4_add(a[2], b[2]), i32x4_add(a[3], b[3])]
        }
        #[inline]
        #[target_feature(enable = "simd128")]
        unsafe fn sub(a: [v128; 4], b: [v128; 4]) -> [v128; 4] {
            [i32x4_sub(a[0], b[0]), i32x4_sub(a[1], b[1]), i32x4_sub(a[2], b[2]), i32x4_sub(a[3], b[3])]
        }
        #[inline]
        #[target_feature(enable = "simd128")]
        unsafe fn mul(a: [v128; 4], b: [v128; 4]) -> [v128; 4] {
            [i32x4_mul(a[0], b[0]), i32x4_mul(a[1], b[1]), i32x4_mul(a[2], b[2]), i32x4_mul(a[3], b[3])]
        }
        #[inline]
        #[target_feature(enable = "simd128")]
        unsafe fn splat_f32(value: f32) -> [v128; 4] {
            [f32x4_splat(value); 4]
        }
        #[inline]
        #[target_feature(enable = "simd128")]
        unsafe fn load_f32(from: *const f32, len: usize) -> [v128; 4] {
            // SAFETY: the caller's promise; every bit pattern is a number.
            unsafe { Self::load_i32(from.cast(), len) }
        }
        #[inline]
        #[target_feature(enable = "simd128")]
        unsafe fn store_f32(to: *mut f32, value: [v128; 4], len: usize) {
            // SAFETY: the caller's promise.
            unsafe { Self::store_i32(to.cast(), value, len) }
        }
        #[inline]
        #[target_feature(enable = "simd128")]
        unsafe fn to_f32(value: [v128; 4]) -> [v128; 4] {
            value.map(|value| f32x4_convert_i32x4(value))
        }
        #[inline]
        #[target_feature(enable = "simd128")]
        unsafe fn round(value: [v128; 4]) -> [v128; 4] {
            value.map(|value| $round(value))
        }
        #[inline]
        #[target_feature(enable = "simd128")]
        unsafe fn add_f32(a: [v128; 4], b: [v128; 4]) -> [v128; 4] {
            [f32x4_add(a[0], b[0]), f32x4_add(a[1], b[1]), f32x4_add(a[2], b[2]), f32x4_add(a[3], b[3])]
        }
        #[inline]
        #[target_feature(enable = "simd128")]
        unsafe fn mul_f32(a: [v128; 4], b: [v128; 4]) -> [v128; 4] {
            [f32x4_mul(a[0], b[0]), f32x4_mul(a[1], b[1]), f32x4_mul(a[2], b[2]), f32x4_mul(a[3], b[3])]
        }
        #[inline]
        #[target_feature(enable = "simd128")]
        unsafe fn div_f32(a: [v128; 4], b: [v128; 4]) -> [v128; 4] {
            [f32x4_div(a[0], b[0]), f32x4_div(a[1], b[1]), f32x4_div(a[2], b[2]), f32x4_div(a[3], b[3])]
        }
        #[inline]
        #[target_feature(enable = "simd128")]
        unsafe fn min_f32(a: [v128; 4], b: [v128; 4]) -> [v128; 4] {
            use $crate::arch::wasm32::v128::min;
            [min(a[0], b[0]), min(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])]
        }
    };
}

pub(super) use lanes;
