//! Halves give the bits of the whole, and operators that can be cut are.

use alloc::vec::Vec;

use dunlin_kernels::float::Fusion;
use dunlin_kernels::{AlignedBytes, Isa};

use super::fixtures::{bools, bytes, count, first, ints, reals};
use super::halves::{Halved, Join, Piece};
use super::{Kernel, Operand, OwnedTensor, View};
use crate::error::RunError;
use crate::op::infer::Info;
use crate::op::*;
use crate::tensor::DType;

/// Runs the second piece first, and counts.
#[derive(Debug, Default)]
struct Backwards(usize);

impl Join for Backwards {
    fn join(&mut self, first: &mut Piece<'_>, second: &mut Piece<'_>) {
        self.0 += 1;
        second();
        first();
    }
}

/// Checks that an operator in halves, if it can be cut, gives what the operator gives; tells whether it was cut.
#[track_caller]
pub(super) fn halves_are_the_whole(op: &Op, inputs: &[View<'_>], results: &[OwnedTensor]) -> bool {
    let [result] = results else { return false };
    let mut cut = false;
    for (isa, fusion) in Isa::supported().flat_map(|isa| [(isa, Fusion::Never), (isa, Fusion::Allowed)]) {
        let whole = run(op, inputs, result, (isa, fusion), None);
        let mut helper = Backwards::default();
        let halves = run(op, inputs, result, (isa, fusion), Some(&mut helper));
        assert_eq!(halves, whole, "{op:?} on {isa} {fusion:?}");
        cut |= helper.0 > 0;
    }
    cut
}

/// The bytes of an operator's result, with a helper's help if there is one.
fn run(
    op: &Op,
    inputs: &[View<'_>],
    result: &OwnedTensor,
    (isa, fusion): (Isa, Fusion),
    helper: Option<&mut Backwards>,
) -> Result<Vec<u8>, RunError> {
    let infos: Vec<Info> = inputs.iter().map(|x| Info { dtype: x.dtype, shape: x.shape }).collect();
    let operand = |(x, &info): (&View<'_>, &Info)| Operand { info, quant: x.quant, constant: None };
    let operands: Vec<Operand<'_>> = inputs.iter().zip(&infos).map(operand).collect();
    let info = Info { dtype: result.dtype, shape: result.shape };
    let made = Operand { info, quant: result.quant, constant: None };
    let kernel = Kernel::select(op, &operands, &[made], isa, fusion).map_err(|_| RunError::Plan)?;
    let room = kernel.scratch_len(op, &infos, &[info]).next_multiple_of(64);
    let mut output = OwnedTensor::zeroed(info, result.quant);
    output.bytes.fill(0xaa);
    match helper {
        Some(helper) if inputs.len() <= 8 => {
            let mut scratch = AlignedBytes::zeroed(2 * room);
            Halved { kernel: &kernel, op, inputs, output: output.view_mut() }.run(&mut scratch, helper)?;
        }
        _ => {
            let mut scratch = AlignedBytes::zeroed(room);
            kernel.run(op, None, inputs, &mut [output.view_mut()], &mut scratch)?;
        }
    }
    if let Ok(reals) = output.view_mut().f32s() {
        // Which of two NaNs a CPU passes on depends on the order of operands, which no kernel promises.
        reals.iter_mut().filter(|real| real.is_nan()).for_each(|real| *real = f32::NAN);
    }
    Ok(output.bytes.to_vec())
}

fn ramp(dims: &[usize]) -> OwnedTensor {
    let values: Vec<f32> = (0..dims.iter().product()).map(|i: usize| ((i * 37 % 101) as f32 - 50.0) / 64.0).collect();
    reals(dims, &values)
}

fn window(kernel: u32, stride: u32, pad: u32) -> Window {
    Window { kernel: [kernel; 2], stride: [stride; 2], dilation: [1; 2], pads: [pad; 4], ceil: false }
}

#[track_caller]
fn is_cut(op: Op, operands: &[&OwnedTensor]) -> bool {
    let views: Vec<View<'_>> = operands.iter().map(|operand| operand.view()).collect();
    halves_are_the_whole(&op, &views, &[first(op, operands)])
}

#[test]
fn products_are_cut_by_rows_and_single_rows_by_panels() {
    let (lo, hi) = (-1.0, 6.0);
    for (dims, n, cut) in [
        (&[1, 128, 24][..], 40, true),
        (&[7, 24], 40, true),
        (&[3, 2, 24], 5, true),
        (&[1, 1, 24], 40, true),
        (&[1, 24], 33, true),
        (&[24], 48, true),
        (&[1, 24], 16, false),
        (&[1, 24], 9, false),
    ] {
        let (b, bias) = (ramp(&[usize::div_ceil(n, 16), 24, 16]), ramp(&[n]));
        let op = Op::MatMulPanels { n: n as u32, lo, hi };
        assert_eq!(is_cut(op, &[&ramp(dims), &b, &bias]), cut, "{dims:?} {n}");
        assert_eq!(is_cut(op, &[&ramp(dims), &b]), cut, "{dims:?} {n}");
    }
}

#[test]
fn convolutions_are_cut_by_images_and_by_lines() {
    let (lo, hi) = (-1.0, 6.0);
    for (image, kernel, stride, pad, cut) in [
        ([1, 9, 7, 3], 3, 1, 1, true),
        ([1, 9, 7, 3], 3, 2, 0, true),
        ([1, 8, 8, 3], 1, 1, 0, true),
        ([1, 8, 8, 3], 1, 2, 0, true),
        ([1, 4, 6, 3], 3, 1, 2, true),
        ([3, 1, 6, 3], 1, 1, 0, true),
        ([2, 5, 6, 3], 3, 1, 1, true),
        // A half lies in the padding.
        ([1, 1, 1, 3], 1, 1, 3, false),
        ([1, 1, 9, 3], 1, 1, 0, false),
        ([1, 3, 3, 3], 3, 1, 0, false),
    ] {
        let (x, window) = (ramp(&image), window(kernel, stride, pad));
        let taps = (kernel * kernel) as usize;
        let (w, bias) = (ramp(&[1, 2, 3 * taps, 16]), ramp(&[20]));
        let conv = Op::ConvPanels { window, groups: 1, lo, hi };
        assert_eq!(is_cut(conv, &[&x, &w, &bias]), cut, "{image:?} {window:?}");
        let (w, bias) = (ramp(&[1, taps, 16]), ramp(&[3]));
        assert_eq!(is_cut(Op::DepthwisePanels { window, lo, hi }, &[&x, &w, &bias]), cut, "{image:?} {window:?}");
    }
}

#[test]
fn attention_is_cut_by_queries_and_its_mask_with_them() {
    let op = Op::Attention { heads: 2, scale: 0.5 };
    for (queries, mask, cut) in [
        (13, None, true),
        (13, Some(&[1, 1, 1, 9][..]), true),
        (13, Some(&[1, 1, 13, 9]), true),
        (13, Some(&[13, 9]), true),
        (13, Some(&[13, 1]), true),
        (13, Some(&[1, 2, 1, 9]), true),
        // Each head has queries of its own.
        (13, Some(&[1, 2, 13, 9]), false),
        (1, None, false),
    ] {
        let (q, k, v) = (ramp(&[1, queries, 8]), ramp(&[1, 9, 8]), ramp(&[1, 9, 12]));
        let mask = mask.map(ramp);
        let operands: Vec<&OwnedTensor> = [&q, &k, &v].into_iter().chain(&mask).collect();
        assert_eq!(is_cut(op, &operands), cut, "{queries} {:?}", mask.map(|mask| mask.shape));
    }
    let batch = [ramp(&[2, 5, 8]), ramp(&[2, 9, 8]), ramp(&[2, 9, 8])];
    assert!(!is_cut(op, &batch.each_ref()));
}

#[test]
fn elements_are_cut_with_what_is_broadcast() {
    let add = Op::Binary { kind: BinaryKind::Add };
    let x = count(&[1, 5, 6]);
    for other in [&[1, 5, 6][..], &[6], &[5, 1], &[1], &[1, 1, 6], &[]] {
        assert!(is_cut(add, &[&x, &ramp(other)]), "{other:?}");
        assert!(is_cut(add, &[&ramp(other), &x]), "{other:?}");
    }
    assert!(is_cut(Op::Where {}, &[&bools(&[5, 1], &[true, false, true, true, false]), &x, &ramp(&[6])]));
    let f = Activation { kind: UnaryKind::Gelu, alpha: 0.0, beta: 0.0 };
    assert!(is_cut(Op::Unary { f }, &[&count(&[1, 1, 7])]));
    assert!(!is_cut(Op::Unary { f }, &[&count(&[1, 1, 1])]));
    assert!(is_cut(Op::Cast { to: DType::F16 }, &[&x]));
    assert!(is_cut(Op::FlipSign {}, &[&bytes(DType::U8, &[3, 1], &[1, 2, 3])]));
    let table: Vec<u8> = (0..=255).rev().collect();
    let all = bytes(DType::U8, &[256], &table);
    assert!(is_cut(Op::QLookup {}, &[&all, &all]));
}

#[test]
fn rows_that_are_summed_stay_whole() {
    let x = ramp(&[1, 5, 6]);
    for (axis, cut) in [(0, false), (1, false), (2, true)] {
        assert_eq!(is_cut(Op::Softmax { axis, log: false }, &[&x]), cut, "{axis}");
        let scale = ramp(&[&[1, 5, 6][axis as usize..]].concat());
        let normal = Op::LayerNorm { axis, epsilon: 0.1, rms: false };
        assert_eq!(is_cut(normal, &[&x, &scale, &scale]), cut, "{axis}");
    }
    assert!(!is_cut(Op::Reduce { kind: ReduceKind::Sum, axes: ints(&[2]), keep: false }, &[&x]));
}

#[test]
fn a_half_that_nobody_does_is_an_error() {
    #[derive(Debug)]
    struct Lazy(bool);
    impl Join for Lazy {
        fn join(&mut self, first: &mut Piece<'_>, second: &mut Piece<'_>) {
            if self.0 { first() } else { second() }
        }
    }
    let (x, kernel) = (count(&[4]), Kernel::Generic(Isa::REFERENCE));
    let op = Op::Unary { f: Activation { kind: UnaryKind::Abs, alpha: 0.0, beta: 0.0 } };
    for first in [true, false] {
        let mut y = OwnedTensor::zeroed(Info { dtype: DType::F32, shape: x.shape }, None);
        let step = Halved { kernel: &kernel, op: &op, inputs: &[x.view()], output: y.view_mut() };
        assert_eq!(step.run(&mut [], &mut Lazy(first)), Err(RunError::Half));
    }
}
