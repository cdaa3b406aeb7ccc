"""What the walk does for each map, made ready once: the arguments of the compiled loops."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...ir.activations import Activation
from ..machine.decode import Block
from ..machine.values import rounded
from . import layout
from .edges import ADD, Geometry
from .feeds import Feed, Recipes
from .layout import (
    ACROSS,
    APART,
    AXON_COUNT,
    AXONS,
    BASE,
    BITS,
    BOTTOM,
    COLUMN_COUNT,
    COLUMNS,
    DEPTH,
    HIGH,
    KH,
    KW,
    LEFT,
    LINE,
    LOW,
    MARKS,
    MIXED,
    MOST,
    PIXELS,
    RIGHT,
    ROWS,
    SINGLE,
    SIZE,
    SOURCE,
    SOURCES,
    STARTS,
    TAPS,
    TILE_COUNT,
    TILES,
    TOP,
    TOTAL,
    VALUES,
    WEIGHTS,
    WORDS,
    ZERO,
    Standing,
    words_of,
)  # fmt: skip
from .maps import Map, Maps

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A feed as the compiled loops take it: its columns (layout.py), and its part of the list of integers. No
    neuron hears more than `events`, and of events of size 1 no more than `most` in all.
    """

    feed: Feed
    columns: tuple[int, ...]
    lists: Integers
    synapses: int
    events: int
    most: float


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How a map is run: what states begin with, scale and parameters by channel, and what it hears. `place`,
    `word`: where its values and marks begin in a frame of the memory of all maps. `members`: its populations,
    and where their marks are (`Standing`). `limits`: scale, least and largest value of an activation
    function that does nothing else. `half`: whether the chip rounds its states, or None. `most`: the largest
    first state.
    """

    map: Map
    block: Block
    place: int
    word: int
    half: bool | None
    members: Integers
    standing: Integers
    initial: NDArray[np.floating]
    most: float
    scale: float | Floats
    parameters: tuple[float | Floats, ...]
    limits: tuple[np.float32, np.float32, np.float32] | None
    calls: tuple[Call, ...]

    @property
    def neurons(self) -> int:
        """Of the map."""
        return self.map.height * self.map.width * self.map.depth

    @property
    def words(self) -> int:
        """Of the marks of the map."""
        return self.map.height * self.map.width * words_of(self.map.depth)

    def of(self, values: Floats, frames: int) -> Floats:
        """Those of the map, flat, in the values of all maps."""
        return values[frames * self.place :][: frames * self.neurons]

    @property
    def whole(self) -> bool:
        """Whether all neurons hear what comes first, each all its channels, and add them."""
        if not self.calls:
            return False
        first, map_ = self.calls[0], self.map
        box = tuple(first.columns[column] for column in (TOP, BOTTOM, LEFT, RIGHT))
        is_added = not first.columns[SINGLE] and not first.columns[MIXED]
        is_all = box == (0, map_.height, 0, map_.width) and first.feed.targets == (0, map_.depth)
        return is_added and is_all

    @property
    def synapses(self) -> int:
        """Of a frame in which all neurons fire."""
        return sum(call.synapses for call in self.calls)


def plans(
    gathered: Maps, blocks: Sequence[Block], recipes: Recipes, outputs: Container[int], chip: bool | None
) -> tuple[Plan, ...]:
    """The plans of all maps. Those that hold one of these blocks are kept to the end of a frame. `chip`: of
    the chip's arithmetic, or None.
    """
    maps, end = gathered.maps, len(gathered.maps)
    feeds = [recipes.feeds(map_) for map_ in maps]
    last = [
        end if any(block in outputs for part in map_.parts for block in part.blocks) else map_.index
        for map_ in maps
    ]
    for index, own in enumerate(feeds):
        for feed in own:
            last[feed.source] = max(last[feed.source], index)
    inputs = [blocks[map_.first].is_input for map_ in maps]
    areas = [map_.height * map_.width for map_ in maps]
    values = _places([area * map_.depth for area, map_ in zip(areas, maps, strict=True)], inputs, last)
    words = [area * words_of(map_.depth) for area, map_ in zip(areas, maps, strict=True)]
    marks = np.cumsum([0, *words]).tolist()  # they are few, and counted when all maps are done
    found = []
    begin = 0
    for map_, own in zip(maps, feeds, strict=True):
        standing = [block for part in map_.parts for block in part.blocks]
        places = [gathered.places[block] for block in standing]
        calls: list[Call] = []
        for feed in own:
            source = feed.source
            held = {
                SOURCE: source,
                VALUES: values[source],
                MARKS: marks[source],
                PIXELS: areas[source],
                DEPTH: maps[source].depth,
                ZERO: blocks[maps[source].first].fires_on_zero,
            }
            calls.append(_call(feed, map_, maps[source].width, held, begin))
            begin += calls[-1].lists.size
        block, place, word = blocks[map_.first], values[map_.index], marks[map_.index]
        half = chip if not block.word.neuron.is_wide else None
        initial, scale, parameters = of_all_channels(map_, blocks)
        found.append(
            Plan(
                map_,
                block,
                place,
                word,
                half,
                np.array(standing, dtype=np.int64),
                np.array(
                    [
                        Standing(
                            word,
                            areas[map_.index],
                            map_.width,
                            map_.depth,
                            (at.y * map_.width + at.x) * map_.depth + at.c,
                        )
                        for at in places
                    ],
                    dtype=np.int64,
                ),
                initial.astype(np.float64) if half is None else rounded(initial),
                float(np.abs(initial).max()),
                scale,
                parameters,
                _limits(block.activation, scale, parameters),
                tuple(calls),
            )
        )
    return tuple(found)


def _places(sizes: Sequence[int], inputs: Sequence[bool], last: Sequence[int]) -> list[int]:
    """Where each of these begins, if it is held from its turn, or an input's from the beginning, up to the
    last one: the first place where it fits, at the beginning of a line of the cache.
    """
    places = [0] * len(sizes)
    held: list[tuple[int, int, int]] = []  # sorted by place: the one behind its end, and the last turn
    for index in sorted(range(len(sizes)), key=lambda index: (not inputs[index], index)):
        if not inputs[index]:
            held = [each for each in held if each[2] >= index]
        size, begin, at = -(-sizes[index] // LINE) * LINE, 0, 0
        while at < len(held) and held[at][0] < begin + size:
            begin, at = held[at][1], at + 1
        held.insert(at, (begin, begin + size, last[index]))
        places[index] = begin
    return places


def _limits(
    activation: Activation, scale: float | Floats, parameters: Sequence[float | Floats]
) -> tuple[np.float32, np.float32, np.float32] | None:
    """Scale, least and largest value of an activation function that does nothing else."""
    if any(np.ndim(each) for each in (scale, *parameters)):
        return None
    if activation is Activation.CLIP:
        return np.float32(scale), np.float32(parameters[0]), np.float32(parameters[1])
    if activation in (Activation.RELU, Activation.IDENTITY):
        return (
            np.float32(scale),
            np.float32(0 if activation is Activation.RELU else -np.inf),
            np.float32(np.inf),
        )
    return None


def of_all_channels(
    map_: Map, blocks: Sequence[Block]
) -> tuple[Floats, float | Floats, tuple[float | Floats, ...]]:
    """The first states of a map, by channel, its scale, and the parameters of its activation function."""
    members = [blocks[block] for block in map_.parts[0].blocks]
    return (
        np.concatenate([member.initial for member in members]),
        _joined([member.scale for member in members]),
        tuple(_joined(each) for each in zip(*(member.parameters for member in members), strict=True)),
    )


def _joined(numbers: Sequence[float | Floats]) -> float | Floats:
    """A number of populations side by side: of all channels the same, or one for each."""
    if not np.ndim(numbers[0]):
        return numbers[0]
    return np.concatenate([np.asarray(each) for each in numbers])


def _call(feed: Feed, map_: Map, width: int, held: Mapping[int, int], begin: int) -> Call:
    """A feed, made ready. `held`: the columns of its source, of such a width. `begin`: where its part of the
    list of integers begins.
    """
    deep = 1 if feed.sources is not None else feed.channels[1] - feed.channels[0]
    rows = []
    at = 0
    for axon in feed.axons:
        rows.append([axon.us, axon.sl, axon.kh, axon.kw, axon.y, axon.x, axon.update, at])
        at += axon.kh * axon.kw * deep
    box = (
        *_reached(feed.axons, feed.window[:2], map_.height, [(axon.y, axon.kh) for axon in feed.axons]),
        *_reached(feed.axons, feed.window[2:], map_.width, [(axon.x, axon.kw) for axon in feed.axons]),
    )
    axons = np.array(rows, dtype=np.int64)
    taps = layout.taps(axons, feed.window, box, width, (held[DEPTH], words_of(held[DEPTH])))
    tiles = list(feed.tiles())
    sources = np.zeros(0, np.int64) if feed.sources is None else feed.sources
    lists = {
        TILES: np.array(tiles, dtype=np.int64),
        ROWS: taps.rows,
        COLUMNS: taps.columns,
        STARTS: taps.starts,
        TAPS: taps.taps,
        WORDS: taps.words,
        BITS: taps.bits,
        AXONS: np.stack([axons[:, BASE], axons[:, KH] * axons[:, KW]], axis=1),
        SOURCES: sources,
    }
    begins = np.cumsum([begin, *(each.size for each in lists.values())]).tolist()
    most = int((axons[:, KH] * axons[:, KW]).sum())
    columns = (
        dict(held)
        | dict(zip(lists, begins, strict=False))
        | {
            WEIGHTS: feed.weights.ctypes.data,
            SIZE: feed.weights.size,
            TOP: box[0],
            BOTTOM: box[1],
            LEFT: box[2],
            RIGHT: box[3],
            LOW: feed.channels[0],
            HIGH: feed.channels[1],
            SINGLE: feed.sources is not None,
            APART: bool((np.diff(sources) != 1).any()),
            MIXED: any(axon.update != ADD for axon in feed.axons),
            MOST: most,
            TILE_COUNT: len(tiles),
            ACROSS: taps.across,
            TOTAL: taps.taps.shape[1],
            AXON_COUNT: len(axons),
        }
    )
    return Call(
        feed,
        tuple(int(columns[column]) for column in range(COLUMN_COUNT)),
        np.concatenate([np.ravel(each) for each in lists.values()]),
        feed.units * (feed.targets[1] - feed.targets[0]) * (box[1] - box[0]) * (box[3] - box[2]),
        feed.units,
        float(sum(np.abs(each).sum(axis=tuple(range(each.ndim - 1))).max() for _, each in feed.by_axon())),
    )


def _reached(axons: Sequence[Geometry], window: Span, size: int, kernels: Sequence[Span]) -> Span:
    """The positions along an axis, from the first to behind the last, that a window may reach."""
    first, last = size, 0
    for axon, (offset, taps) in zip(axons, kernels, strict=True):
        low = (window[0] << axon.us) + offset
        high = ((window[1] - 1) << axon.us) + offset + taps - 1
        first = min(first, max(0, -(-low >> axon.sl)))
        last = max(last, min(size, (high >> axon.sl) + 1))
    return first, max(first, last)
