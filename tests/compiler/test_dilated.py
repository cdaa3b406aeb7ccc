"""Dilated layers: holes of a kernel are not stored, whatever the dilation, and every result stays right."""

import pytest
from oracle import layers
from oracle.graphs import random_input
from oracle.writer import Writer

from snc.compiler.pipeline.driver import Compiled
from snc.ir.mapping import core_size

from .reference import assert_computes, compiled, options, shrunken

TABLE_WORDS_MOST = 9 * 16  # a descriptor for each tap and source channel
AXONS_MOST = 9
ZEROS_MOST = 16 * 16 * 9 // 40  # words of the zeros among the weights: larger kernels can skip more of them


def words_of(found: Compiled) -> int:
    """The words of all cores."""
    mapping = found.mapping
    return sum(core_size(mapping.chip, (mapping.plans[f] for f in core)).words for core in mapping.cores)


def dilated(dilation: int, group: int = 1, size: int = 24) -> Compiled:
    """A layer of 16 to 16 channels, 3 x 3, that keeps its input's size; held against ONNX Runtime."""
    w = Writer(13, dilation)
    x = w.input((1, 16, size, size))
    pads = (dilation,) * 4
    y = layers.conv(w, x, 16, pads=pads, dilation=(dilation, dilation), group=group)
    model = w.model([y], "dilated")
    found = compiled(model, choices=options(states="persistent"))
    assert_computes(found.image, model, random_input(model, 1))
    return found


@pytest.mark.parametrize("group", [1, 4, 16])
@pytest.mark.parametrize("dilation", [2, 3, 8, 17, 40])
def test_a_dilated_kernel_takes_hardly_more_than_a_dense_one(dilation: int, group: int) -> None:
    """A dilation beyond the map's size leaves only the middle tap: less than the dense kernel takes."""
    most = words_of(dilated(1, group)) + TABLE_WORDS_MOST + AXONS_MOST + ZEROS_MOST
    if group == 16:
        most += 9 * 16  # weights of single channels are rounded up to words
    assert words_of(dilated(dilation, group)) <= most


@pytest.mark.parametrize("kernel_max", [2, 5, 16])
@pytest.mark.parametrize("dilation", [(1, 9), (2, 1), (3, 7), (20, 2)])
def test_dilated_layers_of_every_kind_are_right(dilation: tuple[int, int], kernel_max: int) -> None:
    w = Writer(13, 1)
    x = w.input((1, 3, 36, 26))
    y = layers.conv(w, x, 4, (3, 2), dilation=dilation, pads=(3, 4, 5, 2))
    z = layers.conv_transpose(w, y, 3, (2, 3), dilation=dilation)
    m = layers.max_pool(w, z, (2, 2), dilation=dilation)
    model = w.model([m], "dilated")
    found = compiled(model, shrunken(kernel_max=kernel_max))
    assert_computes(found.image, model, random_input(model, 1))
