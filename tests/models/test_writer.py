"""The writer's shapes are those of ONNX Runtime, and its nodes compute what they are called."""

import numpy as np
import onnxruntime
import pytest

from snc.ir.errors import BadInput
from snc.models.writer import IR_VERSION, OPSET, Array, Parameters, Tensor, Writer, same_pads

RANDOM = np.random.default_rng(5)


def normal(*shape: int) -> Array:
    return RANDOM.standard_normal(shape, np.float32)


def test_every_node_has_the_shape_it_says() -> None:
    net = Writer("all", (4, 13, 18))
    x = net.source
    tensors = [
        conv := net.conv("conv", x, Parameters(normal(6, 4, 3, 3), normal(6)), stride=2, pads=(1, 0, 2, 1)),
        grouped := net.conv("grouped", conv, Parameters(normal(6, 2, 1, 1), normal(6)), groups=3),
        net.max_pool("max", x, 3, stride=2, pads=(1, 1, 1, 1)),
        net.average_pool("average", x, 2, stride=2),
        net.relu("relu", x),
        net.relu6("relu6", x),
        net.leaky_relu("leaky", x, 0.1),
        net.add("add", conv, grouped),
        net.global_average_pool("global", x),
        flat := net.flatten("flatten", conv),
        net.dense("dense", flat, Parameters(normal(5, flat.shape[1]), normal(5))),
    ]
    model = net.model(*tensors)
    assert (model.ir_version, [each.version for each in model.opset_import]) == (IR_VERSION, [OPSET])
    session = onnxruntime.InferenceSession(model.SerializeToString())
    image = normal(1, 4, 13, 18)
    values = dict(zip([tensor.name for tensor in tensors], session.run(None, {"image": image}), strict=True))
    assert {name: value.shape for name, value in values.items()} == {
        tensor.name: tensor.shape for tensor in tensors
    }
    np.testing.assert_array_equal(values["relu6"], image.clip(0, 6))
    np.testing.assert_array_equal(values["leaky"], np.where(image < 0, image * np.float32(0.1), image))
    np.testing.assert_array_equal(values["add"], values["conv"] + values["grouped"])


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "pads"),
    [
        ((224, 224), 3, 2, (0, 0, 1, 1)),
        ((225, 224), 3, 2, (1, 0, 1, 1)),
        ((14, 7), 3, 1, (1, 1, 1, 1)),
        ((9, 9), 1, 2, (0, 0, 0, 0)),
    ],
)
def test_same_padding_is_tensorflows(
    size: tuple[int, int], kernel: int, stride: int, pads: tuple[int, ...]
) -> None:
    assert same_pads(Tensor("x", (1, 3, *size)), kernel, stride) == pads


def test_an_input_too_small_for_a_kernel_names_the_layer_and_the_way_out() -> None:
    net = Writer("tiny", (1, 4, 9))
    x = net.max_pool("pool", net.source, 2, stride=2)
    with pytest.raises(BadInput) as caught:
        net.conv("conv", x, Parameters(normal(1, 1, 3, 3), normal(1)))
    assert str(caught.value) == (
        "tiny: node conv (Conv): a kernel of 3 x 3 finds only 2 x 4 pixels"
        " (build it for a larger input than 4 x 9)"
    )
