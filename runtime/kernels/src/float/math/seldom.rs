//! Functions that no common model's time is in: powers, remainders, trigonometric and hyperbolic functions. One number at a time, with few
//! bytes of code.

use super::{exp_m1, exp_once, floor, ln, ln_1p, round, sqrt};

/// x^y, with the special cases of IEEE 754.
pub fn pow(x: f32, y: f32) -> f32 {
    if x == 1.0 || y == 0.0 {
        return 1.0;
    }
    let logarithm = ln_of_f64(x.abs().into());
    // That of 1 is 0 times infinity as well.
    let exponent = if logarithm == 0.0 { 0.0 } else { f64::from(y) * logarithm };
    let magnitude = exp_of_f64(exponent.clamp(-200.0, 200.0)) as f32;
    let whole = floor(y) == y;
    if whole && (y * 0.5).abs() < 8_388_608.0 && floor(y * 0.5) != y * 0.5 {
        magnitude.copysign(x)
    } else if whole || x >= 0.0 || x == f32::NEG_INFINITY {
        magnitude
    } else {
        f32::NAN
    }
}

/// Natural logarithm to 44 bits: the series of atanh.
fn ln_of_f64(x: f64) -> f64 {
    const SERIES: [f64; 8] = [1.0 / 15.0, 1.0 / 13.0, 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0, 1.0];
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if !x.is_finite() {
        return x;
    }
    // Splits x into m * 2^e with m between sqrt(1/2) and sqrt(2).
    let bits = x.to_bits();
    let e = bits.wrapping_sub(core::f64::consts::FRAC_1_SQRT_2.to_bits()) as i64 >> 52;
    let m = f64::from_bits(bits.wrapping_sub((e << 52) as u64));
    let s = (m - 1.0) / (m + 1.0);
    2.0 * s * SERIES.iter().fold(0.0, |sum, term| sum * (s * s) + term) + e as f64 * core::f64::consts::LN_2
}

/// e^x of numbers of magnitude up to 700, to 37 bits: its series.
fn exp_of_f64(x: f64) -> f64 {
    const SERIES: [f64; 10] =
        [1.0 / 362_880.0, 1.0 / 40_320.0, 1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let n = round((x * core::f64::consts::LOG2_E) as f32);
    let r = x - f64::from(n) * core::f64::consts::LN_2;
    SERIES.iter().fold(0.0, |sum, term| sum * r + term) * power_of_two_f64(n as i32)
}

/// 2^n for n in -1022..=1023.
fn power_of_two_f64(n: i32) -> f64 {
    f64::from_bits(((n + 1023) as u64) << 52)
}

/// What is left of a after whole times b, with the sign of a; exact.
pub fn remainder(a: f32, b: f32) -> f32 {
    let (mut rest, divisor) = (f64::from(a.abs()), f64::from(b.abs()));
    if !(rest < f64::INFINITY && divisor > 0.0) {
        return f32::NAN;
    }
    let exponent = |x: f64| (x.to_bits() >> 52) as i32;
    while rest >= divisor {
        // The largest power of two times b that isn't above: no bit of the difference is lost.
        let multiple = divisor * power_of_two_f64(exponent(rest) - exponent(divisor));
        rest -= if multiple > rest { 0.5 * multiple } else { multiple };
    }
    (rest as f32).copysign(a)
}

/// Sine.
pub fn sin(x: f32) -> f32 {
    sin_cos(x).0 as f32
}

/// Cosine.
pub fn cos(x: f32) -> f32 {
    sin_cos(x).1 as f32
}

/// Tangent.
pub fn tan(x: f32) -> f32 {
    let (sin, cos) = sin_cos(x);
    (sin / cos) as f32
}

/// Sine and cosine to 37 bits.
///
/// Source: the polynomials of FreeBSD's `k_sinf.c` and `k_cosf.c`.
#[inline(never)]
fn sin_cos(x: f32) -> (f64, f64) {
    let (quarters, x) = quarter_turns(x);
    let z = x * x;
    let w = z * z;
    let s = z * x;
    let sin = x
        + s * (-0.166_666_666_416_265_235_595 + z * 0.008_333_329_385_889_463_175_6)
        + s * w * (-0.000_198_393_348_360_966_317_347 + z * 0.000_002_718_311_493_989_821_906_4);
    let cos = 1.0
        + z * -0.499_999_997_251_031_003_120
        + w * 0.041_666_623_323_739_063_189_4
        + w * z * (-0.001_388_676_377_460_992_946_92 + z * 0.000_024_390_448_796_277_409_065_4);
    match quarters % 4 {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

/// The nearest number of quarter turns, of which the lowest two bits count, and what is left of x, up to an eighth of a turn.
fn quarter_turns(x: f32) -> (u32, f64) {
    let a = x.abs();
    let (quarters, rest) = match a {
        _ if a <= core::f32::consts::FRAC_PI_4 => (0, f64::from(a)),
        _ if a < 2.0 => (1, f64::from(a) - core::f64::consts::FRAC_PI_2),
        _ if a < f32::INFINITY => many_quarter_turns(a.to_bits()),
        _ => (0, f64::NAN),
    };
    if x < 0.0 { (0_u32.wrapping_sub(quarters), -rest) } else { (quarters, rest) }
}

/// [`quarter_turns`] of the bits of 2 or more: the product of its 24 bits with those 96 of 4 / pi that are about its point.
///
/// Source: `reduce_large` of Arm's optimized routines.
fn many_quarter_turns(bits: u32) -> (u32, f64) {
    let exponent = bits >> 23;
    let mantissa = (bits & 0x7f_ffff | 0x80_0000) << (exponent % 8);
    let product = |at: u32| u64::from(mantissa) * u64::from(FOUR_OVER_PI[(exponent / 8 % 16 + at) as usize]);
    let turns = (product(8) >> 32 | product(0) << 32).wrapping_add(product(4));
    let quarters = turns.wrapping_add(1 << 61) >> 62;
    let rest = turns.wrapping_sub(quarters << 62) as i64;
    (quarters as u32, rest as f64 * (core::f64::consts::FRAC_PI_2 / (1_u64 << 62) as f64))
}

/// 32 bits of 4 / pi, those of each element 8 further than those before.
const FOUR_OVER_PI: [u32; 24] = [
    0xa2,
    0xa2f9,
    0xa2_f983,
    0xa2f9_836e,
    0xf983_6e4e,
    0x836e_4e44,
    0x6e4e_4415,
    0x4e44_1529,
    0x4415_29fc,
    0x1529_fc27,
    0x29fc_2757,
    0xfc27_57d1,
    0x2757_d1f5,
    0x57d1_f534,
    0xd1f5_34dd,
    0xf534_ddc0,
    0x34dd_c0db,
    0xddc0_db62,
    0xc0db_6295,
    0xdb62_9599,
    0x6295_993c,
    0x9599_3c43,
    0x993c_4390,
    0x3c43_9041,
];

/// Inverse sine.
pub fn asin(x: f32) -> f32 {
    let a = x.abs();
    if a < 0.5 { asin_of_half(x) } else { (core::f64::consts::FRAC_PI_2 - f64::from(acos_from_half(a))) as f32 }
        .copysign(x)
}

/// Inverse cosine.
pub fn acos(x: f32) -> f32 {
    let a = x.abs();
    if a < 0.5 {
        (core::f64::consts::FRAC_PI_2 - f64::from(asin_of_half(x))) as f32
    } else if x < 0.0 {
        (core::f64::consts::PI - f64::from(acos_from_half(a))) as f32
    } else {
        acos_from_half(a)
    }
}

/// [`acos`] of what is at least 1/2.
fn acos_from_half(x: f32) -> f32 {
    2.0 * asin_of_half(sqrt((1.0 - x) * 0.5))
}

/// [`asin`] of what is no more than 1/2.
///
/// Source: the rational function of FreeBSD's `e_asinf.c`.
fn asin_of_half(x: f32) -> f32 {
    let z = x * x;
    let p = z * (1.666_658_669_7e-01 + z * (-4.274_342_209_1e-02 + z * -8.656_363_003_0e-03));
    x + x * (p / (1.0 + z * -7.066_296_339_0e-01))
}

/// Hyperbolic sine, within 4 units in the last place.
pub fn sinh(x: f32) -> f32 {
    let e = exp_m1(x.abs());
    if x.abs() > 80.0 { half_exp(x.abs()) } else { 0.5 * (e + e / (e + 1.0)) }.copysign(x)
}

/// Hyperbolic cosine.
pub fn cosh(x: f32) -> f32 {
    let e = exp_once(x.abs());
    if x.abs() > 80.0 { half_exp(x.abs()) } else { 0.5 * (e + 1.0 / e) }
}

/// e^x / 2 of a large number, also where e^x is too large; within 4 units in the last place.
fn half_exp(x: f32) -> f32 {
    let root = exp_once(0.5 * x);
    0.5 * root * root
}

/// Inverse hyperbolic sine, within 4 units in the last place.
pub fn asinh(x: f32) -> f32 {
    let a = x.abs();
    if a < LARGE { ln_1p_once(a + a * a / (sqrt(a * a + 1.0) + 1.0)) } else { ln_of_double(a) }.copysign(x)
}

/// Inverse hyperbolic cosine, within 4 units in the last place; NaN below 1.
pub fn acosh(x: f32) -> f32 {
    let above = x - 1.0;
    if x < LARGE { ln_1p_once(above + sqrt(above * above + 2.0 * above)) } else { ln_of_double(x) }
}

/// Inverse hyperbolic tangent, within 4 units in the last place; NaN beyond 1.
pub fn atanh(x: f32) -> f32 {
    let a = x.abs();
    (0.5 * ln_1p_once(2.0 * a / (1.0 - a))).copysign(x)
}

/// What 1 is nothing beside the square of.
const LARGE: f32 = 4096.0;

/// ln(2x), also where 2x is too large.
fn ln_of_double(x: f32) -> f32 {
    ln(x) + core::f32::consts::LN_2
}

/// [`ln_1p`] for functions that no vectors are made of; NaN below 0 too.
fn ln_1p_once(x: f32) -> f32 {
    if x >= 0.0 { ln_1p(x) } else { f32::NAN }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{samples, ulps, within};
    use super::*;

    #[test]
    fn trigonometric_functions_are_accurate() {
        for [lo, hi] in [[-8.0, 8.0], [-1e4, 1e4], [-3e38, 3e38]] {
            within(0.6, lo, hi, sin, f64::sin);
            within(0.6, lo, hi, cos, f64::cos);
            within(0.6, lo, hi, tan, f64::tan);
        }
        within(2.0, -1.0, 1.0, asin, f64::asin);
        within(2.0, -1.0, 1.0, acos, f64::acos);
    }

    #[test]
    fn powers_are_accurate_and_their_special_cases_ieee() {
        for y in [-40.0, -2.5, -1.0, -1.0 / 3.0, 0.5, 0.75, 2.0, 3.0, 17.25] {
            for x in samples(-0.0, 100.0) {
                let error = ulps(pow(x, y), f64::from(x).powf(y.into()));
                assert!(error <= 0.6, "error of {error} ulp at {x} to the power {y}");
            }
        }
        for (x, y) in EXTREMES.iter().flat_map(|&x| EXTREMES.map(|y| (x, y))) {
            let (found, expected) = (pow(x, y), x.powf(y));
            let same = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
            assert!(same, "{x} to the power {y} is {found}, not {expected}");
        }
    }

    #[test]
    fn remainders_are_exact() {
        let dividends = samples(-1e6, 1e6).into_iter().step_by(31).chain([3e38, 1e20, 1e-44]).chain(EXTREMES);
        for (a, b) in
            dividends.flat_map(|a| EXTREMES.into_iter().chain([0.1, 7.3, 1e5, -3e38, 1e-45]).map(move |b| (a, b)))
        {
            let (found, expected) = (remainder(a, b), a % b);
            let same = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
            assert!(same, "{a} % {b} is {found}, not {expected}");
        }
    }

    const EXTREMES: [f32; 17] = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -0.5,
        2.0,
        -2.0,
        3.0,
        -3.0,
        16_777_215.0,
        -16_777_215.0,
        1e30,
        -1e30,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
    ];

    #[test]
    fn hyperbolic_functions_are_accurate() {
        within(4.0, -89.0, 89.0, sinh, f64::sinh);
        within(4.0, -89.0, 89.0, cosh, f64::cosh);
        within(2.5, -80.0, 80.0, cosh, f64::cosh);
        for [lo, hi] in [[-2.0, 2.0], [-1e4, 1e4], [-3e38, 3e38]] {
            within(4.0, lo, hi, asinh, f64::asinh);
            within(4.0, lo, hi, acosh, f64::acosh);
        }
        within(4.0, -1.0, 1.0, atanh, f64::atanh);
    }
}
