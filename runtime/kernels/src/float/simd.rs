//! What an instruction set brings to sums of float products.

/// Elements of the longest vector.
const LONGEST: usize = 16;

/// A vector of f32.
///
/// # Safety of the methods
/// - The CPU has the vector's instruction set.
/// - Pointers are valid for [`LEN`](Vector::LEN) elements, at the alignment of one.
pub(crate) trait Vector: Copy {
    /// Elements.
    const LEN: usize;
    /// Whether some elements are written as fast as all.
    const MASKED: bool = false;

    /// One value in all elements.
    unsafe fn splat(value: f32) -> Self;
    /// Reads f32.
    unsafe fn load(from: *const f32) -> Self;
    /// Reads f16 as f32.
    unsafe fn load_half(from: *const u16) -> Self;
    /// Writes.
    unsafe fn store(self, to: *mut f32);
    /// Reads the first `len` elements, or all, or the only one; the rest are zeros. The pointer is valid for no more than these.
    #[inline(always)]
    unsafe fn load_some(from: *const f32, len: usize) -> Self {
        let mut elements = [0.0_f32; LONGEST];
        // SAFETY: the caller's promise, and no vector is longer.
        unsafe {
            if Self::LEN == 1 {
                return Self::load(from);
            }
            core::ptr::copy_nonoverlapping(from, elements.as_mut_ptr(), len.min(Self::LEN));
            Self::load(elements.as_ptr())
        }
    }
    /// Writes the first `len` elements, or all, or the only one. The pointer is valid for no more than these.
    #[inline(always)]
    unsafe fn store_some(self, to: *mut f32, len: usize) {
        let mut elements = [0.0_f32; LONGEST];
        // SAFETY: the caller's promise, and no vector is longer.
        unsafe {
            if Self::LEN == 1 {
                return self.store(to);
            }
            self.store(elements.as_mut_ptr());
            core::ptr::copy_nonoverlapping(elements.as_ptr(), to, len.min(Self::LEN));
        }
    }
    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;
    /// `self - other`.
    unsafe fn sub(self, other: Self) -> Self;
    /// `self + a * b`; whether the product is rounded before it is added is what tells two vectors of one
    /// instruction set apart.
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
    /// [`math::clamp`](super::math::clamp) of each element.
    unsafe fn clamp(self, lo: Self, hi: Self) -> Self;
}

/// How weights are stored.
pub(crate) trait Weight: Copy {
    /// Reads a vector of weights.
    ///
    /// # Safety
    /// As for the methods of [`Vector`].
    unsafe fn load<V: Vector>(from: *const Self) -> V;
}

impl Weight for f32 {
    #[inline(always)]
    unsafe fn load<V: Vector>(from: *const Self) -> V {
        // SAFETY: the caller's promise.
        unsafe { V::load(from) }
    }
}

impl Weight for u16 {
    #[inline(always)]
    unsafe fn load<V: Vector>(from: *const Self) -> V {
        // SAFETY: the caller's promise.
        unsafe { V::load_half(from) }
    }
}

/// Writes f16 weights as f32.
///
/// # Safety
/// - The CPU has V's instruction set.
/// - There are `len` weights, a multiple of V's elements, and so much room.
#[inline(always)]
pub(crate) unsafe fn widen_to<V: Vector>(from: *const u16, len: usize, room: *mut f32) {
    for i in (0..len).step_by(V::LEN) {
        // SAFETY: the caller's promise.
        unsafe { V::load_half(from.add(i)).store(room.add(i)) };
    }
}

/// `N` elements that any CPU has; the compiler makes of them what the target offers. Products are rounded before they are added.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable<const N: usize>([f32; N]);

impl<const N: usize> Vector for Portable<N> {
    const LEN: usize = N;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; N])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { from.cast::<[f32; N]>().read() })
    }

    #[inline(always)]
    unsafe fn load_half(from: *const u16) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { from.cast::<[u16; N]>().read() }.map(widen))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[f32; N]>().write(self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(core::array::from_fn(|i| self.0[i] + other.0[i]))
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(core::array::from_fn(|i| self.0[i] - other.0[i]))
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        Self(core::array::from_fn(|i| self.0[i] + a.0[i] * b.0[i]))
    }

    #[inline(always)]
    unsafe fn clamp(self, lo: Self, hi: Self) -> Self {
        Self(core::array::from_fn(|i| super::math::clamp(self.0[i], lo.0[i], hi.0[i])))
    }
}

/// f16 to f32 without a branch, so that it can be done in vectors: the exponent is moved by a multiplication, which is
/// exact and makes subnormal numbers normal. Infinities and NaN keep their exponent of ones.
#[inline(always)]
pub(crate) fn widen(bits: u16) -> f32 {
    let (sign, rest) = (u32::from(bits & 0x8000) << 16, u32::from(bits & 0x7fff) << 13);
    // 2^112, the difference of the two biases.
    let finite = f32::from_bits(rest) * f32::from_bits(0x7780_0000);
    let special = if rest >= 0x0f80_0000 { 0x7f80_0000 } else { 0 };
    f32::from_bits(finite.to_bits() | special | sign)
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::f16;

    #[test]
    fn widening_is_exact_for_every_half() {
        for bits in 0..=u16::MAX {
            let (found, expected) = (widen(bits), f16::from_bits(bits).to_f32());
            let same = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
            assert!(same, "{bits:#06x}: {found} {expected}");
        }
    }
}
