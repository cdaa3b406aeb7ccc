"""All synapses of an image, as the simulator that is written from the manual alone follows its words."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from backends.by_the_manual import Chip, Neuron, Population, bits

Place = tuple[int, int, Neuron]  # core, address of the descriptor, neuron

UPDATES = ("add", "multiply", "maximum", "minimum")


@dataclass(frozen=True, slots=True)
class Synapse:
    """What an event of one neuron does to another. The scale of the target's population is in the weight."""

    source: Place
    target: Place
    weight: float
    update: str


class Walk(Chip):
    """A chip whose updates are noted, and not made."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.noted: list[tuple[Place, float, str]] = []

    def synapses(self) -> Iterator[Synapse]:
        """Every synapse of every neuron, whatever it would fire."""
        for core, address in dict.fromkeys((bits(word, 2, 17), bits(word, 18, 32)) for word in self.steps):
            source = self.population(core, address)
            for neuron in source.neurons():
                self.noted.clear()
                for axon in source.axons:
                    self.peg(source, axon, *neuron, np.float32(1))
                for target, weight, update in self.noted:
                    yield Synapse((core, address, neuron), target, weight, update)

    def update(
        self, p: Population, neuron: Neuron, number: Any, exponent: int, how: int, v: np.float32
    ) -> None:
        weight = math.ldexp(float(number), exponent) * float(p.scale)
        self.noted.append(((*p.key, neuron), weight, UPDATES[how]))
