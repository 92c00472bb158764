//! Golden inputs: what docs/formats/artifact.md says of them.

use alloc::vec::Vec;

/// The bytes of an input of so many elements that a seed stands for; nothing for a type that no input has here.
pub fn input(seed: u64, element_type: &str, elements: usize) -> Option<Vec<u8>> {
    let mut state = seed;
    let mut bytes = Vec::new();
    for _ in 0..elements {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        match element_type {
            "f32" => bytes.extend(((z >> 40) as f32 / (1_u32 << 23) as f32 - 1.0).to_le_bytes()),
            "i32" => bytes.extend(((z >> 61) as u32).to_le_bytes()),
            "u8" | "i8" => bytes.push((z >> 56) as u8),
            "bool" => bytes.push((z >> 63) as u8),
            _ => return None,
        }
    }
    Some(bytes)
}
