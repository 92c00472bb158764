//! Why an operator did not become an integer one.

use std::fmt;

/// An operator that stays float although it stands between quantized tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// The node's name.
    pub node: String,
    /// What it does.
    pub op: &'static str,
    /// Why it stays float.
    pub reason: Reason,
}

/// What stands in the way of an integer operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The operator is defined for real numbers only: the engine has no integer version.
    NoIntegerForm,
    /// An activation reaches the operator in float: no `DequantizeLinear` with constant parameters makes it.
    FloatOperand,
    /// The weights are no constant, or float.
    FloatWeights,
    /// The weights' scales run along another axis than the output channels.
    WeightAxis,
    /// The bias is computed at run time.
    DynamicBias,
    /// Bias or sum may leave 32 bits.
    TooLarge,
    /// The result's rank or an operand's is none that the integer operator has.
    Shape,
    /// A scale or zero point is computed at run time, or differs along an axis of an activation.
    Parameters,
    /// Measured against float on the calibration samples, the integer operator lost too much.
    Accuracy,
    /// The result is read in float: no `QuantizeLinear` follows.
    FloatResult,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoIntegerForm => "it has no integer form",
            Self::FloatOperand => "an operand is not quantized",
            Self::FloatWeights => "its weights are not quantized constants",
            Self::WeightAxis => "its weights' scales run along another axis than the output channels",
            Self::DynamicBias => "its bias is computed at run time",
            Self::TooLarge => "bias or sum may leave 32 bits",
            Self::Shape => "the integer operator doesn't take operands of this rank",
            Self::Parameters => "scale or zero point is not one constant per tensor",
            Self::Accuracy => "int8 lost too much on the calibration samples",
            Self::FloatResult => "its result is not quantized",
        })
    }
}
