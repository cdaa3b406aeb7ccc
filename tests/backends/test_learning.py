"""Learning on images made by hand: words that are not a learner's own are refused, whatever they hold."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pytest

from snc.backends.image.image import Image
from snc.backends.image.lessons import Lesson, lesson_words
from snc.backends.machine.machine import Machine
from snc.backends.words.bits import Word
from snc.backends.words.words import Course, Extension, Kernel, Learning, Order, Plastic, Step, Stride
from snc.ir.errors import BadImage
from snc.ir.firing.learning import Rounding
from snc.ir.neurons import Neuron
from snc.ir.storage.skipping import Layout

from .machine_toys import Toy

W = TypeVar("W", bound=Word)

SOURCES, NEURONS, MANY = 2, 8, 64
LASTING = (0.5, (2.0,) * NEURONS, 1.0, 0.0)  # decay, threshold, keep, reset
RULE = Learning(growth=2, maximum=7, window=2, shift=1, rounding=Rounding.NEAREST, pairs=2)
FIRST, SECOND, SPARSE = range(3)  # tables, and the populations that they lead to


def replaced(word: W, **fields: Any) -> W:
    """A word with other fields."""
    return type(word)(**dict(word.items()) | fields)


class Pair:
    """Two populations of one core that learn from one input, and one beside them that does not."""

    def __init__(self, code: str, *, strided: bool = False) -> None:
        toy = Toy()
        self.input = toy.input("x", (SOURCES, 1, 1))
        self.populations = [
            toy.population((NEURONS, 1, 1), neuron=Neuron.LIF, parameters=LASTING) for _ in range(2)
        ]
        self.populations.append(toy.population((MANY, 1, 1)))
        weights = np.ones((SOURCES, NEURONS, 1, 1))
        for population in self.populations[:SPARSE]:
            toy.join(self.input, population, weights, code=code, strided=strided)
        many = np.ones((SOURCES, MANY, 1, 1))
        toy.join(self.input, self.populations[SPARSE], many, code="fixed8", layout=Layout.LIST)
        for population in self.populations:
            toy.output(f"y{population}", population)
        self.home = toy._layout(0)
        image = toy.image()
        pairs = [
            Plastic(source_core=0, source=self.at("population", self.input), core=0, population=at)
            for at in (self.at("population", population) for population in self.populations[:SPARSE])
        ]
        lesson = Lesson(RULE, Course(noise=1, settled=np.inf), tuple(pairs))
        steps = [Step.decode(word) for word in image.steps.tolist()]
        lasting = {pair.population for pair in pairs}
        once = [
            replaced(step, once=step.order == Order.RESET and step.population in lasting) for step in steps
        ]
        words = [step.encode() for step in sorted(once, key=lambda step: not step.once)]
        self.image = replace(image, steps=np.array(words, np.uint64), learning=lesson_words([lesson]))

    def at(self, kind: str, number: int) -> int:
        """The address of a part of the image."""
        return self.home[kind, number]

    def written(self, *words: tuple[int, int]) -> Image:
        """The image with other words at addresses."""
        (core,) = self.image.cores
        memory = core.words.copy()
        for at, word in words:
            memory[at] = word
        return replace(self.image, cores=(replace(core, words=memory),))

    def kernel(self, table: int, channel: int, **fields: int) -> tuple[int, int]:
        """A kernel word with other fields, and its address."""
        at = self.at("table", table) + channel
        held = Kernel.decode(int(self.image.cores[0].words[at]))
        return at, replaced(held, **fields).encode()

    def list_at(self, population: int, address: int) -> tuple[int, int]:
        """The word that says where the thresholds of a population stand."""
        at = self.at("block", population) + 1
        held = Extension.decode(int(self.image.cores[0].words[at]))
        return at, replaced(held, address=address).encode()


def one_table(pair: Pair) -> Image:
    """Both populations have the weights of the first."""
    return pair.written(
        *(pair.kernel(SECOND, c, address=pair.at("weights", FIRST) + c) for c in range(SOURCES))
    )


def one_kernel(pair: Pair) -> Image:
    """The sources of a population have one kernel."""
    return pair.written(pair.kernel(FIRST, 1, address=pair.at("weights", FIRST)))


def beside(pair: Pair) -> Image:
    """A population that does not learn has weights of one that does."""
    return pair.written(pair.kernel(SPARSE, 0, address=pair.at("weights", FIRST), skips=0, lists=0))


def behind_a_list(pair: Pair) -> Image:
    """A list that is longer than a bitmap stands before numbers, and the last of these are a learner's."""
    return pair.written(pair.kernel(FIRST, 0, address=pair.at("weights", SPARSE) + 11))


def one_threshold(pair: Pair) -> Image:
    first, second = pair.populations[:2]
    return pair.written(pair.list_at(second, pair.at("parameters", first)))


def threshold_in_weights(pair: Pair) -> Image:
    """Small numbers of eight bits are float32, too."""
    first = pair.populations[FIRST]
    return pair.written(pair.list_at(first, pair.at("weights", FIRST)))


def thresholds_in_kernels(pair: Pair) -> Image:
    """Thresholds that stand where another population has its kernel words."""
    first = pair.populations[FIRST]
    return pair.written(pair.list_at(first, pair.at("table", SECOND)))


def weights_in_a_block(pair: Pair) -> Image:
    """Weights that stand where the population says what its parameters are."""
    first = pair.populations[FIRST]
    return pair.written(pair.kernel(FIRST, 0, address=pair.at("block", first)))


@pytest.mark.parametrize("code", ["fixed8", "fixed5"])
@pytest.mark.parametrize(
    ("change", "what"),
    [
        (one_table, "others have some of its weights"),
        (one_kernel, "synapses of it share a weight"),
        (beside, "others have some of its weights"),
        (one_threshold, "others have its thresholds"),
        (threshold_in_weights, "others have"),
        (thresholds_in_kernels, "words of another kind"),
        (weights_in_a_block, "words of another kind"),
    ],
)
def test_words_of_two_are_refused(change: Callable[[Pair], Image], what: str, code: str) -> None:
    pair = Pair(code)
    assert learns(pair.image)
    with pytest.raises(BadImage, match=what):
        Machine(change(pair), learns=True)


def test_weights_behind_a_list_are_refused() -> None:
    pair = Pair("fixed8")
    with pytest.raises(BadImage, match="others have some of its weights"):
        Machine(behind_a_list(pair), learns=True)


def test_weights_of_which_bits_are_those_of_others_are_refused() -> None:
    """Kernels of eight weights of 5 bits, of which each begins a byte behind the one before."""
    pair = Pair("fixed5", strided=True)
    assert learns(pair.image)
    at = pair.at("table", FIRST) + 1
    stride = Stride.decode(int(pair.image.cores[0].words[at]))
    with pytest.raises(BadImage, match="synapses of it share a weight"):
        Machine(pair.written((at, replaced(stride, stride=1).encode())), learns=True)


def learns(image: Image) -> bool:
    """Whether weights change: those from the second source, which is silent."""
    machine = Machine(image, learns=True)
    for _ in range(5):
        machine.run({"x": np.array([3.0, 0.0]).reshape(1, SOURCES, 1, 1)})
    assert machine.pupil is not None
    return machine.pupil.learnt.weight_writes > 0
