"""Whether the bits that learning changes belong to nobody else: weights, and lists of thresholds."""

from collections.abc import Iterator, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....ir.storage.bitrun import BYTE_BITS, WORD_BITS, words_for
from ....ir.storage.skipping import Layout, skipped_bits
from ....ir.storage.weights import PARAMETER_CODEC
from ...image.image import Image
from ...words.words import Extension, ExtensionKind
from ..decode import Block, Bundle, Program
from ..loops.columns import (
    KERNEL_BITS,
    KERNEL_KD,
    KERNEL_KH,
    KERNEL_KW,
    KERNEL_LAYOUT,
    KERNEL_PLACE,
    KERNEL_WEIGHTS,
    ROW,
)

Integers = NDArray[np.int64]
Span = tuple[int, int]  # the first bit of a core's memory that is held, and the first behind

LISTS = ExtensionKind.PARAMETERS, ExtensionKind.SCALES


@dataclass(frozen=True, slots=True)
class Learner:
    """A population that learns: its block, its first neuron's number among all that do by the rule, how many
    it has, and the address of its thresholds.
    """

    block: int
    first: int
    neurons: int
    thresholds: int


def fault_of(
    image: Image, program: Program, learner: Learner, weights: Integers, bits: int, taught: Set[int]
) -> str:
    """What is wrong with a learner's places, "" for nothing. `weights`: the bits at which they begin, so many
    each. `taught`: the populations whose synapses to it learn.
    """
    block = program.blocks[learner.block]
    held = np.sort(weights)
    if (np.diff(held) < bits).any():
        return "synapses of it share a weight"
    thresholds = _list_span(learner.thresholds, block)
    lists = list(_lists(image, program, block.core))
    if lists.count(thresholds) > 1 or any(_meet(thresholds, each) for each in lists if each != thresholds):
        return "others have its thresholds"
    kernels = list(_kernels(program, learner.block, taught))
    if any(_meet(thresholds, each) for each in kernels):
        return "others have its thresholds"
    for begin, end in (*lists, *kernels):
        first, last = np.searchsorted(held, [begin - bits + 1, end])
        if first < last:
            return "others have some of its weights"
    first, behind = thresholds[0] // WORD_BITS, words_for(thresholds[1], 1)
    words = np.concatenate([held // WORD_BITS, (held + bits - 1) // WORD_BITS, np.arange(first, behind)])
    if program.facts[block.core][words].any():
        return "words of another kind are its weights or thresholds"
    return ""


def extensions(image: Image, block: Block) -> Iterator[Extension]:
    """The extension words of a population."""
    words = image.cores[block.core].words
    for at in range(block.word.start, block.word.start + block.word.extensions):
        yield Extension.decode(int(words[at]))


def _lists(image: Image, program: Program, core: int) -> Iterator[Span]:
    """Numbers for each channel, of all populations of a core."""
    for block in program.blocks:
        if block.core == core:
            for each in extensions(image, block):
                if each.kind in LISTS:
                    yield _list_span(each.address, block)


def _list_span(address: int, block: Block) -> Span:
    begin = address * WORD_BITS
    return begin, begin + int(PARAMETER_CODEC.size_bits(block.word.depth))


def _kernels(program: Program, learner: int, taught: Set[int]) -> Iterator[Span]:
    """Weights of a population's core that are not those which it learns."""
    core = program.blocks[learner].core
    for source, bundles in enumerate(program.bundles):
        for bundle in bundles:
            is_own = bundle.target == learner and source in taught
            if program.blocks[bundle.target].core == core and not is_own:
                yield from _of_bundle(program, program.blocks[source], bundle)


def _of_bundle(program: Program, source: Block, bundle: Bundle) -> Iterator[Span]:
    for axon in bundle.axons:
        row = np.unique(program.rows[axon[ROW] : axon[ROW] + source.word.depth])
        for kernel in program.kernels[row]:
            if kernel[KERNEL_WEIGHTS] < 0:
                continue
            count = int(kernel[KERNEL_KD] * kernel[KERNEL_KW] * kernel[KERNEL_KH])
            bits, layout = int(kernel[KERNEL_BITS]), Layout(kernel[KERNEL_LAYOUT])
            size = count * bits
            if layout:
                first = kernel[KERNEL_WEIGHTS]
                skipped = program.skipped  # of nothing where all that may be left out is there
                missing = int(skipped[first + count] - skipped[first]) if skipped.size else 0
                size = int(skipped_bits(count, count - missing, bits, layout))
            begin = int(kernel[KERNEL_PLACE]) * BYTE_BITS
            yield begin, begin + size


def _meet(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]
