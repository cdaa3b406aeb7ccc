"""Events of all channels of a pixel together, where each channel has synapses with one channel of its own.

Depthwise convolution, pooling and pointwise addition. No neuron hears of two channels, so each still has its
events in the order of `events`, with the same result; but channels lie side by side in memory.
"""

import numpy as np

from ....ir.compiled import compiled, kept
from ...words import codes
from .columns import (
    EMPTY_EVENTS,
    EVENTS,
    HEIGHT,
    KH,
    KW,
    OPERATIONS,
    STATES,
    TARGET_D,
    TARGET_H,
    TARGET_W,
    UPDATE,
    US,
    WIDTH,
    X_OFF,
    Y_OFF,
    Flag,
    Floats,
    Integers,
    States,
)
from .events import product, stored, updated


@compiled
def live(values: Floats, first: int, count: int, fires_on_zero: bool) -> int:
    """How many of some values make events."""
    if fires_on_zero:
        return count
    found = 0
    v = np.uintp(first)
    for i in range(np.uintp(count)):
        found += values[v + i] != 0
    return found


@compiled
def update_channels(
    update: int,
    values: Floats,
    value: int,
    weights: Floats,
    weight: int,
    states: States,
    state: int,
    count: int,
    fires_on_zero: bool,
    chip: Flag,
    mixed: Flag,
) -> int:
    """One synapse for each of `count` channels whose neuron fires. Gives their number unless they all ADD."""
    v, w, s = np.uintp(value), np.uintp(weight), np.uintp(state)
    if mixed is None:
        for i in range(np.uintp(count)):  # w 0 adds nothing: silent neurons need no test
            new = states[s + i] + product(weights[w + i], values[v + i], chip)
            states[s + i] = new if chip is None else stored(new, chip)
        return 0
    synapses = 0
    for i in range(np.uintp(count)):  # every state is written, so that nothing hangs on a guessed branch
        old, by, given = states[s + i], weights[w + i], values[v + i]
        new = updated(update, old, product(by, given, chip))
        met = (given != 0 or fires_on_zero) and by != 0
        states[s + i] = (new if chip is None else stored(new, chip)) if met else old
        synapses += met
    return synapses


@kept(codes)
def fire_channels(
    values: Floats,
    height: int,
    width: int,
    depth: int,
    fires_on_zero: bool,
    axons: Integers,
    kernel: Integers,
    weights: Floats,
    states: States,
    counters: Integers,
    chip: Flag,
    mixed: Flag,
) -> None:
    """Algorithms 5 and 4 for a whole population, flat values [H, W, D], along its only axon to another.

    `kernel` and `weights` are those of `shortcuts.Channels`.
    """
    x_off, y_off, us, update = axons[0, X_OFF], axons[0, Y_OFF], axons[0, US], axons[0, UPDATE]
    x_end, y_end, kernel_w, kernel_h = axons[0, WIDTH], axons[0, HEIGHT], axons[0, KW], axons[0, KH]
    target_d, target_h, target_w = axons[0, TARGET_D], axons[0, TARGET_H], axons[0, TARGET_W]
    kw, kh, sl, low, count = kernel[0], kernel[1], kernel[2], kernel[3], kernel[4]
    base = axons[0, STATES] + kernel[5]
    step = 1 << sl
    events = empty = operations = 0
    for y in range(height):
        y_min = (y << us) + y_off
        if y_min >= y_end or y_min + kernel_h <= 0:
            continue
        dy_first = max(0, -y_min)
        dy_first += (step - 1) & -(y_min + dy_first)
        dy_stop = min(kh, (target_h << sl) - y_min)
        for x in range(width):
            x_min = (x << us) + x_off
            if x_min >= x_end or x_min + kernel_w <= 0:
                continue
            pixel = (y * width + x) * depth
            sent = live(values, pixel, depth, fires_on_zero)
            heard = live(values, pixel + low, count, fires_on_zero)
            dx = max(0, -x_min)
            dx += (step - 1) & -(x_min + dx)
            across = (min(kw, (target_w << sl) - x_min) - dx + step - 1) >> sl
            if across <= 0 or dy_first >= dy_stop:
                heard = 0
            events += sent
            empty += sent - heard
            if heard == 0:
                continue
            tap = (dx >> 1) + (dx & 1) * ((kw + 1) >> 1) if sl else dx
            state = base + (((y_min + dy_first) >> sl) * target_w + ((x_min + dx) >> sl)) * target_d
            for dy in range(dy_first, dy_stop, step):
                for i in range(across):
                    operations += update_channels(
                        update, values, pixel + low, weights, (dy * kw + tap + i) * count,
                        states, state + i * target_d, count, fires_on_zero, chip, mixed,
                    )  # fmt: skip
                if mixed is None:
                    operations += heard * across
                state += target_w * target_d
    counters[0, EVENTS] += events
    counters[0, EMPTY_EVENTS] += empty
    counters[0, OPERATIONS] += operations
