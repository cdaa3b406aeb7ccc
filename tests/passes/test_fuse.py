"""Fusing: a sum takes the synapses of summands that only pass theirs on; all others stay."""

from collections.abc import Callable

import numpy as np
import pytest
from oracle import layers
from oracle.writer import Writer

from snc.compiler.frontend.read import to_layers
from snc.ir.network import Network, Update
from snc.passes.fold import Fold
from snc.passes.fuse import Fuse
from snc.passes.lowering.lower import Lower

Build = Callable[[Writer, str], str | list[str]]


def lowered(build: Build) -> tuple[Network, Network]:
    """The network of some layers on a map of 4 x 6 x 5, before and after."""
    w = Writer(13, 2)
    outputs = build(w, w.input((1, 4, 6, 5)))
    model = w.model([outputs] if isinstance(outputs, str) else outputs, "fuse")
    before = Lower()(Fold()(to_layers(model, "model"))).whole()
    after = Fuse()(before)
    after.verify()
    return before, after


def same(w: Writer, x: str, channels: int = 4) -> str:
    return layers.conv(w, x, channels, pads=(1, 1, 1, 1))


def two_readers(w: Writer, x: str) -> str:
    y = same(w, x)
    return w.add("Add", w.add("Add", y, same(w, x)), w.add("Tanh", y))


# What is built, how many populations it has before, and how many after.
CASES: dict[str, tuple[Build, int, int]] = {
    "both-summands": (lambda w, x: w.add("Add", same(w, x), same(w, x)), 4, 2),
    "one-is-the-input": (lambda w, x: w.add("Add", x, same(w, x)), 3, 2),
    "a-relu-between": (lambda w, x: w.add("Add", w.add("Relu", same(w, x)), same(w, x)), 4, 3),
    "a-relu-behind": (lambda w, x: w.add("Relu", w.add("Add", same(w, x), same(w, x))), 4, 2),
    "a-chain": (lambda w, x: w.add("Add", w.add("Add", same(w, x), same(w, x)), same(w, x)), 6, 2),
    "a-pooled-summand": (
        lambda w, x: w.add(
            "Add", layers.average_pool(w, x, (3, 3), stride=(1, 1), pads=(1, 1, 1, 1)), same(w, x)
        ),
        4,
        3,
    ),
    "a-max-pooled-summand": (
        lambda w, x: w.add(
            "Add", layers.max_pool(w, x, (3, 3), stride=(1, 1), pads=(1, 1, 1, 1)), same(w, x)
        ),
        4,
        3,
    ),
    "a-broadcast-summand": (lambda w, x: w.add("Add", same(w, x), same(w, x, 1)), 4, 3),
    "a-summand-read-twice": (two_readers, 6, 4),
    "a-summand-that-is-an-output": (lambda w, x: [y := same(w, x), w.add("Add", y, same(w, x))], 4, 3),
    "twice-the-same": (lambda w, x: w.add("Add", y := same(w, x), y), 3, 3),
    "a-difference": (lambda w, x: w.add("Sub", same(w, x), same(w, x)), 4, 3),
    # The first factor is summed up in the product before the second one comes.
    "a-product": (lambda w, x: w.add("Mul", same(w, x), w.add("Sigmoid", same(w, x))), 4, 3),
}


@pytest.mark.parametrize("name", CASES)
def test_how_many_populations_are_left(name: str) -> None:
    build, before, after = CASES[name]
    found = lowered(build)
    assert tuple(len(network.populations) for network in found) == (before, after)


def test_the_sum_takes_synapses_biases_and_nodes() -> None:
    before, after = lowered(lambda w, x: w.add("Relu", w.add("Add", same(w, x), same(w, x))))
    assert [p.source for p in after.projections] == [0, 0]
    assert all(p.update is Update.ADD for p in after.projections)
    kernels = [p.kernel for p in before.projections[:2]]
    assert [p.kernel for p in after.projections] == kernels
    biases = [p.bias for p in before.populations if p.bias is not None]
    total = after.populations[1].bias
    assert total is not None
    assert np.allclose(total, np.sum(biases, axis=0))
    assert len(after.populations[1].bias_constants) == 2
    assert len(after.populations[1].nodes) == 4  # two convolutions, the sum, its activation
    assert after.populations[1].activation == before.populations[3].activation


def test_outputs_still_name_their_neurons() -> None:
    _, after = lowered(lambda w, x: w.add("Add", same(w, x), same(w, x)))
    tensors = {tensor.kind: tensor for tensor in after.tensors}
    assert {piece.population for piece in tensors["input"].pieces} == {0}
    assert {piece.population for piece in tensors["output"].pieces} == {1}
    assert all(piece.population < len(after.populations) for t in after.tensors for piece in t.pieces)
