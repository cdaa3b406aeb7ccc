"""What each of FSpiNN's steps brings, measured on the digits: rows of docs/stdp.md."""

import math
from dataclasses import dataclass, replace

import numpy as np

from ...ir.chip import Chip
from .lessons import DIGITS, Lesson
from .network import Trained, train
from .rule import Counts, Rounding, Rule, Update

STATE_BITS = 16  # of a voltage, a threshold, an inhibitory neuron
FLOAT_BITS = 32
WORD_BITS = 64


def steps_of(lesson: Lesson) -> dict[str, Rule]:
    """The rows of a lesson, by name: its rule without FSpiNN's steps, with one after the other, with fewer
    bits, and with fewer neurons, which have so many more digits each.
    """
    whole = replace(lesson.rule, bits=None)
    by_chance = replace(whole, rounding=Rounding.STOCHASTIC)
    first = replace(whole, update=Update.EVERY_SPIKE, is_direct=False)
    return {
        "inhibitory neurons, updates with every spike": first,
        "+ direct lateral inhibition": replace(first, is_direct=True),
        "+ one update in a step with spikes": whole,
        "+ finer updates of neurons that have learnt": replace(whole, is_adaptive=True),
        "8 bits, truncated": replace(whole, bits=8, rounding=Rounding.TRUNCATE),
        "8 bits, rounded": replace(whole, bits=8, rounding=Rounding.NEAREST),
        "8 bits, rounded by chance": replace(by_chance, bits=8),
        "4 bits, rounded by chance": replace(by_chance, bits=4),
        "2 bits, rounded by chance": replace(by_chance, bits=2),
        "200 neurons, 8 bits": _fewer(replace(whole, bits=8), 200),
        "100 neurons, 8 bits": _fewer(replace(whole, bits=8), 100),
    }


def _fewer(rule: Rule, neurons: int) -> Rule:
    threshold, growth = (number * neurons // rule.neurons for number in (rule.threshold, rule.growth))
    return replace(rule, neurons=neurons, threshold=threshold, growth=growth)


@dataclass(frozen=True, slots=True)
class Row:
    """A rule that was run: the share of held-out digits that are right, the bits of the network's memory, and
    femtojoules of a training digit and of an answer.
    """

    accuracy: float
    memory_bits: int
    training_fj: float
    answer_fj: float


def measured(rule: Rule, chip: Chip, seed: int = 0, lesson: Lesson = DIGITS) -> Row:
    """Trains a network and has it answer the held-out digits; energy by the chip's costs of an access to a
    core's memory and of an operation.
    """
    trained, digits = train(rule, seed, lesson), lesson.held_out()
    answers = [trained.answer(trained.spikes(image))[2] for image in digits.images]
    total = Counts(*np.sum(answers, axis=0).tolist())
    shown = rule.passes * len(lesson.shown().labels)
    return Row(
        trained.accuracy(digits),
        memory_bits(trained),
        energy_fj(trained.counts, rule, chip) / shown,
        energy_fj(total, rule, chip) / len(digits.images),
    )


def memory_bits(trained: Trained) -> int:
    """Weights, voltages and thresholds, and the states of inhibitory neurons where there are any."""
    rule = trained.learner.rule
    states = 2 if rule.is_direct else 3
    return trained.learner.weights.size * (rule.bits or FLOAT_BITS) + states * STATE_BITS * rule.neurons


def energy_fj(counts: Counts, rule: Rule, chip: Chip) -> float:
    """A state that is updated is read and written, a weight that is added is read, one that changes is read
    and written; each of them is one operation.
    """
    word_fj = chip.access_fj + chip.access_root_fj * math.sqrt(chip.core_words)
    weight = rule.bits or FLOAT_BITS
    bits = 2 * STATE_BITS * counts.neurons + weight * (counts.synapses + 2 * counts.changes)
    operations = counts.neurons + counts.synapses + counts.changes
    return bits / WORD_BITS * word_fj + operations * chip.operation_fj
