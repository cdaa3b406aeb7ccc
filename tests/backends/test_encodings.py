"""The machine of the storage forms computes what numpy does, whatever the form."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from snc.backends.encodings.forms import Form, store
from snc.backends.encodings.layer import Integers, Layer, convolution, dense
from snc.backends.encodings.machine import Pass, run, set_states, states_of, synapses_of

from .encodings import gradient, layers, matrix


def drawn(layer: Layer, seed: int) -> tuple[Integers, Integers]:
    """Small values of sources and states of targets: no sum leaves 8 bits in between."""
    random = np.random.default_rng(seed)
    return random.integers(-1, 2, layer.sources), random.integers(-1, 2, layer.targets)


def bounded(numbers: Integers, bits: int) -> Integers:
    found: Integers = np.clip(numbers, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return found


@pytest.mark.parametrize("form", Form)
@settings(deadline=None, max_examples=25, phases=[Phase.generate])
@given(layers(), st.integers(0, 2**32 - 1))
def test_passes_are_numpys(form: Form, layer: Layer, seed: int) -> None:
    values, states = drawn(layer, seed)
    rows = np.arange(layer.sources)
    stored = set_states(store(layer, form), states)
    joined = matrix(layer, layer.weights)
    forward = run(stored, Pass.FORWARD, rows, values)
    sums = states_of(stored.layout, forward.memory)
    assert np.array_equal(sums, bounded(states + values @ joined, layer.state_bits))
    backward = run(stored, Pass.BACKWARD, rows, values)
    assert np.array_equal(backward.sums, joined @ states)
    assert np.array_equal(backward.memory, stored.memory)
    learning = 1 if form is Form.FUNCTIONAL else layer.weights != 0
    changes = gradient(layer, values, states) * learning
    update = run(stored, Pass.UPDATE, rows, values)
    # Several synapses may share a weight, which must stay within its bits all the way.
    furthest = np.abs(layer.weights) + gradient(layer, np.abs(values), np.abs(states)) * learning
    if furthest.max(initial=0) < 2 ** (layer.weight_bits - 1):
        found = np.zeros_like(joined)
        where, targets, weights = synapses_of(stored, update.memory)
        found[where, targets] = weights
        assert np.array_equal(found, matrix(layer, layer.weights + changes))
    assert np.array_equal(states_of(stored.layout, update.memory), states)


@pytest.mark.parametrize("form", Form)
def test_numbers_stay_within_their_bits(form: Form) -> None:
    stored = set_states(
        store(dense(np.array([[3, -4]]), 3, 8), form), np.array([120, -120, 0, 0, 0, 0, 0, 0])
    )
    row, value = np.array([0]), np.array([5])
    states = states_of(stored.layout, run(stored, Pass.FORWARD, row, value).memory)
    assert states[:2].tolist() == [127, -128]
    _, _, weights = synapses_of(stored, run(stored, Pass.UPDATE, row, value).memory)
    assert weights[weights != 0].tolist() == [3, -4]


def test_accesses_of_a_dense_row_by_hand() -> None:
    """40 targets, every other one connected: 20 indices of 6 bits, 20 weights of 8, 10 words of 4 states."""
    weights = np.ones((3, 40), dtype=np.int64)
    weights[:, 1::2] = 0
    one, value = np.array([1]), np.array([1])
    for form, table in {Form.INDEX: 1 + 2 + 3, Form.BITMAP: 1 + 1 + 3, Form.FUNCTIONAL: 1 + 5}.items():
        stored = store(dense(weights), form)
        counted = [run(stored, kind, one, value).accesses for kind in Pass]
        assert [each.table_reads for each in counted] == [table] * 3
        assert [each.state_reads for each in counted] == [10, 10, 10]
        assert [each.state_writes for each in counted] == [10, 0, 0]
        assert [each.table_writes for each in counted] == [0, 0, 5 if form is Form.FUNCTIONAL else 3]
        assert [each.operations for each in counted] == [20, 20, 40 if form is Form.FUNCTIONAL else 20]


def test_shared_weights_are_stored_once() -> None:
    axis = convolution(8, 3, padding=1)
    layer = Layer(axis, axis, np.ones((2, 3, 3, 4), dtype=np.int64), np.zeros(2, dtype=np.int64), 4)
    assert layer.is_shared
    assert store(layer, Form.FUNCTIONAL).table_words == 2 + 2 * 9
    # 484 pairs of positions, 2 x 4 channels: at least 8 bits of an index and 8 of a pointer each.
    assert store(layer, Form.INDEX).table_words > 484 * 8 * 16 // 64
    flat = Layer(convolution(8, 8), convolution(8, 8), np.ones((2, 8, 8, 4), dtype=np.int64), layer.first, 4)
    assert not flat.is_shared
