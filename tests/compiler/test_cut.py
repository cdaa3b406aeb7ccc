"""Cuts and cores chosen together, and the bound they are held against."""

import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.map import packer_of, quantised
from snc.compiler.pipeline.options import Options
from snc.compiler.pipeline.prepare import prepare
from snc.ir.aims import StateUse
from snc.ir.deadline import NEVER, Deadline
from snc.ir.mapping import Fragment
from snc.ir.network import PopulationId
from snc.models.catalogue import CATALOGUE
from snc.passes.cutting.columns import Columns, fill_cores
from snc.passes.cutting.filler import CoreSpace, Floats, Item
from snc.passes.cutting.partition import Assigned
from snc.passes.cutting.prices import Prices

from .reference import CHIP
from .test_choices import convolutions

SPACE = CoreSpace(words=1000.0, ports=8)


def items(seed: int, count: int) -> list[Item]:
    """Random feature maps."""
    random = np.random.default_rng(seed)
    found = []
    for p in range(count):
        depth, slope = int(random.integers(1, 60)), int(random.integers(1, 20))
        words = np.array([10.0 + n * slope for n in range(1, min(depth, 40) + 1)])
        found.append(Item(words, float(random.integers(1, 15)), max(0, p - 1), p, depth, 1))
    return found


@pytest.mark.parametrize("seed", range(5))
def test_every_channel_is_in_a_core_that_holds_it(seed: int) -> None:
    given = items(seed, 8)
    cores = fill_cores(given, SPACE)
    for i, item in enumerate(given):
        assert sum(held.get(i, 0) for held in cores) == item.demand
    for held in cores:
        live = np.zeros(8)
        for i, n in held.items():
            live[given[i].first : given[i].last + 1] += given[i].states * n
        assert sum(given[i].words[n - 1] for i, n in held.items()) + live.max() <= SPACE.words
        assert len(held) <= SPACE.ports
    assert cores == fill_cores(given, SPACE)


@pytest.mark.parametrize("states", ["shared", "persistent"])
def test_pilotnet_takes_the_two_cores_that_it_must(tmp_path: Path, states: str) -> None:
    path = tmp_path / "pilotnet.onnx"
    onnx.save(CATALOGUE["pilotnet"].build(), path)
    found = compile_model(path, replace(CHIP, mesh=(2, 1)), Options(states=StateUse(states)))
    solver = found.image.about.solver
    assert len(found.mapping.cores) == 2 == solver.cores_lower_bound
    assert (solver.status, solver.gap) == ("optimal", 0.0)


def test_equal_pieces_are_one_item_and_each_has_a_fragments_ports() -> None:
    words = np.array([100.0, 200.0, 300.0, 400.0, 500.0, 600.0])
    pieces = Item(words, 50.0, 0, 1, 6, 3, apart=True)
    cores = fill_cores([pieces, *items(1, 3)], SPACE)
    assert sum(held.get(0, 0) for held in cores) == 6
    assert max(held.get(0, 0) for held in cores) == 2  # of three ports each, where a core has eight


def test_what_other_prices_have_found_serves_at_this_one() -> None:
    given, known = items(3, 8), Columns()
    dear = fill_cores(given, SPACE, 400.0, known=known)
    assert len(known.found) == 1
    cheap = fill_cores(given, SPACE, 0.0, known=known)
    assert len(cheap) <= len(dear)
    assert all(sum(held.get(i, 0) for held in cheap) == item.demand for i, item in enumerate(given))


def test_columns_that_are_no_longer_priced_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column that is taken is a copy: a row of the array would hold all columns of its round."""
    programs: list[weakref.ref[np.ndarray]] = []
    held: list[int] = []
    reduce = Prices.reduce

    def counted(prices: Prices, demand: np.ndarray) -> None:
        base = prices.columns if prices.columns.base is None else prices.columns.base
        programs.append(weakref.ref(base))
        held.append(sum(each() is not None for each in programs))
        reduce(prices, demand)

    monkeypatch.setattr(Prices, "reduce", counted)
    fill_cores(items(7, 40), SPACE)
    assert len(held) > 4
    assert max(held) <= 2  # the first round's are kept for other prices


def test_a_map_cut_along_rows_keeps_its_fragments_in_the_cores_that_were_chosen(tmp_path: Path) -> None:
    """All of them are packed where they were planned: none is cut along its channels, too."""
    path = convolutions(tmp_path / "rows.onnx", (3, 6, 6, 6), size=48)
    chip = replace(CHIP, name="flat", core_words=2048, height_max=12, width_max=48, mesh=(12, 12))
    options = Options()
    packer = packer_of(quantised(prepare(path), options.weights), chip, options)
    solution = packer.cut(200.0)
    assert isinstance(solution, Assigned)
    assert set(solution.assignment) == {
        Fragment(PopulationId(p), c, y, x)
        for p, grid in enumerate(solution.grids)
        for c in grid.c
        for y in grid.y
        for x in grid.x
    }
    choice = packer.packed(solution, merge=False)
    assert choice is not None
    assert len(choice.mapping.cores) <= 1 + max(solution.assignment.values())


@pytest.mark.parametrize("how", ["effort", "time"])
def test_what_is_left_when_the_search_must_end_is_filled_without_prices(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, solved = items(2, 12), []
    solve = Prices.solve

    def counted(prices: Prices) -> Floats:
        solved.append(len(prices.columns))
        return solve(prices)

    monkeypatch.setattr(Prices, "solve", counted)
    many = fill_cores(given, SPACE)
    assert len(solved) > 10
    solved.clear()
    if how == "effort":
        monkeypatch.setattr("snc.passes.cutting.columns.EFFORT", 1.0)
    cores = fill_cores(given, SPACE, is_over=Deadline(0.0) if how == "time" else NEVER)
    assert len(solved) == 1
    assert all(sum(held.get(i, 0) for held in cores) == item.demand for i, item in enumerate(given))
    assert len(many) <= len(cores) <= 2 * len(many)
