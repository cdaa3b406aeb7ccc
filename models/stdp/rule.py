"""Learning by spike timing, without labels: the rule, and the loop that runs it (FSpiNN, arXiv 2007.08860).

Integrate-and-fire neurons without a leak compete: a spike of one takes `inhibition` off the voltages of all
others in the next step. Who spikes draws its weights towards the inputs that have just spiked, and raises its
own threshold, so that others get their turn. All numbers are whole, but where weights are floats.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Spikes = NDArray[np.uint8]

TOP = 127  # of a weight, as eight bits with a sign hold it; 0 is the least
LONG_AGO = 2**30


class Rounding(IntEnum):
    """What becomes of a change that is no multiple of the weights' step."""

    TRUNCATE = 0
    NEAREST = 1
    STOCHASTIC = 2


class Update(IntEnum):
    """When weights change: with each spike of an input and of a neuron, or once where a neuron spikes."""

    EVERY_SPIKE = 0
    SPIKING_STEP = 1


@dataclass(frozen=True, slots=True)
class Rule:
    """How a network learns. `rate`: spikes of a full pixel in a step. `shift`: a weight makes 2^-shift of its
    way with an update. `window`: steps for which an input counts as one that has just spiked. `bits`: of a
    weight; None for floats. `is_direct`: neurons inhibit each other, without inhibitory neurons between,
    which take a step more. `is_adaptive`: the more often a neuron has spiked, the finer its updates.
    """

    neurons: int = 400
    steps: int = 60
    rate: float = 0.2
    inhibition: int = 4000
    threshold: int = 2000
    growth: int = 320
    shift: int = 2
    window: int = 6
    passes: int = 4
    bits: int | None = 8
    rounding: Rounding = Rounding.STOCHASTIC
    update: Update = Update.SPIKING_STEP
    is_direct: bool = True
    is_adaptive: bool = False

    @property
    def step(self) -> float:
        """What weights are multiples of; 0 for floats."""
        return 0.0 if self.bits is None else (TOP + 1) / 2.0 ** (self.bits - 1)


class Counts(NamedTuple):
    """Operations of a run: voltages that are updated, weights that are added to voltages, weights that are
    changed, and spikes of the neurons.
    """

    neurons: int
    synapses: int
    changes: int
    spikes: int


@dataclass(slots=True)
class Learner:
    """Weights [inputs, neurons], thresholds [neurons] and the state of the random numbers, which change."""

    rule: Rule
    weights: Numbers
    thresholds: Numbers
    noise: int = 1

    @classmethod
    def new(cls, rule: Rule, inputs: int, random: np.random.Generator) -> "Learner":
        """Random weights on the rule's grid, and equal thresholds."""
        drawn = random.integers(0, TOP + 1, (inputs, rule.neurons)).astype(np.float64)
        step = rule.step or 1.0
        weights = np.minimum(np.floor(drawn / step) * step, TOP + 1 - step)
        return cls(rule, weights, np.full(rule.neurons, float(rule.threshold)))

    def present(self, given: Spikes, *, learns: bool) -> tuple[Spikes, Counts]:
        """The spikes [steps, neurons] with which input spikes [steps, inputs] are answered, from rest."""
        rule = self.rule
        found = np.zeros((len(given), rule.neurons), dtype=np.uint8)
        counts = np.zeros(4, dtype=np.int64)
        self.noise = _present(
            self.weights, self.thresholds, given, found, counts, self.noise, learns,
            float(rule.inhibition), float(rule.growth), rule.shift, rule.window, rule.step,
            int(rule.rounding), int(rule.update), rule.is_direct, rule.is_adaptive, float(rule.threshold),
        )  # fmt: skip
        return found, Counts(*counts.tolist())


def encoded(image: NDArray[Any], rule: Rule, phases: Numbers) -> Spikes:
    """The spikes [steps, pixels] of an image of 0 to 1: each pixel in even distances, from its phase on."""
    moments = np.arange(rule.steps + 1)[:, np.newaxis] * (image.reshape(-1) * rule.rate) + phases
    return np.diff(np.floor(moments), axis=0).astype(np.uint8)


@njit(cache=True)
def _present(
    weights: Numbers, thresholds: Numbers, given: Spikes, found: Spikes, counts: NDArray[np.int64],
    noise: int, learns: bool, inhibition: float, growth: float, shift: int, window: int, step: float,
    rounding: int, update: int, is_direct: bool, is_adaptive: bool, rest: float,
) -> int:  # fmt: skip
    steps, inputs = given.shape
    neurons = weights.shape[1]
    voltages, age, since = np.zeros(neurons), np.full(inputs, LONG_AGO), np.full(neurons, LONG_AGO)
    for t in range(steps):
        counts[0] += neurons if is_direct else 2 * neurons
        for i in range(inputs):
            age[i] += 1
            if given[t, i]:
                age[i] = 0
                counts[1] += neurons
                for j in range(neurons):
                    voltages[j] += weights[i, j]
        back = t - (1 if is_direct else 2)
        if back >= 0:
            before = 0
            for j in range(neurons):
                before += found[back, j]
            if before:
                counts[1] += before * (neurons - 1)
                for j in range(neurons):
                    voltages[j] -= inhibition * (before - found[back, j])
        if learns and update == 0:  # what an input's spike comes too late for, it loses
            for j in range(neurons):
                since[j] += 1
                if since[j] <= window:
                    for i in range(inputs):
                        if given[t, i]:
                            counts[2] += 1
                            change, noise = rounded(weights[i, j] / 2.0**shift, step, rounding, noise)
                            weights[i, j] -= change
        first, most = -1, 0.0
        for j in range(neurons):
            beyond = voltages[j] - thresholds[j]
            if beyond > 0.0:
                voltages[j] = 0.0
                found[t, j] = 1
                counts[3] += 1
                if beyond > most:
                    first, most = j, beyond
        if learns and first >= 0:
            finer = shift
            if is_adaptive and thresholds[first] >= rest + 16 * growth:
                finer += 1
            thresholds[first] += growth
            since[first] = 0
            for i in range(inputs):
                gains = age[i] <= window
                counts[2] += 1
                way = (TOP - weights[i, first] if gains else weights[i, first]) / 2.0**finer
                change, noise = rounded(way, step, rounding, noise)
                weights[i, first] += change if gains else -change
    return noise


@njit(cache=True)
def rounded(change: float, step: float, rounding: int, noise: int) -> tuple[float, int]:
    """A change of at least 0 as a multiple of the step, and the next random number."""
    if step == 0.0:
        return change, noise
    part = 0.0
    if rounding == 1:
        part = 0.5
    elif rounding == 2:
        noise = (noise * 1103515245 + 12345) % 2**31
        part = (noise // 256) / 2.0**23
    return np.floor(change / step + part) * step, noise
