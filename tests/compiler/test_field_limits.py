"""Shapes whose offsets overflow nine bits when feature maps are cut as late as their sizes allow."""

from collections.abc import Callable

import pytest
from oracle.graphs import random_input
from oracle.writer import Writer

from snc.backends.words.words import Axon

from .reference import assert_computes, compiled

Layer = Callable[[Writer, str, str], str]


def along(axis: str, value: int, other: int = 1) -> list[int]:
    """A value for y and one for x."""
    return [other, value] if axis == "x" else [value, other]


def conv(kernel: int, stride: int = 1) -> Layer:
    def layer(w: Writer, x: str, axis: str) -> str:
        weights = w.weights((2, 1, *along(axis, kernel)), kernel)
        pads = along(axis, kernel // 2, 0)
        return w.add("Conv", x, weights, strides=along(axis, stride), pads=pads + pads)

    return layer


def transposed(kernel: int, stride: int) -> Layer:
    def layer(w: Writer, x: str, axis: str) -> str:
        weights = w.weights((1, 2, *along(axis, kernel)), 2)
        return w.add("ConvTranspose", x, weights, strides=along(axis, stride))

    return layer


TRAPS: dict[str, tuple[int, Layer]] = {
    "255 wide, kernel 5": (255, conv(5)),
    "510 wide, kernel 5": (510, conv(5)),
    "512 wide, kernel 7": (512, conv(7)),
    "512 wide, kernel 16": (512, conv(16)),
    "stride 2, target 128 wide": (256, conv(3, 2)),
    "stride 2, target 300 wide over several pieces": (600, conv(3, 2)),
    "stride 2, target 255 wide, kernel 9": (510, conv(9, 2)),
    "128 wide, doubled, kernel 4": (128, transposed(4, 2)),
    "300 wide, doubled, kernel 4": (300, transposed(4, 2)),
    "64 wide, eightfold": (64, transposed(8, 8)),
    "130 wide, eightfold, kernel 11": (130, transposed(11, 8)),
}


@pytest.mark.parametrize("name", TRAPS)
@pytest.mark.parametrize("axis", ["x", "y"])
def test_wide_maps_are_cut_so_that_offsets_fit(name: str, axis: str) -> None:
    width, layer = TRAPS[name]
    w = Writer(13, 0)
    x = w.input((1, 1, 1, width) if axis == "x" else (1, 1, width, 1))
    model = w.model([layer(w, x, axis)], "wide")
    found = compiled(model)
    offsets = [n for plan in found.mapping.plans for axon in plan.axons for n in (axon.x_off, axon.y_off)]
    field = Axon.field("x_off")
    assert field.minimum <= min(offsets)
    assert max(offsets) <= field.maximum
    assert_computes(found.image, model, random_input(model, 0))
