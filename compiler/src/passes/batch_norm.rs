//! Batch normalization into the convolution or product before it; what has none becomes a product and a sum.

use dunlin_engine::op::{BinaryKind, Op as EngineOp, UnaryKind};

use super::rewrite::uses;
use crate::build::Builder;
use crate::error::Result;
use crate::ir::{Graph, Node, Op, ValueId};
use crate::lower::batch_norm;

/// Removes every BatchNorm.
///
/// # Errors
/// When its parameters don't fit each other.
pub fn run(graph: &mut Graph) -> Result<()> {
    let uses = uses(graph);
    let nodes = std::mem::take(&mut graph.nodes);
    let mut builder = Builder::rewriting(graph);
    for node in nodes {
        builder.node.clone_from(&node.name);
        let Op::BatchNorm { epsilon } = node.op else {
            builder.graph.nodes.push(node);
            continue;
        };
        match foldable(builder.graph, &node, &uses) {
            Some(product) => fold(&mut builder, product, &node, epsilon)?,
            None => {
                let made = batch_norm(&mut builder, &node, epsilon)?;
                builder.finish(made, node.outputs[0])?;
            }
        }
    }
    Ok(())
}

/// The product before a BatchNorm that alone reads it, all parameters being constant.
fn foldable(graph: &Graph, node: &Node, uses: &[usize]) -> Option<usize> {
    let constant = |id: &ValueId| graph.constant(*id).is_some();
    let x = node.inputs[0];
    let index = graph.nodes.iter().rposition(|n| n.outputs == [x])?;
    let product = &graph.nodes[index];
    let channels_second = match product.op {
        Op::Conv { .. } => true,
        Op::Engine(EngineOp::MatMul { lo, hi, .. }) => {
            graph.value(x).shape.rank() == 2 && lo == f32::NEG_INFINITY && hi == f32::INFINITY
        }
        _ => false,
    };
    let constants = node.inputs[1..].iter().chain(&product.inputs[1..]).all(constant);
    (channels_second && uses[x.0] == 1 && constants).then_some(index)
}

/// Weights times `scale / sqrt(variance + epsilon)`, and the bias with it.
fn fold(builder: &mut Builder<'_>, index: usize, node: &Node, epsilon: f32) -> Result<()> {
    let &[_, scale, offset, mean, variance] = &node.inputs[..] else { unreachable!("import gives five operands") };
    let raised = builder.with_scalar(BinaryKind::Add, variance, epsilon)?;
    let deviation = builder.unary(UnaryKind::Sqrt, raised)?;
    let factor = builder.binary(BinaryKind::Div, scale, deviation)?;
    let product = builder.graph.nodes[index].clone();
    let weights = product.inputs[1];
    let channels = builder.dims(factor)[0];
    let spread = match product.op {
        Op::Engine(EngineOp::MatMul { trans_b: false, .. }) => vec![1, channels],
        Op::Engine(_) => vec![channels, 1],
        _ => vec![channels, 1, 1, 1],
    };
    let along = builder.reshape(factor, &spread)?;
    let weights = builder.binary(BinaryKind::Mul, weights, along)?;
    let before = match product.inputs.get(2) {
        Some(&bias) => builder.binary(BinaryKind::Sub, bias, mean)?,
        None => {
            let zero = builder.scalar(0.0);
            builder.binary(BinaryKind::Sub, zero, mean)?
        }
    };
    let scaled = builder.binary(BinaryKind::Mul, before, factor)?;
    let bias = builder.binary(BinaryKind::Add, scaled, offset)?;
    let product = &mut builder.graph.nodes[index];
    product.inputs.truncate(1);
    product.inputs.extend([weights, bias]);
    product.outputs.clone_from(&node.outputs);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::evaluate;
    use crate::ir::Tensor;
    use dunlin_engine::op::Window;
    use dunlin_engine::op::infer::Info;
    use dunlin_engine::tensor::{DType, Shape};

    #[test]
    fn goes_into_the_convolution_before_it() {
        let mut graph = Graph::default();
        let info = Info { dtype: DType::F32, shape: Shape::new(&[1, 2, 1, 2]).expect("small") };
        let x = graph.push_value("x", info, None);
        graph.inputs.push(x);
        let w = graph.push_constant("w", Tensor::f32s(&[2, 2, 1, 1], &[1.0, 2.0, 3.0, 4.0]));
        let window = Window { kernel: [1; 2], stride: [1; 2], dilation: [1; 2], pads: [0; 4], ceil: false };
        let parameters: Vec<ValueId> = [[2.0, 3.0], [0.5, -0.5], [1.0, 2.0], [4.0, 9.0]]
            .iter()
            .map(|values| graph.push_constant("p", Tensor::f32s(&[2], values)))
            .collect();
        let mut builder = Builder::new(&mut graph, 0);
        let y = builder.append(Op::Conv { window, groups: 1 }, &[x, w], &[info])[0];
        let z = builder.append(Op::BatchNorm { epsilon: 0.0 }, &[&[y], &parameters[..]].concat(), &[info])[0];
        graph.outputs.push(z);
        let sample = [Tensor::f32s(&[1, 2, 1, 2], &[1.0, -1.0, 0.5, 2.0])];
        let before = evaluate(&graph, &sample).expect("it runs");
        run(&mut graph).expect("parameters fit");
        assert_eq!(graph.nodes.len(), 1);
        let after = evaluate(&graph, &sample).expect("it runs");
        assert_eq!(before[0].as_f32s(), after[0].as_f32s());
    }
}
