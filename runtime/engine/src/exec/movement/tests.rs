use crate::error::RunError;
use crate::exec::fixtures::{bools, bytes, count, eval, gives, integers, ints, reals};
use crate::exec::{EvaluateError, OwnedTensor};
use crate::op::infer::Info;
use crate::op::{Op, PadMode, ScatterKind};
use crate::tensor::{DType, Shape};

#[test]
fn reshape_keeps_and_completes_dimensions() {
    let x = count(&[2, 3, 2]);
    for (name, dims, expected) in
        [("plain", &[4, 3][..], &[4, 3][..]), ("0 keeps", &[0, -1], &[2, 6]), ("-1 completes", &[3, -1, 2], &[3, 2, 2])]
    {
        gives(name, Op::Reshape { dims: ints(dims) }, &[&x], &count(expected));
    }
}

#[test]
fn transposes_permute_axes() {
    let transpose = |perm: &[i32]| Op::Transpose { perm: ints(perm) };
    gives("matrix", transpose(&[1, 0]), &[&count(&[2, 3])], &reals(&[3, 2], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]));
    let rotated = reals(&[2, 2, 3], &[0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 1.0, 3.0, 5.0, 7.0, 9.0, 11.0]);
    gives("last first", transpose(&[2, 0, 1]), &[&count(&[2, 3, 2])], &rotated);
    gives("of ones", transpose(&[2, 0, 1]), &[&count(&[1, 3, 1])], &count(&[1, 1, 3]));
    gives("of nothing", transpose(&[1, 0]), &[&count(&[0, 3])], &count(&[3, 0]));
    let halves = bytes(DType::F16, &[1, 2, 2], &[1, 0, 2, 0, 3, 0, 4, 0]);
    gives("f16", transpose(&[0, 2, 1]), &[&halves], &bytes(DType::F16, &[1, 2, 2], &[1, 0, 3, 0, 2, 0, 4, 0]));
}

#[test]
fn transposes_of_every_permutation_equal_the_definition() {
    let dims = [3, 17, 2, 18];
    let x = count(&dims);
    let values = x.view().f32s().expect("f32");
    let strides = [17 * 36, 36, 18, 1];
    for code in 0..256_usize {
        let perm = [code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6];
        if (0..4).any(|axis| !perm.contains(&axis)) {
            continue;
        }
        let out = perm.map(|axis| dims[axis]);
        let expected: alloc::vec::Vec<f32> = (0..values.len())
            .map(|at| {
                let (mut rest, mut from) = (at, 0);
                for axis in (0..4).rev() {
                    from += rest % out[axis] * strides[perm[axis]];
                    rest /= out[axis];
                }
                values[from]
            })
            .collect();
        gives("a permutation", Op::Transpose { perm: ints(&perm.map(|a| a as i32)) }, &[&x], &reals(&out, &expected));
    }
}

#[test]
fn byte_channels_become_pixels() {
    for [images, count, pixels] in [[1, 3, 1], [2, 3, 17], [1, 3, 64], [3, 3, 40], [1, 4, 1], [2, 4, 33], [1, 4, 64]] {
        let channels: alloc::vec::Vec<u8> = (0..images * count * pixels).map(|i| (i * 31) as u8).collect();
        let expected: alloc::vec::Vec<u8> = (0..channels.len())
            .map(|at| channels[(at / (count * pixels) * count + at % count) * pixels + at / count % pixels])
            .collect();
        let (x, y) = (
            bytes(DType::U8, &[images, count, pixels], &channels),
            bytes(DType::U8, &[images, pixels, count], &expected),
        );
        gives("an image", Op::Transpose { perm: ints(&[0, 2, 1]) }, &[&x], &y);
    }
}

#[test]
fn slices_start_end_and_step() {
    let x = count(&[6]);
    for (name, start, end, step, expected) in [
        ("middle", 1, 4, 1, &[1.0, 2.0, 3.0][..]),
        ("end beyond the axis", 4, 100, 1, &[4.0, 5.0]),
        ("from the end", -2, i32::MAX, 1, &[4.0, 5.0]),
        ("every second", 0, 6, 2, &[0.0, 2.0, 4.0]),
        ("backwards", 5, i32::MIN, -2, &[5.0, 3.0, 1.0]),
        ("backwards from the end", -1, -4, -1, &[5.0, 4.0, 3.0]),
        ("nothing", 3, 3, 1, &[]),
        ("one, with a giant step", 2, 6, i32::MAX, &[2.0]),
    ] {
        let op = Op::Slice { starts: ints(&[start]), ends: ints(&[end]), steps: ints(&[step]) };
        gives(name, op, &[&x], &reals(&[expected.len()], expected));
    }
    let op = Op::Slice { starts: ints(&[0, 1]), ends: ints(&[2, 3]), steps: ints(&[1, 1]) };
    gives("two axes", op, &[&count(&[2, 3])], &reals(&[2, 2], &[1.0, 2.0, 4.0, 5.0]));
    let like = Op::SliceLike { axis: 1, like_axis: 0 };
    gives("as long as another", like, &[&count(&[2, 3]), &count(&[2])], &reals(&[2, 2], &[0.0, 1.0, 3.0, 4.0]));
}

#[test]
fn pads_with_each_mode() {
    let pad =
        |before: &[i32], after: &[i32], mode, value| Op::Pad { before: ints(before), after: ints(after), mode, value };
    let x = reals(&[3], &[1.0, 2.0, 3.0]);
    for (mode, expected) in [
        (PadMode::Constant, [9.0, 9.0, 1.0, 2.0, 3.0, 9.0]),
        (PadMode::Edge, [1.0, 1.0, 1.0, 2.0, 3.0, 3.0]),
        (PadMode::Reflect, [3.0, 2.0, 1.0, 2.0, 3.0, 2.0]),
        (PadMode::Wrap, [2.0, 3.0, 1.0, 2.0, 3.0, 1.0]),
    ] {
        gives(&alloc::format!("{mode:?}"), pad(&[2], &[1], mode, 9.0), &[&x], &reals(&[6], &expected));
    }
    gives("crops", pad(&[-1], &[1], PadMode::Constant, 0.0), &[&x], &reals(&[3], &[2.0, 3.0, 0.0]));
    let frame = pad(&[1, 0], &[0, 1], PadMode::Constant, 7.0);
    gives("two axes", frame, &[&count(&[1, 2])], &reals(&[2, 3], &[7.0, 7.0, 7.0, 0.0, 1.0, 7.0]));
    gives("moves", pad(&[1], &[-1], PadMode::Constant, 0.0), &[&x], &reals(&[3], &[0.0, 1.0, 2.0]));
    let planes = pad(&[0, 1, 0], &[0, 1, 0], PadMode::Constant, 7.0);
    let padded = [7.0, 7.0, 0.0, 1.0, 7.0, 7.0, 7.0, 7.0, 2.0, 3.0, 7.0, 7.0];
    gives("whole rows", planes, &[&count(&[2, 1, 2])], &reals(&[2, 3, 2], &padded));
    gives("none", pad(&[0, 0], &[0, 0], PadMode::Constant, 7.0), &[&count(&[2, 2])], &count(&[2, 2]));
    let quanta = bytes(DType::U8, &[1], &[5]);
    gives("a quantum", pad(&[1], &[0], PadMode::Constant, 128.0), &[&quanta], &bytes(DType::U8, &[2], &[128, 5]));
    let one = pad(&[2], &[0], PadMode::Reflect, 0.0);
    gives("one element reflected", one, &[&reals(&[1], &[4.0])], &reals(&[3], &[4.0; 3]));
    let far = pad(&[5], &[0], PadMode::Reflect, 0.0);
    gives("reflected twice", far, &[&x], &reals(&[8], &[2.0, 1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0]));
    gives("nothing", pad(&[1], &[1], PadMode::Constant, 3.0), &[&count(&[0])], &reals(&[2], &[3.0; 2]));
}

#[test]
fn concat_joins_along_its_axis() {
    let (a, b) = (count(&[2, 1]), reals(&[2, 2], &[10.0, 11.0, 12.0, 13.0]));
    let columns = reals(&[2, 3], &[0.0, 10.0, 11.0, 1.0, 12.0, 13.0]);
    gives("columns", Op::Concat { axis: 1 }, &[&a, &b], &columns);
    gives("with nothing", Op::Concat { axis: 1 }, &[&count(&[2, 0]), &a, &b], &columns);
    gives("rows", Op::Concat { axis: 0 }, &[&a, &a], &reals(&[4, 1], &[0.0, 1.0, 0.0, 1.0]));
}

#[test]
fn gathers_pick_what_indices_say() {
    let x = count(&[3, 2]);
    let index = integers(&[2], &[2, -3]);
    gives("rows", Op::Gather { axis: 0 }, &[&x, &index], &reals(&[2, 2], &[4.0, 5.0, 0.0, 1.0]));
    gives("a scalar index", Op::Gather { axis: 1 }, &[&x, &integers(&[], &[1])], &reals(&[3], &[1.0, 3.0, 5.0]));
    let each = integers(&[2, 2], &[2, 0, -1, 1]);
    gives("elements", Op::GatherElements { axis: 0 }, &[&x, &each], &reals(&[2, 2], &[4.0, 1.0, 4.0, 3.0]));
    let tuples = integers(&[2, 2], &[0, 1, 2, 0]);
    gives("tuples", Op::GatherNd { batch_dims: 0 }, &[&x, &tuples], &reals(&[2], &[1.0, 4.0]));
    let rows = integers(&[2, 1], &[2, 0]);
    gives("tuples of rows", Op::GatherNd { batch_dims: 0 }, &[&x, &rows], &reals(&[2, 2], &[4.0, 5.0, 0.0, 1.0]));
    let per_row = integers(&[3, 1], &[1, 0, 1]);
    gives("tuples per row", Op::GatherNd { batch_dims: 1 }, &[&x, &per_row], &reals(&[3], &[1.0, 2.0, 5.0]));
}

#[test]
fn a_bag_is_the_mean_of_the_rows_that_ids_pick() {
    let table = bytes(DType::I8, &[3, 2], &[1, 2, 3, 0xfc, 5, 6]);
    let scale = reals(&[2], &[0.5, 2.0]);
    let cases = [
        ("a vector", integers(&[3], &[2, 1, -1]), [13.0 * 0.5 / 3.0, 8.0 * 2.0 / 3.0]),
        ("any shape", integers(&[1, 1, 2], &[0, 1]), [1.0, -2.0]),
        ("nothing", integers(&[0], &[]), [0.0; 2]),
    ];
    for (name, ids, expected) in cases {
        gives(name, Op::EmbeddingBag {}, &[&table, &ids, &scale], &reals(&[1, 2], &expected));
    }
    let found = eval(Op::EmbeddingBag {}, &[&table, &integers(&[2], &[0, 3]), &scale]);
    assert!(matches!(found, Err(EvaluateError::Run(RunError::Index { index: 3, len: 3 }))));
    let many = Info { dtype: DType::I32, shape: Shape::new(&[1 << 24]).expect("it fits") };
    let infos = [&table, &scale].map(|t| Info { dtype: t.dtype, shape: t.shape });
    assert!(Op::EmbeddingBag {}.infer(&[infos[0], many, infos[1]]).is_err());
}

#[test]
fn indices_out_of_range_are_the_callers_error() {
    let x = count(&[3, 2]);
    let cases: [(&str, Op, OwnedTensor); 3] = [
        ("gather", Op::Gather { axis: 0 }, integers(&[1], &[3])),
        ("elements", Op::GatherElements { axis: 0 }, integers(&[1, 1], &[-4])),
        ("tuples", Op::GatherNd { batch_dims: 0 }, integers(&[1, 1], &[i32::MIN])),
    ];
    for (name, op, index) in cases {
        let found = eval(op, &[&x, &index]);
        assert!(matches!(found, Err(EvaluateError::Run(RunError::Index { len: 3, .. }))), "{name}");
    }
    let op = Op::ScatterNd { kind: ScatterKind::Set };
    let found = eval(op, &[&x, &integers(&[1, 1], &[9]), &count(&[1, 2])]);
    assert!(matches!(found, Err(EvaluateError::Run(RunError::Index { index: 9, len: 3 }))));
}

#[test]
fn scatters_join_in_order() {
    let data = reals(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let index = integers(&[1, 2], &[1, -1]);
    let updates = reals(&[1, 2], &[5.0, 0.5]);
    for (kind, expected) in [
        (ScatterKind::Set, [1.0, 2.0, 5.0, 0.5]),
        (ScatterKind::Add, [1.0, 2.0, 8.0, 4.5]),
        (ScatterKind::Mul, [1.0, 2.0, 15.0, 2.0]),
        (ScatterKind::Max, [1.0, 2.0, 5.0, 4.0]),
        (ScatterKind::Min, [1.0, 2.0, 3.0, 0.5]),
    ] {
        let op = Op::ScatterElements { axis: 0, kind };
        gives(&alloc::format!("{kind:?}"), op, &[&data, &index, &updates], &reals(&[2, 2], &expected));
    }
    let twice = [integers(&[2, 1], &[0, 0]), reals(&[2, 2], &[1.0, 1.0, 10.0, 10.0])];
    let op = Op::ScatterNd { kind: ScatterKind::Add };
    gives("one row twice", op, &[&data, &twice[0], &twice[1]], &reals(&[2, 2], &[12.0, 13.0, 3.0, 4.0]));
    let quanta = bytes(DType::U8, &[2], &[250, 1]);
    let op = Op::ScatterElements { axis: 0, kind: ScatterKind::Add };
    let add = [integers(&[1], &[0]), bytes(DType::U8, &[1], &[10])];
    gives("bytes wrap", op, &[&quanta, &add[0], &add[1]], &bytes(DType::U8, &[2], &[4, 1]));
}

#[test]
fn expands_and_tiles() {
    let column = count(&[2, 1]);
    gives(
        "new axes",
        Op::Expand { dims: ints(&[2, 1, 2]) },
        &[&column],
        &reals(&[2, 2, 2], &[0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0]),
    );
    gives("1 keeps", Op::Expand { dims: ints(&[1, 2]) }, &[&column], &reals(&[2, 2], &[0.0, 0.0, 1.0, 1.0]));
    let tiled = reals(&[2, 4], &[0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0]);
    gives("tiles", Op::Tile { repeats: ints(&[2, 2]) }, &[&count(&[1, 2])], &tiled);
    gives("no tiles", Op::Tile { repeats: ints(&[0]) }, &[&count(&[2])], &count(&[0]));
}

#[test]
fn casts_truncate_and_wrap() {
    let cast = |to| Op::Cast { to };
    let x = reals(&[5], &[-1.9, 2.5, 300.0, 0.0, f32::NAN]);
    gives("to i32", cast(DType::I32), &[&x], &integers(&[5], &[-1, 2, 300, 0, 0]));
    gives("to u8", cast(DType::U8), &[&x], &bytes(DType::U8, &[5], &[255, 2, 44, 0, 0]));
    gives("to i8", cast(DType::I8), &[&x], &bytes(DType::I8, &[5], &[255, 2, 44, 0, 0]));
    gives("to bool", cast(DType::Bool), &[&x], &bools(&[5], &[true, true, true, false, true]));
    let half = bytes(DType::F16, &[2], &[0x00, 0x3c, 0x00, 0xc1]);
    gives("from f16", cast(DType::F32), &[&half], &reals(&[2], &[1.0, -2.5]));
    gives("to f16", cast(DType::F16), &[&reals(&[2], &[1.0, -2.5])], &half);
    gives("f16 to i32", cast(DType::I32), &[&half], &integers(&[2], &[1, -2]));
    gives("from bool", cast(DType::F32), &[&bools(&[2], &[true, false])], &reals(&[2], &[1.0, 0.0]));
    gives("from i8", cast(DType::I32), &[&bytes(DType::I8, &[1], &[0x80])], &integers(&[1], &[-128]));
    gives("i32 to bool", cast(DType::Bool), &[&integers(&[2], &[256, 0])], &bools(&[2], &[true, false]));
}

#[test]
fn one_hot_wraps_once_and_ignores_the_rest() {
    let index = integers(&[4], &[1, -1, 3, -4]);
    let values = reals(&[2], &[0.0, 5.0]);
    let last = reals(&[4, 3], &[0.0, 5.0, 0.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    gives("last", Op::OneHot { axis: 1, depth: 3 }, &[&index, &values], &last);
    let first = reals(&[2, 2], &[0.0, 5.0, 5.0, 0.0]);
    gives("first", Op::OneHot { axis: 0, depth: 2 }, &[&integers(&[2], &[1, 0]), &values], &first);
}

#[test]
fn triangles_follow_their_diagonal() {
    let x = reals(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    for (name, upper, k, expected) in [
        ("upper", true, 0, [1.0, 2.0, 3.0, 0.0, 5.0, 6.0]),
        ("lower", false, 0, [1.0, 0.0, 0.0, 4.0, 5.0, 0.0]),
        ("upper, further up", true, 1, [0.0, 2.0, 3.0, 0.0, 0.0, 6.0]),
        ("lower, further down", false, -1, [0.0, 0.0, 0.0, 4.0, 0.0, 0.0]),
        ("all above", true, i32::MAX, [0.0; 6]),
        ("all below", false, i32::MAX, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
    ] {
        gives(name, Op::Trilu { upper, k }, &[&x], &reals(&[2, 3], &expected));
    }
}

#[test]
fn rejects_operands_that_do_not_fit() {
    let x = count(&[2, 3]);
    let index = integers(&[1], &[0]);
    let slice = |step: i32| Op::Slice { starts: ints(&[0, 0]), ends: ints(&[1, 1]), steps: ints(&[1, step]) };
    let set = ScatterKind::Set;
    let cases: [(&str, Op, &[&OwnedTensor]); 20] = [
        ("reshape to another count", Op::Reshape { dims: ints(&[5]) }, &[&x]),
        ("reshape with two open dimensions", Op::Reshape { dims: ints(&[-1, -1]) }, &[&x]),
        ("reshape that can't be completed", Op::Reshape { dims: ints(&[4, -1]) }, &[&x]),
        ("an axis twice", Op::Transpose { perm: ints(&[0, 0]) }, &[&x]),
        ("a negative axis", Op::Transpose { perm: ints(&[-1, 0]) }, &[&x]),
        ("too few axes", Op::Transpose { perm: ints(&[0]) }, &[&x]),
        ("a step of 0", slice(0), &[&x]),
        ("concat of ranks", Op::Concat { axis: 0 }, &[&x, &count(&[3])]),
        ("concat of dimensions", Op::Concat { axis: 0 }, &[&x, &count(&[2, 2])]),
        ("concat of types", Op::Concat { axis: 0 }, &[&x, &integers(&[2, 3], &[0; 6])]),
        ("gather by floats", Op::Gather { axis: 0 }, &[&x, &x]),
        ("gather along no axis", Op::Gather { axis: 2 }, &[&x, &index]),
        ("gather of other ranks", Op::GatherElements { axis: 0 }, &[&x, &index]),
        ("tuples that are too long", Op::GatherNd { batch_dims: 0 }, &[&x, &integers(&[3], &[0; 3])]),
        ("updates of another shape", Op::ScatterElements { axis: 0, kind: set }, &[&x, &integers(&[1, 1], &[0]), &x]),
        ("expand to fewer", Op::Expand { dims: ints(&[2, 2]) }, &[&x]),
        ("negative tiles", Op::Tile { repeats: ints(&[1, -1]) }, &[&x]),
        ("tiles beyond all measure", Op::Tile { repeats: ints(&[i32::MAX, i32::MAX]) }, &[&x]),
        ("one hot of one value", Op::OneHot { axis: 0, depth: 2 }, &[&index, &count(&[1])]),
        ("a triangle of a vector", Op::Trilu { upper: true, k: 0 }, &[&count(&[3])]),
    ];
    for (name, op, operands) in cases {
        assert!(matches!(eval(op, operands), Err(EvaluateError::Infer(_))), "{name}");
    }
    for mode in [PadMode::Edge, PadMode::Reflect, PadMode::Wrap] {
        let op = Op::Pad { before: ints(&[1]), after: ints(&[0]), mode, value: 0.0 };
        assert!(matches!(eval(op, &[&count(&[0])]), Err(EvaluateError::Infer(_))), "{mode:?} of nothing");
    }
    let op = Op::Pad { before: ints(&[-3]), after: ints(&[4]), mode: PadMode::Constant, value: 0.0 };
    assert!(matches!(eval(op, &[&count(&[2])]), Err(EvaluateError::Infer(_))), "cropped beyond the end");
}
