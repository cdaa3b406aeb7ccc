"""Spiking networks of others (make zoo): traces of simulators, a network for N-MNIST, recurrent ones."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from checker.check import check

from snc.backends.image.container import write_image
from snc.backends.machine.machine import Machine
from snc.compiler.frontend.nir.dynamics import Dynamics
from snc.compiler.pipeline.driver import Compiled, compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.data.dataset import open_frames
from snc.compiler.running.inputs import random_frames
from snc.compiler.running.runner import Runner, network_inputs
from snc.compiler.running.verify import verify
from snc.ir.errors import SncError

from .networks import CHIP, FOLDER

NIR, EVENTS = FOLDER / "nir", FOLDER / "events"
STEP = 1e-4  # seconds
NEURON = "lif_norse.nir"
CNN = "cnn_sinabs.nir"
BRAILLE = {"braille_noDelay_bias_zero.nir": "value", "braille_noDelay_noBias_subtract.nir": "subtract"}
TRACES = {
    "nir": "lif_norse.csv",
    "norse": "lif_norse.csv",
    "snntorch": "lif_snntorch.csv",
    "sinabs": "lif_sinabs.csv",
    "lava": "lif_lava_cpu_float.csv",
}

Numbers = npt.NDArray[Any]

pytestmark = [
    pytest.mark.zoo,
    pytest.mark.skipif(not NIR.is_dir(), reason="there is no ../shared/models/nir beside the checkout"),
]


@cache
def compiled(name: str, dialect: str = "nir", reset: str | None = None) -> Compiled:
    dynamics = Dynamics.named(STEP, dialect, reset)
    found = compile_model(NIR / name, CHIP, Options(weights="float32", dynamics=dynamics))
    assert not check(write_image(found.image)).faults
    return found


def trace(name: str) -> tuple[Numbers, Numbers, Numbers]:
    """Input, voltage and spike of each step."""
    found = np.loadtxt(NIR / name, delimiter=",")
    return found[:, 0], found[:, 1], found[:, 2]


def run_alone(dialect: str) -> tuple[list[int], Numbers]:
    """The neuron's spikes, and the voltage that is left of each step, in NIR's unit."""
    found = compiled(NEURON, dialect)
    machine = Machine(found.image)
    layer = next(each for each in found.image.about.layers if each.op == "LIF")
    place = layer.fragments[0].core, layer.fragments[0].population
    spikes, voltages = [], []
    for step, value in enumerate(trace(NEURON.replace(".nir", ".csv"))[0]):
        (sent,) = machine.run({"input": np.full((1, 1), value)}).outputs.values()
        if sent.any():
            spikes.append(step)
        unit = STEP / 2.5e-3  # an input of 1 adds so much, and so much less decays
        voltages.append(unit * float(machine.states(*place)[0].item()) / (1 - unit))
    return spikes, np.array(voltages)


def test_a_neuron_has_norses_voltages_and_spikes() -> None:
    _, voltages, spiked = trace("lif_norse.csv")
    spikes, found = run_alone("nir")
    assert spikes == np.flatnonzero(spiked).tolist() == [460, 510, 710, 760]
    assert np.abs(found - voltages).max() <= 1e-6


@pytest.mark.parametrize("dialect", TRACES)
def test_a_neuron_spikes_in_each_dialect_when_that_simulator_says(dialect: str) -> None:
    _, _, spiked = trace(TRACES[dialect])
    spikes, _ = run_alone(dialect)
    assert spikes == np.flatnonzero(spiked).tolist()


def test_a_network_for_nmnist_is_equal_spike_for_spike_and_knows_the_sample() -> None:
    found = compiled(CNN, "sinabs")
    assert len(found.mapping.cores) <= 2
    inputs = network_inputs(found.image)
    recording = open_frames(EVENTS / "sample_nmnist.bin", inputs, step=1e-3)
    recorded = [recording[step] for step in range(min(300, len(recording)))]
    assert len(recorded) == 300
    for frames in (recorded, random_frames(found.image, 300, 3)):
        verdict = verify(NIR / CNN, found.image, frames)
        assert verdict.is_right
        assert len(verdict.layers) == 7, "five of spikes, and two pools"
        assert sum(figure.mismatches for figure in (*verdict.layers, *verdict.outputs)) == 0
    runner = Runner(found.image)
    counts = np.sum([runner(dict(frame)).outputs["output"].ravel() for frame in recorded], axis=0)
    assert int(counts.argmax()) == 4


@pytest.mark.parametrize("name", BRAILLE)
def test_recurrent_networks_are_equal_in_256_steps(name: str) -> None:
    found = compiled(name, reset=BRAILLE[name])
    assert any(projection.is_recurrent for projection in found.network.projections)
    verdict = verify(NIR / name, found.image, random_frames(found.image, 256, 5))
    assert verdict.is_right
    spiking = [figure for figure in verdict.layers if figure.name.endswith((".lif", "output"))]
    assert len(spiking) == 2
    assert sum(figure.mismatches for figure in (*spiking, *verdict.outputs)) == 0
    assert all(figure.max_rel_error < 1e-6 for figure in verdict.layers), "recurrent sums are rounded"


def test_the_broken_subgraph_is_refused_with_its_edge() -> None:
    path: Path = NIR / "braille_noDelay_bias_zero_subgraph.nir"
    with pytest.raises(SncError, match=r"Edge \('input', 'lif'\)") as caught:
        compile_model(path, CHIP, Options(dynamics=Dynamics.named(STEP, "nir", None)))
    assert caught.value.exit_code == 2
