"""Feeds: what channels of a map hear from a window of another, in the order in which the events come.

The feeds of a map are its recipe. Those of the same target channels stand in the literal machine's order;
within one, events go channel by channel, row by row, and along the axons in their order.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...ir.errors import Origin
from ..image.image import Image
from ..machine.decode import Program, decode
from . import layout
from .boxes import boxes, filled, hull, is_single, runs
from .edges import ADD, Edge, Geometry, Unliftable, fired, reaches, weights_of
from .edges import edges as edges_of
from .maps import Map, Maps, gathered, seen

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """What channels `targets` of a map hear from `channels` of the map `source`, in the rows and columns of
    `window`.

    Along each axon either every source channel reaches every target channel, and the units of `weights`
    (layout.py) are axon by axon [channels, KH, KW]. Or each target channel hears one source channel, which
    `sources` gives: they are axon by axon [KH, KW].
    """

    source: int
    window: tuple[int, int, int, int]
    channels: Span
    targets: Span
    axons: tuple[Geometry, ...]
    weights: Floats
    sources: Integers | None = None

    @property
    def is_cut(self) -> bool:
        """Whether the weights are cut into tiles."""
        return _is_cut(self.axons, self.sources)

    @property
    def units(self) -> int:
        """How many events a neuron may hear."""
        return _units(self.axons, self.channels, self.sources)

    def tiles(self) -> Iterator[layout.Tile]:
        """The tiles of its targets."""
        begin, end = self.targets
        for tile in layout.tiles(self.units, end - begin, self.is_cut):
            yield tile._replace(first=tile.first + begin)

    def by_axon(self) -> Iterator[tuple[Geometry, Floats]]:
        """Each axon with its weights, [channels, KH, KW, targets] or [KH, KW, targets]."""
        count = self.targets[1] - self.targets[0]
        weights = layout.plain(self.weights, self.units, count, self.is_cut)
        deep = () if self.sources is not None else (self.channels[1] - self.channels[0],)
        at = 0
        for axon in self.axons:
            size = _units((axon,), self.channels, self.sources)
            yield axon, weights[at : at + size].reshape(*deep, axon.kh, axon.kw, count)
            at += size


def _is_cut(axons: Sequence[Geometry], sources: Integers | None) -> bool:
    return sources is None and all(axon.update == ADD for axon in axons)


def _units(axons: Sequence[Geometry], channels: Span, sources: Integers | None) -> int:
    taps = sum(axon.kh * axon.kw for axon in axons)
    return taps if sources is not None else taps * (channels[1] - channels[0])


@dataclass(slots=True)
class _Draft:
    """A feed in the making: pieces of consecutive channels, or one piece with a source for each target."""

    source: int
    window: tuple[int, int, int, int]
    targets: Span
    axons: tuple[Geometry, ...]
    pieces: list["_Piece"]
    sources: Integers | None = None
    channels: Span = (0, 0)

    def take(self, other: "_Draft") -> bool:
        """Whether `other`, next in the order for its targets, is more of the same, and now part of this."""
        like = self.source, self.window, self.axons
        if like != (other.source, other.window, other.axons):
            return False
        if self.sources is None or other.sources is None:
            same = self.sources is other.sources and self.targets == other.targets
            if not same or self.channels[1] != other.channels[0]:
                return False
            self.pieces += other.pieces
            self.channels = self.channels[0], other.channels[1]
            return True
        if self.targets[1] != other.targets[0]:
            return False
        begin = other.targets[0] - self.targets[0]
        self.pieces += [piece.moved(begin) for piece in other.pieces]
        self.sources = np.concatenate([self.sources, other.sources])
        self.targets = self.targets[0], other.targets[1]
        self.channels = min(self.channels[0], other.channels[0]), max(self.channels[1], other.channels[1])
        return True


@dataclass(frozen=True, slots=True)
class _Piece:
    """Channels `first` .. `last` - 1 of a population and edges from it, where their targets begin."""

    first: int
    last: int
    edges: tuple[tuple[int, tuple[Edge | None, ...]], ...]

    def moved(self, k: int) -> "_Piece":
        """With targets that begin further on."""
        return _Piece(self.first, self.last, tuple((at + k, edges) for at, edges in self.edges))

    @property
    def mark(self) -> tuple[object, ...]:
        """The same for pieces whose weights are the same."""
        held = tuple((k, tuple(edge and edge.mark for edge in edges)) for k, edges in self.edges)
        return self.first, self.last, held


@dataclass(slots=True)
class Recipes:
    """Makes the feeds of maps; equal weights are one array."""

    program: Program
    maps: Maps
    fired: dict[int, int] = field(init=False)
    kept: dict[object, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.fired = fired(self.program)

    def feeds(self, target: Map) -> tuple[Feed, ...]:
        """What a map hears. Raises Unliftable where its parts hear an axon in different orders."""
        drafts: list[_Draft] = []
        for source, stacks in self._heard(target):
            for axons, edges in stacks.items():
                for draft in self._drafts(source, axons, edges):
                    _append(drafts, draft)
        return tuple(self._feed(draft) for draft in drafts)

    def _heard(
        self, target: Map
    ) -> Iterator[tuple[int, dict[tuple[Geometry, ...], list[tuple[int, dict[Geometry, Edge]]]]]]:
        """The populations that a map hears in firing order, each with the axons to the channels from some
        place on, gathered by their geometries.
        """
        found: dict[int, dict[int, list[list[tuple[Geometry, Edge]]]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for part in target.parts:
            k = 0
            for block in part.blocks:
                by_source: dict[int, list[Edge]] = defaultdict(list)
                for edge in self.maps.into.get(block, ()):
                    if self._touches(edge, part.height, part.width):
                        by_source[edge.source].append(edge)
                for source, edges in by_source.items():
                    edges.sort(key=lambda edge: edge.number)
                    geometries = [seen(edge, self.maps.places, part.y, part.x) for edge in edges]
                    found[source][k].append(list(zip(geometries, edges, strict=True)))
                k += self.program.blocks[block].word.depth
        for source in sorted(found, key=lambda source: self.fired[source]):
            stacks: dict[tuple[Geometry, ...], list[tuple[int, dict[Geometry, Edge]]]] = defaultdict(list)
            for k, lists in found[source].items():
                axons = _ordered([[geometry for geometry, _ in each] for each in lists])
                stacks[axons].append((k, {geometry: edge for each in lists for geometry, edge in each}))
            yield source, stacks

    def _touches(self, edge: Edge, height: int, width: int) -> bool:
        g, word = edge.geometry, self.program.blocks[edge.source].word
        return reaches(g.y, g.us, g.sl, g.kh, word.height, height) and reaches(
            g.x, g.us, g.sl, g.kw, word.width, width
        )

    def _drafts(
        self, source: int, axons: tuple[Geometry, ...], stacks: list[tuple[int, dict[Geometry, Edge]]]
    ) -> Iterator[_Draft]:
        """The feeds of one population along the same axons: `stacks` are edges by first target channel."""
        place, word = self.maps.places[source], self.program.blocks[source].word
        window = place.y, place.y + word.height, place.x, place.x + word.width
        hulls = [(k, edges, hull(edges, word.depth)) for k, edges in sorted(stacks, key=lambda each: each[0])]
        single = [(k, edges, low) for k, edges, (low, high) in hulls if is_single(low, high)]
        if sum(int((low >= 0).sum()) for _, _, low in single) < 2:
            single = []
        alone = {k for k, _, _ in single}
        targets = np.concatenate([np.zeros(0, np.int64), *(k + low[low >= 0] for k, _, low in single)])
        sources = np.concatenate([np.zeros(0, np.int64), *(np.flatnonzero(low >= 0) for _, _, low in single)])
        order = np.argsort(targets)
        targets, sources = filled(targets[order], sources[order], word.depth)
        for first, last in runs(np.diff(targets) != 1, targets.size):
            begin = int(targets[first])
            span = begin, int(targets[last - 1]) + 1
            near = [
                (k - begin, tuple(edges.get(axon) for axon in axons))
                for k, edges, low in single
                if k + int(low.max()) >= span[0] and k + int(low[low >= 0].min()) < span[1]
            ]
            piece = _Piece(0, word.depth, tuple(near))
            own = place.c + sources[first:last]
            yield _Draft(place.map, window, span, axons, [piece], own, (place.c, place.c + word.depth))
        rest = [(k, edges, hull) for k, edges, hull in hulls if k not in alone]
        if not rest:
            return
        taps = sum(axon.kh * axon.kw for axon in axons)
        for (first, last), span, members in boxes(rest, word.depth, taps):
            held = tuple((k - span[0], tuple(edges.get(axon) for axon in axons)) for k, edges, _ in members)
            piece = _Piece(first, last, held)
            yield _Draft(place.map, window, span, axons, [piece], None, (place.c + first, place.c + last))

    def _feed(self, draft: _Draft) -> Feed:
        own = None if draft.sources is None else draft.sources.tobytes()
        shape = tuple((axon.sl, axon.kh, axon.kw) for axon in draft.axons)
        count, cut = draft.targets[1] - draft.targets[0], _is_cut(draft.axons, draft.sources)
        key = shape, count, cut, own, tuple(piece.mark for piece in draft.pieces)
        if key not in self.kept:
            self.kept[key] = self._weights(draft)
        return Feed(
            draft.source,
            draft.window,
            draft.channels,
            draft.targets,
            draft.axons,
            self.kept[key],
            draft.sources,
        )

    def _weights(self, draft: _Draft) -> Floats:
        count = draft.targets[1] - draft.targets[0]
        depth = draft.channels[1] - draft.channels[0]
        deep = () if draft.sources is not None else (depth,)
        whole = np.zeros((_units(draft.axons, draft.channels, draft.sources), count), dtype=np.float32)
        begin = 0
        for number, axon in enumerate(draft.axons):
            end = begin + _units((axon,), draft.channels, draft.sources)
            held = whole[begin:end].reshape(*deep, axon.kh, axon.kw, count)
            begin, at = end, 0
            for piece in draft.pieces:
                for k, edges in piece.edges:
                    edge = edges[number]
                    if edge is None:
                        continue
                    if draft.sources is not None:
                        self._fill_single(held, k, edge)
                    else:
                        self._fill(held[at : at + piece.last - piece.first], k, edge, piece)
                at += piece.last - piece.first
        return layout.laid_out(whole, _is_cut(draft.axons, draft.sources))

    def _fill(self, held: Floats, k: int, edge: Edge, piece: _Piece) -> None:
        chosen = np.flatnonzero((edge.live >= piece.first) & (edge.live < piece.last))
        changes = (np.diff(edge.firsts[chosen]) != 0) | (np.diff(edge.depths[chosen]) != 0)
        changes |= np.diff(edge.live[chosen]) != 1
        for first, last in runs(changes, chosen.size):
            some = chosen[first:last]
            begin, c = k + int(edge.firsts[some[0]]), int(edge.live[some[0]]) - piece.first
            taken = weights_of(edge, self.program, some)
            held[c : c + some.size, :, :, begin : begin + taken.shape[3]] = taken

    def _fill_single(self, held: Floats, k: int, edge: Edge) -> None:
        at = k + edge.firsts
        inside = np.flatnonzero((at >= 0) & (at < held.shape[-1]))
        if inside.size:
            held[:, :, at[inside]] = weights_of(edge, self.program, inside)[..., 0].transpose(1, 2, 0)


class Lifted(NamedTuple):
    """An image, lifted: its decoded words, the axons between populations, these gathered into maps, and what
    each of them hears.
    """

    program: Program
    edges: Sequence[Edge]
    maps: Maps
    recipes: Recipes


def lift(image: Image, origin: Origin) -> Lifted:
    """Lifts an image. Raises BadImage, and Unliftable for one that only the literal machine can run."""
    program = decode(image, origin)
    found = edges_of(program)
    maps = gathered(image, program, found)
    return Lifted(program, found, maps, Recipes(program, maps))


def _append(drafts: list[_Draft], draft: _Draft) -> None:
    """A draft becomes the last one, or part of one behind which nothing reaches its targets."""
    for old in reversed(drafts):
        if old.take(draft):
            return
        if old.targets[0] < draft.targets[1] and draft.targets[0] < old.targets[1]:
            break
    drafts.append(draft)


def _ordered(lists: Sequence[Sequence[Geometry]]) -> tuple[Geometry, ...]:
    """One order of axons that holds all of these."""
    longest = max(lists, key=len)
    if all(list(each) == list(longest) for each in lists):
        return tuple(longest)
    sorter: TopologicalSorter[Geometry] = TopologicalSorter()
    for each in lists:
        for before, after in pairwise(each):
            sorter.add(after, before)
        for only in each:
            sorter.add(only)
    try:
        return tuple(sorter.static_order())
    except CycleError:
        raise Unliftable("parts of a map that hear axons in different orders") from None
