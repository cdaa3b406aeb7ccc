"""Files that want to do harm, or are broken: one clear error, little time and memory."""

import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from snc.compiler.pipeline.check import check
from snc.compiler.pipeline.options import Options
from snc.compiler.targets.target import load_target
from snc.ir.errors import SncError

CHIP = load_target("grai-vip")
Build = Callable[[], onnx.ModelProto]


def model(
    nodes: Sequence[onnx.NodeProto],
    opset: int = 13,
    size: Sequence[int] = (1, 1, 4, 4),
    **constants: npt.NDArray[Any],
) -> onnx.ModelProto:
    """A model with the input x."""
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(size))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "d", "h", "w"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def node(operator: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    """A node named after its output."""
    return helper.make_node(operator, inputs.split(), [output], name=output, **attributes)


def numbers(*values: int) -> npt.NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


HUGE = numbers(40_000, 30_000)


def constant_of_shape() -> onnx.ModelProto:
    return model(
        [node("ConstantOfShape", "s", "b"), node("ReduceMax", "b", "m"), node("Add", "x m", "y")], s=HUGE
    )


def expand() -> onnx.ModelProto:
    return model([node("Expand", "o s", "b"), node("Add", "x b", "y")], o=np.ones(1, np.float32), s=HUGE)


def tile() -> onnx.ModelProto:
    return model([node("Tile", "o s", "b"), node("Add", "x b", "y")], o=np.ones((1, 1), np.float32), s=HUGE)


def resize() -> onnx.ModelProto:
    nodes = [node("Resize", "o  s", "b"), node("Add", "x b", "y")]
    nodes[0].input[:] = ["o", "", "s"]
    ones, scales = np.ones((1, 1, 1, 1), np.float32), np.array([1, 1, 40_000, 30_000], np.float32)
    return model(nodes, o=ones, s=scales)


def arange() -> onnx.ModelProto:
    nodes = [node("Range", "a b c", "r"), node("ReduceSum", "r", "t"), node("Cast", "t", "f", to=1)]
    zero, far, one = (np.array(n, dtype=np.int64) for n in (0, 10**10, 1))
    return model([*nodes, node("Add", "x f", "y")], a=zero, b=far, c=one)


def computed_shape() -> onnx.ModelProto:
    """The shape of the bomb is known only when a product of shapes has been folded."""
    nodes = [
        node("Shape", "x", "s"),
        node("Mul", "s k", "t"),
        node("Mul", "t t", "u"),
        node("ConstantOfShape", "u", "b"),
        node("ReduceMax", "b", "m"),
        node("Add", "x m", "y"),
    ]
    return model(nodes, k=numbers(20, 20, 20, 20))


def doubling() -> onnx.ModelProto:
    nodes = [node("Concat", f"c{i} c{i}", f"c{i + 1}", axis=0) for i in range(40)]
    return model([*nodes, node("Add", "x c40", "y")], c0=np.ones(1024, np.float32))


def many_large() -> onnx.ModelProto:
    """Each constant is allowed, all of them are not."""
    nodes = [node("ConstantOfShape", "s", f"b{i}") for i in range(60)]
    nodes += [node("ReduceMax", f"b{i}", f"m{i}") for i in range(60)]
    return model([*nodes, node("Sum", " ".join(["x", *(f"m{i}" for i in range(60))]), "y")], s=numbers(2**24))


def in_a_branch() -> onnx.ModelProto:
    inner = [node("ConstantOfShape", "s", "b"), node("ReduceMax", "b", "m")]
    out = [helper.make_tensor_value_info("m", 1, None)]
    branch = helper.make_graph(inner, "then", [], out, [numpy_helper.from_array(HUGE, "s")])
    chosen = helper.make_node("If", ["t"], ["v"], name="v", then_branch=branch, else_branch=branch)
    return model([chosen, node("Add", "x v", "y")], t=np.array(True))


def loop() -> onnx.ModelProto:
    inputs = [
        helper.make_tensor_value_info(n, k, s) for n, k, s in (("i", 7, []), ("c", 9, []), ("v", 1, None))
    ]
    results = [helper.make_tensor_value_info(n, k, s) for n, k, s in (("c2", 9, []), ("v2", 1, None))]
    body = helper.make_graph(
        [node("Identity", "c", "c2"), node("Concat", "v v", "v2", axis=0)], "body", inputs, results
    )
    repeat = helper.make_node("Loop", ["n", "t", "o"], ["l"], name="l", body=body)
    nodes = [repeat, node("ReduceMax", "l", "m"), node("Add", "x m", "y")]
    return model(nodes, n=np.array(40), t=np.array(True), o=np.ones(8, np.float32))


def functions() -> onnx.ModelProto:
    """Each function calls the one before it ten times."""
    made = model([helper.make_node("f12", ["x"], ["y"], domain="d")])
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("d", 1)]
    made.opset_import.append(opsets[1])
    for level in range(13):
        name = "Relu" if not level else f"f{level - 1}"
        domain = "d" if level else ""
        chain = [
            helper.make_node(name, [f"t{i}" if i else "a"], [f"t{i + 1}"], domain=domain) for i in range(10)
        ]
        made.functions.append(helper.make_function("d", f"f{level}", ["a"], ["t10"], chain, opsets))
    return made


def large_input() -> onnx.ModelProto:
    return model([node("Conv", "x w", "y")], size=(1, 1, 16_000, 16_000), w=np.ones((8, 1, 1, 1), np.float32))


def large_input_of_a_small_network() -> onnx.ModelProto:
    return model([node("GlobalMaxPool", "x", "y")], size=(1, 1, 14_000, 14_000))


def large_pad() -> onnx.ModelProto:
    nodes = [node("Pad", "x p", "y")]
    return model(nodes, p=numbers(0, 0, 0, 0, 0, 0, 15_000, 15_000))


def neither_transposed_nor_not() -> onnx.ModelProto:
    weights = {"w": np.ones((10, 1), np.float32), "b": np.ones(10, np.float32)}
    return model([node("Gemm", "x w b", "y", transB=-(2**63))], opset=9, size=(1, 1), **weights)


def input_without_a_type() -> onnx.ModelProto:
    made = model([helper.make_node("Concat", ["x", "x"], ["y"], "y", axis=1)])
    made.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UNDEFINED
    return made


def zero_point_of_floats() -> onnx.ModelProto:
    scale, zero = np.float32(0.25), np.float32(1)
    nodes = [node("Add", "x b", "s"), node("QuantizeLinear", "s scale zero", "q")]
    nodes.append(node("DequantizeLinear", "q scale zero", "y"))
    return model(nodes, b=np.ones(4, np.float32), scale=np.asarray(scale), zero=np.asarray(zero))


def many_nodes() -> onnx.ModelProto:
    names = ["x", *(f"t{i}" for i in range(50_000)), "y"]
    return model([node("Identity", a, b) for a, b in pairwise(names)])


def lying_dims() -> onnx.ModelProto:
    made = model([node("Add", "x w", "y")], w=np.ones(4, np.float32))
    made.graph.initializer[0].dims[:] = [2**40, 2**20]
    return made


def negative_dims() -> onnx.ModelProto:
    made = model([node("Add", "x w", "y")], w=np.ones(4, np.float32))
    made.graph.initializer[0].dims[:] = [-4]
    return made


def sparse() -> onnx.ModelProto:
    made = model([node("Add", "x w", "y")])
    values = numpy_helper.from_array(np.ones(1, np.float32), "w")
    found = helper.make_sparse_tensor(values, numpy_helper.from_array(numbers(5), "i"), [2**31])
    made.graph.sparse_initializer.append(found)
    return made


def cycle() -> onnx.ModelProto:
    return model([node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b", "y")])


def duplicate_names() -> onnx.ModelProto:
    return model([node("Relu", "x", "a"), node("Abs", "x", "a"), node("Relu", "a", "y")])


def nan_weights() -> onnx.ModelProto:
    return model([node("Conv", "x w", "y")], w=np.full((1, 1, 2, 2), np.nan, np.float32))


def infinite_weights() -> onnx.ModelProto:
    return model([node("Conv", "x w", "y")], w=np.full((1, 1, 2, 2), np.inf, np.float32))


def missing_initializer() -> onnx.ModelProto:
    return model([node("Conv", "x w", "y")])


def zero_sized() -> onnx.ModelProto:
    return model([node("Conv", "x w", "y")], w=np.ones((0, 1, 2, 2), np.float32))


def empty_result() -> onnx.ModelProto:
    return model([node("Slice", "x a b", "y")], a=numbers(0, 0, 0, 2), b=numbers(1, 1, 4, 2))


def opset_one() -> onnx.ModelProto:
    return model([node("Relu", "x", "y", consumed_inputs=[0])], opset=1)


def opset_of_the_future() -> onnx.ModelProto:
    return model([node("Relu", "x", "y")], opset=999)


def shapes_that_clash() -> onnx.ModelProto:
    return model([node("Conv", "x w", "y")], w=np.ones((1, 3, 2, 2), np.float32))


def no_groups() -> onnx.ModelProto:
    return model([node("Conv", "x w", "y", group=0)], w=np.ones((1, 1, 2, 2), np.float32))


def stride_of_nothing() -> onnx.ModelProto:
    return model([node("MaxPool", "x", "y", kernel_shape=[2, 2], strides=[0, 1])])


def more_parts_than_outputs() -> onnx.ModelProto:
    return model([node("Split", "x", "y", axis=0, num_outputs=2**31 - 1)], opset=18)


def fewer_parts_than_outputs() -> onnx.ModelProto:
    """ONNX's own inference of shapes ends the process."""
    made = model([node("Split", "x", "y", axis=0, num_outputs=1)], opset=18)
    made.graph.node[0].output.append("z")
    return made


def kernel_larger_than_the_map() -> onnx.ModelProto:
    return model([node("Conv", "x w", "y")], w=np.ones((1, 1, 9, 9), np.float32))


def constant_outputs() -> onnx.ModelProto:
    """Nothing in it depends on an input, and a constant is an output, too."""
    one, constant = np.ones(1, np.float32), np.ones((1, 1, 4, 4), np.float32)
    made = model([node("BatchNormalization", "c o o o o", "y")], c=constant, o=one)
    made.graph.output.add().CopyFrom(helper.make_tensor_value_info("c", TensorProto.FLOAT, [1, 1, 4, 4]))
    return made


HOSTILE: dict[str, Build] = {
    build.__name__: build
    for build in (
        constant_of_shape,
        expand,
        tile,
        resize,
        arange,
        computed_shape,
        doubling,
        many_large,
        in_a_branch,
        loop,
        functions,
        large_input,
        large_input_of_a_small_network,
        large_pad,
        zero_point_of_floats,
        input_without_a_type,
        many_nodes,
        lying_dims,
        negative_dims,
        sparse,
        cycle,
        duplicate_names,
        nan_weights,
        infinite_weights,
        missing_initializer,
        zero_sized,
        empty_result,
        opset_one,
        opset_of_the_future,
        shapes_that_clash,
        no_groups,
        stride_of_nothing,
        more_parts_than_outputs,
        fewer_parts_than_outputs,
        kernel_larger_than_the_map,
        constant_outputs,
    )
}


def complaint(path: Path) -> str:
    """What the check of a file that cannot be compiled says."""
    try:
        found = check(path, CHIP, Options())
    except SncError as error:
        return str(error)
    return "\n".join(problem.text for problem in found.problems)


def resident_bytes() -> int:
    """The most memory that this process has had."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def test_hostile_models(tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    said = []
    before = resident_bytes()
    for name, build in HOSTILE.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(build().SerializeToString())
        text = complaint(path)
        assert text, name
        said.append(text + "\n")
    assert resident_bytes() < before + 2**29
    golden("hostile.txt", "".join(said))


def test_external_data_outside_the_models_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(64))
    folder = tmp_path / "model"
    folder.mkdir()
    for location in ("../secret", str(tmp_path / "secret"), "link", ""):
        made = model([node("Add", "x w", "y")], w=np.ones((4, 4), np.float32))
        tensor = made.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
        if location == "link":
            os.symlink(tmp_path / "secret", folder / "link")
        path = folder / "m.onnx"
        path.write_bytes(made.SerializeToString())
        assert "its data lies outside the model's folder" in complaint(path), location


def test_external_data_that_lies_about_its_length(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(bytes(64))
    for key, value in (
        ("length", "999999999999"),
        ("offset", "999999999999"),
        ("offset", "-1"),
        ("length", "a"),
    ):
        made = model([node("Add", "x w", "y")], w=np.ones((4, 4), np.float32))
        tensor = made.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="data")
        tensor.external_data.add(key=key, value=value)
        path = tmp_path / "m.onnx"
        path.write_bytes(made.SerializeToString())
        assert "m.onnx: node w (constant): " in complaint(path), (key, value)


def test_a_file_of_two_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(2**31 + 10)
    assert complaint(path) == f"{path}: has {2**31 + 10} bytes, at most {2**30} are read (use external data)"


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    path = tmp_path / "names.onnx"
    made = model([node("Relu", "x", "y")])
    made.graph.node[0].name = "QQQQ"
    path.write_bytes(made.SerializeToString().replace(b"QQQQ", b"\xff\xfe\xff\xfe"))
    assert complaint(path).startswith("names.onnx: is no valid ONNX model (a name is no UTF-8)")


@pytest.mark.parametrize("data", [b"", b"\x00" * 100, b"\x0a" * 1000, b"SNCIMAGE" * 10, bytes(range(256))])
def test_what_is_no_model(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "junk.onnx"
    path.write_bytes(data)
    assert "no ONNX model" in complaint(path).removeprefix(f"{path}: is ")


def test_what_cannot_be_folded_prints_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """ONNX Runtime refuses this constant node, and would print by itself."""
    constant, weights = np.ones((1, 1, 4, 4), np.float32), np.ones((3, 1, 2, 2), np.float32)
    made = model([node("ConvTranspose", "c w", "t"), node("Add", "x t", "y")], c=constant, w=weights)
    path = tmp_path / "fold.onnx"
    path.write_bytes(made.SerializeToString())
    assert complaint(path)
    assert capfd.readouterr() == ("", "")


def test_a_flag_that_is_neither_0_nor_1_is_read_as_onnx_runtime_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "flag.onnx"
    path.write_bytes(neither_transposed_nor_not().SerializeToString())
    assert complaint(path) == ""


@pytest.mark.parametrize("where", ["output", "inside"])
def test_a_stated_shape_that_is_wrong(tmp_path: Path, where: str) -> None:
    made = model([node("Relu", "x", "z"), node("Neg", "z", "y")], size=(1, 4, 6, 5))
    value = helper.make_tensor_value_info("y" if where == "output" else "z", TensorProto.FLOAT, [1, 6, 6, 5])
    if where == "output":
        made.graph.output[0].CopyFrom(value)
    else:
        made.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 6, 5]))
        made.graph.value_info.append(value)
    path = tmp_path / "stated.onnx"
    path.write_bytes(made.SerializeToString())
    assert f"the file says that '{value.name}' is [1, 6, 6, 5], it is [1, 4, 6, 5]" in complaint(path)


def test_a_shape_that_only_the_file_states_is_no_constant(tmp_path: Path) -> None:
    """The Split's second operand is no constant, so its result is as long as the input's values say."""
    nodes = [node("Cast", "x", "i", to=TensorProto.INT64), node("Slice", "i a b", "t")]
    nodes += [node("Reshape", "t f", "k"), helper.make_node("Split", ["x", "k"], ["y", "z"], "y", axis=1)]
    made = model(
        nodes, opset=18, size=(1, 4, 6, 5), a=numbers(0, 0, 0, 0), b=numbers(1, 2, 1, 1), f=numbers(2)
    )
    made.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2, 6, 5]))
    path = tmp_path / "stated.onnx"
    path.write_bytes(made.SerializeToString())
    assert complaint(path)
