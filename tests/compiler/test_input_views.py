"""Views between the inputs and the first layers: the host lays what these read, and the chip has no cost."""

import tempfile
from collections.abc import Callable
from math import prod
from pathlib import Path

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

from .trip import assert_computes, assert_layers, compiled

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
CONSTANTS = """int64[1] last = {{-1}}, int64[1] least = {{-999}}, int64[1] rows = {{2}}, int64[1] back = {{-1}},
 int64[1] zero = {{0}}, int64[1] far = {{999}}, int64[1] step = {{2}}, int64[4] order = {{2, 0, 3, 1}},
 int64[8] frame = {{0, 0, 1, 1, 0, 0, 1, 1}}, int64[4] twice = {{1, 2, 2, 1}}"""


def model(
    shape: str,
    views: str,
    to: str,
    layer: str = "y = Conv(v, w)",
    result: str = "a,b,c,d",
    kind: str = "float",
) -> onnx.ModelProto:
    """Views and a layer behind them, with random weights."""
    sizes = [int(n) for n in to.split(",")]
    text = f"""<ir_version: 8, opset_import: ["" : 13]> g ({kind}[{shape}] x) => (float[{result}] y)
        <int64[{len(sizes)}] to = {{{to}}}, {CONSTANTS.format()}> {{ {views} {layer} }}"""
    found = onnx.parser.parse_model(text)
    draw = np.random.default_rng(len(views))
    weights = {"w": (4, sizes[1], 3, 3), "d": (prod(sizes), 5), "s": (sizes[-1], 5)}
    for name, size in weights.items():
        if any(name in node.input for node in found.graph.node):
            values = draw.standard_normal(size).astype(np.float32) / np.float32(np.sqrt(prod(size[1:])))
            found.graph.initializer.append(numpy_helper.from_array(values, name))
    return found


def drawn(shape: str, kind: str = "float32") -> np.ndarray:
    draw = np.random.default_rng(1)
    values = draw.standard_normal([int(n) for n in shape.split(",")]) * (1 if kind == "float32" else 50)
    return values.astype(kind)


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
    assert_computes(found.image, made, {"x": drawn(shape)})
    assert_layers(found, {"x": drawn(shape)})
    assert total_bytes(found) == total_bytes(compiled(model(to, "v = Identity(x)", to)))
