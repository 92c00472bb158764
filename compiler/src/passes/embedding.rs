//! Rows picked from a table and averaged become one operator, with the table in int8.
//!
//! ```text
//! table [rows,n] - (DequantizeLinear) - Gather(ids) - ReduceMean over the ids' axes
//! table [rows,n] - Gather(ids) - DequantizeLinear - ReduceMean over the ids' axes
//! ```
//!
//! A table that is quantized in the model, symmetrically, keeps its bytes and scales. One of floats gets a scale for each
//! column, the largest magnitude over 127, where integers are asked for, and is left alone elsewhere. The search starts at the
//! mean; what it passes goes with the dead nodes.

use dunlin_engine::op::{Op as EngineOp, ReduceKind};
use dunlin_engine::tensor::{DType, Ints};

use super::rewrite::engine;
use crate::build::Builder;
use crate::error::Result;
use crate::ir::{Graph, Node, Op, Tensor, ValueId};
use crate::tensor::dims;

/// Replaces each mean of picked rows by the engine's operator; those of float tables where `floats` are to become integers.
///
/// # Errors
/// When a result has too many dimensions.
pub fn run(graph: &mut Graph, floats: bool) -> Result<()> {
    let makers = graph.makers();
    let nodes = std::mem::take(&mut graph.nodes);
    for node in &nodes {
        let bag = Search { graph, nodes: &nodes, makers: &makers }.bag(node, floats);
        match bag {
            Some(bag) => bag.build(graph, node)?,
            None => graph.nodes.push(node.clone()),
        }
    }
    super::dead::run(graph)
}

/// A table of int8 `[rows,n]`, one scale for each column, and the ids that pick rows.
struct Bag {
    table: Tensor,
    scale: Vec<f32>,
    ids: ValueId,
}

impl Bag {
    fn build(self, graph: &mut Graph, mean: &Node) -> Result<()> {
        let result = mean.outputs[0];
        let wanted = dims(&graph.value(result).shape);
        let mut builder = Builder::new(graph, 0);
        builder.node.clone_from(&mean.name);
        let table = builder.constant(self.table);
        let scale = builder.constant(Tensor::f32s(&[self.scale.len()], &self.scale));
        let row = builder.engine(EngineOp::EmbeddingBag {}, &[table, self.ids, scale])?;
        let made = if builder.dims(row) == wanted { row } else { builder.reshape(row, &wanted)? };
        builder.finish(made, result)
    }
}

struct Search<'g> {
    graph: &'g Graph,
    nodes: &'g [Node],
    makers: &'g [Option<usize>],
}

impl Search<'_> {
    fn bag(&self, mean: &Node, floats: bool) -> Option<Bag> {
        let EngineOp::Reduce { kind: ReduceKind::Mean, axes, .. } = engine(mean)? else { return None };
        let rows = mean.inputs[0];
        let node = self.maker(rows)?;
        let (table, ids, scale) = match node.op {
            // The columns are the last axis of what is picked.
            Op::DequantizeLinear { axis } => {
                let (table, ids) = self.picked(node.inputs[0])?;
                let last = axis as usize + 1 == self.graph.value(rows).shape.rank();
                let table = self.graph.constant(table)?;
                (table.clone(), ids, self.scales(node, last, columns(table)?)?)
            }
            _ => {
                let (table, ids) = self.picked(rows)?;
                let (table, scale) = self.table(table, floats)?;
                (table, ids, scale)
            }
        };
        let fits = table.dtype == DType::I8 && covers(&axes, &dims(&self.graph.value(ids).shape));
        // More ids than the operator takes would be a rare model; it stays as it is.
        (fits && self.graph.value(ids).shape.count() < 1 << 24).then_some(Bag { table, scale, ids })
    }

    fn maker(&self, x: ValueId) -> Option<&Node> {
        Some(&self.nodes[self.makers[x.0]?])
    }

    /// From what rows are picked, and by which ids.
    fn picked(&self, rows: ValueId) -> Option<(ValueId, ValueId)> {
        let node = self.maker(rows)?;
        matches!(engine(node)?, EngineOp::Gather { axis: 0 }).then(|| (node.inputs[0], node.inputs[1]))
    }

    /// A table that is constant, as it is or before its dequantization.
    fn table(&self, table: ValueId, floats: bool) -> Option<(Tensor, Vec<f32>)> {
        if let Some(tensor) = self.graph.constant(table) {
            return quantized(tensor).filter(|_| floats);
        }
        let node = self.maker(table)?;
        let Op::DequantizeLinear { axis } = node.op else { return None };
        let tensor = self.graph.constant(node.inputs[0])?;
        Some((tensor.clone(), self.scales(node, axis == 1, columns(tensor)?)?))
    }

    /// The scale of each of `count` columns, of a symmetric dequantization; `by_column`: several scales are the columns'.
    fn scales(&self, node: &Node, by_column: bool, count: usize) -> Option<Vec<f32>> {
        let symmetric = match node.inputs.get(2) {
            Some(&zero) => self.graph.constant(zero)?.to_i32s()?.iter().all(|&zero| zero == 0),
            None => true,
        };
        match self.graph.constant(node.inputs[1])?.as_f32s()? {
            _ if !symmetric => None,
            &[scale] => Some(vec![scale; count]),
            scales if by_column && scales.len() == count => Some(scales.to_vec()),
            _ => None,
        }
    }
}

/// How long the rows of a table are.
fn columns(table: &Tensor) -> Option<usize> {
    (table.shape.rank() == 2).then(|| table.shape.last())
}

/// Whether a mean is over all axes of the ids, but for those of length 1, and none of the table.
fn covers(axes: &Ints, ids: &[usize]) -> bool {
    let rank = ids.len() as i32 + 1;
    let reduced = |axis: usize| axes.iter().any(|&a| a.rem_euclid(rank) == axis as i32);
    !axes.is_empty() && !reduced(ids.len()) && (0..ids.len()).all(|axis| ids[axis] == 1 || reduced(axis))
}

/// A table of floats in int8, with the scale of each column; `None` when a value is not finite.
fn quantized(table: &Tensor) -> Option<(Tensor, Vec<f32>)> {
    let (count, values) = (columns(table)?.max(1), table.as_f32s()?);
    let mut scale = vec![0.0_f32; columns(table)?];
    for row in values.chunks_exact(count) {
        scale.iter_mut().zip(row).for_each(|(scale, w)| *scale = scale.max(w.abs()));
    }
    // A column of zeros, or of values too small for a scale, has any scale.
    scale.iter_mut().for_each(|scale| *scale = if *scale / 127.0 < f32::MIN_POSITIVE { 1.0 } else { *scale / 127.0 });
    let byte = |(w, scale): (&f32, &f32)| (w / scale).round_ties_even() as i8;
    let bytes: Vec<i8> = values.chunks_exact(count).flat_map(|row| row.iter().zip(&scale).map(byte)).collect();
    let finite = values.iter().all(|w| w.is_finite());
    finite.then_some((Tensor::new(DType::I8, table.shape, &bytes)?, scale))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::evaluate;
    use dunlin_engine::op::infer::Info;

    const SCALES: [f32; 2] = [0.5, 0.25];

    /// How a model has its table.
    #[derive(Clone, Copy, Debug)]
    enum Form {
        Float,
        Dequantized { scales: &'static [f32], axis: u32, zero: i8 },
        Behind { scales: &'static [f32], axis: u32 },
    }

    /// A mean of rows picked by ids of some shape.
    fn graph(form: Form, ids: &[usize], axes: &[usize], keep: bool) -> Graph {
        let mut graph = Graph::default();
        let info = Tensor::i32s(ids, &vec![0; ids.iter().product()]).info();
        let ids = graph.push_value("ids", info, None);
        graph.inputs.push(ids);
        let mut b = Builder::new(&mut graph, 0);
        let bytes = b.constant(Tensor::i8s(&[4, 2], &[127, -127, 3, 4, -5, 60, 0, 7]));
        let float = |b: &mut Builder<'_>, x, scales: &[f32], axis, zero| {
            let shape = b.graph.value(x).shape;
            let dims: &[usize] = if scales.len() == 1 { &[] } else { &[2] };
            let (scale, zero) = (b.constant(Tensor::f32s(dims, scales)), b.constant(Tensor::i8s(&[], &[zero])));
            b.append(Op::DequantizeLinear { axis }, &[x, scale, zero], &[Info { dtype: DType::F32, shape }])[0]
        };
        let pick = |b: &mut Builder<'_>, table| b.engine(EngineOp::Gather { axis: 0 }, &[table, ids]).expect("fits");
        let rows = match form {
            Form::Float => {
                let table = b.constant(Tensor::f32s(&[4, 2], &[63.5, -31.75, 1.5, 1.0, -2.5, 15.0, 0.0, 1.75]));
                pick(&mut b, table)
            }
            Form::Dequantized { scales, axis, zero } => {
                let table = float(&mut b, bytes, scales, axis, zero);
                pick(&mut b, table)
            }
            Form::Behind { scales, axis } => {
                let rows = pick(&mut b, bytes);
                float(&mut b, rows, scales, axis, 0)
            }
        };
        let mean = b.reduce(ReduceKind::Mean, rows, axes, keep).expect("axes are there");
        graph.outputs.push(mean);
        graph
    }

    fn bags(graph: &Graph) -> usize {
        graph.nodes.iter().filter(|node| engine(node) == Some(EngineOp::EmbeddingBag {})).count()
    }

    #[test]
    fn every_form_becomes_one_operator_with_the_same_result() {
        let by_column = &SCALES;
        for form in [
            Form::Float,
            Form::Dequantized { scales: by_column, axis: 1, zero: 0 },
            Form::Dequantized { scales: &[0.5], axis: 0, zero: 0 },
            Form::Behind { scales: &[0.5], axis: 0 },
        ] {
            for (ids, axes) in [(&[3][..], &[0][..]), (&[1, 3], &[1]), (&[1, 3], &[0, 1]), (&[3, 1], &[0])] {
                for keep in [true, false] {
                    let mut graph = graph(form, ids, axes, keep);
                    let sample = Tensor::i32s(ids, &[3, 0, -2]);
                    let expected = match form {
                        Form::Float | Form::Dequantized { scales: [_, _], .. } => [61.0 / 3.0, -5.0],
                        _ => [61.0 / 3.0, -10.0],
                    };
                    let shape = graph.value(graph.outputs[0]).shape;
                    run(&mut graph, true).expect("it can't fail");
                    assert_eq!(bags(&graph), 1, "{form:?} {ids:?}");
                    let reshapes = usize::from(shape.dims() != [1, 2]);
                    assert_eq!(graph.nodes.len(), 1 + reshapes, "{form:?} {ids:?}");
                    let found = evaluate(&graph, &[sample]).expect("it runs").remove(0);
                    assert_eq!(found.shape, shape);
                    assert_eq!(found.as_f32s(), Some(&expected[..]), "{form:?} {ids:?}");
                }
            }
        }
    }

    #[test]
    fn scales_of_what_was_picked_are_those_of_the_last_axis() {
        for (axis, expected) in [(2, 1), (0, 0)] {
            let mut graph = graph(Form::Behind { scales: &SCALES, axis }, &[2, 1], &[0, 1], false);
            run(&mut graph, false).expect("it can't fail");
            assert_eq!(bags(&graph), expected, "axis {axis}");
        }
    }

    #[test]
    fn what_is_no_bag_stays() {
        let cases = [
            ("floats where they are to stay", Form::Float, &[3][..], &[0][..], false),
            ("several bags", Form::Float, &[2, 3], &[1], true),
            ("a mean of columns", Form::Float, &[3], &[1], true),
            ("a mean of everything", Form::Float, &[3], &[0, 1], true),
            ("scales of rows", Form::Dequantized { scales: &SCALES, axis: 0, zero: 0 }, &[3], &[0], true),
            ("a zero point", Form::Dequantized { scales: &[0.5], axis: 0, zero: 1 }, &[3], &[0], true),
        ];
        for (name, form, ids, axes, floats) in cases {
            let mut graph = graph(form, ids, axes, true);
            let before = graph.nodes.len();
            run(&mut graph, floats).expect("it can't fail");
            assert_eq!((bags(&graph), graph.nodes.len()), (0, before), "{name}");
        }
    }

    #[test]
    fn a_float_table_loses_half_a_step_at_most() {
        let values: Vec<f32> = (0..60).map(|i| ((i * 37 % 101) as f32 - 50.0) / 7.0 * f32::from(i % 3 != 0)).collect();
        let (table, scale) = quantized(&Tensor::f32s(&[20, 3], &values)).expect("it is finite");
        let bytes = table.as_i8s().expect("int8");
        assert_eq!(scale[0], 1.0, "a column of zeros");
        for (index, (&q, &w)) in bytes.iter().zip(&values).enumerate() {
            let step = scale[index % 3];
            assert!((f32::from(q) * step - w).abs() <= 0.5001 * step, "{w} became {q} of {step}");
        }
        assert!(quantized(&Tensor::f32s(&[1, 1], &[f32::NAN])).is_none());
        assert!(quantized(&Tensor::f32s(&[1, 1], &[f32::INFINITY])).is_none());
    }
}
