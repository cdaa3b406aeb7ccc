"""Views that pick elements by constant indices, lengths and triangles, between two convolutions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from .reference import compiled
from .test_families import Net
from .test_middle import is_computed

RANDOM = np.random.default_rng(3)
SHAPE = (1, 8, 6, 7)
OPSET = 18


def between(
    operator: str, constants: Sequence[npt.NDArray[Any]], channels: int, **said: Any
) -> onnx.ModelProto:
    """A node from feature maps [1, 8, 6, 7] to others, with `channels` of these."""
    net = Net(OPSET, (1, 3, *SHAPE[2:]))
    maps = net.add("Conv", "x", net.weights(8, 3, 3, 3), pads=[1] * 4)
    picked = net.add(operator, maps, *(net.constant(each) for each in constants), **said)
    return net.model(net.add("Conv", picked, net.weights(4, channels, 3, 3), pads=[1] * 4))


CASES: dict[str, onnx.ModelProto] = {
    "maps": between("GatherND", [np.asarray([[[0, 7], [0, 2], [0, 2], [0, -1]]])], 4),
    "maps of each frame": between("GatherND", [np.asarray([[[3], [0], [-2]]])], 3, batch_dims=1),
    "elements along channels": between("GatherElements", [RANDOM.integers(-8, 8, (1, 5, 6, 7))], 5, axis=1),
    "elements along rows": between(
        "GatherElements", [np.full((1, 8, 4, 7), [[[2], [0], [5], [2]]])], 8, axis=-2
    ),
    "reversed channels": between("ReverseSequence", [np.asarray([5])], 8, time_axis=1, batch_axis=0),
    "reversed frames": between("ReverseSequence", [np.full(8, 1)], 8, time_axis=0, batch_axis=1),
    "upper triangle": between("Trilu", [], 8),
    "lower triangle": between("Trilu", [np.asarray(-1)], 8, upper=0),
    "cropped and padded": between("CenterCropPad", [np.asarray([9, 4])], 8, axes=[2, 3]),
    "cropped channels": between("CenterCropPad", [np.asarray([5, 9])], 5, axes=[1, -1]),
    "cropped to a whole shape": between("CenterCropPad", [np.asarray([1, 4, 6, 6])], 4),
}


@pytest.mark.parametrize("name", CASES)
def test_a_view(name: str) -> None:
    is_computed(CASES[name])


@pytest.mark.parametrize("name", ["GatherND", "Trilu", "CenterCropPad"])
def test_views_of_an_input_lie_as_their_reader_wants_them(name: str) -> None:
    """The host follows them from the network's input: what is read is laid, and nothing is copied."""
    net = Net(OPSET, (1, 9, 6, 6))
    constants = {
        "GatherND": [net.constant(np.asarray([[[0, 7], [0, 2], [0, 4]]]))],
        "Trilu": [],
        "CenterCropPad": [net.constant(np.asarray([1, 3, 6, 6]))],
    }
    picked = net.add(name, "x", *constants[name])
    channels = 9 if name == "Trilu" else 3
    made = net.model(net.add("Conv", picked, net.weights(4, channels, 3, 3)))
    is_computed(made)
    assert len(compiled(made).network.projections) == 1
