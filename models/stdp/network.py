"""The trained network: a NIR graph, and the test digits as spikes.

The graph holds what learning ends with, and nothing of the learning: pixels send their spikes through the
weights to integrate-and-fire neurons, these inhibit each other, and each spike is a vote for the classes
whose training digits its neuron answered.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..digits import Digits
from .lessons import DIGITS, Lesson
from .rule import TOP, Counts, Learner, Numbers, Rule, Spikes, encoded

CLASSES = 10
STEP_US = 1000  # of a recording of events
EVENT = np.dtype([("t", np.int64), ("x", np.int16), ("y", np.int16), ("p", np.int8)])


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What was learnt: by whom, the phases of the pixels' spikes, the votes [neurons, classes] of a spike
    (which share of a neuron's spikes each class had), what training took, and what was to be learnt.
    """

    learner: Learner
    phases: Numbers
    votes: NDArray[np.int64]
    counts: Counts
    lesson: Lesson = DIGITS

    def spikes(self, image: NDArray[Any]) -> Spikes:
        """The input spikes [steps, pixels] of a digit."""
        return encoded(image / self.lesson.peak, self.learner.rule, self.phases)

    def answer(self, given: Spikes) -> tuple[Spikes, NDArray[np.int64], Counts]:
        """The spikes [steps, neurons] and the votes [steps, classes], and the operations."""
        found, counts = self.learner.present(given, learns=False)
        return found, found @ self.votes, counts

    def accuracy(self, digits: Digits) -> float:
        """The share of digits whose class has most votes."""
        votes = [self.answer(self.spikes(image))[1].sum(axis=0) for image in digits.images]
        return float((np.argmax(votes, axis=1) == digits.labels).mean())


def train(rule: Rule | None = None, seed: int = 0, lesson: Lesson = DIGITS) -> Trained:
    """A network that has seen all training digits, as often as the rule says (that of the lesson where none
    is given) and without their labels. Only what a neuron votes for is found with the labels, afterwards.
    """
    rule = rule or lesson.rule
    random = np.random.default_rng(seed)
    phases = drawn_phases(lesson, random)
    digits = lesson.shown()
    learner = Learner.new(rule, lesson.pixels, random)
    given = [encoded(image / lesson.peak, rule, phases) for image in digits.images]
    total = np.zeros(len(Counts._fields), dtype=np.int64)
    for _ in range(rule.passes):
        for index in random.permutation(len(given)):
            total += learner.present(given[index], learns=True)[1]
    answers = np.array([learner.present(each, learns=False)[0].sum(axis=0, dtype=np.int64) for each in given])
    by_class = np.array([answers[digits.labels == label].mean(axis=0) for label in range(CLASSES)])
    shares = by_class.T / np.maximum(by_class.sum(axis=0)[:, np.newaxis], 1e-9)
    votes = np.rint(TOP * shares).astype(np.int64)
    return Trained(learner, phases, votes, Counts(*total.tolist()), lesson)


def network(trained: Trained) -> Any:
    """The graph, for `nir.write`: Input [1, side, side], the spikes of a step; Output [10]."""
    import nir

    learner, rule = trained.learner, trained.learner.rule
    shape = np.array([1, trained.lesson.side, trained.lesson.side])
    others = 1.0 - np.eye(rule.neurons)
    nodes = {
        "input": nir.Input({"input": shape}),
        "pixels": nir.Flatten({"input": shape}, 0, -1),
        "weights": nir.Linear(learner.weights.T.copy()),
        "neurons": _fires(learner.thresholds),
        "inhibition": nir.Linear(-float(rule.inhibition) * others),
        "votes": nir.Linear(trained.votes.T.astype(np.float64)),
        "output": nir.Output({"output": np.array([CLASSES])}),
    }
    ways = ("input", "pixels", "weights", "neurons", "votes", "output")
    edges = [*itertools.pairwise(ways), ("neurons", "inhibition"), ("inhibition", "neurons")]
    return nir.NIRGraph(nodes, edges)


def recordings(
    seed: int = 0, lesson: Lesson = DIGITS, *, training: bool = False
) -> Iterator[tuple[NDArray[Any], int]]:
    """The held-out digits, or those to learn from, as events (t in microseconds, x, y, p), a millisecond a
    step, and their labels, for a network that is trained with a seed.
    """
    digits = lesson.shown() if training else lesson.held_out()
    phases = drawn_phases(lesson, np.random.default_rng(seed))
    for image, label in zip(digits.images, digits.labels.tolist(), strict=True):
        steps, pixels = np.nonzero(encoded(image / lesson.peak, lesson.rule, phases))
        events = np.zeros(len(steps), dtype=EVENT)
        events["t"], events["p"] = steps * STEP_US, 1
        events["y"], events["x"] = np.divmod(pixels, lesson.side)
        yield events, label


def drawn_phases(lesson: Lesson, random: np.random.Generator) -> Numbers:
    """Of the pixels' spikes: what a network draws first."""
    return random.random(lesson.pixels)


def _fires(thresholds: Numbers) -> Any:
    """Neurons that add up what they receive, and begin at 0 again when they spike."""
    import nir

    ones = np.ones_like(thresholds)
    return nir.IF(r=ones, v_threshold=thresholds, v_reset=0 * ones)
