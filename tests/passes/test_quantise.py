"""Quantising: powers of two, errors within half a step, and weights written back into the layers."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from oracle.graphs import random_model

from snc.compiler.frontend.read import to_layers
from snc.ir.layers import LayerGraph
from snc.ir.network import Kernel, Network, Neuron, Shape
from snc.ir.storage.weights import FORMATS, exact_format
from snc.passes.fold import Fold
from snc.passes.fuse import Fuse
from snc.passes.lowering import axis
from snc.passes.lowering.lower import Lower
from snc.passes.quantise import IDLE, Quantise, held_constants

from .networks import chain, network, ones, population, projection

FIXED8 = FORMATS["fixed8"]
WEIGHTS = arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 9)),
    elements=st.floats(-100, 100, width=32).filter(lambda value: value == 0 or abs(value) > 1e-6),
)


@given(WEIGHTS)
def test_fixed8_errs_by_half_a_step_or_saturates_for_the_better(weights: npt.NDArray[np.float32]) -> None:
    exponents = FIXED8.exponents(weights)
    codes = FIXED8.encode(weights, exponents)
    assert codes.dtype == np.uint8
    numbers = FIXED8.from_codes(codes)
    assert np.abs(numbers.astype(np.int64)).max() <= 127
    rounded = FIXED8.rounded(weights, exponents)
    step = 2.0 ** exponents[:, None]
    assert np.array_equal(rounded, numbers * step)
    saturated = np.abs(weights) > 127.5 * step
    error = np.abs(rounded - weights)
    assert (error[~saturated] <= (step / 2 * (1 + 1e-6)).repeat(weights.shape[1], 1)[~saturated]).all()
    coarser = FIXED8.rounded(weights, exponents + 1)
    squares = ((rounded - weights) ** 2).sum(axis=1), ((coarser - weights) ** 2).sum(axis=1)
    assert (squares[0] <= squares[1] * (1 + 1e-9)).all()  # one step coarser is never better
    peak = np.abs(weights).max(axis=1)
    fine = peak > 0
    assert (127 * 2.0 ** (exponents[fine] + 1) >= peak[fine] * (1 - 1e-6)).all()  # by one bit at most
    assert (peak[fine] > 31 * step[fine, 0]).all()  # seven bits of the largest weight count


@given(WEIGHTS)
def test_float_formats_have_no_exponent(weights: npt.NDArray[np.float32]) -> None:
    for name, dtype in (("float32", np.float32), ("float16", np.float16)):
        form = FORMATS[name]
        exponents = form.exponents(weights)
        assert not exponents.any()
        assert np.array_equal(form.rounded(weights, exponents), weights.astype(dtype).astype(np.float64))


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ([1.0], "fixed8"),
        ([0.25, 0.75], "fixed8"),
        ([1.0, 127.0], "fixed8"),
        ([1.0, 2.0**-9], "float16"),
        ([1 / 3], "float32"),
        ([0.0], "fixed8"),
        ([65504.0, 1.0], "float16"),
        ([1.5, 1.0, 2.25], "fixed8"),
    ],
)
def test_weights_of_no_training_are_stored_exactly(values: list[float], name: str) -> None:
    weights = np.array(values, dtype=np.float32)
    form, exponent = exact_format(weights)
    assert form.name == name
    assert np.array_equal(form.rounded(weights[None], np.array([exponent]))[0], weights)


def test_trained_weights_are_quantised_channel_by_channel_and_others_are_not() -> None:
    before = chain(3, 5)
    shape = before.populations[1].shape
    maps = axis.identity(shape.height), axis.identity(shape.width)
    add = projection(1, 2, *maps, ones(5))
    two = network([*before.populations, population("sum", shape)], [*before.projections, add])
    after = Quantise("fixed8")(two)
    conv, copy = (p.kernel for p in after.projections)
    assert (conv.format, after.weight_format) == ("fixed8", "fixed8")
    assert conv.exponents is not None
    assert conv.exponents.shape == (3,)
    steps = 2.0 ** conv.exponents.astype(np.float64)
    assert np.array_equal(conv.weights / steps[:, None, None, None] % 1, np.zeros(conv.weights.shape))
    assert copy is add.kernel
    assert np.array_equal(conv.first, two.projections[0].kernel.first)
    assert np.abs(conv.weights - two.projections[0].kernel.weights).max() <= steps.max()


@pytest.mark.parametrize(
    ("name", "dtype"), [("float32", np.float32), ("float16", np.float16), ("fixed8", np.float16)]
)
def test_biases_are_what_their_words_hold(name: str, dtype: type) -> None:
    before = chain(2, 4)
    bias = np.random.default_rng(0).normal(size=4).astype(np.float32)
    populations = (before.populations[0], replace(before.populations[1], bias=bias))
    after = Quantise(name)(replace(before, populations=populations))
    assert after.populations[1].bias is not None
    assert np.array_equal(after.populations[1].bias, bias.astype(dtype).astype(np.float32))


def lowered(model: onnx.ModelProto, weights: str) -> tuple[LayerGraph, Network]:
    """The layers of a model and their network."""
    graph = Fold()(to_layers(model, "model"))
    return graph, Quantise(weights)(Fuse()(Lower()(graph).whole()))


@pytest.mark.parametrize("seed", range(20))
def test_quantised_weights_are_written_back_into_their_layers(seed: int) -> None:
    """What the network holds is what the layers are given, element by element of every trained constant."""
    model = random_model(
        seed, ["conv", "depthwise", "grouped", "conv-transpose", "batch-norm", "dense", "add"]
    )
    graph, network = lowered(model, "fixed8")
    held = held_constants(network, dict(graph.constants))
    for found in network.projections:
        if found.kernel.index is not None:
            array = held[found.kernel.constant]
            assert array.shape == graph.constants[found.kernel.constant].shape
            used = found.kernel.index >= 0
            assert np.array_equal(array.ravel()[found.kernel.index[used]], found.kernel.weights[used])
    weights = {found.kernel.constant for found in network.projections if found.kernel.index is not None}
    biases = {name for each in network.populations for name in each.bias_constants}
    assert held.keys() == weights | biases
    for each in network.populations:
        if each.bias_constants:
            assert each.bias is not None
            total = sum(held[name].reshape(-1) for name in each.bias_constants)
            assert np.array_equal(np.broadcast_to(total, each.bias.shape), each.bias)


def test_float32_writes_back_what_was_there() -> None:
    graph, network = lowered(random_model(3), "float32")
    for name, array in held_constants(network, dict(graph.constants)).items():
        if not any(len(p.bias_constants) > 1 and name in p.bias_constants for p in network.populations):
            assert np.array_equal(array, graph.constants[name])


def test_weights_that_change_no_state_take_no_memory() -> None:
    """A float16 state keeps its value whatever float16 events they are multiplied by, and 0 stays 0."""
    before = chain(4, 8)
    (conv,) = before.projections
    weights = conv.kernel.weights.copy()
    weights[:, :5] *= np.float32(1e-31)

    def quantised(form: str, factor: float) -> npt.NDArray[np.float32]:
        kernel = replace(conv.kernel, weights=weights * np.float32(factor))
        return (
            Quantise(form)(replace(before, projections=(replace(conv, kernel=kernel),)))
            .projections[0]
            .kernel.weights
        )

    tiny, largest = np.float64(IDLE), np.float64(np.finfo(np.float16).max)
    for state in (0.0, 2.0**-24, 1.0, 65504.0):
        assert np.float16(state + tiny * largest) == np.float16(state - tiny * largest) == np.float16(state)
    for form in ("fixed8", "adaptive8e2s", "float16", "int8"):
        assert not quantised(form, 1)[:, :5].any()
        assert (np.abs(quantised(form, 1)[:, 5:]).max(axis=(0, 2, 3)) > 0).all()
    assert quantised("fixed8", 1e-15)[:, 5:].any()  # where all weights are so small, they are what there is
    assert quantised("float32", 1)[:, :5].all()


@pytest.mark.parametrize(
    ("weights", "form", "exponent"),
    [([3, -5], "fixed4", 0), ([192, -320], "fixed4", 6), ([2, 4], "fixed4", 0), ([64.5, 0], None, 0)],
    ids=str,
)
def test_whole_numbers_are_stored_as_integers_times_a_power_of_two(
    weights: list[float], form: str | None, exponent: int
) -> None:
    given = np.array(weights, np.float32).reshape(2, 1, 1, 1)
    index = np.arange(2, dtype=np.int32).reshape(given.shape)
    kernel = Kernel(given, np.zeros(2, np.int64), constant="w", index=index)
    one = axis.identity(1)
    found = network(
        [population("in", Shape(2, 1, 1), Neuron.INPUT), population("sum", Shape(1, 1, 1), Neuron.WIDE)],
        [projection(0, 1, one, one, kernel)],
    )
    (held,) = (p.kernel for p in Quantise()(replace(found, is_whole=True)).projections)
    assert held.format == form
    np.testing.assert_array_equal(held.weights, given)
    if form is not None:
        assert held.exponents is not None
        assert held.exponents.tolist() == [exponent] * 2
