"""Views between the inputs and the first layers: the host lays what these read, and the chip has no cost."""

import tempfile
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from snc.backends.image.container import write_image
from snc.compiler.pipeline.driver import Compiled
from snc.compiler.reports.report import report
from snc.ir.network import Neuron

from .reference import assert_computes, assert_layers, compiled

# What stands between the input and the layer: the input's shape, the views, the shape that the layer reads.
FORMS: dict[str, tuple[str, str, str]] = {
    "one channel, last": ("1,16,10,1", "v = Reshape(x, to)", "1,1,16,10"),
    "three channels, last": ("1,16,10,3", "v = Transpose<perm = [0, 3, 1, 2]>(x)", "1,3,16,10"),
    "flat": ("1,400", "v = Reshape(x, to)", "1,1,20,20"),
    "flat, 28 x 28": ("1,784", "v = Reshape(x, to)", "1,1,28,28"),
    "flat, without a batch": ("784", "v = Reshape(x, to)", "1,1,28,28"),
    "a square without a batch": ("20,20", "v = Reshape(x, to)", "1,1,20,20"),
    "a batch of maps": ("6,12,12", "v = Reshape(x, to)", "1,6,12,12"),
    "a picture without a batch": (
        "12,10,3",
        "t = Transpose<perm = [2, 0, 1]>(x) v = Reshape(t, to)",
        "1,3,12,10",
    ),
    "turned": ("1,2,32,48", "v = Transpose<perm = [0, 1, 3, 2]>(x)", "1,2,48,32"),
    "turned and mirrored": (
        "1,2,32,24",
        "t = Transpose<perm = [0, 1, 3, 2]>(x) v = Slice(t, last, least, rows, back)",
        "1,2,24,32",
    ),
    "sound": ("1,16000", "v = Reshape(x, to)", "1,1,160,100"),
    "mixed": ("1,6,8,10", "t = Transpose<perm = [0, 2, 3, 1]>(x) v = Reshape(t, to)", "1,8,6,10"),
    "space to depth": ("1,3,16,12", "v = SpaceToDepth<blocksize = 2>(x)", "1,12,8,6"),
    "depth to space": ("1,12,8,6", "v = DepthToSpace<blocksize = 2>(x)", "1,3,16,12"),
    "grey": ("1,1,12,10", "v = Expand(x, to)", "1,3,12,10"),
    "tiled": ("1,1,12,10", "v = Tile(x, twice)", "1,2,24,10"),
    "reflected": ("1,2,12,10", 'v = Pad<mode = "reflect">(x, frame)', "1,2,14,12"),
    "every other row": ("1,2,24,10", "v = Slice(x, zero, far, rows, step)", "1,2,12,10"),
    "shuffled channels": ("1,4,12,10", "v = Gather<axis = 1>(x, order)", "1,4,12,10"),
    "from frames to rows": ("3,20,16", "t = Transpose<perm = [1, 0, 2]>(x) v = Reshape(t, to)", "1,1,20,48"),
    "stacked": ("1,1,12,10", "a, b = Split<axis = 2>(x) v = Concat<axis = 1>(b, a)", "1,2,6,10"),
}
CONSTANTS = """int64[1] last = {-1}, int64[1] least = {-999}, int64[1] rows = {2}, int64[1] back = {-1},
 int64[1] zero = {0}, int64[1] three = {3}, int64[1] far = {999}, int64[1] step = {2},
 float factor = {0.0078125}, float one = {1},
 int64[4] order = {2, 0, 3, 1}, int64[8] frame = {0, 0, 1, 1, 0, 0, 1, 1}, int64[4] twice = {1, 2, 2, 1}"""


def written(inputs: str, body: str, outputs: str, to: str) -> onnx.ModelProto:
    """A network with random weights, whose layers read the shape `to`."""
    sizes = [int(n) for n in to.split(",")]
    text = f"""<ir_version: 8, opset_import: ["" : 13]> g ({inputs}) => ({outputs})
        <int64[{len(sizes)}] to = {{{to}}}, {CONSTANTS}> {{ {body} }}"""
    found = onnx.parser.parse_model(text)
    draw = np.random.default_rng(len(body))
    channels = sizes[1] if len(sizes) > 1 else 1
    weights = {"w": (4, channels, 3, 3), "q": (4, channels, 3), "d": (prod(sizes), 5), "s": (sizes[-1], 5)}
    for name, size in weights.items():
        if any(name in node.input for node in found.graph.node):
            values = draw.standard_normal(size).astype(np.float32) / np.float32(np.sqrt(prod(size[1:])))
            found.graph.initializer.append(numpy_helper.from_array(values, name))
    return found


def model(shape: str, views: str, to: str) -> onnx.ModelProto:
    """Views, and a convolution behind them."""
    return written(f"float[{shape}] x", f"{views} y = Conv(v, w)", "float[a,b,c,d] y", to)


def random_inputs(made: onnx.ModelProto) -> dict[str, np.ndarray]:
    draw, found = np.random.default_rng(1), {}
    for value in made.graph.input:
        tensor = value.type.tensor_type
        values = draw.standard_normal([dim.dim_value for dim in tensor.shape.dim])
        kind = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        found[value.name] = (values if kind.kind == "f" else np.abs(values) * 50).astype(kind)
    return found


def total_bytes(found: Compiled) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.snc"
        path.write_bytes(write_image(found.image))
        return report(found.image, path).totals.total_bytes


@pytest.mark.parametrize("form", FORMS)
def test_a_view_at_the_input_costs_nothing(form: str) -> None:
    shape, views, to = FORMS[form]
    made = model(shape, views, to)
    found = compiled(made)
    assert found.image.host_before is None
    assert_computes(found.image, made, random_inputs(made))
    assert_layers(found, random_inputs(made))
    assert total_bytes(found) == total_bytes(compiled(model(to, "v = Identity(x)", to)))


READERS: dict[str, tuple[str, str, str, str]] = {
    "dense and a convolution": (
        "float[1,784] x",
        "v = Reshape(x, to) y = Conv(v, w) z = Gemm(x, d)",
        "float[a,b,c,d] y, float[e,f] z",
        "1,1,28,28",
    ),
    "an activation first": (
        "float[1,784] x",
        "r = Relu(x) v = Reshape(r, to) y = Conv(v, w)",
        "",
        "1,1,28,28",
    ),
    "scaled first": (
        "uint8[1,20,20,3] x",
        "c = Cast<to = 1>(x) a = Mul(c, factor) b = Sub(a, one) v = Transpose<perm = [0, 3, 1, 2]>(b)"
        " y = Conv<pads = [1, 1, 1, 1]>(v, w)",
        "",
        "1,3,20,20",
    ),
    "scaled and bent first": (
        "float[1,784] x",
        "a = Mul(x, factor) b = Sub(a, one) r = Tanh(b) u = Reshape(r, to)"
        " v = Slice(u, zero, far, rows, step) y = Conv<pads = [1, 1, 1, 1]>(v, w)",
        "",
        "1,1,28,28",
    ),
    "bytes": ("uint8[1,28,28,1] x", "c = Cast<to = 1>(x) v = Reshape(c, to) y = Conv(v, w)", "", "1,1,28,28"),
    "rows of features": ("float[1,40,16] x", "y = MatMul(x, s)", "float[a,b,c] y", "1,40,16"),
    "columns of features": (
        "float[1,16,40] x",
        "v = Transpose<perm = [0, 2, 1]>(x) y = MatMul(v, s)",
        "float[a,b,c] y",
        "1,40,16",
    ),
    "a sequence": (
        "float[1,40,16] x",
        "v = Transpose<perm = [0, 2, 1]>(x) y = Conv(v, q)",
        "float[a,b,c] y",
        "1,16,40",
    ),
    "two inputs in one stack": (
        "float[1,1,20,20] x, float[1,20,20,2] z",
        "t = Transpose<perm = [0, 3, 1, 2]>(z) v = Concat<axis = 1>(x, t) y = Conv(v, w)",
        "",
        "1,3,20,20",
    ),
    "two inputs in one row": (
        "float[1,20] x, float[1,12] z",
        "v = Concat<axis = 1>(x, z) y = Gemm(v, d)",
        "float[a,b] y",
        "1,32",
    ),
    "a view that is put out": (
        "float[1,400] x",
        "v = Reshape(x, to) y = Conv(v, w) z = Transpose<perm = [0, 2, 3, 1]>(v)",
        "float[a,b,c,d] y, float[e,f,g,h] z",
        "1,1,20,20",
    ),
    "a stride of three": (
        "float[1,27,27,2] x",
        "v = Transpose<perm = [0, 3, 1, 2]>(x) y = Conv<strides = [3, 3]>(v, w)",
        "",
        "1,2,27,27",
    ),
    "overlapping parts": (
        "float[1,2,20,20] x",
        "a = Slice(x, zero, last, rows) b = Slice(x, three, far, rows) m = Conv(a, w) n = Conv(b, w)"
        " y = Concat<axis = 2>(m, n)",
        "",
        "1,2,20,20",
    ),
}


@pytest.mark.parametrize("name", READERS)
def test_many_readers_of_inputs(name: str) -> None:
    inputs, body, outputs, to = READERS[name]
    made = written(inputs, body, outputs or "float[a,b,c,d] y", to)
    found = compiled(made)
    given = random_inputs(made)
    assert_computes(found.image, made, given)
    assert_layers(found, given)


def test_an_input_that_is_flat_and_a_map_is_one_population() -> None:
    inputs, body, outputs, to = READERS["dense and a convolution"]
    network = compiled(written(inputs, body, outputs, to)).network
    assert [str(p.shape) for p in network.populations if p.neuron is Neuron.INPUT] == ["1 x 28 x 28"]
    assert len(network.projections) == 2


def test_what_nothing_reads_is_not_fed() -> None:
    made = written(
        "float[1,3,40,20] x", "v = Slice(x, zero, rows, rows) y = Conv(v, w)", "float[a,b,c,d] y", "1,3,2,20"
    )
    made.graph.initializer[-1].CopyFrom(numpy_helper.from_array(np.ones((4, 3, 1, 1), np.float32), "w"))
    found = compiled(made)
    assert_computes(found.image, made, random_inputs(made))
    assert str(found.network.populations[0].shape) == "3 x 2 x 20"


def chain(seed: int, length: int, reader: str) -> onnx.ModelProto:
    """An input, a chain of random views, and a layer that reads the last of them."""
    draw = np.random.default_rng(seed)
    shape = [int(n) for n in draw.integers(1, 7, draw.integers(1, 5))]
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    start, now = list(shape), "x"

    def constant(values: list[int]) -> str:
        constants.append(numpy_helper.from_array(np.array(values, np.int64), f"k{len(constants)}"))
        return constants[-1].name

    def add(op: str, *inputs: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(op, [now, *inputs], [f"v{len(nodes)}"], **attributes))
        return str(nodes[-1].output[0])

    for _ in range(length):
        rank, axis = len(shape), int(draw.integers(len(shape)))
        match draw.choice(["transpose", "reshape", "slice", "gather", "pad", "tile", "twice"]):
            case "transpose":
                order = [int(a) for a in draw.permutation(rank)]
                now, shape = add("Transpose", perm=order), [shape[a] for a in order]
            case "reshape":
                shape = factors(draw, prod(shape))
                now = add("Reshape", constant(shape))
            case "slice":
                step = int(draw.choice([-2, -1, 1, 2]))
                first, last = (0, 9999) if step > 0 else (-1, -9999)
                now = add("Slice", constant([first]), constant([last]), constant([axis]), constant([step]))
                shape[axis] = -(-shape[axis] // abs(step))
            case "gather":
                chosen = [int(n) for n in draw.integers(0, shape[axis], draw.integers(1, 5))]
                now = add("Gather", constant(chosen), axis=axis)
                shape[axis] = len(chosen)
            case "pad" if prod(shape) < 200:
                widths = [int(n) for n in draw.integers(0, 2, 2 * rank)]
                now = add("Pad", constant(widths), mode="constant")
                shape = [n + widths[a] + widths[rank + a] for a, n in enumerate(shape)]
            case "tile" if prod(shape) < 200:
                now = add("Tile", constant([1 + (a == axis) for a in range(rank)]))
                shape[axis] *= 2
            case "twice" if prod(shape) < 200:
                now = add("Concat", now, axis=axis)
                shape[axis] *= 2
    if reader == "conv":
        d, h, w = factors(draw, prod(shape), 3)
        now = add("Reshape", constant([1, d, h, w]))
        weights: tuple[int, ...] = (3, d, min(h, 3), min(w, 2))
    else:
        d = factors(draw, prod(shape), 2)[1]
        now = add("Reshape", constant([-1, d]))
        weights = (d, 3)
    values = draw.standard_normal(weights).astype(np.float32)
    constants.append(numpy_helper.from_array(values, "w"))
    nodes.append(helper.make_node("Conv" if reader == "conv" else "MatMul", [now, "w"], ["y"]))
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, start)]
    outputs = [
        helper.make_tensor_value_info(
            "y", TensorProto.FLOAT, ["a", "b", "c", "d"][: 4 if reader == "conv" else 2]
        )
    ]
    graph = helper.make_graph(nodes, "g", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def factors(draw: np.random.Generator, size: int, count: int | None = None) -> list[int]:
    """A shape of so many elements."""
    found = []
    for _ in range((int(draw.integers(1, 5)) if count is None else count) - 1):
        found.append(int(draw.choice([n for n in range(1, size + 1) if size % n == 0])))
        size //= found[-1]
    return [*found, size]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(0, 5), st.sampled_from(["conv", "matmul"]))
def test_any_chain_of_views(seed: int, length: int, reader: str) -> None:
    made = chain(seed, length, reader)
    found = compiled(made)
    assert len(found.network.projections) <= 1  # none where only zeros are read
    assert_computes(found.image, made, random_inputs(made))
