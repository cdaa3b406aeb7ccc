"""Families of networks with functions and normalisations in the middle: style transfer, transformers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import helper, numpy_helper

from snc.backends.image.container import write_image
from snc.compiler.pipeline.check import Check, check
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.inputs import random_frames
from snc.compiler.running.verify import verify

from .reference import CHIP, assert_computes, compiled

Array = npt.NDArray[Any]


class Net:
    """A network while it is drawn: nodes, and constants from a generator."""

    def __init__(self, opset: int, shape: Sequence[int]) -> None:
        self.opset, self.shape = opset, tuple(shape)
        self.random = np.random.default_rng(7)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, Array] = {}

    def weights(self, *shape: int) -> str:
        fan_in = int(np.prod(shape[1:])) if len(shape) > 2 else shape[0]
        return self.constant(self.random.standard_normal(shape).astype(np.float32) / np.sqrt(fan_in))

    def gains(self, count: int) -> tuple[str, str]:
        drawn = self.random.standard_normal((2, count)).astype(np.float32) / 10
        return self.constant(1 + drawn[0]), self.constant(drawn[1])

    def constant(self, value: Array) -> str:
        name = f"c{len(self.constants)}"
        array = np.asarray(value)
        self.constants[name] = array.astype(np.float32) if array.dtype.kind == "f" else array
        return name

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def model(self, result: str) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "net",
            [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, self.shape)],
            [helper.make_tensor_value_info(result, onnx.TensorProto.FLOAT, None)],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        opsets = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def style_transfer() -> onnx.ModelProto:
    """Convolutions with instance normalisation, a residual block, nearest upsampling and a convolution."""
    net = Net(17, [1, 3, 16, 16])

    def conv(x: str, inputs: int, outputs: int, stride: int = 1) -> str:
        found = net.add("Conv", x, net.weights(outputs, inputs, 3, 3), pads=[1] * 4, strides=[stride] * 2)
        return net.add("InstanceNormalization", found, *net.gains(outputs))

    x = net.add("Relu", conv("x", 3, 8))
    x = net.add("Relu", conv(x, 8, 12, 2))
    x = net.add("Add", x, conv(net.add("Relu", conv(x, 12, 12)), 12, 12))
    scales = net.constant(np.array([1, 1, 2, 2], dtype=np.float32))
    x = net.add("Resize", x, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric")
    x = net.add("Relu", conv(x, 12, 8))
    return net.model(net.add("Tanh", net.add("Conv", x, net.weights(3, 8, 3, 3), pads=[1] * 4)))


def vision_transformer(blocks: int = 2, tokens: int = 4, width: int = 16, heads: int = 2) -> onnx.ModelProto:
    """Patches by a convolution, blocks of attention and a dense pair, and a class from the mean token."""
    net = Net(20, [1, 3, 4 * tokens, 4 * tokens])
    count, each = tokens * tokens, width // heads

    def shaped(x: str, *shape: int) -> str:
        return net.add("Reshape", x, net.constant(np.asarray(shape, np.int64)))

    def dense(x: str, inputs: int, outputs: int) -> str:
        return net.add("Add", net.add("MatMul", x, net.weights(inputs, outputs)), net.gains(outputs)[1])

    def headed(x: str, order: Sequence[int]) -> str:
        return net.add("Transpose", shaped(x, 1, count, heads, each), perm=order)

    def attention(x: str) -> str:
        query, key, value = (dense(x, width, width) for _ in range(3))
        scores = net.add("MatMul", headed(query, (0, 2, 1, 3)), headed(key, (0, 2, 3, 1)))
        scores = net.add("Div", scores, net.constant(np.array(np.sqrt(each), dtype=np.float32)))
        mixed = net.add("MatMul", net.add("Softmax", scores, axis=-1), headed(value, (0, 2, 1, 3)))
        mixed = shaped(net.add("Transpose", mixed, perm=(0, 2, 1, 3)), 1, count, width)
        return dense(mixed, width, width)

    x = net.add("Conv", "x", net.weights(width, 3, 4, 4), strides=[4, 4])
    x = net.add("Transpose", shaped(x, 1, width, count), perm=(0, 2, 1))
    x = net.add("Add", x, net.constant(net.random.standard_normal((1, count, width)).astype(np.float32) / 5))
    for _ in range(blocks):
        x = net.add("Add", x, attention(net.add("LayerNormalization", x, *net.gains(width))))
        inner = dense(net.add("LayerNormalization", x, *net.gains(width)), width, 2 * width)
        x = net.add("Add", x, dense(net.add("Gelu", inner), 2 * width, width))
    x = net.add("LayerNormalization", x, *net.gains(width))
    x = net.add("ReduceMean", x, net.constant(np.asarray([1], np.int64)), keepdims=0)
    return net.model(net.add("Softmax", dense(x, width, 5), axis=-1))


FAMILIES = {"style transfer": style_transfer, "vision transformer": vision_transformer}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_network_of_a_family_computes(name: str) -> None:
    model = FAMILIES[name]()
    found = compiled(model)
    for frame in random_frames(found.image, 2, 3):
        assert_computes(found.image, model, frame)
    behind = found.image.about.host_after
    assert [each.op_type for each in model.graph.node if each.name in behind] in ([], ["Softmax"])


@pytest.mark.parametrize("name", FAMILIES)
def test_a_network_of_a_family_verifies(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(FAMILIES[name]().SerializeToString())
    found = compile_model(path, CHIP, Options(effort=0.5))
    assert len(write_image(found.image)) > 0
    verdict = verify(path, found.image, random_frames(found.image, 2, 3))
    assert verdict.is_right, {name: each.first_divergence for name, each in verdict.compared.items()}
    assert all(figures.sqnr_db > 20 for figures in verdict.outputs)


def checked(model: onnx.ModelProto, folder: Path) -> Check:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return check(path, CHIP, Options())


def test_attention_of_many_tokens_has_rows_and_columns_of_its_own(tmp_path: Path) -> None:
    """Tokens lie along rows for one factor and along columns for the other, features are channels."""
    found = checked(vision_transformer(blocks=1, tokens=7, width=64, heads=4), tmp_path)
    assert found.is_supported
    assert found.projections is not None
    assert found.projections < 1000


def test_a_product_of_maps_that_is_too_large_is_refused_with_its_size(tmp_path: Path) -> None:
    found = checked(vision_transformer(blocks=1, tokens=32, width=64, heads=1), tmp_path)
    assert [(problem.operator, problem.exit_code) for problem in found.problems] == [("MatMul", 3)]
    assert f"one tensor has {1024 * 1024 * 64} values" in found.problems[0].rule
