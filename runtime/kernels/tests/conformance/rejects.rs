//! What is not accepted.

use dunlin_kernels::{
    Add, AddParams, AvgPool, AvgPoolParams, Conv, ConvInput, Depthwise, DepthwiseInput, Gemm, GemmInput, Isa, PAD,
    PanelError, Panels, Requant, ShapeError, Taps, TapsError, TapsShape, pack_panels, packed_len,
};

const SHAPE: TapsShape = TapsShape { out: [1, 1], kernel: [1, 1], run: 4 };

#[test]
fn panels_reject_other_lengths() {
    let weights = [0; 64];
    assert!(Panels::new(&weights, 16, 4).is_ok());
    assert_eq!(Panels::new(&weights, 17, 4).err(), Some(PanelError::Length { needed: 128, found: 64 }));
    assert_eq!(Panels::new(&weights, 16, 5).err(), Some(PanelError::Length { needed: 128, found: 64 }));
    assert_eq!(Panels::new(&weights[..63], 16, 4).err(), Some(PanelError::Length { needed: 64, found: 63 }));
}

#[test]
fn panels_reject_emptiness_and_overflow() {
    assert_eq!(Panels::new(&[], 0, 4).err(), Some(PanelError::Empty));
    assert_eq!(Panels::new(&[], 4, 0).err(), Some(PanelError::Empty));
    assert_eq!(Panels::new(&[], usize::MAX, usize::MAX).err(), Some(PanelError::TooLarge));
    assert_eq!(packed_len(usize::MAX, 4), None);
}

#[test]
fn panels_give_each_weight_back() {
    let (n, k) = (37, 11);
    let weights: Vec<i8> = (0..n * k).map(|i| (i * 31) as i8).collect();
    let packed = pack_panels(&weights, n, k);
    let panels = Panels::new(&packed, n, k).expect("packed for this shape");
    for (i, &weight) in weights.iter().enumerate() {
        assert_eq!(panels.at(i / k, i % k), weight);
    }
    assert_eq!(packed.iter().filter(|&&weight| weight != 0).count(), weights.iter().filter(|&&w| w != 0).count());
}

#[test]
fn taps_reject_offsets_past_the_end() {
    assert!(Taps::new(&[6], &[2], SHAPE, 12).is_ok());
    assert_eq!(Taps::new(&[6], &[2], SHAPE, 11).err(), Some(TapsError::OutOfBounds { reach: 12, input_len: 11 }));
    let far = u32::MAX - 1;
    let reach = 2 * u64::from(far) + 4;
    assert_eq!(Taps::new(&[far], &[far], SHAPE, 12).err(), Some(TapsError::OutOfBounds { reach, input_len: 12 }));
}

#[test]
fn taps_accept_padding_anywhere() {
    assert!(Taps::new(&[PAD], &[1000], SHAPE, 0).is_ok());
    assert!(Taps::new(&[1000], &[PAD], SHAPE, 0).is_ok());
}

#[test]
fn taps_reject_other_table_lengths() {
    let shape = TapsShape { out: [2, 3], kernel: [2, 2], run: 1 };
    let length = |table, needed, found| Some(TapsError::Length { table, needed, found });
    assert_eq!(Taps::new(&[0; 3], &[0; 6], shape, 9).err(), length("rows", 4, 3));
    assert_eq!(Taps::new(&[0; 4], &[0; 7], shape, 9).err(), length("cols", 6, 7));
}

#[test]
fn taps_reject_emptiness_and_overflow() {
    for shape in [
        TapsShape { out: [0, 1], ..SHAPE },
        TapsShape { out: [1, 0], ..SHAPE },
        TapsShape { kernel: [0, 1], ..SHAPE },
        TapsShape { kernel: [1, 0], ..SHAPE },
        TapsShape { run: 0, ..SHAPE },
    ] {
        assert_eq!(Taps::new(&[], &[], shape, 9).err(), Some(TapsError::Empty));
    }
    let huge = TapsShape { out: [usize::MAX, 1], kernel: [2, 1], run: 1 };
    assert_eq!(Taps::new(&[], &[], huge, 9).err(), Some(TapsError::TooLarge));
    let deep = TapsShape { run: usize::MAX, kernel: [2, 1], ..SHAPE };
    assert_eq!(Taps::new(&[PAD; 2], &[PAD], deep, 9).err(), Some(TapsError::TooLarge));
}

#[test]
fn gemm_rejects_short_slices() {
    let packed = pack_panels(&[1; 2 * 4], 2, 4);
    let panels = Panels::new(&packed, 2, 4).expect("packed for this shape");
    let requant = Requant { bias: &[0; 2], scale: &[1.0; 2], zero: 0, lo: 0, hi: 255 };
    let input = GemmInput { a: &[1; 8], m: 2, lda: 4, panels, w_zero: &[] };
    for isa in Isa::supported() {
        let gemm = Gemm::select(isa, 2, 2, 4);
        let scratch = || vec![0; gemm.scratch_len()];
        let run = |input, requant, len| gemm.run(input, requant, &mut vec![0; len], 2, &mut scratch());
        let error = |argument, needed, found| Err(ShapeError { argument, needed, found });
        assert_eq!(run(input, requant, 4), Ok(()));
        assert_eq!(run(input, requant, 3), error("out", 4, 3));
        assert_eq!(run(GemmInput { a: &[1; 7], ..input }, requant, 4), error("a", 8, 7));
        assert_eq!(run(GemmInput { lda: usize::MAX, m: 3, ..input }, requant, 6), error("a", usize::MAX, 8));
        assert_eq!(run(GemmInput { w_zero: &[0], ..input }, requant, 4), error("w_zero", 2, 1));
        assert_eq!(run(input, Requant { bias: &[0], ..requant }, 4), error("bias", 2, 1));
        assert_eq!(run(input, Requant { scale: &[], ..requant }, 4), error("scale", 2, 0));
        assert_eq!(gemm.run(input, requant, &mut [0; 4], 1, &mut scratch()), error("ldo", 2, 1));
        if let Some(short) = gemm.scratch_len().checked_sub(1) {
            let rejected = error("scratch", short + 1, short);
            assert_eq!(gemm.run(input, requant, &mut [0; 4], 2, &mut vec![0; short]), rejected);
        }
        assert_eq!(run(GemmInput { m: 0, a: &[], ..input }, requant, 0), Ok(()));
    }
}

#[test]
fn windows_reject_short_slices() {
    let packed = pack_panels(&[1; 16], 4, 4);
    let (rows, cols) = ([0, 8, 8, PAD], [PAD, 0, 0, 4]);
    let shape = TapsShape { out: [2, 2], kernel: [2, 2], run: 4 };
    let taps = Taps::new(&rows, &cols, shape, 16).expect("offsets lie inside");
    let panels = Panels::new(&packed, 4, 4).expect("packed for this shape");
    let requant = Requant { bias: &[0; 4], scale: &[1.0; 4], zero: 0, lo: 0, hi: 255 };
    for isa in Isa::supported() {
        let depthwise = Depthwise::select(isa, &taps);
        let mut scratch = vec![0; depthwise.scratch_len()];
        let input = DepthwiseInput { input: &[1; 16], zero: 0, taps, panels, w_zero: &[] };
        assert_eq!(depthwise.run(input, requant, &mut [0; 16], &mut scratch), Ok(()));
        assert!(depthwise.run(input, requant, &mut [0; 15], &mut scratch).is_err());
        let short = DepthwiseInput { input: &[1; 15], ..input };
        assert!(depthwise.run(short, requant, &mut [0; 16], &mut scratch).is_err());
        if !scratch.is_empty() {
            let one_less = scratch.len() - 1;
            assert!(depthwise.run(input, requant, &mut [0; 16], &mut scratch[..one_less]).is_err());
        }
        let conv = Conv::select(isa, 4, &taps);
        let input = ConvInput { input: &[1; 16], zero: 0, taps, panels, w_zero: &[] };
        let error = ShapeError { argument: "panels.k", needed: 16, found: 4 };
        let mut scratch = vec![0; conv.scratch_len()];
        assert_eq!(conv.run(input, requant, &mut [0; 16], 4, &mut scratch), Err(error));
    }
}

/// A plan is sized for one window; another, larger one must not overrun the scratch.
#[test]
fn conv_rejects_a_scratch_picked_for_other_windows() {
    let cols_of =
        |ow: usize| -> Vec<u32> { (0..ow).flat_map(|ox| (0..3).map(move |kx| ((ox + kx) * 4) as u32)).collect() };
    let (small_cols, large_cols) = (cols_of(1), cols_of(60));
    let taps = |cols, ow| {
        let shape = TapsShape { out: [1, ow], kernel: [1, 3], run: 4 };
        Taps::new(&[0], cols, shape, 300).expect("offsets lie inside")
    };
    let packed = pack_panels(&[1; 12], 1, 12);
    let panels = Panels::new(&packed, 1, 12).expect("packed for this shape");
    let requant = Requant { bias: &[0], scale: &[1.0], zero: 0, lo: 0, hi: 255 };
    for isa in Isa::supported() {
        let conv = Conv::select(isa, 1, &taps(&small_cols, 1));
        let input = ConvInput { input: &[1; 300], zero: 0, taps: taps(&large_cols, 60), panels, w_zero: &[] };
        let mut scratch = vec![0; conv.scratch_len()];
        let result = conv.run(input, requant, &mut [0; 60], 1, &mut scratch);
        assert!(matches!(result, Ok(()) | Err(ShapeError { argument: "scratch", .. })), "{isa}");
    }
}

#[test]
fn conv_needs_no_scratch_for_padding_that_dwarfs_the_image() {
    let mut cols = vec![PAD; 1_000_000];
    cols[..2].copy_from_slice(&[0, 1_000_000]);
    let shape = TapsShape { out: [1, cols.len()], kernel: [1, 1], run: 1 };
    let taps = Taps::new(&[0], &cols, shape, 1_000_001).expect("offsets lie inside");
    for isa in Isa::supported() {
        assert!(Conv::select(isa, 1, &taps).scratch_len() < 100_000, "{isa}");
        assert!(Depthwise::select(isa, &taps).scratch_len() < 100_000, "{isa}");
    }
}

#[test]
fn element_wise_kernels_reject_unequal_lengths() {
    let params = AddParams { a_zero: 0, a_ratio: 1.0, b_zero: 0, b_ratio: 1.0, zero: 0, lo: 0, hi: 255 };
    for isa in Isa::supported() {
        assert!(Add::select(isa).run(params, &[0; 3], &[0; 4], &mut [0; 4]).is_err());
        assert!(Add::select(isa).run(params, &[0; 4], &[0; 3], &mut [0; 4]).is_err());
    }
}

#[test]
fn avg_pool_rejects_scales_of_other_points() {
    let taps = Taps::new(&[0], &[0], SHAPE, 4).expect("offsets lie inside");
    let params = AvgPoolParams { a_zero: 0, zero: 0, lo: 0, hi: 255 };
    for isa in Isa::supported() {
        assert!(AvgPool::select(isa).run(params, &[0; 4], &taps, &[1.0; 2], &mut [0; 4]).is_err());
    }
}
