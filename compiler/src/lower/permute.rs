//! Permutations of axes, and parameters of operators under them.

use dunlin_engine::op::Op as EngineOp;
use dunlin_engine::tensor::{Ints, Shape};

/// A permutation as in the engine's Transpose: axis `i` of the result is axis `perm[i]` of the operand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Perm(Vec<usize>);

impl Perm {
    /// From the operator's parameter.
    pub fn new(perm: &Ints) -> Self {
        Self(perm.iter().map(|&p| p as usize).collect())
    }

    /// The operator's parameter.
    pub fn ints(&self) -> Option<Ints> {
        Ints::new(&self.0.iter().map(|&p| p as i32).collect::<Vec<_>>())
    }

    /// Which axis of the operand becomes axis `axis` of the result.
    pub fn source(&self, axis: usize) -> usize {
        self.0[axis]
    }

    /// First `self`, then `next`.
    pub fn then(&self, next: &Self) -> Self {
        Self(next.0.iter().map(|&p| self.0[p]).collect())
    }

    /// What undoes it.
    pub fn inverse(&self) -> Self {
        let mut inverse = vec![0; self.0.len()];
        for (result, &operand) in self.0.iter().enumerate() {
            inverse[operand] = result;
        }
        Self(inverse)
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Whether it changes nothing.
    pub fn is_identity(&self) -> bool {
        self.0.iter().enumerate().all(|(i, &p)| i == p)
    }

    /// The shape of the result.
    pub fn shape(&self, operand: &Shape) -> Option<Shape> {
        Shape::new(&self.0.iter().map(|&p| operand.dim(p)).collect::<Vec<_>>())
    }

    /// Whether the elements keep their order: only axes of length 1 move.
    pub fn keeps_order(&self, operand: &Shape) -> bool {
        let long: Vec<usize> = self.0.iter().copied().filter(|&p| operand.dim(p) != 1).collect();
        long.is_sorted()
    }

    /// One value an axis, given for the result, in the operand's order.
    pub fn back(&self, values: &Ints) -> Option<Ints> {
        let mut moved = vec![0; self.0.len()];
        for (&operand, &value) in self.0.iter().zip(values.iter()) {
            moved[operand] = value;
        }
        (values.len() == self.0.len()).then(|| Ints::new(&moved)).flatten()
    }

    /// What is left when some axes of the result go.
    pub fn without(&self, gone: &[usize]) -> Self {
        let sources: Vec<usize> = gone.iter().map(|&axis| self.0[axis]).collect();
        let left: Vec<usize> = (0..self.0.len()).filter(|axis| !gone.contains(axis)).map(|axis| self.0[axis]).collect();
        Self(left.iter().map(|&p| p - sources.iter().filter(|&&s| s < p).count()).collect())
    }
}

/// What an operator on the transposed tensor becomes on the tensor itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Moved {
    /// The same with other parameters; its result is the transposed one's operand under the same permutation.
    Same(EngineOp),
    /// Axes go; the result is under another permutation.
    Fewer(EngineOp, Perm),
}

/// The operator that, on x, gives what `op` gives on x transposed, but for a transpose; `None` when there is none.
/// `op`'s other operands must fit both.
pub fn moved(op: &EngineOp, perm: &Perm) -> Option<Moved> {
    let axis = |axis: u32| perm.source(axis as usize) as u32;
    let op = match *op {
        EngineOp::Unary { .. }
        | EngineOp::Quantize {}
        | EngineOp::Dequantize {}
        | EngineOp::FlipSign {}
        | EngineOp::QLookup {}
        | EngineOp::Cast { .. }
        | EngineOp::Binary { .. }
        | EngineOp::QBinary { .. }
        | EngineOp::Where {} => *op,
        EngineOp::Pad { before, after, mode, value } => {
            EngineOp::Pad { before: perm.back(&before)?, after: perm.back(&after)?, mode, value }
        }
        EngineOp::Slice { starts, ends, steps } => {
            EngineOp::Slice { starts: perm.back(&starts)?, ends: perm.back(&ends)?, steps: perm.back(&steps)? }
        }
        EngineOp::Tile { repeats } => EngineOp::Tile { repeats: perm.back(&repeats)? },
        EngineOp::Expand { dims } => EngineOp::Expand { dims: perm.back(&dims)? },
        EngineOp::Concat { axis: along } => EngineOp::Concat { axis: axis(along) },
        EngineOp::Gather { axis: along } => EngineOp::Gather { axis: axis(along) },
        EngineOp::Interpolate { axis: along } => EngineOp::Interpolate { axis: axis(along) },
        EngineOp::CumSum { axis: along, exclusive, reverse } => {
            EngineOp::CumSum { axis: axis(along), exclusive, reverse }
        }
        EngineOp::Softmax { axis: along, log } => EngineOp::Softmax { axis: axis(along), log },
        EngineOp::QSoftmax { .. } if perm.source(perm.rank() - 1) == perm.rank() - 1 => *op,
        EngineOp::QMean { axes } => EngineOp::QMean { axes: reduced(&axes, perm)?.1 },
        EngineOp::Reduce { kind, axes, keep } if !axes.is_empty() => {
            let (gone, axes) = reduced(&axes, perm)?;
            let op = EngineOp::Reduce { kind, axes, keep };
            return Some(if keep { Moved::Same(op) } else { Moved::Fewer(op, perm.without(&gone)) });
        }
        EngineOp::ArgReduce { max, axis: along, keep, last } => {
            let op = EngineOp::ArgReduce { max, axis: axis(along), keep, last };
            return Some(if keep { Moved::Same(op) } else { Moved::Fewer(op, perm.without(&[along as usize])) });
        }
        _ => return None,
    };
    Some(Moved::Same(op))
}

/// Axes of a reduction: as the result of the transpose has them, and ascending as its operand has them.
fn reduced(axes: &Ints, perm: &Perm) -> Option<(Vec<usize>, Ints)> {
    let rank = perm.rank() as i32;
    let gone: Vec<usize> = axes.iter().map(|&a| (if a < 0 { a + rank } else { a }) as usize).collect();
    let mut sources: Vec<i32> = gone.iter().map(|&a| perm.source(a) as i32).collect();
    sources.sort_unstable();
    Some((gone, Ints::new(&sources)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn perm(values: &[i32]) -> Perm {
        Perm::new(&Ints::new(values).expect("few axes"))
    }

    #[test]
    fn inverse_undoes_a_permutation() {
        let nhwc = perm(&[0, 2, 3, 1]);
        assert!(nhwc.then(&nhwc.inverse()).is_identity());
        assert_eq!(nhwc.inverse(), perm(&[0, 3, 1, 2]));
    }

    #[test]
    fn axes_of_length_one_move_freely() {
        let shape = Shape::new(&[1, 1, 1, 8]).expect("small");
        assert!(perm(&[0, 3, 1, 2]).keeps_order(&shape));
        let shape = Shape::new(&[1, 2, 1, 8]).expect("small");
        assert!(!perm(&[0, 3, 1, 2]).keeps_order(&shape));
    }

    #[test]
    fn a_mean_over_space_without_its_axes_needs_no_transpose() {
        let op = EngineOp::Reduce {
            kind: dunlin_engine::op::ReduceKind::Mean,
            axes: Ints::new(&[2, 3]).expect("few axes"),
            keep: false,
        };
        let Some(Moved::Fewer(EngineOp::Reduce { axes, .. }, left)) = moved(&op, &perm(&[0, 3, 1, 2])) else {
            panic!("axes go");
        };
        assert_eq!(&axes[..], [1, 2]);
        assert!(left.is_identity());
    }
}
