//! What all instruction sets of 128-bit vectors share: a panel is four registers.

use core::arch::aarch64::*;

use crate::arch::generic::simd::Bounds;

/// Four vectors of 16 channels as `[16][4]`, 4 channels in each register.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn interleave(taps: [uint8x16_t; 4]) -> [uint8x16_t; 4] {
    let [a, b, c, d] = taps;
    let words = |a, b| [vreinterpretq_u16_u8(vzip1q_u8(a, b)), vreinterpretq_u16_u8(vzip2q_u8(a, b))];
    let (ab, cd) = (words(a, b), words(c, d));
    [
        vreinterpretq_u8_u16(vzip1q_u16(ab[0], cd[0])),
        vreinterpretq_u8_u16(vzip2q_u16(ab[0], cd[0])),
        vreinterpretq_u8_u16(vzip1q_u16(ab[1], cd[1])),
        vreinterpretq_u8_u16(vzip2q_u16(ab[1], cd[1])),
    ]
}

/// # Safety
/// 16 bytes each.
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn load_taps(from: [*const u8; 4]) -> [uint8x16_t; 4] {
    // SAFETY: the caller's promise.
    unsafe { [vld1q_u8(from[0]), vld1q_u8(from[1]), vld1q_u8(from[2]), vld1q_u8(from[3])] }
}

/// Reads 64 bytes.
///
/// # Safety
/// 64 bytes.
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn load_weights(from: *const i8) -> [int8x16_t; 4] {
    // SAFETY: the caller's promise.
    unsafe { [vld1q_s8(from), vld1q_s8(from.add(16)), vld1q_s8(from.add(32)), vld1q_s8(from.add(48))] }
}

/// Reads 4 bytes and repeats them.
///
/// # Safety
/// 4 bytes.
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn load_group(from: *const u8) -> uint8x16_t {
    // SAFETY: the caller's promise.
    vreinterpretq_u8_u32(vdupq_n_u32(unsafe { from.cast::<u32>().read_unaligned() }))
}

/// Bytes without sign as bytes with one, 128 less.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn flip(bytes: uint8x16_t) -> int8x16_t {
    vreinterpretq_s8_u8(veorq_u8(bytes, vdupq_n_u8(0x80)))
}

/// # Safety
/// `len` bytes.
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn byte_sum(from: *const u8, len: usize) -> i32 {
    let mut sum = vdupq_n_u32(0);
    let whole = len / 16 * 16;
    for at in (0..whole).step_by(16) {
        // SAFETY: 16 bytes are left.
        sum = vpadalq_u16(sum, vpaddlq_u8(unsafe { vld1q_u8(from.add(at)) }));
    }
    let mut total = vaddvq_u32(sum) as i32;
    for at in whole..len {
        // SAFETY: the caller's promise.
        total = total.wrapping_add(i32::from(unsafe { *from.add(at) }));
    }
    total
}

/// Copies fewer than 16 integers, in steps of constant lengths.
///
/// # Safety
/// Both pointers are valid for `len` integers, and the two do not overlap.
#[inline(always)]
unsafe fn copy_short(from: *const i32, to: *mut i32, len: usize) {
    let (mut from, mut to) = (from, to);
    // SAFETY: the caller's promise; each step advances by what it has written.
    unsafe {
        if len & 8 != 0 {
            core::ptr::copy_nonoverlapping(from, to, 8);
            (from, to) = (from.add(8), to.add(8));
        }
        if len & 4 != 0 {
            core::ptr::copy_nonoverlapping(from, to, 4);
            (from, to) = (from.add(4), to.add(4));
        }
        if len & 2 != 0 {
            core::ptr::copy_nonoverlapping(from, to, 2);
            (from, to) = (from.add(2), to.add(2));
        }
        if len & 1 != 0 {
            to.write(from.read());
        }
    }
}

/// See `Simd::narrow`, for one vector.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn narrow(q: [int32x4_t; 4], bounds: &Bounds<[int32x4_t; 4]>) -> uint8x16_t {
    let mut low = vqmovn_high_s32(vqmovn_s32(q[0]), q[1]);
    let mut high = vqmovn_high_s32(vqmovn_s32(q[2]), q[3]);
    if bounds.plain {
        return vqmovun_high_s16(vqmovun_s16(low), high);
    }
    let zero = vreinterpretq_s16_s32(bounds.zero[0]);
    (low, high) = (vqaddq_s16(low, zero), vqaddq_s16(high, zero));
    let bytes = vminq_u8(vqmovun_high_s16(vqmovun_s16(low), high), vreinterpretq_u8_s32(bounds.hi[0]));
    vmaxq_u8(bytes, vreinterpretq_u8_s32(bounds.lo[0]))
}

/// # Safety
/// `len` bytes.
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn store_u8(to: *mut u8, value: uint8x16_t, len: usize) {
    // SAFETY: the caller promises `len` bytes; each step advances by what it has written.
    unsafe {
        if len == 16 {
            return vst1q_u8(to, value);
        }
        let (mut to, mut left) = (to, value);
        if len & 8 != 0 {
            vst1_u8(to, vget_low_u8(left));
            left = vextq_u8::<8>(left, left);
            to = to.add(8);
        }
        let mut rest = vgetq_lane_u64::<0>(vreinterpretq_u64_u8(left));
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

/// # Safety
/// `len` integers.
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn load_i32(from: *const i32, len: usize) -> [int32x4_t; 4] {
    let mut copy = [0_i32; 16];
    // SAFETY: the copy has 16 integers, and the caller promises `len`.
    unsafe {
        let from = if len == 16 {
            from
        } else {
            copy_short(from, copy.as_mut_ptr(), len);
            copy.as_ptr()
        };
        [vld1q_s32(from), vld1q_s32(from.add(4)), vld1q_s32(from.add(8)), vld1q_s32(from.add(12))]
    }
}

/// # Safety
/// `len` integers.
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn store_i32(to: *mut i32, value: [int32x4_t; 4], len: usize) {
    let mut copy = [0_i32; 16];
    // SAFETY: the copy has 16 integers, and the caller promises `len`.
    unsafe {
        let all = if len == 16 { to } else { copy.as_mut_ptr() };
        for (i, value) in value.into_iter().enumerate() {
            vst1q_s32(all.add(4 * i), value);
        }
        if len < 16 {
            copy_short(copy.as_ptr(), to, len);
        }
    }
}

/// The four vectors of 4 integers that 16 bytes become.
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn widen(bytes: uint8x16_t) -> [int32x4_t; 4] {
    let (low, high) = (vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes));
    [
        vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(low))),
        vreinterpretq_s32_u32(vmovl_high_u16(low)),
        vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(high))),
        vreinterpretq_s32_u32(vmovl_high_u16(high)),
    ]
}

/// Methods of `Simd`, each on four registers.
macro_rules! each {
    ($($(#[$attribute:meta])* fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty = $operation:path;)*) => {$(
        $(#[$attribute])*
        #[inline]
        #[target_feature(enable = "neon")]
        unsafe fn $name($($argument: $type),*) -> $result {
            [
                $operation($($argument[0]),*),
                $operation($($argument[1]),*),
                $operation($($argument[2]),*),
                $operation($($argument[3]),*),
            ]
        }
    )*};
}

/// The methods of `Simd` for integers and numbers.
macro_rules! lanes {
    () => {
        type I32 = [int32x4_t; 4];
        type F32 = [float32x4_t; 4];
        type Bytes = [uint8x16_t; 4];

        $crate::arch::aarch64::lanes::each! {
            fn add(a: Self::I32, b: Self::I32) -> Self::I32 = vaddq_s32;
            fn sub(a: Self::I32, b: Self::I32) -> Self::I32 = vsubq_s32;
            fn mul(a: Self::I32, b: Self::I32) -> Self::I32 = vmulq_s32;
            fn to_f32(value: Self::I32) -> Self::F32 = vcvtq_f32_s32;
            // What lies beyond the integers becomes the nearest of them, which `narrow` takes to the same byte.
            fn round(value: Self::F32) -> Self::I32 = vcvtnq_s32_f32;
            fn add_f32(a: Self::F32, b: Self::F32) -> Self::F32 = vaddq_f32;
            fn mul_f32(a: Self::F32, b: Self::F32) -> Self::F32 = vmulq_f32;
            fn div_f32(a: Self::F32, b: Self::F32) -> Self::F32 = vdivq_f32;
            // The number, where one operand is none: what is no number comes from arithmetic here, which quiets it.
            fn min_f32(a: Self::F32, b: Self::F32) -> Self::F32 = vminnmq_f32;
        }

        #[inline]
        #[target_feature(enable = "neon")]
        unsafe fn row_sum(from: *const u8, len: usize) -> i32 {
            // SAFETY: the caller's promise.
            unsafe { $crate::arch::aarch64::lanes::byte_sum(from, len) }
        }
        #[inline]
        #[target_feature(enable = "neon")]
        unsafe fn splat_i32(value: i32) -> Self::I32 {
            [vdupq_n_s32(value); 4]
        }
        #[inline]
        #[target_feature(enable = "neon")]
        unsafe fn load_i32(from: *const i32, len: usize) -> Self::I32 {
            // SAFETY: the caller's promise.
            unsafe { $crate::arch::aarch64::lanes::load_i32(from, len) }
        }
        #[inline]
        #[target_feature(enable = "neon")]
        unsafe fn store_i32(to: *mut i32, value: Self::I32, len: usize) {
            // SAFETY: the caller's promise.
            unsafe { $crate::arch::aarch64::lanes::store_i32(to, value, len) }
        }
        #[inline]
        #[target_feature(enable = "neon")]
        unsafe fn load_u8(from: *const u8) -> Self::I32 {
            // SAFETY: the caller's promise of 16 bytes.
            $crate::arch::aarch64::lanes::widen(unsafe { vld1q_u8(from) })
        }
        #[inline]
        #[target_feature(enable = "neon")]
        unsafe fn narrow(q: [Self::I32; 4], bounds: &$crate::arch::generic::simd::Bounds<Self::I32>) -> Self::Bytes {
            use $crate::arch::aarch64::lanes::narrow;
            [narrow(q[0], bounds), narrow(q[1], bounds), narrow(q[2], bounds), narrow(q[3], bounds)]
        }
        #[inline]
        #[target_feature(enable = "neon")]
        unsafe fn store_u8(to: *mut u8, bytes: Self::Bytes, at: usize, len: usize) {
            // SAFETY: the caller's promise.
            unsafe { $crate::arch::aarch64::lanes::store_u8(to, bytes[at], len) }
        }
        #[inline]
        #[target_feature(enable = "neon")]
        unsafe fn splat_f32(value: f32) -> Self::F32 {
            [vdupq_n_f32(value); 4]
        }
        #[inline]
        #[target_feature(enable = "neon")]
        unsafe fn load_f32(from: *const f32, len: usize) -> Self::F32 {
            // SAFETY: the caller's promise; every bit pattern is a number.
            unsafe { Self::load_i32(from.cast(), len) }.map(|bits| vreinterpretq_f32_s32(bits))
        }
        #[inline]
        #[target_feature(enable = "neon")]
        unsafe fn store_f32(to: *mut f32, value: Self::F32, len: usize) {
            let bits = value.map(|number| vreinterpretq_s32_f32(number));
            // SAFETY: the caller's promise.
            unsafe { Self::store_i32(to.cast(), bits, len) }
        }
    };
}

pub(super) use {each, lanes};
