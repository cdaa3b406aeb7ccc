"""The values of a map, some pixels at a time: their states begin, hear all feeds, and are sent on, while they
are in the cache. Compiled.
"""

from typing import Any

import numpy as np

from ....ir.compiled import merged
from ...machine.loops.columns import Flag, Floats, Integers
from ..layout import (
    ACROSS,
    BEGUN,
    BOTTOM,
    CLIPS,
    COLUMNS,
    DEPTH,
    FEEDS,
    FEEDS_END,
    HEIGHT,
    INITIAL,
    LEFT,
    MARKS,
    PIXELS,
    RIGHT,
    ROWS,
    SINGLE,
    SIZE,
    STARTS,
    TOP,
    VALUES,
    WEIGHTS,
    WHOLE,
    WIDTH,
    WORDS,
    ZERO,
)  # fmt: skip
from ..lists import Marks, mark_pixels, words_of
from .reach import hear, hear_single
from .rounding import States, clip_all
from .tiles import floats_at

AT_ONCE = 128  # pixels that hear the same channels before they hear others: weights stay in the cache

# Of pixels: where they are, which source pixels each hears, and where their states begin.
FRAME, ROW, COLUMN, FIRST, NUMBER, ORIGIN, WORD_AT, WHERE = range(8)
NUMBERS = 8


@merged
def computed(
    values: Floats, marks: Marks, frames: int, low: int, high: int, begin: int, end: int, own: Integers,
    feeds: Integers, lists: Integers, initial: States, scale: Any, least: Any, largest: Any, states: States,
    given: Floats, numbers: Integers, listed: Integers, held: Marks, ready: Marks, at: Any, sent: Floats,
    along: Integers, chip: Flag, bounded: Flag, rounds: Flag,
) -> Any:  # fmt: skip
    """Channels `begin` .. `end` - 1 of pixels `low` .. `high` - 1 of all frames, in a stage. From `states`
    on, all is space.

    Where the activation function is something else than a scale and limits, values are the states, and marks
    are left out. `rounds`: values are float16. Gives the bits of the largest magnitude.
    """
    depth, width, area = end - begin, own[WIDTH], own[HEIGHT] * own[WIDTH]
    frame, row, column = numbers[FRAME], numbers[ROW], numbers[COLUMN]
    first, number, origin = numbers[FIRST], numbers[NUMBER], numbers[ORIGIN]
    words, where = numbers[WORD_AT], numbers[WHERE]
    peak, at_once = np.int32(0), frame.size
    for done in range(low, high, at_once):
        some = min(at_once, high - done)
        for p in range(some):
            pixel = (done + p) % area
            frame[p], row[p], column[p] = (done + p) // area, pixel // width, pixel % width
            s, first_state = np.uintp(p * depth), np.uintp(own[INITIAL] + begin)
            if own[BEGUN]:
                v = np.uintp(own[VALUES] * frames + (done + p) * own[DEPTH] + begin)
                for i in range(np.uintp(depth)):
                    states[s + i] = values[v + i]
            elif own[WHOLE] == 0:
                for i in range(np.uintp(depth)):
                    states[s + i] = initial[first_state + i]
        for f in range(own[FEEDS], own[FEEDS_END]):
            feed = feeds[f]
            heard = 0
            for p in range(some):
                y, x = row[p] - feed[TOP], column[p] - feed[LEFT]
                if y < 0 or x < 0 or row[p] >= feed[BOTTOM] or column[p] >= feed[RIGHT]:
                    continue
                rows, columns = feed[ROWS] + y, feed[COLUMNS] + x
                kind = lists[rows + feed[BOTTOM] - feed[TOP]] * feed[ACROSS]
                kind += lists[columns + feed[RIGHT] - feed[LEFT]]
                start = feed[STARTS] + kind
                first[heard], number[heard] = lists[start], lists[start + 1] - lists[start]
                words[heard] = lists[feed[WORDS] + kind]
                origin[heard] = frame[p] * feed[PIXELS] + lists[rows] + lists[columns]
                where[heard] = p * depth
                heard += 1
            weights = floats_at(feed[WEIGHTS], feed[SIZE])
            if feed[SINGLE]:
                hear_single(
                    values, feed, frames, lists, weights, begin, end, states, where, first, number,
                    origin, heard, given, chip, bounded,
                )  # fmt: skip
            else:
                hear(
                    values, marks, feed, frames, lists, weights, begin, end, states, initial,
                    own[INITIAL] + begin, own[WHOLE] != 0 and f == own[FEEDS], where, first, number, origin,
                    words, heard, held, ready, at, sent, along, listed, chip, bounded,
                )  # fmt: skip
        # Values of pixels stand side by side, as their states do where they have all channels.
        together = some if depth == own[DEPTH] else 1
        for p in range(0, some, together):
            peak = max(
                peak,
                send(
                    values, marks, frames, own, done + p, together, states, p * depth, begin, end, scale,
                    least, largest, rounds,
                ),
            )  # fmt: skip
    return peak


@merged
def send(
    values: Floats, marks: Marks, frames: int, own: Integers, pixel: int, pixels: int, states: States,
    state: int, begin: int, end: int, scale: Any, low: Any, high: Any, rounds: Flag,
) -> Any:  # fmt: skip
    """The states of pixels side by side become values, and marks say which are not 0. Gives the bits of the
    largest magnitude.
    """
    count, place = pixels * (end - begin), own[VALUES] * frames + pixel * own[DEPTH] + begin
    if own[CLIPS] == 0:
        for i in range(np.uintp(count)):
            values[np.uintp(place) + i] = np.float32(states[np.uintp(state) + i])
        return np.int32(0)
    most = clip_all(states, state, values, place, count, scale, low, high, rounds)
    mark_pixels(
        values, place - begin, own[DEPTH], marks,
        own[MARKS] * frames + pixel * words_of(own[DEPTH]), begin, end, pixels, own[ZERO] != 0,
    )  # fmt: skip
    return most
