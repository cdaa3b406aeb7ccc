"""What stands in a file and what is read: shapes as ONNX Runtime sees them, functions, constants."""

import re
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import hypothesis
import numpy as np
import numpy.typing as npt
import onnx
import onnx.parser
import onnx.utils
import pytest
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from snc.compiler.frontend import observe
from snc.compiler.frontend.agree import assert_agrees, first_difference
from snc.compiler.frontend.observe import Seen, random_inputs, run_tensors
from snc.compiler.frontend.read import UNTRIED, Reading, original, read_model, read_onnx, to_layers
from snc.compiler.pipeline.check import check
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.pipeline.prepare import folded
from snc.ir.errors import BadInput, SncError, Unsupported, VerifyError
from snc.ir.layers import LayerGraph
from snc.passes.composing.compose import Compose
from snc.passes.fold import Fold

from .reference import CHIP, assert_computes, compiled
from .test_random import examples

Array = npt.NDArray[np.float32]


def model(text: str, opset: int = 18, seed: int = 0, **constants: object) -> onnx.ModelProto:
    """A model from text; a constant that is a shape is drawn at random."""
    made = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : {opset}]> g {text}')
    rng = np.random.default_rng(seed)
    for name, value in constants.items():
        array = rng.standard_normal(value) if isinstance(value, tuple) else value
        held = np.asarray(array, dtype=np.float32) if isinstance(value, tuple) else np.asarray(array)
        made.graph.initializer.append(numpy_helper.from_array(held, name))
    return made


def written(made: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(made.SerializeToString())
    return path


def inputs(made: onnx.ModelProto) -> dict[str, Array]:
    rng = np.random.default_rng(3)
    held = {tensor.name for tensor in made.graph.initializer}
    return {
        value.name: rng.standard_normal([d.dim_value for d in value.type.tensor_type.shape.dim]).astype("f4")
        for value in made.graph.input
        if value.name not in held
    }


def assert_right(made: onnx.ModelProto) -> LayerGraph:
    """The model compiles and computes what ONNX Runtime computes."""
    found = compiled(made)
    assert_computes(found.image, made, inputs(made))
    return found.graph


def operators(graph: LayerGraph) -> list[str]:
    return [layer.op for layer in graph.layers]


# -- what a constant is broadcast along


@pytest.mark.parametrize("op", ["Mul", "Add", "Sub", "Div"])
@pytest.mark.parametrize(
    ("before", "constants"),
    [
        ("float[1,3,4,4] x", {"w": (4, 3, 1, 1)}),
        ("float[1,3,4] x", {"w": (4, 3, 1)}),
    ],
)
def test_a_vector_lies_along_the_columns_though_there_are_as_many_channels(
    op: str, before: str, constants: dict[str, Any]
) -> None:
    text = f"({before}) => (y) {{ a = Conv(x, w) y = {op}(a, m) }}"
    made = model(text, **constants, m=np.linspace(1, 2, 4, dtype=np.float32))
    graph = to_layers(made, "m")
    assert operators(Fold()(graph)) == ["Conv", {"Div": "Mul"}.get(op, op)]  # by the reciprocals
    assert_agrees(Fold()(graph), seen(made))


def seen(made: onnx.ModelProto) -> Reading:
    """The layers of a model, and what its tensors hold for one frame."""
    names = [name for node in made.graph.node for name in node.output]
    frame = inputs(made)
    return Reading(to_layers(made, "m"), Seen.whole({**frame, **run_tensors(made, names, frame, "m")}))


DATA: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    "conv": ("a = Conv(x, w, b)", (1, 3, 4, 3), {"w": (3, 3, 1, 1), "b": (3,)}),
    "conv1d": ("a = Conv(x, w)", (1, 3, 3), {"w": (3, 3, 1)}),
    "transposed": ("a = ConvTranspose<group = 3>(x, w)", (1, 3, 3, 3), {"w": (3, 1, 1, 1)}),
    "gemm": ("a = Gemm<alpha = 0.5, beta = 2.0>(x, w, b)", (3, 3), {"w": (3, 3), "b": (3, 1)}),
    "matmul": ("a = MatMul(x, w)", (1, 3), {"w": (3, 3)}),
    "relu": ("a = Relu(x)", (1, 3, 1, 3), {}),
    "rank3": ("a = MatMul(x, w)", (3, 3, 3), {"w": (3, 3)}),
}


@examples(60)
@hypothesis.given(
    kind=st.sampled_from(sorted(DATA)),
    op=st.sampled_from(["Add", "Sub", "Mul", "Div"]),
    kept=st.lists(st.booleans(), min_size=4, max_size=4),
    dropped=st.integers(0, 4),
    is_left=st.booleans(),
    twice=st.booleans(),
)
def test_constants_of_any_shape_keep_the_function(
    kind: str, op: str, kept: list[bool], dropped: int, is_left: bool, twice: bool
) -> None:
    first, size, constants = DATA[kind]
    full = [n if keep else 1 for n, keep in zip(size, kept, strict=False)]
    shape = full[min(dropped, len(full)) :]
    rng = np.random.default_rng(len(shape))
    value = rng.uniform(0.5, 2, shape).astype(np.float32)
    operands = "m, a" if is_left else "a, m"
    more = "y = Mul(n, m)" if twice else "y = Identity(n)"
    dims = ",".join(map(str, size))
    text = f"(float[{dims}] x) => (y) {{ {first} n = {op}({operands}) {more} }}"
    made = model(text, **constants, m=value)
    assert_agrees(Fold()(to_layers(made, "m")), seen(made))


@examples(40)
@hypothesis.given(
    sizes=st.tuples(*[st.integers(1, 3)] * 3),
    flags=st.tuples(st.integers(0, 1), st.integers(0, 1)),
    left=st.booleans(),
    bias=st.sampled_from(["none", "constant", "computed"]),
    wide=st.tuples(st.booleans(), st.booleans()),
    rank=st.integers(0, 2),
    factors=st.tuples(st.sampled_from([1.0, 0.5]), st.sampled_from([1.0, -2.0, 0.0])),
)
def test_any_gemm_keeps_its_function(
    sizes: tuple[int, ...],
    flags: tuple[int, int],
    left: bool,
    bias: str,
    wide: tuple[bool, bool],
    rank: int,
    factors: tuple[float, float],
) -> None:
    m, k, n = sizes
    first = (k, m) if flags[0] else (m, k)
    second = (n, k) if flags[1] else (k, n)
    data, held = (second, first) if left else (first, second)
    shape = tuple(full if keep else 1 for full, keep in zip((m, n), wide, strict=True))[2 - rank :]
    declared = [f"float[{data[0]},{data[1]}] x"]
    constants: dict[str, Any] = {"w": held}
    operands = "w, x" if left else "x, w"
    if bias == "constant":
        constants["c"] = shape
    elif bias == "computed":
        declared.append(f"float[{','.join(map(str, shape))}] c" if shape else "float[1] c")
    operands += ", c" if bias != "none" else ""
    attributes = f"transA = {flags[0]}, transB = {flags[1]}, alpha = {factors[0]}, beta = {factors[1]}"
    made = model(f"({', '.join(declared)}) => (y) {{ y = Gemm<{attributes}>({operands}) }}", **constants)
    graph = Fold()(to_layers(made, "m"))
    assert_agrees(graph, seen(made))
    for layer in graph.layers:
        assert layer.op != "Gemm" or set(layer.attributes) <= {"transA", "transB"}


def test_a_constant_on_the_left_of_a_gemm() -> None:
    text = "(float[6,1] x) => (y) { m = Gemm<alpha = 0.5, beta = 2.0>(l, x, c) y = Relu(m) }"
    assert_right(model(text, l=(5, 6), c=(5, 1)))


# -- shapes


def test_a_pool_whose_last_window_would_begin_beyond_the_map() -> None:
    text = """(float[1,2,4,4] x) => (y) { r = Relu(x)
        y = MaxPool<kernel_shape = [2, 2], strides = [3, 3], pads = [1, 1, 1, 1], ceil_mode = 1>(r) }"""
    assert_right(model(text, opset=17))


def test_a_deconvolution_with_same_upper_and_output_padding() -> None:
    text = """(float[1,2,4,5] x) => (y) {
        y = ConvTranspose<strides = [2, 2], auto_pad = "SAME_UPPER", output_padding = [1, 1]>(x, w) }"""
    assert_right(model(text, opset=17, w=(2, 3, 3, 3)))


def test_pad_with_axes() -> None:
    pads, axes = np.array([1, 2, 0, 1], dtype=np.int64), np.array([3, 2], dtype=np.int64)
    text = "(float[1,2,4,5] x) => (y) { p = Pad(x, pads, , axes) y = Conv(p, w) }"
    assert_right(model(text, w=(3, 2, 2, 2), pads=pads, axes=axes))


@pytest.mark.parametrize("lacking", ["shape", "type"])
def test_an_output_that_states_nothing(lacking: str) -> None:
    made = model("(float[1,2,4,5] x) => (y) { a = Conv(x, w) y = Relu(a) }", w=(3, 2, 2, 2))
    made.graph.output[0].Clear()
    made.graph.output[0].name = "y"
    if lacking == "shape":
        made.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT
    assert_right(made)


def test_an_input_without_a_shape_is_asked_for(tmp_path: Path) -> None:
    made = model("(float[1,2,4,5] x) => (y) { y = Relu(x) }")
    made.graph.input[0].type.tensor_type.ClearField("shape")
    with pytest.raises(
        BadInput, match=r"has no fixed shape \(\?\) \(give its sizes, as in --input-shape x:1,"
    ):
        read_onnx(written(made, tmp_path))
    assert read_onnx(written(made, tmp_path), {"x": (1, 2, 4, 5)}).inputs[0].shape == (1, 2, 4, 5)


def test_shapes_that_follow_from_shapes() -> None:
    text = """(float[1,6,4] x) => (y) { s = Shape(x) n = Gather<axis = 0>(s, i)
        u = Unsqueeze(n, i) k = Concat<axis = 0>(j, u) r = Reshape(x, k) y = Relu(r) }"""
    zero, one = np.array(0, dtype=np.int64), np.array([0], dtype=np.int64)
    text = text.replace("Unsqueeze(n, i)", "Unsqueeze(n, z)").replace("(s, i)", "(s, i)")
    made = model(text, i=zero, z=one, j=np.array([2, 12], dtype=np.int64))
    assert operators(assert_right(made)) == ["Reshape", "Relu"]


def test_slopes_were_one_for_each_channel_once() -> None:
    """At opset 6 a slope lay along the channels, here as many as there are columns."""
    made = model("(float[1,3,4,3] x) => (y) { y = PRelu(x, s) }", opset=6, s=(3,))
    newer = model("(float[1,3,4,3] x) => (y) { y = PRelu(x, s) }", s=(3, 1, 1))
    assert_computes(compiled(made).image, newer, inputs(newer))


# -- what cannot be


@pytest.mark.parametrize(("opset", "more"), [(15, "<training_mode = 1>"), (13, ""), (9, "")])
def test_a_normalisation_in_training_mode_is_refused(opset: int, more: str) -> None:
    norm = f"n, rm, rv = BatchNormalization{more}(c, s, b, m, v)"
    made = model(
        f"(float[1,3,4,4] x) => (y) {{ c = Conv(x, w) {norm} y = Conv(n, w) }}",
        opset=opset,
        **{"w": (3, 3, 1, 1)} | dict[str, Any]((name, np.ones(3, dtype=np.float32)) for name in "sbmv"),
    )
    if opset < 14:
        made.graph.node[1].output.extend(["sm", "sv"])
    with pytest.raises(Unsupported, match="it is in training mode"):
        compiled(made)


def test_a_variance_below_zero_is_named() -> None:
    ones: dict[str, Any] = {name: np.ones(2, dtype=np.float32) for name in "sbm"}
    text = "(float[1,2,4,4] x) => (y) { c = Conv(x, w) y = BatchNormalization(c, s, b, m, v) }"
    made = model(text, **ones, w=(2, 2, 1, 1), v=np.array([1, -1], dtype=np.float32))
    with pytest.raises(BadInput, match=r"BatchNormalization.*its variance 'v' is not above -epsilon"):
        compiled(made)


@pytest.mark.parametrize(
    ("body", "constant"),
    [
        ("y = Add(x, c)", np.float32(np.nan)),
        ("y = Mul(x, c)", np.float32(np.inf)),
        ("l = Log(c) y = Mul(x, l)", np.float32(-1)),
        ("l = Exp(c) a = Conv(x, w) y = Add(a, l)", np.float32(1000)),
        ("y = Clip(x, c)", np.float32(np.nan)),
    ],
)
def test_constants_that_are_no_numbers_are_refused(body: str, constant: np.float32) -> None:
    made = model(f"(float[1,2,4,4] x) => (y) {{ {body} }}", c=constant, w=(2, 2, 1, 1))
    with pytest.raises(BadInput, match=r"node of y \(|node \w+_y \(|NaN or infin"):
        compiled(made)


@pytest.mark.parametrize("body", ["y = Clip(x, c)", "a = Neg(c) y = Clip(x, a, c)"])
def test_bounds_that_bound_nothing_are_no_harm(body: str) -> None:
    value = np.float32(-np.inf if body.startswith("y") else np.inf)
    assert_right(model(f"(float[1,2,4,4] x) => (y) {{ {body} }}", c=value))


@pytest.mark.parametrize("shape", ["x", "conv"])
def test_what_onnx_runtime_refuses_is_refused_with_its_node(shape: str) -> None:
    source = "x" if shape == "x" else "a"
    pads = np.array([0, 0, 5, 0, 0, 0, 5, 0], dtype=np.int64)
    made = model(
        f'(float[1,2,4,4] x) => (y) {{ a = Conv(x, w) y = Pad<mode = "reflect">({source}, p) }}',
        p=pads,
        w=(2, 2, 1, 1),
    )
    with pytest.raises(BadInput, match=r"\(Pad\): ONNX Runtime cannot run it: Pad reflect"):
        compiled(made)


# -- what stands inside


def test_functions_are_put_in_place(tmp_path: Path) -> None:
    text = """<ir_version: 8, opset_import: ["" : 18, "own" : 1]> g (float[1,2,4,4] x) => (y) {
        a = own.twice(x) y = own.twice(a) }
        <domain: "own", opset_import: ["" : 18]> twice (p) => (q) { r = Relu(p) q = Add(r, p) }"""
    made = onnx.parser.parse_model(text)
    assert operators(read_onnx(written(made, tmp_path))) == ["Relu", "Add", "Relu", "Add"]
    assert_right(made)


def test_a_function_that_calls_itself_is_refused(tmp_path: Path) -> None:
    text = """<ir_version: 8, opset_import: ["" : 18, "own" : 1]> g (float[1,2,4,4] x) => (y) { y = own.f(x) }
        <domain: "own", opset_import: ["" : 18, "own" : 1]> f (p) => (q) { q = own.f(p) }"""
    with pytest.raises(BadInput, match="its function f calls itself"):
        read_onnx(written(onnx.parser.parse_model(text), tmp_path))


@pytest.mark.parametrize("taken", [True, False])
def test_a_branch_whose_condition_is_constant(taken: bool) -> None:
    result = helper.make_tensor_value_info("r", TensorProto.FLOAT, [1, 2, 4, 4])
    then = helper.make_graph([helper.make_node("Relu", ["a"], ["r"])], "then", [], [result])
    other = helper.make_graph(
        [helper.make_node("Neg", ["a"], ["t"]), helper.make_node("Tanh", ["t"], ["r"])], "else", [], [result]
    )
    made = model(
        "(float[1,2,4,4] x) => (y) { a = Conv(x, w) y = Relu(v) r = Neg(x) z = Neg(r) }", w=(2, 2, 1, 1)
    )
    made.graph.output.add().CopyFrom(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 2, 4, 4]))
    made.graph.initializer.append(numpy_helper.from_array(np.array(taken), "c"))
    made.graph.node.insert(1, helper.make_node("If", ["c"], ["v"], then_branch=then, else_branch=other))
    del made.graph.node[3:]
    del made.graph.output[1:]
    graph = assert_right(made)
    assert ("Tanh" in operators(graph)) is not taken


@pytest.mark.parametrize("kind", ["float", "floats", "int", "ints", "tensor"])
def test_constant_nodes_of_every_kind(kind: str) -> None:
    if kind in ("int", "ints"):
        value: dict[str, Any] = {"value_int": 2} if kind == "int" else {"value_ints": [2, 3]}
        nodes = [
            helper.make_node("Constant", [], ["i"], **value),
            helper.make_node("Cast", ["i"], ["c"], to=1),
        ]
    else:
        tensor = numpy_helper.from_array(np.array([2, 3], dtype=np.float32))
        one: dict[str, dict[str, Any]] = {
            "float": {"value_float": 2.0},
            "floats": {"value_floats": [2.0, 3.0]},
            "tensor": {"value": tensor},
        }
        nodes = [helper.make_node("Constant", [], ["c"], **one[kind])]
    made = model("(float[1,2] x) => (y) { y = Mul(x, c) }")
    for node in reversed(nodes):
        made.graph.node.insert(0, node)
    assert_right(made)


def test_sparse_constants_are_refused(tmp_path: Path) -> None:
    values = numpy_helper.from_array(np.ones(1, np.float32), "v")
    indices = numpy_helper.from_array(np.array([1], dtype=np.int64), "i")
    made = model("(float[1,2] x) => (y) { y = Mul(x, c) }")
    sparse = helper.make_sparse_tensor(values, indices, [2])
    made.graph.node.insert(0, helper.make_node("Constant", [], ["c"], sparse_value=sparse))
    with pytest.raises(Unsupported, match="stores sparse tensors"):
        read_onnx(written(made, tmp_path))


def test_what_is_computed_twice_is_one_layer_and_what_is_not_read_is_none() -> None:
    text = """(float[1,2] x) => (y) { a = Gemm(x, w) b = Gemm(x, w) c = Add(a, u) d = Add(b, v)
        n = Neg(x) i = Identity(c) y = Mul(i, d) }"""
    one = np.array([1, 2], dtype=np.float32)
    graph = to_layers(model(text, w=(2, 2), u=one, v=one), "m")
    assert operators(graph) == ["Gemm", "Add", "Mul"]


def test_where_to_split_names_the_tensors_of_the_file_and_holds_there(tmp_path: Path) -> None:
    """The second product is computed once, but the file names it twice."""
    text = """(float[1,2] x) => (y) { a = Gemm(x, w) b = Gemm(x, w) g = Cast<to = 6>(a) k = Cast<to = 1>(g)
        l = Add(b, k) y = Gemm(l, w) }"""
    path = written(model(text, w=(2, 2)), tmp_path)
    with pytest.raises(SncError) as caught:
        compile_model(path, CHIP, Options())
    said = re.search(r"end the first part at ([\w, ]+), begin the second at ([\w, ]+)\)", str(caught.value))
    assert said is not None
    ends, begins = (names.split(", ") for names in said.groups())
    assert ends == ["a", "b"]
    whole = onnx.utils.Extractor(onnx.shape_inference.infer_shapes(onnx.load(path)))
    onnx.checker.check_model(whole.extract_model(["x"], ends))
    onnx.checker.check_model(whole.extract_model(ends, begins))
    onnx.checker.check_model(whole.extract_model(begins, ["y"]))
    problems = {problem.text for problem in check(path, CHIP, Options()).problems}
    assert str(caught.value).splitlines()[0] in problems


def test_outputs_that_are_constant_stay_outputs() -> None:
    text = "(float[1,2,4,4] x) => (y, z, c) { y = Conv(x, w) z = Neg(c) }"
    graph = assert_right(model(text, w=(2, 2, 1, 1), c=(2, 3)))
    assert [value.name for value in graph.outputs] == ["y", "z", "c"]


def test_unread_inputs_stay_inputs() -> None:
    assert len(assert_right(model("(float[1,2] x, float[3] z) => (y) { y = Relu(x) }")).inputs) == 2


@pytest.mark.parametrize(
    ("kind", "name"), [(TensorProto.DOUBLE, "double"), (TensorProto.BFLOAT16, "bfloat16")]
)
def test_other_precisions_are_computed_in_single(kind: int, name: str, tmp_path: Path) -> None:
    made = model("(float[1,4] x) => (y) { a = Gemm(x, w, b) y = Relu(a) }", w=(4, 3), b=(3,))
    plain = onnx.ModelProto()
    plain.CopyFrom(made)
    for tensor in made.graph.initializer:
        array = numpy_helper.to_array(tensor).astype(helper.tensor_dtype_to_np_dtype(kind))
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    for value in (*made.graph.input, *made.graph.output):
        value.type.tensor_type.elem_type = kind
    graph = folded(written(made, tmp_path), {})
    assert any(name in note and "single precision" in note for note in graph.notes)
    assert {value.dtype for value in graph.values.values()} == {"float32"}
    assert np.allclose(
        next(v for k, v in graph.constants.items() if "w" in k).ravel()[:3],
        numpy_helper.to_array(plain.graph.initializer[0]).ravel()[:3],
        rtol=1e-2,
    )


# -- the comparison


def test_a_wrong_fold_is_noticed_and_named(tmp_path: Path) -> None:
    text = "(float[1,2,4,4] x) => (y) { a = Conv(x, w) r = Relu(a) b = Conv(r, v) y = Neg(b) }"
    path = written(model(text, w=(2, 2, 1, 1), v=(2, 2, 1, 1)), tmp_path)
    reading = read_model(path)
    graph = Fold()(reading.graph)
    assert_agrees(graph, reading)
    wrong = graph.with_constants({"v": graph.constants["v"] * np.float32(1.001)})
    with pytest.raises(VerifyError, match="'b' is"):
        assert_agrees(wrong, reading)
    frame = random_inputs(graph.inputs, "m")
    assert first_difference(original(path), graph, [frame]) is None
    found = first_difference(original(path), wrong, [frame])
    assert found is not None
    assert (found.tensor, found.origin.operator) == ("b", "Conv")


def test_a_wrong_operator_is_noticed() -> None:
    made = model("(float[1,2,4,4] x) => (y) { y = Relu(x) }")
    graph = to_layers(made, "m")
    layers = (replace(graph.layers[0], op="LeakyRelu", attributes=MappingProxyType({"alpha": 0.01})),)
    with pytest.raises(VerifyError, match="'y' is"):
        assert_agrees(replace(graph, layers=layers), seen(made))


def test_what_cancels_is_no_difference() -> None:
    """A channel that hardly varies is scaled by a thousand: its rounding is scaled, too."""
    text = """(float[1,64,4,4] x) => (y) {
        c = Conv(x, w, b) y = BatchNormalization<epsilon = 0.00000001>(c, s, z, m, v) }"""
    large = np.full(2, 1000, dtype=np.float32)
    weights = np.full((2, 64, 1, 1), 1e-4, dtype=np.float32)
    zero, tiny = np.zeros(2, dtype=np.float32), np.full(2, 1e-7, dtype=np.float32)
    made = model(text, w=weights, b=large, s=zero + 1, z=zero, m=large, v=tiny)
    assert_agrees(Fold()(to_layers(made, "m")), seen(made))


def test_what_is_ill_conditioned_is_no_difference() -> None:
    """Two numbers that are nearly equal are normalised: what the model's own sums round is made large."""
    text = "(float[1,2,1] x) => (y) { k = Add(x, c) y = GroupNormalization<num_groups = 1>(k, s, s) }"
    made = model(text, opset=21, c=np.array([1.0], np.float32), s=np.array([0.6, 0.6], np.float32))
    frame = {"x": np.array([[[0.6257302], [0.6321049]]], np.float32)}
    names = [name for node in made.graph.node for name in node.output]
    graph = to_layers(made, "m")
    reading = Reading(graph, Seen.whole({**frame, **run_tensors(made, names, frame, "m")}))
    assert_agrees(Fold()(Compose()(graph)), reading)
    wrong = dict(graph.constants) | {"s": graph.constants["s"] * np.float32(1.1)}
    with pytest.raises(VerifyError, match="'y' is"):
        assert_agrees(Fold()(Compose()(graph.with_constants(wrong))), reading)


def test_a_bias_that_is_lost_in_a_normalisation_is_no_difference() -> None:
    """Of maps of one element only the bias is left, rounded as the sums that the model takes it from."""
    text = "(float[1,1,1,1] x) => (y) { y = InstanceNormalization<epsilon = 0.1>(x, s, b) }"
    scale, bias = np.array([0.54004097], np.float32), np.array([-0.00019701238], np.float32)
    made = model(text, opset=13, s=scale, b=bias)
    frame = {"x": np.full((1, 1, 1, 1), -1.1022183, np.float32)}
    graph = to_layers(made, "m")
    reading = Reading(graph, Seen.whole({**frame, **run_tensors(made, ["y"], frame, "m")}))
    assert_agrees(Fold()(Compose()(graph)), reading)
    with pytest.raises(VerifyError, match="'y' is"):
        assert_agrees(Fold()(Compose()(graph.with_constants({"b": 1.1 * bias}))), reading)


@pytest.mark.parametrize("is_computed", [False, True])
def test_a_model_too_large_to_be_tried_has_its_constants_all_the_same(
    is_computed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observe, "ELEMENTS_MAX", 0)
    factor = "k = Add(m, m)" if is_computed else "k = Identity(m)"
    text = f"(float[1,3,4,4] x) => (y) {{ c = Conv(x, w) {factor} r = Relu(c) y = Mul(r, k) }}"
    graph = assert_right(model(text, w=(3, 3, 1, 1), m=np.linspace(1, 2, 4, dtype=np.float32)))
    assert graph.notes == (UNTRIED,)
