//! Vectors of f32; `FUSED` ones round a product and the sum that it is added to once.

use core::arch::aarch64::*;

use crate::float::simd::Vector;

/// 4 elements. f16 is widened by an instruction that every ARM CPU of 64 bits has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quad<const FUSED: bool>(float32x4_t);

impl<const FUSED: bool> Vector for Quad<FUSED> {
    const LEN: usize = 4;

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn splat(value: f32) -> Self {
        Self(vdupq_n_f32(value))
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { vld1q_f32(from) })
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn load_half(from: *const u16) -> Self {
        // SAFETY: the caller's promise.
        Self(vcvt_f32_f16(vreinterpret_f16_u16(unsafe { vld1_u16(from) })))
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { vst1q_f32(to, self.0) }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn add(self, other: Self) -> Self {
        Self(vaddq_f32(self.0, other.0))
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn sub(self, other: Self) -> Self {
        Self(vsubq_f32(self.0, other.0))
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        Self(if FUSED { vfmaq_f32(self.0, a.0, b.0) } else { vaddq_f32(self.0, vmulq_f32(a.0, b.0)) })
    }

    /// By comparing, because `fmin` and `fmax` would tell two zeros apart.
    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn clamp(self, lo: Self, hi: Self) -> Self {
        let above = vbslq_f32(vcltq_f32(self.0, lo.0), lo.0, self.0);
        Self(vbslq_f32(vcgtq_f32(above, hi.0), hi.0, above))
    }
}
