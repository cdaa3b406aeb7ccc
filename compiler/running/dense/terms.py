"""Terms: what a map hears from another along one axon, for all its channels, however they are cut."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....backends.lifted.edges import Geometry
from ....backends.lifted.feeds import Feed
from ....backends.lifted.maps import Map

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Window = tuple[int, int, int, int]
FILLED = 8  # one channel of so many need not be heard
Layers = list[tuple[Integers, Floats]]  # source channels and weights


class NotDenseError(Exception):
    """What an image does that no graph here does."""


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """What the channels of a map hear from a window of another.

    Either from all `channels` of it, `weights` [D, channels, KH, KW]; or each from one channel, which
    `channels` gives (-1: none), `weights` [D, KH, KW]. Taps as the chip counts them.
    """

    source: int
    window: Window
    geometry: Geometry
    channels: Integers
    weights: Floats

    @property
    def is_single(self) -> bool:
        """Whether each channel hears one."""
        return self.weights.ndim == 3


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """Terms whose updates may come in any order, being the same one."""

    update: int
    terms: tuple[Term, ...]


def stages(target: Map, feeds: Sequence[Feed], maps: Sequence[Map]) -> list[Stage]:
    """What a map hears, stage by stage. Raises NotDenseError where updates of different kinds take turns."""
    placed: list[tuple[Feed, list[int]]] = []
    updates: list[int] = []
    for feed in feeds:
        kinds = [axon.update for axon in feed.axons]
        if len(set(kinds)) > 1 and not _is_heard_once(feed, maps[feed.source]):
            raise NotDenseError("updates of different kinds that take turns")
        at = 0
        for other, numbers in placed:
            if other.targets[0] < feed.targets[1] and feed.targets[0] < other.targets[1]:
                at = max(at, numbers[-1])
        numbers = []
        for kind in kinds:
            # The first stage of this kind that is not before what these channels have heard.
            while at < len(updates) and updates[at] != kind:
                at += 1
            if at == len(updates):
                updates.append(kind)
            numbers.append(at)
        placed.append((feed, numbers))
    found = []
    for number, update in enumerate(updates):
        held: dict[tuple[int, Geometry], list[tuple[Feed, Floats]]] = defaultdict(list)
        for feed, numbers in placed:
            for (axon, weights), own in zip(feed.by_axon(), numbers, strict=True):
                if own == number:
                    held[feed.source, axon].append((feed, weights))
        terms = [
            term
            for (source, axon), parts in held.items()
            for term in _terms(maps[source], target, axon, parts)
        ]
        found.append(Stage(update, tuple(terms)))
    return found


def _is_heard_once(feed: Feed, source: Map) -> bool:
    """Whether a neuron hears one neuron of the feed only."""
    if feed.sources is None:
        return False
    return all(axon.kh <= 2**axon.us and axon.kw <= 2**axon.us for axon in feed.axons)


def _terms(source: Map, target: Map, axon: Geometry, parts: Sequence[tuple[Feed, Floats]]) -> Iterator[Term]:
    """The terms of one axon: one for all windows where they hold the same weights, and all that reach."""
    single = [part for part in parts if part[0].sources is not None]
    whole = [part for part in parts if part[0].sources is None]
    for chosen, make in ((single, _single), (whole, _whole)):
        windows: dict[Window, list[tuple[Feed, Floats]]] = defaultdict(list)
        for part in chosen:
            windows[part[0].window].append(part)
        made = {window: make(source, target, axon, held) for window, held in windows.items()}
        values = list(made.values())
        if len(made) > 1 and _covers(source, target, axon, list(made)) and _are_same(values):
            made = {(0, source.height, 0, source.width): values[0]}
        for window, layers in made.items():
            for channels, weights in layers:
                yield Term(source.index, window, axon, channels, weights)


def _are_same(made: Sequence[Layers]) -> bool:
    first = made[0]
    return all(
        len(other) == len(first)
        and all(
            np.array_equal(one[0], two[0]) and np.array_equal(one[1], two[1])
            for one, two in zip(first, other, strict=True)
        )
        for other in made[1:]
    )


def _covers(source: Map, target: Map, axon: Geometry, windows: Sequence[Window]) -> bool:
    """Whether windows hold all positions of a map that an axon joins with the target."""
    rows = _heard(axon.y, axon.us, axon.sl, axon.kh, source.height, target.height)
    columns = _heard(axon.x, axon.us, axon.sl, axon.kw, source.width, target.width)
    held = 0
    for top, bottom, left, right in windows:
        held += int(rows[top:bottom].sum()) * int(columns[left:right].sum())
    return held == int(rows.sum()) * int(columns.sum())


def _heard(offset: int, us: int, sl: int, taps: int, size: int, targets: int) -> NDArray[np.bool_]:
    """Which positions along an axis reach one of the target's."""
    return np.array([bool(reached(p, offset, us, sl, taps, targets)) for p in range(size)])


def reached(position: int, offset: int, us: int, sl: int, taps: int, targets: int) -> list[tuple[int, int]]:
    """The taps through which a position reaches a target's, and these."""
    found = []
    for tap in range(taps):
        at, odd = divmod(position * 2**us + offset + tap, 2**sl)
        if not odd and 0 <= at < targets:
            found.append((tap, at))
    return found


def _single(source: Map, target: Map, axon: Geometry, parts: Sequence[tuple[Feed, Floats]]) -> Layers:
    """Layers in which each channel hears one at most."""
    layers: Layers = []
    for feed, held in parts:
        assert feed.sources is not None
        first, last = feed.targets
        free = (layer for layer in layers if (layer[0][first:last] < 0).all())
        channels, weights = next(free, (None, None))
        if channels is None or weights is None:
            channels = np.full(target.depth, -1, dtype=np.int64)
            weights = np.zeros((target.depth, axon.kh, axon.kw), dtype=np.float32)
            layers.append((channels, weights))
        channels[first:last] = feed.sources
        weights[first:last] = held.transpose(2, 0, 1)
    return layers


def _whole(source: Map, target: Map, axon: Geometry, parts: Sequence[tuple[Feed, Floats]]) -> Layers:
    used = np.zeros(source.depth, dtype=np.bool_)
    for feed, _ in parts:
        used[feed.channels[0] : feed.channels[1]] = True
    if used.sum() * FILLED >= source.depth * (FILLED - 1):
        used[:] = True  # weights of zero for a few more are quicker than to take these out
    places = np.cumsum(used) - 1
    weights = np.zeros((target.depth, int(used.sum()), axon.kh, axon.kw), dtype=np.float32)
    for feed, held in parts:
        at = int(places[feed.channels[0]])
        own = weights[feed.targets[0] : feed.targets[1], at : at + feed.channels[1] - feed.channels[0]]
        own += held.transpose(3, 0, 1, 2)
    return [(np.flatnonzero(used), weights)]
