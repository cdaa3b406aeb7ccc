"""The tiny image for crossbars that docs/image.md shows whole, and three frames of it."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...ir.activations import Activation
from ...ir.crossbar.chip import CrossbarChip
from ...ir.neurons import Neuron
from ..crossbar.counters import CrossbarCounters
from ..crossbar.image import CrossbarAbout, CrossbarImage
from ..crossbar.machine import CrossbarMachine
from ..crossbar.words import Column, Head, Number, Route, Rule, Site
from ..image.image import CoreImage, ImageTensor
from ..words.bits import Word, pack
from ..words.text import fields_text

FRAMES = ((1.0, 0.5, 2.0, 0.25), (0.0, 1.0, 0.0, 0.5), (-1.0, 0.0, 4.0, 0.0))
COUNTS = ("firing", "spikes", "local", "hops", "reads", "silent", "used", "unused")
CHIP = CrossbarChip("tiny", (2, 1), 4, 3, 4, 8, 32, 50, 1500, 10000)
ABOUT = CrossbarAbout("tiny", "0", "float32", "tree", 0, 6, 0, 2, 3, 2, ())

RULES: tuple[Word, ...] = (
    Rule(neuron=Neuron.STANDARD, activation=Activation.IDENTITY, numbers=0, scale=1.0),
    Rule(neuron=Neuron.STANDARD, activation=Activation.RELU, numbers=0, scale=1.0),
    Rule(neuron=Neuron.LIF, activation=Activation.IDENTITY, numbers=4, scale=1.0),
    *(Number(value=value) for value in (0.5, 1.0, 0.0, 0.25)),
)
CROSSBARS: tuple[tuple[tuple[Word, ...], tuple[tuple[float, ...], ...]], ...] = (
    (
        (
            Head(rows=4, columns=2, routes=3),
            Column(bias=0.0, rule=0, step=0),
            Column(bias=0.0, rule=0, step=0),
            Route(column=0, x=1, y=0, row=0),
            Route(column=1, x=1, y=0, row=1),
            Route(column=1, x=1, y=0, row=2),
        ),
        ((1.0, 0.0), (-0.5, 0.0), (0.0, 0.75), (0.0, 2.0)),
    ),
    (
        (
            Head(rows=4, columns=2, routes=1),
            Column(bias=0.125, rule=2, step=1),
            Column(bias=-0.5, rule=1, step=1),
            Route(column=0, x=1, y=0, row=3),
        ),
        ((1.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.0, -1.0)),
    ),
)
SITES = (
    *(Site(tensor=0, element=element, crossbar=0, line=element) for element in range(4)),
    Site(tensor=1, element=0, crossbar=1, line=0),
    Site(tensor=2, element=0, crossbar=1, line=1),
)


def tiny_crossbars() -> CrossbarImage:
    """The image."""
    return CrossbarImage(
        CHIP,
        tuple(
            CoreImage(x, 0, np.concatenate([_encoded(words), _packed(cells)]))
            for x, (words, cells) in enumerate(CROSSBARS)
        ),
        _encoded(RULES),
        (
            ImageTensor("x", "input", (4,), "float32", ()),
            ImageTensor("y", "output", (1,), "float32", ()),
            ImageTensor("z", "output", (1,), "float32", ()),
        ),
        _encoded(SITES),
        ABOUT,
    )


def word_rows() -> Iterator[tuple[object, ...]]:
    """Where a word stands, its number there, the word, what it is, and what it says."""
    for index, (words, cells) in enumerate(CROSSBARS):
        where = f"crossbar {index}"
        for at, word in enumerate(words):
            yield where, at, f"{word.encode():016x}", type(word).__name__, fields_text(word)
        for at, (bits, row) in enumerate(zip(_packed(cells).tolist(), cells, strict=True)):
            yield where, len(words) + at, f"{bits:016x}", "cells", f"row {at}: {row[0]:g} {row[1]:g}"
    for where, words in (("`RULE`", RULES), ("`SITE`", SITES)):
        for at, word in enumerate(words):
            yield where, at, f"{word.encode():016x}", type(word).__name__, fields_text(word)


def frame_rows() -> Iterator[tuple[object, ...]]:
    """The input of a frame, its outputs, and its counters."""
    machine = CrossbarMachine(tiny_crossbars())
    for frame in FRAMES:
        run = machine.run({"x": np.array(frame, dtype=np.float32)})
        counted = run.counters
        assert isinstance(counted, CrossbarCounters)
        totals = {name: int(getattr(counted, name).sum()) for name in CrossbarCounters.COUNTS}
        totals |= {"spikes": totals["events"] - totals["local"], "used": totals["synaptic_operations"]}
        shown = " ".join(f"{value:g}" for value in frame)
        outputs = [f"{float(run.outputs[name][0]):g}" for name in ("y", "z")]
        yield shown, *outputs, *(totals[name] for name in COUNTS)


def _encoded(words: tuple[Word, ...]) -> NDArray[np.uint64]:
    return np.array([word.encode() for word in words], dtype=np.uint64)


def _packed(cells: tuple[tuple[float, ...], ...]) -> NDArray[np.uint64]:
    return pack(np.array(cells, dtype=np.float32).ravel().view(np.uint32), 32)
