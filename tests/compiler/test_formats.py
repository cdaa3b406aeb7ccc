"""Every weight format from the model to the machine's outputs, and to a reader of the manual."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from backends.by_the_manual import Chip
from hypothesis import given
from hypothesis import strategies as st
from oracle.graphs import random_input

import snc
from snc.backends.image.container import write_image
from snc.backends.machine.machine import Machine
from snc.ir.errors import BadInput
from snc.ir.storage.formats import bias_codec, formats_of, spelled
from snc.ir.storage.weights import FORMATS
from snc.passes.quantise import trained_constants

from .reference import CHIP, assert_layers, compiled, options
from .test_new_codec import model


@pytest.mark.parametrize("weights", FORMATS)
def test_a_network_in_it_computes(weights: str) -> None:
    found = compiled(model(), CHIP, options(weights))
    assert_layers(found, random_input(model(), 0))
    trained = [p.kernel for p in found.network.projections if p.kernel.format]
    assert {kernel.format for kernel in trained} == {weights}
    assert found.image.about.weights == weights


@pytest.mark.parametrize("weights", ["fixed2", "fixed5", "adaptive3e2", "adaptive8e2s", "adaptive7e3"])
@pytest.mark.parametrize("strided", [0, 8])
def test_the_manual_reads_it(weights: str, strided: int) -> None:
    image = compiled(model(), replace(CHIP, strided_tables=strided), options(weights)).image
    picture = random_input(model(), 1)
    reader, machine = Chip(write_image(image)), Machine(image)
    want, got = reader.run(picture), machine.run(picture)
    for name, values in want.items():
        np.testing.assert_allclose(got.outputs[name], values, rtol=1e-6, atol=1e-6)
    assert int(got.counters.synaptic_operations.sum()) == reader.counted("synaptic_operations")


MIXED = "float16, adaptive8e2s x 2"


@pytest.mark.parametrize("weights", [MIXED, "float32, fixed4, adaptive3e2", "fixed8 x 3"])
def test_each_constant_may_have_its_own(weights: str) -> None:
    found = compiled(model(), CHIP, options(weights))
    assert_layers(found, random_input(model(), 0))
    names = trained_constants(found.network)
    held = {p.kernel.constant: p.kernel.format for p in found.network.projections if p.kernel.format}
    assert tuple(held[name] for name in names) == formats_of(weights, 3)
    assert found.image.about.weights == weights


def test_verify_knows_them(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(model().SerializeToString())
    found = snc.compile(path, weights=MIXED)
    assert snc.verify(path, found, 2).is_right


@pytest.mark.parametrize(
    "weights", ["float16, fixed8", "fixed8 x 4", "fixed8 x", "fixed8 x -1, fixed8", "fixed9", ""]
)
def test_wrong_lists_are_refused(weights: str) -> None:
    with pytest.raises(BadInput, match="is no weight format"):
        compiled(model(), CHIP, options(weights))


@given(st.lists(st.sampled_from(list(FORMATS)), min_size=1, max_size=9))
def test_lists_are_spelt_and_read(names: list[str]) -> None:
    assert formats_of(spelled(names), len(names)) == tuple(names)
    assert bias_codec(spelled(names)).name == ("float32" if set(names) == {"float32"} else "float16")
