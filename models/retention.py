"""The retention task of arXiv 2003.11639: a spiking network 700-400-250 that keeps a spatio-temporal pattern.

In 250 steps it hears one frozen pattern of random spikes and answers with a pattern of its own, that of
`pattern`. The weights that we ship are of 5 bits and of 2, trained by tools/train_retention.py.
"""

from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

SOURCES, HIDDEN, TARGETS, STEPS = 700, 400, 250, 250
RATE = 0.02  # of a source in a step
MEMBRANE, SYNAPSE = 20.0, 5.0  # steps in which a potential and a current fall by a factor of e
WINDOW = 10.0  # steps of the van Rossum distance
FILE = "retention.npz"

Floats = NDArray[np.float32]
Spikes = NDArray[np.bool_]
Whole = NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class Retention:
    """Weights of both layers as whole numbers [sources, targets], and what 1 stands for in each."""

    bits: int
    layers: tuple[Whole, Whole]
    scales: tuple[float, float]

    def run(self) -> tuple[Spikes, Spikes]:
        """Spikes [steps, neurons] of both layers."""
        first, second = (
            np.float32(scale) * layer.astype(np.float32)
            for scale, layer in zip(self.scales, self.layers, strict=True)
        )
        hidden = spikes(inputs() @ first)
        return hidden, spikes(hidden @ second)

    @property
    def density(self) -> float:
        """The share of weights that are not 0."""
        return sum(map(np.count_nonzero, self.layers)) / sum(layer.size for layer in self.layers)


def inputs() -> Spikes:
    """The frozen spikes of the sources [steps, sources]."""
    return np.random.default_rng(0).random((STEPS, SOURCES)) < RATE


def pattern() -> Spikes:
    """What the network is to answer [steps, targets]: waves that run through the neurons and cross."""
    neurons = np.arange(TARGETS)
    wanted = np.zeros((STEPS, TARGETS), dtype=np.bool_)
    for begins, slope, swing, period in (
        (30, 0.5, 12, 125),
        (220, -0.6, 8, 60),
        (100, 0.2, 25, 250),
        (170, -0.2, 15, 80),
        (60, 0.7, 0, 1),
    ):
        steps = np.rint(begins + slope * neurons + swing * np.sin(2 * np.pi * neurons / period))
        inside = (steps >= 10) & (steps < STEPS)  # the first spikes need some time to come through
        wanted[steps[inside].astype(np.int64), neurons[inside]] = True
    return wanted


def spikes(currents: Floats) -> Spikes:
    """Spikes of leaky neurons that get so much in each step [steps, neurons]: a spike resets to 0."""
    leak, fall = np.float32(np.exp(-1 / MEMBRANE)), np.float32(np.exp(-1 / SYNAPSE))
    current = potential = np.zeros(currents.shape[1], dtype=np.float32)
    fired = np.zeros(currents.shape, dtype=np.bool_)
    for step, arriving in enumerate(currents):
        current = fall * current + arriving
        potential = leak * potential * ~fired[step - 1] + current if step else current
        fired[step] = potential >= 1
    return fired


def smooth(fired: NDArray[np.bool_] | Floats) -> Floats:
    """Each spike as an exponential that falls over `WINDOW` steps."""
    fall = np.float32(np.exp(-1 / WINDOW))
    found = fired.astype(np.float32)
    for step in range(1, len(found)):
        found[step] += fall * found[step - 1]
    return found


def distance(fired: Spikes) -> float:
    """The van Rossum distance of an answer from the pattern, the mean over the neurons."""
    apart = smooth(fired) - smooth(pattern())
    return float(np.sqrt((apart**2).sum(axis=0) / WINDOW).mean())


def kept(fired: Spikes) -> float:
    """How much of the pattern an answer keeps: 1 is all, 0 is as far from it as silence."""
    return 1 - distance(fired) / distance(np.zeros_like(fired))


def retention(bits: int) -> Retention:
    """The trained network that we ship, with weights of 5 bits or of 2."""
    with (files(__package__) / FILE).open("rb") as file, np.load(file) as arrays:
        first, second = (arrays[f"layer{layer}_{bits}"] for layer in (1, 2))
        scales = arrays[f"scales_{bits}"].tolist()
    return Retention(bits, (first, second), (scales[0], scales[1]))
