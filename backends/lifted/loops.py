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
from .layout import LINE, TILE
from .lists import BASE, KH, KW, UPDATE, WORD, list_events, taps_most, taps_of
from .rounding import States, added
from .tiles import Reach, fetch, tile

# Columns of a tile: its first neuron, how many, of how many lanes, where its weights begin.
NEURON, COUNT, LANES, WEIGHTS = range(4)

PIXELS = 128  # that hear of the same channels before the next ones are looked at: weights stay in the cache
LISTED = 512  # events of a pixel that are listed together at most, or those of a channel
FEW = 16  # pixels that do not hear of most weights
TABLE = 1 << 14  # taps of all these pixels

one_pixel, two_pixels, four_pixels, eight_pixels = (tile(1 << n) for n in range(4))


@compiled
def add_to(
    states: States, where: Integers, some: int, neuron: int, count: int, weights: Floats, base: int,
    at: Integers, sent: Floats, listed: Integers, slots: int, chip: Flag, bounded: Flag, pixels: int,
    reach: Reach,
) -> None:  # fmt: skip
    """`count` neurons of `some` pixels hear their events, so many pixels at once by a tile's `reach`."""
    for first in range(0, some, pixels):
        last = min(first + pixels, some)
        most = 0
        for p in range(first, last):
            most = max(most, listed[p])
        if most > 0:
            # All pixels take as many events: behind the last one come events of nothing.
            for p in range(first, first + pixels if pixels > 1 else first):
                for event in range(p * slots + listed[p], p * slots + most):
                    at[event], sent[event] = 0, 0
            reach(
                states, where, neuron, count, weights, base, at, sent, first, last, slots, most, chip, bounded
            )  # fmt: skip


@compiled
def fetch_units(weights: Floats, base: int, lanes: int, axons: Integers, low: int, high: int) -> None:
    """Weights of some channels come into the cache: events ask for them here and there, and would wait."""
    for a in range(axons.shape[0]):
        step = axons[a, KH] * axons[a, KW]
        first = base + (axons[a, BASE] + low * step) * lanes
        for place in range(first, first + (high - low) * step * lanes, LINE):
            fetch(weights, place)


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
    states: States, target_h: int, target_w: int, target_d: int, values: Floats, source_h: int, source_w: int,
    source_d: int, zero: bool, window: Integers, channels: Integers, tiles: Integers, frames: Integers,
    box: Integers, axons: Integers, weights: Floats, chip: Flag, bounded: Flag, mixed: Flag,
) -> None:  # fmt: skip
    """Neurons of the pixels of a box in some frames, tile by tile, hear source channels of a window, each of
    them all.

    States are flat [frames, H, W, D], values likewise. `mixed`: some update is not ADD.
    """
    most = taps_most(axons)
    across = box[3] - box[2]
    area = (box[1] - box[0]) * across
    pixels = (frames[1] - frames[0]) * area
    at_once = max(1, min(pixels, min(PIXELS, TABLE // most)))
    channels_at_once = 1 if most > WORD else max(1, min(channels[1] - channels[0], LISTED // most))
    slots = channels_at_once * most + 1
    place, unit, which = (
        np.empty(at_once * most, np.int64),
        np.empty(at_once * most, np.int64),
        np.empty(at_once * most, np.int64),
    )
    alive = np.empty(channels_at_once, np.uint64)
    number, where = np.empty(at_once, np.int64), np.empty(at_once, np.int64)
    listed = np.zeros(at_once + TILE, np.int64)
    at = np.empty((at_once + TILE) * slots, np.int64)
    sent = np.empty((at_once + TILE) * slots, np.float32)
    along = np.empty(1 if mixed is None else at_once * slots, np.int64)
    for begin in range(0, pixels, at_once):
        some = min(at_once, pixels - begin)
        listed[some:] = 0
        for p in range(some):
            frame, pixel = frames[0] + (begin + p) // area, (begin + p) % area
            row, column = box[0] + pixel // across, box[2] + pixel % across
            where[p] = ((frame * target_h + row) * target_w + column) * target_d
            number[p] = taps_of(
                row, column, axons, window, source_w, source_d, frame * source_h * source_w * source_d,
                place, unit, which, p * most,
            )  # fmt: skip
        for low in range(channels[0], channels[1], channels_at_once):
            high = min(low + channels_at_once, channels[1])
            list_events(
                values, zero, place, unit, which, number, most, low, high, low - channels[0], axons,
                alive, at, sent, along, listed, slots, some, mixed,
            )  # fmt: skip
            for t in range(tiles.shape[0]):
                neuron, count, lanes, base = (
                    tiles[t, NEURON], tiles[t, COUNT], tiles[t, LANES], tiles[t, WEIGHTS],
                )  # fmt: skip
                if mixed is None:
                    if some >= FEW:
                        fetch_units(weights, base, lanes, axons, low - channels[0], high - channels[0])
                    if lanes == TILE:
                        add_to(
                            states, where, some, neuron, count, weights, base, at, sent, listed, slots,
                            chip, bounded, 1, one_pixel,
                        )  # fmt: skip
                    elif lanes == TILE // 2:
                        add_to(
                            states, where, some, neuron, count, weights, base, at, sent, listed, slots,
                            chip, bounded, 2, two_pixels,
                        )  # fmt: skip
                    elif lanes == TILE // 4:
                        add_to(
                            states, where, some, neuron, count, weights, base, at, sent, listed, slots,
                            chip, bounded, 4, four_pixels,
                        )  # fmt: skip
                    else:
                        add_to(
                            states, where, some, neuron, count, weights, base, at, sent, listed, slots,
                            chip, bounded, 8, eight_pixels,
                        )  # fmt: skip
                else:
                    for p in range(some):
                        for event in range(p * slots, p * slots + listed[p]):
                            update_all(
                                along[event], states, where[p] + neuron, weights, at[event] * lanes + base,
                                count, sent[event], chip,
                            )  # fmt: skip


@kept(codes, events)
def hear_single(
    states: States, target_h: int, target_w: int, target_d: int, values: Floats, source_h: int, source_w: int,
    source_d: int, zero: bool, window: Integers, sources: Integers, tile: Integers, frames: Integers,
    box: Integers, axons: Integers, weights: Floats, chip: Flag, bounded: Flag, mixed: Flag, apart: Flag,
) -> None:  # fmt: skip
    """Neurons of the pixels of a box in some frames, those of a tile, hear one source channel each,
    `sources`. `apart`: these are not side by side.
    """
    most = taps_most(axons)
    place, weight, which = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    count = np.uintp(tile[COUNT])
    height = box[1] - box[0]
    for line in range(frames[0] * height, frames[1] * height):
        frame, row = line // height, box[0] + line % height
        first = frame * source_h * source_w * source_d
        for column in range(box[2], box[3]):
            found = taps_of(
                row, column, axons, window, source_w, source_d, first, place, weight, which, 0
            )  # fmt: skip
            for j in range(found):
                weight[j] = weight[j] * tile[LANES] + tile[WEIGHTS]
            s = np.uintp(((frame * target_h + row) * target_w + column) * target_d + tile[NEURON])
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
