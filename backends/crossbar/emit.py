"""From units on tiles to the words of an image."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ...ir.crossbar.chip import CrossbarChip
from ...ir.crossbar.layout import Clusters, Placed
from ...ir.crossbar.units import Integers, Units
from ...ir.crossbar.units import Rule as UnitRule
from ...ir.errors import Unsupported
from ...ir.network import Network, Tensor
from ..image.image import CoreImage, ImageTensor
from ..words.bits import Word, pack
from .image import CrossbarAbout, CrossbarImage, CrossbarLayer
from .words import Column, Head, Number, Route, Rule, Site

Model = bytes | None  # a part that the host computes
Line = tuple[int, int]  # a crossbar, and a row or a column of it


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Where units are: a column each, and the rows that each one drives."""

    column: dict[int, Line]
    rows: dict[int, list[Line]]
    sources: list[Integers]  # of each crossbar's rows
    members: list[Integers]  # of each crossbar's columns


def emit_crossbars(
    placed: Placed,
    steps: Integers,
    network: Network,
    chip: CrossbarChip,
    about: CrossbarAbout,
    before: Model,
    after: Model,
) -> CrossbarImage:
    """The image of a placed network; `steps`: when each unit fires. Raises Unsupported for an output that no
    neuron computes.
    """
    units = placed.clusters.units
    lines = _lines(placed.clusters)
    crossbars = tuple(
        CoreImage(int(x), int(y), _memory(placed, lines, steps, index))
        for index, (x, y) in enumerate(placed.tiles)
    )
    tensors: list[ImageTensor] = []
    sites: list[Site] = []
    for tensor in network.tensors:
        elements, of = _elements(tensor, network, units)
        found = list(_sites(tensor, elements, of, lines, len(tensors)))
        if tensor.kind == "layer" and len(found) < of.size:
            continue  # an input of the host's, or a part of one
        if tensor.kind == "output" and len(found) < of.size:
            rule = f"its output {tensor.name!r} is an input, which no neuron computes"
            raise Unsupported(network.populations[0].origin, rule, hint="take it from the input")
        tensors.append(ImageTensor(tensor.name, tensor.kind, tensor.shape, tensor.dtype, (), tensor.layer))
        sites += found
    return CrossbarImage(
        chip,
        crossbars,
        _words(word for rule in units.rules for word in _rule(rule)),
        tuple(tensors),
        _words(sites),
        about,
        before,
        after,
    )


def crossbar_layers(clusters: Clusters, network: Network) -> tuple[CrossbarLayer, ...]:
    """What each layer takes; inputs take nothing."""
    units = clusters.units
    found = []
    for layer in network.layers:
        members = np.flatnonzero(np.isin(units.population, layer.populations) & (clusters.of >= 0))
        if members.size:
            found.append(
                CrossbarLayer(
                    layer.name,
                    layer.operator,
                    int((~units.is_helper[members]).sum()),
                    int(members.size),
                    int(units.fan_in[members].sum()),
                    tuple(np.unique(clusters.of[members]).tolist()),
                )
            )
    return tuple(found)


def _lines(clusters: Clusters) -> _Lines:
    column: dict[int, Line] = {}
    rows: defaultdict[int, list[Line]] = defaultdict(list)
    crossbar, source = clusters.rows
    bounds = np.searchsorted(crossbar, np.arange(clusters.count + 1))
    order = np.argsort(clusters.of, kind="stable")
    begins = np.searchsorted(clusters.of[order], np.arange(clusters.count + 1))
    sources = [source[i:j] for i, j in pairwise(bounds)]
    members = [order[i:j] for i, j in pairwise(begins)]
    for index in range(clusters.count):
        column |= {unit: (index, line) for line, unit in enumerate(members[index].tolist())}
        for line, unit in enumerate(sources[index].tolist()):
            rows[unit].append((index, line))
    return _Lines(column, rows, sources, members)


def _memory(placed: Placed, lines: _Lines, steps: Integers, index: int) -> NDArray[np.uint64]:
    """The words of a crossbar."""
    units = placed.clusters.units
    members, sources = lines.members[index], lines.sources[index]
    cells = np.zeros((sources.size, members.size), dtype=np.float32)
    routes, columns = [], []
    for column, unit in enumerate(members.tolist()):
        heard = slice(int(units.first[unit]), int(units.first[unit + 1]))
        cells[np.searchsorted(sources, units.sources[heard]), column] = units.weights[heard]
        columns.append(
            Column(bias=float(units.bias[unit]), rule=int(units.rule[unit]), step=int(steps[unit]))
        )
        for crossbar, row in lines.rows.get(unit, ()):
            x, y = placed.tiles[crossbar].tolist()
            routes.append(Route(column=column, x=x, y=y, row=row))
    head = Head(rows=sources.size, columns=members.size, routes=len(routes))
    packed = pack(cells.ravel().view(np.uint32), 32)
    return np.concatenate([_words([head, *columns, *routes]), packed])


def _rule(rule: UnitRule) -> list[Rule | Number]:
    head = Rule(neuron=rule.neuron, activation=rule.activation, numbers=len(rule.numbers), scale=rule.scale)
    return [head, *(Number(value=number) for number in rule.numbers)]


def _sites(tensor: Tensor, elements: Integers, of: Integers, lines: _Lines, number: int) -> Iterator[Site]:
    for element, unit in zip(elements.tolist(), of.tolist(), strict=True):
        if tensor.kind == "input":
            for crossbar, row in lines.rows.get(unit, ()):
                yield Site(tensor=number, element=element, crossbar=crossbar, line=row)
        elif unit in lines.column:
            crossbar, column = lines.column[unit]
            yield Site(tensor=number, element=element, crossbar=crossbar, line=column)


def _elements(tensor: Tensor, network: Network, units: Units) -> tuple[Integers, Integers]:
    """The elements of a tensor that neurons have, and their units."""
    elements, of = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for p in tensor.pieces:
        shape = network.populations[p.population].shape
        held = units.neurons_of(p.population).reshape(shape.depth, shape.height, shape.width)
        of.append(held[p.c0 : p.c0 + p.depth, p.y0 : p.y0 + p.height, p.x0 : p.x0 + p.width].ravel())
        c, y, x = np.ogrid[: p.depth, : p.height, : p.width]
        elements.append((p.base + c * p.step_c + y * p.step_y + x * p.step_x).ravel())
    return np.concatenate(elements), np.concatenate(of)


def _words(words: Iterable[Word]) -> NDArray[np.uint64]:
    return np.array([word.encode() for word in words], dtype=np.uint64)
