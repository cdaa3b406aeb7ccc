"""The machine of the storage forms computes what numpy does, whatever the form."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from snc.backends.encodings.column import column
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
@settings(deadline=None, max_examples=25, phases=[Phase.generate])
@given(layers(), st.integers(0, 2**32 - 1), st.data())
def test_a_column_is_numpys(form: Form, layer: Layer, seed: int, data: st.DataObject) -> None:
    """One target's weights are found in every row, changed, and nothing else is."""
    target = data.draw(st.integers(0, layer.targets - 1))
    rows = np.arange(layer.sources)
    stored = store(layer, form)
    joined = matrix(layer, layer.weights)
    read = column(stored, target, rows, np.zeros_like(rows))
    assert np.array_equal(read.sums, joined[:, target])
    assert np.array_equal(read.memory, stored.memory)
    assert read.accesses.table_writes == 0
    if layer.is_shared:
        return
    values = np.random.default_rng(seed).integers(-1, 2, layer.sources)
    changed = column(stored, target, rows, values)
    where, targets, weights = synapses_of(stored, changed.memory)
    found = np.zeros_like(joined)
    found[where, targets] = weights
    there = np.zeros_like(joined, dtype=np.bool_)
    there[where, targets] = True
    wanted = joined.copy()
    wanted[:, target] = bounded(joined[:, target] + values * there[:, target], layer.weight_bits)
    assert np.array_equal(found, wanted)
    assert changed.accesses.table_writes == np.count_nonzero(values * there[:, target])
    assert changed.accesses.table_reads == read.accesses.table_reads


@pytest.mark.parametrize(
    ("form", "reads"), [(Form.INDEX, 1 + 3 + 1), (Form.BITMAP, 1 + 2 + 1), (Form.FUNCTIONAL, 1 + 1)]
)
def test_a_column_reads_until_it_is_found(form: Form, reads: int) -> None:
    """Names before the target's are read, those behind are not."""
    stored = store(dense(np.ones((4, 150), dtype=np.int64)), form)
    each = column(stored, 20, np.array([2]), np.array([1])).accesses
    far = column(stored, 70, np.array([2]), np.array([1])).accesses
    names = 64 // stored.layout.index_bits
    more = 70 // names - 20 // names if form is Form.INDEX else int(form is Form.BITMAP)
    assert far.table_reads == each.table_reads + more
    assert each.table_reads == reads - (form is Form.BITMAP)
    assert (each.table_writes, each.operations) == (1, 1)


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
