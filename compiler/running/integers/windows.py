"""Convolutions of integers, and their transposed forms."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def convolved(
    data: Integers,
    weights: Integers,
    *,
    strides: list[int],
    dilations: list[int],
    pads: list[int],
    groups: int,
) -> Integers:
    """A convolution over any number of axes; zeros stand around the maps."""
    rank = weights.ndim - 2
    around = [(0, 0), (0, 0), *((pads[axis], pads[rank + axis]) for axis in range(rank))]
    maps = np.pad(data, around).astype(np.float64)
    spans = [(weights.shape[2 + a] - 1) * dilations[a] + 1 for a in range(rank)]
    seen = np.lib.stride_tricks.sliding_window_view(maps, spans, axis=tuple(range(2, 2 + rank)))
    seen = seen[(slice(None), slice(None), *(slice(None, None, s) for s in strides))]
    seen = seen[(*(slice(None) for _ in range(2 + rank)), *(slice(None, None, d) for d in dilations))]
    batch, channels, *sizes = seen.shape[: 2 + rank]
    each, outputs = channels // groups, weights.shape[0] // groups
    columns = seen.reshape(batch, groups, each, math.prod(sizes), -1)
    columns = columns.transpose(0, 1, 3, 2, 4).reshape(batch, groups, math.prod(sizes), -1)
    rows = weights.astype(np.float64).reshape(groups, outputs, -1)
    found = np.matmul(columns, rows.transpose(0, 2, 1)[None])
    sums: Integers = np.rint(found).astype(np.int64).transpose(0, 1, 3, 2).reshape(batch, -1, *sizes)
    return sums


def spread(
    data: Integers, weights: Integers, *, strides: list[int], sizes: list[int], groups: int, **others: Any
) -> Integers:
    """A transposed convolution: a convolution of the maps with zeros between their rows and columns."""
    dilations, pads = others["dilations"], others["pads"]
    rank = weights.ndim - 2
    wide = np.zeros(
        (*data.shape[:2], *((n - 1) * s + 1 for n, s in zip(data.shape[2:], strides, strict=True))), np.int64
    )
    wide[(slice(None), slice(None), *(slice(None, None, s) for s in strides))] = data
    channels, outputs = weights.shape[:2]
    turned = np.flip(weights, axis=tuple(range(2, 2 + rank)))
    turned = turned.reshape(groups, channels // groups, outputs, *weights.shape[2:]).swapaxes(1, 2)
    turned = turned.reshape(groups * outputs, channels // groups, *weights.shape[2:])
    reach = [(weights.shape[2 + a] - 1) * dilations[a] for a in range(rank)]
    before = [reach[a] - pads[a] for a in range(rank)]
    after = [sizes[a] - (wide.shape[2 + a] + before[a] - reach[a]) for a in range(rank)]
    cut = [(max(-n, 0), max(-m, 0)) for n, m in zip(before, after, strict=True)]
    kept = tuple(slice(a, n - b) for (a, b), n in zip(cut, wide.shape[2:], strict=True))
    return convolved(
        wide[(slice(None), slice(None), *kept)],
        turned,
        strides=[1] * rank,
        dilations=dilations,
        pads=[max(n, 0) for n in (*before, *after)],
        groups=groups,
    )


def pads_of(
    said: Mapping[str, Any],
    sizes: tuple[int, ...],
    kernel: tuple[int, ...] | list[int],
    strides: list[int],
    dilations: list[int],
) -> list[int]:
    """The padding at the beginnings of the axes, then at their ends."""
    auto = said.get("auto_pad", b"NOTSET")
    if auto in (b"NOTSET", b""):
        return list(said.get("pads") or [0] * 2 * len(kernel))
    if auto == b"VALID":
        return [0] * 2 * len(kernel)
    both = []
    for size, taps, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        need = max((-(-size // stride) - 1) * stride + (taps - 1) * dilation + 1 - size, 0)
        both.append((need // 2, need - need // 2) if auto == b"SAME_UPPER" else (need - need // 2, need // 2))
    return [first for first, _ in both] + [last for _, last in both]
