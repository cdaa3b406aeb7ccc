"""Settling: trades bring axons into reach, and cores never hold more than they can."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snc.compiler.targets.target import load_target
from snc.ir.errors import Origin
from snc.ir.mapping import Axon, Fragment, FragmentId, Mapping, Plan, Span, core_size
from snc.ir.network import Network, Population, PopulationId, Shape, Update
from snc.ir.schedule import scheduled
from snc.ir.storage.states import LiveRange
from snc.passes.placing.place import far_axons
from snc.passes.placing.settle import Settle

WIDE = replace(load_target("grai-vip"), mesh=(24, 24))
Edges = Sequence[tuple[int, int]]


def mapping_of(
    edges: Edges,
    cores: Sequence[Sequence[int]],
    places: Sequence[tuple[int, int]],
    core_words: int,
    shared: bool = False,
) -> Mapping:
    """Fragments of 8 x 8 neurons, an axon for every edge; shared states live until the next one has fired."""
    count = sum(map(len, cores))
    shape = Shape(1, 8, 8)
    first = [min([i, *(a for a, b in edges if b == i)]) for i in range(count)]
    plans = tuple(
        Plan(
            Fragment(PopulationId(i), Span(0, 1), Span(0, 8), Span(0, 8)),
            0,
            0,
            1024,
            tuple(Axon(FragmentId(b), Update.ADD, 0, 0, 0, 8, 8, 1, 1, 0) for a, b in edges if a == i),
            (),
            live_range=LiveRange(first[i], min(i + 1, count - 1)) if shared else None,
            turn=i,
        )
        for i in range(count)
    )
    populations = tuple(Population(f"p{i}", shape, Origin(node=f"p{i}")) for i in range(count))
    held = tuple(tuple(FragmentId(f) for f in core) for core in cores)
    chip = replace(WIDE, core_words=core_words)
    network = Network("net", populations, (), ())
    schedule = scheduled(network, plans, [FragmentId(i) for i in range(len(plans))])
    return Mapping(network, chip, (), plans, schedule, held, tuple(places))


def far(mapping: Mapping) -> int:
    return len({(fragment, axon.target) for fragment, axon in far_axons(mapping)})


def test_full_cores_trade() -> None:
    """Each core has room for one fragment: nothing can move, two must change places."""
    mapping = mapping_of([(0, 1), (2, 3)], [[0], [2], [1], [3]], [(0, 0), (1, 0), (20, 0), (21, 0)], 18)
    assert far(mapping) == 2
    found = Settle()(mapping)
    assert far(found) == 0
    assert found.places == mapping.places
    assert sorted(found.cores) == [(0,), (1,), (2,), (3,)]


def test_a_fragment_moves_where_there_is_room() -> None:
    mapping = mapping_of([(0, 1)], [[0], [1]], [(0, 0), (20, 0)], 100)
    assert Settle()(mapping).cores == ((0, 1),)  # and a core is free


def test_two_that_talk_gain_nothing_from_changing_places() -> None:
    """Each would lie where the other was: a trade that looks perfect if the other is taken to stand still."""
    mapping = mapping_of([(0, 1)], [[0], [1]], [(0, 0), (20, 0)], 18)
    assert far(Settle()(mapping)) == 1


@pytest.mark.parametrize("shared", [False, True])
def test_what_is_in_reach_stays_as_it_is(shared: bool) -> None:
    mapping = mapping_of([(0, 1)], [[0], [1]], [(0, 0), (1, 0)], 40, shared)
    assert Settle()(mapping).cores == mapping.cores


@st.composite
def mappings(draw: st.DrawFn) -> Mapping:
    count = draw(st.integers(2, 16))
    forwards = list(combinations(range(count), 2))
    edges = draw(st.lists(st.sampled_from(forwards), max_size=30, unique=True))
    cores = draw(st.integers(1, count))
    seat = [draw(st.integers(0, cores - 1)) for _ in range(count)]
    held = [[f for f in range(count) if seat[f] == core] for core in range(cores)]
    places = draw(
        st.lists(
            st.tuples(st.integers(0, 23), st.integers(0, 23)), min_size=cores, max_size=cores, unique=True
        )
    )
    shared = draw(st.booleans())
    mapping = mapping_of(edges, held, places, 10_000, shared)
    most = max(core_size(mapping.chip, (mapping.plans[f] for f in core)).words for core in mapping.cores)
    return replace(mapping, chip=replace(mapping.chip, core_words=most + draw(st.integers(0, 20))))


@settings(deadline=None, max_examples=25)
@given(mappings())
def test_settling_never_makes_anything_worse(mapping: Mapping) -> None:
    found = Settle()(mapping)
    found.verify()  # every fragment once, no core too full
    assert set(found.places) <= set(mapping.places)
    assert beyond(found) <= beyond(mapping)
    assert Settle()(mapping).cores == found.cores


def beyond(mapping: Mapping) -> int:
    """By how many positions axons' targets are out of reach, a target of two axons once."""
    core_of, total = mapping.core_of(), 0
    for fragment, target in {(fragment, axon.target) for fragment, axon in far_axons(mapping)}:
        delta = np.subtract(mapping.places[core_of[target]], mapping.places[core_of[fragment]])
        total += int(sum(max(d - WIDE.reach_max, WIDE.reach_min - d, 0) for d in delta))
    return total
