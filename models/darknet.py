"""DarkNet53: the backbone of YOLOv3 as a classifier (Redmon and Farhadi, arXiv 1804.02767)."""

import math
from typing import TYPE_CHECKING

from .he import LINEAR, He, leaky
from .writer import Parameters, Tensor, Writer

if TYPE_CHECKING:
    from onnx import ModelProto

_SLOPE = 0.1
_BLOCKS = (1, 2, 8, 8, 4)  # residual blocks of each stage


def darknet53(seed: int = 0, height: int = 256, width: int = 256) -> "ModelProto":
    """DarkNet53: image [1, 3, 256, 256] -> logits [1, 1000], without the Softmax.

    52 convolutions with LeakyReLU 0.1, each stage begun by one of stride 2; a block adds its input to what
    its second activation passes on, with no activation behind the sum. Batch norms are folded into the
    biases.

    The last convolution of each of a stage's n blocks is scaled to add one n-th of the variance, so that a
    stage multiplies it by (1 + 1/n)^n < e: activations grow from about 1 to about 10, and never vanish.
    """
    he = He(seed)
    net = Writer("darknet53", (3, height, width))
    gain = leaky(_SLOPE)

    def layer(name: str, x: Tensor, parameters: Parameters, stride: int = 1) -> Tensor:
        margin = parameters.weights.shape[-1] // 2
        return net.leaky_relu(
            f"{name}.leaky", net.conv(name, x, parameters, stride=stride, pads=(margin,) * 4), _SLOPE
        )

    x = layer("conv1", net.source, he.plain_conv(32, 3, 3))
    for stage, blocks in enumerate(_BLOCKS, 1):
        half = x.shape[1]
        x = layer(f"stage{stage}.conv", x, he.conv(2 * half, half, 3, gain), stride=2)
        for number in range(1, blocks + 1):
            name = f"stage{stage}.block{number}"
            y = layer(f"{name}.conv1", x, he.conv(half, 2 * half, 1, gain))
            y = layer(f"{name}.conv2", y, he.conv(2 * half, half, 3, gain / math.sqrt(blocks)))
            x = net.add(f"{name}.add", y, x)
    x = net.flatten("flatten", net.global_average_pool("pool", x))
    return net.model(net.dense("logits", x, he.dense(1000, x.shape[1], LINEAR)))
