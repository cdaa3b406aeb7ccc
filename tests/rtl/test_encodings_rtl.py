"""The controllers of the storage forms do what the machine does: memory, sums and accesses."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from snc.backends.encodings.forms import Form, store
from snc.backends.encodings.layer import Axis, Layer, convolution, dense
from snc.backends.encodings.machine import Pass, run, set_states

from .encodings import build, simulate
from .test_rtl import ROOT, needs


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


@pytest.mark.slow
def test_cells_are_those_of_the_page() -> None:
    """What `make synth` prints."""
    if shutil.which("yosys") is None:
        pytest.skip("no yosys: install Debian's package yosys")
    command = ["sh", "rtl/encodings/synth.sh"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    page = ROOT / "docs" / "encodings.md"
    before, rest = page.read_text(encoding="utf-8").split("<!-- cells -->\n```\n")
    shown, after = rest.split("```\n", 1)
    if os.environ.get("SNC_BLESS") == "1":
        text = f"{before}<!-- cells -->\n```\n{done.stdout}```\n{after}"
        page.write_text(text, encoding="utf-8", newline="\n")
        shown = done.stdout
    assert shown == done.stdout, "SNC_BLESS=1 pytest -m slow tests/rtl writes them"
