//! Families of operators: what a build has, or leaves out.
//!
//! Each is a feature of this crate. An artifact with an operator that the build leaves out is an error when it is loaded, which
//! names both. Nothing else depends on these features: whoever asks for an operator's rules or its code gets them here.

use crate::error::{InferError, RunError};
use crate::exec::{Kernel, Lines, View, ViewMut, float, int8, movement};
use crate::model::Model;
use crate::op::Op;
use crate::op::infer::{self, Info, Misfit, Outputs};

/// What a family's operators are made of.
#[derive(Debug)]
pub(crate) struct Code {
    /// Shapes and types of results: see [`Op::infer`].
    pub infer: InferFn,
    /// Carries an operator out: see [`Kernel::run`].
    pub run: RunFn,
}

type InferFn = fn(&Op, &[Info]) -> Result<Outputs, Misfit>;
type RunFn = fn(&Kernel, &Op, Lines, &[View<'_>], &mut [ViewMut<'_>], &mut [u8]) -> Result<(), RunError>;

/// Declares the families: feature, name, operators, their rules and their code.
macro_rules! families {
    ($($(#[doc = $doc:literal])* $($feature:literal)? $name:ident { $($op:ident),* } $infer:path, $run:path;)*) => {
        /// Operators that a build has or leaves out together.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Family { $($(#[doc = $doc])* $name,)* }

        impl Family {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The feature that a build needs for it; none for what every build has.
            pub const fn feature(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => match [$($feature)?].as_slice() as &[&str] { [feature] => Some(feature), _ => None },)*
                }
            }

            /// What its operators do, in a few words.
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_ascii(),)* }
            }

            /// What carries it out, where this build has it.
            pub(crate) fn code(self) -> Option<&'static Code> {
                match self {
                    $(Self::$name => (true $(&& cfg!(feature = $feature))?)
                        .then_some(&Code { infer: $infer, run: $run }),)*
                }
            }
        }

        impl Op {
            /// The family that it belongs to.
            pub const fn family(&self) -> Family {
                match self { $($(Self::$op { .. })|* => Family::$name,)* }
            }
        }
    };
}

families! {
    /// Quantization and its reverse, other shapes of the same bytes.
    Base { Quantize, Dequantize, FlipSign, Reshape } infer::base, int8::convert;
    /// Convolutions of int8 images.
    "int8-conv" Int8Conv { QConv, QDepthwise } infer::int8::filters, int8::filter;
    /// Products of int8 matrices, dense layers among them.
    "int8-product" Int8Product { QGemm, QMatMul, DynamicQuantize } infer::int8::products, int8::multiply;
    /// Functions of one or two int8 tensors, element by element; softmax.
    "int8-elementwise" Int8Elementwise { QBinary, QLookup, QSoftmax } infer::int8::elementwise, int8::elementwise;
    /// Pools and means of int8 images.
    "int8-pool" Int8Pool { QPool, QMean } infer::int8::pools, int8::pool;
    /// Means of rows that ids pick from an int8 table: bags of words.
    "embedding" Embedding { EmbeddingBag } infer::int8::bags, int8::bag;
    /// Convolutions of float images.
    "float-conv" FloatConv { Conv, ConvPanels, DepthwisePanels } infer::float::filters, float::filter;
    /// Products of float matrices, dense layers among them.
    "float-product" FloatProduct { MatMul, MatMulPanels } infer::float::products, float::products;
    /// Functions of one or two tensors of floats, integers or truths, element by element.
    "elementwise" Elementwise { Unary, Binary, Where } infer::float::elementwise, float::elementwise;
    /// Sums, extremes and their places along axes.
    "reduce" Reduce { Reduce, ArgReduce, TopK, CumSum } infer::float::reductions, float::reductions;
    /// Softmax and normalization of floats.
    "normalize" Normalize { Softmax, LayerNorm, Lrn } infer::float::norms, float::normalize;
    /// Pools and resampling of float images.
    "float-pool" FloatPool { Pool, Interpolate } infer::float::pools, float::pools;
    /// Attention.
    "attention" Attention { Attention } infer::float::attention, float::attend;
    /// Recurrent layers: RNN, GRU, LSTM.
    "recurrent" Recurrent { Recurrent } infer::float::recurrences, float::recur;
    /// Elements in another order, in parts or repeated, or of another type.
    "layout" Layout { Transpose, Slice, SliceLike, Pad, Concat, Expand, Tile, Trilu, Cast } infer::movement::layouts, movement::lay_out;
    /// Elements picked or placed by computed indices.
    "index" Index { Gather, GatherElements, GatherNd, ScatterElements, ScatterNd, OneHot } infer::movement::indexed, movement::index;
}

impl Family {
    /// Whether this build has it.
    pub fn is_built(self) -> bool {
        self.code().is_some()
    }

    /// Those whose operators a model has, each once.
    pub fn of(model: &Model) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|&family| model.nodes.iter().any(|node| node.op.family() == family))
    }
}

impl Op {
    /// What carries the operator out.
    pub(crate) fn code(&self) -> Result<&'static Code, InferError> {
        let family = self.family();
        let feature = family.feature().unwrap_or_default();
        family.code().ok_or(InferError::LeftOut { op: self.name(), feature })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_with_all_operators_leaves_none_out() {
        let all = cfg!(all(feature = "operators", feature = "embedding"));
        assert_eq!(Family::ALL.iter().all(|family| family.is_built()), all);
        assert!(Family::Base.is_built());
    }
}
