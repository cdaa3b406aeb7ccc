"""Where ONNX Runtime has an operator read: positions that it rounds, copies, and pads below zero."""

import numpy as np
import onnx
import onnx.parser
import pytest

from snc.ir.chip import Chip
from snc.ir.errors import Unsupported

from .reference import CHIP, assert_computes, compiled, shrunken

MODEL = """
<ir_version: 8, opset_import: ["" : {opset}]>
g (float[{shape}] x) => (float[a,b,c,d] y) {constants} {{ {nodes} }}
"""
CROP = 'coordinate_transformation_mode = "tf_crop_and_resize"'
NEAREST = 'mode = "nearest"'


def model(nodes: str, shape: str, opset: int, constants: str = "") -> onnx.ModelProto:
    """A model of rank 4 throughout."""
    constants = f"<{constants}>" if constants else ""
    text = MODEL.format(nodes=nodes, shape=shape, opset=opset, constants=constants)
    return onnx.parser.parse_model(text)


def resize(attributes: str, inputs: str) -> str:
    """A node of Resize behind one that computes."""
    return f"h = Abs(x) y = Resize<{attributes}>(h, {inputs})"


def assert_right(given: onnx.ModelProto, chip: Chip = CHIP) -> None:
    """The image of a model computes what ONNX Runtime does."""
    sizes = [dim.dim_value for dim in given.graph.input[0].type.tensor_type.shape.dim]
    frame = {"x": np.random.default_rng(0).normal(size=sizes).astype(np.float32)}
    assert_computes(compiled(given, chip).image, given, frame)


RESIZED: dict[str, tuple[str, str, int, str]] = {
    "a half in single precision": (
        f'{NEAREST}, coordinate_transformation_mode = "pytorch_half_pixel"',
        "1,2,7,8",
        17,
        "float[4] scales = {1, 1, 1.5, 1.3}",
    ),
    "nearly a half": (
        f'{NEAREST}, coordinate_transformation_mode = "asymmetric", nearest_mode = "round_prefer_ceil"',
        "1,2,7,1",
        21,
        "int64[4] sizes = {1, 2, 8, 1}",
    ),
    "a copy, whatever the scales": (
        'mode = "linear", coordinate_transformation_mode = "half_pixel_symmetric"',
        "1,2,8,2",
        19,
        "float[4] scales = {1, 1, 1.1, 1.3}",
    ),
    "rounded once, about the middle": (
        f'{NEAREST}, coordinate_transformation_mode = "half_pixel_symmetric", nearest_mode = "floor"',
        "1,2,11,9",
        19,
        "float[4] scales = {1, 1, 1.5, 1.3}",
    ),
    "an axis of scale 1 is not cropped": (
        f'{NEAREST}, {CROP}, nearest_mode = "floor", extrapolation_value = 0.5',
        "1,2,2,16",
        13,
        "float[8] roi = {0, 0, 0.1, 0.1, 1, 1, 0.7, 1.2}, int64[4] sizes = {1, 2, 4, 16}",
    ),
    "cropped outside": (
        f'mode = "linear", {CROP}, extrapolation_value = 0.5',
        "1,2,6,8",
        13,
        "float[8] roi = {0, 0, -0.2, 0.1, 1, 1, 0.7, 1.2}, int64[4] sizes = {1, 2, 10, 9}",
    ),
    "rounded up where it shrinks, before opset 11": (
        NEAREST,
        "1,2,7,7",
        10,
        "float[4] scales = {1, 1, 0.75, 1.3}",
    ),
}


@pytest.mark.parametrize("form", RESIZED)
def test_resize_reads_where_onnx_runtime_does(form: str) -> None:
    attributes, shape, opset, constants = RESIZED[form]
    roi = "roi" if "roi" in constants else ""
    inputs = f"{roi}, , sizes" if "sizes" in constants else f"{roi}, scales"
    if opset < 11:
        inputs = "scales"
    assert_right(model(resize(attributes, inputs), shape, opset, constants))


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize(("columns", "window"), [(12, 1), (12, 2), (10, 1), (9, 2)])
def test_windows_that_leave_positions_between_them(mode: str, columns: int, window: int) -> None:
    pool = f'y = AveragePool<kernel_shape = [2, {window}], strides = [2, 4], auto_pad = "{mode}">(x)'
    assert_right(model(pool, f"1,2,4,{columns}", 19))


def test_a_convolution_that_leaves_positions_between_its_windows() -> None:
    node = 'y = Conv<strides = [4, 4], auto_pad = "SAME_UPPER">(x, w)'
    with pytest.raises(Unsupported, match="where positions lie between windows"):
        compiled(model(node, "1,2,8,12", 13, "float[1,2,1,1] w = {1, 2}"))


@pytest.mark.parametrize("opset", [7, 10, 12, 13])
def test_the_mask_of_a_dropout_that_drops_nothing(opset: int) -> None:
    node = "h, mask = Dropout(x) m = Cast<to = 1>(mask) y = Add(m, h)"
    assert_right(model(node, "1,2,3,4", opset))


def test_a_stretch_that_no_source_reaches_has_no_tiles() -> None:
    """Where a kernel is cut into even tiles, the longest run may have no taps."""
    nodes = "h = Reshape(x, flat) y = ConvTranspose<strides = [2, 3], pads = [0, 0, 0, 2], group = 2>(h, w)"
    weights = "float[2,2,1,4] w = {0, 1, 1, 0, 0, 0, 1, 0, -1, 0, 0, -1, -2, 1, 0, -1}"
    constants = f"int64[4] flat = {{1, 2, 9, 4}}, {weights}"
    assert_right(model(nodes, "1,6,4,3", 13, constants), shrunken(kernel_max=2))


def test_constants_may_be_empty() -> None:
    nodes = "none = Constant<value = float[0] {}>() " + resize(NEAREST, "none, scales")
    assert_right(model(nodes, "1,2,3,4", 11, "float[4] scales = {1, 1, 2, 2}"))


def test_the_axes_of_an_old_slice_come_in_any_order() -> None:
    cut = "h = Abs(x) y = Slice<axes = [3, 1], starts = [-2, 0], ends = [9, 1]>(h)"
    assert_right(model(cut, "1,2,3,4", 9))


@pytest.mark.parametrize(("width", "scale"), [(145, 0.84827584), (233, 1.1373391), (247, 0.54655874)])
def test_long_rows_are_interpolated_where_onnx_runtime_rounds_positions(width: int, scale: float) -> None:
    constants = f"float[4] s = {{1.0, 1.0, 1.0, {scale}}}, float[0] r = {{}}"
    assert_right(model(resize('mode = "linear"', "r, s"), f"1,1,1,{width}", 13, constants))


def test_an_antialiased_symmetric_resize_to_no_whole_size_is_refused_or_the_host_s() -> None:
    attributes = 'mode = "linear", coordinate_transformation_mode = "half_pixel_symmetric", antialias = 1'
    constants = "float[4] s = {1.0, 1.0, 1.3, 2.5}, float[0] r = {}"
    made = model(resize(attributes, "r, s"), "1,1,2,20", 18, constants)
    assert compiled(made).image.about.host_after == ("Resize_y",)
    assert_right(made)
