//! A trial of an instruction set whose answers depend on the engine.
//!
//! There are engines whose first, quick compilation of relaxed dot products is wrong for some of the places that operands can
//! have, so that one known answer proves little. So the kernels themselves are tried, each of their bodies, on small shapes.

use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU8, Ordering};

use crate::depthwise::{Depthwise, DepthwiseInput};
use crate::epilogue::{Epilogue, Raw, Requant};
use crate::error::ShapeError;
use crate::gemm::{Gemm, GemmInput};
use crate::isa::Isa;
use crate::panel::{Panels, pack_panels};
use crate::taps::{TapsBuf, TapsShape};

/// Channels of the trials: more than a panel.
const CHANNELS: usize = 19;

const UNTRIED: u8 = 0;
const PASSED: u8 = 1;
const FAILED: u8 = 2;

/// What the first trial said. It stays: code that an engine compiles anew when it has become hot may answer otherwise.
static VERDICT: AtomicU8 = AtomicU8::new(UNTRIED);

/// Whether the kernels of `isa`, the only set that is ever tried, are right on this engine.
pub(crate) fn passed_by(isa: Isa) -> bool {
    if VERDICT.load(Ordering::Relaxed) == UNTRIED {
        VERDICT.store(if agrees(isa) { PASSED } else { FAILED }, Ordering::Relaxed);
    }
    VERDICT.load(Ordering::Relaxed) == PASSED
}

/// Whether the kernels with dot products give the same as the reference.
fn agrees(isa: Isa) -> bool {
    let windows = [([3, 3], 1), ([3, 3], 2), ([2, 5], 1)];
    (1..=5).all(|rows| product(isa, rows, 13) == product(Isa::REFERENCE, rows, 13))
        && windows.into_iter().all(|(kernel, stride)| {
            [1, 4, 5, 8].into_iter().all(|points| {
                [&[][..], &[-7; CHANNELS]].into_iter().all(|w_zero| {
                    let run = |isa| depthwise(isa, kernel, stride, points, w_zero);
                    run(isa) == run(Isa::REFERENCE)
                })
            })
        })
}

/// Requantized bytes and sums of one product.
fn product(isa: Isa, m: usize, k: usize) -> Result<(Vec<u8>, Vec<i32>), ShapeError> {
    let (a, weights) = (bytes(m * k), packed(k));
    let Ok(panels) = Panels::new(&weights, CHANNELS, k) else { unreachable!("packed for this shape") };
    let input = GemmInput { a: &a, m, lda: k, panels, w_zero: &[] };
    let kernel = Gemm::select(isa, m, CHANNELS, k);
    fn run<E: Epilogue>(kernel: &Gemm, input: GemmInput<'_>, epilogue: E) -> Result<Vec<E::Out>, ShapeError> {
        let mut out = vec![bytemuck::Zeroable::zeroed(); input.m * CHANNELS];
        kernel.run(input, epilogue, &mut out, CHANNELS, &mut vec![0; kernel.scratch_len()])?;
        Ok(out)
    }
    let raw = Raw { a_zero: 3, wsum: &[100; CHANNELS] };
    Ok((run(&kernel, input, REQUANT)?, run(&kernel, input, raw)?))
}

/// Two lines of output and a third one, `points` long.
fn depthwise(
    isa: Isa,
    kernel: [usize; 2],
    stride: usize,
    points: usize,
    w_zero: &[i32],
) -> Result<Vec<u8>, ShapeError> {
    let out = [3, points];
    let reach = [0, 1].map(|axis| (out[axis] - 1) * stride + kernel[axis]);
    let offsets = |axis: usize, step: usize| {
        let places = (0..out[axis]).flat_map(|o| (0..kernel[axis]).map(move |tap| o * stride + tap));
        places.map(|place| (place * step) as u32).collect()
    };
    let shape = TapsShape { out, kernel, run: CHANNELS };
    let input = bytes(reach[0] * reach[1] * CHANNELS);
    let taps = TapsBuf::new(offsets(0, reach[1] * CHANNELS), offsets(1, CHANNELS), shape, input.len());
    let Ok(taps) = taps else { unreachable!("windows lie inside") };
    let (taps, weights) = (taps.taps(), packed(kernel[0] * kernel[1]));
    let Ok(panels) = Panels::new(&weights, CHANNELS, taps.window()) else { unreachable!("packed for this shape") };
    let kernel = Depthwise::select(isa, &taps);
    let mut result = vec![0; taps.points() * CHANNELS];
    let input = DepthwiseInput { input: &input, zero: 0, taps, panels, w_zero };
    kernel.run(input, REQUANT, &mut result, &mut vec![0; kernel.scratch_len()])?;
    Ok(result)
}

/// A scale at which sums of some thousands fill the range of a byte.
const REQUANT: Requant<'_> = Requant { bias: &[-300; CHANNELS], scale: &[0.002; CHANNELS], zero: 128, lo: 0, hi: 255 };

/// Bytes of all magnitudes.
fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 151 + i / 7) as u8).collect()
}

fn packed(k: usize) -> Vec<i8> {
    // None is -128: see `Isa::for_weights`.
    let weights = bytes(CHANNELS * k).into_iter().map(|byte| ((byte ^ 0x55) as i8).max(-127));
    pack_panels(&weights.collect::<Vec<_>>(), CHANNELS, k)
}
