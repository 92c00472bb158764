//! Matrix products of activations and packed weights.

use crate::arch::choice::TileChoice;
use crate::arch::{self, GemmFns};
use crate::epilogue::Epilogue;
use crate::error::{ShapeError, at_least, exactly};
use crate::isa::Isa;
use crate::name::KernelName;
use crate::panel::Panels;

/// Operands of [`Gemm::run`]: `acc[r][c] = sum over k of a[r][k] * (w[c][k] - w_zero[c])`.
#[derive(Clone, Copy, Debug)]
pub struct GemmInput<'a> {
    /// Activations: `m` rows of `panels.k()` bytes, `lda` bytes apart.
    pub a: &'a [u8],
    /// Rows.
    pub m: usize,
    /// Bytes from one row to the next; rows may overlap.
    pub lda: usize,
    /// Weights.
    pub panels: Panels<'a>,
    /// Zero points of the weights, one per output channel; empty if all are 0.
    pub w_zero: &'a [i32],
}

/// A picked kernel of a matrix product.
#[derive(Clone, Copy, Debug)]
pub struct Gemm {
    name: KernelName,
    fns: &'static GemmFns,
    isa: Isa,
    tile: TileChoice,
    scratch_len: usize,
}

impl Gemm {
    /// Picks the kernel for products of `m` rows, `n` output channels and depth `k`. The kernel is right for other
    /// shapes too, but may need another scratch.
    pub fn select(isa: Isa, m: usize, n: usize, k: usize) -> Self {
        Self::new(isa, [m, k], arch::gemm_choice(isa, [m, n, k]))
    }

    /// The kernels of all tiles that [`Gemm::select`] might have picked for this shape, itself among them: for benches
    /// and tests. Their results are the same.
    pub fn candidates(isa: Isa, m: usize, n: usize, k: usize) -> impl Iterator<Item = Self> {
        arch::gemm_candidates(isa, m, n).map(move |tile| Self::new(isa, [m, k], tile))
    }

    fn new(isa: Isa, [m, k]: [usize; 2], tile: TileChoice) -> Self {
        Self {
            name: KernelName::new("gemm_qu8_qc8w", arch::gemm_tile(isa, tile, m), isa),
            fns: arch::gemm_fns(isa),
            isa,
            tile,
            scratch_len: arch::gemm_scratch(isa, m, k),
        }
    }

    /// The kernel's name.
    pub const fn name(&self) -> KernelName {
        self.name
    }

    /// Bytes of scratch that [`Gemm::run`] needs for the shape of [`Gemm::select`] and for fewer rows, at any alignment.
    pub const fn scratch_len(&self) -> usize {
        self.scratch_len
    }

    /// Computes `out[r * ldo + c]` for each row `r` and channel `c`; what lies between the rows keeps its value.
    pub fn run<E: Epilogue>(
        &self,
        input: GemmInput<'_>,
        epilogue: E,
        out: &mut [E::Out],
        ldo: usize,
        scratch: &mut [u8],
    ) -> Result<(), ShapeError> {
        let n = input.panels.n();
        if input.m == 0 {
            return Ok(());
        }
        at_least("a", strided(input.m, input.lda, input.panels.k()), input.a.len())?;
        check_w_zero(input.w_zero, n)?;
        epilogue.check(n)?;
        at_least("ldo", Some(n), ldo)?;
        at_least("out", strided(input.m, ldo, n), out.len())?;
        at_least("scratch", Some(arch::gemm_scratch(self.isa, input.m, input.panels.k())), scratch.len())?;
        // SAFETY: an `Isa` is proof of its features, and the slices have been checked above.
        unsafe { epilogue.gemm(self.fns, self.tile, &input, out, ldo, scratch) };
        Ok(())
    }
}

/// Elements that `rows` rows of `len` elements reach, `stride` apart.
pub(crate) fn strided(rows: usize, stride: usize, len: usize) -> Option<usize> {
    (rows - 1).checked_mul(stride)?.checked_add(len)
}

pub(crate) fn check_w_zero(w_zero: &[i32], n: usize) -> Result<(), ShapeError> {
    if w_zero.is_empty() { Ok(()) } else { exactly("w_zero", n, w_zero.len()) }
}
