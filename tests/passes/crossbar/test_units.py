"""Unrolled and decomposed networks compute what the model does, and what they were made of."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from checker.units import Run, fed, random_units, read
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.graphs import random_input, random_recipe
from oracle.writer import Writer

from snc.compiler.pipeline.prepare import prepare
from snc.ir.crossbar.units import Units
from snc.ir.errors import Unsupported, VerifyError
from snc.passes.crossbar.decompose import Decompose, Method
from snc.passes.crossbar.unroll import Unroll

SUMS = (Method.TREE, Method.CHAIN)


@given(
    seed=st.integers(0, 10_000),
    fan_in=st.integers(2, 40),
    method=st.sampled_from(SUMS),
    unit=st.integers(2, 9),
    block=st.none() | st.integers(2, 30),
    is_recurrent=st.booleans(),
)
@settings(deadline=None, max_examples=30)
def test_sums_stay_what_they_were(
    seed: int, fan_in: int, method: Method, unit: int, block: int | None, is_recurrent: bool
) -> None:
    units = random_units(seed, is_recurrent=is_recurrent)
    units.verify()
    found = Decompose(fan_in, method, block, unit)(units)
    parts = found.units
    parts.verify()
    assert found.lost == 0
    assert parts.fan_in.max() <= fan_in
    # What has no more inputs than the limit is left alone.
    small = units.neurons[units.fan_in <= fan_in]
    assert (parts.fan_in[parts.neurons[small]] == units.fan_in[small]).all()
    assert parts.is_helper.sum() == parts.count - units.count
    before, after = Run(units), Run(parts)
    random = np.random.default_rng(seed)
    for _ in range(3):
        frame = random.standard_normal(units.count)
        want = before.frame(frame)
        moved = np.zeros(parts.count)
        moved[parts.neurons] = frame
        got = after.frame(moved)[parts.neurons]
        assert np.abs(got - want).max() <= 1e-12 * max(1.0, np.abs(want).max())


@given(seed=st.integers(0, 10_000), fan_in=st.integers(1, 30))
@settings(deadline=None, max_examples=30)
def test_pruning_keeps_the_largest_and_says_how_many_it_lost(seed: int, fan_in: int) -> None:
    units = random_units(seed)
    found = Decompose(fan_in, Method.NONE)(units)
    found.units.verify()
    assert found.lost == np.maximum(units.fan_in - fan_in, 0).sum()
    for unit in range(units.count):
        want = np.sort(np.abs(units.weights[units.first[unit] : units.first[unit + 1]]))[::-1][:fan_in]
        kept = found.units.weights[found.units.first[unit] : found.units.first[unit + 1]]
        assert (np.sort(np.abs(kept))[::-1] == want).all()


def test_a_chain_has_the_published_length() -> None:
    units = random_units(3)
    for unit in (2, 3, 7):
        chain = Decompose(8, Method.CHAIN, unit=unit)(units).units
        many = units.fan_in[units.fan_in > 8]
        assert many.size
        # ceil((m - F) / (F - 1)) + 1 units for m inputs
        want = sum(-(-(int(m) - unit) // (unit - 1)) + 1 for m in many)
        assert chain.count - units.count == want - many.size


@pytest.mark.parametrize("seed", [1, 4])
def test_random_networks_are_what_onnx_runtime_computes(seed: int, tmp_path: Path) -> None:
    same_as_onnx_runtime(random_recipe(seed).model(), seed, tmp_path)


def test_the_largest_and_the_smallest_of_signed_numbers_are_sums(tmp_path: Path) -> None:
    w = Writer(18, 3)
    x = w.input((1, 2, 5, 6))
    outputs = [
        w.add("MaxPool", x, kernel_shape=[3, 2], strides=[2, 1]),
        w.add("ReduceMin", x, w.integers([2]), keepdims=0),
        w.add("Max", x, w.constant(np.full((1, 2, 5, 6), 0.25, np.float32))),
    ]
    units = same_as_onnx_runtime(w.model(outputs, "extremes"), 5, tmp_path)
    assert units.is_helper.any()


def same_as_onnx_runtime(model: onnx.ModelProto, seed: int, folder: Path) -> Units:
    path = folder / "model.onnx"
    onnx.save(model, path)
    network = prepare(path).network
    units = Unroll()(network)
    units.verify()
    arrays = random_input(model, seed)
    session = ort.InferenceSession(model.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    wanted = dict(zip(names, session.run(names, arrays), strict=True))
    for parts in (units, *(Decompose(9, method)(units).units for method in SUMS)):
        values = Run(parts).frame(fed(network, parts, dict(arrays)))
        for name in names:
            got = read(network, parts, values, name)
            peak = max(1.0, float(np.abs(wanted[name]).max()))
            assert np.abs(got - wanted[name]).max() <= 2e-5 * peak, name
    return units


def test_products_of_neurons_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(random_recipe(7).model(), path)
    network = prepare(path).network
    with pytest.raises(Unsupported, match="multiplies neurons by neurons"):
        Unroll()(network)


def test_an_activation_function_without_a_code_in_a_rule_is_refused(tmp_path: Path) -> None:
    w = Writer(18, 3)
    path = tmp_path / "model.onnx"
    onnx.save(w.model([w.add("Atan", w.input((1, 2, 5, 6)))], "tangents"), path)
    with pytest.raises(Unsupported, match="its activation function ATAN has no code in a rule of a crossbar"):
        Unroll()(prepare(path).network)


def test_a_choice_by_what_is_computed_is_refused(tmp_path: Path) -> None:
    """Its gates are infinite, and the difference of two infinities is no number."""
    w = Writer(18, 3)
    x, zero = w.input((1, 2, 5, 6)), w.constant(np.zeros(1, np.float32))
    path = tmp_path / "model.onnx"
    onnx.save(w.model([w.add("Where", w.add("Less", zero, x), x, zero)], "chosen"), path)
    with pytest.raises(Unsupported, match="it makes infinities, and a crossbar compares by differences"):
        Unroll()(prepare(path).network)


def test_units_that_are_not_in_order_are_found() -> None:
    units = random_units(1)
    with pytest.raises(VerifyError, match="not in order"):
        replace(units, sources=np.zeros_like(units.sources)).verify()
