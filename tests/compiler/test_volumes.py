"""Convolutions and pools of volumes: the slices are channels, and each tap in depth joins slices."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from snc.compiler.pipeline.driver import compile_model
from snc.compiler.running.inputs import random_frames
from snc.compiler.running.verify import verify

from .reference import CHIP, compiled, options
from .test_families import Net
from .test_middle import is_computed

SHAPE = (1, 4, 5, 6, 7)
WINDOWS: dict[str, dict[str, Any]] = {
    "plain": {},
    "padded": {"pads": [1, 1, 1, 1, 1, 1]},
    "unevenly padded": {"pads": [2, 0, 1, 0, 1, 0]},
    "stride 2": {"strides": [2, 2, 2], "pads": [1, 1, 1, 1, 1, 1]},
    "stride 3": {"strides": [3, 1, 2]},
    "stride 4": {"strides": [1, 4, 4], "pads": [1, 1, 1, 1, 1, 1]},
    "dilated": {"dilations": [2, 1, 2], "pads": [2, 1, 2, 2, 1, 2]},
    "same": {"auto_pad": "SAME_UPPER", "strides": [2, 1, 2]},
}


def drawn(operator: str, **said: Any) -> onnx.ModelProto:
    """One layer with a tanh before it, so that it reads what the chip makes, of both signs."""
    net = Net(19, SHAPE)
    return net.model(net.add(operator, net.add("Tanh", "x"), **said))


def convolved(operator: str, groups: int, shape: Sequence[int], bias: int, **said: Any) -> onnx.ModelProto:
    net = Net(13, SHAPE)
    x = net.add("Tanh", "x")
    held = net.weights(*shape), net.gains(bias)[1]
    return net.model(net.add("Relu", net.add(operator, x, *held, group=groups, **said)))


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("windows", WINDOWS)
def test_a_convolution(windows: str, groups: int) -> None:
    is_computed(convolved("Conv", groups, (8, 4 // groups, 3, 3, 3), 8, **WINDOWS[windows]))


@pytest.mark.parametrize("windows", ["plain", "padded", "stride 2", "stride 3", "dilated"])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_transposed_convolution(windows: str, groups: int) -> None:
    is_computed(convolved("ConvTranspose", groups, (4, 3, 2, 3, 2), 3 * groups, **WINDOWS[windows]))


@pytest.mark.parametrize("windows", WINDOWS)
@pytest.mark.parametrize("operator", ["MaxPool", "AveragePool"])
def test_a_pool(operator: str, windows: str) -> None:
    is_computed(drawn(operator, kernel_shape=[3, 2, 3], **WINDOWS[windows]))


@pytest.mark.parametrize("include", [0, 1])
def test_means_of_parts_of_windows(include: int) -> None:
    windows: dict[str, Any] = {
        "kernel_shape": [2, 3, 2],
        "strides": [2, 2, 2],
        "pads": [1, 1, 0, 1, 1, 1],
        "ceil_mode": 1,
    }
    is_computed(drawn("AveragePool", count_include_pad=include, **windows))


@pytest.mark.parametrize("operator", ["GlobalAveragePool", "GlobalMaxPool"])
def test_a_pool_of_everything(operator: str) -> None:
    is_computed(drawn(operator))


def network() -> onnx.ModelProto:
    """Two blocks of a network for video, each with a normalisation, and a residual sum between them."""
    net = Net(13, (1, 3, 8, 12, 12))
    x = net.add("Conv", "x", net.weights(8, 3, 3, 3, 3), pads=[1] * 6, strides=[1, 2, 2])
    held = [net.constant(np.abs(net.random.standard_normal(8)) + 0.5) for _ in range(4)]
    x = net.add("Relu", net.add("BatchNormalization", x, *held))
    inner = net.add("Relu", net.add("Conv", x, net.weights(8, 8, 3, 3, 3), net.gains(8)[1], pads=[1] * 6))
    inner = net.add("Conv", inner, net.weights(8, 8, 3, 1, 1), net.gains(8)[1], pads=[1, 0, 0] * 2)
    x = net.add("MaxPool", net.add("Add", x, inner), kernel_shape=[2, 2, 2], strides=[2, 2, 2])
    x = net.add("Flatten", net.add("GlobalAveragePool", x))
    return net.model(net.add("Gemm", x, net.weights(8, 5), net.gains(5)[1]))


@pytest.mark.parametrize("weights", ["float32", "float16", "fixed8"])
def test_a_network_of_volumes_verifies(weights: str, tmp_path: Path) -> None:
    """A weight is the same number in every slice, whatever the format rounds it to."""
    path = tmp_path / "model.onnx"
    path.write_bytes(network().SerializeToString())
    found = compile_model(path, CHIP, options(weights=weights))
    assert verify(path, found.image, random_frames(found.image, 2, 3)).is_right


def test_slices_share_their_weights() -> None:
    """27 x 64 weights of 8 bits stand in memory once, whatever the number of slices."""

    def parameters(depth: int) -> int:
        net = Net(13, (1, 8, depth, 6, 6))
        made = net.model(net.add("Conv", "x", net.weights(8, 8, 3, 3, 3), pads=[1] * 6))
        image = compiled(made, choices=options(weights="fixed8")).image
        return sum(len(core.words) for core in image.cores)

    assert parameters(16) - parameters(4) < 12 * 27 * 64 / 8
