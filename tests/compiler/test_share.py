"""Shared states: words of a core that populations have one after the other."""

from itertools import combinations
from random import Random

import numpy as np
import onnx
import onnx.helper
import onnx.numpy_helper
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle.graphs import random_input, random_model

from snc.backends.analysis.claims import Atlas, Role
from snc.backends.words.words import Order, Step
from snc.compiler.pipeline.driver import Compiled
from snc.compiler.pipeline.options import Options
from snc.ir.aims import StateUse
from snc.ir.mapping import core_size
from snc.ir.storage.states import LiveRange, peak_words, region

from .reference import CHIP, assert_computes, compiled, shrunken

LIVES = st.tuples(st.integers(0, 12), st.integers(0, 5)).map(lambda pair: LiveRange(pair[0], sum(pair)))
NEEDS = st.lists(st.tuples(st.integers(1, 50), LIVES), max_size=12)


@given(NEEDS)
def test_what_lives_together_lies_apart(needs: list[tuple[int, LiveRange]]) -> None:
    found = region(needs)
    spans = [(at, at + size, live) for at, (size, live) in zip(found.offsets, needs, strict=True)]
    for a, b in combinations(spans, 2):
        assert not a[2].meets(b[2]) or a[1] <= b[0] or b[1] <= a[0]
    assert found.words == max((stop for _, stop, _ in spans), default=0)
    assert peak_words(needs) <= found.words <= sum(size for size, _ in needs)


@given(NEEDS, st.randoms(use_true_random=False))
def test_how_many_words_there_are_does_not_depend_on_the_order(
    needs: list[tuple[int, LiveRange]], random: Random
) -> None:
    others = list(needs)
    random.shuffle(others)
    assert region(others).words == region(needs).words


def build_chain(count: int) -> onnx.ModelProto:
    """Rectified 3 x 3 convolutions, one behind the other."""
    random = np.random.default_rng(0)
    nodes, weights = [], []
    for i in range(count):
        kernel = random.normal(0, 0.3, (4, 4, 3, 3)).astype(np.float32)
        weights.append(onnx.numpy_helper.from_array(kernel, f"w{i}"))
        nodes.append(
            onnx.helper.make_node("Conv", [f"x{i}", f"w{i}"], [f"c{i}"], f"conv{i}", pads=[1, 1, 1, 1])
        )
        nodes.append(onnx.helper.make_node("Relu", [f"c{i}"], [f"x{i + 1}"], f"relu{i}"))
    begin, end = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 4, 9, 11])
        for name in ("x0", f"x{count}")
    )
    graph = onnx.helper.make_graph(nodes, "chain", [begin], [end], weights)
    opsets = [onnx.helper.make_opsetid("", 17)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)


def held_words(found: Compiled) -> int:
    """The words of all cores."""
    mapping = found.mapping
    return sum(core_size(mapping.chip, (mapping.plans[f] for f in core)).words for core in mapping.cores)


def chain(seed: int) -> onnx.ModelProto:
    """A random network of convolutions."""
    return random_model(seed, ["conv"])


@pytest.mark.parametrize("seed", range(4))
def test_shared_states_compute_the_same_in_fewer_words(seed: int) -> None:
    model = chain(seed)
    chip = shrunken(core_words=3000)
    own, shared = (
        compiled(model, chip, Options(weights="float32", states=StateUse(states)))
        for states in ("persistent", "shared")
    )
    assert_computes(shared.image, model, random_input(model, seed))
    assert held_words(shared) < held_words(own)


def test_addresses_are_really_used_twice() -> None:
    image = compiled(build_chain(5), CHIP, Options(weights="float32")).image
    atlas = Atlas(image)
    states = [claim for claim in atlas.claims(0) if claim.role == Role.STATE]
    spans = [(claim.address, claim.address + claim.size) for claim in states]
    assert len(spans) == 5
    assert any(a[0] < b[1] and b[0] < a[1] for a, b in combinations(spans, 2))


def test_states_are_reset_when_their_life_begins() -> None:
    found = compiled(chain(2), CHIP, Options(weights="float32"))
    steps = Step.decode_array(found.image.steps)
    fired: set[tuple[int, int]] = set()
    reset: set[tuple[int, int]] = set()
    keys = zip(steps["order"].tolist(), steps["core"].tolist(), steps["population"].tolist(), strict=True)
    for order, core, population in keys:
        if order == Order.RESET:
            assert (core, population) not in fired | reset
            reset.add((core, population))
        else:
            fired.add((core, population))
    assert reset <= fired
