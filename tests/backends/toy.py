"""Two cores built by hand: a picture of 1 x 2 x 2, and a 1 x 1 convolution to two channels with ReLU."""

import numpy as np
from numpy.typing import NDArray

from snc.backends.image.image import (
    About,
    CoreImage,
    Image,
    ImageFragment,
    ImageLayer,
    ImagePiece,
    ImageTensor,
    Solver,
)
from snc.backends.words.bits import Word
from snc.backends.words.limits import widest
from snc.backends.words.words import Axon, BiasFormat, Kernel, Order, Population, Port, Step
from snc.ir.chip import Chip
from snc.ir.network import Activation, Neuron, Update

from .packing import pack

CHIP = widest("toy", (2, 1), 64)
BIAS = np.array([0.5, 1.0], dtype=np.float16)
WEIGHTS = np.array([4, -2], dtype=np.int8)  # times 2^-1


def words(*parts: Word | NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Words end to end: words of a class, and words that hold numbers."""
    found = [np.array([part.encode()], np.uint64) if isinstance(part, Word) else part for part in parts]
    return np.concatenate(found) if found else np.zeros(0, np.uint64)


def toy_chip() -> Chip:
    """The paper's fields, two cores of 64 words."""
    return CHIP


def toy_image() -> Image:
    """The image; `toy_reference` says what it computes."""
    source = words(
        Population(
            width=2,
            height=2,
            depth=1,
            neuron=Neuron.INPUT,
            activation=Activation.IDENTITY,
            axons=1,
            start=1,
            bias=BiasFormat.NONE,
            extensions=0,
        ),
        Axon(x_off=0, y_off=0, c_off=0, width=1, height=1, kw=1, kh=1, us=0, core_x=1, core_y=0, port=0),
    )
    target = words(
        Port(population=1, table=5, update=Update.ADD),
        Population(
            width=2,
            height=2,
            depth=2,
            neuron=Neuron.STANDARD,
            activation=Activation.RELU,
            axons=0,
            start=2,
            bias=BiasFormat.FLOAT16,
            extensions=0,
        ),
        pack(BIAS),
        np.zeros(2, dtype=np.uint64),
        Kernel(kd=2, kw=1, kh=1, sl=0, first=0, code="fixed8", exponent=-1, address=6),
        pack(WEIGHTS),
    )
    return Image(
        chip=CHIP,
        cores=(CoreImage(0, 0, source), CoreImage(1, 0, target)),
        steps=words(
            Step(order=Order.RESET, core=1, population=1),
            Step(order=Order.FIRE, core=0, population=0),
            Step(order=Order.FIRE, core=1, population=1),
        ),
        tensors=(
            ImageTensor("image", "input", (1, 1, 2, 2), "float32", (box(0, 0, 1),)),
            ImageTensor("features", "output", (1, 2, 2, 2), "float32", (box(1, 1, 2),)),
            ImageTensor("features", "layer", (1, 2, 2, 2), "float32", (box(1, 1, 2),), layer="conv"),
        ),
        about=About(
            model="toy.onnx",
            compiler="hand",
            weights="fixed8",
            states="persistent",
            objective="memory",
            seed=0,
            solver=Solver(status="OPTIMAL", objective=9.0, bound=9.0, cores_lower_bound=1),
            layers=(
                ImageLayer("image", "Input", (), (1, 2, 2), (ImageFragment(0, 0, 0, 0, 0),)),
                ImageLayer("conv", "Conv", ("conv", "relu"), (2, 2, 2), (ImageFragment(1, 1, 0, 0, 0),)),
            ),
            host_before=(),
            host_after=(),
        ),
    )


def box(core: int, population: int, depth: int) -> ImagePiece:
    """All neurons of a population of depth x 2 x 2, in the order of a tensor."""
    return ImagePiece(core, population, 0, 0, 0, depth, 2, 2, base=0, step_c=4, step_y=2, step_x=1)


def toy_reference(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the toy computes of a picture [1, 1, 2, 2]: float32 [1, 2, 2, 2]."""
    weights = WEIGHTS.astype(np.float32) / 2
    sums = BIAS.astype(np.float32)[:, None, None] + weights[:, None, None] * picture[0]
    return np.asarray(np.maximum(sums, 0)[None], dtype=np.float32)
