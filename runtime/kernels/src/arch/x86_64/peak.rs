//! Loops of multiplications and additions on registers.

use core::arch::asm;
use core::arch::x86_64::*;

/// Sums that grow side by side: more than the instructions' latency times how many begin in a cycle.
const CHAINS: usize = 12;

/// Declares a loop over `CHAINS` sums: `$step` makes a sum of the sum before and the operand. The operand passes through an
/// empty assembly line before each step, so that no step can be left out for being like another.
macro_rules! chains {
    ($features:literal, $class:ident, $name:ident, $macs:literal, $zero:expr, $operand:expr, $step:expr) => {
        /// Multiply-accumulate operations that were done.
        #[target_feature(enable = $features)]
        pub(crate) fn $name(rounds: u32) -> u64 {
            let mut sums = [$zero; CHAINS];
            let mut operand = $operand;
            for _ in 0..rounds {
                for sum in &mut sums {
                    // SAFETY: there is no instruction; the value stays as it is.
                    unsafe { asm!("/* {0} */", inout($class) operand, options(nomem, nostack, preserves_flags)) };
                    *sum = $step(*sum, operand, operand);
                }
            }
            core::hint::black_box(sums);
            u64::from(rounds) * CHAINS as u64 * $macs
        }
    };
}

chains!("avx2", ymm_reg, avx2_int8, 16, _mm256_setzero_si256(), _mm256_set1_epi16(3), |sum, a, b| {
    _mm256_add_epi32(sum, _mm256_madd_epi16(a, b))
});
chains!("avx2", ymm_reg, avx2_f32, 8, _mm256_setzero_ps(), _mm256_set1_ps(0.5), |sum, a, b| {
    _mm256_add_ps(sum, _mm256_mul_ps(a, b))
});
chains!("avx2,fma", ymm_reg, fma_f32, 8, _mm256_setzero_ps(), _mm256_set1_ps(0.5), |sum, a, b| {
    _mm256_fmadd_ps(a, b, sum)
});
chains!(
    "avx2,avxvnni",
    ymm_reg,
    avx_vnni_int8,
    32,
    _mm256_setzero_si256(),
    _mm256_set1_epi8(3),
    _mm256_dpbusd_avx_epi32
);
chains!(
    "avx512f,avx512vnni",
    zmm_reg,
    avx512_int8,
    64,
    _mm512_setzero_si512(),
    _mm512_set1_epi8(3),
    _mm512_dpbusd_epi32
);
chains!("avx512f", zmm_reg, avx512_f32, 16, _mm512_setzero_ps(), _mm512_set1_ps(0.5), |sum, a, b| {
    _mm512_fmadd_ps(a, b, sum)
});
