"""What broke a peer, each a test of its own: the networks' cases are the oracle's, by name."""

import numpy as np
import pytest
from oracle import layers
from oracle.cases import CASES
from oracle.graphs import random_input
from oracle.writer import Writer

from snc.ir.mapping import Fragment

from .reference import assert_computes, compiled, shrunken
from .test_families import Net

BY_NAME = {case.name: case for case in CASES}


def named(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", names)


def computes(name: str, **numbers: int) -> list[Fragment]:
    """The case is right on the shipped target with some numbers replaced; its fragments."""
    model = BY_NAME[name].model()
    found = compiled(model, shrunken(**numbers))
    assert_computes(found.image, model, random_input(model, 1))
    return [plan.fragment for plan in found.mapping.plans]


@named("dense-10-to-1", "dense-matmul-10-to-1", "flatten-dense-10-to-1", "dense-sigmoid-10-to-1")
def test_a_dense_layer_from_ten_to_one(name: str) -> None:
    assert {fragment.neurons for fragment in computes(name)} == {10, 1}


@named("flatten-dense", "conv-flatten-dense", "flatten-dense-1x18", "flatten-dense-20x20")
def test_flatten_and_dense(name: str) -> None:
    computes(name)
    computes(name, width_max=5, height_max=5)


@named("conv-k3-s2-odd", "conv-k1-s2-odd", "average-k2-s2-odd", "max-k2-s2-odd", "conv-depthwise-s2-odd")
def test_stride_2_on_odd_sizes(name: str) -> None:
    computes(name)
    computes(name, width_max=3, height_max=2)


@named("conv-k4-pads0121", "conv-k3-pads0001", "conv-k3-s2-pads0011-even", "average-k3-s1-pads0121-uncounted")
def test_asymmetric_pads(name: str) -> None:
    computes(name)
    computes(name, width_max=4, height_max=3)


@named("conv-k16", "conv-k17", "conv-k20", "conv-k1x33-pads", "average-k17", "max-k17", "transposed-k17x3")
def test_kernels_above_15(name: str) -> None:
    computes(name)


@named("conv-1100-channels-in", "conv-1100-channels-out", "conv-1100-channels-depthwise", "dense-1100-out")
def test_more_than_1023_channels(name: str) -> None:
    assert max(len(fragment.c) for fragment in computes(name)) <= 1024
    assert max(len(fragment.c) for fragment in computes(name, depth_max=256)) <= 256


@named("conv-width300", "conv-height300-s2", "add-residual-width300", "max-width300")
def test_widths_above_255(name: str) -> None:
    fragments = computes(name)
    assert max(max(len(fragment.x), len(fragment.y)) for fragment in fragments) <= 256


@pytest.mark.parametrize(("width", "most"), [(9, 8), (12, 4), (19, 5)])
def test_a_last_fragment_4_wide(width: int, most: int) -> None:
    w = Writer(13, width)
    x = w.input((1, 2, 5, width))
    y = layers.conv(w, x, 3, pads=(1, 1, 1, 1))
    model = w.model([layers.conv(w, y, 2, stride=(2, 2), pads=(1, 1, 1, 1))], "narrow")
    found = compiled(model, shrunken(width_max=most))
    assert_computes(found.image, model, random_input(model, 1))
    assert 4 in {len(plan.fragment.x) for plan in found.mapping.plans}


@named("add-residual", "add-residual-relu", "add-residual-s2-odd", "add-residual-width20", "add-chain")
def test_a_residual_add_across_cuts(name: str) -> None:
    whole = computes(name)
    assert len(computes(name, width_max=4, height_max=4, depth_max=3)) > len(whole)


@named("conv-k3-pads1111-odd", "conv-k17-pads8888", "conv-k1-pads1111", "conv-kernel-above-size")
def test_a_padded_convolution(name: str) -> None:
    computes(name)
    computes(name, width_max=3, height_max=3, kernel_max=4)


@named(
    "add-two-inputs",
    "concat-two-inputs",
    "mul-two-inputs",
    "two-inputs-of-two-sizes",
    "two-inputs-map-and-vector",
)
def test_two_inputs(name: str) -> None:
    computes(name)


@named(
    "two-outputs-heads",
    "two-outputs-inner-and-last",
    "two-outputs-before-and-after-relu",
    "two-outputs-map-and-flattened",
    "two-inputs-two-outputs",
)
def test_two_outputs(name: str) -> None:
    computes(name)


def test_a_convolution_of_single_pixels_is_a_dense_layer() -> None:
    """Maps that are flattened into channels are one projection with a kernel as large as a map."""
    net = Net(13, (1, 3, 20, 18))
    maps = net.add("Relu", net.add("Conv", "x", net.weights(4, 3, 3, 3), pads=[1] * 4))
    flat = net.add("Reshape", maps, net.constant(np.asarray([1, 4 * 20 * 18, 1, 1])))
    made = net.model(net.add("Conv", flat, net.weights(5, 4 * 20 * 18, 1, 1), net.gains(5)[1]))
    found = compiled(made)
    assert len(found.network.projections) == 2
    assert_computes(found.image, made, random_input(made, 1))
