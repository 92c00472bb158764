//! The operators that a plan is made of.
//!
//! The compiler brings every ONNX operator down to these. Images are NHWC, one-dimensional signals N1WC.
//! A tensor's quantization belongs to the tensor, not to the operator: kernels get their zero points and
//! scale ratios from the operands. `op/infer.rs` has each operator's rules for shapes and types.

use crate::tensor::{DType, Ints};
mod implementation;
pub mod infer;
mod taps;

pub use implementation::Implementation;

#[cfg(feature = "write")]
use crate::wire::Put;
use crate::wire::{Take, Words, wire_enum, wire_struct};

wire_struct! {
    /// Geometry of a sliding window over the H and W axes of an NHWC tensor.
    pub struct Window {
        /// Height and width of the window, in taps.
        pub kernel: [u32; 2],
        /// Steps between two windows.
        pub stride: [u32; 2],
        /// Steps between two taps.
        pub dilation: [u32; 2],
        /// Padding at the top, left, bottom and right.
        pub pads: [u32; 4],
        /// Whether a last, partial window counts (ONNX `ceil_mode`).
        pub ceil: bool,
    }
}

wire_struct! {
    /// Bounds of a quantized output, both inclusive, in the output's own quanta.
    pub struct Clamp {
        /// Smallest value.
        pub lo: u8,
        /// Largest value.
        pub hi: u8,
    }
}

wire_enum! {
    /// What becomes of an exact i32 sum of products.
    pub enum Epilogue: "epilogue" {
        /// u8 with the output's quantization. Operands: bias i32\[n\] (folded), scale f32\[n\].
        Requant = 0,
        /// f32, from rows quantized at run time. Operands: a_scale f32\[1\], a_zero u8\[1\], wsum i32\[n\],
        /// scale f32\[n\], bias f32\[n\].
        Dynamic = 1,
        /// The i32 sum itself. Operands: a_zero u8\[1\], wsum i32\[n\].
        Raw = 2,
    }
}

wire_enum! {
    /// An element-wise function of one value; the names are those of ONNX.
    pub enum UnaryKind: "unary function" {
        /// -x
        Neg = 0, /// |x|
        Abs = 1, /// 1/x
        Reciprocal = 2, /// square root
        Sqrt = 3, /// e^x
        Exp = 4, /// natural logarithm
        Log = 5, /// Gauss error function
        Erf = 6, /// -1, 0 or 1
        Sign = 7, /// towards minus infinity
        Floor = 8, /// towards plus infinity
        Ceil = 9, /// to nearest, ties to even
        Round = 10, /// sine
        Sin = 11, /// cosine
        Cos = 12, /// tangent
        Tan = 13, /// inverse sine
        Asin = 14, /// inverse cosine
        Acos = 15, /// inverse tangent
        Atan = 16, /// hyperbolic sine
        Sinh = 17, /// hyperbolic cosine
        Cosh = 18, /// hyperbolic tangent
        Tanh = 19, /// inverse hyperbolic sine
        Asinh = 20, /// inverse hyperbolic cosine
        Acosh = 21, /// inverse hyperbolic tangent
        Atanh = 22, /// 1/(1+e^-x)
        Sigmoid = 23, /// clamp(x, alpha, beta); Relu is clamp(x, 0, inf)
        Clip = 24, /// x, or alpha*x below zero
        LeakyRelu = 25, /// x, or alpha*(e^x-1) below zero
        Elu = 26, /// gamma*x, or gamma*alpha*(e^x-1) below zero; alpha and beta hold alpha and gamma
        Selu = 27, /// max(0,x)+min(0,alpha*(e^(x/alpha)-1))
        Celu = 28, /// ln(1+e^x)
        Softplus = 29, /// x/(1+|x|)
        Softsign = 30, /// clamp(alpha*x+beta, 0, 1)
        HardSigmoid = 31, /// x*clamp(x/6+1/2, 0, 1)
        HardSwish = 32, /// x*tanh(softplus(x))
        Mish = 33, /// x*sigmoid(alpha*x)
        Swish = 34, /// x*Phi(x), by erf
        Gelu = 35, /// Gelu by its tanh approximation
        GeluTanh = 36, /// x above alpha, else 0
        ThresholdedRelu = 37, /// shrink: x+beta below -alpha, x-beta above alpha, else 0; alpha is lambd, beta is bias
        Shrink = 38, /// bool: is NaN
        IsNan = 39, /// bool: is infinite; alpha != 0 counts -inf, beta != 0 counts +inf
        IsInf = 40, /// logical not of a bool
        Not = 41, /// bitwise not of an integer
        BitNot = 42,
    }
}

wire_enum! {
    /// An element-wise function of two values with NumPy broadcasting. Operands have one type.
    pub enum BinaryKind: "binary function" {
        /// a + b
        Add = 0, /// a - b
        Sub = 1, /// a * b
        Mul = 2, /// a / b; integers truncate, division by zero gives 0
        Div = 3, /// a to the power b
        Pow = 4, /// the smaller; NaN wins
        Min = 5, /// the larger; NaN wins
        Max = 6, /// remainder with the sign of the divisor
        Mod = 7, /// remainder with the sign of the dividend
        Fmod = 8, /// a, or a*b below zero
        PRelu = 9, /// bool: a == b
        Equal = 10, /// bool: a < b
        Less = 11, /// bool: a <= b
        LessOrEqual = 12, /// bool: a > b
        Greater = 13, /// bool: a >= b
        GreaterOrEqual = 14, /// of bools
        And = 15, /// of bools
        Or = 16, /// of bools
        Xor = 17, /// of integers
        BitAnd = 18, /// of integers
        BitOr = 19, /// of integers
        BitXor = 20, /// a << b
        Shl = 21, /// a >> b, of a as an unsigned number
        Shr = 22,
    }
}

wire_enum! {
    /// What a reduction makes of the values along its axes.
    pub enum ReduceKind: "reduction" {
        /// sum
        Sum = 0, /// sum / count
        Mean = 1, /// largest
        Max = 2, /// smallest
        Min = 3, /// product
        Prod = 4, /// sum of |x|
        L1 = 5, /// sqrt(sum of x^2)
        L2 = 6, /// ln(sum)
        LogSum = 7, /// ln(sum of e^x)
        LogSumExp = 8, /// sum of x^2
        SumSquare = 9,
    }
}

wire_enum! {
    /// What a pool makes of its window.
    pub enum PoolKind: "pool" {
        /// Largest.
        Max = 0,
        /// Mean of the taps that lie inside the tensor.
        Avg = 1,
        /// Mean of all taps, padding counted as zeros.
        AvgIncludePad = 2,
        /// p-norm; `p` is the operator's parameter.
        Lp = 3,
    }
}

wire_enum! {
    /// What lies outside of a padded tensor.
    pub enum PadMode: "pad mode" {
        /// A constant.
        Constant = 0, /// The edge, mirrored without repeating it.
        Reflect = 1, /// The edge value.
        Edge = 2, /// The other side.
        Wrap = 3,
    }
}

wire_enum! {
    /// What a scatter does where a value lies already.
    pub enum ScatterKind: "scatter reduction" {
        /// Replace it.
        Set = 0, /// Add.
        Add = 1, /// Multiply.
        Mul = 2, /// The larger.
        Max = 3, /// The smaller.
        Min = 4,
    }
}

wire_enum! {
    /// A recurrent cell.
    pub enum CellKind: "recurrent cell" {
        /// h = f(W x + R h + b)
        Rnn = 0, /// Gated recurrent unit.
        Gru = 1, /// Long short-term memory.
        Lstm = 2,
    }
}

wire_enum! {
    /// Order in which a recurrent layer reads its sequence.
    pub enum Direction: "direction" {
        /// First to last.
        Forward = 0, /// Last to first.
        Reverse = 1, /// Both, as two directions of the output.
        Both = 2,
    }
}

wire_struct! {
    /// An activation function with its two parameters; meaningless ones are 0.
    pub struct Activation {
        /// Which function.
        pub kind: UnaryKind,
        /// See [`UnaryKind`].
        pub alpha: f32,
        /// See [`UnaryKind`].
        pub beta: f32,
    }
}

/// Declares `Op` with its wire tags; tags are never reused, new operators get new ones.
macro_rules! ops {
    ($($(#[$doc:meta])* $tag:literal $name:ident { $($(#[$fdoc:meta])* $field:ident: $type:ty,)* })*) => {
        /// An operator with its parameters, which each variant's text explains; its operands belong to the graph's node.
        #[allow(missing_docs, reason = "a variant's text explains its parameters together")]
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Op { $($(#[$doc])* $name { $($(#[$fdoc])* $field: $type,)* },)* }

        impl Op {
            /// The names of all operators.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// The operator's name, as plans and messages show it.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$name { .. } => stringify!($name),)* }
            }
        }

        impl Take for Op {
            fn take(words: &mut Words<'_>) -> Self {
                match words.word() {
                    $($tag => Self::$name { $($field: <$type>::take(words),)* },)*
                    _ => words.reject(Self::FlipSign {}),
                }
            }
        }
        #[cfg(feature = "write")]
        impl Put for Op {
            fn put(&self, out: &mut alloc::vec::Vec<u32>) {
                match self {
                    $(Self::$name { $($field,)* } => { out.push($tag); $($field.put(out);)* })*
                }
            }
        }
    };
}

ops! {
    // --- int8 ---------------------------------------------------------------------------------------
    /// Convolution of u8 `[n,h,w,c]` with packed i8 panels (one set of `[oc/groups/16][k/4][16][4]` per group).
    /// Operands: x, panels i8, rows i32 and cols i32 (`Taps` offsets), bias i32, scale f32, then w_zero i32 where weights have zero
    /// points. bias, scale and w_zero have one value per output channel.
    1 QConv { window: Window, groups: u32, out_channels: u32, clamp: Clamp, }
    /// Depthwise convolution (one filter per channel), panels with k = taps. Operands as for `QConv`.
    2 QDepthwise { window: Window, clamp: Clamp, }
    /// Rows of u8 `[.., k]` times packed i8 panels `[n/16][k/4][16][4]` -> `[.., n]`. Operands: x, panels, those that the epilogue names, then
    /// w_zero i32\[n\] where weights have zero points (`Requant` only). `clamp` is used by `Requant` only.
    3 QGemm { n: u32, epilogue: Epilogue, clamp: Clamp, }
    /// Product of two u8 tensors `[..,m,k]` x `[..,k,n]`, batch dimensions broadcast. With `raw` the output is i32 and the operands are a, b, a_zero u8\[1\],
    /// b_zero u8\[1\]; else u8 with the operands' and the output's quantization.
    4 QMatMul { raw: bool, clamp: Clamp, }
    /// `Add`, `Sub` or `Mul` of two quantized tensors with broadcasting.
    5 QBinary { kind: BinaryKind, clamp: Clamp, }
    /// `out = table[x]` for each u8. Operands: x, table u8\[256\].
    6 QLookup {}
    /// Pool of u8 `[n,h,w,c]`: `Max` keeps the quantization, `Avg` rescales.
    7 QPool { kind: PoolKind, window: Window, }
    /// Mean over the given axes of a quantized tensor, rescaled; reduced axes stay with length 1.
    8 QMean { axes: Ints, }
    /// Softmax (or its logarithm) of a quantized tensor along the last axis, quantized again.
    9 QSoftmax { log: bool, }
    /// f32 -> u8 by the output's quantization: `clamp(round_ties_even(x / scale) + zero, 0, 255)`.
    10 Quantize {}
    /// u8 -> f32 by the operand's quantization.
    11 Dequantize {}
    /// ONNX DynamicQuantizeLinear: f32 -> u8, scale f32\[1\], zero u8\[1\].
    12 DynamicQuantize {}
    /// u8 <-> i8 with the same meaning: every byte xor 0x80.
    13 FlipSign {}
    /// Mean of the table's rows that ids pick, whatever the ids' shape. Operands: table i8 `[rows,n]`, ids i32, scale f32\[n\]. Result f32 `[1,n]`; of no ids it is 0. Negative
    /// ids count from the end, others out of range are an error.
    14 EmbeddingBag {}

    // --- f32 (weights f32 or f16) ---------------------------------------------------------------------
    /// Convolution of f32 `[n,h,w,c]`. Operands: x, weights f32 or f16 `[kh,kw,c/groups,oc]`, bias f32\[oc\]; result clamped to `lo..=hi`.
    20 Conv { window: Window, groups: u32, lo: f32, hi: f32, }
    /// Product `[..,m,k]` x `[..,k,n]`, batch dimensions broadcast, of f32 and f32 or f16; `trans_b`: the second is `[..,n,k]`. An optional third operand f32\[n\] is added.
    21 MatMul { trans_b: bool, lo: f32, hi: f32, }
    /// Element-wise function of f32 (some also i32, bool).
    22 Unary { f: Activation, }
    /// Element-wise function of two f32, i32 or bool tensors with broadcasting.
    23 Binary { kind: BinaryKind, }
    /// Operands: condition bool, a, b, broadcast; any element type.
    24 Where {}
    /// Reduction over axes of f32 or i32; `keep`: reduced axes stay with length 1. No axes: all.
    25 Reduce { kind: ReduceKind, axes: Ints, keep: bool, }
    /// Index (i32) of the largest or smallest along an axis; `last`: of equals the last.
    26 ArgReduce { max: bool, axis: u32, keep: bool, last: bool, }
    /// Values and indices (i32) of the `k` largest or smallest along an axis, in order; equal values by index.
    27 TopK { axis: u32, k: u32, largest: bool, }
    /// Softmax, or its logarithm, along an axis of f32.
    28 Softmax { axis: u32, log: bool, }
    /// Normalization over the axes from `axis` on. Operands: x, scale, and bias where there is one. `rms`: no mean is subtracted.
    29 LayerNorm { axis: u32, epsilon: f32, rms: bool, }
    /// Local response normalization over the channels of `[n,h,w,c]`.
    30 Lrn { size: u32, alpha: f32, beta: f32, bias: f32, }
    /// Pool of f32 `[n,h,w,c]`.
    31 Pool { kind: PoolKind, window: Window, p: f32, }
    /// Running sum along an axis.
    32 CumSum { axis: u32, exclusive: bool, reverse: bool, }
    /// One-dimensional interpolation along an axis: `out[i] = sum over t of weight[i,t] * x[index[i,t]]`. Operands: x f32, index i32 `[out,taps]`, weight f32 `[out,taps]`.
    33 Interpolate { axis: u32, }
    /// Recurrent layer. Operands as in ONNX, absent ones missing as the mask says (bits from 0: x, w, r, b, sequence_lens, initial_h, initial_c, p); x is
    /// `[seq,batch,in]`. Outputs: y `[seq,dirs,batch,hidden]`, y_h and, for LSTM, y_c `[dirs,batch,hidden]`. `activations`: three per direction.
    34 Recurrent { cell: CellKind, direction: Direction, hidden: u32, mask: u32, clip: f32, linear_before_reset: bool, input_forget: bool, activations: [Activation; 6], }
    /// As `Conv`, with weights f32 or f16 in panels `[groups,ceil(oc/groups/16),k,16]`, one set per group; k runs over the window's rows, columns, then channels of a
    /// group, and channels that are missing are 0.
    35 ConvPanels { window: Window, groups: u32, lo: f32, hi: f32, }
    /// Rows of f32 `[..,k]` times f32 or f16 in panels `[ceil(n/16),k,16]` -> `[..,n]`. An optional third operand f32\[n\] is added.
    36 MatMulPanels { n: u32, lo: f32, hi: f32, }
    /// `softmax(q k' * scale + mask) v` for each of `heads` heads, which lie next to each other in the columns. Operands: q f32 `[batch,queries,heads*depth]`,
    /// k `[batch,keys,heads*depth]`, v `[batch,keys,heads*width]`, and maybe a mask f32 that is broadcast to `[batch,heads,queries,keys]`.
    37 Attention { heads: u32, scale: f32, }
    /// Convolution with one filter per channel. Operands: x, weights f32 or f16 in panels `[ceil(c/16),kh*kw,16]`, bias f32\[c\].
    38 DepthwisePanels { window: Window, lo: f32, hi: f32, }

    // --- any element type ------------------------------------------------------------------------------
    /// The same bytes with other dims; 0 keeps the operand's dim at that place, -1 takes what is left.
    50 Reshape { dims: Ints, }
    /// Permutation of the axes: `out.dim(i) = x.dim(perm[i])`.
    51 Transpose { perm: Ints, }
    /// One start, end and step per axis. Starts and exclusive ends count from the end when negative and are clamped to the axis; for
    /// a step below zero `i32::MIN` is the end before the first element. Steps are not 0.
    52 Slice { starts: Ints, ends: Ints, steps: Ints, }
    /// Elements before and after each axis; `value` in the element type's own terms (a quantum for u8).
    53 Pad { before: Ints, after: Ints, mode: PadMode, value: f32, }
    /// Tensors joined along an axis.
    54 Concat { axis: u32, }
    /// Slices of x along an axis picked by an i32 index tensor; negative indices count from the end, others out of range are an error.
    55 Gather { axis: u32, }
    /// ONNX GatherElements.
    56 GatherElements { axis: u32, }
    /// ONNX GatherND.
    57 GatherNd { batch_dims: u32, }
    /// ONNX ScatterElements. Operands: data, indices i32, updates.
    58 ScatterElements { axis: u32, kind: ScatterKind, }
    /// ONNX ScatterND. Operands: data, indices i32, updates.
    59 ScatterNd { kind: ScatterKind, }
    /// Broadcast to dims; 1 keeps the operand's dim.
    60 Expand { dims: Ints, }
    /// Repeats along each axis.
    61 Tile { repeats: Ints, }
    /// Conversion to the output's element type, as ONNX Cast does it.
    62 Cast { to: DType, }
    /// Operands: indices i32, values `[off, on]`. The new axis lies at `axis`.
    63 OneHot { axis: u32, depth: u32, }
    /// Upper or lower triangle of the last two axes.
    64 Trilu { upper: bool, k: i32, }
    /// The first elements of x along `axis`, as many as the second operand has along `like_axis`.
    65 SliceLike { axis: u32, like_axis: u32, }
}

impl Op {
    /// Whether the operator is one of the int8 ones: a model with any computes the same bits everywhere.
    pub const fn is_int8(&self) -> bool {
        matches!(
            self,
            Self::QConv { .. }
                | Self::QDepthwise { .. }
                | Self::QGemm { .. }
                | Self::QMatMul { .. }
                | Self::QBinary { .. }
                | Self::QLookup {}
                | Self::QPool { .. }
                | Self::QMean { .. }
                | Self::QSoftmax { .. }
                | Self::Quantize {}
                | Self::Dequantize {}
                | Self::DynamicQuantize {}
                | Self::FlipSign {}
                | Self::EmbeddingBag {}
        )
    }
}
