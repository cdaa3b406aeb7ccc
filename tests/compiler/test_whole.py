"""Quantised models compiled as the integers that they are: no layer of the image differs from the integers
that a reference of our own computes, nor this from ONNX Runtime's kernels.
"""

from pathlib import Path

import numpy as np
import onnx
import pytest

from snc.compiler.frontend.quantised.whole import NOTE, WholeForm, whole_form
from snc.compiler.pipeline.driver import Compiled, compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.runner import Runner
from snc.compiler.running.verify import verify
from snc.compiler.targets.target import load_target
from snc.ir.network import Activation, Network, Neuron, PopulationId

from .whole_cases import CASES, frames, model

CHIP = load_target("grai-vip")


def compiled(made: onnx.ModelProto, folder: Path) -> tuple[Path, Compiled]:
    path = folder / "model.onnx"
    path.write_bytes(made.SerializeToString())
    return path, compile_model(path, CHIP, Options(effort=0.1))


@pytest.mark.parametrize("name", CASES)
def test_a_layer_computes_the_integers_of_the_model(name: str, tmp_path: Path) -> None:
    made = model(CASES[name])
    form = whole_form(made)
    assert isinstance(form, WholeForm), form
    onnx.checker.check_model(form.model, full_check=True)
    path, found = compiled(made, tmp_path)
    assert found.graph.notes == (NOTE,)
    given = [{"x": each} for each in frames(CASES[name])]
    verdict = verify(path, found.image, given)
    integers = verdict.compared["integers"]
    assert [figure.mismatches for figure in integers.outputs] == [0] * len(integers.outputs)
    assert verdict.is_right


@pytest.mark.parametrize("name", CASES)
def test_the_chip_rounds_no_whole_number(name: str, tmp_path: Path) -> None:
    """Where all events are whole numbers, and none is a sum that a stride of the chip's passes on."""
    found = compiled(model(CASES[name]), tmp_path)[1]
    network = found.network
    sources = {projection.source for projection in network.projections}
    if not all(is_whole(network, source) for source in sources):
        return
    names = {tensor.name for tensor in found.image.tensors if tensor.name.endswith(":whole")}
    assert names
    exact, chip = Runner(found.image), Runner(found.image, "chip")
    for frame in frames(CASES[name]):
        want, got = (dict(runner({"x": frame}, keep_layers=True).run.layers) for runner in (exact, chip))
        for layer in names & want.keys():
            np.testing.assert_array_equal(got[layer], want[layer], layer)


def is_whole(network: Network, source: PopulationId) -> bool:
    """Whether a population's values are whole numbers that half precision holds."""
    found = network.populations[source]
    if found.neuron is Neuron.INPUT or found.activation in (Activation.REQUANTISE, Activation.CLIP):
        return True
    into = network.into(source)
    return found.neuron is Neuron.STANDARD and all(is_whole(network, p.source) for p in into)
