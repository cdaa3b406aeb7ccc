"""The controllers of the storage forms do what the machine does: memory, sums and accesses."""

from pathlib import Path

import numpy as np
import pytest

from snc.backends.encodings.forms import Form, store
from snc.backends.encodings.layer import Axis, Layer, convolution, dense
from snc.backends.encodings.machine import Pass, run, set_states

from .encodings import build, simulate
from .test_rtl import needs


def pruned(shape: tuple[int, ...], bits: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    random = np.random.default_rng(1)
    most = 2 ** (bits - 1) - 1
    return random.integers(-most, most + 1, shape) * (random.random(shape) < 0.6)


LAYERS = {
    "dense": dense(pruned((5, 40), 5), 5),
    "strided": Layer(
        convolution(6, 3, 2, 1), convolution(5, 3, 1, 1), pruned((2, 3, 3, 9), 8), np.array([0, 0]), 9
    ),
    "grouped": Layer(
        Axis(3, 6, 2, 1, 2, 0),
        convolution(5, 3, 1, 1),
        pruned((3, 2, 3, 2), 3),
        np.array([0, -1, 2]),
        4,
        3,
        8,
    ),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("form", Form)
def test_controllers_do_what_the_machine_does(form: Form, name: str, tmp_path: Path) -> None:
    needs("iverilog")
    layer = LAYERS[name]
    random = np.random.default_rng(2)
    most = 2 ** (layer.state_bits - 2)
    stored = set_states(store(layer, form), random.integers(-most, most, layer.targets))
    rows = random.permutation(layer.sources)
    values = random.choice([-3, -1, 1, 2], layer.sources)
    program = build(tmp_path, stored, len(rows))
    for kind in Pass:
        wanted = run(stored, kind, rows, values)
        found = simulate(tmp_path, program, stored, layer.weights.shape[3], kind, rows, values)
        assert np.array_equal(found.memory, wanted.memory)
        if kind is Pass.BACKWARD:
            assert found.sums == wanted.sums.tolist()
        counted = wanted.accesses
        assert found.counts == [
            counted.table_reads,
            counted.table_writes,
            counted.state_reads,
            counted.state_writes,
        ]
