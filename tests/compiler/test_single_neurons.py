"""What one neuron takes at most, found without a look at weights, is never less than what any takes."""

from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from oracle.case import Case
from oracle.cases import CASES

from snc.compiler.pipeline.map import quantised
from snc.compiler.pipeline.prepare import prepare
from snc.compiler.targets.target import load_target
from snc.passes.cutting.options import smallest
from snc.passes.wiring.demand import Demand
from snc.passes.wiring.wire import Wire

CHIP = load_target("grai-vip")


@pytest.mark.parametrize("case", CASES[::20], ids=lambda case: case.name)
def test_a_bound_of_one_neuron_is_no_less_than_what_it_takes(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(case.model(), path)
    prepared = prepare(path)
    for weights in ("fixed8", "float32", "sign"):
        network = quantised(prepared, weights)
        for chip in (CHIP, replace(CHIP, channel_offset_max=3, strided_tables=8)):
            wiring = Wire()(network, chip)
            for p in range(len(network.populations)):
                for shared in (False, True):
                    most = Demand(network, p, chip, wiring, shared).single()
                    words, ports = smallest(network, p, chip, wiring, shared)
                    assert most is None or (most.words >= words and most.ports >= ports)


def test_large_kernels_are_looked_at(tmp_path: Path) -> None:
    (case,) = (case for case in CASES if case.name == "max-k20-s2")
    path = tmp_path / "m.onnx"
    onnx.save(case.model(), path)
    network = quantised(prepare(path), "fixed8")
    wiring = Wire()(network, CHIP)
    found = [Demand(network, p, CHIP, wiring, False).single() for p in range(len(network.populations))]
    assert None in found
