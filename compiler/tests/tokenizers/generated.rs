//! The texts of conformance/tokenizers/generated.py: every character up to U+1FFFF, a sample of those beyond, and random mixtures.

const MIXTURES: usize = 20_000;
const RANGES: [(u64, u64); 19] = [
    (0x20, 0x7E),
    (0x20, 0x2F),
    (0x61, 0x7A),
    (0xC0, 0x17F),
    (0x300, 0x36F),
    (0x391, 0x44F),
    (0x5D0, 0x64A),
    (0x900, 0x97F),
    (0x1100, 0x11FF),
    (0x2000, 0x206F),
    (0x4E00, 0x4EFF),
    (0xAC00, 0xAC7F),
    (0xFB00, 0xFB06),
    (0xFF01, 0xFF9F),
    (0x1F1E6, 0x1F1FF),
    (0x1F600, 0x1F64F),
    (0x09, 0x0D),
    (0xA8, 0xA9),
    // All of Unicode.
    (1, 0x10_FFFF),
];

pub fn generated() -> Vec<String> {
    let codes = (1..0x2_0000).chain((0x2_0000..0x11_0000).step_by(61));
    let characters: Vec<char> = codes.filter_map(char::from_u32).collect();
    let texts = characters.chunks(16).map(|chunk| chunk.iter().map(|c| format!("x{c} ")).collect());
    texts.chain(mixtures()).collect()
}

fn mixtures() -> impl Iterator<Item = String> {
    let mut numbers = SplitMix(1);
    (0..MIXTURES).map(move |_| {
        let len = numbers.next() % 24 + 1;
        let mut character = || {
            let (first, last) = RANGES[(numbers.next() % RANGES.len() as u64) as usize];
            char::from_u32((first + numbers.next() % (last - first + 1)) as u32).unwrap_or('-')
        };
        (0..len).map(|_| character()).collect()
    })
}

struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }
}
