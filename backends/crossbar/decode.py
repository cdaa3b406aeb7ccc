"""Reading an image: every word is checked before it is believed."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...ir.activations import Activation
from ...ir.errors import BadImage, Origin
from ...ir.neurons import NeuronModel
from ..image.image import CoreImage
from ..words.bits import WordError, unpack
from .image import CrossbarImage
from .words import Column, Head, Number, Route, Rule, Site

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Decided:
    """What units of a rule do with their sums."""

    neuron: NeuronModel
    activation: Activation
    numbers: tuple[float, ...]
    scale: float

    @property
    def is_wide(self) -> bool:
        """Whether the value is the sum as it is, or 0: no number is rounded."""
        return not self.neuron.lasts and self.activation in (Activation.IDENTITY, Activation.RELU)


@dataclass(frozen=True, slots=True, eq=False)
class Crossbar:
    """A crossbar. `cells`: float32 [rows, columns]. `routes`: column, crossbar and row of each."""

    x: int
    y: int
    cells: NDArray[np.float32]
    bias: NDArray[np.float32]
    rule: Integers
    step: Integers
    routes: Integers


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """An image as arrays. `sites`: of each tensor, element, crossbar and line."""

    crossbars: tuple[Crossbar, ...]
    rules: tuple[Decided, ...]
    sites: tuple[Integers, ...]

    @property
    def has_memory(self) -> bool:
        """Whether a frame depends on those before it: neurons keep states, or a row is driven in a step in
        which columns that hear it have fired.
        """
        if any(rule.neuron.lasts for rule in self.rules):
            return True
        for one in self.crossbars:
            for column, to, row in one.routes.tolist():
                target = self.crossbars[to]
                if (target.step[target.cells[row] != 0] <= one.step[column]).any():
                    return True
        return False


def decode(image: CrossbarImage, file: str = "") -> Program:
    """The crossbars, rules and sites of an image. Raises BadImage where they do not hold together."""
    origin = Origin(file=file)
    tiles = {(one.x, one.y): index for index, one in enumerate(image.crossbars)}
    if len(tiles) < len(image.crossbars):
        raise BadImage(origin, "two crossbars are on one tile", hint="compile it again")
    try:
        rules = tuple(_rules(image.rules))
        crossbars = tuple(_crossbar(one, tiles) for one in image.crossbars)
        sites = Site.decode_array(image.sites)
    except (WordError, ValueError) as error:
        raise BadImage(origin, f"a word stands for nothing: {error}", hint="compile it again") from None
    program = Program(
        crossbars,
        rules,
        tuple(
            np.stack([sites[name][sites["tensor"] == number] for name in ("element", "crossbar", "line")], 1)
            for number in range(len(image.tensors))
        ),
    )
    for fault in _faults(image, program, tiles, int(sites["tensor"].max(initial=-1))):
        raise BadImage(origin, fault, hint="compile it again")
    return program


def _rules(words: NDArray[np.uint64]) -> Iterator[Decided]:
    left = iter(words.tolist())
    for word in left:
        rule = Rule.decode(word)
        numbers = tuple(float(Number.decode(next(left, 0)).value) for _ in range(rule.numbers))
        if len(numbers) != len(rule.neuron.parameters) + len(rule.activation.parameters):
            raise ValueError(f"a rule has {len(numbers)} parameters")
        if rule.neuron.is_fed:
            raise ValueError("a rule of neurons that compute nothing")
        yield Decided(rule.neuron, rule.activation, numbers, float(rule.scale))


def _crossbar(one: CoreImage, tiles: dict[tuple[int, int], int]) -> Crossbar:
    words = one.words
    if not words.size:
        raise ValueError("a crossbar has no words")
    head = Head.decode(int(words[0]))
    columns, routes = 1 + head.columns, head.words
    size = head.rows * head.columns
    if words.size != routes + -(-size // 2):
        raise ValueError(f"a crossbar of {head.rows} x {head.columns} has {words.size} words")
    units = Column.decode_array(words[1:columns])
    sent = Route.decode_array(words[columns:routes])
    to = [tiles.get(at, -1) for at in zip(sent["x"].tolist(), sent["y"].tolist(), strict=True)]
    if -1 in to:
        raise ValueError("a route goes to a tile without a crossbar")
    halves = unpack(words[1:columns], 32, 2 * head.columns).astype(np.uint32)
    cells = unpack(words[routes:], 32, size).astype(np.uint32).view(np.float32)
    return Crossbar(
        one.x,
        one.y,
        cells.reshape(head.rows, head.columns),
        halves[::2].view(np.float32) if head.columns else np.empty(0, dtype=np.float32),
        units["rule"],
        units["step"],
        np.stack([sent["column"], np.array(to, dtype=np.int64), sent["row"]], axis=1),
    )


def _faults(
    image: CrossbarImage, program: Program, tiles: dict[tuple[int, int], int], tensors: int
) -> Iterator[str]:
    chip = image.chip
    rows = np.array([one.cells.shape[0] for one in program.crossbars], dtype=np.int64)
    columns = np.array([one.cells.shape[1] for one in program.crossbars], dtype=np.int64)
    if any(x >= chip.mesh[0] or y >= chip.mesh[1] for x, y in tiles):
        yield "a crossbar is outside the mesh"
    if rows.max(initial=0) > chip.rows or columns.max(initial=0) > chip.columns:
        yield "a crossbar has more rows or columns than the chip's"
    driven = np.zeros(int(rows.sum()), dtype=np.int64)
    base = np.cumsum(rows) - rows
    for index, one in enumerate(program.crossbars):
        if not np.isfinite(one.cells).all():
            yield f"crossbar {index} has a cell that is no number"
        if (one.rule >= len(program.rules)).any():
            yield f"crossbar {index} has a column without a rule"
        column, to, row = one.routes.T
        if (column >= one.cells.shape[1]).any() or (row >= rows[to]).any():
            yield f"crossbar {index} has a route from no column or to no row"
            return
        np.add.at(driven, base[to] + row, 1)
    if tensors >= len(image.tensors):
        yield "a site is of no tensor"
    for tensor, (element, crossbar, line) in zip(
        image.tensors, (sites.T for sites in program.sites), strict=True
    ):
        size = int(np.prod(tensor.shape))
        lines = rows if tensor.kind == "input" else columns
        if (element >= size).any() or (crossbar >= lines.size).any() or (line >= lines[crossbar]).any():
            yield f"tensor {tensor.name!r} has an element that is nowhere"
            return
        if tensor.kind == "input":
            np.add.at(driven, base[crossbar] + line, 1)
    if (driven > 1).any():
        yield "a row is driven by several"
