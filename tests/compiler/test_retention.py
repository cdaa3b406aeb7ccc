"""The retention task: the networks that we ship keep what docs/encodings.md says, for the energy it says."""

from pathlib import Path

import numpy as np
import pytest

from snc.backends.encodings.forms import Form
from snc.compiler.billing.retention import Measured, measured, row, saved
from snc.compiler.targets.target import load_cores
from snc.models.retention import STEPS, TARGETS, distance, kept, pattern, retention, smooth, spikes

PAGE = Path(__file__).parents[2] / "docs" / "encodings.md"
MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture(scope="module")
def found() -> dict[int, Measured]:
    return {bits: measured(retention(bits), load_cores("grai-vip")) for bits in (2, 5)}


def test_the_table_has_what_the_shipped_weights_do(found: dict[int, Measured]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for each in found.values():
        assert row(each, found[5]) in page, "python tools/train_retention.py makes the table"
    assert f"{saved(found[2], found[5]):.2f} times less energy" in page


def test_fewer_bits_keep_less_and_take_less(found: dict[int, Measured]) -> None:
    assert found[5].kept > found[2].kept > 0.5
    assert found[2].costs[Form.BITMAP].inference_nj < found[5].costs[Form.FUNCTIONAL].inference_nj
    assert {bits: np.abs(retention(bits).layers[0]).max() for bits in found} == {2: 1, 5: 15}


def test_the_distance_is_van_rossums() -> None:
    silence = np.zeros((STEPS, TARGETS), dtype=np.bool_)
    assert distance(pattern()) == 0
    assert kept(pattern()) == 1
    assert kept(silence) == 0
    one = silence.copy()
    one[3, 0] = True
    # An exponential over 10 steps, squared, summed and divided by 10.
    ratio = np.exp(-1 / 10)
    whole = (1 - ratio ** (2 * (STEPS - 3))) / (1 - ratio**2) / 10
    assert (smooth(one)[:, 0] ** 2).sum() / 10 == pytest.approx(whole)


def test_a_spike_resets_a_neuron() -> None:
    currents = np.zeros((6, 2), dtype=np.float32)
    currents[0] = [1.0, 0.5]
    fired = spikes(currents)
    # The current lives on: 1 + .82 + .67 ... above a threshold of 1 once in its first steps, and again.
    assert fired[:, 0].tolist()[:2] == [True, False]
    assert not fired[0, 1]


def test_the_shipped_weights_are_small() -> None:
    assert (MODELS / "retention.npz").stat().st_size < 400_000
