"""The walk and the dense engine read weight formats, skipped zeros and scales of channels as the literal
machine does.
"""

import numpy as np
import pytest
from compiler.reference import CHIP, compiled, options
from compiler.test_channel_scales import model
from compiler.test_skipping import pruned
from oracle.graphs import random_input

from snc.backends.image.image import Image
from snc.backends.machine.machine import Machine
from snc.compiler.running.dense.engine import Dense

from .agreement import agree


def assert_dense(image: Image, frame: dict[str, np.ndarray]) -> None:
    """Outputs within rounding, and the operations of the same neurons firing."""
    got, want = Dense(image).run(frame), Machine(image).run(frame)
    for name, values in want.outputs.items():
        np.testing.assert_allclose(got.outputs[name], values, atol=1e-5 * np.abs(values).max())
    if np.array_equal(got.counters.firing, want.counters.firing):
        ours, theirs = got.counters.synaptic_operations, want.counters.synaptic_operations
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("weights", ["int8", "ternary", "binary", "adaptive5e2s", "sign"])
def test_a_network_of_sums(weights: str) -> None:
    net = model(dilation=2)
    image = compiled(net, CHIP, options(weights)).image
    assert agree(image, [random_input(net, 0)]) == ""
    assert_dense(image, random_input(net, 0))


@pytest.mark.parametrize("weights", ["fixed8", "int4", "binary"])
def test_a_pruned_network(weights: str) -> None:
    net = pruned(0.8)
    image = compiled(net, CHIP, options(weights)).image
    assert agree(image, [random_input(net, 0)]) == ""
    assert_dense(image, random_input(net, 0))
