"""The networks that snc builds or ships, by name."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..ir.errors import BadInput, Origin
from .darknet import darknet53
from .digits import digits_model
from .mobilenet import mobilenetv1
from .pilotnet import pilotnet
from .resnet import resnet50, resnet101


def _learnt(name: str) -> Callable[..., Any]:
    def build(seed: int) -> Any:
        from .stdp.lessons import LESSONS
        from .stdp.network import network, train

        return network(train(seed=seed, lesson=LESSONS[name]))

    return build


def _stdp_untrained(seed: int) -> Any:
    from .stdp.untrained import untrained

    return untrained(seed=seed)


@dataclass(frozen=True, slots=True)
class Entry:
    """A network: how it is built, what it is, and what is published about it.

    `parameters` is the published count: weights, biases, and two for every channel of a batch norm (gamma and
    beta). Ours are folded and have one, the bias. A trained network has one size and no seed; one that is
    `learnt` has one size, and is trained with the seed when it is built.
    """

    build: Callable[..., Any]
    summary: str
    parameters: int
    source: str
    trained: bool = False
    learnt: bool = False


CATALOGUE = {
    "digits": Entry(
        digits_model,
        "handwritten digits, 1 x 8 x 8: two convolutions, two poolings, a dense layer; trained",
        6_090,
        "tools/train_digits.py, on the digits of scikit-learn",
        trained=True,
    ),
    "stdp-digits": Entry(
        _learnt("stdp-digits"),
        "handwritten digits as spikes, 1 x 8 x 8: 400 neurons that learn without labels; a .nir file",
        64 * 400 + 400,
        "FSpiNN's method (Putra and Shafique, arXiv 2007.08860), on the digits of scikit-learn; docs/stdp.md",
        learnt=True,
    ),
    "stdp-mnist": Entry(
        _learnt("stdp-mnist"),
        "handwritten digits as spikes, 1 x 28 x 28: as stdp-digits, and needs the extra mnist",
        784 * 400 + 400,
        "FSpiNN's method (Putra and Shafique, arXiv 2007.08860), on 4,000 digits of MNIST; docs/stdp.md",
        learnt=True,
    ),
    "untrained-digits": Entry(
        _stdp_untrained,
        "the same before it has learnt, its neurons' spikes for outputs: to learn on the chip; a .nir file",
        64 * 400 + 400,
        "FSpiNN's method (Putra and Shafique, arXiv 2007.08860); docs/stdp.md",
        learnt=True,
    ),
    "pilotnet": Entry(
        pilotnet,
        "steering angle, 3 x 66 x 200: five convolutions without padding, four dense layers",
        252_219,
        "Bojarski et al., arXiv 1604.07316",
    ),
    "mobilenetv1": Entry(
        mobilenetv1,
        "1000 classes, 3 x 224 x 224: depthwise separable convolutions, width 1.0, ReLU6",
        4_231_976,
        "Howard et al., arXiv 1704.04861; trainable parameters of keras.applications.MobileNet",
    ),
    "resnet50": Entry(
        resnet50,
        "1000 classes, 3 x 224 x 224: sixteen bottleneck blocks, stride in the first 1 x 1",
        25_557_032,
        "He et al., arXiv 1512.03385; parameters of torchvision's resnet50",
    ),
    "resnet101": Entry(
        resnet101,
        "1000 classes, 3 x 224 x 224: 33 bottleneck blocks, stride in the first 1 x 1",
        44_549_160,
        "He et al., arXiv 1512.03385; parameters of torchvision's resnet101",
    ),
    "darknet53": Entry(
        darknet53,
        "1000 classes, 3 x 256 x 256: 23 residual blocks, LeakyReLU",
        41_609_928,
        "Redmon and Farhadi, arXiv 1804.02767; parameters of timm's darknet53",
    ),
}


def names() -> tuple[str, ...]:
    """Every network's name."""
    return tuple(CATALOGUE)


def build(name: str, seed: int = 0, height: int | None = None, width: int | None = None) -> Any:
    """The network of this name, a ModelProto or a NIRGraph; the seed makes the weights, and a size given
    replaces the usual one.
    """
    if name not in CATALOGUE:
        raise BadInput(
            Origin(file=name), "no network has this name", hint=f"there are {', '.join(CATALOGUE)}"
        )
    entry = CATALOGUE[name]
    size = {key: value for key, value in (("height", height), ("width", width)) if value is not None}
    if size and (entry.trained or entry.learnt):
        raise BadInput(Origin(file=name), "a trained network has one size", hint="leave height and width out")
    return entry.build() if entry.trained else entry.build(seed=seed, **size)


def as_file(model: Any) -> bytes:
    """What stands in the file of a network that was built."""
    if hasattr(model, "SerializeToString"):
        data: bytes = model.SerializeToString(deterministic=True)
        return data
    import nir

    buffer = io.BytesIO()
    nir.write(buffer, model)
    return buffer.getvalue()
