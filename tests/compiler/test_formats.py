"""Every weight format from the model to the machine's outputs, and to a reader of the manual."""

from dataclasses import replace

import numpy as np
import pytest
from backends.by_the_manual import Chip
from oracle.graphs import random_input

from snc.backends.image.container import write_image
from snc.backends.machine.machine import Machine
from snc.ir.storage.weights import FORMATS

from .test_new_codec import model
from .trip import CHIP, assert_layers, compiled, options


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
