//! Matrix products of activations and packed weights.

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
}

impl Gemm {
    /// Picks the kernel for products of `m` rows, `n` output channels and depth `k`. The kernel is right for other
    /// shapes too.
    pub fn select(isa: Isa, m: usize, n: usize, k: usize) -> Self {
        // No tile depends on the depth today.
        let _ = k;
        let tile = arch::gemm_tile(isa, m, n);
        Self { name: KernelName::new("gemm_qu8_qc8w", tile, isa), fns: arch::gemm_fns(isa) }
    }

    /// The kernel's name.
    pub const fn name(&self) -> KernelName {
        self.name
    }

    /// Computes `out[r * ldo + c]` for each row `r` and channel `c`; what lies between the rows keeps its value.
    pub fn run<E: Epilogue>(
        &self,
        input: GemmInput<'_>,
        epilogue: E,
        out: &mut [E::Out],
        ldo: usize,
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
        // SAFETY: an `Isa` is proof of its features, and the slices have been checked above.
        unsafe { epilogue.gemm(self.fns, &input, out, ldo) };
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
