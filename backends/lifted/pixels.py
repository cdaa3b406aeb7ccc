"""The values of a map, some pixels at a time: their states begin, hear all feeds, and are sent on, while they
are in the cache. Compiled.
"""

from typing import Any

import numpy as np

from ...ir.compiled import kept, merged
from ..machine.loops import events
from ..machine.loops.columns import Flag, Floats, Integers
from ..words import codes
from .layout import (
    ACROSS,
    BOTTOM,
    COLUMNS,
    LEFT,
    MIXED,
    PIXELS,
    RIGHT,
    ROWS,
    SINGLE,
    SIZE,
    STARTS,
    TILE,
    TOP,
    WEIGHTS,
    WORD,
    WORDS,
)  # fmt: skip
from .lists import Marks, mark_pixels, words_of
from .loops import hear, hear_single, slots_of
from .rounding import States, clip_all
from .tiles import floats_at

AT_ONCE = 128  # pixels that hear the same channels before they hear others: weights stay in the cache

# A map: where its values and marks begin in a frame of the memory of all maps, its size, whether all its
# neurons fire, and whether its activation function is a scale and limits.
VALUES, MARKS, HEIGHT, WIDTH, DEPTH, ZERO, CLIPS = range(7)

# A part of it: frames, rows, columns and channels, each from one on up to one that is no more of it.
FRAME, LAST_FRAME, TOP_ROW, LAST_ROW, LEFT_COLUMN, LAST_COLUMN, CHANNEL, LAST_CHANNEL = range(8)


@kept(codes, events)
def computed(
    values: Floats, marks: Marks, frames: int, part: Integers, map_: Integers, feeds: Integers,
    lists: Integers, initial: States, scale: Any, low: Any, high: Any, chip: Flag, bounded: Flag,
    rounds: Flag,
) -> int:  # fmt: skip
    """A part of a map. `values` and `marks` are those of all maps, map by map flat [frames, H, W, D].

    Where the activation function is something else than a scale and limits, values are the states, and marks
    are left out. `rounds`: values are float16. Gives the bits of the largest magnitude.
    """
    begin, end = part[CHANNEL], part[LAST_CHANNEL]
    depth, across = end - begin, part[LAST_COLUMN] - part[LEFT_COLUMN]
    area = (part[LAST_ROW] - part[TOP_ROW]) * across
    pixels = (part[LAST_FRAME] - part[FRAME]) * area
    at_once = min(pixels, AT_ONCE)
    slots, slots_mixed = 1, 0
    for f in range(feeds.shape[0]):
        if feeds[f, SINGLE] == 0:
            slots = max(slots, slots_of(feeds[f]))
            slots_mixed = slots if feeds[f, MIXED] else slots_mixed
    states = np.empty(at_once * depth, initial.dtype)
    frame, row, column = np.empty(at_once, np.int64), np.empty(at_once, np.int64), np.empty(at_once, np.int64)
    first, number = np.empty(at_once, np.int64), np.empty(at_once, np.int64)
    origin, words, where = (
        np.empty(at_once, np.int64),
        np.empty(at_once, np.int64),
        np.empty(at_once, np.int64),
    )
    listed = np.zeros(at_once + TILE, np.int64)
    held, ready, given = np.empty(WORD, np.uint64), np.empty(WORD, np.uint64), np.empty(depth, np.float32)
    at = np.empty((at_once + TILE) * slots, np.int32)
    sent = np.empty((at_once + TILE) * slots, np.float32)
    along = np.empty(at_once * slots_mixed, np.int64)
    peak = np.int32(0)
    for done in range(0, pixels, at_once):
        some = min(at_once, pixels - done)
        for p in range(some):
            pixel = (done + p) % area
            frame[p] = part[FRAME] + (done + p) // area
            row[p], column[p] = part[TOP_ROW] + pixel // across, part[LEFT_COLUMN] + pixel % across
            s = np.uintp(p * depth)
            for i in range(np.uintp(depth)):
                states[s + i] = initial[np.uintp(begin) + i]
        for f in range(feeds.shape[0]):
            own = feeds[f]
            heard = 0
            for p in range(some):
                y, x = row[p] - own[TOP], column[p] - own[LEFT]
                if y < 0 or x < 0 or row[p] >= own[BOTTOM] or column[p] >= own[RIGHT]:
                    continue
                rows, columns = own[ROWS] + y, own[COLUMNS] + x
                kind = lists[rows + own[BOTTOM] - own[TOP]] * own[ACROSS]
                kind += lists[columns + own[RIGHT] - own[LEFT]]
                start = own[STARTS] + kind
                first[heard], number[heard] = lists[start], lists[start + 1] - lists[start]
                words[heard] = lists[own[WORDS] + kind]
                origin[heard] = frame[p] * own[PIXELS] + lists[rows] + lists[columns]
                where[heard] = p * depth
                heard += 1
            weights = floats_at(own[WEIGHTS], own[SIZE])
            if own[SINGLE]:
                hear_single(
                    values, own, frames, lists, weights, begin, end, states, where, first, number,
                    origin, heard, given, chip, bounded,
                )  # fmt: skip
            else:
                hear(
                    values, marks, own, frames, lists, weights, begin, end, states, where,
                    first, number, origin, words, heard, held, ready, at, sent, along, listed, chip, bounded,
                )  # fmt: skip
        p = 0
        while p < some:
            # Pixels side by side, whose values are, too, where the part has all channels.
            row_end = area if across == map_[WIDTH] else across
            last = min(some, p + row_end - (done + p) % row_end) if depth == map_[DEPTH] else p + 1
            pixel = (frame[p] * map_[HEIGHT] + row[p]) * map_[WIDTH] + column[p]
            peak = max(
                peak,
                send(
                    values, marks, frames, map_, pixel, last - p, states, p * depth, begin, end, scale, low,
                    high, rounds,
                ),
            )  # fmt: skip
            p = last
    return int(peak)


@merged
def send(
    values: Floats, marks: Marks, frames: int, map_: Integers, pixel: int, pixels: int, states: States,
    state: int, begin: int, end: int, scale: Any, low: Any, high: Any, rounds: Flag,
) -> Any:  # fmt: skip
    """The states of pixels side by side become values, and marks say which are not 0. Gives the bits of the
    largest magnitude.
    """
    count, place = pixels * (end - begin), map_[VALUES] * frames + pixel * map_[DEPTH] + begin
    if map_[CLIPS] == 0:
        for i in range(np.uintp(count)):
            values[np.uintp(place) + i] = np.float32(states[np.uintp(state) + i])
        return np.int32(0)
    most = clip_all(states, state, values, place, count, scale, low, high, rounds)
    mark_pixels(
        values, place - begin, map_[DEPTH], marks,
        map_[MARKS] * frames + pixel * words_of(map_[DEPTH]), begin, end, pixels, map_[ZERO] != 0,
    )  # fmt: skip
    return most
