//! What a core can do at most: loops that multiply and add in registers and touch no memory.
//!
//! They are yardsticks for profilers, which bring the clock. The instructions are those that kernels of the
//! instruction set are made of: for bytes the dot product, or where there is none the widened product of pairs with the
//! addition that it needs; for f32 a multiplication and an addition, fused where the instruction set's kernels fuse them.

use crate::arch;
use crate::isa::Isa;

/// Multiplies and adds bytes in registers, `rounds` times; gives how many multiply-accumulate operations that were.
/// `None` for the reference, which has no vectors, and in WebAssembly, whose instructions are not those of the core.
pub fn int8(isa: Isa, rounds: u32) -> Option<u64> {
    arch::peak_int8(isa, rounds)
}

/// As [`int8`], with f32.
pub fn f32(isa: Isa, rounds: u32) -> Option<u64> {
    arch::peak_f32(isa, rounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vector_set_of_a_cpu_has_a_yardstick() {
        let has = |isa| isa != Isa::REFERENCE && cfg!(not(target_arch = "wasm32"));
        for isa in Isa::supported() {
            let work = [int8(isa, 10), f32(isa, 10)];
            assert_eq!(work.iter().all(Option::is_some), has(isa), "{isa}");
            assert_eq!(int8(isa, 20), work[0].map(|macs| 2 * macs), "{isa}");
        }
    }
}
