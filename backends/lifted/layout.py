"""How the weights of a feed, and which pixels hear which, lie in memory: as the loops take them.

A unit is what one event brings: a weight for each target neuron. Where events add, targets are cut into
tiles, whose units lie side by side: a row of weights for so many lanes, some of them empty in the last tile.
Where they do something else, or each target hears a channel of its own, one tile holds all.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Span = tuple[int, int]

WORD = 64  # bits
STRIDE = 9  # bits of a word for a channel at least, where a word has those of several taps
TILE = 64  # neurons whose states are in registers at once
LEAST = 8  # lanes
LISTED = 512  # events of a pixel that are listed together at most, or those of a channel
LINE = 16  # numbers in a line of the cache, at whose beginning arrays begin


# Columns of a feed. VALUES, MARKS: where those of its source begin in a frame of the memory of all maps; the
# source has so many PIXELS of such a DEPTH; ZERO: all its neurons fire. WEIGHTS: their address, and SIZE.
# TOP to RIGHT: the box of pixels that it may reach. LOW, HIGH: its channels. SINGLE: each target hears one
# channel, which SOURCES give, APART where they are not side by side. MIXED: some update is not ADD. MOST:
# taps of a pixel at most. Then where something begins in the list of integers: tiles (4 each); what
# `Taps` has, so many classes of pixels ACROSS and taps in TOTAL; axons (their first unit of weights, and how
# many a channel has); and sources. SOURCE: the number of the map that is heard.
VALUES, MARKS, PIXELS, DEPTH, ZERO, WEIGHTS, SIZE, TOP, BOTTOM, LEFT, RIGHT, LOW, HIGH = range(13)
SINGLE, APART, MIXED, MOST, TILES, TILE_COUNT, ROWS, COLUMNS, STARTS, ACROSS, TAPS, TOTAL = range(13, 25)
AXONS, AXON_COUNT, SOURCES, WORDS, BITS, SOURCE = range(25, 31)
COLUMN_COUNT = 31

# Columns of a stage, by which the values of a map are made, or what is left of them: the first five are those
# above, of its map. CLIPS: the activation function is a scale and limits. BEGUN: states begin as what values
# hold. FEEDS, FEEDS_END: what it hears; where WHOLE, the first of it reaches all neurons, which begin then.
# INITIAL: where what states begin with begins. MAP: its number.
HEIGHT, WIDTH, CLIPS, BEGUN, FEEDS, FEEDS_END, WHOLE, INITIAL, MAP = range(5, 14)

# Columns of an axon between maps. BASE: its first unit of weights.
US, SL, KH, KW, Y_OFF, X_OFF, UPDATE, BASE = range(8)


def words_of(depth: int) -> int:
    """Of the marks of a pixel."""
    return -(-depth // WORD)


def channels_at_once(channels: int, taps: int) -> int:
    """How many channels of a feed are listed together, where a pixel hears so many taps at most."""
    return 1 if taps > WORD else max(1, min(channels, LISTED // taps))


class Standing(NamedTuple):
    """Where the marks of a map begin in a frame of those of all maps, the map's pixels, those of a row, its
    depth, and the number of a population's first neuron in it.
    """

    begin: int
    pixels: int
    row: int
    depth: int
    number: int


class Tile(NamedTuple):
    """`neurons` targets from `first` on, in as many lanes or a few more: their weights begin at `base`."""

    first: int
    neurons: int
    lanes: int
    base: int


def tiles(units: int, count: int, cut: bool) -> Iterator[Tile]:
    """The tiles of `count` targets; not many lanes stay empty."""
    if not cut:
        yield Tile(0, count, count, 0)
        return
    neuron = 0
    while neuron < count:
        lanes = TILE
        while lanes > LEAST and 3 * lanes > 4 * (count - neuron):
            lanes //= 2
        yield Tile(neuron, min(lanes, count - neuron), lanes, units * neuron)
        neuron += lanes


def laid_out(weights: Floats, cut: bool) -> Floats:
    """Weights [units, targets], tile by tile."""
    units, count = weights.shape
    cuts = list(tiles(units, count, cut))
    size = units * sum(tile.lanes for tile in cuts)
    raw = np.empty(size + TILE + LINE, dtype=np.float32)
    begin = -(raw.ctypes.data // raw.itemsize) % LINE
    found = raw[
        begin : begin + size + TILE
    ]  # a tile's first neurons may be left out: then as many more are read
    found[size:] = 0
    for tile in cuts:
        rows = found[tile.base : tile.base + units * tile.lanes].reshape(units, tile.lanes)
        rows[:, : tile.neurons] = weights[:, tile.first : tile.first + tile.neurons]
        rows[:, tile.neurons :] = 0
    return found


def plain(weights: Floats, units: int, count: int, cut: bool) -> Floats:
    """Weights [units, targets] again."""
    found = np.empty((units, count), dtype=np.float32)
    for tile in tiles(units, count, cut):
        rows = weights[tile.base : tile.base + units * tile.lanes].reshape(units, tile.lanes)
        found[:, tile.first : tile.first + tile.neurons] = rows[:, : tile.neurons]
    return found


class Taps(NamedTuple):
    """The source pixels of a window that target pixels of a box hear, sorted by row, column and axon.

    `rows` and `columns` [2, size]: where what a target row hears begins, in source pixels, and its class.
    Pixels of row class i and column class j are of class i * across + j. `starts` say where the taps of a
    class begin, and end. `taps` [4, taps]: how far values and marks of a source pixel are from those where
    row and column begin, the first unit of weights, and the update.

    Of up to 64 taps, a word has a bit for each, those of some channels one behind the other. `bits` [words,
    4, 64]: how far the value is from where row and column begin, the unit, how many units the next channel is
    away, and the update. Those of a class begin at the word numbered `words`.
    """

    rows: Integers
    columns: Integers
    starts: Integers
    across: int
    taps: Integers
    words: Integers
    bits: Integers


def taps(
    axons: Integers, window: Sequence[int], box: Sequence[int], width: int, pixel: Sequence[int]
) -> Taps:
    """`width`: of a source row, in pixels. `pixel`: how many values and marks a source pixel has."""
    rows, down = _along(axons[:, [US, SL, KH, Y_OFF]], window[:2], box[:2])
    columns, across = _along(axons[:, [US, SL, KW, X_OFF]], window[2:], box[2:])
    found = (down[:, None, :, None] >= 0) & (across[None, :, None, :] >= 0)
    counts = found.sum(axis=(2, 3, 4)).ravel()
    i, j, y, x, axon = np.nonzero(found)
    kh, kw, update, base = axons[axon][:, [KH, KW, UPDATE, BASE]].T
    unit, step = base + down[i, y, axon] * kw + across[j, x, axon], kh * kw
    values, marks = np.outer(pixel, y * width + x)
    starts, words = (np.concatenate([[0], np.cumsum(each)]) for each in (counts, -(-counts // WORD)))
    kind = np.repeat(np.arange(counts.size), np.diff(words))
    passed = (np.arange(words[-1]) - words[kind]) * WORD
    many = np.minimum(counts[kind] - passed, WORD)[:, None]
    channel, tap = np.divmod(np.arange(WORD), stride(many))
    tap = (starts[kind] + passed)[:, None] + np.minimum(tap, many - 1)
    bits = np.stack([values[tap] + channel, unit[tap] + channel * step[tap], step[tap], update[tap]], axis=1)
    rows[0] *= width
    return Taps(rows, columns, starts, len(across), np.stack([values, marks, unit, update]), words, bits)


def stride(taps: Integers) -> Integers:
    """How many bits of a word are for each channel where so many taps are heard."""
    return np.where(taps == 1, 1, np.maximum(taps, STRIDE))


def _along(axons: Integers, window: Sequence[int], span: Sequence[int]) -> tuple[Integers, Integers]:
    """Of the positions of a span: the first source position that they hear, and their class. Of a class: the
    place in the kernel of each source position from the first on, for each axon, or -1 [classes, positions,
    axons].
    """
    us, sl, taps, offset = axons.T
    top = (np.arange(*span)[:, None] << sl) - offset
    first = np.maximum(window[0], (top - taps + (1 << us)) >> us).min(axis=1)
    last = np.minimum(window[1], (top >> us) + 1).max(axis=1)
    source = first[:, None] + np.arange(max(1, (last - first).max(initial=0)))
    place = top[:, None] - (source[:, :, None] << us)
    heard = (place >= 0) & (place < taps) & (source < window[1])[:, :, None]
    place[~heard] = -1
    classes, own = np.unique(place.reshape(len(place), -1), axis=0, return_inverse=True)
    return np.stack([first, own.ravel()]), classes.reshape(-1, *place.shape[1:])
