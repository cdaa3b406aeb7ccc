"""Which events a target pixel hears, in their order: compiled.

A pixel hears source pixels, its taps, sorted by row, column and axon; its events come channel by channel, and
within a channel tap by tap. Bits say which are none: those of 64 are looked at together.
"""

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from ...ir.compiled import compiled, config
from ..machine.loops.columns import Flag, Floats, Integers

# Columns of an axon between maps. BASE: its first unit of weights.
US, SL, KH, KW, Y_OFF, X_OFF, UPDATE, BASE = range(8)

WORD = 64


if config.DISABLE_JIT:

    def lowest(word: Any) -> Any:
        """The number of the lowest bit that is 1."""
        return (int(word) & -int(word)).bit_length() - 1

else:

    @intrinsic
    def lowest(_context: Any, word: Any) -> Any:
        """The number of the lowest bit that is 1."""

        def code(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.cttz(arguments[0], ir.IntType(1)(1))

        return types.uint64(types.uint64), code


@compiled
def taps_of(
    row: int, column: int, axons: Integers, window: Integers, width: int, depth: int, begin: int,
    place: Integers, unit: Integers, which: Integers, first: int,
) -> int:  # fmt: skip
    """The source pixels of a window that a target pixel hears, in their order, for each along the axons in
    theirs: where the pixel's values begin, in a frame whose own begin at `begin`, the tap's first unit of
    weights, and the axon. Gives their number.
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
                    place[n] = begin + (y * width + x) * depth
                    unit[n] = axons[a, BASE] + dy * axons[a, KW] + dx
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
def list_events(
    values: Floats, zero: bool, place: Integers, unit: Integers, which: Integers,
    number: Integers, most: int, low: int, high: int, passed: int, axons: Integers, alive: Any,
    at: Integers, sent: Floats, along: Integers, listed: Integers, slots: int, pixels: int, mixed: Flag,
) -> None:  # fmt: skip
    """The events of channels `low` .. `high` - 1 that pixels hear, each through as many taps as its `number`
    says: their units of weights, their values, and where `mixed` the updates of their axons. `passed`:
    channels before. `alive` holds a word for each channel. Writes how many there are.

    All in one function: numba counts references to the arrays of a call, which takes longer than a list.
    """
    one = axons.shape[0] == 1
    step: Any = axons[0, KH] * axons[0, KW]
    for p in range(pixels):
        n = np.uintp(p * slots)
        for group in range(0, number[p], WORD):  # more than one only where channels are listed one by one
            first = p * most + group
            many = min(WORD, number[p] - group)
            if many > 1:
                # For each channel a bit for each tap.
                count = np.uintp(high - low)
                for t in range(many):
                    v, mine = np.uintp(place[first + t] + low), np.uint64(1) << np.uint64(t)
                    for i in range(count):
                        others = np.uint64(0) if t == 0 else alive[i]
                        alive[i] = others | (mine if (values[v + i] != 0) | zero else np.uint64(0))
            together, reciprocal = WORD // many, 65536 // many + 1
            for c in range(low, high, together):
                some = min(together, high - c)
                word = np.uint64(0)
                if many > 1:
                    for i in range(some):
                        word |= alive[c - low + i] << np.uint64(i * many)
                else:
                    v = np.uintp(place[first] + c)
                    for i in range(np.uintp(some)):
                        word |= np.uint64((values[v + i] != 0) | zero) << np.uint64(i)
                before: Any = c - low + passed
                while word != 0:
                    bit = np.int64(lowest(word))
                    word &= word - np.uint64(1)
                    channel = (bit * reciprocal) >> 16  # bit // many
                    j: Any = np.uintp(first + bit - channel * many)
                    if not one:
                        step = axons[which[j], KH] * axons[which[j], KW]
                    if mixed is not None:
                        along[n] = axons[which[j], UPDATE]
                    at[n] = unit[j] + (before + channel) * step
                    sent[n] = values[np.uintp(place[j] + c + channel)]
                    n += np.uintp(1)
        listed[p] = np.int64(n) - p * slots
