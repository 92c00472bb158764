//! Offset tables of windows: the compiler writes those of convolutions into the file, the engine makes those of
//! pools, and all of them anew when a varying axis has another length.

use super::Window;
use alloc::vec::Vec;
use dunlin_kernels::{PAD, TapsShape};

impl Window {
    /// Taps of the window; `None` when there are none or too many.
    pub fn taps(&self) -> Option<usize> {
        let [kh, kw] = self.kernel.map(|k| k as usize);
        kh.checked_mul(kw).filter(|&taps| taps > 0 && taps <= i32::MAX as usize)
    }

    /// Row and column offsets, in bytes, of the window's taps over an image of `[h, w, c]` bytes, with their extents
    /// for the first `run` channels. `None` when the window doesn't fit or an offset exceeds 31 bits.
    pub fn tables(&self, [h, w, c]: [usize; 3], run: usize) -> Option<(Vec<u32>, Vec<u32>, TapsShape)> {
        let out = self.output(h, w)?;
        let shape = TapsShape { out, kernel: self.kernel.map(|k| k as usize), run };
        let rows = self.offsets(0, h, out[0], w.checked_mul(c)?)?;
        let cols = self.offsets(1, w, out[1], c)?;
        Some((rows, cols, shape))
    }

    /// Offsets along one axis of `len` positions that are `step` bytes apart, for each output and tap.
    fn offsets(&self, axis: usize, len: usize, outputs: usize, step: usize) -> Option<Vec<u32>> {
        len.checked_mul(step).filter(|&bytes| bytes <= i32::MAX as usize)?;
        let [stride, dilation, before] = [self.stride[axis], self.dilation[axis], self.pads[axis]].map(i64::from);
        let mut offsets = Vec::with_capacity(outputs.checked_mul(self.kernel[axis] as usize)?);
        for output in 0..outputs as i64 {
            for tap in 0..i64::from(self.kernel[axis]) {
                let at = output * stride + tap * dilation - before;
                let inside = usize::try_from(at).ok().filter(|&at| at < len);
                offsets.push(inside.map_or(PAD, |at| (at * step) as u32));
            }
        }
        Some(offsets)
    }
}
