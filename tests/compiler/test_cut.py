"""Cuts and cores chosen together, and the bound they are held against."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.ir.aims import StateUse
from snc.models.catalogue import CATALOGUE
from snc.passes.cutting.columns import fill_cores
from snc.passes.cutting.filler import Item, Room

from .trip import CHIP

CHIP_ROOM = Room(words=1000.0, ports=8)


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
    cores = fill_cores(given, CHIP_ROOM)
    for i, item in enumerate(given):
        assert sum(held.get(i, 0) for held in cores) == item.demand
    for held in cores:
        live = np.zeros(8)
        for i, n in held.items():
            live[given[i].first : given[i].last + 1] += given[i].states * n
        assert sum(given[i].words[n - 1] for i, n in held.items()) + live.max() <= CHIP_ROOM.words
        assert len(held) <= CHIP_ROOM.ports
    assert cores == fill_cores(given, CHIP_ROOM)


@pytest.mark.parametrize("states", ["shared", "persistent"])
def test_pilotnet_takes_the_two_cores_that_it_must(tmp_path: Path, states: str) -> None:
    path = tmp_path / "pilotnet.onnx"
    onnx.save(CATALOGUE["pilotnet"].build(), path)
    found = compile_model(path, replace(CHIP, mesh=(2, 1)), Options(states=StateUse(states)))
    solver = found.image.about.solver
    assert len(found.mapping.cores) == 2 == solver.cores_lower_bound
    assert (solver.status, solver.gap) == ("optimal", 0.0)
