"""Events: the PEG of algorithm 5 and the ESU of algorithm 4 on decoded words, compiled.

Before anything here runs, every index is known to stay inside its array (`decode`); nothing is
checked again. An event reaches a neuron at most once, so within an event the order of synapses is free.
Indices are unsigned where it counts: numba then leaves out what makes negative ones count from the end.
"""

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from ....ir.compiled import compiled, config, kept
from ....ir.neurons import Update
from ...words import codes
from .columns import (
    EMPTY_EVENTS,
    EVENTS,
    HEIGHT,
    KERNEL_FIRST,
    KERNEL_KD,
    KERNEL_KH,
    KERNEL_KW,
    KERNEL_SL,
    KERNEL_WEIGHTS,
    KH,
    KW,
    OPERATIONS,
    ROW,
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
    Held,
    Integers,
    Reached,
    States,
)

ADD, MULTIPLY, MAXIMUM = (
    codes.UPDATES.numbers[each] for each in (Update.ADD, Update.MULTIPLY, Update.MAXIMUM)
)

if config.DISABLE_JIT:

    def half(value: Any) -> Any:
        """The nearest float16 of a float64, ties to even, as a float32."""
        return np.float32(np.float16(value))

else:
    # The bits of a float64 that a float32 has not. Rounding to odd leaves no tie that was none, so the second
    # rounding, for which processors have an instruction, gives what one alone would.
    LOST = 2**29 - 1

    @intrinsic
    def half(_context: Any, value: Any) -> Any:
        """The nearest float16 of a float64, ties to even, as a float32: numba has no half type on CPUs, LLVM
        has.
        """

        def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            bits = ir.IntType(64)
            whole = builder.bitcast(arguments[0], bits)
            # Where any lost bit is 1, the sum has a 1 in the lowest bit that is kept.
            odd = builder.add(builder.and_(whole, bits(LOST)), bits(LOST))
            kept = builder.and_(builder.or_(whole, odd), bits(2**64 - 1 - LOST))
            single = builder.fptrunc(builder.bitcast(kept, ir.DoubleType()), ir.FloatType())
            return builder.fpext(builder.fptrunc(single, ir.HalfType()), ir.FloatType())

        return types.float32(types.float64), code


@compiled
def product(weight: Any, value: Any, chip: Flag) -> Any:
    """The product w v: rounded to float32, or for the chip's states of float16, whose updates round once, as
    it is. `chip` is None in float32 arithmetic and for whole numbers, False for the chip's states of float32.
    """
    if chip is None:
        return weight * value
    return np.float64(weight) * np.float64(value) if chip else np.float64(np.float32(weight * value))


@compiled
def stored(new: Any, chip: Flag) -> Any:
    """A state as the chip's memory holds it: a float16, or where `chip` is False a float32."""
    return half(new) if chip else np.float32(new)


@compiled
def updated(update: int, old: Any, new: Any) -> Any:
    """A state after an update that is not ADD, with `new` = w v."""
    if update == MULTIPLY:
        return old * new
    if update == MAXIMUM:
        return new if new > old else old
    return new if new < old else old


@compiled
def add(states: States, state: int, weights: Floats, weight: int, count: int, value: Any, chip: Flag) -> None:
    """ADD for neurons whose states lie side by side."""
    s, w = np.uintp(state), np.uintp(weight)
    for i in range(np.uintp(count)):
        if chip is None:
            states[s + i] += product(weights[w + i], value, chip)
        else:
            states[s + i] = stored(states[s + i] + product(weights[w + i], value, chip), chip)


@compiled
def add_stored(
    states: States,
    state: int,
    weights: Floats,
    skipped: Integers,
    weight: int,
    count: int,
    value: Any,
    chip: Flag,
) -> None:
    """`add` for the weights that are not skipped."""
    for i in range(count):
        if skipped[weight + i + 1] == skipped[weight + i]:
            add(states, state + i, weights, weight + i, 1, value, chip)


@compiled
def update_each(
    update: int,
    states: States,
    state: int,
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
        s = np.uintp(state + i * stride)
        w = weights[np.uintp(weight + i)]
        if update == ADD or w != 0:
            by = product(w, value, chip)
            new = states[s] + by if update == ADD else updated(update, states[s], by)
            states[s] = new if chip is None else stored(new, chip)
            synapses += 1
    return synapses


@compiled
def esu(
    x_min: int,
    y_min: int,
    value: Any,
    kernel: Held,
    target: Reached,
    weights: Floats,
    skipped: Integers,
    states: States,
    chip: Flag,
    mixed: Flag,
) -> int:
    """Algorithm 4 for one event: the number of its synapses, or -1 where the kernel touches no neuron.

    Weights that are skipped are 0, and no synapses.
    """
    kd, kw, kh, sl, weight = kernel
    state, depth, height, width, update = target
    step = 1 << sl
    # The first dx with 0 <= X and X % (1 << SL) == 0, and how many have X < W << SL; dy likewise.
    dx = max(0, -x_min)
    dx += (step - 1) & -(x_min + dx)
    across = (min(kw, (width << sl) - x_min) - dx + step - 1) >> sl
    dy = max(0, -y_min)
    dy += (step - 1) & -(y_min + dy)
    dy_stop = min(kh, (height << sl) - y_min)
    if across <= 0 or dy >= dy_stop or weight < 0:
        return -1
    tap = (dx >> 1) + (dx & 1) * ((kw + 1) >> 1) if sl else dx
    state += (((y_min + dy) >> sl) * width + ((x_min + dx) >> sl)) * depth
    weight += (dy * kw + tap) * kd
    synapses = 0
    while dy < dy_stop:
        lost = 0
        if skipped.size and update == ADD:
            lost = skipped[weight + across * kd] - skipped[weight]
        if lost and value - value != 0:  # 0 times an infinity is not 0
            for i in range(across):
                add_stored(states, state + i * depth, weights, skipped, weight + i * kd, kd, value, chip)
            synapses += across * kd
        elif mixed is not None:
            for i in range(across):
                synapses += update_each(
                    update, states, state + i * depth, 1, weights, weight + i * kd, kd, value, chip
                )
        else:
            if kd == depth:
                add(states, state, weights, weight, across * kd, value, chip)
            elif kd == 1:
                update_each(ADD, states, state, depth, weights, weight, across, value, chip)
            else:
                for i in range(across):
                    add(states, state + i * depth, weights, weight + i * kd, kd, value, chip)
            synapses += across * kd
        synapses -= lost
        dy += step
        state += width * depth
        weight += (kw << sl) * kd
    return synapses


@compiled
def held(kernels: Integers, k: int) -> Held:
    """A row of the kernels."""
    return Held(
        kernels[k, KERNEL_KD],
        kernels[k, KERNEL_KW],
        kernels[k, KERNEL_KH],
        kernels[k, KERNEL_SL],
        kernels[k, KERNEL_WEIGHTS],
    )


@compiled
def reached(axons: Integers, a: int, kernels: Integers, k: int) -> Reached:
    """The neurons of an axon's target, from the first channel of a kernel on."""
    return Reached(
        axons[a, STATES] + kernels[k, KERNEL_FIRST],
        axons[a, TARGET_D],
        axons[a, TARGET_H],
        axons[a, TARGET_W],
        axons[a, UPDATE],
    )


@compiled
def firing(values: Floats, c: int, y: int, fires_on_zero: bool, found: Integers) -> int:
    """The x of a row's firing neurons, written to `found`; gives their number. No branch to guess wrongly."""
    count = 0
    for x in range(values.shape[2]):
        found[np.uintp(count)] = x
        count += (values[c, y, x] != 0) | fires_on_zero
    return count


@kept(codes)
def fire_one(
    values: Floats,
    fires_on_zero: bool,
    axons: Integers,
    rows: Integers,
    kernels: Integers,
    weights: Floats,
    skipped: Integers,
    states: States,
    counters: Integers,
    chip: Flag,
    mixed: Flag,
) -> None:
    """Algorithm 5 for every neuron of a population, values [D, H, W], along its only axon to a population.

    `chip`: states are float16. `mixed`: the update is not ADD. Everything that is the same for many events is
    looked up before them.
    """
    depth, height, width = values.shape
    x_off, y_off, us, row = axons[0, X_OFF], axons[0, Y_OFF], axons[0, US], axons[0, ROW]
    x_end, y_end, kernel_w, kernel_h = axons[0, WIDTH], axons[0, HEIGHT], axons[0, KW], axons[0, KH]
    found = np.empty(width + 1, np.int64)
    events = empty = operations = 0
    for c in range(depth):
        kernel, target = held(kernels, rows[row + c]), reached(axons, 0, kernels, rows[row + c])
        for y in range(height):
            y_min = (y << us) + y_off
            if y_min >= y_end or y_min + kernel_h <= 0:
                continue
            for i in range(firing(values, c, y, fires_on_zero, found)):
                x = found[i]
                x_min = (x << us) + x_off
                if x_min >= x_end or x_min + kernel_w <= 0:
                    continue
                events += 1
                value = values[c, y, x]
                synapses = esu(x_min, y_min, value, kernel, target, weights, skipped, states, chip, mixed)
                if synapses < 0:
                    empty += 1
                else:
                    operations += synapses
    counters[0, EVENTS] += events
    counters[0, EMPTY_EVENTS] += empty
    counters[0, OPERATIONS] += operations


@kept(codes)
def fire_many(
    values: Floats,
    fires_on_zero: bool,
    axons: Integers,
    rows: Integers,
    kernels: Integers,
    weights: Floats,
    skipped: Integers,
    states: States,
    counters: Integers,
    chip: Flag,
    mixed: Flag,
) -> None:
    """`fire_one` along several axons to one population, neuron by neuron. `mixed`: some update is not ADD."""
    depth, height, width = values.shape
    found = np.empty(width + 1, np.int64)
    for c in range(depth):
        for y in range(height):
            for i in range(firing(values, c, y, fires_on_zero, found)):
                x = found[i]
                for a in range(len(axons)):
                    x_min = (x << axons[a, US]) + axons[a, X_OFF]
                    y_min = (y << axons[a, US]) + axons[a, Y_OFF]
                    if x_min >= axons[a, WIDTH] or x_min + axons[a, KW] <= 0:
                        continue
                    if y_min >= axons[a, HEIGHT] or y_min + axons[a, KH] <= 0:
                        continue
                    k = rows[axons[a, ROW] + c]
                    kernel, target = held(kernels, k), reached(axons, a, kernels, k)
                    value = values[c, y, x]
                    synapses = esu(x_min, y_min, value, kernel, target, weights, skipped, states, chip, mixed)
                    counters[a, EVENTS] += 1
                    if synapses < 0:
                        counters[a, EMPTY_EVENTS] += 1
                    else:
                        counters[a, OPERATIONS] += synapses
