"""Fragments gathered into feature maps: those that hear the same maps in the same way stand side by side.

A map is a place for the values of its members, no more: which fragments are gathered changes no result.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..image.image import Image, ImagePiece
from ..machine.decode import Block, Program
from .edges import Edge, Geometry, fired, reaches


class Place(NamedTuple):
    """Where a population stands: in which map, and its first channel, row and column there."""

    map: int
    c: int
    y: int
    x: int


class Key(NamedTuple):
    """A map that is heard, and how."""

    map: int
    geometry: Geometry


class Part(NamedTuple):
    """Populations that stand at one place of a map, one behind the other in its channels."""

    y: int
    x: int
    height: int
    width: int
    blocks: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """A feature map: the populations that it is made of, part by part."""

    index: int
    depth: int
    height: int
    width: int
    parts: tuple[Part, ...]

    @property
    def first(self) -> int:
        """One of its populations: what they all have in common is its own."""
        return self.parts[0].blocks[0]


@dataclass(frozen=True, slots=True, eq=False)
class Maps:
    """The maps in an order in which each hears of earlier ones only, and each population's place.

    `into`: the edges with kernels that end in a population.
    """

    maps: tuple[Map, ...]
    places: Mapping[int, Place]
    into: Mapping[int, Sequence[Edge]]


def seen(edge: Edge, places: Mapping[int, Place], y: int, x: int) -> Geometry:
    """An edge's geometry between maps, where its target stands at (y, x)."""
    source, old = places[edge.source], edge.geometry
    return old.moved(
        old.y - (source.y << old.us) + (y << old.sl), old.x - (source.x << old.us) + (x << old.sl)
    )


def gathered(image: Image, program: Program, found: Sequence[Edge]) -> Maps:
    """The maps of an image."""
    builder = _Builder(image, program, found)
    builder.inputs()
    depth: dict[int, int] = {}
    waves: dict[int, list[int]] = defaultdict(list)
    for index in sorted(builder.fired, key=lambda index: builder.fired[index]):
        depth[index] = 1 + max((depth[edge.source] for edge in builder.into[index]), default=-1)
        if not program.blocks[index].is_input:
            waves[depth[index]].append(index)
    for level in sorted(waves):
        builder.wave(waves[level])
    return Maps(tuple(builder.maps), builder.places, builder.into)


class _Builder:
    def __init__(self, image: Image, program: Program, found: Sequence[Edge]) -> None:
        self.image, self.blocks, self.at = image, program.blocks, program.at
        self.fired = fired(program)
        self.maps: list[Map] = []
        self.places: dict[int, Place] = {}
        self.into: dict[int, list[Edge]] = defaultdict(list)
        for edge in found:
            if edge.live.size:
                self.into[edge.target].append(edge)

    def add(self, height: int, width: int, parts: Sequence[Part]) -> None:
        index, depth = len(self.maps), 0
        for part in parts:
            depth = 0
            for block in part.blocks:
                self.places[block] = Place(index, depth, part.y, part.x)
                depth += self.blocks[block].word.depth
        self.maps.append(Map(index, depth, height, width, tuple(parts)))

    def alone(self, block: int) -> None:
        word = self.blocks[block].word
        self.add(word.height, word.width, [Part(0, 0, word.height, word.width, (block,))])

    def inputs(self) -> None:
        """Inputs that are boxes of one tensor with the same steps, and tile it."""
        pieces: dict[int, list[tuple[str, ImagePiece]]] = defaultdict(list)
        for tensor in self.image.tensors:
            if tensor.kind == "input":
                for piece in tensor.pieces:
                    pieces[self.at[piece.core, piece.population]].append((tensor.name, piece))
        groups: dict[tuple[object, ...], list[tuple[int, ImagePiece]]] = defaultdict(list)
        for index, block in enumerate(self.blocks):
            if block.is_input:
                known = pieces[index]
                if len(known) == 1 and _is_whole(block, known[0][1]):
                    name, piece = known[0]
                    steps = piece.step_c, piece.step_y, piece.step_x
                    groups[name, steps, block.fires_on_zero].append((index, piece))
                else:
                    self.alone(index)
        for members in groups.values():
            parts = self._tiled(list(_standing(members)))
            if parts is None:
                for index, _ in members:
                    self.alone(index)
            else:
                self.add(
                    max(part.y + part.height for part in parts),
                    max(part.x + part.width for part in parts),
                    parts,
                )

    def _tiled(self, placed: list[tuple[int, int, int, int]]) -> list[Part] | None:
        """Populations at (c, y, x) as parts that fill a box, in each the same channels in the same order."""
        parts: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        for block, c, y, x in placed:
            parts[y, x].append((c, block))
        found = []
        for (y, x), members in parts.items():
            members.sort()
            depth = 0
            words = [self.blocks[block].word for _, block in members]
            for (c, _), word in zip(members, words, strict=True):
                if c != depth or (word.height, word.width) != (words[0].height, words[0].width):
                    return None
                depth += word.depth
            found.append(Part(y, x, words[0].height, words[0].width, tuple(block for _, block in members)))
        return found if self._fill(found) else None

    def _fill(self, parts: Sequence[Part]) -> bool:
        """Whether parts of the same depths fill a box."""
        depths = {tuple(self.blocks[block].word.depth for block in part.blocks) for part in parts}
        if len(depths) > 1 or min(min(part.y, part.x) for part in parts) < 0:
            return False
        height = max(part.y + part.height for part in parts)
        width = max(part.x + part.width for part in parts)
        if sum(part.height * part.width for part in parts) != height * width:
            return False
        covered = np.zeros((height, width), dtype=np.bool_)
        for part in parts:
            covered[part.y : part.y + part.height, part.x : part.x + part.width] = True
        return bool(covered.all())

    def keys(self, block: int) -> list[Key]:
        """What a population hears, where it stands at (0, 0)."""
        found = {
            Key(self.places[edge.source].map, seen(edge, self.places, 0, 0)) for edge in self.into[block]
        }
        return sorted(found)

    def wave(self, blocks: Sequence[int]) -> None:
        """Populations of which none hears another."""
        buckets: dict[tuple[object, ...], list[tuple[int, list[Key]]]] = defaultdict(list)
        for index in blocks:
            block, keys = self.blocks[index], self.keys(index)
            heard = tuple(key._replace(geometry=key.geometry.moved(0, 0)) for key in keys)
            parameters = tuple(None if np.ndim(each) else float(each) for each in block.parameters)
            scale = None if np.ndim(block.scale) else float(block.scale)
            kind = block.word.neuron, block.activation, parameters, scale, block.fires_on_zero
            buckets[heard, *kind].append((index, keys))
        for members in buckets.values():
            self._bucket(members)

    def _bucket(self, members: Sequence[tuple[int, list[Key]]]) -> None:
        """Populations that hear the same maps, each from a place of its own: stacks of those at one place,
        then stacks that tile.
        """
        stacks: dict[tuple[int, int, int, int], list[int]] = defaultdict(list)
        reference = members[0][1]
        for index, keys in members:
            place = _apart(reference, keys)
            if place is None:
                self.alone(index)
            else:
                word = self.blocks[index].word
                stacks[*place, word.height, word.width].append(index)
        if not stacks:
            return
        top, left = (min(place[axis] for place in stacks) for axis in (0, 1))
        parts = [
            Part(y - top, x - left, height, width, tuple(sorted(blocks, key=lambda b: self.fired[b])))
            for (y, x, height, width), blocks in stacks.items()
        ]
        if len(parts) > 1 and self._fill(parts) and self._alike(parts):
            self.add(
                max(part.y + part.height for part in parts),
                max(part.x + part.width for part in parts),
                parts,
            )
            return
        for part in parts:
            self.add(part.height, part.width, [part._replace(y=0, x=0)])

    def _alike(self, parts: Sequence[Part]) -> bool:
        """Whether parts hear the same maps through the same kernels, wherever these reach them."""
        contents = [self._content(part) for part in parts]
        if contents[0] is None or any(content != contents[0] for content in contents[1:]):
            return False
        has = {(edge.source, edge.target, seen(edge, self.places, part.y, part.x))
               for part in parts for block in part.blocks for edge in self.into[block]}  # fmt: skip
        sources: dict[tuple[int, int, int], list[int]] = defaultdict(list)
        for block, place in self.places.items():
            sources[place.map, place.c, self.blocks[block].word.depth].append(block)
        for number, (map_, c, depth, geometry) in contents[0][1]:
            for source in sources[map_, c, depth]:
                for part in parts:
                    block = part.blocks[number]
                    if (source, block, geometry) not in has and self._reach(source, part, geometry):
                        return False
        return True

    def _reach(self, source: int, part: Part, geometry: Geometry) -> bool:
        word, place, g = self.blocks[source].word, self.places[source], geometry
        y, x = (place.y << g.us) + g.y - (part.y << g.sl), (place.x << g.us) + g.x - (part.x << g.sl)
        return reaches(y, g.us, g.sl, g.kh, word.height, part.height) and reaches(
            x, g.us, g.sl, g.kw, word.width, part.width
        )

    def _content(
        self, part: Part
    ) -> tuple[list[bytes], dict[tuple[int, tuple[int, int, int, Geometry]], bytes]] | None:
        """What must be the same in all parts of a map."""
        own = [
            b"".join(np.asarray(each).tobytes() for each in (block.initial, block.scale, *block.parameters))
            for block in (self.blocks[index] for index in part.blocks)
        ]
        heard: dict[tuple[int, tuple[int, int, int, Geometry]], bytes] = {}
        for number, index in enumerate(part.blocks):
            for edge in self.into[index]:
                place, depth = self.places[edge.source], self.blocks[edge.source].word.depth
                key = number, (place.map, place.c, depth, seen(edge, self.places, part.y, part.x))
                if heard.setdefault(key, edge.mark) != edge.mark:
                    return None
        return own, heard


def _is_whole(block: Block, piece: ImagePiece) -> bool:
    word = block.word
    box = piece.c0, piece.y0, piece.x0, piece.depth, piece.height, piece.width
    return box == (0, 0, 0, word.depth, word.height, word.width)


def _standing(members: Sequence[tuple[int, ImagePiece]]) -> Iterator[tuple[int, int, int, int]]:
    """Where boxes of a tensor begin, counted in their steps from the first one's beginning."""
    base = min(piece.base for _, piece in members)
    first = members[0][1]
    steps = [first.step_c, first.step_y, first.step_x]
    for index, piece in members:
        rest, at = piece.base - base, [0, 0, 0]
        for axis in sorted(range(3), key=lambda axis: -steps[axis]):
            if steps[axis] > 0:
                at[axis], rest = divmod(rest, steps[axis])
        yield index, at[0] if not rest else -1, at[1], at[2]


def _apart(reference: Sequence[Key], keys: Sequence[Key]) -> tuple[int, int] | None:
    """How far a population is from another one that hears the same, or None."""
    found = set()
    for (_, one), (_, other) in zip(reference, keys, strict=True):
        y, x, odd = one.y - other.y, one.x - other.x, (1 << one.sl) - 1
        if y & odd or x & odd:
            return None
        found.add((y >> one.sl, x >> one.sl))
    if len(found) > 1:
        return None
    return found.pop() if found else (0, 0)
