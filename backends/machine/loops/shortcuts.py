"""Kernels of shapes for which all channels of a pixel can be dealt with together, with the same result."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .columns import (
    KERNEL_FIRST,
    KERNEL_KD,
    KERNEL_KH,
    KERNEL_KW,
    KERNEL_SL,
    KERNEL_WEIGHTS,
)

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

CHANNELS_MIN = 8  # fewer do not fill the processor's vectors: event by event is as fast


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """Kernels that join each source channel with a target channel of its own, side by side.

    `kernel`: KW, KH, SL, the first source channel that has synapses, how many have, and the target channel of
    the first. `weights`: flat [taps, channels], taps as `tap_order` says.
    """

    kernel: Integers
    weights: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """Kernels of 1 x 1 that join every source channel with the same target channels.

    `kernel`: KD, SL and the first target channel. `at`: where each channel's weights begin, -1 if nowhere.
    """

    kernel: Integers
    at: Integers


def shortcut(
    row: Integers, kernels: Integers, weights: Floats, skipped: Integers, mixed: bool
) -> Channels | Pixels | None:
    """The kernels of the only axon to a population, if of such a shape, and if none of their weights is
    skipped. `mixed`: its update is not ADD.
    """
    chosen = kernels[row]
    live = np.flatnonzero(chosen[:, KERNEL_WEIGHTS] >= 0)
    if not live.size:
        return None
    shapes = chosen[live][:, [KERNEL_KD, KERNEL_KW, KERNEL_KH, KERNEL_SL]]
    if (shapes != shapes[0]).any():
        return None
    kd, kw, kh, sl = shapes[0].tolist()
    if skipped.size:
        begin = chosen[live, KERNEL_WEIGHTS]
        if (skipped[begin + kd * kw * kh] > skipped[begin]).any():
            return None
    first = chosen[live, KERNEL_FIRST]
    if kd == 1 and live.size >= CHANNELS_MIN and np.array_equal(live - live[0], first - first[0]):
        if live[-1] - live[0] + 1 == live.size:
            taps = chosen[live, KERNEL_WEIGHTS] + np.arange(kw * kh)[:, None]
            kernel = np.array([kw, kh, sl, live[0], live.size, first[0]], dtype=np.int64)
            return Channels(kernel, weights[taps].ravel())
    elif kw == kh == 1 and not mixed and (first == first[0]).all():
        return Pixels(np.array([kd, sl, first[0]], dtype=np.int64), chosen[:, KERNEL_WEIGHTS].copy())
    return None
