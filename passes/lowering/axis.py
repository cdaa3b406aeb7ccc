"""Axis maps of the layer types: which position reaches which, through which tap, along one axis (paper 4.4).

Every function gives the `AxisMap` of one layer type from ONNX's definition of the operator; nothing here
knows the chip. Pairs outside the feature map are left out, so borders and padding need no further care.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...ir.network import AxisMap, Update
from .views import turns

Array = NDArray[np.int64]
Entries = tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike]


def axis_map(source_size: int, target_size: int, tap_count: int, entries: Entries) -> AxisMap:
    """An axis map from lists of targets, sources, taps and factors, in the order of targets, then sources."""
    targets, sources, taps = (np.asarray(part, dtype=np.int64) for part in entries[:3])
    factors = np.asarray(entries[3], dtype=np.float64)
    order = np.lexsort((taps, sources, targets))
    return AxisMap(
        source_size, target_size, tap_count, targets[order], sources[order], taps[order], factors[order]
    )


def _within(source_size: int, target_size: int, tap_count: int, x: Array, s: Array, t: Array) -> AxisMap:
    x, s, t = (part.ravel() for part in np.broadcast_arrays(x, s, t))
    keep = (x >= 0) & (x < target_size) & (s >= 0) & (s < source_size)
    x, s, t = x[keep], s[keep], t[keep]
    return axis_map(source_size, target_size, tap_count, (x, s, t, np.ones(len(x))))


def convolution(source: int, target: int, kernel: int, stride: int, pad: int, dilation: int) -> AxisMap:
    """Conv: target x takes source x * stride - pad + t * dilation through tap t (equation 3)."""
    x, t = np.arange(target)[:, None], np.arange(kernel)[None, :]
    return _within(source, target, kernel, x, x * stride - pad + t * dilation, t)


def transposed(source: int, target: int, kernel: int, stride: int, pad: int, dilation: int) -> AxisMap:
    """ConvTranspose: source s reaches target s * stride - pad + t * dilation through tap t."""
    s, t = np.arange(source)[:, None], np.arange(kernel)[None, :]
    return _within(source, target, kernel, s * stride - pad + t * dilation, s, t)


def identity(size: int) -> AxisMap:
    """Each position reaches itself."""
    x = np.arange(size)
    return axis_map(size, size, 1, (x, x, np.zeros(size), np.ones(size)))


def broadcast(size: int) -> AxisMap:
    """The one source position reaches every target position."""
    x = np.arange(size)
    return axis_map(1, size, 1, (x, np.zeros(size), np.zeros(size), np.ones(size)))


def spread(source: int, target: int) -> AxisMap:
    """Each position reaches itself, or the only one every position."""
    return identity(target) if source == target else broadcast(target)


def chosen(targets: Sequence[bool]) -> AxisMap:
    """The one source position reaches the chosen target positions."""
    x = np.flatnonzero(targets)
    return axis_map(1, len(targets), 1, (x, np.zeros(len(x)), np.zeros(len(x)), np.ones(len(x))))


def gathered(size: int) -> AxisMap:
    """Every source position reaches the one target position, each through a tap of its own: flatten and
    dense.
    """
    s = np.arange(size)
    return axis_map(size, 1, size, (np.zeros(size), s, s, np.ones(size)))


def scattered(size: int) -> AxisMap:
    """The one source position reaches every target position, each through a tap of its own."""
    x = np.arange(size)
    return axis_map(1, size, size, (x, np.zeros(size), x, np.ones(size)))


def pooled(windows: AxisMap, factors: NDArray[np.float64] | None = None) -> AxisMap:
    """A convolution's windows with one tap for all positions; `factors` [target_size] weigh each window."""
    weights = windows.factors if factors is None else factors[windows.targets]
    zeros = np.zeros(len(windows.taps))
    return axis_map(
        windows.source_size, windows.target_size, 1, (windows.targets, windows.sources, zeros, weights)
    )


def interpolated(source: int, target: int, weights: Callable[[int], dict[int, float] | None]) -> AxisMap:
    """Target x takes a weighted sum of sources: `weights(x)` maps source to weight; zero weights are no
    synapse.
    """
    entries = [(x, s, 0, w) for x in range(target) for s, w in (weights(x) or {}).items() if w != 0.0]
    x, s, t, w = (list(part) for part in zip(*entries, strict=True)) if entries else ([], [], [], [])
    return axis_map(source, target, 1, (x, s, t, w))


def through(axis: AxisMap, positions: Array, source_size: int) -> AxisMap:
    """The map when source position s is really position `positions[s]` of a larger map; -1: there is none."""
    if source_size == axis.source_size and np.array_equal(positions, np.arange(source_size)):
        return axis
    sources = positions[axis.sources]
    keep = sources >= 0
    return axis_map(
        source_size,
        axis.target_size,
        axis.tap_count,
        (axis.targets[keep], sources[keep], axis.taps[keep], axis.factors[keep]),
    )


def repeats(axis: AxisMap, update: Update) -> tuple[AxisMap, ...]:
    """The map as maps that a kernel can hold, where a view names a source position several times.

    A kernel has one weight for each pair of a target and a source. A sum takes a source as often as it is
    named: its weights add up there. For the larger or smaller, once is as good as twice. A product takes it
    once more each time, through a map for each turn, and so do pairs that have several taps where nothing is
    added up.
    """
    if update is Update.ADD or axis.is_simple:
        return (axis,)
    entries = np.column_stack([axis.targets, axis.sources, axis.taps, axis.factors])
    if update in (Update.MAXIMUM, Update.MINIMUM):
        entries = np.unique(entries, axis=0)
    _, pairs = np.unique(entries[:, :2], axis=0, return_inverse=True)
    turn = turns(pairs.ravel())
    if len(entries) == len(axis.targets) and not turn.any():
        return (axis,)
    parts = (entries[turn == now] for now in range(int(turn.max()) + 1))
    return tuple(axis_map(axis.source_size, axis.target_size, axis.tap_count, tuple(p.T)) for p in parts)
