"""Weights with a scale for each target channel: integers, and scales that the population's states are
multiplied by.

A scheme names how trained weights become such integers; what is stored is a codec's. Sources of one
population share its scales.
"""

import numpy as np
from numpy.typing import NDArray

from .weights import FORMATS, Codec

SCHEMES = {"int8": "fixed8", "int4": "fixed4", "ternary": "fixed2", "binary": "sign"}

Floats = NDArray[np.float64]
RATIOS = {8: (1.0, 0.97, 0.94)}  # of the largest magnitude, which are tried for the largest integer
LEAST = 2.0**-16  # of the largest scale: those below are of dead channels
COARSE_RATIOS = tuple(float(ratio) for ratio in np.linspace(1, 0.2, 17))


def codec_of(name: str) -> Codec:
    """What weights of a format or a scheme are stored in."""
    return FORMATS[SCHEMES.get(name, name)]


def within(numbers: Floats, codec: Codec) -> Floats:
    """Numbers that have opposites: those beyond become the largest."""
    return np.asarray(np.clip(numbers, -codec.largest, codec.largest))


def channel_scales(
    weights: Floats, channels: NDArray[np.int64], codec: Codec, count: int, *, is_power: bool = False
) -> Floats:
    """For each of so many channels the scale of its integers that errs least, of those that are tried: real
    numbers, or powers of two where other weights are to be divided by them without an error.

    `weights` and `channels` are flat: trained weights of all sources, and the target channel of each.
    """
    peaks = np.zeros(count)
    np.maximum.at(peaks, channels, np.abs(weights))
    widest = np.where(peaks > 0, peaks, codec.largest) / codec.largest
    if is_power:
        whole = np.exp2(np.ceil(np.log2(widest)))
        tried = [whole / 2**less for less in range(codec.tries)]
    else:
        tried = [widest * ratio for ratio in RATIOS.get(codec.bits, COARSE_RATIOS)]
    best, least = widest, np.full(count, np.inf)
    for scales in tried:
        for each in (scales,) if is_power else (scales, _fitted(weights, channels, codec, scales)):
            held = codec.from_codes(codec.to_codes(within(weights / each[channels], codec))) * each[channels]
            error = np.bincount(channels, (held - weights) ** 2, count)
            best, least = np.where(error < least, each, best), np.minimum(error, least)
    return best


def _fitted(weights: Floats, channels: NDArray[np.int64], codec: Codec, scales: Floats) -> Floats:
    """The scales with which the integers of others err least."""
    integers = codec.from_codes(codec.to_codes(within(weights / scales[channels], codec))).astype(np.float64)
    products = np.bincount(channels, integers * weights, len(scales))
    squares = np.bincount(channels, integers**2, len(scales))
    return np.where((products > 0) & (squares > 0), products / np.maximum(squares, 1e-300), scales)


def common_exponent(scales: Floats) -> int:
    """The power of two that channels' scales are near. Descriptors have it: states stay what they were.

    Channels with next to no weights have no say: where training has left many, the others' states would be
    too small for float16.
    """
    said = scales[scales >= LEAST * scales.max()]
    return int(np.round(np.median(np.log2(said))))
