"""What the walk does for each map, made ready once: the arguments of the compiled loops."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..machine.decode import Block
from .edges import ADD, Geometry
from .feeds import Feed, Recipes
from .maps import Map, Maps

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Span = tuple[int, int]
Box = tuple[int, int, int, int]  # rows, then columns: the first one, and the one behind the last


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


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How a map is run: its first states, scale and parameters by channel, what it hears, which maps nobody
    hears of behind it. `members`: its populations, and where their values begin.
    """

    map: Map
    block: Block
    members: Integers
    firsts: Integers
    initial: Floats
    scale: float | Floats
    parameters: tuple[float | Floats, ...]
    calls: tuple[Call, ...]
    done: tuple[int, ...]


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
                tuple(_call(feed, map_) for feed in own),
                tuple(index for index, final in enumerate(last) if final == map_.index),
            )
        )
    return tuple(found)


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
