//! Matrix products, convolutions and depthwise convolutions.

use dunlin_kernels::{
    Conv, ConvInput, Depthwise, DepthwiseInput, Dynamic, Epilogue, Gemm, GemmInput, Isa, Panels, Raw, Requant, Taps,
    pack_panels, pack_u8_panels, packed_len,
};

use crate::rng::{Rng, Window, fast};

/// What lies in an output before; between rows it must stay.
const BEFORE: u8 = 0x5a;

struct Parameters {
    bias: Vec<i32>,
    scale: Vec<f32>,
    wsum: Vec<i32>,
    float_bias: Vec<f32>,
    w_zero: Vec<i32>,
    zero: u8,
    lo: u8,
    hi: u8,
    a_zero: u8,
}

impl Parameters {
    fn random(rng: &mut Rng, n: usize) -> Self {
        let (lo, hi) = rng.clamp();
        Self {
            bias: rng.integers(n),
            scale: rng.fitting_scales(n),
            wsum: rng.integers(n),
            float_bias: rng.integers(n).into_iter().map(|i| i as f32 * 0.01).collect(),
            w_zero: rng.w_zero(n),
            zero: rng.byte(),
            lo,
            hi,
            a_zero: rng.byte(),
        }
    }

    fn requant(&self) -> Requant<'_> {
        Requant { bias: &self.bias, scale: &self.scale, zero: self.zero, lo: self.lo, hi: self.hi }
    }

    fn dynamic(&self) -> Dynamic<'_> {
        let Self { a_zero, wsum, scale, float_bias, .. } = self;
        Dynamic { a_zero: *a_zero, wsum, a_scale: 0.037, scale, bias: float_bias }
    }

    fn raw(&self) -> Raw<'_> {
        Raw { a_zero: self.a_zero, wsum: &self.wsum }
    }
}

fn gemm_bits<E: Epilogue>(kernel: Gemm, input: GemmInput<'_>, epilogue: E, ldo: usize) -> Vec<u8> {
    let len = (input.m - 1) * ldo + input.panels.n();
    let mut out = vec![bytemuck::cast([BEFORE; 4]); len * size_of::<E::Out>()];
    let bytes: &mut [u32] = &mut out;
    let elements = &mut bytemuck::cast_slice_mut::<u32, E::Out>(bytes)[..len];
    kernel.run(input, epilogue, elements, ldo, &mut vec![0xee; kernel.scratch_len()]).expect("the shapes fit");
    bits(elements)
}

/// The bytes of the elements, all that is no number being one.
fn bits<T: bytemuck::Pod>(elements: &[T]) -> Vec<u8> {
    let bytes: &[u8] = bytemuck::cast_slice(elements);
    if core::any::TypeId::of::<T>() != core::any::TypeId::of::<f32>() {
        return bytes.to_vec();
    }
    let number = |word: &[u8]| f32::from_ne_bytes([word[0], word[1], word[2], word[3]]);
    let canonical = |word| if number(word).is_nan() { f32::NAN } else { number(word) };
    bytes.chunks(4).flat_map(|word| canonical(word).to_ne_bytes()).collect()
}

fn check_gemm(seed: u64, m: usize, n: usize, k: usize) {
    let rng = &mut Rng::new(seed);
    let (lda, ldo) = (k + rng.within(0, 2) * 5, n + rng.within(0, 2) * 3);
    let a = rng.activations((m - 1) * lda + k);
    let packed = pack_panels(&rng.weights(n * k), n, k);
    let panels = Panels::new(&packed, n, k).expect("packed for this shape");
    let parameters = Parameters::random(rng, n);
    let input = GemmInput { a: &a, m, lda, panels, w_zero: &parameters.w_zero };
    let all = |kernel| {
        [
            gemm_bits(kernel, input, parameters.requant(), ldo),
            gemm_bits(kernel, input, parameters.dynamic(), ldo),
            gemm_bits(kernel, input, parameters.raw(), ldo),
        ]
    };
    let expected = all(Gemm::select(Isa::REFERENCE, m, n, k));
    for isa in fast() {
        let picked = Gemm::select(isa, m, n, k);
        assert!(Gemm::candidates(isa, m, n, k).any(|kernel| kernel.name() == picked.name()), "{}", picked.name());
        for kernel in Gemm::candidates(isa, m, n, k).chain([picked]) {
            assert!(all(kernel) == expected, "{} differs: {m}x{n}x{k}, seed {seed}", kernel.name());
        }
    }
}

#[test]
fn gemm_equals_the_reference_for_each_number_of_rows() {
    for m in 1..=40 {
        for (i, n) in [1, 16, 17, 32, 33, 64].into_iter().enumerate() {
            check_gemm((m * 7 + i) as u64, m, n, 1 + (m * 5 + i * 11) % 70);
        }
    }
}

#[test]
fn gemm_equals_the_reference_for_each_number_of_channels_and_depth() {
    for n in 1..=70 {
        check_gemm(n as u64, 1 + n % 13, n, n);
        check_gemm(n as u64 + 1000, 1 + n % 5, 71 - n, n);
    }
}

#[test]
fn gemm_equals_the_reference_for_deep_products_of_few_channels_in_the_last_panel() {
    for n in (1..=64).step_by(3) {
        for k in [60, 64, 68, 72, 75] {
            check_gemm((n * k) as u64, 8 + n % 10, n, k);
        }
    }
}

#[test]
fn a_kernel_of_any_tile_is_right_for_other_shapes() {
    let (m, n, k) = (23, 50, 30);
    let rng = &mut Rng::new(9);
    let (a, packed) = (rng.activations(m * k), pack_panels(&rng.weights(n * k), n, k));
    let panels = Panels::new(&packed, n, k).expect("packed for this shape");
    let parameters = Parameters::random(rng, n);
    let input = GemmInput { a: &a, m, lda: k, panels, w_zero: &parameters.w_zero };
    let expected = gemm_bits(Gemm::select(Isa::REFERENCE, m, n, k), input, parameters.requant(), n);
    for isa in fast() {
        for [other_m, other_n] in [[1, n], [m + 70, n], [m, 16], [1, 200]] {
            // The scratch grows with the rows.
            let enough = Gemm::select(isa, m + 70, n, k).scratch_len();
            for kernel in Gemm::candidates(isa, other_m, other_n, k) {
                let mut out = vec![0; m * n];
                kernel.run(input, parameters.requant(), &mut out, n, &mut vec![0xee; enough]).expect("the shapes fit");
                assert!(out == expected, "{} for {other_m}x{other_n}", kernel.name());
            }
        }
    }
}

#[test]
fn gemm_sums_rows_beyond_one_batch_of_box_sums() {
    for seed in 0..6 {
        check_gemm(seed, 300, 9, 21);
    }
}

#[test]
fn gemm_wraps_at_the_ends_of_the_accumulator() {
    let (n, k) = (17, 140_000);
    let packed = pack_panels(&vec![-128; n * k], n, k);
    let panels = Panels::new(&packed, n, k).expect("packed for this shape");
    let wsum = vec![i32::MIN; n];
    for m in [1, 16] {
        let input = GemmInput { a: &vec![255; k], m, lda: 0, panels, w_zero: &vec![127; n] };
        let raw = Raw { a_zero: 255, wsum: &wsum };
        let expected = gemm_bits(Gemm::select(Isa::REFERENCE, m, n, k), input, raw, n);
        for kernel in fast().flat_map(|isa| Gemm::candidates(isa, m, n, k)) {
            assert!(gemm_bits(kernel, input, raw, n) == expected, "{}, {m} rows", kernel.name());
        }
    }
}

/// The smallest scale at which the sign of a sum that has wrapped still shows.
const TINY: f32 = 100.0 / 2_147_483_648.0;

#[test]
fn requantized_sums_wrap_past_their_bias() {
    check_sums(i32::MAX - 100, 127, TINY, 28);
    check_sums(i32::MIN + 100, -128, TINY, 228);
}

/// To about 9, 17, 29 and 437 million: below 12 and 25 million kernels that add a constant to round have other bits.
#[test]
fn requantized_sums_saturate_at_large_scales() {
    for scale in [30.0, 60.0, 100.0, 1500.0] {
        check_sums(0, 127, scale, 255);
        check_sums(0, -127, scale, 0);
        check_sums(0, 127, -scale, 0);
        check_sums(0, -127, -scale, 255);
    }
}

/// Nine products of 255 and a weight, with a bias, become `expected` at a scale and a zero point of 128: as products of matrices and as
/// windows of three by three taps.
fn check_sums(bias: i32, weight: i8, scale: f32, expected: u8) {
    let (n, window) = (33, square(3, 8, 33));
    let (bias, scale) = (vec![bias; n], vec![scale; n]);
    let requant = Requant { bias: &bias, scale: &scale, zero: 128, lo: 0, hi: 255 };
    let packed = pack_panels(&vec![weight; n * 9], n, 9);
    let panels = Panels::new(&packed, n, 9).expect("packed for this shape");
    let (rows, cols) = (window.rows(), window.cols());
    let taps = Taps::new(&rows, &cols, window.shape(), window.bytes()).expect("offsets lie inside");
    for isa in Isa::supported() {
        let mut out = vec![0; 20 * n];
        let input = GemmInput { a: &[255; 9], m: 20, lda: 0, panels, w_zero: &[] };
        let kernel = Gemm::select(isa, 20, n, 9);
        kernel.run(input, requant, &mut out, n, &mut vec![0xee; kernel.scratch_len()]).expect("the shapes fit");
        assert_eq!(out, vec![expected; 20 * n], "{isa}");
        let kernel = Depthwise::select(isa, &taps);
        let mut out = vec![0; taps.points() * n];
        let (image, mut scratch) = (vec![255; window.bytes()], vec![0; kernel.scratch_len()]);
        let input = DepthwiseInput { input: &image, zero: 0, taps, panels, w_zero: &[] };
        kernel.run(input, requant, &mut out, &mut scratch).expect("the shapes fit");
        assert_eq!(out, vec![expected; taps.points() * n], "{isa}");
    }
}

/// A square window over a square image, without padding.
fn square(kernel: usize, image: usize, channels: usize) -> Window {
    Window {
        image: [image; 2],
        channels,
        groups: 1,
        kernel: [kernel; 2],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [0, 0],
    }
}

#[test]
fn packed_activations_are_weights_with_a_zero_point_of_128_less() {
    let (m, n, k) = (3, 19, 7);
    let rng = &mut Rng::new(5);
    let (a, b) = (rng.activations(m * k), rng.activations(k * n));
    let mut packed = vec![0; packed_len(n, k).expect("small")];
    pack_u8_panels(&b, n, k, false, &mut packed).expect("the shapes fit");
    let panels = Panels::new(&packed, n, k).expect("packed for this shape");
    let b_zero = 77;
    for isa in Isa::supported() {
        let mut out = vec![0; m * n];
        let input = GemmInput { a: &a, m, lda: k, panels, w_zero: &vec![b_zero - 128; n] };
        let raw = Raw { a_zero: 0, wsum: &vec![0; n] };
        let kernel = Gemm::select(isa.for_weights(None), m, n, k);
        kernel.run(input, raw, &mut out, n, &mut vec![0xee; kernel.scratch_len()]).expect("the shapes fit");
        for (i, &sum) in out.iter().enumerate() {
            let product = |d: usize| i32::from(a[i / n * k + d]) * (i32::from(b[d * n + i % n]) - b_zero);
            assert_eq!(sum, (0..k).map(product).sum::<i32>(), "{isa}");
        }
    }
}

fn check_conv(seed: u64, window: Window, n: usize) {
    let rng = &mut Rng::new(seed);
    let image = rng.activations(window.bytes());
    let (rows, cols) = (window.rows(), window.cols());
    let taps = Taps::new(&rows, &cols, window.shape(), window.input_len()).expect("offsets lie inside");
    let k = taps.depth();
    let ldo = n * window.groups + rng.within(0, 1) * 3;
    let zero = rng.byte();
    let groups: Vec<_> =
        (0..window.groups).map(|_| (pack_panels(&rng.weights(n * k), n, k), Parameters::random(rng, n))).collect();
    let run = |kernel: Conv| {
        let mut scratch = vec![0xee; kernel.scratch_len()];
        let mut out = vec![BEFORE; taps.points() * ldo];
        for (g, (packed, parameters)) in groups.iter().enumerate() {
            let panels = Panels::new(packed, n, k).expect("packed for this shape");
            let input = &image[g * window.shape().run..];
            let input = ConvInput { input, zero, taps, panels, w_zero: &parameters.w_zero };
            kernel.run(input, parameters.requant(), &mut out[g * n..], ldo, &mut scratch).expect("the shapes fit");
        }
        out
    };
    let expected = run(Conv::select(Isa::REFERENCE, n, &taps));
    for isa in fast() {
        let picked = Conv::select(isa, n, &taps);
        assert!(Conv::candidates(isa, n, &taps).any(|kernel| kernel.name() == picked.name()), "{}", picked.name());
        for kernel in Conv::candidates(isa, n, &taps).chain([picked]) {
            assert!(run(kernel) == expected, "{}: {window:?}, {n} channels, seed {seed}", kernel.name());
        }
    }
}

#[test]
fn conv_equals_the_reference() {
    for seed in 0..400 {
        let rng = &mut Rng::new(seed);
        let channels = if seed % 2 == 0 { rng.within(1, 9) } else { 4 * rng.within(1, 5) };
        let largest = if seed % 10 == 0 { 5 } else { 3 };
        check_conv(seed, Window::random(rng, channels, largest), rng.within(1, 40));
    }
}

#[test]
fn conv_of_one_tap_equals_the_reference() {
    for seed in 0..40 {
        let rng = &mut Rng::new(seed);
        let channels = rng.within(1, 40);
        check_conv(seed, Window { pad: [0, 0], ..Window::random(rng, channels, 1) }, rng.within(1, 40));
    }
}

#[test]
fn conv_in_groups_equals_the_reference() {
    for seed in 0..60 {
        let rng = &mut Rng::new(seed);
        let groups = rng.within(2, 4);
        let channels = groups * rng.within(1, 8);
        check_conv(seed, Window { groups, ..Window::random(rng, channels, 3) }, rng.within(1, 9));
    }
}

#[test]
fn conv_of_windows_taller_than_the_kept_lines_equals_the_reference() {
    let window = Window {
        image: [22, 6],
        channels: 4,
        groups: 1,
        kernel: [20, 2],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [2, 1],
    };
    check_conv(3, window, 18);
}

#[test]
fn conv_with_all_taps_in_the_padding_reads_the_zero_point() {
    let window =
        Window { image: [3, 3], channels: 4, groups: 1, kernel: [2, 2], stride: [1, 1], dilation: [1, 1], pad: [5, 6] };
    check_conv(1, window, 5);
}

fn check_depthwise(seed: u64, window: Window) {
    let rng = &mut Rng::new(seed);
    let image = rng.activations(window.bytes());
    let (rows, cols) = (window.rows(), window.cols());
    let taps = Taps::new(&rows, &cols, window.shape(), window.bytes()).expect("offsets lie inside");
    let (n, k) = (window.channels, taps.window());
    let packed = pack_panels(&rng.weights(n * k), n, k);
    let panels = Panels::new(&packed, n, k).expect("packed for this shape");
    let parameters = Parameters::random(rng, n);
    let input = DepthwiseInput { input: &image, zero: rng.byte(), taps, panels, w_zero: &parameters.w_zero };
    let run = |isa: Isa| {
        let kernel = Depthwise::select(isa, &taps);
        let mut out = vec![BEFORE; taps.points() * n];
        kernel.run(input, parameters.requant(), &mut out, &mut vec![0xee; kernel.scratch_len()]).expect("shapes fit");
        out
    };
    let expected = run(Isa::REFERENCE);
    for isa in fast() {
        assert!(run(isa) == expected, "{}: {window:?}, seed {seed}", Depthwise::select(isa, &taps).name());
    }
}

#[test]
fn depthwise_equals_the_reference() {
    for seed in 0..400 {
        let rng = &mut Rng::new(seed);
        let channels = rng.within(1, 70);
        check_depthwise(seed, Window::random(rng, channels, if seed % 4 == 0 { 5 } else { 3 }));
    }
}

#[test]
fn depthwise_of_three_by_three_equals_the_reference() {
    for seed in 0..150 {
        let rng = &mut Rng::new(seed);
        let channels = rng.within(1, 70);
        let stride = rng.within(1, 2);
        let image = [rng.within(3, 9), rng.within(3, 40)];
        let pad = [rng.within(0, 1), rng.within(0, 1)];
        let window = Window { image, channels, groups: 1, kernel: [3, 3], stride: [stride; 2], dilation: [1, 1], pad };
        check_depthwise(seed, window);
    }
}

#[test]
fn depthwise_of_three_by_three_in_long_lines_equals_the_reference() {
    for seed in 0..96 {
        let rng = &mut Rng::new(seed);
        let channels = 16 * rng.within(1, 9);
        let stride = rng.within(1, 2);
        let image = [rng.within(3, 6), (2048 / channels).max(12) + rng.within(0, 5)];
        let pad = [rng.within(0, 1), rng.within(0, 1)];
        let window = Window { image, channels, groups: 1, kernel: [3, 3], stride: [stride; 2], dilation: [1, 1], pad };
        check_depthwise(seed, window);
    }
}

#[test]
fn depthwise_of_more_taps_than_the_fast_kernels_take_equals_the_reference() {
    let window = Window {
        image: [14, 13],
        channels: 18,
        groups: 1,
        kernel: [13, 12],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [1, 0],
    };
    check_depthwise(2, window);
}
