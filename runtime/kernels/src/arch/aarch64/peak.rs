//! Loops of multiplications and additions on registers.

use core::arch::aarch64::*;
use core::arch::asm;

use super::neon_dotprod::sdot;
use super::neon_i8mm::usmmla;

/// Sums that grow side by side: as many as the instructions' latency times how many begin in a cycle.
const CHAINS: usize = 16;

/// Declares a loop over `CHAINS` sums: `$step` makes a sum of the sum before and the operand. The operand passes through an
/// empty assembly line before each step, so that no step can be left out for being like another.
macro_rules! chains {
    ($features:literal, $name:ident, $macs:literal, $zero:expr, $operand:expr, $step:expr) => {
        /// Multiply-accumulate operations that were done.
        #[target_feature(enable = $features)]
        pub(crate) fn $name(rounds: u32) -> u64 {
            let mut sums = [$zero; CHAINS];
            let mut operand = $operand;
            for _ in 0..rounds {
                for sum in &mut sums {
                    // SAFETY: there is no instruction; the value stays as it is.
                    unsafe { asm!("/* {0:v} */", inout(vreg) operand, options(nomem, nostack, preserves_flags)) };
                    *sum = $step(*sum, operand);
                }
            }
            core::hint::black_box(sums);
            u64::from(rounds) * CHAINS as u64 * $macs
        }
    };
}

chains!("neon", neon_f32, 4, vdupq_n_f32(0.0), vdupq_n_f32(0.5), |sum, a| vfmaq_f32(sum, a, a));
chains!("neon", neon_int8, 16, vdupq_n_s32(0), vdupq_n_s8(3), |sum, a| {
    vpadalq_s16(sum, vmlsl_high_s8(vmull_s8(vget_low_s8(a), vget_low_s8(a)), a, a))
});
chains!("neon,dotprod", dotprod_int8, 16, vdupq_n_s32(0), vdupq_n_s8(3), |sum, a| sdot(sum, a, a));
chains!("neon,i8mm", i8mm_int8, 32, vdupq_n_s32(0), vdupq_n_s8(3), |sum, a| usmmla(sum, vreinterpretq_u8_s8(a), a));
