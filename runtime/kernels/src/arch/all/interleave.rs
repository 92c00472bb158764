/// See [`crate::interleave3`].
pub(crate) fn interleave3([a, b, c]: [&[u8]; 3], out: &mut [u8]) {
    for (((pixel, &a), &b), &c) in out.chunks_exact_mut(3).zip(a).zip(b).zip(c) {
        pixel.copy_from_slice(&[a, b, c]);
    }
}

/// See [`crate::interleave4`]. Compilers turn this loop into vector instructions of whatever features they are given.
#[inline(always)]
pub(crate) fn interleave4([a, b, c, d]: [&[u8]; 4], out: &mut [u8]) {
    let (pixels, _) = out.as_chunks_mut::<4>();
    for ((((pixel, &a), &b), &c), &d) in pixels.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        *pixel = [a, b, c, d];
    }
}
