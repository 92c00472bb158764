/// See [`crate::interleave3`].
pub(crate) fn interleave3([a, b, c]: [&[u8]; 3], out: &mut [u8]) {
    for (((pixel, &a), &b), &c) in out.chunks_exact_mut(3).zip(a).zip(b).zip(c) {
        pixel.copy_from_slice(&[a, b, c]);
    }
}
