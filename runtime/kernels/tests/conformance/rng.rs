//! Test data from a seed.

use dunlin_kernels::{Isa, PAD, TapsShape};

/// The least weight that every set takes: see `Isa::for_weights`.
const LEAST: i8 = if cfg!(target_feature = "relaxed-simd") { -127 } else { -128 };

/// A linear congruential generator; the upper half of its state is the output.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 32) as u32
    }

    /// A number of `from..=to`.
    pub fn within(&mut self, from: usize, to: usize) -> usize {
        from + self.next() as usize % (to - from + 1)
    }

    /// Activations: anything, or only the two ends.
    pub fn activations(&mut self, len: usize) -> Vec<u8> {
        match self.next() % 4 {
            0 => vec![255; len],
            1 => (0..len).map(|_| if self.next().is_multiple_of(2) { 0 } else { 255 }).collect(),
            _ => (0..len).map(|_| (self.next() >> 8) as u8).collect(),
        }
    }

    /// Weights: anything, or only the two ends, which would saturate 16 bits in pairs.
    #[allow(clippy::unnecessary_min_or_max, reason = "every byte is as large as some builds' least weight")]
    pub fn weights(&mut self, len: usize) -> Vec<i8> {
        match self.next() % 4 {
            0 => vec![LEAST; len],
            1 => (0..len).map(|_| if self.next().is_multiple_of(2) { LEAST } else { 127 }).collect(),
            _ => (0..len).map(|_| ((self.next() >> 8) as i8).max(LEAST)).collect(),
        }
    }

    /// Integers: small ones, or anything, whose sums wrap.
    pub fn integers(&mut self, len: usize) -> Vec<i32> {
        let shift = if self.next().is_multiple_of(8) { 0 } else { 16 };
        (0..len).map(|_| self.next() as i32 >> shift).collect()
    }

    /// Weight zero points: none, or one for each channel.
    pub fn w_zero(&mut self, len: usize) -> Vec<i32> {
        let len = if self.next().is_multiple_of(3) { len } else { 0 };
        (0..len).map(|_| self.within(0, 255) as i32 - 128).collect()
    }

    /// Scales: halves, which give ties, or ordinary ones, now and then none that a file should have.
    pub fn scales(&mut self, len: usize) -> Vec<f32> {
        let odd = [f32::NAN, f32::INFINITY, -f32::INFINITY, 0.0, -1.0, 1e30, 1e-40];
        (0..len)
            .map(|_| match self.next() % 16 {
                0 => odd[self.within(0, odd.len() - 1)],
                1..8 => [0.5, 0.25, 0.125][self.within(0, 2)],
                _ => self.within(1, 100_000) as f32 * 1e-6,
            })
            .collect()
    }

    /// Scales that fit any bias: see `Requant::fits`.
    pub fn fitting_scales(&mut self, len: usize) -> Vec<f32> {
        (0..len)
            .map(|_| match self.next() % 16 {
                0 => [0.0, -0.25, 0.499, 1e-40][self.within(0, 3)],
                1..8 => [0.25, 0.125, 0.0625][self.within(0, 2)],
                _ => self.within(1, 100_000) as f32 * 1e-6,
            })
            .collect()
    }

    pub fn byte(&mut self) -> u8 {
        [0, 255, (self.next() >> 8) as u8, 128][self.within(0, 3)]
    }

    /// Ends of an output's range, nearly always in order.
    pub fn clamp(&mut self) -> (u8, u8) {
        let (a, b) = (self.byte(), self.byte());
        if self.next().is_multiple_of(16) { (a.max(b), a.min(b)) } else { (a.min(b), a.max(b)) }
    }
}

/// The sets to be compared with the reference.
pub fn fast() -> impl Iterator<Item = Isa> {
    Isa::supported().filter(|&isa| isa != Isa::REFERENCE)
}

/// A sliding window over an image, as the compiler would describe it.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    pub image: [usize; 2],
    pub channels: usize,
    pub groups: usize,
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    pub pad: [usize; 2],
}

impl Window {
    pub fn random(rng: &mut Rng, channels: usize, largest: usize) -> Self {
        let kernel = [rng.within(1, largest), rng.within(1, largest)];
        let dilated = rng.next().is_multiple_of(5);
        let dilation = if dilated { [rng.within(1, 2), rng.within(1, 3)] } else { [1, 1] };
        let reach = |i: usize| (kernel[i] - 1) * dilation[i] + 1;
        let image = [reach(0) + rng.within(0, 6), reach(1) + rng.within(0, 20)];
        let pad = [rng.within(0, kernel[0]), rng.within(0, kernel[1])];
        Self { image, channels, groups: 1, kernel, stride: [rng.within(1, 3), rng.within(1, 3)], dilation, pad }
    }

    pub fn out(&self) -> [usize; 2] {
        let out = |i: usize| {
            let reach = (self.kernel[i] - 1) * self.dilation[i] + 1;
            (self.image[i] + 2 * self.pad[i] - reach) / self.stride[i] + 1
        };
        [out(0), out(1)]
    }

    pub fn shape(&self) -> TapsShape {
        TapsShape { out: self.out(), kernel: self.kernel, run: self.channels / self.groups }
    }

    pub fn bytes(&self) -> usize {
        self.image[0] * self.image[1] * self.channels
    }

    /// What the tables of the first group reach at most.
    pub fn input_len(&self) -> usize {
        self.bytes() - (self.groups - 1) * self.shape().run
    }

    pub fn rows(&self) -> Vec<u32> {
        self.offsets(0, self.image[1] * self.channels)
    }

    pub fn cols(&self) -> Vec<u32> {
        self.offsets(1, self.channels)
    }

    fn offsets(&self, axis: usize, step: usize) -> Vec<u32> {
        let mut offsets = Vec::new();
        for out in 0..self.out()[axis] {
            for tap in 0..self.kernel[axis] {
                let at = (out * self.stride[axis] + tap * self.dilation[axis]).checked_sub(self.pad[axis]);
                let inside = at.filter(|&at| at < self.image[axis]);
                offsets.push(inside.map_or(PAD, |at| (at * step) as u32));
            }
        }
        offsets
    }
}
