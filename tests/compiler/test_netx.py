"""Lava's NetX files: every block, both kinds of neurons, integer for integer."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from checker.check import assert_obeys

from snc.backends.crossbar.machine import CrossbarMachine
from snc.backends.image.container import save
from snc.backends.machine.machine import Machine
from snc.compiler.frontend.netx.file import load_netx
from snc.compiler.frontend.nir.dynamics import Dynamics, Reset
from snc.compiler.pipeline.check import check
from snc.compiler.pipeline.crossbar.compile import compile_crossbars, load_crossbar
from snc.compiler.pipeline.driver import Compiled, compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.reports.report import report
from snc.compiler.running.inputs import random_frames
from snc.compiler.running.spiking.lava import LavaReference
from snc.compiler.running.verify import verify
from snc.ir.chip import Chip
from snc.ir.errors import BadInput, SncError
from snc.ir.network import Neuron

from . import netx_files as nx
from .reference import CHIP, shrunken

SMALL = shrunken(mesh=(12, 12), core_words=700, width_max=5, depth_max=6)
ONE = np.ones((1, 1), np.float32)


def compiled(path: Path, chip: Any = CHIP, **dynamics: int) -> Compiled:
    steps = Dynamics.named(1e-4, "nir", None, **dynamics)
    found = compile_model(path, chip, Options(effort=1.0, dynamics=steps))
    image = path.with_suffix(".snc")
    save(image, found.image)
    assert_obeys(image.read_bytes(), report(found.image, image))
    return found


def weights(random: np.random.Generator, *shape: int, high: int = 20) -> np.ndarray[Any, Any]:
    return random.integers(-high, high + 1, shape).astype(np.float32)


def loihi(random: np.random.Generator) -> dict[str, Any]:
    """Neurons that spike now and then."""
    return nx.loihi(
        iDecay=int(random.choice([4096, 1024, 100])),
        vDecay=int(random.choice([0, 128, 1024, 4096])),
        vThMant=int(random.integers(1, 40)),
        refDelay=int(random.integers(0, 4)),
        wgtExp=int(random.integers(-2, 2)),
    )


def spiking(seed: int) -> list[nx.Block]:
    """Every block, of current-driven neurons with random numbers."""
    random = np.random.default_rng([seed, 11])
    groups = int(random.integers(1, 3))
    entry = loihi(random) if random.random() < 0.5 else None
    return [
        nx.entry((2, 9, 12), entry),
        nx.conv(
            weights(random, 4, 2 // groups, 3, 2), loihi(random), (4, 4, 13), bias=weights(random, 4),
            stride=(2, 1), padding=(0, 1), groups=groups,
        ),
        nx.pool((2, 3), int(random.integers(5, 15)), loihi(random), (4, 2, 4)),
        nx.conv(weights(random, 6, 4, 2, 2), loihi(random), (6, 1, 2), dilation=(1, 2)),
        nx.flatten(12),
        nx.dense(weights(random, 8, 12), loihi(random), bias=weights(random, 8)),
        nx.dense(weights(random, 6, 8), loihi(random)),
        nx.average(2),
    ]  # fmt: skip


def changing(seed: int) -> list[nx.Block]:
    """Sigma-delta neurons; the last ones send sums."""
    random = np.random.default_rng([seed, 12])

    def neurons() -> dict[str, Any]:
        return nx.sdnn(vThMant=int(random.integers(0, 20)))

    return [
        nx.entry((2, 7, 8), nx.sdnn(vThMant=int(random.integers(0, 8)))),
        nx.conv(
            weights(random, 4, 2, 3, 3),
            neurons(),
            (4, 4, 8),
            bias=weights(random, 4),
            stride=(2, 1),
            padding=1,
        ),
        nx.conv(weights(random, 3, 4, 3, 3), neurons(), (3, 2, 6)),
        nx.flatten(36),
        nx.dense(weights(random, 7, 36), neurons(), bias=weights(random, 7)),
        nx.dense(weights(random, 3, 7), nx.sdnn(sigma_output=True)),
    ]


def assert_equal(path: Path, found: Compiled, steps: int) -> dict[str, np.ndarray[Any, Any]]:
    """No integer of any block differs, and something is sent in each but the last; gives what was sent."""
    frames = random_frames(found.image, steps, 5)
    result = verify(path, found.image, frames)
    assert result.is_right, result.compared["layers"].first_divergence
    figures = [figure for figure in (*result.layers, *result.outputs) if "average" not in figure.name]
    assert all(figure.mismatches == 0 for figure in figures)
    assert {f.name for f in result.layers} >= {b.name for b in load_netx(path).blocks if b.kind == "dense"}
    reference = LavaReference(load_netx(path), found.prepared.dynamics or Dynamics())
    sent = [reference(frame) for frame in frames]
    return {name: np.concatenate([each[name] for each in sent]) for name in reference.names}


@pytest.mark.parametrize("chip", [CHIP, SMALL], ids=["whole", "small"])
@pytest.mark.parametrize("seed", range(4))
def test_current_driven_networks_are_equal_step_by_step(tmp_path: Path, seed: int, chip: Chip) -> None:
    path = nx.saved(tmp_path, spiking(seed))
    found = compiled(path, chip, reset_interval=seed % 2 * 7, reset_offset=seed // 2 * 3 * (seed % 2))
    sums = [p.name for p in found.network.populations if p.neuron is Neuron.WIDE]
    assert sums == ["average7"], "what a block receives is fused with its neurons"
    sent = assert_equal(path, found, 24)
    assert sum(bool(sent[f"{kind}{at}"].any()) for kind, at in (("conv", 1), ("pool", 2), ("conv", 3))) >= 2


@pytest.mark.parametrize("chip", [CHIP, SMALL], ids=["whole", "small"])
@pytest.mark.parametrize("seed", range(1, 4))
def test_sigma_delta_networks_are_equal_step_by_step(tmp_path: Path, seed: int, chip: Chip) -> None:
    path = nx.saved(tmp_path, changing(seed))
    found = compiled(path, chip)
    sent = assert_equal(path, found, 12)
    assert all(sent[name].any() for name in ("input0", "conv1", "conv2", "dense4", "dense5"))


def alone(**neuron: int) -> list[nx.Block]:
    """A neuron behind an input of events, its weight 10."""
    return [nx.entry((1,)), nx.dense(10 * ONE, nx.loihi(**neuron))]


def run(path: Path, given: list[float], **dynamics: int) -> tuple[list[int], list[int]]:
    """The spikes of `alone`, and the voltage after each step."""
    found = compiled(path, **dynamics)
    machine = Machine(found.image)
    (place,) = next(layer.fragments for layer in found.image.about.layers if layer.name == "dense1")
    spikes, voltages = [], []
    for x in given:
        (value,) = machine.run({"input": np.array([[x]])}).outputs.values()
        spikes.append(int(value.item()))
        voltages.append(int(machine.states(place.core, place.population)[1].item()))
    return spikes, voltages


def test_a_neuron_by_hand(tmp_path: Path) -> None:
    """640 for each event, a step late; three quarters stay; beyond 1600 it spikes, and begins at 0 again."""
    path = nx.saved(tmp_path, alone())
    spikes, voltages = run(path, [1] * 6)
    assert spikes == [0, 0, 0, 0, 1, 0]
    assert voltages == [0, 640, 1120, 1480, 128, 640]


def test_a_neuron_waits_behind_a_spike(tmp_path: Path) -> None:
    path = nx.saved(tmp_path, alone(refDelay=3, vThMant=5))
    spikes, voltages = run(path, [1] * 7)
    assert spikes == [0, 1, 0, 0, 1, 0, 0]
    assert voltages == [0, 3 * 128, 2 * 128, 128, 3 * 128, 2 * 128, 128]


def test_states_begin_anew_in_intervals(tmp_path: Path) -> None:
    """Lava counts steps from 1: the reset of the first block stands before step 4, then 8."""
    path = nx.saved(tmp_path, alone())
    _, voltages = run(path, [0.0] + [1] * 3 + [0] * 4, reset_interval=4, reset_offset=3, skip_layers=1)
    assert voltages == [0, 0, 0, 640, 1120, 840, 0, 0], "the reset stands behind the step before"


def test_skipped_blocks_send_what_is_given(tmp_path: Path) -> None:
    path = nx.saved(tmp_path, [nx.entry((1,), nx.loihi()), *alone()[1:]])
    assert run(path, [1] * 5, skip_layers=1)[1] == [0, 640, 1120, 1480, 128]
    assert [p.name for p in compiled(path).network.populations] == ["input", "dense1", "input0"]
    last = compiled(path, skip_layers=1).network.populations[-1]
    assert last.neuron is Neuron.INPUT, "it fires behind those who see its events in the next step"


def test_a_crossbar_has_the_same_neurons_and_no_resets(tmp_path: Path) -> None:
    random = np.random.default_rng(6)
    blocks = [
        nx.entry((6,)),
        nx.dense(weights(random, 9, 6), nx.loihi(vThMant=8, iDecay=900, refDelay=2), bias=weights(random, 9)),
        nx.dense(weights(random, 4, 9), nx.loihi(vThMant=4)),
    ]
    path, chip = nx.saved(tmp_path, blocks), load_crossbar("crossbar-128")
    image = compile_crossbars(path, chip, Options())
    machine, reference = CrossbarMachine(image), LavaReference(load_netx(path), Dynamics())
    spikes = 0
    for frame in (random.random((30, 1, 6)) < 0.4).astype(np.float32):
        got, want = machine.run({"input": frame}).outputs["dense2"], reference({"input": frame})["dense2"]
        np.testing.assert_array_equal(got.reshape(want.shape), want)
        spikes += int(want.sum())
    assert 0 < spikes < 120
    with pytest.raises(SncError, match="it begins anew in intervals, which nothing on a crossbar does"):
        compile_crossbars(path, chip, Options(dynamics=Dynamics(reset_interval=5)))


def test_weights_are_integers_and_a_power_of_two(tmp_path: Path) -> None:
    found = compiled(nx.saved(tmp_path, spiking(0)))
    formats = {p.kernel.format for p in found.network.projections if p.kernel.constant.endswith("weight")}
    assert formats == {"fixed6"}


def test_check_tells_how_true_each_block_is(tmp_path: Path) -> None:
    found = check(nx.saved(tmp_path, [*changing(0)[:-1]]), CHIP, Options())
    told = {layer.name: layer.how for layer in found.layers}
    assert found.is_supported
    assert told["conv1~synapses"] == "exact"
    assert told["conv1"].startswith("exact in float32 arithmetic")
    spikes = [*spiking(1)[:-2], nx.dense(np.ones((6, 8)), nx.loihi()), nx.average(2)]
    told = {layer.name: layer.how for layer in check(nx.saved(tmp_path, spikes), CHIP, Options()).layers}
    assert told["average7"] == "exact, but for the rounding of 1/3 to single precision"


REFUSED: dict[str, tuple[list[nx.Block], str]] = {
    "no input": (alone()[1:], "layer/0|first block is no input"),
    "unknown block": ([*alone(), {"type": "concat", "shape": (1,)}], "concat2 .*cannot be mapped"),
    "other neurons": ([nx.entry((1,)), nx.dense(ONE, {"type": "RF"})], "its neurons are RF"),
    "real weights": (
        [nx.entry((1,)), nx.dense(0.5 * ONE, nx.loihi())],
        "weight has numbers that are not whole",
    ),
    "large weights": ([nx.entry((1,)), nx.dense(300 * ONE, nx.loihi())], "weights reach from 0 to 300"),
    "no fit": (
        [nx.entry((2,)), nx.dense(ONE, nx.loihi())],
        r"weights \[1, 1\] do not fit what it receives, \[2\]",
    ),
    "decay": (alone(vDecay=5000), "vDecay is 5000, not 0 to 4096"),
    "threshold": (alone(vThMant=2**17), "vThMant is 131072"),
    "exponent": (alone(wgtExp=-7), "wgtExp is -7"),
    "delays": ([nx.entry((1,)), nx.dense(ONE, nx.loihi(), delay=[2])], "delayed neuron by neuron"),
    "activation": (
        [nx.entry((1,), nx.sdnn()), nx.dense(ONE, nx.sdnn(activation="tanh"))],
        "function is tanh",
    ),
    "mean inside": ([*alone(), nx.average(1), *alone()[1:]], "it sends means of spikes on"),
    "sums inside": (
        [nx.entry((1,), nx.sdnn()), nx.dense(ONE, nx.sdnn(sigma_output=True)), nx.dense(ONE, nx.sdnn())],
        "it sends sums on",
    ),
    "no neurons": ([nx.entry((4,)), nx.average(2)], "has no block of neurons"),
    "maps": (
        [nx.entry((4,)), nx.conv(np.ones((1, 4, 1, 1)), nx.loihi(), (1, 1, 1))],
        r"receives \[4\], no maps",
    ),
    "stated": ([nx.entry((1,)), {**nx.dense(ONE, nx.loihi()), "shape": (3,)}], r"stated as \[3\]"),
    "biases": ([nx.entry((1,)), nx.dense(ONE, nx.loihi(), bias=[1, 2])], "2 biases for 1 channels"),
    "input twice": ([nx.entry((1,)), nx.entry((1,))], "it is no first block"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_mapped_is_refused_with_the_rule(tmp_path: Path, name: str) -> None:
    blocks, rule = REFUSED[name]
    with pytest.raises(SncError, match=rule):
        compile_model(nx.saved(tmp_path, blocks), CHIP, Options())


def test_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "bad.net"
    with pytest.raises(BadInput, match="there is no such file"):
        load_netx(path)
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(BadInput, match="is no HDF5 file that can be read"):
        load_netx(path)
    with h5py.File(path, "w") as file:
        file["other"] = 1
    with pytest.raises(BadInput, match="has no blocks layer/0"):
        load_netx(path)
    with pytest.raises(BadInput, match="has 2 blocks, 2 cannot be skipped"):
        load_netx(nx.saved(tmp_path, alone()), 2)


def test_options_of_lava_are_of_its_files(tmp_path: Path) -> None:
    found = Dynamics(reset_interval=17, reset_offset=1, skip_layers=1)
    assert Dynamics.parsed(str(found)) == replace(found, reset=Reset.VALUE)
    with pytest.raises(BadInput, match="a reset every 3 steps, 3 late, is none"):
        Dynamics(reset_interval=3, reset_offset=3)
    path = tmp_path / "net.nir"
    with pytest.raises(BadInput, match="is no file of Lava's NetX"):
        compile_model(path, CHIP, Options(dynamics=found))


def test_inputs_of_the_reference_are_whole(tmp_path: Path) -> None:
    path = nx.saved(tmp_path, alone())
    with pytest.raises(BadInput, match="is not of whole numbers"):
        LavaReference(load_netx(path), Dynamics())({"input": np.full((1, 1), 0.5)})
