"""The rules of learning in an image: the words of its LERN section, made and taken apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...ir.errors import Unsupported
from ...ir.mapping import CoreId, FragmentId
from ...ir.mapping import Mapping as Mapped
from ..words.bits import WordError
from ..words.words import Course, Learning, Plastic


@dataclass(frozen=True, slots=True)
class Lesson:
    """A rule, how far it has come, and the pairs of populations whose weights learn by it."""

    rule: Learning
    course: Course
    pairs: tuple[Plastic, ...]


def lessons(words: NDArray[np.uint64]) -> tuple[Lesson, ...]:
    """What the words of a LERN section say. Raises WordError."""
    numbers, at = words.tolist(), 0
    found = []
    while at < len(numbers):
        rule = Learning.decode(numbers[at])
        held = numbers[at + 2 : at + 2 + rule.pairs]
        if len(held) < rule.pairs:
            raise WordError(f"{rule.pairs} pairs are said to follow, {len(held)} do")
        found.append(Lesson(rule, Course.decode(numbers[at + 1]), tuple(map(Plastic.decode, held))))
        at += 2 + rule.pairs
    return tuple(found)


def lesson_words(found: Sequence[Lesson]) -> NDArray[np.uint64]:
    """The words of a LERN section."""
    words = [word.encode() for each in found for word in (each.rule, each.course, *each.pairs)]
    return np.array(words, dtype=np.uint64)


def lessons_of(
    mapping: Mapped, core_of: Mapping[FragmentId, CoreId], address: Mapping[FragmentId, int]
) -> tuple[Lesson, ...]:
    """The rule of a mapped network, if it has one. Raises Unsupported where events to neurons that learn come
    from relays, which are others in each mapping.
    """
    rule = mapping.network.learning
    if rule is None:
        return ()
    results = {layer.name: layer.result for layer in mapping.network.layers}
    fragments = mapping.of_population()
    pairs = []
    for target in fragments[results[rule.to]]:
        for source in fragments[results[rule.source]]:
            if all(axon.target != target for axon in mapping.plans[source].axons):
                origin = mapping.network.populations[results[rule.to]].origin
                what = f"learns from {rule.source!r}, whose events come to it through a relay"
                raise Unsupported(origin, what, hint="take a target with more words in a core")
            pairs.append(
                Plastic(
                    source_core=core_of[source],
                    source=address[source],
                    core=core_of[target],
                    population=address[target],
                )
            )
    learning = Learning(
        growth=rule.growth,
        maximum=rule.maximum,
        window=rule.window,
        shift=rule.shift,
        rounding=rule.rounding,
        pairs=len(pairs),
    )
    return (Lesson(learning, Course(noise=rule.noise, settled=rule.settled), tuple(pairs)),)
