"""LeNet-5 and a perceptron on 28 x 28 pixels: the networks that papers on crossbars map."""

from typing import TYPE_CHECKING

from .he import LINEAR, RELU, He
from .writer import Writer

if TYPE_CHECKING:
    from onnx import ModelProto

_SIDE = 28
_PADS = (2, 2, 2, 2)  # the first layer keeps the size, as with LeCun's pictures of 32 x 32
_DENSE = (120, 84)
_CLASSES = 10


def lenet(seed: int = 0) -> "ModelProto":
    """LeNet-5 (LeCun et al. 1998): image [1, 1, 28, 28] -> logits [1, 10]; ReLU, average pooling.

    Every channel of the second convolution sees all six of the first.
    """
    he = He(seed)
    net = Writer("lenet", (1, _SIDE, _SIDE))
    x = net.relu("conv1.relu", net.conv("conv1", net.source, he.plain_conv(6, 1, 5), pads=_PADS))
    x = net.average_pool("pool1", x, 2, stride=2)
    x = net.relu("conv2.relu", net.conv("conv2", x, he.conv(16, 6, 5, RELU)))
    x = net.flatten("flatten", net.average_pool("pool2", x, 2, stride=2))
    for number, depth in enumerate(_DENSE, 1):
        name = f"dense{number}"
        x = net.relu(f"{name}.relu", net.dense(name, x, he.dense(depth, x.shape[1], RELU)))
    return net.model(net.dense("logits", x, he.dense(_CLASSES, x.shape[1], LINEAR)))


def perceptron(seed: int = 0) -> "ModelProto":
    """784-100-10: image [1, 784] -> logits [1, 10], ReLU between the two layers."""
    he = He(seed)
    net = Writer("perceptron", (_SIDE * _SIDE,))
    hidden = net.relu("hidden.relu", net.dense("hidden", net.source, he.dense(100, _SIDE * _SIDE, RELU)))
    return net.model(net.dense("logits", hidden, he.dense(_CLASSES, 100, LINEAR)))
