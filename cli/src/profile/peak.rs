//! What one core can do at most, measured on the spot.

use std::hint::black_box;
use std::time::{Duration, Instant};

use dunlin_engine::Isa;
use dunlin_kernels::float::gemm::{self, Finish, Matrix, Product};
use dunlin_kernels::{Gemm, GemmInput, PANEL, Panels, Raw, packed_len};
use serde::Serialize;

/// Multiply-accumulate operations a second of this core, in billions: the best that the kernel for matrix products
/// of the instruction set in use reaches on operands that lie in the first-level cache.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Peak {
    /// Of u8 activations and i8 weights.
    pub int8_gmacs: f64,
    /// Of f32.
    pub f32_gmacs: f64,
}

impl Peak {
    /// Measures for some milliseconds.
    pub fn measure(isa: Isa) -> Self {
        Self { int8_gmacs: int8(isa), f32_gmacs: f32(isa) }
    }
}

/// Rows and depth of the products; one that suits every tile and one that is deeper.
const SHAPES: [[usize; 2]; 2] = [[48, 256], [24, 448]];

/// Columns of the products: two panels, a multiple of every tile.
const COLUMNS: usize = 2 * PANEL;

/// For how long each shape is tried.
const TRIAL: Duration = Duration::from_millis(15);

/// Products between two looks at the clock.
const BATCH: usize = 16;

fn int8(isa: Isa) -> f64 {
    let rates = SHAPES.map(|[m, k]| {
        let (a, wsum) = (vec![3; m * k], [7; COLUMNS]);
        let weights = vec![5; packed_len(COLUMNS, k).unwrap_or(0)];
        let mut out = vec![0; m * COLUMNS];
        let Ok(panels) = Panels::new(&weights, COLUMNS, k) else { return 0.0 };
        let (kernel, epilogue) = (Gemm::select(isa, m, COLUMNS, k), Raw { a_zero: 128, wsum: &wsum });
        rate(m * k * COLUMNS, || {
            let input = GemmInput { a: black_box(&a), m, lda: k, panels, w_zero: &[] };
            kernel.run(input, epilogue, &mut out, COLUMNS).is_ok()
        })
    });
    rates.into_iter().fold(0.0, f64::max)
}

fn f32(isa: Isa) -> f64 {
    let rates = SHAPES.map(|[m, depth]| {
        // A quarter of the depth, as elements are four times as large.
        let k = depth / 4;
        let (a, b, mut y) = (vec![0.5; m * k], vec![0.25; k * COLUMNS], vec![0.0; m * COLUMNS]);
        let mut scratch = vec![0.0; gemm::scratch_len(k)];
        let finish = Finish { bias: None, lo: f32::NEG_INFINITY, hi: f32::INFINITY };
        rate(m * k * COLUMNS, || {
            let product = Product { m, n: COLUMNS, k, b: Matrix::F32(&b), trans_b: false, finish };
            gemm::gemm(isa, &product, black_box(&a), &mut y, &mut scratch);
            true
        })
    });
    rates.into_iter().fold(0.0, f64::max)
}

/// The best batch's operations a second, in billions; 0 when the product fails.
fn rate(macs: usize, mut product: impl FnMut() -> bool) -> f64 {
    let (start, mut best) = (Instant::now(), f64::INFINITY);
    while start.elapsed() < TRIAL {
        let begin = Instant::now();
        if !(0..BATCH).all(|_| product()) {
            return 0.0;
        }
        best = best.min(begin.elapsed().as_nanos() as f64);
    }
    (BATCH * macs) as f64 / best
}
