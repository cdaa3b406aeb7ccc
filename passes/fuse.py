"""Fusing additions: a sum of feature maps takes the synapses of its summands (paper 5.3 counts ResNets so).

A population that only passes its sum on to one addition needs no neurons of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..ir.network import (
    Activation,
    AxisMap,
    Network,
    Neuron,
    Population,
    PopulationId,
    Projection,
    Update,
    neuron_layer,
)


@dataclass(frozen=True, slots=True)
class Fuse:
    """No population is left that is a plain sum of synapses and is read by one addition only, pointwise.

    Where that addition sees events in the next frame, it sees those of the summands then.
    """

    def __call__(self, network: Network) -> Network:
        """The network without those populations."""
        named = {
            piece.population
            for tensor in network.tensors
            if tensor.kind != "layer"
            for piece in tensor.pieces
        }
        populations = list(network.populations)
        projections = list(network.projections)
        gone: set[PopulationId] = set()
        last: set[PopulationId] = set()
        for index in range(len(populations)):
            pid, population = PopulationId(index), populations[index]
            out = [p for p in projections if p.source == pid]
            into = [p for p in projections if p.target == pid]
            if pid in named or len(out) != 1 or not _is_plain_sum(population, into):
                continue
            target = populations[out[0].target]
            if not _is_pointwise(out[0]) or target.shape != population.shape:
                continue
            is_late = out[0].is_recurrent
            if is_late:
                sources = {p.source for p in into if p.source <= out[0].target}
                if population.bias is not None or not all(
                    _may_be_last(populations[s], s, pid, projections) for s in sources
                ):
                    continue
                last |= sources
            projections = [
                replace(p, target=out[0].target, is_recurrent=is_late) if p.target == pid else p
                for p in projections
                if p is not out[0]
            ]
            populations[out[0].target] = _merged(target, population)
            gone.add(pid)
        return _renumbered(network, populations, projections, gone, last)


def _may_be_last(
    population: Population, source: PopulationId, only: PopulationId, projections: Sequence[Projection]
) -> bool:
    """Whether a population may fire behind all others: it is fed by the host, and feeds one other alone."""
    return population.neuron is Neuron.INPUT and all(
        p.target == only for p in projections if p.source == source
    )


def _is_plain_sum(population: Population, into: Sequence[Projection]) -> bool:
    return (
        population.neuron in (Neuron.STANDARD, Neuron.WIDE)
        and population.activation is Activation.IDENTITY
        and population.scale == 1
        and population.initial == 0
        and all(p.update is Update.ADD and not p.is_recurrent for p in into)
    )


def _is_pointwise(projection: Projection) -> bool:
    """Whether neuron (c, y, x) adds its value, as it is, to neuron (c, y, x)."""
    weights, first = projection.kernel.weights, projection.kernel.first
    return (
        projection.update is Update.ADD
        and weights.shape[1:] == (1, 1, 1)
        and bool((weights == 1).all())
        and np.array_equal(first, np.arange(len(first)))
        and _is_identity(projection.y)
        and _is_identity(projection.x)
    )


def _is_identity(axis: AxisMap) -> bool:
    return (
        axis.source_size == axis.target_size
        and np.array_equal(axis.targets, np.arange(axis.target_size))
        and np.array_equal(axis.sources, axis.targets)
        and bool((axis.factors == 1).all())
    )


def _merged(target: Population, summand: Population) -> Population:
    nodes = tuple(dict.fromkeys(summand.nodes + target.nodes))
    if summand.bias is None:
        return replace(target, nodes=nodes)
    bias = summand.bias if target.bias is None else target.bias + summand.bias
    return replace(
        target, nodes=nodes, bias=bias, bias_constants=target.bias_constants + summand.bias_constants
    )


def _renumbered(
    network: Network,
    populations: Sequence[Population],
    projections: Sequence[Projection],
    gone: set[PopulationId],
    last: set[PopulationId],
) -> Network:
    left = [PopulationId(i) for i in range(len(populations)) if i not in gone]
    kept = sorted(left, key=lambda population: population in last)
    number = {old: PopulationId(new) for new, old in enumerate(kept)}
    tensors = tuple(
        replace(tensor, pieces=tuple(replace(p, population=number[p.population]) for p in tensor.pieces))
        for tensor in network.tensors
        if not any(piece.population in gone for piece in tensor.pieces)
    )
    layers = sorted(
        (
            replace(found, populations=tuple(number[p] for p in found.populations))
            for layer in network.layers
            if (members := [p for p in layer.populations if p not in gone])
            for found in [neuron_layer(layer.name, layer.operator, populations, members)]
        ),
        key=lambda layer: layer.populations[0],
    )
    return replace(
        network,
        populations=tuple(populations[i] for i in kept),
        layers=tuple(layers),
        projections=tuple(replace(p, source=number[p.source], target=number[p.target]) for p in projections),
        tensors=tensors,
    )
