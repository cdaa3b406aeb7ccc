"""Packing: every fragment in one core, no core too full, and never many more cores than words ask for."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snc.ir.chip import Chip
from snc.ir.errors import DoesNotFit, Origin
from snc.ir.mapping import Fragment, FragmentId, Mapping, Plan, Span, Table, core_size
from snc.ir.mapping import table as listed
from snc.ir.network import Network, Neuron, Population, PopulationId, Shape, Update
from snc.ir.schedule import scheduled
from snc.ir.storage.bitrun import BitRun
from snc.ir.storage.tables import Descriptor
from snc.passes.cutting.pack import Pack

from .networks import shrunken

CAPACITY = 100
CHIP = shrunken(core_words=CAPACITY, ports_max=4)


def mapping_of(sizes: list[int], chip: Chip = CHIP, tables: Sequence[tuple[Table, ...]] = ()) -> Mapping:
    """A population of one fragment for each size, in words, with tables of its own on top."""
    populations = tuple(
        Population(f"p{i}", Shape(1, 1, 1), Origin(node=f"p{i}"), Neuron.INPUT) for i in range(len(sizes))
    )
    plans = tuple(
        Plan(
            Fragment(PopulationId(i), Span(0, 1), Span(0, 1), Span(0, 1)),
            extensions=size - 1,
            bias_bits=0,
            state_bits=0,
            axons=(),
            tables=tables[i] if tables else (),
        )
        for i, size in enumerate(sizes)
    )
    network = Network("net", populations, (), ())
    schedule = scheduled(network, plans, [FragmentId(i) for i in range(len(plans))])
    return Mapping(network, chip, (), plans, schedule)


def check(found: Mapping) -> None:
    """Each fragment once; memory and ports of every core."""
    found.verify()
    assert sorted(f for core in found.cores for f in core) == list(range(len(found.plans)))
    assert all(found.cores)
    for core in found.cores:
        size = core_size(found.chip, (found.plans[f] for f in core))
        assert size.words <= found.chip.core_words
        assert size.ports <= found.chip.ports_max


@given(st.lists(st.integers(1, CAPACITY), min_size=1, max_size=60))
def test_no_core_is_too_full_and_few_are_half_empty(sizes: list[int]) -> None:
    found = Pack()(mapping_of(sizes))
    check(found)
    least = -(-sum(sizes) // CAPACITY)
    assert least <= len(found.cores) <= max(1, 2 * least)  # first fit leaves one core half empty at most


@given(st.lists(st.integers(1, CAPACITY), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_seats_are_kept_where_they_fit(sizes: list[int], random: Random) -> None:
    mapping = mapping_of(sizes)
    seats = {plan.fragment: random.randrange(5) for plan in mapping.plans}
    check(Pack(seats)(mapping))


def test_good_seats_stay() -> None:
    mapping = mapping_of([60, 60, 40, 40, 30])
    together = [{0, 2}, {1, 3}, {4}]
    seats = {mapping.plans[f].fragment: core for core, held in enumerate(together) for f in held}
    assert [set(core) for core in Pack(seats)(mapping).cores] == together


def table(*weights: bytes) -> Table:
    """A table with one descriptor for each block of weights."""
    held = [Descriptor(1, 1, 1, 0, 0, "fixed8", 0, BitRun(8, w)) for w in weights]
    return listed(CHIP, Update.ADD, held, (0,))


def test_equal_tables_and_weights_are_stored_once() -> None:
    shared = table(b"a" * 240)
    found = Pack()(mapping_of([10, 10, 10], tables=[(shared,)] * 3))
    assert (
        len(found.cores) == 1
    )  # 30 words of weights each, and a port and a descriptor: 126 if all were held
    size = core_size(CHIP, found.plans)
    assert (size.blocks, size.ports, size.tables, size.weights) == (30, 3, 1, 30)
    other = [(table(b"a" * 240),), (table(b"a" * 240, b"b" * 8),)]
    size = core_size(CHIP, mapping_of([10, 10], tables=other).plans)
    assert (size.tables, size.weights) == (3, 31)


def test_ports_fill_a_core_too() -> None:
    found = Pack()(mapping_of([1] * 9, tables=[(table(bytes([i])),) for i in range(9)]))
    check(found)
    assert len(found.cores) == 3  # four ports a core


def test_a_chip_with_too_few_cores_says_how_many_it_takes() -> None:
    chip = shrunken(core_words=CAPACITY, mesh=(2, 2))
    with pytest.raises(DoesNotFit, match=r"takes 5 cores \(300 words\), grai-vip has 4 \(400 words\)"):
        Pack()(mapping_of([60] * 5, chip))


def test_a_chip_with_too_few_ports_says_so() -> None:
    chip = shrunken(core_words=CAPACITY, mesh=(2, 1), ports_max=4)
    plans = [(table(bytes([i])),) for i in range(9)]
    with pytest.raises(DoesNotFit, match=r"takes 3 cores \(9 ports\), grai-vip has 2 \(8 ports\)") as caught:
        Pack()(mapping_of([1] * 9, chip, tables=plans))
    assert caught.value.ways == ({"cores": 3}, {"core_words": 18, "ports_max": 5})


def test_fragments_of_a_core_are_in_order() -> None:
    found = Pack()(mapping_of([10, 90, 20, 80, 30]))
    assert [list(core) for core in found.cores] == [sorted(core) for core in found.cores]
    assert FragmentId(0) in found.cores[0]
