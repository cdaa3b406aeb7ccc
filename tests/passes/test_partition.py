"""Partitioning: limits hold, and on small networks the choice is the best of all choices."""

from itertools import product

import numpy as np
import pytest

from snc.ir.chip import Chip
from snc.ir.errors import DoesNotFit
from snc.ir.mapping import Contents, Grid
from snc.ir.network import Network
from snc.passes.cutting.options import Option, options, pair
from snc.passes.cutting.partition import WEIGHT_OF_MEMORY, Partition
from snc.passes.wiring.connect import Connect
from snc.passes.wiring.wire import Wire
from snc.passes.wiring.wired import Wired

from .networks import chain, shrunken

BREADTH = 6  # of the first lists that Partition tries


def lists_of(network: Network, chip: Chip) -> tuple[list[Wired], list[list[Option]]]:
    kernels = list(Wire()(network, chip))
    return kernels, [options(network, p, chip, kernels, BREADTH) for p in range(len(network.populations))]


def best_by_trial(network: Network, chip: Chip) -> float:
    """The least cost of any choice of options that keeps all limits."""
    kernels, lists = lists_of(network, chip)
    best = float("inf")
    for choice in product(*lists):
        axons = [0] * len(choice)
        cost = sum(WEIGHT_OF_MEMORY * option.words + option.grid.fragments for option in choice)
        for wired in kernels:
            source, target = wired.projection.source, wired.projection.target
            facts = pair(wired, choice[source].grid, choice[target].grid)
            if facts.offsets[0] < chip.offset_min or facts.offsets[1] > chip.offset_max:
                break
            axons[source] += facts.axons_most
            cost += WEIGHT_OF_MEMORY * facts.axons
        else:
            most = [min(chip.axons_max, chip.core_words - option.words_most) for option in choice]
            if all(count <= limit for count, limit in zip(axons, most, strict=True)):
                best = min(best, cost)
    return best


@pytest.mark.parametrize(
    ("numbers", "depths"),
    [
        ({"core_words": 700}, (3, 8, 6)),
        ({"core_words": 400, "axons_max": 30}, (2, 6, 4)),
        ({"width_max": 5, "height_max": 3}, (2, 5, 3)),
        ({"offset_min": -6, "offset_max": 5}, (2, 4, 3)),
        ({}, (3, 4, 5)),
    ],
)
def test_the_choice_is_the_best_of_all(numbers: dict[str, int], depths: tuple[int, ...]) -> None:
    network, chip = chain(*depths, size=(12, 10)), shrunken(**numbers)
    solution = Partition()(network, chip, Wire()(network, chip))
    assert solution.status == "optimal"
    assert solution.objective == solution.bound == best_by_trial(network, chip)


def fits(network: Network, chip: Chip, grids: tuple[Grid, ...]) -> None:
    """Every limit of the chip, read off the plans."""
    mapping = Connect()(network, chip, Wire()(network, chip), grids)
    mapping.verify()
    for plan in mapping.plans:
        fragment = plan.fragment
        assert len(fragment.x) <= chip.width_max
        assert len(fragment.y) <= chip.height_max
        assert len(fragment.c) <= chip.depth_max
        assert len(plan.axons) <= chip.axons_max
        assert Contents(chip).with_plan(plan).words <= chip.core_words
        for axon in plan.axons:
            assert chip.offset_min <= min(axon.x_off, axon.y_off) <= max(axon.x_off, axon.y_off)
            assert max(axon.x_off, axon.y_off) <= chip.offset_max
            assert max(axon.kw, axon.kh) <= chip.kernel_max


@pytest.mark.parametrize(
    "numbers",
    [
        {"core_words": 500},
        {"width_max": 7, "height_max": 5},
        {"depth_max": 3},
        {"kernel_max": 2},
        {"offset_min": -12, "offset_max": 12},
        {"axons_max": 6, "core_words": 900},
        {"core_words": 600, "width_max": 9, "depth_max": 4, "kernel_max": 3, "axons_max": 40},
    ],
)
@pytest.mark.parametrize("plain", [False, True])
def test_limits_hold(numbers: dict[str, int], plain: bool) -> None:
    network, chip = chain(3, 8, 5, size=(20, 17), kernel_size=5), shrunken(**numbers)
    fits(network, chip, Partition(plain=plain)(network, chip, Wire()(network, chip)).grids)


def test_cuts_cover_every_map_once() -> None:
    network, chip = chain(3, 9, 7, size=(31, 29)), shrunken(core_words=800, width_max=9)
    for population, grid in zip(
        network.populations, Partition()(network, chip, Wire()(network, chip)).grids, strict=True
    ):
        covered = np.zeros(
            (population.shape.depth, population.shape.height, population.shape.width), np.int64
        )
        for c, y, x in product(grid.c, grid.y, grid.x):
            covered[c.start : c.stop, y.start : y.stop, x.start : x.stop] += 1
        assert (covered == 1).all()
        assert grid.fragments == len(grid.c) * len(grid.y) * len(grid.x)


def test_the_same_network_is_cut_the_same_way() -> None:
    network, chip = chain(4, 12, 8, size=(24, 24)), shrunken(core_words=1000)
    first, second = (Partition()(network, chip, Wire()(network, chip)) for _ in range(2))
    assert first == second


def test_what_fits_no_core_is_named() -> None:
    network, chip = chain(3, 4), shrunken(core_words=8)
    with pytest.raises(
        DoesNotFit, match="node conv0: no cut of its 4 x 8 x 8 feature map fits a core of 8 words"
    ):
        Partition()(network, chip, Wire()(network, chip))


def test_offsets_that_no_cut_brings_down_are_named() -> None:
    network, chip = chain(1, 1, size=(2, 2), kernel_size=3), shrunken(offset_min=0, offset_max=0)
    with pytest.raises(DoesNotFit, match=r"offsets of -?[0-9]+ to [0-9]+, a field holds 0 to 0"):
        Partition()(network, chip, Wire()(network, chip))
