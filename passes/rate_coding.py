"""Rate coding: a network of rectified sums becomes one of integrate-and-fire neurons, shown each frame for
some steps.

A neuron's threshold is the largest value that it had on data; it spikes in as large a share of the steps as
its value is of that. A spike is worth the threshold, so that weights stay as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..ir.errors import Unsupported
from ..ir.network import Activation, Network, Neuron, Population, PopulationId, Update
from .additive import Additive

RECTIFIED = (Activation.RELU, Activation.CLIP)
KEPT = 1.0  # of a voltage, from step to step and over a spike
HINT = "compile with --neurons standard, or train with ReLU"


@dataclass(frozen=True, slots=True)
class RateCode:
    """A network whose outputs, after `steps` steps of one frame, are near those that it had.

    `peaks`: the largest value of each population of `summed(network)`. Raises Unsupported for what has no
    rate: other activation functions, products, neurons that run over time.
    """

    peaks: Sequence[float]
    steps: int

    def __call__(self, network: Network) -> Network:
        """The network of integrate-and-fire neurons."""
        found = summed(network)
        assert len(self.peaks) == len(found.populations), "a peak for each population"
        read = {projection.source for projection in found.projections}
        populations = tuple(
            self._coded(population, peak, PopulationId(index) in read)
            for index, (population, peak) in enumerate(zip(found.populations, self.peaks, strict=True))
        )
        return replace(found, populations=populations)

    def _coded(self, population: Population, peak: float, is_read: bool) -> Population:
        if population.neuron is Neuron.INPUT:
            return population
        if not is_read:  # the mean over the steps
            held = (KEPT, population.scale / self.steps, *population.parameters)
            return replace(population, neuron=Neuron.LI, parameters=held, scale=1.0)
        if population.activation is Activation.IDENTITY:
            return replace(population, fires_on_zero=False)
        threshold = _threshold(population, peak)
        voltage = threshold / population.scale
        return replace(
            population,
            neuron=Neuron.LIF,
            activation=Activation.IDENTITY,
            parameters=(KEPT, voltage, KEPT, -voltage),
            scale=threshold,
            fires_on_zero=False,
        )


def summed(network: Network) -> Network:
    """The network with sums alone, which rates add up to as values do. Raises Unsupported."""
    outputs = {p.population for t in network.tensors if t.kind == "output" for p in t.pieces}
    read = {projection.source for projection in network.projections}
    for index, population in enumerate(network.populations):
        number = PopulationId(index)
        if population.neuron not in (Neuron.STANDARD, Neuron.INPUT):
            rule = f"it is of {population.neuron.name} neurons, which have no rates"
            raise Unsupported(population.origin, rule, hint=HINT)
        into = network.into(number)
        if any(p.update is Update.MULTIPLY for p in into):
            raise Unsupported(population.origin, "a product of rates is no rate", hint=HINT)
        if any(p.is_recurrent for p in into):
            raise Unsupported(population.origin, "it hears of the frame before", hint=HINT)
        if number in outputs and number in read and population.activation is not Activation.IDENTITY:
            rule = "it is an output of the network, and what reads it needs its spikes"
            raise Unsupported(population.origin, rule, hint="let outputs be read by nothing")
        is_rate = population.activation in (*RECTIFIED, Activation.IDENTITY)
        if number in read and not (is_rate and population.activation.least(population.parameters) in LEAST):
            rule = f"{population.activation.name} is no rate, which begins at 0 and grows with the sum"
            raise Unsupported(population.origin, rule, hint=HINT)
    return Additive()(network)


LEAST = (0.0, float("-inf"))  # of what is rectified, and of sums


def _threshold(population: Population, peak: float) -> float:
    """The value that a neuron has when it spikes in every step."""
    most = peak
    if population.activation is Activation.CLIP:
        bound = population.parameters[1]
        most = min(peak, max(bound) if isinstance(bound, tuple) else bound)
    return most if most > 0 else 1.0
