"""Events of all channels of a pixel together, where kernels are 1 x 1 and all have the same target channels.

Pointwise convolution and dense layers. A neuron hears of one pixel only, so it still has its events in the
order of `events`, with the same result; but its state is read and written once for four of them.
"""

from typing import Any

import numpy as np

from ....ir.compiled import compiled, kept
from ...words import codes
from .columns import (
    EMPTY_EVENTS,
    EVENTS,
    HEIGHT,
    OPERATIONS,
    STATES,
    TARGET_D,
    TARGET_H,
    TARGET_W,
    US,
    WIDTH,
    X_OFF,
    Y_OFF,
    Flag,
    Floats,
    Integers,
    States,
)
from .events import add, product, stored

TOGETHER = 4  # more do not fit the processor's registers


@compiled
def add_four(
    states: States,
    state: int,
    weights: Floats,
    at: Integers,
    values: Floats,
    value: int,
    channels: Integers,
    first: int,
    count: int,
    chip: Flag,
) -> None:
    """`add` for the events of four channels, one after the other, for neurons that lie side by side."""
    a, b, c, d = channels[first], channels[first + 1], channels[first + 2], channels[first + 3]
    v_a, v_b, v_c, v_d = values[value + a], values[value + b], values[value + c], values[value + d]
    w_a, w_b, w_c, w_d = np.uintp(at[a]), np.uintp(at[b]), np.uintp(at[c]), np.uintp(at[d])
    s = np.uintp(state)
    for i in range(np.uintp(count)):
        new: Any = states[s + i]
        if chip is None:
            new = new + product(weights[w_a + i], v_a, chip)
            new = new + product(weights[w_b + i], v_b, chip)
            new = new + product(weights[w_c + i], v_c, chip)
            states[s + i] = new + product(weights[w_d + i], v_d, chip)
        else:
            new = stored(new + product(weights[w_a + i], v_a, chip), chip)
            new = stored(new + product(weights[w_b + i], v_b, chip), chip)
            new = stored(new + product(weights[w_c + i], v_c, chip), chip)
            states[s + i] = stored(new + product(weights[w_d + i], v_d, chip), chip)


@kept(codes)
def fire_pixels(
    values: Floats,
    height: int,
    width: int,
    depth: int,
    fires_on_zero: bool,
    axons: Integers,
    kernel: Integers,
    at: Integers,
    weights: Floats,
    states: States,
    counters: Integers,
    chip: Flag,
) -> None:
    """Algorithms 5 and 4 for a whole population, flat values [H, W, D], along its only axon to another.

    `kernel` and `at` are those of `shortcuts.Pixels`; the update is ADD.
    """
    x_off, y_off, us, x_end, y_end = (
        axons[0, X_OFF], axons[0, Y_OFF], axons[0, US], axons[0, WIDTH], axons[0, HEIGHT],
    )  # fmt: skip
    target_d, target_h, target_w = axons[0, TARGET_D], axons[0, TARGET_H], axons[0, TARGET_W]
    kd, sl, base = kernel[0], kernel[1], axons[0, STATES] + kernel[2]
    odd = (1 << sl) - 1
    channels = np.empty(depth + 1, np.int64)
    events = empty = operations = 0
    for y in range(height):
        y_min = (y << us) + y_off
        if y_min < 0 or y_min >= y_end:
            continue
        for x in range(width):
            x_min = (x << us) + x_off
            if x_min < 0 or x_min >= x_end:
                continue
            pixel = (y * width + x) * depth
            sent = heard = 0
            for c in range(depth):
                fires = (values[np.uintp(pixel + c)] != 0) | fires_on_zero
                channels[np.uintp(heard)] = c
                sent += fires
                heard += fires & (at[np.uintp(c)] >= 0)
            if (x_min | y_min) & odd or x_min >> sl >= target_w or y_min >> sl >= target_h:
                heard = 0
            events += sent
            empty += sent - heard
            operations += heard * kd
            state = base + ((y_min >> sl) * target_w + (x_min >> sl)) * target_d
            first = 0
            while first + TOGETHER <= heard:
                add_four(states, state, weights, at, values, pixel, channels, first, kd, chip)
                first += TOGETHER
            while first < heard:
                c = channels[first]
                add(states, state, weights, at[c], kd, values[pixel + c], chip)
                first += 1
    counters[0, EVENTS] += events
    counters[0, EMPTY_EVENTS] += empty
    counters[0, OPERATIONS] += operations
