"""The way in: every opset, free sizes, weights wherever they may stand, and one clear error otherwise."""

import contextlib
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import hypothesis
import numpy as np
import onnx
import onnx.parser
import pytest
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from oracle import layers
from oracle.graphs import random_input
from oracle.writer import NEWEST_OPSET, OLDEST_OPSET, Writer

from snc.compiler.frontend.onnx_file import without_weights
from snc.compiler.frontend.read import original, read_onnx
from snc.compiler.pipeline.driver import Compiled, compile_model
from snc.compiler.pipeline.options import Options
from snc.ir.errors import BadInput, SncError, Unsupported

from .reference import CHIP, TOLERANCE, assert_computes, compiled, difference, run, truth
from .test_random import examples


def small(opset: int = 13) -> onnx.ModelProto:
    """A classifier of two layers."""
    w = Writer(opset, 3)
    x = w.add("Relu", layers.conv(w, w.input((1, 2, 6, 5)), 4))
    return w.model([layers.gemm(w, layers.flatten(w, x), 3)], "small")


def from_file(model: onnx.ModelProto | bytes, folder: Path, **shapes: tuple[int, ...]) -> Compiled:
    """A model compiled from a file in a folder, with --input-shape."""
    path = folder / "model.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return compile_model(path, CHIP, Options(weights="float32", effort=1.0, input_shapes=shapes))


def refusal(model: onnx.ModelProto | bytes, folder: Path, **shapes: tuple[int, ...]) -> SncError:
    """The error that a model ends in; its text names the file and says more."""
    with pytest.raises(SncError) as caught:
        from_file(model, folder, **shapes)
    assert re.match(r"(.*/)?model\.onnx: .{10,}", str(caught.value)), str(caught.value)
    return caught.value


@pytest.mark.parametrize("opset", range(OLDEST_OPSET, NEWEST_OPSET + 1))
def test_every_opset(opset: int) -> None:
    model = small(opset)
    assert_computes(compiled(model).image, model, random_input(model, 0))


def test_an_operator_that_is_newer_than_what_is_converted() -> None:
    text = """<ir_version: 10, opset_import: ["" : 28]> g (float[1,2,4,6] x) => (float[1,4,2,3] y) {
        s = SpaceToDepth<blocksize = 2, mode = "CRD">(x) y = Conv(s, w) }"""
    model = onnx.parser.parse_model(text)
    weights = np.random.default_rng(0).standard_normal((4, 8, 1, 1)).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(weights, "w"))
    assert_computes(compiled(model).image, model, random_input(model, 0))


@pytest.mark.parametrize("opset", [1, 5, 999])
def test_opsets_that_are_not_read(opset: int, tmp_path: Path) -> None:
    model = small()
    model.opset_import[0].version = opset
    error = refusal(model, tmp_path)
    assert isinstance(error, Unsupported)
    assert f"opset {opset} is outside" in str(error)


def with_free(model: onnx.ModelProto, *axes: int) -> onnx.ModelProto:
    """A model whose input does not say some of its sizes."""
    for axis in axes:
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = f"n{axis}"
    for value in model.graph.output:
        for dim in value.type.tensor_type.shape.dim:
            dim.dim_param = "any"
    return model


def test_a_free_batch_size_is_one(tmp_path: Path) -> None:
    model = with_free(small(), 0)
    found = from_file(model, tmp_path)
    assert [tensor.shape for tensor in found.image.tensors if tensor.kind == "input"] == [(1, 2, 6, 5)]
    inputs = random_input(small(), 1)
    assert difference(run(found.image, inputs), small(), inputs).error <= TOLERANCE


def test_free_sizes_are_asked_for(tmp_path: Path) -> None:
    error = refusal(with_free(small(), 0, 2, 3), tmp_path)
    assert isinstance(error, BadInput)
    assert "has no fixed shape (1x2x?x?) (give its sizes, as in --input-shape input0:1,2,224,224)" in str(
        error
    )


def test_an_input_shape_fixes_free_sizes(tmp_path: Path) -> None:
    found = from_file(with_free(small(), 0, 2, 3), tmp_path, input0=(1, 2, 6, 5))
    inputs = random_input(small(), 1)
    assert difference(run(found.image, inputs), small(), inputs).error <= TOLERANCE


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((1, 3, 6, 5), "is 1x2x6x5, not 1x3x6x5"),
        ((1, 2, 6), "is 1x2x6x5, not 1x2x6"),
        ((2, 2, 6, 5), "the chip takes one frame"),
    ],
)
def test_input_shapes_that_clash(shape: tuple[int, ...], said: str, tmp_path: Path) -> None:
    assert said in str(refusal(small(), tmp_path, input0=shape))


def test_a_shape_for_an_input_that_is_not_there(tmp_path: Path) -> None:
    assert "has no input 'image' (its inputs are input0)" in str(
        refusal(small(), tmp_path, image=(1, 2, 6, 5))
    )


def test_a_fixed_size_that_does_not_suit_the_weights(tmp_path: Path) -> None:
    error = refusal(with_free(small(), 0, 2, 3), tmp_path, input0=(1, 2, 7, 5))
    assert "shapes" in str(error) or "Gemm" in str(error)


def test_constant_nodes_are_weights(tmp_path: Path) -> None:
    model = small()
    nodes = [
        helper.make_node("Constant", [], [tensor.name], value=tensor) for tensor in model.graph.initializer
    ]
    for node in reversed(nodes):
        model.graph.node.insert(0, node)
    del model.graph.initializer[:]
    inputs = random_input(model, 2)
    assert difference(run(from_file(model, tmp_path).image, inputs), small(), inputs).error <= TOLERANCE


def test_initializers_that_are_inputs_too_are_no_inputs() -> None:
    model = small(7)  # before IR version 4 they had to be
    assert len(model.graph.input) > 1
    assert [t.name for t in compiled(model).image.tensors if t.kind == "input"] == ["input0"]


def test_external_data_beside_the_model(tmp_path: Path) -> None:
    onnx.save_model(
        small(), tmp_path / "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    data = (tmp_path / "model.onnx").read_bytes()
    assert (tmp_path / "weights.bin").stat().st_size > len(data) / 4
    inputs = random_input(small(), 2)
    assert difference(run(from_file(data, tmp_path).image, inputs), small(), inputs).error <= TOLERANCE
    (tmp_path / "weights.bin").unlink()
    assert "its data file 'weights.bin' is missing" in str(refusal(data, tmp_path))


def narrow() -> onnx.ModelProto:
    """The small model in half precision throughout."""
    model = small()
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.float32:
            tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float16), tensor.name))
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                array = numpy_helper.to_array(attribute.t).astype(np.float16)
                attribute.t.CopyFrom(numpy_helper.from_array(array))
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    return model


def test_half_precision_is_widened(tmp_path: Path) -> None:
    model = narrow()
    found = from_file(model, tmp_path)
    wide = original(tmp_path / "model.onnx")
    assert {value.type.tensor_type.elem_type for value in (*wide.graph.input, *wide.graph.output)} == {
        TensorProto.FLOAT
    }
    inputs = random_input(small(), 4)
    assert difference(run(found.image, inputs), wide, inputs).error <= TOLERANCE
    (half,) = truth(model, {k: v.astype(np.float16) for k, v in inputs.items()}, inner=False).values()
    (got,) = run(found.image, inputs).values()
    assert np.abs(got - half).max() <= 1e-2 * np.abs(half).max()


@pytest.mark.parametrize("data", [b"", b"a text, not a model\n" * 40, b"\x08\x08", b'{"ir_version": 8}'])
def test_what_is_no_model(data: bytes, tmp_path: Path) -> None:
    assert isinstance(refusal(data, tmp_path), BadInput)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_model(kept: float, tmp_path: Path) -> None:
    data = small().SerializeToString()
    assert isinstance(refusal(data[: int(len(data) * kept)], tmp_path), BadInput)


def test_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.onnx"):
        with pytest.raises(BadInput, match="cannot be read"):
            compile_model(path, CHIP, Options())


def chain(*operators: str, domain: str = "") -> onnx.ModelProto:
    """Operators one behind the other, on a map."""
    names = ["x", *(f"t{i}" for i in range(1, len(operators))), "y"]
    graph = helper.make_graph(
        [
            helper.make_node(op, [a], [b], name=f"{op}_{i}", domain="" if op == "Relu" else domain)
            for i, (op, a, b) in enumerate(zip(operators, names, names[1:], strict=False))
        ],
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2, 4, 4])],
    )
    opsets = [helper.make_opsetid("", 13), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def test_an_operator_that_onnx_does_not_have(tmp_path: Path) -> None:
    error = refusal(chain("Relu", "Frobnicate", "Relu"), tmp_path)
    assert "Frobnicate" in str(error)
    assert error.exit_code == 2


def test_an_operator_of_a_foreign_domain(tmp_path: Path) -> None:
    error = refusal(chain("Relu", "Fancy", "Relu", domain="com.example"), tmp_path)
    assert "com.example" in str(error)
    assert "Fancy" in str(error)


def test_an_operator_that_nothing_can_compute_between_layers(tmp_path: Path) -> None:
    w = Writer(13, 0)
    x = layers.conv(w, w.input((1, 2, 6, 5)), 4)
    x = w.add("Transpose", x, perm=[0, 2, 3, 1])
    x = w.add("CumSum", x, w.constant(np.array(1)))
    x = w.add("Transpose", x, perm=[0, 3, 1, 2])
    model = w.model([layers.conv(w, x, 3)], "middle")
    error = refusal(model, tmp_path)
    assert "CumSum" in str(error)


def test_two_faults_are_both_named(tmp_path: Path) -> None:
    text = str(refusal(chain("Relu", "Frobnicate", "Defenestrate"), tmp_path))
    assert "Frobnicate" in text
    assert "Defenestrate" in text


def test_nodes_without_names_are_named_after_their_outputs() -> None:
    model = small()
    for node in model.graph.node:
        node.name = ""
    found = compiled(model)
    assert all(layer.name for layer in found.image.about.layers)
    assert_computes(found.image, model, random_input(model, 0))


def test_nodes_with_one_name() -> None:
    model = small()
    for node in model.graph.node:
        node.name = "twin"
    found = compiled(model)
    assert {layer.name.partition("_")[0] for layer in found.graph.layers} == {"twin"}
    assert len({layer.name for layer in found.graph.layers}) == len(found.graph.layers)
    assert_computes(found.image, small(), random_input(model, 0))


def test_origins_name_file_node_and_operator(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(small().SerializeToString())
    conv = read_onnx(path).layers[0]
    assert str(conv.origin) == f"net.onnx: node {small().graph.node[0].name} (Conv)"


def survives(data: bytes) -> None:
    """A file compiles, or is refused with an error of ours."""
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(SncError):
        from_file(data, Path(folder))


SEEDS: dict[str, Callable[[], onnx.ModelProto]] = {"small": small, "old": lambda: small(7), "half": narrow}


@pytest.mark.parametrize("name", SEEDS)
@examples(40)
@hypothesis.given(
    flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4),
    kept=st.one_of(st.none(), st.integers(0, 10**6)),
)
def test_a_damaged_model_ends_in_one_error(name: str, flips: list[tuple[int, int]], kept: int | None) -> None:
    data = bytearray(SEEDS[name]().SerializeToString())
    for position, value in flips:
        data[position % len(data)] = value
    survives(bytes(data) if kept is None else bytes(data[: kept % len(data)]))


def test_the_checker_is_not_given_weights() -> None:
    """Large tensors are cut down for it, and it finds what it finds in all of them."""
    weights = numpy_helper.from_array(np.ones((64, 64), np.float32), "weights")
    few = numpy_helper.from_array(np.ones(3, np.float32), "few")
    nibbles = helper.make_tensor("nibbles", TensorProto.INT4, [20000], bytes(10000), raw=True)
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [64, 64]) for name in "xy")
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "weights"], ["y"])], "g", [x], [y], [weights, few, nibbles]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], producer_name="someone")
    light = without_weights(model)
    assert [list(tensor.dims) for tensor in light.graph.initializer] == [[1], [3], [1]]
    assert light.ByteSize() < 300
    onnx.checker.check_model(light)
    assert (light.producer_name, light.graph.node, light.opset_import) == (
        "someone",
        model.graph.node,
        model.opset_import,
    )
    model.graph.initializer[0].float_data.append(1)  # and raw data beside it
    with pytest.raises(onnx.checker.ValidationError, match="one value field"):
        onnx.checker.check_model(without_weights(model))
