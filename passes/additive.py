"""Networks of sums alone: largest, smallest and products are made of them, exactly in whole numbers.

Changes add up; the largest of changes is not the change of the largest. So what integrates changes computes
max(a, b) = a + relu(b - a), min(a, b) = a - relu(a - b) and a b = ((a + b)^2 - (a - b)^2) / 4, each from sums
of what its sources are. These take states: one for each source of a window but the last.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..ir.errors import Unsupported
from ..ir.network import (
    Activation,
    AxisMap,
    Kernel,
    Network,
    Population,
    PopulationId,
    Projection,
    Shape,
    Update,
    neuron_layer,
)

Bools = NDArray[np.bool_]
QUARTER = 0.25  # of the difference of two squares


@dataclass(frozen=True, slots=True, eq=False)
class Additive:
    """The same network, with no update but ADD. Raises Unsupported for an extremum of what has no value."""

    def __call__(self, network: Network) -> Network:
        """Networks that have no other update stay as they are."""
        if all(p.update is Update.ADD for p in network.projections):
            return network
        return _Rewriter(network).network()


@dataclass(frozen=True, slots=True, eq=False)
class _Family:
    """A projection taken apart: by rows and by columns, each part with one entry for a target at most."""

    y: tuple[AxisMap, ...]
    x: tuple[AxisMap, ...]
    kernel: Kernel


@dataclass(frozen=True, slots=True, eq=False)
class _Term:
    """What one population adds to each neuron of a target, part (i, j) of a family times a factor. `source`
    counts the populations as rewritten.
    """

    source: PopulationId
    family: _Family
    i: int
    j: int
    factor: float = 1.0

    def times(self, factor: float) -> "_Term":
        return replace(self, factor=factor * self.factor)

    def covers(self, shape: Shape) -> Bools:
        """The neurons that it reaches, [D, H, W]."""
        channels, kernel = np.zeros(shape.depth, dtype=np.bool_), self.family.kernel
        for first, weights in zip(kernel.first.tolist(), kernel.weights, strict=True):
            if first >= 0:
                channels[first : first + kernel.depth] |= (weights != 0).any(axis=(1, 2))
        rows, columns = np.zeros(shape.height, dtype=np.bool_), np.zeros(shape.width, dtype=np.bool_)
        rows[self.family.y[self.i].targets], columns[self.family.x[self.j].targets] = True, True
        return np.asarray(channels[:, None, None] & rows[:, None] & columns)


Sum = tuple[_Term, ...]


class _Rewriter:
    def __init__(self, network: Network) -> None:
        self.old = network
        self.populations: list[Population] = []
        self.projections: list[Projection] = []
        self.number: dict[PopulationId, PopulationId] = {}
        self.helpers: dict[PopulationId, list[PopulationId]] = {}

    def network(self) -> Network:
        """The network as it is rewritten, its populations numbered anew."""
        old = self.old
        for index, population in enumerate(old.populations):
            self._rewrite(PopulationId(index), replace(population, fires_on_zero=False))
        late = (p for p in old.projections if p.is_recurrent)
        self.projections += (
            replace(p, source=self.number[p.source], target=self.number[p.target]) for p in late
        )
        tensors = (
            replace(t, pieces=tuple(replace(p, population=self.number[p.population]) for p in t.pieces))
            for t in old.tensors
        )
        layers = (
            neuron_layer(layer.name, layer.operator, self.populations, self._members(layer.populations))
            for layer in old.layers
        )
        return replace(
            old,
            populations=tuple(self.populations),
            projections=tuple(self.projections),
            tensors=tuple(tensors),
            layers=tuple(layers),
        )

    def _members(self, populations: Sequence[PopulationId]) -> Iterator[PopulationId]:
        for each in populations:
            yield from self.helpers.get(each, ())
            yield self.number[each]

    def _rewrite(self, old: PopulationId, population: Population) -> None:
        """A population behind the helpers that it needs."""
        into = [p for p in self.old.into(old) if not p.is_recurrent]
        terms: Sum = tuple(self._term(p) for p in into if p.update is Update.ADD)
        for update in (Update.MAXIMUM, Update.MINIMUM):
            found = [p for p in into if p.update is update]
            if found:
                if terms or population.bias is not None or len(found) + len(terms) < len(into):
                    raise _mixed(population)
                terms = self._extreme(old, population, found, update)
                population = replace(population, initial=0.0)
        factors = self._slots(population, [p for p in into if p.update is Update.MULTIPLY])
        for factor in factors:
            terms, population = self._product(old, population, terms, factor)
        self.number[old] = self._add(population, terms)

    # -- what populations are made of

    def _term(self, projection: Projection) -> _Term:
        """All of a projection."""
        family = _Family((projection.y,), (projection.x,), projection.kernel)
        return _Term(self.number[projection.source], family, 0, 0)

    def _parts(self, projection: Projection) -> Iterator[_Term]:
        """A projection as several, each of one source for a target at most."""
        y, x = tuple(_ways(projection.y)), tuple(_ways(projection.x))
        for kernel in _ways_of_channels(projection.kernel):
            family = _Family(y, x, kernel)
            for i, j in product(range(len(y)), range(len(x))):
                yield _Term(self.number[projection.source], family, i, j)

    def _add(self, population: Population, terms: Sum) -> PopulationId:
        """A population that sums the terms: those of one family through one kernel."""
        made = PopulationId(len(self.populations))
        self.populations.append(population)
        groups: dict[tuple[PopulationId, int], list[_Term]] = {}
        for term in terms:
            groups.setdefault((term.source, id(term.family)), []).append(term)
        self.projections += (_joined(made, held, population) for held in groups.values())
        return made

    def _helper(self, old: PopulationId, like: Population, activation: Activation, terms: Sum) -> _Term:
        """A population of its own with some function of a sum, as what it adds to the one that it helps."""
        parameters = (2.0,) if activation is Activation.POWER else ()
        number = len(self.helpers.setdefault(old, []))
        made = Population(
            f"{like.name}~{activation.name.lower()}{number}",
            like.shape,
            like.origin,
            activation=activation,
            parameters=parameters,
            nodes=like.nodes,
        )
        found = self._add(made, terms)
        self.helpers[old].append(found)
        return _identity(found, like.shape)

    def _extreme(
        self, old: PopulationId, population: Population, found: Sequence[Projection], update: Update
    ) -> Sum:
        """The largest or smallest of what the projections bring, two and two."""
        operands: list[Sum] = self._slots(population, found)
        sign = 1.0 if update is Update.MAXIMUM else -1.0
        while len(operands) > 1:
            pairs = list(zip(operands[::2], operands[1::2], strict=False))
            left = operands[-1:] if len(operands) % 2 else []
            operands = [self._larger(old, population, a, b, sign) for a, b in pairs] + left
        return operands[0]

    def _larger(self, old: PopulationId, population: Population, a: Sum, b: Sum, sign: float) -> Sum:
        difference = (*(t.times(sign) for t in b), *(t.times(-sign) for t in a))
        return (*a, self._helper(old, population, Activation.RELU, difference).times(sign))

    def _product(
        self, old: PopulationId, population: Population, terms: Sum, other: Sum
    ) -> tuple[Sum, Population]:
        """The product of two sums, and the population that takes it."""
        bias = population.bias
        if bias is None and population.initial:
            bias = np.full(population.shape.depth, population.initial, dtype=np.float32)
        found = []
        for sign, constants in ((1.0, population.bias_constants), (-1.0, ())):
            held = (*terms, *(t.times(sign) for t in other))
            square = self._helper(old, population, Activation.POWER, held)
            if bias is not None:
                made = self.populations[square.source]
                self.populations[square.source] = replace(made, bias=bias, bias_constants=constants)
            found.append(square.times(sign * QUARTER))
        return tuple(found), replace(population, bias=None, bias_constants=(), initial=0.0)

    # -- windows

    def _slots(self, population: Population, found: Sequence[Projection]) -> list[Sum]:
        """Projections as operands of which each brings every neuron one value, or none where 0 is neutral.

        A window of several sources is as many operands; at the borders, where it has fewer, some come twice.
        """
        slots: list[tuple[list[_Term], Bools]] = []
        for term in (term for projection in found for term in self._parts(projection)):
            covered = term.covers(population.shape)
            free = next((slot for slot in slots if not (slot[1] & covered).any()), None)
            if free is None:
                slots.append(([term], covered))
            else:
                free[0].append(term)
                np.logical_or(free[1], covered, out=free[1])
        is_neutral = population.initial == 0 and all(p.update is not Update.MULTIPLY for p in found)
        if not is_neutral and not all(taken.all() for _, taken in slots):
            raise _mixed(population)
        return [tuple(held) for held, _ in slots]


def _mixed(population: Population) -> Unsupported:
    rule = "what it compares or multiplies differs from neuron to neuron, which changes cannot express"
    return Unsupported(population.origin, rule, hint="compile with --neurons standard")


def _identity(source: PopulationId, shape: Shape) -> _Term:
    """Each neuron to itself, with weight one."""
    ones = np.broadcast_to(np.ones((1, 1, 1, 1), np.float32), (shape.depth, 1, 1, 1))
    kernel = Kernel(ones, np.arange(shape.depth), is_shared=True)
    return _Term(source, _Family((_same(shape.height),), (_same(shape.width),), kernel), 0, 0)


def _same(size: int) -> AxisMap:
    x = np.arange(size)
    return AxisMap(size, size, 1, x, x, np.zeros(size, dtype=np.int64), np.ones(size))


def _joined(target: PopulationId, terms: Sequence[_Term], population: Population) -> Projection:
    """Parts of one family as one projection: each part has taps of its own."""
    family, kernel = terms[0].family, terms[0].family.kernel
    rows, columns = (sorted(set(part)) for part in zip(*((t.i, t.j) for t in terms), strict=True))
    high, wide = kernel.weights.shape[2:]
    if len(terms) == 1 and terms[0].factor == 1:
        return Projection(
            terms[0].source, target, family.y[rows[0]], family.x[columns[0]], kernel, population.origin
        )
    weights = np.zeros((*kernel.weights.shape[:2], len(rows) * high, len(columns) * wide), dtype=np.float32)
    for term in terms:
        top, left = rows.index(term.i) * high, columns.index(term.j) * wide
        weights[:, :, top : top + high, left : left + wide] += kernel.weights * np.float32(term.factor)
    # What training made is written back once: into the layer of the other sign.
    made = replace(kernel, weights=weights, constant="", index=None)
    y, x = _taps([family.y[i] for i in rows], high), _taps([family.x[j] for j in columns], wide)
    return Projection(terms[0].source, target, y, x, made, population.origin)


def _taps(parts: Sequence[AxisMap], taps: int) -> AxisMap:
    """Axis maps as one, the taps of each behind those of the one before."""
    targets, sources, factors = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("targets", "sources", "factors")
    )
    numbers = np.concatenate([part.taps + index * taps for index, part in enumerate(parts)])
    order = np.lexsort((numbers, sources, targets))
    size = parts[0]
    return AxisMap(
        size.source_size,
        size.target_size,
        len(parts) * taps,
        targets[order],
        sources[order],
        numbers[order],
        factors[order],
    )


def _ways(axis: AxisMap) -> Iterator[AxisMap]:
    """An axis map as several, each of one entry a target: the first ones, the second ones, and so on; where
    there are no more, the first ones again.
    """
    counts = np.bincount(axis.targets, minlength=axis.target_size)
    begins = np.cumsum(counts) - counts
    order = np.argsort(axis.targets, kind="stable")
    held = np.flatnonzero(counts)
    for turn in range(int(counts.max(initial=0))):
        chosen = order[begins[held] + turn % counts[held]]
        yield replace(
            axis,
            targets=axis.targets[chosen],
            sources=axis.sources[chosen],
            taps=axis.taps[chosen],
            factors=axis.factors[chosen],
        )


def _ways_of_channels(kernel: Kernel) -> Iterator[Kernel]:
    """A kernel as several, in each of which every target channel hears one source channel at most."""
    live = (kernel.weights != 0).any(axis=(2, 3))
    ways: list[tuple[list[int], set[int]]] = []
    for channel, first in enumerate(kernel.first.tolist()):
        if first < 0:
            continue
        reached = set((first + np.flatnonzero(live[channel])).tolist())
        way = next((way for way in ways if not way[1] & reached), None)
        if way is None:
            ways.append(([channel], reached))
        else:
            way[0].append(channel)
            way[1].update(reached)
    if len(ways) < 2:
        yield kernel
        return
    for channels, _ in ways:
        first = np.full_like(kernel.first, -1)
        first[channels] = kernel.first[channels]
        yield replace(kernel, first=first)
