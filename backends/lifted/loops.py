"""The compiled loops of the walk: target pixel by target pixel, each neuron's updates in the literal order.

An update reads one state and writes it; what is in between is that of the literal machine's `events`, so
results are the same to the last bit. Indices are unsigned where it counts.
"""

from typing import Any

import numpy as np

from ...ir.compiled import compiled, kept
from ..machine.loops import events
from ..machine.loops.columns import Flag, Floats, Integers
from ..machine.loops.events import ADD, half, product, updated
from ..words import codes
from .rounding import States, added

# Columns of an axon between maps. BASE: where its weights begin; TAP and CHANNEL: those of a tap, a channel.
US, SL, KH, KW, Y_OFF, X_OFF, UPDATE, BASE, TAP, CHANNEL = range(10)
COLUMNS = 10

PIXELS = 256  # that hear of the same events before the next ones are looked at: weights stay in the cache
TABLE = 1 << 14  # taps of all these pixels
NEURONS = 256  # of a pixel, likewise
FEW = 32  # neurons of a pixel that do not keep the processor busy


@compiled
def taps_of(
    row: int, column: int, axons: Integers, window: Integers, width: int, depth: int,
    place: Integers, weight: Integers, which: Integers, first: int,
) -> int:  # fmt: skip
    """The source pixels of a window that a target pixel hears, in their order, for each along the axons in
    theirs: where the pixel's values begin, where the tap's weights do, and the axon. Gives their number.
    """
    top, bottom, left, right = window[1], window[0], window[3], window[2]
    for a in range(axons.shape[0]):
        us, sl = axons[a, US], axons[a, SL]
        step = 1 << us
        y, x = (row << sl) - axons[a, Y_OFF], (column << sl) - axons[a, X_OFF]
        top = min(top, max(window[0], (y - axons[a, KH] + step) >> us))
        bottom = max(bottom, min(window[1], (y >> us) + 1))
        left = min(left, max(window[2], (x - axons[a, KW] + step) >> us))
        right = max(right, min(window[3], (x >> us) + 1))
    n = first
    for y in range(top, bottom):
        for x in range(left, right):
            for a in range(axons.shape[0]):
                us, sl = axons[a, US], axons[a, SL]
                dy = (row << sl) - axons[a, Y_OFF] - (y << us)
                dx = (column << sl) - axons[a, X_OFF] - (x << us)
                if 0 <= dy < axons[a, KH] and 0 <= dx < axons[a, KW]:
                    place[n] = (y * width + x) * depth
                    weight[n] = axons[a, BASE] + (dy * axons[a, KW] + dx) * axons[a, TAP]
                    which[n] = a
                    n += 1
    return n - first


@compiled
def taps_most(axons: Integers) -> int:
    """The most taps of a pixel."""
    most = 0
    for a in range(axons.shape[0]):
        most += axons[a, KH] * axons[a, KW]
    return most


@compiled
def add_all(
    states: States, state: int, weights: Floats, at: Any, values: Floats, first: int, last: int,
    neuron: int, count: int, chip: Flag, bounded: Flag,
) -> None:  # fmt: skip
    """Events `first` .. `last` - 1 reach `count` neurons, one after the other. Eight at a time read and write
    a state once; where it is rounded, two do, for more are a chain that the processor waits for.
    """
    s, k = np.uintp(state), np.uintp(neuron)
    j, end = np.uintp(first), np.uintp(last)
    while chip is None and j + np.uintp(8) <= end:
        a, b = np.uintp(at[j]) + k, np.uintp(at[j + np.uintp(1)]) + k
        c, d = np.uintp(at[j + np.uintp(2)]) + k, np.uintp(at[j + np.uintp(3)]) + k
        e, f = np.uintp(at[j + np.uintp(4)]) + k, np.uintp(at[j + np.uintp(5)]) + k
        g, h = np.uintp(at[j + np.uintp(6)]) + k, np.uintp(at[j + np.uintp(7)]) + k
        v_a, v_b, v_c, v_d = (
            values[j], values[j + np.uintp(1)], values[j + np.uintp(2)], values[j + np.uintp(3)],
        )  # fmt: skip
        v_e, v_f = values[j + np.uintp(4)], values[j + np.uintp(5)]
        v_g, v_h = values[j + np.uintp(6)], values[j + np.uintp(7)]
        for i in range(np.uintp(count)):
            new: Any = added(states[s + i], weights[a + i], v_a, chip, bounded)
            new = added(new, weights[b + i], v_b, chip, bounded)
            new = added(new, weights[c + i], v_c, chip, bounded)
            new = added(new, weights[d + i], v_d, chip, bounded)
            new = added(new, weights[e + i], v_e, chip, bounded)
            new = added(new, weights[f + i], v_f, chip, bounded)
            new = added(new, weights[g + i], v_g, chip, bounded)
            states[s + i] = added(new, weights[h + i], v_h, chip, bounded)
        j += np.uintp(8)
    while j + np.uintp(2) <= end:
        a, b = np.uintp(at[j]) + k, np.uintp(at[j + np.uintp(1)]) + k
        v_a, v_b = values[j], values[j + np.uintp(1)]
        for i in range(np.uintp(count)):
            new = added(states[s + i], weights[a + i], v_a, chip, bounded)
            states[s + i] = added(new, weights[b + i], v_b, chip, bounded)
        j += np.uintp(2)
    while j < end:
        a, v_a = np.uintp(at[j]) + k, values[j]
        for i in range(np.uintp(count)):
            states[s + i] = added(states[s + i], weights[a + i], v_a, chip, bounded)
        j += np.uintp(1)


@compiled
def update_all(
    update: int, states: States, state: int, weights: Floats, weight: int, count: int, value: Any, chip: Flag
) -> None:
    """One event reaches `count` neurons, which do what `update` says."""
    s, w = np.uintp(state), np.uintp(weight)
    for i in range(np.uintp(count)):
        old, by = states[s + i], weights[w + i]
        new: Any = product(by, value, chip)
        new = old + new if update == ADD else updated(update, old, new)
        if update == ADD or by != 0:
            states[s + i] = new if chip is None else half(new)


@kept(codes, events)
def hear(
    states: States, target_w: int, target_d: int, values: Floats, source_w: int, source_d: int, zero: bool,
    window: Integers, channels: Integers, targets: Integers, box: Integers, axons: Integers, weights: Floats,
    events_most: int, chip: Flag, bounded: Flag, mixed: Flag,
) -> None:  # fmt: skip
    """Neurons `targets` of the pixels of a box hear source channels of a window, each of them all.

    States are flat [H, W, D], values likewise. `mixed`: some update is not ADD. `events_most`: how many
    events are listed before they are dealt with, at least those of a channel.
    """
    one = axons.shape[0] == 1 and mixed is None
    most = taps_most(axons)
    across = box[3] - box[2]
    pixels = (box[1] - box[0]) * across
    at_once = max(1, min(pixels, min(PIXELS, TABLE // most)))
    channels_at_once = max(1, min(channels[1] - channels[0], events_most // most))
    slots = channels_at_once * most
    place, weight, which = (
        np.empty(at_once * most, np.int64),
        np.empty(at_once * most, np.int64),
        np.empty(at_once * most, np.int64),
    )
    number, listed = np.empty(at_once, np.int64), np.empty(at_once, np.int64)
    at, sent = np.empty(at_once * slots + 1, np.int64), np.empty(at_once * slots + 1, np.float32)
    along = np.empty(1 if mixed is None else at_once * slots + 1, np.int64)
    for begin in range(0, pixels, at_once):
        some = min(at_once, pixels - begin)
        for p in range(some):
            row, column = box[0] + (begin + p) // across, box[2] + (begin + p) % across
            number[p] = taps_of(
                row, column, axons, window, source_w, source_d, place, weight, which, p * most
            )
        low = channels[0]
        while low < channels[1]:
            high = min(low + channels_at_once, channels[1])
            for p in range(some):
                n = np.uintp(p * slots)
                first, last = np.uintp(p * most), np.uintp(p * most + number[p])
                if one and number[p] == 1:
                    w, v = (
                        weight[first] + (low - channels[0]) * axons[0, CHANNEL],
                        np.uintp(place[first] + low),
                    )
                    for c in range(np.uintp(high - low)):
                        value = values[v + c]
                        at[n], sent[n] = w, value
                        n += np.uintp((value != 0) | zero)
                        w += axons[0, CHANNEL]
                elif one:
                    shift = (low - channels[0]) * axons[0, CHANNEL]
                    for c in range(low, high):
                        j = first
                        while j < last:
                            value = values[np.uintp(place[j] + c)]
                            at[n], sent[n] = weight[j] + shift, value
                            n += np.uintp((value != 0) | zero)
                            j += np.uintp(1)
                        shift += axons[0, CHANNEL]
                else:
                    for c in range(low, high):
                        j = first
                        while j < last:
                            value, a = values[np.uintp(place[j] + c)], which[j]
                            at[n], sent[n] = weight[j] + (c - channels[0]) * axons[a, CHANNEL], value
                            if mixed is not None:
                                along[n] = axons[a, UPDATE]
                            n += np.uintp((value != 0) | zero)
                            j += np.uintp(1)
                listed[p] = np.int64(n) - p * slots
            k = targets[0]
            while k < targets[1]:
                count = min(NEURONS, targets[1] - k)
                first_neuron = k - targets[0]
                if mixed is None:
                    # Where states are rounded, a neuron's events wait long for each other: if few neurons do
                    # so together, those of other pixels come between them.
                    turn = 2 if chip is not None and count <= FEW else slots
                    longest = listed[:some].max()
                    for event in range(0, longest, turn):
                        for p in range(some):
                            if event < listed[p]:
                                row, column = box[0] + (begin + p) // across, box[2] + (begin + p) % across
                                add_all(
                                    states, (row * target_w + column) * target_d + k, weights, at, sent,
                                    p * slots + event, p * slots + min(listed[p], event + turn),
                                    first_neuron, count, chip, bounded,
                                )  # fmt: skip
                else:
                    for p in range(some):
                        row, column = box[0] + (begin + p) // across, box[2] + (begin + p) % across
                        for event in range(p * slots, p * slots + listed[p]):
                            update_all(
                                along[event], states, (row * target_w + column) * target_d + k, weights,
                                at[event] + first_neuron, count, sent[event], chip,
                            )  # fmt: skip
                k += count
            low = high


@kept(codes, events)
def hear_single(
    states: States, target_w: int, target_d: int, values: Floats, source_w: int, source_d: int, zero: bool,
    window: Integers, sources: Integers, targets: Integers, box: Integers, axons: Integers, weights: Floats,
    chip: Flag, bounded: Flag, mixed: Flag, apart: Flag,
) -> None:  # fmt: skip
    """Neurons `targets` of the pixels of a box hear one source channel each, `sources`. `apart`: these are
    not side by side.
    """
    most = taps_most(axons)
    place, weight, which = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    count = np.uintp(targets[1] - targets[0])
    for row in range(box[0], box[1]):
        for column in range(box[2], box[3]):
            found = taps_of(row, column, axons, window, source_w, source_d, place, weight, which, 0)
            s = np.uintp((row * target_w + column) * target_d + targets[0])
            j = 0
            if mixed is None and apart is None:
                while j + 4 <= found:
                    add_taps(
                        states,
                        s,
                        values,
                        np.uintp(sources[0]),
                        place,
                        weights,
                        weight,
                        j,
                        count,
                        chip,
                        bounded,
                    )
                    j += 4
            while j < found:
                w, v = np.uintp(weight[j]), np.uintp(place[j])
                update = ADD if mixed is None else axons[which[j], UPDATE]
                if apart is None:
                    v += np.uintp(sources[0])
                for i in range(count):
                    old, by = states[s + i], weights[w + i]
                    given = values[v + i] if apart is None else values[v + np.uintp(sources[i])]
                    if mixed is None:
                        states[s + i] = added(old, by, given, chip, bounded)
                    else:
                        new: Any = product(by, given, chip)
                        new = old + new if update == ADD else updated(update, old, new)
                        met = (given != 0 or zero) and (by != 0 or update == ADD)
                        states[s + i] = (new if chip is None else half(new)) if met else old
                j += 1


@compiled
def add_taps(
    states: States, s: Any, values: Floats, source: Any, place: Integers, weights: Floats, weight: Integers,
    first: int, count: Any, chip: Flag, bounded: Flag,
) -> None:  # fmt: skip
    """Four taps of a pixel reach neurons that hear one channel each."""
    a, b = np.uintp(weight[first]), np.uintp(weight[first + 1])
    c, d = np.uintp(weight[first + 2]), np.uintp(weight[first + 3])
    e, f = np.uintp(place[first]) + source, np.uintp(place[first + 1]) + source
    g, h = np.uintp(place[first + 2]) + source, np.uintp(place[first + 3]) + source
    for i in range(count):
        new: Any = added(states[s + i], weights[a + i], values[e + i], chip, bounded)
        new = added(new, weights[b + i], values[f + i], chip, bounded)
        new = added(new, weights[c + i], values[g + i], chip, bounded)
        states[s + i] = added(new, weights[d + i], values[h + i], chip, bounded)
