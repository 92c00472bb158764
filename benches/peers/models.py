"""What is compared, and what Dunlin is to reach."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Artifact:
    """A way to compile a model."""

    #: How the row is called: `int8`, `f32`, `f16`.
    precision: str
    #: Arguments of `dunlin compile`.
    arguments: tuple = ()
    #: How many times as fast as the best peer it is to be.
    goal: float = 1.0


INT8 = "int8"
FLOATS = (
    Artifact("f32", ("--precision", "f32")),
    Artifact("f16", ("--precision", "f16")),
)


@dataclass(frozen=True)
class Model:
    """A model with its artifacts: one row of the table for each."""

    #: For people, and for `--only`.
    name: str
    #: File name without `.onnx`.
    onnx: str
    #: File name of the original without `.tflite`, where there is one.
    tflite: str | None
    artifacts: tuple
    #: Tokens of the text. A peer whose model takes none but the longest gets padding behind them.
    length: int | None = None
    #: Whether the best peer's time counts in the geometric mean of int8 models.
    in_mean: bool = field(default=False)


def int8(name, onnx, tflite, goal):
    return Model(name, onnx, tflite, (Artifact(INT8, (), goal),), in_mean=True)


def floats(name, onnx, tflite=None):
    return Model(name, onnx, tflite, FLOATS)


#: The model of cold start and memory.
COLD = "mnv2"

#: A text's tokens: all that the model takes, and a short message.
TOKENS = (128, 16)

MINILM = "text_minilm_l6_s128_spam2_dynint8"

#: Its inputs, whose second axis is the text's length.
VARYING = ("--vary", "input_ids.1", "--vary", "attention_mask.1")

MODELS = (
    int8("kws", "tiny_kws_dscnn_int8", "kws_ref_model", 1.5),
    int8("vww", "tiny_vww_mnv1_025_96_int8", "vww_96_int8", 1.5),
    int8("autoencoder", "tiny_ad_fcae_int8", "ad01_int8", 1.5),
    int8("wakeword", "tiny_sww_dsconv_int8", "str_ww_ref_model", 1.5),
    int8("resnet8", "tiny_ic_resnet8_int8", "pretrainedResnet_quant", 1.2),
    int8("resnet-large", "tiny_ic_resnet_large_int8", "pretrainedResnet_large_int8", 1.2),
    int8("mnv1", "imagenet_mnv1_025_128_qat_uint8", "mobilenet_v1_0.25_128_quant", 2.0),
    int8("mnv2", "imagenet_mnv2_100_224_int8", "tf2_mobilenet_v2_1.0_224_ptq", 1.5),
    Model("minilm-128", MINILM, None, (Artifact(INT8, VARYING, 1.2),), TOKENS[0], in_mean=True),
    Model("minilm-16", MINILM, None, (Artifact(INT8, VARYING),), TOKENS[1]),
    floats("kws-float", "tiny_kws_dscnn_fp32", "kws_ref_model_float32"),
    floats("vww-float", "tiny_vww_mnv1_025_96_fp32", "vww_96_float"),
    floats("autoencoder-float", "tiny_ad_fcae_fp32", "ad01_fp32"),
    floats("wakeword-float", "tiny_sww_dsconv_fp32"),
    floats("resnet8-float", "tiny_ic_resnet8_fp32", "pretrainedResnet"),
    floats("resnet-large-float", "tiny_ic_resnet_large_fp32", "pretrainedResnet_large_float"),
    floats("mnv1-float", "imagenet_mnv1_025_128_qat_dq_fp32"),
    floats("mnv2-float", "imagenet_mnv2_100_224_dq_fp32"),
)
