"""A network unrolled: every neuron is a unit of its own, every synapse an entry of a sparse matrix."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import VerifyError
from ..network import Activation, Neuron, NeuronModel, PopulationId

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

INPUT = -1  # the rule of a unit whose value is the host's


@dataclass(frozen=True, slots=True)
class Rule:
    """What a unit does with the sum of its synapses: a neuron model, and its activation function.

    `numbers`: parameters of the neuron model, then those of the activation function.
    """

    neuron: NeuronModel = Neuron.STANDARD
    activation: Activation = Activation.IDENTITY
    numbers: tuple[float, ...] = ()
    scale: float = 1.0


LINEAR = Rule()  # a partial sum: its value is its state
RECTIFIED = Rule(activation=Activation.RELU)


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """Units in firing order, and their synapses.

    Unit u begins at `bias[u]` and adds weights times values of the units `sources[first[u]:first[u + 1]]`,
    each named once, in ascending order. A source that fires later than u has the value of the frame before.
    `rule` indexes `rules`, or is INPUT. `population`: what the unit is a part of. `is_helper`: it is no
    neuron of the network, but a part of the sum of one. `neurons`: the unit of each neuron, population after
    population, `offsets` where each population's begin.
    """

    name: str
    rules: tuple[Rule, ...]
    rule: Integers
    bias: Floats
    first: Integers
    sources: Integers
    weights: Floats
    population: Integers
    is_helper: NDArray[np.bool_]
    neurons: Integers
    offsets: Integers

    @property
    def count(self) -> int:
        """All units, those of inputs too."""
        return self.rule.size

    @property
    def computed(self) -> Integers:
        """The units that are no inputs."""
        return np.flatnonzero(self.rule != INPUT)

    @property
    def fan_in(self) -> Integers:
        """The synapses of each unit."""
        return np.diff(self.first)

    @property
    def targets(self) -> Integers:
        """The unit that each synapse ends in."""
        return np.repeat(np.arange(self.count), self.fan_in)

    def neurons_of(self, population: PopulationId) -> Integers:
        """The units of a population's neurons, [D, H, W] flat."""
        return self.neurons[self.offsets[population] : self.offsets[population + 1]]

    def verify(self) -> None:
        """Raises VerifyError for units that are not what this class says."""
        targets = self.targets
        inner = np.diff(self.sources) <= 0
        if (inner & (np.diff(targets) == 0)).any():
            raise VerifyError(f"{self.name}: sources of a unit are not in order")
        if self.sources.size != self.first[-1] or self.weights.size != self.sources.size:
            raise VerifyError(f"{self.name}: synapses are not those of the units")
        if (self.rule[targets] == INPUT).any():
            raise VerifyError(f"{self.name}: an input has synapses")
        if (self.sources == targets).any():
            raise VerifyError(f"{self.name}: a unit feeds itself")
        if np.unique(self.neurons).size != self.neurons.size or self.is_helper[self.neurons].any():
            raise VerifyError(f"{self.name}: neurons are not units of their own")
