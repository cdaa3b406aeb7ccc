"""Events: the PEG of algorithm 5 and the ESU of algorithm 4 on decoded words, compiled.

Before anything here runs, every index is known to stay inside its array (`machine_decode`); nothing is
checked again. An event reaches a neuron at most once, so within an event the order of the synapses is free.
"""

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from ..ir.network import Update
from .machine_cache import compiled, config, kept

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Flag = bool | None  # None leaves a branch out when the function is compiled

# Columns of an axon: what the PEG adds and compares, then the target population. ROW: where the kernels of
# its source channels begin in `rows`. STATES: the state of the target's neuron 0.
X_OFF, Y_OFF, WIDTH, HEIGHT, KW, KH, US, ROW, UPDATE, STATES, TARGET_D, TARGET_H, TARGET_W = range(13)

# Columns of a kernel. WEIGHTS: its first weight, -1 for a null kernel.
KERNEL_KD, KERNEL_KW, KERNEL_KH, KERNEL_SL, KERNEL_FIRST, KERNEL_WEIGHTS = range(6)

# Columns of an axon's counters.
EVENTS, EMPTY_EVENTS, OPERATIONS = range(3)
COUNTERS = 3

ADD, MULTIPLY, MAXIMUM = int(Update.ADD), int(Update.MULTIPLY), int(Update.MAXIMUM)


def tap_order(kw: int, kh: int, sl: int) -> Integers:
    """The taps dx * KH + dy in the order of `esu`: dy outermost, then dx, even ones first if SL is 1."""
    dx = np.arange(kw)
    if sl:
        dx = np.concatenate([dx[::2], dx[1::2]])
    return np.asarray((dx[None, :] * kh + np.arange(kh)[:, None]).ravel(), dtype=np.int64)


if config.DISABLE_JIT:

    def half(value: Any) -> Any:
        """The nearest float16, ties to even, as a float32."""
        return np.float32(np.float16(value))

else:

    @intrinsic
    def half(_context: Any, value: Any) -> Any:
        """The nearest float16, ties to even, as a float32: numba has no half type on CPUs, LLVM has."""

        def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.fpext(builder.fptrunc(arguments[0], ir.HalfType()), ir.FloatType())

        return types.float32(types.float32), code


@compiled
def add(states: Floats, first: int, weights: Floats, weight: int, count: int, value: Any, chip: Flag) -> None:
    """State += w v, for neurons whose states and weights lie side by side."""
    into = states[first : first + count]
    by = weights[weight : weight + count]
    for i in range(count):
        if chip is None:
            into[i] += by[i] * value
        else:
            into[i] = half(into[i] + by[i] * value)


@compiled
def update_each(
    update: int,
    states: Floats,
    first: int,
    stride: int,
    weights: Floats,
    weight: int,
    count: int,
    value: Any,
    chip: Flag,
) -> int:
    """Any update, for neurons whose states are `stride` apart. Gives the number of synapses."""
    synapses = 0
    for i in range(count):
        w = weights[weight + i]
        if w != 0 or update == ADD:
            old = states[first + i * stride]
            new = w * value
            if update == ADD:
                new = old + new
            elif update == MULTIPLY:
                new = old * new
            elif update == MAXIMUM:
                new = new if new > old else old
            else:
                new = new if new < old else old
            if chip is not None:
                new = half(new)
            states[first + i * stride] = new
            synapses += 1
    return synapses


@compiled
def esu(
    x_min: int,
    y_min: int,
    value: Any,
    axon: Integers,
    kernel: Integers,
    weights: Floats,
    states: Floats,
    chip: Flag,
    mixed: Flag,
) -> int:
    """Algorithm 4 for one event: the number of its synapses, or -1 where the kernel touches no neuron."""
    kd, kw, kh, sl = kernel[KERNEL_KD], kernel[KERNEL_KW], kernel[KERNEL_KH], kernel[KERNEL_SL]
    depth, width = axon[TARGET_D], axon[TARGET_W]
    step = 1 << sl
    # The first and the last dx with 0 <= X < W << SL and X % (1 << SL) == 0; likewise dy.
    dx = max(0, -x_min)
    dx += (step - 1) & -(x_min + dx)
    across = (min(kw, (width << sl) - x_min) - dx + step - 1) >> sl
    dy = max(0, -y_min)
    dy += (step - 1) & -(y_min + dy)
    dy_stop = min(kh, (axon[TARGET_H] << sl) - y_min)
    if across <= 0 or dy >= dy_stop:
        return -1
    tap = (dx >> 1) + (dx & 1) * ((kw + 1) >> 1) if sl else dx
    state = axon[STATES] + ((y_min + dy >> sl) * width + (x_min + dx >> sl)) * depth + kernel[KERNEL_FIRST]
    weight = kernel[KERNEL_WEIGHTS] + (dy * kw + tap) * kd
    synapses = 0
    while dy < dy_stop:
        if mixed is not None:
            for i in range(across):
                synapses += update_each(
                    axon[UPDATE], states, state + i * depth, 1, weights, weight + i * kd, kd, value, chip
                )
        elif kd == depth:
            add(states, state, weights, weight, across * kd, value, chip)
            synapses += across * kd
        elif kd == 1:
            synapses += update_each(ADD, states, state, depth, weights, weight, across, value, chip)
        else:
            for i in range(across):
                add(states, state + i * depth, weights, weight + i * kd, kd, value, chip)
            synapses += across * kd
        dy += step
        state += width * depth
        weight += (kw << sl) * kd
    return synapses


@kept
def fire(
    values: Floats,
    fires_on_zero: bool,
    axons: Integers,
    rows: Integers,
    kernels: Integers,
    weights: Floats,
    states: Floats,
    counters: Integers,
    chip: Flag,
    mixed: Flag,
) -> None:
    """Algorithm 5 for every neuron of a population, [D, H, W] values, along axons that end in one population.

    `counters` has a row for each axon. `chip`: states are float16. `mixed`: some update is not ADD.
    """
    depth, height, width = values.shape
    for c in range(depth):
        for y in range(height):
            for x in range(width):
                value = values[c, y, x]
                if value == 0 and not fires_on_zero:
                    continue
                for a in range(axons.shape[0]):
                    axon = axons[a]
                    x_min = (x << axon[US]) + axon[X_OFF]
                    y_min = (y << axon[US]) + axon[Y_OFF]
                    if x_min >= axon[WIDTH] or x_min + axon[KW] <= 0:
                        continue
                    if y_min >= axon[HEIGHT] or y_min + axon[KH] <= 0:
                        continue
                    counters[a, EVENTS] += 1
                    kernel = kernels[rows[axon[ROW] + c]]
                    synapses = -1
                    if kernel[KERNEL_WEIGHTS] >= 0:
                        synapses = esu(x_min, y_min, value, axon, kernel, weights, states, chip, mixed)
                    if synapses < 0:
                        counters[a, EMPTY_EVENTS] += 1
                    else:
                        counters[a, OPERATIONS] += synapses
