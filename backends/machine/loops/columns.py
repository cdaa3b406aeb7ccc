"""What stands where in the arrays that the compiled code reads."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
States = NDArray[np.float64]  # the chip's float16, too
Flag = bool | None  # None leaves a branch out when a function is compiled

# Columns of an axon: what the PEG adds and compares, then the target population. ROW: where the kernels of
# its source channels begin in `rows`. STATES: the state of the target's neuron 0. PORT: its address.
# NUMBER: its place among the axons of its population.
X_OFF, Y_OFF, WIDTH, HEIGHT, KW, KH, US, ROW, UPDATE, STATES, TARGET_D, TARGET_H, TARGET_W, PORT, NUMBER = (
    range(15)
)

# Columns of a kernel. KERNEL_WEIGHTS: where its weights begin, -1 for a null kernel; KERNEL_BITS: of each;
# KERNEL_LAYOUT: which of them are stored, as a `Layout`; KERNEL_PLACE: the byte of its core's memory where
# they begin; KERNEL_CODE, KERNEL_EXPONENT: their format.
(
    KERNEL_KD,
    KERNEL_KW,
    KERNEL_KH,
    KERNEL_SL,
    KERNEL_FIRST,
    KERNEL_WEIGHTS,
    KERNEL_BITS,
    KERNEL_LAYOUT,
    KERNEL_PLACE,
    KERNEL_CODE,
    KERNEL_EXPONENT,
) = range(11)
KERNEL_COLUMNS = 11


class Held(NamedTuple):
    """A kernel: `weights` is where its weights begin, -1 for a null kernel."""

    kd: int
    kw: int
    kh: int
    sl: int
    weights: int


class Reached(NamedTuple):
    """Neurons that an event may reach: `state` is that of neuron (0, 0) in the first channel."""

    state: int
    depth: int
    height: int
    width: int
    update: int


# Columns of an axon's counters.
EVENTS, EMPTY_EVENTS, OPERATIONS = range(3)
COUNTERS = 3


def tap_order(kw: int, kh: int, sl: int) -> Integers:
    """The taps dx * KH + dy in the order of decoded weights: dy outermost, then dx, even ones first if SL.

    Taps that reach neighbouring neurons of a row stand side by side, and so do the weights of their channels.
    """
    dx = np.arange(kw)
    if sl:
        dx = np.concatenate([dx[::2], dx[1::2]])
    return np.asarray((dx[None, :] * kh + np.arange(kh)[:, None]).ravel(), dtype=np.int64)
