"""One complete file for docs/image.md: its words, its bytes, and what a frame of it computes."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...ir.network import Activation, Neuron, Update
from ..image.image import About, CoreImage, Image, ImagePiece, ImageTensor, Solver
from ..words.bits import Word, pack
from ..words.limits import widest
from ..words.words import (
    Axon,
    BiasFormat,
    Extension,
    ExtensionKind,
    Kernel,
    Order,
    Population,
    Port,
    Step,
    Stride,
)

CHIP = widest("tiny", (2, 1), 16, strided_tables=8)
ABOUT = About(
    model="tiny.onnx",
    compiler="by hand",
    weights="fixed8",
    states="persistent",
    objective="cores",
    seed=0,
    solver=Solver(status="OPTIMAL", objective=2.0, bound=2.0, cores_lower_bound=2),
    layers=(),
    host_before=(),
    host_after=(),
)
PICTURE = np.array([[[[1, 0.5, 0, -2]], [[0.1, 0, 3, 1]]]], dtype=np.float32)


class Numbers(NamedTuple):
    """A word of numbers side by side: what they are, how they are stored, and as which codes."""

    title: str
    format: str
    values: tuple[float, ...]
    kind: str

    @property
    def words(self) -> NDArray[np.uint64]:
        """The words that hold them."""
        codes = np.array(self.values, dtype=self.kind).view(f"<u{np.dtype(self.kind).itemsize}")
        return pack(codes, 8 * codes.itemsize)


# Address by address: words, and numbers side by side.
CORES: tuple[tuple[Word | Numbers, ...], ...] = (
    (
        Port(population=2, table=6, update=Update.ADD),
        Population(
            width=4,
            height=1,
            depth=2,
            neuron=Neuron.INPUT,
            activation=Activation.IDENTITY,
            axons=1,
            start=3,
            bias=BiasFormat.NONE,
            extensions=0,
        ),
        Population(
            width=2,
            height=1,
            depth=1,
            neuron=Neuron.STANDARD,
            activation=Activation.LEAKY_RELU,
            axons=0,
            start=4,
            bias=BiasFormat.NONE,
            extensions=1,
        ),
        Axon(x_off=-1, y_off=0, c_off=0, width=1, height=1, kw=3, kh=1, us=0, core_x=1, core_y=0, port=0),
        Extension(kind=ExtensionKind.PARAMETER, value=0.25),
        Numbers("states", "float16", (0, 0), "<f2"),
        Kernel(kd=1, kw=1, kh=1, sl=0, first=0, code="float16", exponent=0, address=8),
        Kernel(kd=1, kw=1, kh=1, sl=0, first=0, code="null", exponent=0, address=0),
        Numbers("weights", "float16", (-1.5,), "<f2"),
    ),
    (
        Port(population=1, table=5, update=Update.ADD, strides=1),
        Population(
            width=2,
            height=1,
            depth=2,
            neuron=Neuron.STANDARD,
            activation=Activation.RELU,
            axons=1,
            start=2,
            bias=BiasFormat.FLOAT16,
            extensions=0,
        ),
        Numbers("biases", "float16", (0.5, -1), "<f2"),
        Axon(x_off=0, y_off=0, c_off=0, width=1, height=1, kw=1, kh=1, us=0, core_x=-1, core_y=0, port=0),
        Numbers("states", "float16", (0, 0, 0, 0), "<f2"),
        Kernel(kd=1, kw=3, kh=1, sl=1, first=0, code="fixed8", exponent=0, address=7),
        Stride(stride=3, step=1, begin=0, count=2, exponents=8),
        Numbers("weights", "fixed8", (3, -2, 5, 127, 1, -128), "i1"),
        Numbers("exponents", "int8", (-1, -6), "i1"),
    ),
)
STEPS = (
    Step(order=Order.RESET, core=0, population=2),
    Step(order=Order.RESET, core=1, population=1),
    Step(order=Order.FIRE, core=0, population=1),
    Step(order=Order.FIRE, core=1, population=1),
    Step(order=Order.FIRE, core=0, population=2),
)


def tiny_image() -> Image:
    """The image."""
    return Image(
        chip=CHIP,
        cores=tuple(
            CoreImage(x, 0, np.concatenate([_words(part) for part in parts])) for x, parts in enumerate(CORES)
        ),
        steps=np.array([step.encode() for step in STEPS], dtype=np.uint64),
        tensors=(
            ImageTensor("x", "input", (1, 2, 1, 4), "float32", (_whole(0, 1, 2, 4),)),
            ImageTensor("a", "output", (1, 2, 1, 2), "float32", (_whole(1, 1, 2, 2),)),
            ImageTensor("b", "output", (1, 1, 1, 2), "float32", (_whole(0, 2, 1, 2),)),
        ),
        about=ABOUT,
    )


def _words(part: Word | Numbers) -> NDArray[np.uint64]:
    return np.array([part.encode()], dtype=np.uint64) if isinstance(part, Word) else part.words


def _whole(core: int, population: int, depth: int, width: int) -> ImagePiece:
    """All neurons of a population of one row, in the order of a tensor."""
    return ImagePiece(
        core, population, 0, 0, 0, depth, 1, width, base=0, step_c=width, step_y=width, step_x=1
    )


class Event(NamedTuple):
    """An event: the neuron that fires, its value, and what goes to the target core."""

    source: tuple[int, int]
    neuron: tuple[int, int, int]
    value: float
    core: int
    port: int
    x_min: int
    y_min: int
    channel: int


def events(image: Image, values: dict[tuple[int, int], NDArray[np.float32]]) -> Iterator[Event]:
    """The events of a frame in order. `values`: [D, H, W] of each population, by core and address."""
    places = {(core.x, core.y): index for index, core in enumerate(image.cores)}
    for step in map(Step.decode, image.steps.tolist()):
        if step.order != Order.FIRE:
            continue
        core = image.cores[step.core]
        population = Population.decode(int(core.words[step.population]))
        at = population.start + population.extensions + (population.bias != BiasFormat.NONE)
        axons = [Axon.decode(int(word)) for word in core.words[at : at + population.axons]]
        for (c, y, x), value in np.ndenumerate(values[step.core, step.population]):
            for axon in axons:
                x_min, y_min = x * 2**axon.us + axon.x_off, y * 2**axon.us + axon.y_off
                across = x_min < 8 * axon.width and x_min + axon.kw > 0
                if value != 0 and across and y_min < 8 * axon.height and y_min + axon.kh > 0:
                    target = places[core.x + axon.core_x, core.y + axon.core_y]
                    source, neuron = (step.core, step.population), (c, y, x)
                    yield Event(source, neuron, float(value), target, axon.port, x_min, y_min, c + axon.c_off)
