"""ResNet with bottleneck blocks in its original form (He et al., arXiv 1512.03385)."""

import math
from typing import TYPE_CHECKING

from .he import LINEAR, RELU, He
from .writer import Parameters, Tensor, Writer

if TYPE_CHECKING:
    from onnx import ModelProto

_EXPANSION = 4  # a block's output is four times as deep as its 3 x 3 convolution


def resnet50(seed: int = 0, height: int = 224, width: int = 224) -> "ModelProto":
    """ResNet50: image [1, 3, 224, 224] -> logits [1, 1000], without the Softmax; else like `resnet101`."""
    return _resnet("resnet50", (3, 4, 6, 3), seed, height, width)


def resnet101(seed: int = 0, height: int = 224, width: int = 224) -> "ModelProto":
    """ResNet101: image [1, 3, 224, 224] -> logits [1, 1000], without the Softmax.

    The original form: the stride of a stage is that of its first block's first 1 x 1 convolution and of the
    projection beside it (later ones, "v1.5", put it on the 3 x 3). Batch norms are folded into the biases.
    """
    return _resnet("resnet101", (3, 4, 23, 3), seed, height, width)


def _resnet(name: str, stages: tuple[int, ...], seed: int, height: int, width: int) -> "ModelProto":
    """Four stages of so many bottleneck blocks.

    The last convolution of a block is scaled, so that activations neither explode nor vanish: behind a
    projection both branches bring one half of the variance, and each further one of a stage's n blocks adds
    one n-th. So a stage multiplies the variance by (1 + 1/n)^(n - 1) < e at most.
    """
    he = He(seed)
    net = Writer(name, (3, height, width))

    def conv(name: str, x: Tensor, parameters: Parameters, stride: int = 1) -> Tensor:
        margin = parameters.weights.shape[-1] // 2
        return net.conv(name, x, parameters, stride=stride, pads=(margin,) * 4)

    def block(name: str, x: Tensor, depth: int, stride: int, blocks: int) -> Tensor:
        source_depth, deep = x.shape[1], depth * _EXPANSION
        projects = source_depth != deep
        gain = RELU / math.sqrt(2) if projects else LINEAR / math.sqrt(blocks)
        y = net.relu(f"{name}.relu1", conv(f"{name}.conv1", x, he.conv(depth, source_depth, 1, RELU), stride))
        y = net.relu(f"{name}.relu2", conv(f"{name}.conv2", y, he.conv(depth, depth, 3, RELU)))
        y = conv(f"{name}.conv3", y, he.conv(deep, depth, 1, gain))
        if projects:
            x = conv(f"{name}.projection", x, he.conv(deep, source_depth, 1, gain), stride)
        return net.relu(f"{name}.relu3", net.add(f"{name}.add", y, x))

    x = net.relu("conv1.relu", conv("conv1", net.source, he.plain_conv(64, 3, 7), stride=2))
    x = net.max_pool("pool1", x, 3, stride=2, pads=(1, 1, 1, 1))
    for stage, blocks in enumerate(stages, 2):
        for number in range(1, blocks + 1):
            stride = 2 if number == 1 and stage > 2 else 1
            x = block(f"stage{stage}.block{number}", x, 64 * 2 ** (stage - 2), stride, blocks)
    x = net.flatten("flatten", net.global_average_pool("pool5", x))
    return net.model(net.dense("logits", x, he.dense(1000, x.shape[1], LINEAR)))
