//! Operations on one element at a time.

use dunlin_kernels::{
    Add, AddParams, Dequantize, DequantizeParams, Isa, Lookup, Mul, MulParams, Quantize, QuantizeParams, flip_sign,
    interleave3, interleave4,
};

use crate::rng::{Rng, fast};

const LENGTHS: [usize; 12] = [0, 1, 7, 15, 16, 17, 31, 63, 64, 65, 130, 70_000];

/// Every pair of bytes when `len` is large enough.
fn operands(rng: &mut Rng, len: usize) -> (Vec<u8>, Vec<u8>) {
    if len < 65_536 {
        return (rng.activations(len), rng.activations(len));
    }
    ((0..len).map(|i| i as u8).collect(), (0..len).map(|i| (i >> 8) as u8).collect())
}

#[test]
fn add_equals_the_reference() {
    for (seed, len) in (0..60).zip(LENGTHS.into_iter().cycle()) {
        let rng = &mut Rng::new(seed);
        let (a, b) = operands(rng, len);
        let ((lo, hi), ratios) = (rng.clamp(), rng.scales(2));
        let params = AddParams {
            a_zero: rng.byte(),
            a_ratio: ratios[0],
            b_zero: rng.byte(),
            b_ratio: -ratios[1],
            zero: rng.byte(),
            lo,
            hi,
        };
        let run = |isa: Isa| {
            let mut out = vec![0; len];
            Add::select(isa).run(params, &a, &b, &mut out).expect("equal lengths");
            out
        };
        for isa in fast() {
            assert!(run(isa) == run(Isa::REFERENCE), "{}: {params:?}, {len}", Add::select(isa).name());
        }
    }
}

#[test]
fn mul_equals_the_reference() {
    for (seed, len) in (0..60).zip(LENGTHS.into_iter().cycle()) {
        let rng = &mut Rng::new(seed);
        let (a, b) = operands(rng, len);
        let (lo, hi) = rng.clamp();
        let scale = rng.scales(1)[0];
        let params = MulParams { a_zero: rng.byte(), b_zero: rng.byte(), scale, zero: rng.byte(), lo, hi };
        let run = |isa: Isa| {
            let mut out = vec![0; len];
            Mul::select(isa).run(params, &a, &b, &mut out).expect("equal lengths");
            out
        };
        for isa in fast() {
            assert!(run(isa) == run(Isa::REFERENCE), "{}: {params:?}, {len}", Mul::select(isa).name());
        }
    }
}

#[test]
fn lookup_equals_the_reference() {
    let rng = &mut Rng::new(9);
    let mut table = [0; 256];
    table.fill_with(|| (rng.next() >> 8) as u8);
    for len in LENGTHS {
        let input = operands(rng, len).0;
        for isa in fast() {
            let mut out = vec![0; len];
            Lookup::select(isa).run(&table, &input, &mut out).expect("equal lengths");
            assert!(out.iter().zip(&input).all(|(&out, &q)| out == table[usize::from(q)]), "{isa}, {len}");
        }
    }
}

#[test]
fn quantize_equals_the_reference() {
    for (seed, len) in (0..60).zip(LENGTHS.into_iter().cycle()) {
        let rng = &mut Rng::new(seed);
        let scale = if seed % 2 == 0 { 0.5 } else { rng.scales(1)[0] };
        let params = QuantizeParams { scale, zero: rng.byte() };
        let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, -0.0, 1e-42];
        let input: Vec<f32> = (0..len)
            .map(|_| match rng.next() % 8 {
                0 => odd[rng.within(0, odd.len() - 1)],
                _ => (rng.within(0, 2000) as f32 - 1000.0) * 0.25,
            })
            .collect();
        let run = |isa: Isa| {
            let mut out = vec![0; len];
            Quantize::select(isa).run(params, &input, &mut out).expect("equal lengths");
            out
        };
        for isa in fast() {
            assert!(run(isa) == run(Isa::REFERENCE), "{}: {params:?}, {len}", Quantize::select(isa).name());
        }
    }
}

/// Quotients next to ties are where a division that isn't one would show.
#[test]
fn quantize_divides_as_ieee_does() {
    let rng = &mut Rng::new(7);
    for _ in 0..400 {
        let scale = f32::from_bits((rng.next() & 0x7f_ffff) | (rng.within(70, 180) as u32) << 23);
        let params = QuantizeParams { scale, zero: 128 };
        let ties = (-128..128).map(|q| (q as f32 + 0.5) * scale);
        let input: Vec<f32> = ties.flat_map(|x| [x.next_down(), x, x.next_up()]).collect();
        for isa in Isa::supported() {
            let mut out = vec![0; input.len()];
            Quantize::select(isa).run(params, &input, &mut out).expect("equal lengths");
            for (&x, &q) in input.iter().zip(&out) {
                assert_eq!(
                    f32::from(q),
                    ((x / scale).round_ties_even() + 128.0).clamp(0.0, 255.0),
                    "{isa}: {x} / {scale}"
                );
            }
        }
    }
}

#[test]
fn quantize_rounds_ties_to_even_and_clamps() {
    let input = [0.5, 1.5, 2.5, -0.5, -1.5, 126.5, 127.5, 1e9, -1e9, f32::NAN];
    for isa in Isa::supported() {
        let mut out = [0; 10];
        let params = QuantizeParams { scale: 1.0, zero: 128 };
        Quantize::select(isa).run(params, &input, &mut out).expect("equal lengths");
        assert_eq!(out, [128, 130, 130, 128, 126, 254, 255, 255, 0, 255], "{isa}");
    }
}

#[test]
fn dequantize_equals_the_reference() {
    for (seed, len) in (0..24).zip(LENGTHS.into_iter().cycle()) {
        let rng = &mut Rng::new(seed);
        let params = DequantizeParams { scale: 0.1 * (seed + 1) as f32, zero: rng.byte() };
        let input = operands(rng, len).0;
        let run = |isa: Isa| {
            let mut out = vec![0.0; len];
            Dequantize::select(isa).run(params, &input, &mut out).expect("equal lengths");
            out.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        for isa in fast() {
            assert!(run(isa) == run(Isa::REFERENCE), "{}: {params:?}, {len}", Dequantize::select(isa).name());
        }
    }
}

#[test]
fn flip_sign_is_its_own_inverse() {
    let input: Vec<u8> = (0..=255).collect();
    let (mut flipped, mut back) = (vec![0; 256], vec![0; 256]);
    flip_sign(&input, &mut flipped).expect("equal lengths");
    flip_sign(&flipped, &mut back).expect("equal lengths");
    assert_eq!((flipped[0], back), (128, input));
}

#[test]
fn channels_become_pixels() {
    for pixels in [0, 1, 15, 16, 17, 31, 100] {
        let planes = [1, 2, 3].map(|seed| (0..pixels).map(|i| (i * 7 + seed * 50) as u8).collect::<Vec<_>>());
        let planes = [&planes[0][..], &planes[1], &planes[2]];
        let expected: Vec<u8> = (0..3 * pixels).map(|i| planes[i % 3][i / 3]).collect();
        for isa in Isa::supported() {
            let mut out = vec![0; 3 * pixels];
            assert_eq!(interleave3(isa, planes, &mut out), Ok(()));
            assert_eq!(out, expected, "{pixels} pixels on {isa}");
            assert!(interleave3(isa, planes, &mut vec![0; 3 * pixels + 1]).is_err());
        }
        let planes = [planes[0], planes[1], planes[2], planes[0]];
        let expected: Vec<u8> = (0..4 * pixels).map(|i| planes[i % 4][i / 4]).collect();
        for isa in Isa::supported() {
            let mut out = vec![0; 4 * pixels];
            assert_eq!(interleave4(isa, planes, &mut out), Ok(()));
            assert_eq!(out, expected, "{pixels} pixels on {isa}");
            assert!(interleave4(isa, planes, &mut vec![0; 4 * pixels + 1]).is_err());
        }
    }
}
