"""Sigma-delta: neurons keep what they have received for good, and send what their values have changed.

The connectivity stays as it is, for accumulating is linear (paper, 3.2.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..ir.errors import Unsupported
from ..ir.network import (
    Activation,
    AxisMap,
    Network,
    Neuron,
    Population,
    PopulationId,
    Projection,
    Tensor,
    Update,
)
from .additive import Additive

STEP = 2.0**-8  # of the largest value: as fine as numbers of eight bits are
MASK = 6e4  # in the place of a mask's infinity: its exponential is 0, and sums with it keep eight bits
LARGEST = float(np.finfo(np.float32).max)  # what is above it is infinite


@dataclass(frozen=True, slots=True)
class SigmaDelta:
    """A network that computes in every frame what it did, from the changes since the frame before.

    A change of at most `threshold` is not sent until there is more of it: what receivers hold is never
    further off. With 0, every change is sent. Raises Unsupported for neurons that run over time themselves,
    and for infinities: their changes are not numbers. Constant ones, which mask, become large numbers, of
    which a step of eight bits would be too much.

    Where a neuron has one synapse, its weight multiplies what it has received, not each change: changes of
    whole numbers then add up to whole numbers, and what these are multiplied by is rounded as in frames.

    `peaks`: the largest values of each population of `Additive()(network)`. Its threshold is then a step of
    eight bits of these.
    """

    threshold: float = 0.0
    peaks: Sequence[float] = ()

    def __call__(self, network: Network) -> Network:
        """The network of changes."""
        for population in network.populations:
            if population.neuron not in (Neuron.STANDARD, Neuron.WIDE, Neuron.INPUT):
                rule = f"it is of {population.neuron.name} neurons, which run over time themselves"
                raise Unsupported(population.origin, rule, hint="compile with --neurons standard")
        summed = Additive()(_finite(network, takes_masks=not self.peaks))
        named = {
            piece.population for tensor in summed.tensors if tensor.kind != "layer" for piece in tensor.pieces
        }
        read = {projection.source for projection in summed.projections}
        linear = {
            PopulationId(index)
            for index, each in enumerate(summed.populations)
            if _is_linear(each) and index not in named and index in read
        }
        assert not self.peaks or len(self.peaks) == len(summed.populations), "a peak for each population"
        populations = tuple(
            each
            if index in linear
            else self._changed(
                _scaled(each, summed.into(PopulationId(index))), self._least(index) if index in read else 0.0
            )
            for index, each in enumerate(summed.populations)
        )
        tensors = tuple(tensor for tensor in summed.tensors if not _names(tensor, linear))
        return replace(summed, populations=populations, tensors=tensors)

    def _least(self, index: int) -> float:
        """What a change of a population that is read must be above."""
        return float(np.float32(STEP * self.peaks[index])) if self.peaks else self.threshold

    def _changed(self, population: Population, threshold: float) -> Population:
        """A population that sends changes. What nothing reads shows its value as it is."""
        if population.neuron is Neuron.INPUT:
            return replace(population, changes_above=threshold)
        parameters = (threshold, *population.parameters)
        return replace(population, neuron=Neuron.SIGMA_DELTA, parameters=parameters)


def _finite(network: Network, *, takes_masks: bool) -> Network:
    """The network with large numbers for constant infinities, if it `takes_masks`. Raises Unsupported for
    others.
    """
    constant: set[PopulationId] = set()
    found: list[Population] = []
    for index, each in enumerate(network.populations):
        number = PopulationId(index)
        if each.neuron is not Neuron.INPUT and constant.issuperset(p.source for p in network.into(number)):
            constant.add(number)
        if each.makes_infinities and takes_masks and number in constant:
            found.append(
                replace(each, parameters=(each.parameters[0], float(np.sign(each.parameters[1])) * MASK))
            )
            continue
        finds_some = each.activation is Activation.THRESHOLDED_RELU and LARGEST in each.parameters
        if each.makes_infinities or finds_some:
            rule = "it computes with infinities, whose changes are not numbers"
            raise Unsupported(each.origin, rule, hint="compile with --neurons standard")
        found.append(each)
    return replace(network, populations=tuple(found))


def _is_linear(population: Population) -> bool:
    """Whether a population's change is what it computes of changes: it needs to keep nothing."""
    return (
        population.neuron in (Neuron.STANDARD, Neuron.WIDE)
        and population.activation is Activation.IDENTITY
        and population.bias is None
        and population.initial == 0
    )


def _scaled(population: Population, into: Sequence[Projection]) -> Population:
    """A population whose neurons have one synapse each, with its weights as the scales of its channels."""
    is_free = population.bias is None or not population.bias.any()
    is_bare = is_free and population.initial == 0 and population.scale == 1
    if not into or not is_bare or population.scales or any(p.is_recurrent for p in into):
        return population
    shape = population.shape
    found = np.zeros(shape.depth, dtype=np.float32)
    synapses = np.zeros((shape.depth, shape.height, shape.width), dtype=np.int64)
    for projection in into:
        kernel, y, x = projection.kernel, projection.y, projection.x
        is_plain = projection.update is Update.ADD and kernel.format is None
        if not is_plain or not (_is_single(y) and _is_single(x)):
            return population
        counts = np.zeros(shape.depth, dtype=np.int64)
        for first, weights in zip(kernel.first.tolist(), kernel.weights, strict=True):
            for channel, taps in enumerate(weights if first >= 0 else weights[:0], first):
                values = np.unique(taps)
                if not values.any():
                    continue
                if values.size > 1 or found[channel] not in (0, values[0]):
                    return population
                found[channel] = values[0]
                counts[channel] += 1
        rows, columns = np.zeros(shape.height, dtype=np.int64), np.zeros(shape.width, dtype=np.int64)
        rows[y.targets], columns[x.targets] = 1, 1
        synapses += counts[:, None, None] * rows[:, None] * columns
        if synapses.max() > 1:
            return population
    if (found == np.rint(found)).all():
        return population
    scales = tuple(np.where(found == 0, np.float32(1), found).tolist())
    return replace(population, scales=scales, bias=None, bias_constants=(), unpruned=None)


def _is_single(axis: AxisMap) -> bool:
    """Whether each position hears one other at most, as it is."""
    return bool(np.bincount(axis.targets).max(initial=0) <= 1 and (axis.factors == 1).all())


def _names(tensor: Tensor, populations: set[PopulationId]) -> bool:
    return any(piece.population in populations for piece in tensor.pieces)
