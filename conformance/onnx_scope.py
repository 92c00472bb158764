"""Which ONNX node tests concern a classifier, operator by operator.

A case is in scope when every operator of its graph is in scope and none of its tensors has an element type that the
runtime leaves out. An `_expanded` case (a function operator written out in primitives) also needs its own operator to
be in scope; losses are the exception, for their bodies are ordinary gather and reduce graphs.
"""

from dataclasses import dataclass, field

from onnx import AttributeProto, TensorProto

# Three tiers, so that a report can say what was covered where. All of them are in scope.
CORE = """
Add ArgMax ArgMin Attention AveragePool BatchNormalization Clip Concat Conv ConvInteger DequantizeLinear Div Dropout
DynamicQuantizeLinear Elu Erf Exp Flatten GRU Gather Gelu Gemm GlobalAveragePool GlobalMaxPool GroupNormalization
HardSigmoid HardSwish Identity InstanceNormalization LRN LSTM LayerNormalization LeakyRelu Log LogSoftmax
LpNormalization LpPool MatMul MatMulInteger Max MaxPool Mean MeanVarianceNormalization Min Mish Mul Neg PRelu Pad Pow
QLinearConv QLinearMatMul QuantizeLinear RMSNormalization RNN Reciprocal ReduceL1 ReduceL2 ReduceLogSum
ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize
RotaryEmbedding Selu Sigmoid Slice Softmax Softplus Softsign Split Sqrt Squeeze Sub Sum Swish Tanh Transpose
Unsqueeze Upsample Where
"""
GLUE = """
And BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast CastLike Constant ConstantOfShape CumSum DepthToSpace
Einsum Equal Expand EyeLike GatherElements GatherND Greater GreaterOrEqual Less LessOrEqual Mod Not OneHot Or Range
Scatter ScatterElements ScatterND Shape Size SpaceToDepth Tile TopK Trilu Xor
"""
RARE = """
Abs Acos Acosh Asin Asinh Atan Atanh Ceil Celu Cos Cosh Floor Hardmax IsInf IsNaN Round Shrink Sign Sin Sinh Tan
ThresholdedRelu
"""
TIERS = {"core": CORE.split(), "glue": GLUE.split(), "rare": RARE.split()}
TIER_OF = {op: tier for tier, ops in TIERS.items() for op in ops}

LOSSES = {"NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"}

# Operators out of scope, grouped by reason. An operator in neither table stops the generator.
OUT_BY_REASON = {
    "loss, a training operator": LOSSES,
    "random": {"Bernoulli", "RandomUniformLike"},
    "control flow with subgraphs": {"If", "Loop", "Scan", "SequenceMap"},
    "sequence, optional or string type": {
        "ConcatFromSequence", "Optional", "OptionalGetElement", "OptionalHasElement", "RegexFullMatch", "SequenceAt",
        "SequenceConstruct", "SequenceEmpty", "SequenceInsert", "SequenceLength", "SplitToSequence",
        "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer",
    },
    "detection only": {"NonMaxSuppression", "RoiAlign"},
    "signal transform": {"BlackmanWindow", "DFT", "HammingWindow", "HannWindow", "MelWeightMatrix", "STFT"},
    "image decoding": {"ImageDecoder"},
    "dense prediction or geometry, not classification": {
        "AffineGrid", "CenterCropPad", "Col2Im", "ConvTranspose", "DeformConv", "Det", "GridSample", "MaxUnpool",
    },
    "output shape depends on the data": {"Compress", "NonZero", "Unique"},
    "decoder state or experimental attention": {"CausalConvWithState", "FlexAttention", "LinearAttention",
                                                "TensorScatter"},
    "not used by classifiers": {"BitCast", "CumProd", "ReverseSequence"},
}
REASON_OF = {op: reason for reason, ops in OUT_BY_REASON.items() for op in ops}

OUT_TYPES = {
    name for name in TensorProto.DataType.keys()
    if name.startswith(("FLOAT8", "FLOAT4", "INT4", "UINT4", "INT2", "UINT2", "FLOAT6", "STRING", "COMPLEX"))
}


@dataclass
class Facts:
    """What a model contains, as far as the scope is concerned."""

    operators: list = field(default_factory=list)
    foreign_domains: set = field(default_factory=set)
    types: set = field(default_factory=set)
    training: bool = False


def facts_of(model):
    """Collect operators, domains and element types of a model, subgraphs included."""
    facts = Facts()
    graph = model.graph
    for value in [*graph.input, *graph.output]:
        facts.types.add(value_type(value))
    facts.types |= {type_name(tensor.data_type) for tensor in graph.initializer}
    _collect_nodes(graph.node, facts)
    facts.training |= _feeds_training_mode(graph)
    return facts


def value_type(value):
    """Element type name of a tensor value, or the kind of a value that is no tensor."""
    kind = value.type.WhichOneof("value")
    return type_name(value.type.tensor_type.elem_type) if kind == "tensor_type" else kind


def type_name(data_type):
    return TensorProto.DataType.Name(data_type)


def _collect_nodes(nodes, facts):
    for node in nodes:
        facts.operators.append(node.op_type)
        if node.domain not in ("", "ai.onnx"):
            facts.foreign_domains.add(node.domain)
        for attribute in node.attribute:
            _collect_attribute(node, attribute, facts)


def _collect_attribute(node, attribute, facts):
    if attribute.type == AttributeProto.TENSOR:
        facts.types.add(type_name(attribute.t.data_type))
    elif attribute.type == AttributeProto.GRAPH:
        _collect_nodes(attribute.g.node, facts)
    elif node.op_type == "BatchNormalization" and attribute.name == "training_mode":
        facts.training |= attribute.i != 0


def _feeds_training_mode(graph):
    """True when a Dropout node has its third input, which the node tests only use to switch training on."""
    return any(node.op_type == "Dropout" and len(node.input) > 2 and node.input[2] for node in graph.node)


def skip_reason(case, facts, own_operator):
    """Why a case is out of scope, or None when it is in.

    `own_operator` is the operator that the case tests: for an `_expanded` case the one that was written out.
    """
    if facts.foreign_domains:
        return "domain " + ", ".join(sorted(facts.foreign_domains))
    bad_types = sorted(t for t in facts.types if t in OUT_TYPES or t.endswith("_type"))
    own_loss = "_expanded" in case and own_operator in LOSSES
    if own_operator not in TIER_OF and not own_loss:
        return f"{own_operator}: {REASON_OF[own_operator]}"
    for operator in facts.operators:
        if operator not in TIER_OF:
            return f"{operator}: {REASON_OF[operator]}"
    if bad_types:
        return "element type " + ", ".join(bad_types)
    if facts.training:
        return f"{own_operator}: training mode"
    return None


def own_operator_of(case, facts, direct_operator):
    """The operator that a case tests; `direct_operator` maps case names without suffix to their single operator."""
    base = case.split("_expanded")[0]
    return direct_operator.get(base) or facts.operators[0]
