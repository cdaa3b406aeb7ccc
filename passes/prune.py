"""Pruning: channels whose neurons are always 0 are left out, with every synapse from and to them.

The proof is in the network: all weights that end in such a channel are 0, and its activation function makes
0 of the state that it begins with. A neuron whose value is 0 sends no event, so nobody hears a difference;
where a tensor has no neuron for an element, the element is 0.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..ir.activations import Parameter
from ..ir.network import (
    Kernel,
    Network,
    Neuron,
    Piece,
    Population,
    PopulationId,
    Tensor,
    Unpruned,
)

Channels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Prune:
    """No channel is always 0, but for those of inputs and outputs, and one of a population of such alone.

    Weights count as they were trained: what a weight format makes 0 stays.
    """

    def __call__(self, network: Network) -> Network:
        """The network without those channels; what only they fed goes, too."""
        if network.is_whole:
            return network
        named = {p.population for tensor in network.tensors if tensor.kind != "layer" for p in tensor.pieces}
        for index in network.firing:
            if index not in named and (kept := _kept(network, index)) is not None:
                network = _reduced(network, index, kept)
        return network


def _kept(network: Network, index: PopulationId) -> Channels | None:
    """The channels of a population that may be other than 0; None where all stay."""
    population, into = network.populations[index], network.into(index)
    if population.neuron is not Neuron.STANDARD or population.fires_on_zero:
        return None
    if any(p.is_recurrent or not _is_divisible(p.kernel) for p in into):
        return None
    depth = population.shape.depth
    fed = np.zeros(depth, dtype=np.bool_)
    for projection in into:
        kernel = projection.kernel
        if kernel.depth > 1:  # the same for all
            start = int(kernel.first[0])
            if start >= 0:
                fed[start : start + kernel.depth] |= kernel.weights.any(axis=(0, 2, 3))
        else:
            fed[kernel.first[(kernel.first >= 0) & kernel.weights.any(axis=(1, 2, 3))]] = True
    begins = np.full(depth, population.initial, dtype=np.float32)
    if population.bias is not None:
        begins = population.bias
    held = [np.asarray(parameter, dtype=np.float32) for parameter in population.parameters]
    with np.errstate(all="ignore"):
        values = population.activation.function(np.float32(population.scale) * begins, *held)
    kept = np.flatnonzero(fed | (values != 0))
    if kept.size == depth:
        return None
    return kept if kept.size else np.zeros(1, dtype=np.int64)


def _is_divisible(kernel: Kernel) -> bool:
    """Whether some of its target channels can be left out: one for each source, or the same for all."""
    return kernel.depth == 1 or len(np.unique(kernel.first)) == 1


def _reduced(network: Network, index: PopulationId, kept: Channels) -> Network:
    """The network with these channels of a population alone."""
    projections = []
    for projection in network.projections:
        if projection.source == index:
            projection = replace(projection, kernel=_from(projection.kernel, kept))
        if projection.target == index:
            projection = replace(projection, kernel=_to(projection.kernel, kept))
        if projection.kernel.depth:
            projections.append(projection)
    populations = list(network.populations)
    populations[index] = _with_channels(populations[index], kept)
    tensors = tuple(_named(tensor, index, kept) for tensor in network.tensors)
    return replace(network, populations=tuple(populations), projections=tuple(projections), tensors=tensors)


def _with_channels(population: Population, kept: Channels) -> Population:
    def some(parameter: Parameter) -> Parameter:
        return tuple(parameter[c] for c in kept.tolist()) if isinstance(parameter, tuple) else parameter

    unpruned = None
    if population.bias is not None:
        unpruned = Unpruned(population.bias, tuple(kept.tolist()))
    return replace(
        population,
        shape=replace(population.shape, depth=kept.size),
        parameters=tuple(some(parameter) for parameter in population.parameters),
        bias=None if population.bias is None else population.bias[kept],
        unpruned=unpruned,
    )


def _from(kernel: Kernel, kept: Channels) -> Kernel:
    """A kernel of these source channels."""
    index = None if kernel.index is None else kernel.index[kept]
    return replace(kernel, weights=kernel.weights[kept], first=kernel.first[kept], index=index)


def _to(kernel: Kernel, kept: Channels) -> Kernel:
    """A kernel to these target channels."""
    if kernel.depth == 1:
        places = np.searchsorted(kept, kernel.first)
        found = kept[np.minimum(places, kept.size - 1)] == kernel.first
        return replace(kernel, first=np.where(found & (kernel.first >= 0), places, -1))
    start = int(kernel.first[0])
    if start < 0:
        return kernel
    own = kept[(kept >= start) & (kept < start + kernel.depth)] - start
    first = np.full_like(kernel.first, np.searchsorted(kept, start))
    index = None if kernel.index is None else kernel.index[:, own]
    return replace(kernel, weights=kernel.weights[:, own], first=first, index=index)


def _named(tensor: Tensor, index: PopulationId, kept: Channels) -> Tensor:
    """A tensor that names the neurons that are left."""
    pieces: list[Piece] = []
    for piece in tensor.pieces:
        if piece.population != index:
            pieces.append(piece)
            continue
        own = np.flatnonzero((kept >= piece.c0) & (kept < piece.c0 + piece.depth))
        for run in np.split(own, np.flatnonzero(np.diff(kept[own]) != 1) + 1):
            if run.size:
                base = piece.base + (int(kept[run[0]]) - piece.c0) * piece.step_c
                pieces.append(replace(piece, c0=int(run[0]), depth=run.size, base=base))
    return replace(tensor, pieces=tuple(pieces))
