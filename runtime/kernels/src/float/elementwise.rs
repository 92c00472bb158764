//! Element-wise loops: one function applied to each element of equally long slices.

use super::multiversion;

multiversion! {
    /// `y[i] = f(x[i])`, up to the shorter of the two.
    pub fn map<T: Copy, R: Copy, F: Fn(T) -> R>(x: &[T], y: &mut [R], f: F) {
        map_body
    }
}

#[inline(always)]
fn map_body<T: Copy, R: Copy, F: Fn(T) -> R>(x: &[T], y: &mut [R], f: F) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = f(x);
    }
}

multiversion! {
    /// `x[i] = f(x[i])`.
    pub fn map_in_place<T: Copy, F: Fn(T) -> T>(x: &mut [T], f: F) {
        map_in_place_body
    }
}

#[inline(always)]
fn map_in_place_body<T: Copy, F: Fn(T) -> T>(x: &mut [T], f: F) {
    for x in x {
        *x = f(*x);
    }
}

multiversion! {
    /// `y[i] = f(a[i], b[i])`, up to the shortest of the three.
    pub fn zip<T: Copy, R: Copy, F: Fn(T, T) -> R>(a: &[T], b: &[T], y: &mut [R], f: F) {
        any: zip_body, avx2: zip_body,
    }
}

#[inline(always)]
fn zip_body<T: Copy, R: Copy, F: Fn(T, T) -> R>(a: &[T], b: &[T], y: &mut [R], f: F) {
    for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
        *y = f(a, b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    use crate::float::math;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn every_isa_gives_the_same_bits() {
        let x: Vec<f32> = (0..1003).map(|i| (i as f32 - 500.0) / 37.0).collect();
        for function in [math::exp, math::tanh, math::erf, math::sigmoid, math::mish, math::ln, math::sqrt] {
            let expected: Vec<u32> = x.iter().map(|&v| function(v).to_bits()).collect();
            for isa in Isa::supported() {
                let mut y = vec![0.0; x.len()];
                map(isa, &x, &mut y, function);
                let same = y.iter().zip(&expected).all(|(y, &e)| y.to_bits() == e || y.is_nan());
                assert!(same, "{isa}");
            }
        }
    }

    #[test]
    fn zip_stops_at_the_shortest() {
        let mut y = [0; 3];
        zip(Isa::best(), &[1, 2, 3], &[10, 20], &mut y, |a, b| a + b);
        assert_eq!(y, [11, 22, 0]);
    }
}
