"""Placing: traffic is what Algorithm 5 sends, places keep the reach, and the search beats a snake."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snc.compiler.targets.target import load_target
from snc.ir.chip import SIZE_STEP, Chip, snake
from snc.ir.deadline import NEVER, OVER
from snc.ir.errors import Origin
from snc.ir.mapping import Axon, Fragment, FragmentId, Mapping, Plan, Span
from snc.ir.network import Network, Neuron, Population, PopulationId, Shape, Update
from snc.ir.schedule import scheduled
from snc.passes.placing import place
from snc.passes.placing.place import RELAY_WEIGHT, Flow, Place, Search, bands, events, flows, out_of_reach

CHIP = load_target("grai-vip")
BOX = Shape(1, 8, 8)


def mapping_of(edges: list[tuple[int, int]], cores: int, chip: Chip = CHIP, inputs: int = 0) -> Mapping:
    """A core for every fragment, an axon for every edge; the first populations are inputs."""
    populations = tuple(
        Population(f"p{i}", BOX, Origin(node=f"p{i}"), Neuron.INPUT if i < inputs else Neuron.STANDARD)
        for i in range(cores)
    )
    plans = tuple(
        Plan(
            Fragment(PopulationId(i), Span(0, 1), Span(0, 8), Span(0, 8)),
            0,
            0,
            1024,
            tuple(Axon(FragmentId(b), Update.ADD, 0, 0, 0, 8, 8, 1, 1, 0) for a, b in edges if a == i),
            (),
        )
        for i in range(cores)
    )
    held = tuple((FragmentId(i),) for i in range(cores))
    network = Network("net", populations, (), ())
    schedule = scheduled(network, plans, [FragmentId(i) for i in range(len(plans))])
    return Mapping(network, chip, (), plans, schedule, held)


def hops(mapping: Mapping) -> int:
    places = np.array(mapping.places)
    return sum(
        flow.events * int(np.abs(places[flow.source] - places[flow.target]).sum()) for flow in flows(mapping)
    )


def beyond(mapping: Mapping) -> int:
    places = np.array(mapping.places)
    found = [places[flow.target] - places[flow.source] for flow in flows(mapping)]
    return int((out_of_reach(mapping.chip, np.array(found)) > 0).sum())


@given(
    st.tuples(st.integers(1, 9), st.integers(1, 20), st.integers(1, 20)),
    st.tuples(st.integers(-40, 40), st.integers(-40, 40)),
    st.tuples(st.integers(1, 50), st.integers(1, 50)),
    st.tuples(st.integers(1, 16), st.integers(1, 16)),
    st.integers(0, 3),
)
def test_events_are_those_that_algorithm_5_lets_through(
    shape: tuple[int, int, int],
    off: tuple[int, int],
    size: tuple[int, int],
    kernel: tuple[int, int],
    us: int,
) -> None:
    source = Fragment(PopulationId(0), *(Span(0, n) for n in shape))
    axon = Axon(FragmentId(0), Update.ADD, 0, *off, *size, *kernel, us)
    width, height = (-(-n // SIZE_STEP) * SIZE_STEP for n in size)
    sent = 0
    for y in range(shape[1]):
        for x in range(shape[2]):
            x_min, y_min = x * 2**us + off[0], y * 2**us + off[1]
            sent += -kernel[0] < x_min < width and -kernel[1] < y_min < height
    assert events(source, axon) == shape[0] * sent


def test_the_hosts_input_is_no_traffic_but_must_reach() -> None:
    (flow,) = flows(mapping_of([(0, 1)], 2, inputs=1))
    assert (flow.source, flow.target, flow.events) == (0, 1, 0)


def test_places_are_apart_inside_the_mesh_and_the_same_each_time() -> None:
    random = np.random.default_rng(1)
    edges = sorted({(int(a), int(b)) for a, b in random.integers(0, 40, (90, 2)) if a != b})
    mapping = mapping_of(edges, 40)
    placed = Place()(mapping)
    assert len(set(placed.places)) == 40
    assert all(0 <= x < 12 and 0 <= y < 12 for x, y in placed.places)
    assert placed.places == Place()(mapping).places
    assert beyond(placed) == 0
    start = replace(mapping, places=tuple(snake(CHIP, 40)))
    assert hops(placed) < 0.75 * hops(start)


def test_a_grid_of_cores_that_is_shuffled_is_found_again() -> None:
    order = np.random.default_rng(0).permutation(36).tolist()
    at = {(i % 6, i // 6): core for i, core in enumerate(order)}
    edges = [
        (at[x, y], at[x + dx, y + dy]) for x, y in at for dx, dy in ((1, 0), (0, 1)) if (x + dx, y + dy) in at
    ]
    placed = Place()(mapping_of(edges, 36))
    assert hops(placed) == len(edges) * 64  # every edge is one hop, and 64 neurons fire


@pytest.mark.parametrize("count", [2, 4])
def test_reach_comes_before_traffic(count: int) -> None:
    chip = replace(CHIP, reach_min=0, reach_max=2)
    placed = Place()(mapping_of([(i, i + 1) for i in range(count - 1)], count, chip))
    assert beyond(placed) == 0  # a signed reach: no core may stand left of or above the one before


def test_borders_between_chips_are_avoided_when_they_cost() -> None:
    edges = [(0, i) for i in range(1, 9)] + [(9, i) for i in range(10, 18)] + [(8, 9)]
    plain = replace(CHIP, mesh=(6, 3), chip_mesh=(3, 3))
    dear = replace(plain, chip_border_cost=20)
    crossed = {
        chip.chip_border_cost: sum((placed.places[a][0] < 3) != (placed.places[b][0] < 3) for a, b in edges)
        for chip in (plain, dear)
        for placed in (Place()(mapping_of(edges, 18, chip)),)
    }
    assert crossed[20] == 1 <= crossed[0]


def test_cores_apart_leave_free_ones_between() -> None:
    placed = Place(gaps=(1, 1))(mapping_of([(0, 1), (1, 2)], 3))
    assert all(x % 2 == y % 2 == 0 for x, y in placed.places)
    assert Place(gaps=(1, 1)).fits(mapping_of([], 36))
    assert not Place(gaps=(1, 1)).fits(mapping_of([], 37))


@given(st.tuples(st.integers(1, 40), st.integers(1, 40)), st.data())
def test_bands_are_places_apart_inside_the_mesh(mesh: tuple[int, int], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, mesh[0] * mesh[1]))
    places = bands(replace(CHIP, mesh=mesh), count)
    assert len(places) == len(set(places)) == count
    assert all(0 <= x < mesh[0] and 0 <= y < mesh[1] for x, y in places)


def test_a_free_column_stands_behind_every_few() -> None:
    placed = Place(gaps=(2, 0))(mapping_of([(i, i + 1) for i in range(29)], 30))
    assert all(x % 3 != 2 for x, _ in placed.places)
    assert len(set(placed.places)) == 30


def test_an_axon_weighs_what_its_relay_would_hold() -> None:
    """64 states of two bytes take 16 words: half of these cores."""
    (light,) = flows(mapping_of([(0, 1)], 2))
    (heavy,) = flows(mapping_of([(0, 1)], 2, replace(CHIP, core_words=32)))
    assert (light.weight, heavy.weight) == (1, 1 + RELAY_WEIGHT // 2)


def test_where_time_is_over_only_what_gains_is_done() -> None:
    random = np.random.default_rng(1)
    edges = sorted({(int(a), int(b)) for a, b in random.integers(0, 40, (90, 2)) if a != b})
    mapping = mapping_of(edges, 40)
    late, full = Place(is_over=OVER)(mapping), Place()(mapping)
    assert len(set(late.places)) == 40
    start = replace(mapping, places=tuple(snake(CHIP, 40)))
    assert hops(full) < hops(late) < hops(start)
    assert late.places == Place(is_over=OVER)(mapping).places


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("mesh", "gaps", "noise"), [((12, 12), (0, 0), 2**18), ((40, 9), (3, 0), 200)])
def test_compiled_sweeps_end_where_others_do(
    seed: int, mesh: tuple[int, int], gaps: tuple[int, int], noise: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(seed)
    chip = replace(CHIP, mesh=mesh, chip_mesh=mesh, reach_min=-5, reach_max=6)
    edges = sorted({(int(a), int(b)) for a, b in random.integers(0, 60, (150, 2)) if a != b})
    mapping = mapping_of(edges, 62, chip, inputs=2)
    monkeypatch.setattr(place, "NOISE_MAX", noise)
    places = []
    for least in (1, 1000):
        monkeypatch.setattr(place, "COMPILED_LEAST", least)
        places.append(Place(seed, gaps, sweeps=8)(mapping).places)
    assert places[0] == places[1]


@pytest.mark.parametrize("least", [1, 1000])
@pytest.mark.parametrize("gaps", [(0, 0), (3, 0), (1, 1)])
def test_costs_that_follow_each_step_are_those_of_the_places(
    gaps: tuple[int, int], least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where an axon reaches further one way than the other, and where both cores of a pair move."""
    monkeypatch.setattr(place, "COMPILED_LEAST", least)
    random = np.random.default_rng(0)
    chip = replace(CHIP, mesh=(24, 24), chip_mesh=(12, 24))
    pairs = sorted({(int(a), int(b)) for a, b in random.integers(0, 40, (120, 2)) if a != b})
    found = [Flow(a, b, int(random.integers(0, 99)), int(random.integers(1, 5))) for a, b in pairs]
    places = np.array(snake(chip, 200)[::5])
    search = Search(chip, gaps, places, found, 0, NEVER)
    before = search.cost()
    search.reach(3)
    search.run(3)
    followed = [costs.copy() for costs in search.costs]
    after = search.cost()  # this weighs everything anew
    assert all(np.array_equal(a, b) for a, b in zip(followed, search.costs, strict=True))
    assert after < before
    assert np.array_equal(search.occupant[tuple(search.places.T)], np.arange(40))
