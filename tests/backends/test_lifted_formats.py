"""The walk reads every weight format, skipped zeros and scales of channels as the literal machine does."""

import pytest
from compiler.reference import CHIP, compiled, options
from compiler.test_channel_scales import model
from compiler.test_skipping import pruned
from oracle.graphs import random_input

from .agreement import agree


@pytest.mark.parametrize("weights", ["int8", "ternary", "binary", "adaptive5e2s", "sign"])
def test_a_network_of_sums(weights: str) -> None:
    net = model(dilation=2)
    assert agree(compiled(net, CHIP, options(weights)).image, [random_input(net, 0)]) == ""


@pytest.mark.parametrize("weights", ["fixed8", "int4", "binary"])
def test_a_pruned_network(weights: str) -> None:
    net = pruned(0.8)
    assert agree(compiled(net, CHIP, options(weights)).image, [random_input(net, 0)]) == ""
