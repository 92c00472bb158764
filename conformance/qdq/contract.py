"""The integer arithmetic that a runtime must reproduce bit for bit.

Accumulators are exact (int64 here). A result is rescaled in float32 with one multiplication, rounded to the nearest
integer, ties to even, moved by the zero point and clamped. No function here imports an inference library.
"""

from itertools import product

import numpy as np

# --- rescaling -------------------------------------------------------------------------------------------------------

def clamp(rounded, quant):
    """Add the zero point and clamp to the type. `rounded` holds integers in float32 or float64."""
    moved = np.asarray(rounded, np.float64) + quant.zero
    return np.clip(moved, quant.low, quant.high).astype(quant.dtype)


def scaled(acc, scale):
    """`float32(acc) * scale` in float32."""
    return np.asarray(acc).astype(np.float32) * np.asarray(scale, np.float32)


def requantize(acc, scale, quant):
    return clamp(np.rint(scaled(acc, scale)), quant)


def ratio(numerator, denominator):
    """`float32(float64(a) / float64(b))`"""
    return np.float32(np.float64(numerator) / np.float64(denominator))


def product_ratio(scale_x, scale_w, scale_y):
    """`float32(float64(s_x) * float64(s_w) / float64(s_y))`, for each channel when `scale_w` is a vector."""
    return (np.float64(scale_x) * np.asarray(scale_w, np.float64) / np.float64(scale_y)).astype(np.float32)


def convert(tensor, quant):
    """The same values under other parameters."""
    return requantize(tensor.centered, ratio(tensor.quant.scale, quant.scale), quant)


def quantize_real(real, quant):
    """Quantize float64 values in float64: the reference for functions that are not integer arithmetic."""
    return clamp(np.rint(np.asarray(real, np.float64) / np.float64(quant.scale)), quant)


def bound(value, quant):
    """The quantum at which an activation bound lies, by QuantizeLinear's own float32 division."""
    return int(clamp(np.rint(np.float32(value) / quant.scale), quant))


def clip(data, quant, low=None, high=None):
    """Clamp quantized values to real bounds; None is no bound."""
    low = quant.low if low is None else bound(low, quant)
    high = quant.high if high is None else bound(high, quant)
    return np.clip(data.astype(np.int64), low, high).astype(quant.dtype)


# --- sums of products ------------------------------------------------------------------------------------------------

def channel_scale(scale, rank, axis):
    """Shape a scale so that it lies along `axis` of an accumulator of `rank` dimensions."""
    scale = np.asarray(scale)
    if scale.ndim == 0:
        return scale
    shape = [1] * rank
    shape[axis] = -1
    return scale.reshape(shape)


def conv(x, w, strides, dilations, pads, group):
    """Exact convolution of centered int64 operands, NCHW and any number of spatial dimensions, one tap at a time."""
    rank = x.ndim - 2
    padded = np.pad(x, [(0, 0), (0, 0)] + list(zip(pads[:rank], pads[rank:])))
    grouped = padded.reshape(x.shape[0], group, x.shape[1] // group, *padded.shape[2:])
    weights = w.reshape(group, w.shape[0] // group, *w.shape[1:])
    out = output_dims(x.shape[2:], w.shape[2:], strides, dilations, pads)
    acc = np.zeros((x.shape[0], group, weights.shape[1], *out), np.int64)
    for tap in np.ndindex(*w.shape[2:]):
        window = grouped[(slice(None),) * 3 + tap_slices(tap, out, strides, dilations)]
        acc += np.einsum("ngc...,goc->ngo...", window, weights[(slice(None),) * 3 + tap])
    return acc.reshape(x.shape[0], w.shape[0], *out)


def tap_slices(tap, out, strides, dilations):
    """The strided view of a padded input that one kernel tap reads."""
    starts = [t * d for t, d in zip(tap, dilations)]
    return tuple(slice(start, start + (o - 1) * s + 1, s) for start, o, s in zip(starts, out, strides))


def output_dims(dims, kernel, strides, dilations, pads, ceil_mode=False):
    """Spatial output size; with `ceil_mode` a last window that would start in the end padding is dropped."""
    return [output_dim(*each, ceil_mode) for each in
            zip(dims, kernel, strides, dilations, pads[:len(dims)], pads[len(dims):])]


def output_dim(size, kernel, stride, dilation, begin, end, ceil_mode):
    free = size + begin + end - ((kernel - 1) * dilation + 1)
    out = (-(-free // stride) if ceil_mode else free // stride) + 1
    return out - 1 if ceil_mode and (out - 1) * stride >= size + begin else out


def same_pads(dims, kernel, strides, upper):
    """Pads of auto_pad SAME_UPPER or SAME_LOWER, all begins and then all ends."""
    totals = [max((-(-d // s) - 1) * s + k - d, 0) for d, k, s in zip(dims, kernel, strides)]
    small, large = [t // 2 for t in totals], [t - t // 2 for t in totals]
    return small + large if upper else large + small


# --- windows ---------------------------------------------------------------------------------------------------------

def windows(values, kernel, strides, pads, fill, ceil_mode, dilations):
    """All taps of all windows, stacked in front; places outside `values` hold `fill`."""
    rank = values.ndim - 2
    out = output_dims(values.shape[2:], kernel, strides, dilations, pads, ceil_mode)
    reach = [(o - 1) * s + (k - 1) * d + 1 for o, s, k, d in zip(out, strides, kernel, dilations)]
    ends = [max(r - b - n, 0) for r, b, n in zip(reach, pads[:rank], values.shape[2:])]
    padded = np.pad(values, [(0, 0), (0, 0)] + list(zip(pads[:rank], ends)), constant_values=fill)
    taps = product(*map(range, kernel))
    return np.stack([padded[(slice(None),) * 2 + tap_slices(tap, out, strides, dilations)] for tap in taps])


def window_counts(dims, kernel, strides, pads, include_pad, ceil_mode, dilations):
    """How many elements each window counts. What ceil_mode adds beyond the stated padding is never counted."""
    out = output_dims(dims, kernel, strides, dilations, pads, ceil_mode)
    rank = len(dims)
    counts = np.ones((), np.int64)
    for axis in range(rank):
        begin, end = (pads[axis], pads[axis + rank])
        starts = np.arange(out[axis]) * strides[axis] - begin
        places = starts[:, None] + np.arange(kernel[axis]) * dilations[axis]
        first, last = (-begin, dims[axis] + end) if include_pad else (0, dims[axis])
        counts = np.multiply.outer(counts, ((places >= first) & (places < last)).sum(1))
    return counts


def mean_requantize(total, count, x_quant, y_quant):
    """`scale = float32(float64(s_x) / float64(s_y) / count)` for the sum of `count` centered elements."""
    scale = (np.float64(x_quant.scale) / np.float64(y_quant.scale) / np.asarray(count, np.float64)).astype(np.float32)
    return requantize(total, scale, y_quant)


# --- elementwise -----------------------------------------------------------------------------------------------------

def add(a, b, quant, sign=1):
    """`q = clamp(round(f32(a - za) * ra +- f32(b - zb) * rb) + zy)`; two multiplications and one addition, no FMA."""
    left = scaled(a.centered, ratio(a.quant.scale, quant.scale))
    right = scaled(b.centered, ratio(b.quant.scale, quant.scale))
    return clamp(np.rint(left + right if sign > 0 else left - right), quant)


def mul(a, b, quant):
    return requantize(a.centered * b.centered, product_ratio(a.quant.scale, b.quant.scale, quant.scale), quant)


def table(function, tensor, quant):
    """A unary function by way of float64."""
    return quantize_real(function(tensor.real), quant)
