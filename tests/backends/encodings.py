"""Random layers, and what plain numpy makes of them: a dense matrix of synapses, source by target number."""

import numpy as np
from hypothesis import strategies as st

from snc.backends.encodings.layer import Axis, Integers, Layer, convolution, dense


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    source, taps = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    padding = draw(st.integers(0, taps - 1))
    if draw(st.booleans()):
        spread = draw(st.integers(1, 3))
        return Axis(source, source * spread, taps, 1, spread, padding)
    stride = draw(st.integers(1, 3))
    if source + 2 * padding < taps:
        return Axis(source, source, 1)
    return convolution(source, taps, stride, padding)


@st.composite
def layers(draw: st.DrawFn, most: int = 3) -> Layer:
    """Dense layers, and convolutions of any stride, upsampling, padding and grouping, with zeros."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bits, state_bits = draw(st.integers(2, 12)), draw(st.sampled_from([8, 16, 24, 32]))
    density = draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    if draw(st.booleans()):
        sources, targets = draw(st.integers(1, 12)), draw(st.integers(1, 150))
        return dense(drawn(random, (sources, targets), density, bits, most), bits, state_bits)
    y, x = draw(axes()), draw(axes())
    channels, depth = draw(st.integers(1, 3)), draw(st.integers(1, 10))
    if draw(st.booleans()):
        first, reached = np.arange(channels) * depth, channels * depth  # groups
    else:
        first, reached = np.zeros(channels, dtype=np.int64), depth
    if draw(st.booleans()):
        first[draw(st.integers(0, channels - 1))] = -1
    weights = drawn(random, (channels, y.taps, x.taps, depth), density, bits, most)
    return Layer(y, x, weights, first, reached, bits, state_bits)


def drawn(
    random: np.random.Generator, shape: tuple[int, ...], density: float, bits: int, most: int
) -> Integers:
    largest = min(most, 2 ** (bits - 1) - 1)
    numbers = random.integers(1, largest + 1, shape) * random.choice([-1, 1], shape)
    found: Integers = np.where(random.random(shape) < density, numbers, 0)
    return found


def matrix(layer: Layer, weights: Integers) -> Integers:
    """[sources, target numbers], pair by pair from the definition of an axis."""
    found = np.zeros((layer.sources, layer.targets), dtype=np.int64)
    depth = weights.shape[3]
    for c, first in enumerate(layer.first):
        for y, x, ty, tx, ky, kx in reached(layer):
            if first >= 0:
                row = (c * layer.y.source + y) * layer.x.source + x
                column = (ty * layer.x.target + tx) * layer.pitch + first
                found[row, column : column + depth] = weights[c, ky, kx]
    return found


def reached(layer: Layer) -> list[tuple[int, int, int, int, int, int]]:
    """Every pair of positions that a tap joins."""
    return [(y, x, ty, tx, ky, kx) for y, ty, ky in pairs(layer.y) for x, tx, kx in pairs(layer.x)]


def pairs(axis: Axis) -> list[tuple[int, int, int]]:
    found = []
    for s in range(axis.source):
        for t in range(axis.target):
            tap = t * axis.stride - s * axis.spread + axis.base
            if 0 <= tap < axis.taps:
                found.append((s, t, tap))
    return found


def gradient(layer: Layer, values: Integers, errors: Integers) -> Integers:
    """What every weight changes by: over its synapses, the source's value times the target's error."""
    found = np.zeros_like(layer.weights)
    depth = layer.weights.shape[3]
    held = values.reshape(len(layer.first), layer.y.source, layer.x.source)
    asked = errors.reshape(layer.y.target, layer.x.target, layer.pitch)
    for c, first in enumerate(layer.first):
        for y, x, ty, tx, ky, kx in reached(layer):
            if first >= 0:
                found[c, ky, kx] += held[c, y, x] * asked[ty, tx, first : first + depth]
    return found
