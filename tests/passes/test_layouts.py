"""How inputs lie: phases where a network begins with a stride that the chip has not."""

from math import prod

import numpy as np
import onnx.parser
import pytest

from snc.compiler.frontend.read import to_layers
from snc.ir.layers import LayerGraph
from snc.passes.lowering.arrangement import Phases
from snc.passes.lowering.layouts import layouts


def picture(strides: str, more: str = "") -> LayerGraph:
    """A picture of 2 x 13 x 11 that a max pool reads, and perhaps another layer."""
    shown = "y, z" if more.startswith("z") else "y, x2" if more else "y"
    text = f"""<ir_version: 8, opset_import: ["" : 17]> g (float[1,2,13,11] x) => ({shown})
        {{ y = MaxPool<kernel_shape = [2, 2], strides = [{strides}]>(x) {more} }}"""
    return to_layers(onnx.parser.parse_model(text), "model")


@pytest.mark.parametrize("shape", [(1, 2, 7, 5), (1, 1, 6, 6), (1, 3, 8)])
@pytest.mark.parametrize("steps", [(1, 3), (3, 2), (5, 6)])
def test_a_phase_is_every_so_many_rows_and_columns(shape: tuple[int, ...], steps: tuple[int, int]) -> None:
    y, x = (1, steps[1]) if len(shape) == 3 else steps
    stack = Phases(shape, y, x)
    maps = np.arange(prod(stack.sizes)).reshape(stack.sizes)
    picture = stack.tensor(maps).reshape(shape[1], prod(shape[2:-1]), shape[-1])
    for index, one in enumerate(maps):
        c, rest = divmod(index, y * x)
        part = picture[c, rest // x :: y, rest % x :: x]
        assert np.array_equal(part, one[: part.shape[0], : part.shape[1]])


@pytest.mark.parametrize(
    ("strides", "sizes"),
    [
        ("1, 1", (2, 13, 11)),
        ("2, 2", (2, 13, 11)),
        ("4, 8", (2, 13, 11)),
        ("3, 3", (18, 5, 4)),
        ("2, 3", (6, 13, 4)),
        ("6, 5", (60, 3, 3)),
    ],
)
def test_phases_are_for_strides_that_the_chip_has_not(strides: str, sizes: tuple[int, int, int]) -> None:
    graph = picture(strides)
    assert [feed.places.shape for feed in next(layouts(graph)).feeds] == [sizes]


@pytest.mark.parametrize(
    "more", ["z = Relu(x)", "z = MaxPool<kernel_shape = [2, 2], strides = [1, 1]>(x)", "x2 = Neg(y)"]
)
def test_other_readers_keep_an_input_as_it_is(more: str) -> None:
    graph = picture("3, 3", more)
    is_alone = more.startswith("x2")
    sizes = (18, 5, 4) if is_alone else (2, 13, 11)
    assert [feed.places.shape for feed in next(layouts(graph)).feeds] == [sizes]
