"""Networks for the chip in Verilog: each has constructs that the others have not."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from snc.compiler.targets.target import load_target
from snc.ir.chip import Chip

Array = npt.NDArray[Any]
CHIP = load_target("grai-vip")


@dataclass(frozen=True, slots=True)
class Case:
    """A model, its chip, and the options with which it is compiled."""

    model: onnx.ModelProto
    chip: Chip = CHIP
    options: dict[str, Any] = field(default_factory=dict)


class Layers:
    """Nodes and random constants of a model, one after the other; each call gives its output's name."""

    def __init__(self, shape: tuple[int, ...], seed: int, zeros: float = 0.0) -> None:
        self.shape, self.zeros = shape, zeros
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.held: dict[str, Array] = {}

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], name=output, **attributes))
        return output

    def hold(self, array: Array) -> str:
        name = f"c{len(self.held)}"
        self.held[name] = array.astype(np.float32)
        return name

    def conv(self, x: str, into: int, out: int, kernel: int, **attributes: Any) -> str:
        weights = self.random.normal(size=(out, into, kernel, kernel)) / kernel
        if self.zeros:
            weights[self.random.random(weights.shape) < self.zeros] = 0
        bias = self.random.normal(size=out) / 4
        pad = kernel // 2
        return self.add("Conv", x, self.hold(weights), self.hold(bias), pads=[pad] * 4, **attributes)

    def model(self, y: str) -> onnx.ModelProto:
        self.nodes.append(helper.make_node("Identity", [y], ["y"]))
        graph = helper.make_graph(
            self.nodes,
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(self.shape))],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(array, name) for name, array in self.held.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def residual() -> Case:
    """Stride 2 and a shortcut, cut over the four cores of a mesh."""
    net = Layers((1, 3, 12, 12), 1)
    x = net.add("Relu", net.conv("x", 3, 16, 3))
    a = net.add("Relu", net.conv(x, 16, 16, 3, strides=[2, 2]))
    a = net.conv(a, 16, 16, 3)
    b = net.conv(x, 16, 16, 1, strides=[2, 2])
    return Case(net.model(net.add("Relu", net.add("Add", a, b))), replace(CHIP, mesh=(2, 2), core_words=540))


def depthwise() -> Case:
    """A kernel for each channel, clamps, and a slope for each channel; odd numbers of channels."""
    net = Layers((1, 3, 6, 6), 2)
    x = net.add("Clip", net.conv("x", 3, 7, 3), net.hold(np.array(0)), net.hold(np.array(6)))
    x = net.add("LeakyRelu", net.conv(x, 1, 7, 3, group=7, strides=[2, 2]), alpha=0.1)
    x = net.add("PRelu", net.conv(x, 7, 5, 1), net.hold(net.random.random((5, 1, 1))))
    return Case(net.model(x), options={"weights": "fixed4"})


def pooling() -> Case:
    """Maxima and minima of values of either sign, means, and an upsampling."""
    net = Layers((1, 2, 6, 6), 3)
    x = net.conv("x", 2, 4, 3)
    high = net.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    low = net.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    scales = net.hold(np.array([1, 1, 2, 2]))
    x = net.add("Resize", net.add("Min", high, low), "", scales, mode="nearest")
    return Case(net.model(net.conv(x, 4, 3, 3)), options={"weights": "float16"})


def product() -> Case:
    """Two factors, of which the second may be zero, and weights of 32 bits."""
    net = Layers((1, 2, 4, 4), 4)
    a, b = net.conv("x", 2, 5, 3), net.add("Relu", net.conv("x", 2, 5, 1))
    return Case(net.model(net.add("Mul", a, b)), options={"weights": "float32"})


def adaptive() -> Case:
    """Weights with exponents of their own, in 6 bits, and states that stay where they are."""
    net = Layers((1, 2, 5, 5), 5)
    x = net.add("Relu", net.conv("x", 2, 6, 5))
    return Case(net.model(net.conv(x, 6, 3, 3)), options={"weights": "adaptive6e2", "states": "persistent"})


def skipping(weights: str = "fixed8") -> Case:
    """Kernels of which three in four weights are zero: dense ones, and a depthwise one."""
    net = Layers((1, 3, 7, 6), 8, zeros=0.75)
    x = net.add("Relu", net.conv("x", 3, 13, 3))
    x = net.add("Relu", net.conv(x, 1, 13, 3, group=13))
    return Case(net.model(net.conv(x, 13, 10, 3, strides=[2, 2])), options={"weights": weights})


def listed() -> Case:
    """Kernels that list the few weights they have, and one with both forms."""
    net = Layers((1, 3, 7, 6), 11, zeros=0.95)
    x = net.add("Relu", net.conv("x", 3, 40, 3))
    x = net.add("Relu", net.conv(x, 40, 90, 3, strides=[2, 2]))
    return Case(net.model(net.conv(x, 90, 70, 1)), options={"weights": "fixed8"})


def signs() -> Case:
    """Weights of one bit, of which some are left out."""
    return replace(skipping("sign"), options={"weights": "sign"})


def strided() -> Case:
    """Tables that have two words for a run of channels, with an exponent for each."""
    net = Layers((1, 24, 5, 5), 9)
    x = net.add("Relu", net.conv("x", 24, 20, 3))
    x = net.add("Relu", net.conv(x, 1, 20, 3, group=20))
    return Case(net.model(net.conv(x, 20, 6, 1)), replace(CHIP, strided_tables=16))


def scales() -> Case:
    """A scale for each channel, of numbers with signs, and of a negative slope for each."""
    return replace(depthwise(), options={"weights": "int8"})


def functions() -> Case:
    """Activation functions that have one result, beside each other."""
    net = Layers((1, 2, 5, 5), 12)
    alpha, beta = net.hold(np.array(0.25)), net.hold(np.array(0.5))
    scaled = net.add("Add", net.add("Mul", net.conv("x", 2, 3, 3), alpha), beta)
    hard = net.add("Mul", net.conv("x", 2, 3, 1), net.add("HardSigmoid", scaled, alpha=0.3, beta=0.4))
    found = [
        hard,
        net.add("HardSigmoid", net.conv("x", 2, 2, 3), alpha=0.15, beta=0.45),
        net.add("HardSwish", net.conv("x", 2, 2, 3)),
        net.add("ThresholdedRelu", net.conv("x", 2, 2, 1), alpha=0.7),
        net.add("Shrink", net.conv("x", 2, 2, 1), lambd=0.6, bias=0.3),
        *(net.add(each, net.conv("x", 2, 2, 3)) for each in ("Abs", "Sign", "Floor", "Ceil", "Round")),
    ]
    return Case(net.model(net.add("Concat", *found, axis=1)))


def changing(cores: int = 1, weights: str = "float32") -> Case:
    """Neurons that send what has changed: a convolution and a dense layer, of odd numbers of neurons."""
    net = Layers((1, 2, 5, 5), 13)
    x = net.add("LeakyRelu", net.conv("x", 2, 3, 3), alpha=0.25)
    x = net.add("Flatten", net.add("Clip", x, net.hold(np.array(-1)), net.hold(np.array(6))))
    x = net.add("Gemm", x, net.hold(net.random.normal(size=(75, 5)) / 4), net.hold(net.random.normal(size=5)))
    chip = CHIP if cores == 1 else replace(CHIP, mesh=(cores, 1), core_words=180)
    return Case(net.model(x), chip, {"neurons": "sigma-delta", "threshold": 0.05, "weights": weights})


def stream(count: int) -> list[Array]:
    """Frames of `changing`: in each a third of the elements are others than in the frame before."""
    random = np.random.default_rng(5)
    frames = [random.normal(size=(1, 2, 5, 5))]
    for _ in range(count - 1):
        frames.append(
            np.where(random.random(frames[0].shape) < 1 / 3, random.normal(size=(5, 5)), frames[-1])
        )
    return [frame.astype(np.float32) for frame in frames]


CASES: dict[str, Callable[[], Case]] = {
    case.__name__: case
    for case in (
        residual,
        depthwise,
        pooling,
        product,
        adaptive,
        skipping,
        listed,
        signs,
        strided,
        scales,
        functions,
    )
}
