//! Matrix products.

use crate::arch::GemmFns;
use crate::epilogue::Epilogue;
use crate::gemm::GemmInput;

pub(crate) const GEMM: GemmFns = GemmFns {
    requant: |_, input, epilogue, out, ldo, _| gemm(input, epilogue, out, ldo),
    dynamic: |_, input, epilogue, out, ldo, _| gemm(input, epilogue, out, ldo),
    raw: |_, input, epilogue, out, ldo, _| gemm(input, epilogue, out, ldo),
};

fn gemm<E: Epilogue>(input: &GemmInput<'_>, epilogue: &E, out: &mut [E::Out], ldo: usize) {
    let (n, k) = (input.panels.n(), input.panels.k());
    for r in 0..input.m {
        let row = &input.a[r * input.lda..][..k];
        for c in 0..n {
            let w_zero = input.w_zero.get(c).copied().unwrap_or(0);
            let mut acc = 0_i32;
            for (depth, &a) in row.iter().enumerate() {
                let weight = i32::from(input.panels.at(c, depth)).wrapping_sub(w_zero);
                acc = acc.wrapping_add(weight.wrapping_mul(i32::from(a)));
            }
            out[r * ldo + c] = epilogue.finish(acc, c);
        }
    }
}
