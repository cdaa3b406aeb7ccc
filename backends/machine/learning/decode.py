"""Rules of learning as arrays: of each neuron that learns, its sources, and where its weights lie."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from ....ir.errors import BadImage, Origin
from ....ir.firing.learning import LEARNER, NOISE_PARTS, moved
from ....ir.storage.bitrun import BYTE_BITS
from ....ir.storage.weights import FORMATS
from ...image.image import Image
from ...image.lessons import Lesson, lessons
from ...words.codes import WEIGHTS
from ...words.words import ExtensionKind
from ..decode import Block, Bundle, Program
from ..loops.columns import (
    HEIGHT,
    KERNEL_BITS,
    KERNEL_CODE,
    KERNEL_EXPONENT,
    KERNEL_FIRST,
    KERNEL_KD,
    KERNEL_KH,
    KERNEL_KW,
    KERNEL_LAYOUT,
    KERNEL_PLACE,
    KERNEL_SL,
    KERNEL_WEIGHTS,
    KH,
    KW,
    ROW,
    UPDATE,
    WIDTH,
    X_OFF,
    Y_OFF,
    tap_order,
)
from ..loops.events import ADD
from ..synapses import reached
from .places import Learner, extensions, fault_of

Integers = NDArray[np.int64]

INTEGERS = tuple(WEIGHTS.numbers[name] for name in ("fixed8", "fixed"))
PARAMETERS = ExtensionKind.PARAMETER, ExtensionKind.PARAMETERS
THRESHOLD = "threshold"
EXPONENT_MAX = 8  # beyond it, every weight is more than any maximum


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A rule, and whom it is for. Sources are numbered over all of its populations, by channel, row, column.

    Neuron j has the synapses begins[j] .. begins[j + 1] - 1: their `sources`, the bits of the core's memory
    at which their weights begin (`places`), and where these stand in the program's weights (`slots`).
    """

    lesson: Lesson
    firsts: dict[int, int]  # of each source population, by its block: its first neuron's number
    count: int  # of sources
    learners: tuple[Learner, ...]
    bits: int
    exponent: int
    begins: Integers
    sources: Integers
    places: Integers
    slots: Integers


def rules_of(image: Image, program: Program, origin: Origin) -> tuple[Rule, ...]:
    """The rules of an image. Raises BadImage where one cannot be run."""
    return _Decoder(image, program, origin).rules()


class _Decoder:
    def __init__(self, image: Image, program: Program, origin: Origin) -> None:
        self.image, self.program, self.origin = image, program, origin
        self.learns: set[int] = set()
        self.taught: dict[int, set[int]] = {}  # of populations that learn, whose synapses do

    def rules(self) -> tuple[Rule, ...]:
        found = tuple(self._rule(lesson) for lesson in lessons(self.image.learning))
        for rule in found:
            for learner in rule.learners:
                own = rule.places[rule.begins[learner.first] : rule.begins[learner.first + learner.neurons]]
                taught = self.taught[learner.block]
                what = fault_of(self.image, self.program, learner, own, rule.bits, taught)
                if what:
                    raise self._fault(self.program.blocks[learner.block], f"learns, and {what}")
        return found

    def _fault(self, block: Block, what: str) -> BadImage:
        where = f"core {block.core}, address {block.address}"
        return BadImage(self.origin, f"{where}: {what}", hint="compile it again")

    def _rule(self, lesson: Lesson) -> Rule:
        firsts: dict[int, int] = {}
        learners: dict[int, Learner] = {}
        count = neurons = 0
        parts: list[Integers] = []
        for pair in lesson.pairs:
            source, target = (
                self._block(*key) for key in ((pair.source_core, pair.source), (pair.core, pair.population))
            )
            if source not in firsts:
                firsts[source] = count
                count += self.program.blocks[source].neurons
            if target not in learners:
                learners[target] = self._learner(target, neurons)
                neurons += self.program.blocks[target].neurons
            first = np.array([firsts[source], learners[target].first, 0, 0, 0])[:, None]
            parts += [held + first for held in self._synapses(source, target)]
        block = self.program.blocks[next(iter(learners))]
        if not parts:
            raise self._fault(block, "learns, and has no synapse")
        sources, targets, kernels, places, slots = np.concatenate(parts, axis=1)
        order = np.lexsort((sources, targets))
        kernel = self.program.kernels[kernels[0]]
        formats = self.program.kernels[kernels][:, [KERNEL_CODE, KERNEL_BITS, KERNEL_EXPONENT, KERNEL_LAYOUT]]
        if (formats != formats[0]).any() or kernel[KERNEL_CODE] not in INTEGERS or kernel[KERNEL_LAYOUT]:
            raise self._fault(block, "learns, and its weights are not of one format of whole numbers")
        if np.unique(targets * count + sources).size < targets.size:
            raise self._fault(block, "learns, and two of its synapses have one source")
        bits, exponent = int(kernel[KERNEL_BITS]), int(kernel[KERNEL_EXPONENT])
        self._check_numbers(block, lesson, bits, exponent, slots)
        return Rule(
            lesson,
            firsts,
            count,
            tuple(learners.values()),
            bits,
            exponent,
            np.searchsorted(targets[order], np.arange(neurons + 1)),
            sources[order],
            places[order],
            slots[order],
        )

    def _block(self, core: int, address: int) -> int:
        found = self.program.at.get((core, address))
        if found is None:
            what = f"core {core}, address {address}: is named by a rule of learning, and never fires"
            raise BadImage(self.origin, what, hint="compile it again")
        return found

    def _learner(self, index: int, first: int) -> Learner:
        """Raises BadImage for a population that cannot learn, or that learns already."""
        block = self.program.blocks[index]
        word = block.word
        if word.neuron is not LEARNER or word.width * word.height > 1:
            what = f"learns, and is no {LEARNER.name} population of one row and column"
            raise self._fault(block, what)
        if index in self.learns:
            raise self._fault(block, "learns by two rules")
        self.learns.add(index)
        held = [each for each in extensions(self.image, block) if each.kind in PARAMETERS]
        thresholds = held[word.neuron.parameters.index(THRESHOLD)]
        if thresholds.kind != ExtensionKind.PARAMETERS:
            raise self._fault(block, "learns, and its neurons have one threshold for all")
        return Learner(index, first, block.neurons, thresholds.address)

    def _synapses(self, source: int, target: int) -> Iterator[Integers]:
        """Rows of synapses: source neuron, target neuron, kernel, place and slot of the weight."""
        found = [bundle for bundle in self.program.bundles[source] if bundle.target == target]
        block = self.program.blocks[target]
        if not found:
            raise self._fault(block, "learns from a population that has no axon to it")
        self.taught.setdefault(target, set()).add(source)
        for bundle in found:
            if (bundle.axons[:, UPDATE] != ADD).any():
                raise self._fault(block, "learns, and the update of its synapses is not ADD")
            yield from self._of_bundle(self.program.blocks[source], bundle)

    def _of_bundle(self, source: Block, bundle: Bundle) -> Iterator[Integers]:
        depth, height, width = source.word.depth, source.word.height, source.word.width
        for axon in bundle.axons:
            for c, number in enumerate(self.program.rows[axon[ROW] : axon[ROW] + depth].tolist()):
                kernel = self.program.kernels[number]
                if kernel[KERNEL_WEIGHTS] < 0:
                    continue
                kd, kh = int(kernel[KERNEL_KD]), int(kernel[KERNEL_KH])
                decoded = tap_order(int(kernel[KERNEL_KW]), kh, int(kernel[KERNEL_SL])).tolist()
                channels = np.arange(kd, dtype=np.int64)
                for y in range(height):
                    for _, dy in reached(axon, kernel, y, 1, Y_OFF, HEIGHT, KH, KERNEL_KH):
                        for x in range(width):
                            for _, dx in reached(axon, kernel, x, 1, X_OFF, WIDTH, KW, KERNEL_KW):
                                tap = dx * kh + dy
                                begin = int(kernel[KERNEL_PLACE]) * BYTE_BITS
                                yield np.stack(
                                    np.broadcast_arrays(
                                        (c * height + y) * width + x,
                                        kernel[KERNEL_FIRST] + channels,
                                        number,
                                        begin + (tap * kd + channels) * kernel[KERNEL_BITS],
                                        kernel[KERNEL_WEIGHTS] + decoded.index(tap) * kd + channels,
                                    )
                                )

    def _check_numbers(self, block: Block, lesson: Lesson, bits: int, exponent: int, slots: Integers) -> None:
        """Raises where a weight is below 0, or would leave its bits."""
        rule, most = lesson.rule, int(FORMATS[f"fixed{bits}"].largest)
        if (self.program.weights[slots] < 0).any() or not 0 <= exponent <= EXPONENT_MAX:
            raise self._fault(block, "learns, and has weights that are no whole numbers from 0 on")
        if not isfinite(rule.growth):
            raise self._fault(block, "learns, and its threshold would become infinite")
        for code in range(most + 1):
            for part in (0, NOISE_PARTS - 1):
                for drawn in (True, False):
                    after = moved(code, drawn, exponent, rule.maximum, rule.shift, rule.rounding, part)
                    if not 0 <= after <= most:
                        what = f"learns, and its rule takes a weight of {bits} bits from {code} to {after}"
                        raise self._fault(block, what)
