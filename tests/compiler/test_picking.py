"""Views that pick elements by constant indices, lengths and triangles, or put them there, between two
convolutions.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from snc.ir.errors import Unsupported

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


UNPOOLED = (  # where each of [1, 8, 6, 7] elements goes
    (np.arange(8) * 12 * 14 + np.arange(8) % 3)[np.newaxis, :, np.newaxis, np.newaxis]
    + np.arange(6)[:, np.newaxis] * 28
    + np.arange(7) * 2
)
CASES |= {
    "compressed channels": between("Compress", [np.asarray([True, False, True, True])], 3, axis=1),
    "compressed, longer than its axis": between("Compress", [np.arange(9) != 1], 7, axis=1),
    "compressed rows": between("Compress", [np.arange(6) % 2 == 0], 8, axis=-2),
    "unpooled": between(
        "MaxUnpool",
        [UNPOOLED],
        8,
        kernel_shape=[2, 2],
        strides=[2, 2],
    ),
    "scattered maps": between(
        "ScatterND", [np.asarray([[0, 3], [0, -1]]), RANDOM.random((2, 6, 7), np.float32)], 8
    ),
    "scattered elements": between(
        "ScatterElements", [np.asarray([[[[3]], [[1]], [[-2]]]]), RANDOM.random((1, 3, 1, 1))], 8, axis=1
    ),
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


@pytest.mark.parametrize("reduction", ["none", "add", "mul", "max", "min"])
def test_updates_that_meet_are_reduced_one_after_the_other(reduction: str) -> None:
    net = Net(OPSET, (1, 3, 4, 5))
    maps = net.add("Conv", "x", net.weights(6, 3, 3, 3), pads=[1] * 4)
    updates = net.add("Conv", "x", net.weights(3, 3, 1, 1))
    updates = net.add("Reshape", updates, net.constant(np.asarray([3, 4, 5])))
    places = [[0, 1], [0, 4], [0, 1]] if reduction != "none" else [[0, 1], [0, 4], [0, 5]]
    indices = net.constant(np.asarray(places))
    found = net.add("ScatterND", maps, indices, updates, reduction=reduction)
    is_computed(net.model(net.add("Conv", found, net.weights(2, 6, 3, 3))))


def test_where_nothing_is_scattered_all_stays() -> None:
    net = Net(OPSET, (1, 3, 4, 5))
    maps = net.add("Conv", "x", net.weights(6, 3, 3, 3), pads=[1] * 4)
    none = net.constant(np.zeros((0, 2), np.int64)), net.constant(np.zeros((0, 4, 5), np.float32))
    found = net.add("ScatterND", maps, *none, reduction="add")
    is_computed(net.model(net.add("Conv", found, net.weights(2, 6, 3, 3))))


@pytest.mark.parametrize("mode", ["linear", "circular"])
def test_a_cache_is_written_at_constant_positions(mode: str) -> None:
    net = Net(24, (1, 6, 4))
    update = net.add("MatMul", "x", net.weights(4, 5))
    cache = net.constant(RANDOM.random((1, 9, 5), np.float32))
    begin = net.constant(np.asarray([3 if mode == "linear" else 7]))
    found = net.add("TensorScatter", cache, update, begin, mode=mode)
    is_computed(net.model(net.add("MatMul", found, net.weights(5, 3))))


def test_an_unpooled_map_of_another_size_is_refused() -> None:
    net = Net(OPSET, (1, 2, 2, 2))
    maps = net.add("Conv", "x", net.weights(2, 2, 1, 1))
    indices = net.constant(np.arange(8).reshape(1, 2, 2, 2) * 3)
    size = net.constant(np.asarray([1, 2, 5, 5]))
    found = net.add("MaxUnpool", maps, indices, size, kernel_shape=[2, 2], strides=[2, 2])
    last = net.add("Conv", found, net.weights(2, 2, 3, 3))
    model = net.model(last)
    model.graph.value_info.append(onnx.helper.make_tensor_value_info(found, 1, [1, 2, 5, 5]))
    with pytest.raises(Unsupported, match=r"its result of \[5, 5\] is not of the size that its windows make"):
        compiled(model)
