"""MobileNetV1: depthwise separable convolutions (Howard et al., arXiv 1704.04861)."""

from typing import TYPE_CHECKING

from .he import LINEAR, RELU, He
from .writer import Parameters, Tensor, Writer, same_pads

if TYPE_CHECKING:
    from onnx import ModelProto

# Depth and stride of the thirteen blocks, at width 1.0.
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))


def mobilenetv1(seed: int = 0, height: int = 224, width: int = 224) -> "ModelProto":
    """MobileNetV1 of width 1.0: image [1, 3, 224, 224] -> logits [1, 1000], without the Softmax.

    A 3 x 3 convolution of stride 2, then thirteen pairs of a depthwise 3 x 3 and a pointwise 1 x 1
    convolution, each followed by ReLU6 (a Clip); global average pooling and a dense layer. Padding is
    TensorFlow's SAME, as in the original: at stride 2 and even sizes one row below and one column to the
    right. Batch norms are folded into the biases.
    """
    he = He(seed)
    net = Writer("mobilenetv1", (3, height, width))

    def layer(name: str, x: Tensor, parameters: Parameters, stride: int = 1, groups: int = 1) -> Tensor:
        pads = same_pads(x, parameters.weights.shape[-1], stride)
        return net.relu6(
            f"{name}.relu6", net.conv(name, x, parameters, stride=stride, pads=pads, groups=groups)
        )

    x = layer("conv1", net.source, he.plain_conv(32, 3, 3), stride=2)
    for number, (depth, stride) in enumerate(_BLOCKS, 1):
        channels = x.shape[1]
        x = layer(f"block{number}.depthwise", x, he.plain_conv(channels, 1, 3), stride, groups=channels)
        x = layer(f"block{number}.pointwise", x, he.conv(depth, channels, 1, RELU))
    x = net.flatten("flatten", net.global_average_pool("pool", x))
    return net.model(net.dense("logits", x, he.dense(1000, x.shape[1], LINEAR)))
