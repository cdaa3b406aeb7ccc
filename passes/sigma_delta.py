"""Sigma-delta: neurons keep what they have received for good, and send what their values have changed.

The connectivity stays as it is, for accumulating is linear (paper, 3.2.1).
"""

from dataclasses import dataclass, replace

from ..ir.errors import Unsupported
from ..ir.network import Activation, Network, Neuron, Population, PopulationId, Tensor
from .additive import Additive


@dataclass(frozen=True, slots=True)
class SigmaDelta:
    """A network that computes in every frame what it did, from the changes since the frame before.

    A change of at most `threshold` is not sent until there is more of it: what receivers hold is never
    further off. With 0, every change is sent. Raises Unsupported for neurons that run over time themselves.
    """

    threshold: float = 0.0

    def __call__(self, network: Network) -> Network:
        """The network of changes."""
        for population in network.populations:
            if population.neuron not in (Neuron.STANDARD, Neuron.WIDE, Neuron.INPUT):
                rule = f"it is of {population.neuron.name} neurons, which run over time themselves"
                raise Unsupported(population.origin, rule, hint="compile with --neurons standard")
        summed = Additive()(network)
        named = {
            piece.population for tensor in summed.tensors if tensor.kind != "layer" for piece in tensor.pieces
        }
        read = {projection.source for projection in summed.projections}
        linear = {
            PopulationId(index)
            for index, each in enumerate(summed.populations)
            if _is_linear(each) and index not in named and index in read
        }
        populations = tuple(
            each if index in linear else self._changed(each, index in read)
            for index, each in enumerate(summed.populations)
        )
        tensors = tuple(tensor for tensor in summed.tensors if not _names(tensor, linear))
        return replace(summed, populations=populations, tensors=tensors)

    def _changed(self, population: Population, is_read: bool) -> Population:
        """A population that sends changes. What nothing reads shows its value as it is."""
        if population.neuron is Neuron.INPUT:
            return replace(population, changes_above=self.threshold)
        threshold = self.threshold if is_read else 0.0
        parameters = (threshold, *population.parameters)
        return replace(population, neuron=Neuron.SIGMA_DELTA, parameters=parameters)


def _is_linear(population: Population) -> bool:
    """Whether a population's change is what it computes of changes: it needs to keep nothing."""
    return (
        population.neuron in (Neuron.STANDARD, Neuron.WIDE)
        and population.activation is Activation.IDENTITY
        and population.bias is None
        and population.initial == 0
    )


def _names(tensor: Tensor, populations: set[PopulationId]) -> bool:
    return any(piece.population in populations for piece in tensor.pieces)
