"""The run of an image's rules: which sources have just fired, which neuron learns, and what that counts."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....ir.errors import Origin
from ....ir.storage.bitrun import WORD_BITS
from ....ir.storage.weights import PARAMETER_CODEC
from ...image.image import Image
from ...image.lessons import Lesson, lesson_words
from ...words.words import Course
from ..decode import Program
from .decode import THRESHOLD, Rule, rules_of
from .places import Learner
from .update import READS, WRITES, rise, update

Integers = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Learnt:
    """What learning has counted: neurons that have learnt, weights and thresholds that it has read and
    written. A weight that stays as it is is not written.
    """

    updates: int = 0
    weight_reads: int = 0
    weight_writes: int = 0
    threshold_reads: int = 0
    threshold_writes: int = 0

    def __add__(self, other: "Learnt") -> "Learnt":
        return Learnt(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """The synapses that a rule changes, and what was counted of them: of each source the events, `heard`, of
    each neuron the updates, `learnt`. Neuron j has the sources sources[begins[j] : begins[j + 1]].
    """

    begins: Integers
    sources: Integers
    bits: int
    heard: Integers
    learnt: Integers

    def counted(self, heard: Integers, learnt: Integers) -> "Taught":
        """The same synapses with other counts. Raises ValueError where these are of others."""
        if heard.shape != self.heard.shape or learnt.shape != self.learnt.shape:
            raise ValueError("counts of other synapses")
        return replace(self, heard=heard, learnt=learnt)

    def __add__(self, other: "Taught") -> "Taught":
        return self.counted(self.heard + other.heard, self.learnt + other.learnt)


def without_shortcuts(program: Program) -> Program:
    """The same, event by event throughout."""
    bundles = (tuple(replace(bundle, shortcut=None) for bundle in own) for own in program.bundles)
    return replace(program, bundles=tuple(bundles))


class _Winner(NamedTuple):
    """The neuron that learns, and how far its voltage is beyond its threshold."""

    beyond: float
    learner: Learner
    neuron: int

    def is_behind(self, beyond: float, learner: Learner) -> bool:
        """Whether a neuron of another population wins: of those as far, the first one does."""
        return beyond > self.beyond or (beyond == self.beyond and learner.first < self.learner.first)


class _Run:
    """One rule as it runs."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.noise = rule.lesson.course.noise
        self.heard = np.zeros(rule.count, dtype=np.int64)  # events of each source
        self.learnt = np.zeros(len(rule.begins) - 1, dtype=np.int64)  # updates of each neuron
        self.counts = np.zeros(2, dtype=np.int64)
        self.restart()

    def restart(self) -> None:
        self.ages = np.full(self.rule.count, self.rule.lesson.rule.window + 1, dtype=np.int64)
        self.begin()

    def begin(self) -> None:
        self.winner: _Winner | None = None

    @property
    def course(self) -> Course:
        return Course(noise=self.noise, settled=self.rule.lesson.course.settled)


class Pupil:
    """An image that learns: its memory and the decoded program change together. Raises BadImage for rules
    that cannot be run.
    """

    def __init__(self, image: Image, program: Program, origin: Origin) -> None:
        self._image, self._program = image, program
        self._runs = [_Run(rule) for rule in rules_of(image, program, origin)]
        self._sources: dict[int, list[_Run]] = {}
        self._learners: dict[int, tuple[_Run, Learner]] = {}
        for run in self._runs:
            for block in run.rule.firsts:
                self._sources.setdefault(block, []).append(run)
            for learner in run.rule.learners:
                self._learners[learner.block] = run, learner

    @property
    def words(self) -> NDArray[np.uint64]:
        """The rules' words, as far as they have come."""
        return lesson_words(
            [Lesson(run.rule.lesson.rule, run.course, run.rule.lesson.pairs) for run in self._runs]
        )

    @property
    def learnt(self) -> Learnt:
        """What was counted since the beginning."""
        updates = sum(int(run.learnt.sum()) for run in self._runs)
        reads, writes = (sum(int(run.counts[at]) for run in self._runs) for at in (READS, WRITES))
        return Learnt(updates, reads, writes, updates, updates)

    @property
    def taught(self) -> tuple[Taught, ...]:
        """The same by source and neuron, of each rule."""
        return tuple(
            Taught(run.rule.begins, run.rule.sources, run.rule.bits, run.heard.copy(), run.learnt.copy())
            for run in self._runs
        )

    def restart(self) -> None:
        """The next frame is the first of a run: no source has just fired."""
        for run in self._runs:
            run.restart()

    def competes(self, block: int, voltages: Floats) -> None:
        """Before a population fires: which of its neurons is furthest beyond its threshold."""
        if block not in self._learners:
            return
        run, learner = self._learners[block]
        held, thresholds = voltages.reshape(-1), self._thresholds(learner)
        with np.errstate(invalid="ignore"):
            beyond = np.where(held > thresholds, held.astype(np.float64) - thresholds, 0.0)
        first = int(np.argmax(beyond))
        if beyond[first] > 0 and (run.winner is None or run.winner.is_behind(beyond[first], learner)):
            run.winner = _Winner(float(beyond[first]), learner, first)

    def hears(self, block: int, values: Floats) -> None:
        """A population has fired with values [D, H, W]."""
        for run in self._sources.get(block, ()):
            begin = run.rule.firsts[block]
            fired = np.flatnonzero(values) + begin
            run.ages[fired] = 0
            run.heard[fired] += 1

    def learn(self) -> None:
        """Behind the last step of a frame: the neurons that have won learn, and all sources grow older."""
        for run in self._runs:
            if run.winner is not None:
                self._update(run, run.winner.learner, run.winner.neuron)
            run.begin()
            run.ages = np.minimum(run.ages + 1, run.rule.lesson.rule.window + 1)

    def _thresholds(self, learner: Learner) -> Floats:
        block = self._program.blocks[learner.block]
        found = block.parameters[block.word.neuron.parameters.index(THRESHOLD)]
        assert isinstance(found, np.ndarray), "a list, as decoding has seen"
        return found

    def _update(self, run: _Run, learner: Learner, neuron: int) -> None:
        rule, held = run.rule, run.rule.lesson.rule
        number = learner.first + neuron
        own = slice(rule.begins[number], rule.begins[number + 1])
        thresholds = self._thresholds(learner)
        is_settled = thresholds[neuron] >= run.rule.lesson.course.settled
        memory = self._image.cores[self._program.blocks[learner.block].core].words
        run.noise = update(
            memory, rule.places[own], rule.slots[own], run.ages[rule.sources[own]] <= held.window,
            self._program.weights, rule.bits, rule.exponent, held.maximum, held.shift + is_settled,
            int(held.rounding), run.noise, run.counts,
        )  # fmt: skip
        thresholds[neuron] = thresholds[neuron] + np.float32(held.growth)
        bits = PARAMETER_CODEC.bits
        place = learner.thresholds * WORD_BITS + neuron * bits
        rise(memory, place, bits, int(thresholds[neuron : neuron + 1].view(np.uint32)[0]))
        run.learnt[number] += 1
