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
        f, y, x = done // area, done % area // width, done % area % width
        for p in range(some):
            frame[p], row[p], column[p] = f, y, x
            x += 1
            if x == width:
                x, y = 0, y + 1
            if y == own[HEIGHT]:
                y, f = 0, f + 1
            s, first_state = np.uintp(p * depth), np.uintp(own[INITIAL] + begin)
            if own[BEGUN]:
                v = np.uintp(own[VALUES] * frames + (done + p) * own[DEPTH] + begin)
                for i in range(np.uintp(depth)):
                    states[s + i] = values[v + i]
            elif own[WHOLE] == 0:
                for i in range(np.uintp(depth)):
                    states[s + i] = initial[first_state + i]
        for number_of in range(own[FEEDS], own[FEEDS_END]):
            feed = feeds[number_of]
            top, bottom, left, right = feed[TOP], feed[BOTTOM], feed[LEFT], feed[RIGHT]
            rows, columns, starts, kinds = feed[ROWS], feed[COLUMNS], feed[STARTS], feed[WORDS]
            across, of_frame, heard = feed[ACROSS], feed[PIXELS], 0
            for p in range(some):
                y, x = row[p] - top, column[p] - left
                if y < 0 or x < 0 or row[p] >= bottom or column[p] >= right:
                    continue
                kind = lists[rows + bottom - top + y] * across + lists[columns + right - left + x]
                start = lists[starts + kind]
                first[heard], number[heard] = start, lists[starts + kind + 1] - start
                words[heard] = lists[kinds + kind]
                origin[heard] = frame[p] * of_frame + lists[rows + y] + lists[columns + x]
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
                    own[INITIAL] + begin, own[WHOLE] != 0 and number_of == own[FEEDS], where, first, number,
                    origin, words, heard, held, ready, at, sent, along, listed, chip, bounded,
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
