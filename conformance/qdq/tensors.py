"""Quantized tensors and the ways to draw them."""

import zlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Quant:
    """Parameters of a quantized tensor: `real = scale * (q - zero)`."""

    dtype: np.dtype
    scale: np.float32
    zero: int

    @property
    def low(self):
        return int(np.iinfo(self.dtype).min)

    @property
    def high(self):
        return int(np.iinfo(self.dtype).max)

    @property
    def zero_array(self):
        return np.array(self.zero, self.dtype)


@dataclass(frozen=True)
class QTensor:
    """Quantized values with their parameters."""

    data: np.ndarray
    quant: Quant

    @property
    def centered(self):
        """`q - zero` in int64."""
        return self.data.astype(np.int64) - self.quant.zero

    @property
    def real(self):
        """The values that the tensor stands for, in float64."""
        return self.centered * np.float64(self.quant.scale)


@dataclass(frozen=True)
class QWeight:
    """Quantized weights: one scale, or one for each index along `axis`."""

    data: np.ndarray
    scale: np.ndarray
    zero: int
    axis: int

    @property
    def per_channel(self):
        return self.scale.ndim == 1

    @property
    def zero_array(self):
        return np.full(self.scale.shape, self.zero, self.data.dtype)

    @property
    def centered(self):
        return self.data.astype(np.int64) - self.zero

    @property
    def real(self):
        shape = [1] * self.data.ndim
        shape[self.axis] = -1
        scale = self.scale.reshape(shape) if self.per_channel else self.scale
        return self.centered * scale.astype(np.float64)


DTYPES = {"i8": np.dtype(np.int8), "u8": np.dtype(np.uint8)}


def rng_of(name):
    """A generator seeded by a case's name, so that adding a case changes no other. RandomState's stream is frozen."""
    return np.random.RandomState(zlib.crc32(name.encode()))


def random_scale(rng, low=0.004, high=0.09):
    return np.float32(np.exp(rng.uniform(np.log(low), np.log(high))))


def random_quant(rng, dtype, scale=None):
    """Parameters with a random scale and a zero point that is never 0 (nor 128, which equals a signed 0)."""
    dtype = DTYPES.get(dtype, dtype)
    middle = 128 if dtype == np.uint8 else 0
    zero = middle + int(rng.choice([-1, 1])) * rng.randint(2, 60)
    return Quant(dtype, random_scale(rng) if scale is None else np.float32(scale), int(zero))


def random_tensor(rng, shape, quant):
    """Values over the whole range of the type; both ends occur."""
    data = rng.randint(quant.low, quant.high + 1, shape).astype(quant.dtype)
    if data.size >= 4:
        ends = rng.choice(data.size, 2, replace=False)
        data.reshape(-1)[ends] = [quant.low, quant.high]
    return QTensor(data, quant)


def random_activation(rng, shape, dtype, scale=None):
    return random_tensor(rng, shape, random_quant(rng, dtype, scale))


def narrow_activation(rng, shape, dtype):
    """Values around and below the zero point that seldom reach the ends, for operators that pick the largest."""
    quant = random_quant(rng, dtype)
    data = np.clip(np.rint(rng.normal(quant.zero - 15, 25, shape)), quant.low, quant.high)
    return QTensor(data.astype(quant.dtype), quant)


def random_weight(rng, shape, kind="i8", per_channel=True, axis=0):
    """Weights over the whole range, -128 included. Unsigned weights get a zero point that is not 128."""
    dtype = DTYPES[kind]
    info = np.iinfo(dtype)
    data = rng.randint(info.min, info.max + 1, shape).astype(dtype)
    count = shape[axis]
    scale = np.array([random_scale(rng, 0.001, 0.02) for _ in range(count)] if per_channel
                     else random_scale(rng, 0.001, 0.02), np.float32)
    zero = int(128 + rng.choice([-1, 1]) * rng.randint(2, 30)) if dtype == np.uint8 else 0
    return QWeight(data, scale, zero, axis)


def random_bias(rng, count, magnitude):
    """An int32 bias of about the accumulators' own magnitude."""
    limit = max(2, int(magnitude))
    return rng.randint(-limit, limit + 1, count).astype(np.int32)


def fitted(real, dtype, cover=0.9):
    """Output parameters for real values: the range with zero, of which `cover` is kept, so that both ends saturate."""
    dtype = DTYPES.get(dtype, dtype)
    info = np.iinfo(dtype)
    low, high = min(0.0, float(np.min(real))), max(0.0, float(np.max(real)))
    span = max(high - low, 1e-6)
    scale = np.float32(cover * span / 255)
    zero = int(np.clip(np.rint(info.min - low * cover / scale), info.min, info.max))
    return Quant(dtype, scale, zero if zero else 1)
