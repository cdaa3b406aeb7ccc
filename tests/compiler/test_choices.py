"""Which cores are taken: few of them, with little to do, or what is found in time."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from checker.check import check
from onnx import helper, numpy_helper
from oracle.synapses import node_synapses

from snc.backends.image.container import write_image
from snc.cli.main import main
from snc.compiler.pipeline.driver import (
    Compiled,
    compile_model,
    front,
)
from snc.compiler.pipeline.map import packer_of, quantised
from snc.compiler.pipeline.options import Options
from snc.compiler.pipeline.prepare import prepare
from snc.ir.aims import Objective, StateUse
from snc.ir.counts import operations
from snc.ir.errors import BadInput
from snc.passes.cutting.cut import Cut
from snc.passes.cutting.partition import Assigned, Solution

from .reference import CHIP

SMALL = replace(CHIP, name="small", core_words=1024, mesh=(8, 8))
DEPTHS = (3, 16, 32, 32, 24, 16)


def convolutions(path: Path, depths: Sequence[int] = DEPTHS, size: int = 12) -> Path:
    """Padded 3 x 3 convolutions, one behind the other."""
    random = np.random.default_rng(0)
    nodes, weights = [], []
    for i, (source, target) in enumerate(pairwise(depths)):
        w = random.normal(size=(target, source, 3, 3)).astype(np.float32) / (9 * source) ** 0.5
        weights.append(numpy_helper.from_array(w, f"w{i}"))
        nodes.append(helper.make_node("Conv", [f"x{i}", f"w{i}"], [f"c{i}"], f"conv{i}", pads=[1] * 4))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"x{i + 1}"], f"relu{i}"))
    last = len(depths) - 1
    graph = helper.make_graph(
        nodes,
        "convolutions",
        [helper.make_tensor_value_info("x0", 1, [1, depths[0], size, size])],
        [helper.make_tensor_value_info(f"x{last}", 1, [1, depths[-1], size, size])],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return convolutions(tmp_path / "convolutions.onnx")


def busiest(found: Compiled) -> int:
    return max(operations(found.mapping))


def test_throughput_spends_cores_on_the_busiest_one(model: Path) -> None:
    few = compile_model(model, SMALL, Options())
    fast = compile_model(model, SMALL, Options(objective=Objective.THROUGHPUT))
    assert busiest(fast) <= 0.75 * busiest(few)
    assert len(few.mapping.cores) < len(fast.mapping.cores) <= SMALL.cores
    assert check(write_image(fast.image)).faults == ()
    solver, work = fast.image.about.solver, operations(fast.mapping)
    assert (solver.objective, solver.bound) == (busiest(fast), -(-sum(work) // SMALL.cores))
    convolved = onnx.load(model)
    synapses = sum(len(node_synapses(convolved, n)) for n in convolved.graph.node if n.op_type == "Conv")
    assert sum(work) == sum(operations(few.mapping)) == synapses


def test_the_front_falls_in_work_and_rises_in_cores(model: Path) -> None:
    points = front(model, SMALL, Options())
    assert len(points) >= 3
    assert points[0].cores == len(compile_model(model, SMALL, Options()).mapping.cores)
    for before, after in pairwise(points):
        assert before.cores < after.cores <= SMALL.cores
        assert before.busiest_core_operations > after.busiest_core_operations


def test_the_front_is_printed_and_nothing_is_written(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = model.parent / "small.toml"
    target.write_text('name = "small"\ncore_words = 1024\nmesh = [8, 8]\n', encoding="utf-8")
    given = ["compile", str(model), "--target", str(target), "--pareto"]
    assert main([*given, "--json"]) == 0
    points = json.loads(capsys.readouterr().out)["front"]
    assert main(given) == 0
    shown = capsys.readouterr().out
    assert all(f"{point['busiest_core_operations']:,}" in shown for point in points)
    assert {path.suffix for path in model.parent.iterdir()} == {".onnx", ".toml"}


def test_a_price_for_fragments_makes_fewer_of_them(model: Path) -> None:
    options = Options()
    packer = packer_of(quantised(prepare(model), options.weights), SMALL, options)
    cheap, dear = packer.cut(0.0), packer.cut(400.0)
    assert isinstance(cheap, Assigned)
    assert dear.fragments < cheap.fragments


def test_options_are_named_as_they_are_shown() -> None:
    found = Options(states="persistent", objective="memory")  # type: ignore[arg-type]
    assert found == Options(states=StateUse.PERSISTENT, objective=Objective.MEMORY)
    for wrong in ({"states": "none"}, {"objective": "least"}):
        with pytest.raises(BadInput, match="known are"):
            Options(**wrong)  # type: ignore[arg-type]


def test_nothing_is_searched_where_the_cuts_of_least_memory_take_the_fewest_cores(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def search(self: Cut, *_: object) -> Solution:
        raise AssertionError("there are no fewer cores to be found")

    monkeypatch.setattr(Cut, "__call__", search)
    found = compile_model(model, replace(SMALL, core_words=4096), Options())
    solver = found.image.about.solver
    assert len(found.mapping.cores) == solver.cores_lower_bound == 2
    assert all(len(grid.c) == len(grid.y) == len(grid.x) == 1 for grid in found.mapping.grids)


@pytest.mark.parametrize("option", ["--neurons=sigma-delta", "--weights=auto", "--weights=float16"])
def test_the_front_is_of_the_network_that_is_compiled(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One core takes as many words in the front as in the image."""
    model = Path(__file__).parents[2] / "models" / "digits.onnx"
    assert main(["compile", str(model), "--pareto", "--json", option]) == 0
    (point,) = json.loads(capsys.readouterr().out)["front"]
    assert main(["compile", str(model), "-o", str(tmp_path / "digits.snc"), "--json", option]) == 0
    (core,) = json.loads(capsys.readouterr().out)["per_core"]
    assert point["words"] == core["words"]
