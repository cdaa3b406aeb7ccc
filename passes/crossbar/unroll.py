"""Unrolling: a network's populations and projections, neuron by neuron and synapse by synapse."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite, prod

import numpy as np

from ...ir.crossbar.units import INPUT, RECTIFIED, Floats, Integers, Rule, Units
from ...ir.deadline import in_time
from ...ir.errors import Unsupported
from ...ir.network import Network, Population, Projection, Shape, Update
from .rewrite import Part, rewritten

SYNAPSES_MAX = 2**24  # of a network that is unrolled: some 400 MB of numbers

Terms = dict[int, float]  # a sum of units, times numbers


@dataclass(frozen=True, slots=True)
class Unroll:
    """The units of a network: what its neurons compute, in sums alone.

    Synapses of one pair of neurons become one. A weight that was trained, or rounded, to 0 is a synapse all
    the same: so the units of a layer stay alike, whatever format its weights have.

    A crossbar has no maximum: the larger of a and b is a + max(b - a, 0), so that maxima and minima become
    units that rectify differences.
    """

    def __call__(self, network: Network) -> Units:
        """The units. Raises Unsupported for what is no sum: products of neurons, and networks too large."""
        sizes = [population.shape.neurons for population in network.populations]
        offsets = np.cumsum([0, *sizes])
        origin = network.populations[0].origin
        if sum(_pairs(p) for p in network.projections) > SYNAPSES_MAX:
            said = f"unrolled, it has more than {SYNAPSES_MAX} synapses"
            raise Unsupported(origin, said, hint="compile it for cores that share kernels, such as grai-vip")
        extreme = _updates(network)
        rules: dict[Rule, int] = {}
        rule: list[Integers] = []
        bias: list[Floats] = []
        for population in network.populations:
            if extreme and population.makes_infinities:
                why = "it makes infinities, and a crossbar compares by differences"
                raise Unsupported(population.origin, why, hint="compile it for a target of another kind")
            rule.append(_rules(population, rules))
            bias.append(_biases(population))
        edges = []
        for projection in network.projections:
            in_time("synapses were listed")
            edges.append(_edges(projection, network, offsets))
        empty = np.empty(0, dtype=np.int64)
        targets = np.concatenate([empty, *(edge[0] for edge in edges)])
        sources = np.concatenate([empty, *(edge[1] for edge in edges)])
        weights = np.concatenate([np.empty(0), *(edge[2] for edge in edges)])
        key, inverse = np.unique(targets * offsets[-1] + sources, return_inverse=True)
        summed = np.bincount(inverse, weights, key.size).astype(np.float64)
        fan_in = np.bincount(key // offsets[-1], minlength=offsets[-1])
        units = Units(
            network.name,
            tuple(rules),
            np.concatenate(rule),
            np.concatenate(bias),
            np.concatenate([[0], np.cumsum(fan_in)]),
            key % offsets[-1],
            summed,
            np.repeat(np.arange(len(sizes)), sizes),
            np.zeros(offsets[-1], dtype=np.bool_),
            np.arange(offsets[-1]),
            offsets,
        )
        if not extreme:
            return units
        return _without_extremes(units, extreme, rules)


def _pairs(projection: Projection) -> int:
    """The synapses of a projection, at most."""
    kernel = projection.kernel
    return int((kernel.first >= 0).sum()) * kernel.depth * projection.y.taps.size * projection.x.taps.size


def _updates(network: Network) -> dict[int, Update]:
    """The populations that keep the largest or the smallest of what they hear. Raises Unsupported."""
    found: dict[int, Update] = {}
    for index in network.firing:
        kinds = {projection.update for projection in network.into(index)}
        population = network.populations[index]
        if Update.MULTIPLY in kinds or (len(kinds) > 1 and kinds != {Update.ADD}):
            rule = "it multiplies neurons by neurons, a crossbar only sums"
            raise Unsupported(population.origin, rule, hint="compile it for a target of another kind")
        if kinds and kinds != {Update.ADD}:
            found[index] = kinds.pop()
    return found


def _rules(population: Population, rules: dict[Rule, int]) -> Integers:
    """The rule of each neuron; new ones are added. Raises Unsupported."""
    shape = population.shape
    if population.ends is not None or population.changes_above is not None:
        what = "begins anew in intervals" if population.ends else "sends changes of the host's elements"
        why = f"it {what}, which nothing on a crossbar does"
        raise Unsupported(population.origin, why, hint="compile it for a target of another kind")
    if population.activation.is_further:
        why = f"its activation function {population.activation.name} has no code in a rule of a crossbar"
        raise Unsupported(population.origin, why, hint="compile it for a target of another kind")
    if population.neuron.is_fed:
        return np.full(shape.neurons, INPUT)
    given = population.parameters
    by_channel = []
    for channel in range(shape.depth):
        numbers = tuple(float(p[channel] if isinstance(p, tuple) else p) for p in given)
        rule = Rule(population.neuron, population.activation, numbers, population.scale)
        by_channel.append(rules.setdefault(rule, len(rules)))
    return np.repeat(np.array(by_channel, dtype=np.int64), shape.height * shape.width)


def _biases(population: Population) -> Floats:
    shape = population.shape
    if population.bias is None:
        return np.full(shape.neurons, float(population.initial))
    return np.repeat(population.bias.astype(np.float64), shape.height * shape.width)


def _edges(projection: Projection, network: Network, offsets: Integers) -> tuple[Integers, Integers, Floats]:
    """Target, source and weight of every synapse of a projection."""
    kernel, y, x = projection.kernel, projection.y, projection.x
    channels = np.flatnonzero(kernel.first >= 0)
    reached = kernel.first[channels][:, None] + np.arange(kernel.depth)
    source = network.populations[projection.source].shape
    target = network.populations[projection.target].shape
    to = _numbers(target, reached[:, :, None, None], y.targets[:, None], x.targets)
    of = _numbers(source, channels[:, None, None, None], y.sources[:, None], x.sources)
    weights = kernel.weights[channels][:, :, y.taps[:, None], x.taps].astype(np.float64)
    weights = weights * (y.factors[:, None] * x.factors)
    shape = np.broadcast_shapes(to.shape, of.shape, weights.shape)
    assert prod(shape) == weights.size, "a synapse for each pair of pairs"
    if projection.update is Update.ADD and kernel.index is not None:
        is_synapse = np.broadcast_to(kernel.index[channels][:, :, y.taps[:, None], x.taps] >= 0, shape)
    else:
        is_synapse = weights != 0
    return (
        np.broadcast_to(to, shape)[is_synapse] + offsets[projection.target],
        np.broadcast_to(of, shape)[is_synapse] + offsets[projection.source],
        weights[is_synapse],
    )


def _numbers(shape: Shape, c: Integers, y: Integers, x: Integers) -> Integers:
    return (c * shape.height + y) * shape.width + x


def _without_extremes(units: Units, extreme: dict[int, Update], rules: dict[Rule, int]) -> Units:
    """Maxima and minima as units that rectify differences, and one that sums."""
    rectified = rules.setdefault(RECTIFIED, len(rules))
    which = np.flatnonzero(np.isin(units.population, list(extreme)))

    def parts(unit: int) -> Iterator[Part]:
        sign = -1.0 if extreme[int(units.population[unit])] is Update.MINIMUM else 1.0
        heard = slice(int(units.first[unit]), int(units.first[unit + 1]))
        sides: list[tuple[Terms, float]] = [
            ({source: sign * weight}, 0.0)
            for source, weight in zip(units.sources[heard].tolist(), units.weights[heard], strict=True)
        ]
        start = float(units.bias[unit])
        if (start and isfinite(start)) or not sides:
            # A first value of 0 stands for that no source is beyond it (lowering sees to that).
            sides.append(({}, sign * start))
        made = 0
        while len(sides) > 1:
            joined = []
            for (a, base), (b, other) in zip(sides[::2], sides[1::2], strict=False):
                difference = {**b}
                for source, weight in a.items():
                    difference[source] = difference.get(source, 0.0) - weight
                yield _part(difference, rectified, other - base)
                joined.append(({**a, ~made: 1.0}, base))
                made += 1
            sides = joined + sides[len(sides) - len(sides) % 2 :]
        terms, constant = sides[0]
        total = {source: sign * weight for source, weight in terms.items()}
        yield _part(total, int(units.rule[unit]), sign * constant)

    return rewritten(units, which, lambda unit: tuple(parts(unit)), tuple(rules))


def _part(terms: Terms, rule: int, bias: float) -> Part:
    named = {source: weight for source, weight in terms.items() if weight}
    return Part(np.array(list(named), dtype=np.int64), np.array(list(named.values())), rule, bias)
