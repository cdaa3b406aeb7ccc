"""The compiled loops of the walk: target pixel by target pixel, each neuron's updates in the literal order.

An update reads one state and writes it; what is in between is that of the literal machine's `events`, so
results are the same to the last bit. Indices are unsigned where it counts.
"""

from typing import Any

import numpy as np

from ....ir.compiled import compiled, merged
from ...machine.loops.columns import Flag, Floats, Integers
from ...machine.loops.events import ADD, MAXIMUM, MULTIPLY, half, product, updated
from .. import layout
from ..layout import (
    APART,
    AXON_COUNT,
    AXONS,
    BITS,
    DEPTH,
    HIGH,
    LINE,
    LOW,
    MARKS,
    MIXED,
    MOST,
    SOURCES,
    TAPS,
    TILE,
    TILE_COUNT,
    TILES,
    TOTAL,
    VALUES,
    ZERO,
)  # fmt: skip
from ..lists import Marks, list_events
from .rounding import States, added
from .tiles import fetch, tile

PARTS = 1 << 20  # of weights that are fetched

channels_at_once = compiled(layout.channels_at_once)
one_pixel, two_pixels, four_pixels, eight_pixels = (tile(1 << n) for n in range(4))


@merged
def add_to(
    states: States, where: Integers, some: int, neuron: int, count: int, initial: States, begin: int,
    begins: bool, weights: Floats, base: int, lanes: int, at: Any, sent: Floats, listed: Integers,
    slots: int, own: Integers, lists: Integers, ahead: int, low: int, high: int, chip: Flag, bounded: Flag,
) -> None:  # fmt: skip
    """`count` neurons of `some` pixels hear their events, of as many pixels at once as there is space for.
    They begin before, as `initial` from `begin` on, where it `begins`. Meanwhile the weights of channels
    `low` .. `high` - 1 for the tile at `ahead` come into the cache.
    """
    pixels, share = TILE // lanes, PARTS // max(some, 1) + 1
    for first in range(0, some, pixels):
        last, most = min(first + pixels, some), 0
        if low < high:
            fetch_units(weights, own, lists, ahead, low, high, first * share, last * share)
        for p in range(first, last):
            most = max(most, listed[p])
        if most == 0 and not begins:
            continue
        # All pixels take as many events: behind the last one come events of nothing.
        for p in range(first, first + pixels if pixels > 1 else first):
            for event in range(p * slots + listed[p], p * slots + most):
                at[event], sent[event] = 0, 0
        if pixels == 1:
            one_pixel(
                states, where, neuron, count, initial, begin, begins, weights, base, at, sent, first, last,
                slots, most, chip, bounded,
            )  # fmt: skip
        elif pixels == 2:
            two_pixels(
                states, where, neuron, count, initial, begin, begins, weights, base, at, sent, first, last,
                slots, most, chip, bounded,
            )  # fmt: skip
        elif pixels == 4:
            four_pixels(
                states, where, neuron, count, initial, begin, begins, weights, base, at, sent, first, last,
                slots, most, chip, bounded,
            )  # fmt: skip
        else:
            eight_pixels(
                states, where, neuron, count, initial, begin, begins, weights, base, at, sent, first, last,
                slots, most, chip, bounded,
            )  # fmt: skip


@merged
def fetch_units(
    weights: Floats, own: Integers, lists: Integers, tile: int, low: int, high: int, first: int, last: int
) -> None:  # fmt: skip
    """Weights of some channels, parts `first` .. `last` - 1 of `PARTS`, come into the cache: events ask for
    them here and there, and would wait.
    """
    lanes = lists[tile + 2]
    for a in range(own[AXONS], own[AXONS] + 2 * own[AXON_COUNT], 2):
        begin = lists[tile + 3] + (lists[a] + low * lists[a + 1]) * lanes
        lines = (high - low) * lists[a + 1] * lanes // LINE
        for line in range(lines * first // PARTS, lines * last // PARTS):
            fetch(weights, begin + line * LINE)


@merged
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


@merged
def hear(
    values: Floats, marks: Marks, own: Integers, frames: int, lists: Integers, weights: Floats, begin: int,
    end: int, states: States, initial: States, origins: int, begins: bool, where: Integers, first: Integers,
    number: Integers, origin: Integers, words: Integers, some: int, held: Marks, ready: Marks, at: Any,
    sent: Floats, along: Integers, listed: Integers, chip: Flag, bounded: Flag,
) -> None:  # fmt: skip
    """Neurons `begin` .. `end` - 1 of some pixels, tile by tile, hear source channels, each of them all.
    They begin before, as `initial` from `origins` on, where it `begins`.
    """
    at_once = channels_at_once(own[HIGH] - own[LOW], own[MOST])
    slots = at_once * own[MOST] + 1
    listed[some:] = 0
    for low in range(own[LOW], own[HIGH], at_once):
        high, passed = min(low + at_once, own[HIGH]), low - own[LOW]
        count = list_events(
            values, own[VALUES] * frames, own[DEPTH], marks, own[MARKS] * frames, lists,
            own[TAPS] + own[TOTAL], own[BITS], first, number, origin, words, low, high, passed, held, ready,
            at, sent, along, listed, slots, some, own[MIXED] != 0,
        )  # fmt: skip
        units, tiles, end_of_tiles = high - low, own[TILES], own[TILES] + 4 * own[TILE_COUNT]
        fetches = count > units * own[MOST] and not own[MIXED]
        if fetches and low == own[LOW]:
            fetch_units(weights, own, lists, tiles, 0, units, 0, PARTS)
        for t in range(tiles, end_of_tiles, 4):
            neuron, last = max(begin, lists[t]), min(end, lists[t] + lists[t + 1])
            lanes, base = lists[t + 2], lists[t + 3] + neuron - lists[t]
            count, neuron = last - neuron, neuron - begin
            if count <= 0:
                continue
            if own[MIXED]:
                for p in range(some):
                    for event in range(p * slots, p * slots + listed[p]):
                        update_all(
                            along[event], states, where[p] + neuron, weights, at[event] * lanes + base,
                            count, sent[event], chip,
                        )  # fmt: skip
                continue
            # The next weights: those of the same channels for the next tile, or of the next channels.
            ahead, low_ahead, high_ahead = t + 4, passed, passed + units
            if ahead == end_of_tiles:
                ahead, low_ahead = tiles, passed + units
                high_ahead = min(low_ahead + units, own[HIGH] - own[LOW])
            add_to(
                states, where, some, neuron, count, initial, origins + neuron, begins and low == own[LOW],
                weights, base, lanes, at, sent, listed, slots, own, lists, ahead, low_ahead,
                high_ahead if fetches else low_ahead, chip, bounded,
            )  # fmt: skip


@merged
def hear_single(
    values: Floats, own: Integers, frames: int, lists: Integers, weights: Floats, begin: int, end: int,
    states: States, where: Integers, first: Integers, number: Integers, origin: Integers, some: int,
    given: Floats, chip: Flag, bounded: Flag,
) -> None:  # fmt: skip
    """Neurons `begin` .. `end` - 1 of some pixels hear one source channel each."""
    neuron, last = max(begin, lists[own[TILES]]), min(end, lists[own[TILES]] + lists[own[TILES] + 1])
    passed = neuron - lists[own[TILES]]
    if last <= neuron:
        return
    count, source = np.uintp(last - neuron), np.uintp(own[SOURCES] + passed)
    mixed, apart, zero = own[MIXED] != 0, own[APART] != 0, own[ZERO] != 0
    begins, lanes, depth = own[VALUES] * frames, lists[own[TILES] + 1], own[DEPTH]
    if not apart:
        begins += lists[source]
    for p in range(some):
        s = np.uintp(where[p] + neuron - begin)
        j, found = np.uintp(own[TAPS] + first[p]), np.uintp(own[TAPS] + first[p] + number[p])
        units, updates = np.uintp(2 * own[TOTAL]), np.uintp(3 * own[TOTAL])
        if not mixed and not apart:
            while j + np.uintp(4) <= found:
                add_taps(
                    states, s, values, begins + origin[p] * depth, weights, passed, lanes, lists, j,
                    j + units, count, chip, bounded,
                )  # fmt: skip
                j += np.uintp(4)
        while j < found:
            w, update = lists[j + units] * lanes + passed, lists[j + updates]
            heard, v = values, begins + origin[p] * depth + lists[j]
            if apart:
                for i in range(count):
                    given[i] = values[np.uintp(v + lists[source + i])]
                heard, v = given, 0
            if not mixed:
                reach_each(None, zero, states, s, heard, v, weights, w, count, chip, bounded)
            elif update == MULTIPLY:
                reach_each(MULTIPLY, zero, states, s, heard, v, weights, w, count, chip, bounded)
            elif update == MAXIMUM:
                reach_each(MAXIMUM, zero, states, s, heard, v, weights, w, count, chip, bounded)
            else:
                reach_each(update, zero, states, s, heard, v, weights, w, count, chip, bounded)
            j += np.uintp(1)


@compiled
def reach_each(
    update: int | None, zero: bool, states: States, state: Any, values: Floats, value: int, weights: Floats,
    weight: int, count: Any, chip: Flag, bounded: Flag,
) -> None:  # fmt: skip
    """Neurons hear one source channel each, and do what `update` says: where it is None, they add, events of
    nothing, too.
    """
    v, w = np.uintp(value), np.uintp(weight)
    for i in range(count):
        old, by, given = states[state + i], weights[w + i], values[v + i]
        if update is None:
            states[state + i] = added(old, by, given, chip, bounded)
        else:
            new: Any = product(by, given, chip)
            new = old + new if update == ADD else updated(update, old, new)
            met = ((given != 0) | zero) & ((by != 0) | (update == ADD))
            states[state + i] = (new if chip is None else half(new)) if met else old


@merged
def add_taps(
    states: States, s: Any, values: Floats, origin: int, weights: Floats, passed: int, lanes: int,
    lists: Integers, tap: Any, unit: Any, count: Any, chip: Flag, bounded: Flag,
) -> None:  # fmt: skip
    """Four taps of a pixel reach neurons that hear one channel each."""
    one, two, three = np.uintp(1), np.uintp(2), np.uintp(3)
    a, b = np.uintp(lists[unit] * lanes + passed), np.uintp(lists[unit + one] * lanes + passed)
    c, d = np.uintp(lists[unit + two] * lanes + passed), np.uintp(lists[unit + three] * lanes + passed)
    e, f = np.uintp(origin + lists[tap]), np.uintp(origin + lists[tap + one])
    g, h = np.uintp(origin + lists[tap + two]), np.uintp(origin + lists[tap + three])
    for i in range(count):
        new: Any = added(states[s + i], weights[a + i], values[e + i], chip, bounded)
        new = added(new, weights[b + i], values[f + i], chip, bounded)
        new = added(new, weights[c + i], values[g + i], chip, bounded)
        states[s + i] = added(new, weights[d + i], values[h + i], chip, bounded)
