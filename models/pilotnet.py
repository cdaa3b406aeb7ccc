"""PilotNet: from a camera's image to a steering angle (Bojarski et al., NVIDIA, arXiv 1604.07316)."""

from typing import TYPE_CHECKING

from .he import LINEAR, RELU, He
from .writer import Writer

if TYPE_CHECKING:
    from onnx import ModelProto

# Depth, kernel and stride.
_CONVS = ((24, 5, 2), (36, 5, 2), (48, 5, 2), (64, 3, 1), (64, 3, 1))
_DENSE = (100, 50, 10)


def pilotnet(seed: int = 0, height: int = 66, width: int = 200) -> "ModelProto":
    """PilotNet: image [1, 3, 66, 200] -> steering [1, 1], without the input's normalisation.

    Five convolutions without padding and four dense layers, ReLU between them, the last one linear. The
    flattened 64 x 1 x 18 goes straight into the 100: the drawing's "1164 neurons" stand for these 1152, and
    are no layer. 107,033 neurons, 251,822 weights and 397 biases.
    """
    he = He(seed)
    net = Writer("pilotnet", (3, height, width))
    x = net.source
    for number, (depth, kernel, stride) in enumerate(_CONVS, 1):
        name = f"conv{number}"
        sees_image = number == 1
        parameters = (
            he.plain_conv(depth, 3, kernel) if sees_image else he.conv(depth, x.shape[1], kernel, RELU)
        )
        x = net.relu(f"{name}.relu", net.conv(name, x, parameters, stride=stride))
    x = net.flatten("flatten", x)
    for number, depth in enumerate(_DENSE, 1):
        name = f"dense{number}"
        x = net.relu(f"{name}.relu", net.dense(name, x, he.dense(depth, x.shape[1], RELU)))
    return net.model(net.dense("steering", x, he.dense(1, x.shape[1], LINEAR)))
