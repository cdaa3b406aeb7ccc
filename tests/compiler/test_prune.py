"""Channels that are always 0 are left out: nothing that is computed changes, and memory does."""

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.graphs import random_input
from oracle.writer import Writer

import snc
from snc.backends.analysis.bill import bill
from snc.compiler.pipeline.driver import Compiled
from snc.ir.network import Population

from .reference import CHIP, assert_layers, compiled, options, shrunken


def model(
    dead: tuple[int, ...], *, bias: float = -0.5, act: str = "Relu", seed: int = 0, size: int = 16
) -> onnx.ModelProto:
    """Two convolutions, a depthwise one and a dense layer; the first has channels without weights."""
    w, random = Writer(14, seed), np.random.default_rng(seed)

    def weights(*shape: int) -> np.ndarray:
        return random.normal(0, 0.3, shape).astype(np.float32)

    first, biases = weights(size, 3, 3, 3), np.abs(weights(size)) + 0.1
    first[list(dead)] = 0
    biases[list(dead)] = bias
    x = w.input((1, 3, 10, 10))
    y = w.add(act, w.add("Conv", x, w.constant(first), w.constant(biases)))
    z = w.add("Relu", w.add("Conv", y, w.constant(weights(size, 1, 3, 3)), group=size))
    y = w.add("Relu", w.add("Conv", y, w.constant(weights(8, size, 3, 3)), w.constant(weights(8))))
    y, z = (w.add("Flatten", w.add("GlobalMaxPool", each)) for each in (y, z))
    y = w.add("Concat", y, z, axis=1)
    return w.model([w.add("Gemm", y, w.constant(weights(8 + size, 5)), w.constant(weights(5)))], "dead")


def named(found: Compiled) -> dict[str, Population]:
    return {p.name: p for p in found.network.populations}


def depths(found: Compiled) -> list[int]:
    return [p.shape.depth for p in found.network.populations]


@pytest.mark.parametrize("weights", ["float32", "fixed8", "adaptive4e2s", "int8"])
def test_what_is_left_computes_the_same(weights: str) -> None:
    whole, found = (compiled(model(dead), CHIP, options(weights)) for dead in ((), (0, 3, 4, 15)))
    assert_layers(found, random_input(model((0, 3, 4, 15)), 0))
    assert [a - b for a, b in zip(depths(whole), depths(found), strict=True)] == [0, 4, 4, 0, 0, 4, 0]
    assert bill(found.image).total.total < 0.85 * bill(whole.image).total.total


@pytest.mark.parametrize(("act", "bias"), [("Relu", 0.5), ("Sigmoid", -0.5), ("Tanh", 0.1)])
def test_what_is_constant_and_not_zero_stays(act: str, bias: float) -> None:
    whole, found = (compiled(model(dead, act=act, bias=bias), CHIP, options()) for dead in ((), (2, 9)))
    assert depths(whole) == depths(found)
    assert_layers(found, random_input(model((2, 9)), 0))


@pytest.mark.parametrize("act", ["Tanh", "Relu", "HardSwish", "Abs"])
def test_what_is_zero_goes(act: str) -> None:
    made = model((2, 9), act=act, bias=0.0)
    found = compiled(made, CHIP, options())
    assert 14 in depths(found)
    assert_layers(found, random_input(made, 0))


def test_channels_of_outputs_stay() -> None:
    w, random = Writer(13, 0), np.random.default_rng(0)
    weights = random.normal(size=(6, 2, 3, 3)).astype(np.float32)
    weights[[1, 4]] = 0
    made = w.model([w.add("Relu", w.add("Conv", w.input((1, 2, 6, 6)), w.constant(weights)))], "named")
    found = compiled(made, CHIP, options())
    assert depths(found) == [2, 6]
    assert_layers(found, random_input(made, 0))


def test_a_population_of_zeros_alone_keeps_a_channel() -> None:
    found = compiled(model(tuple(range(16))), CHIP, options("fixed8"))
    assert depths(found)[1] == 1
    assert_layers(found, random_input(model(tuple(range(16))), 0))


def test_verify_counts_what_is_left_out(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("prune") / "model.onnx"
    onnx.save(model((1, 7, 8)), path)
    for weights in ("fixed8", "int4"):
        found = snc.compile(path, weights=weights)
        assert snc.verify(path, found, 3).is_right


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, 15), max_size=15), st.sampled_from([600, 1500, 32768]), st.integers(0, 9))
def test_any_channels_on_any_cores(dead: set[int], words: int, seed: int) -> None:
    made = model(tuple(sorted(dead)), seed=seed)
    found = compiled(made, shrunken(core_words=words), options("fixed8"))
    assert depths(found)[1] == max(1, 16 - len(dead))
    assert_layers(found, random_input(made, seed))
