"""What the walk does for each map, made ready once: the arguments of the compiled loops."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...ir.activations import Activation
from ..machine.decode import Block
from .edges import ADD, Geometry
from .feeds import Feed, Recipes
from .maps import Map, Maps

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Span = tuple[int, int]
Box = tuple[int, int, int, int]  # rows, then columns: the first one, and the one behind the last

WORTH = 1 << 19  # synapses that are worth another thread


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A feed as the compiled loops take it. `box`: the pixels that it may reach. No neuron hears more than
    `events`, and of events of size 1 no more than `most` in all.
    """

    feed: Feed
    box: Box
    axons: Integers
    window: Integers
    channels: Integers
    mixed: bool | None
    apart: bool | None
    synapses: int
    events: int
    most: float


class Reached(NamedTuple):
    """A call for some frames, pixels and tiles. `sources`: of these targets, where each hears one channel."""

    call: Call
    frames: Integers
    box: Integers
    tiles: Integers
    sources: Integers | None


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How a map is run: its first states, scale and parameters by channel, what it hears, which maps nobody
    hears of behind it. `members`: its populations, and where their values begin. `limits`: the least and the
    largest value of an activation function that does nothing else.
    """

    map: Map
    block: Block
    members: Integers
    firsts: Integers
    initial: Floats
    scale: float | Floats
    parameters: tuple[float | Floats, ...]
    limits: tuple[np.float32, np.float32] | None
    calls: tuple[Call, ...]
    done: tuple[int, ...]
    held: dict[tuple[int, int], tuple[tuple[Reached, ...], ...]] = field(default_factory=dict)

    @property
    def neurons(self) -> int:
        """Of the map."""
        return self.map.height * self.map.width * self.map.depth

    def parts(self, frames: int, threads: int) -> tuple[tuple[Reached, ...], ...]:
        """What threads do for so many frames: each hears for neurons that no other one writes."""
        key = frames, threads
        if key not in self.held:
            self.held[key] = tuple(tuple(_reaching(self.calls, *part)) for part in self._cut(frames, threads))
        return self.held[key]

    def _cut(self, frames: int, threads: int) -> Iterator[tuple[Span, Box, Span]]:
        """Frames, boxes and channels of the map."""
        sizes = frames, self.map.height, self.map.width, self.map.depth
        synapses = frames * sum(call.synapses for call in self.calls)
        count = min(threads, 1 + synapses // WORTH)
        axis = next((axis for axis in range(3) if sizes[axis] >= 4 * count), 3)
        cuts = [sizes[axis] * part // count for part in range(count + 1)]
        for span in pairwise(cuts):
            if span[1] > span[0]:
                whole = [(0, size) for size in sizes]
                whole[axis] = span
                yield whole[0], (*whole[1], *whole[2]), whole[3]


def plans(gathered: Maps, blocks: Sequence[Block], recipes: Recipes) -> tuple[Plan, ...]:
    """The plans of all maps."""
    feeds = [recipes.feeds(map_) for map_ in gathered.maps]
    last = list(range(len(gathered.maps)))
    for index, own in enumerate(feeds):
        for feed in own:
            last[feed.source] = max(last[feed.source], index)
    found = []
    for map_, own in zip(gathered.maps, feeds, strict=True):
        standing = [block for part in map_.parts for block in part.blocks]
        places = [gathered.places[block] for block in standing]
        found.append(
            Plan(
                map_,
                blocks[map_.first],
                np.array(standing, dtype=np.int64),
                np.array([(at.y * map_.width + at.x) * map_.depth + at.c for at in places], dtype=np.int64),
                *of_all_channels(map_, blocks),
                _limits(map_, blocks),
                tuple(_call(feed, map_) for feed in own),
                tuple(index for index, final in enumerate(last) if final == map_.index),
            )
        )
    return tuple(found)


def _reaching(calls: Sequence[Call], frames: Span, box: Box, targets: Span) -> Iterator[Reached]:
    """What calls do within frames, a box and channels."""
    for call in calls:
        feed = call.feed
        first, last = max(feed.targets[0], targets[0]), min(feed.targets[1], targets[1])
        rows = max(call.box[0], box[0]), min(call.box[1], box[1])
        columns = max(call.box[2], box[2]), min(call.box[3], box[3])
        if first < last and rows[0] < rows[1] and columns[0] < columns[1]:
            sources = None
            if feed.sources is not None:
                sources = feed.sources[first - feed.targets[0] : last - feed.targets[0]]
            yield Reached(
                call,
                np.array(frames, dtype=np.int64),
                np.array([*rows, *columns], dtype=np.int64),
                np.array(list(feed.tiles(first, last)), dtype=np.int64),
                sources,
            )


def _limits(map_: Map, blocks: Sequence[Block]) -> tuple[np.float32, np.float32] | None:
    """The least and the largest value of an activation function that does nothing else."""
    _, scale, parameters = of_all_channels(map_, blocks)
    activation = blocks[map_.first].activation
    if np.ndim(scale):
        return None
    if activation is Activation.CLIP and not any(np.ndim(each) for each in parameters):
        return np.float32(parameters[0]), np.float32(parameters[1])
    if activation in (Activation.RELU, Activation.IDENTITY):
        return np.float32(0 if activation is Activation.RELU else -np.inf), np.float32(np.inf)
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


def _call(feed: Feed, map_: Map) -> Call:
    """A feed, made ready."""
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
    apart = feed.sources is not None and bool((np.diff(feed.sources) != 1).any())
    return Call(
        feed,
        box,
        np.array(rows, dtype=np.int64),
        np.array(feed.window, dtype=np.int64),
        np.array(feed.channels, dtype=np.int64),
        True if any(axon.update != ADD for axon in feed.axons) else None,
        apart or None,
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
