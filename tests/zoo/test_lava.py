"""Lava's trained networks against what Lava and Loihi made of them (make zoo): integer for integer."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from checker.check import check

from snc.backends.image.container import write_image
from snc.backends.image.image import Image
from snc.backends.machine.machine import ARITHMETICS, Arithmetic, Machine
from snc.compiler.frontend.netx.file import load_netx
from snc.compiler.frontend.nir.dynamics import Dynamics
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.verify import verify

from .networks import CHIP, FOLDER
from .runtime import reread

LAVA = FOLDER / "lava"
SPIKES, CHANGES = LAVA / "pilotnet_lif", LAVA / "pilotnet_sdnn"
# What was recorded began anew every 17 steps, behind an input whose spikes are stored. The record of the last
# block does not fit the stored spikes of the one before: it is of a run on the same input that began anew
# every 16 steps, and a step earlier.
STEPS = Dynamics(reset_interval=17, reset_offset=1, skip_layers=1)
STEPS_OF_LAST = Dynamics(reset_interval=16, reset_offset=0, skip_layers=1)
RECORDED = {f"conv{i}": f"conv-{i - 1}" for i in range(1, 6)} | {
    f"dense{i}": f"fc-{i - 7}" for i in (7, 8, 9)
}
LAST = {"dense10": "fc-3"}
SPIKES_OF = {"fc-3": "fc-3-s"}
NAMED = {"conv5": "flatten6"}  # whose tensor holds a block's neurons, where it is another's

Numbers = npt.NDArray[Any]

pytestmark = [
    pytest.mark.zoo,
    pytest.mark.skipif(not LAVA.is_dir(), reason="there is no ../shared/models/lava beside the checkout"),
]


@cache
def image_of(folder: Path, dynamics: Dynamics) -> Image:
    found = reread(compile_model(folder / "network.net", CHIP, Options(dynamics=dynamics)).image)
    assert not check(write_image(found)).faults
    return found


def truth(folder: Path, name: str) -> Numbers:
    """A stored array, steps first, then channels, rows and columns."""
    found: Numbers = np.load(folder / f"{name}.npy")
    return found.transpose(*range(found.ndim)[::-1])


def state(
    machine: Machine, image: Image, layer: str, number: int, of: dict[Any, Any] | None = None
) -> Numbers:
    """A state of a layer's neurons, from all its fragments: as it is, or as it was kept."""
    found = next(each for each in image.about.layers if each.name == layer)
    parts = []
    for at in found.fragments:
        key = at.core, at.population
        parts.append((at, (machine.states(*key) if of is None else of[key])[number]))
    size = [
        max(begin + p.shape[i] for begin, p in ((at[i], p) for at, p in _begins(parts))) for i in range(3)
    ]
    whole = np.zeros(size)
    for (c, y, x), part in _begins(parts):
        d, h, w = part.shape
        whole[c : c + d, y : y + h, x : x + w] = part
    return whole


def _begins(parts: list[tuple[Any, Numbers]]) -> list[tuple[tuple[int, int, int], Numbers]]:
    return [((at.c0, at.y0, at.x0), part) for at, part in parts]


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
@pytest.mark.parametrize(
    ("dynamics", "recorded"), [(STEPS, RECORDED), (STEPS_OF_LAST, LAST)], ids=["all but the last", "the last"]
)
def test_spikes_currents_and_voltages_are_those_that_were_recorded(
    arithmetic: Arithmetic, dynamics: Dynamics, recorded: dict[str, str]
) -> None:
    image = image_of(SPIKES, dynamics)
    machine = Machine(image, arithmetic)
    given = truth(SPIKES, "input").astype(np.float32)
    assert len(given) == 24
    currents: dict[str, Numbers | float] = dict.fromkeys(recorded, 0.0)  # that the next step sees
    for step, frame in enumerate(given):
        kept: dict[Any, Any] = {}

        def keep(fire: Any, kept: dict[Any, Any] = kept) -> None:
            kept[fire.core, fire.population] = ()

        def look(done: int, total: int, kept: dict[Any, Any] = kept) -> None:
            for key, held in kept.items():
                if not held:  # it has just fired: a reset may follow
                    kept[key] = machine.states(*key)

        run = machine.run({"input": frame[None]}, keep_layers=True, trace=keep, on_step=look)
        for block, name in recorded.items():
            spikes = truth(SPIKES, SPIKES_OF.get(name, name))[step]
            values = (run.outputs if block in run.outputs else run.layers)[NAMED.get(block, block)]
            np.testing.assert_array_equal(values.ravel(), spikes.ravel(), name)
            if block != "conv1":  # whose current and voltage are not stored
                voltage = state(machine, image, block, 1, kept)
                np.testing.assert_array_equal(voltage.ravel(), truth(SPIKES, f"{name}-v")[step].ravel(), name)
                stored = truth(SPIKES, f"{name}-u")[step]
                np.testing.assert_array_equal(np.broadcast_to(currents[block], stored.shape), stored, name)
            currents[block] = state(machine, image, block, 0).reshape(spikes.shape)


def test_the_record_of_the_last_block_is_of_another_run() -> None:
    """It shows four spikes of the block before at once in step 10, in which only one is stored."""
    last = load_netx(SPIKES / "network.net").blocks[-1]
    assert last.weights is not None
    brought = 64 * (truth(SPIKES, "fc-2").reshape(24, -1) @ last.weights.ravel())
    stored = truth(SPIKES, "fc-3-u").ravel()
    assert np.flatnonzero(brought[:23]).tolist() == [2, 6, 7, 10, 17, 19]
    assert np.flatnonzero(stored).tolist() == [3, 7, 11, 22]
    assert (brought[10], stored[11]) == (64 * 10, 64 * (-20 - 20 - 20 - 24))


def test_changes_and_sums_are_those_that_were_recorded() -> None:
    image = image_of(CHANGES, Dynamics())
    machine = Machine(image)
    frame = truth(CHANGES, "input").astype(np.int32)
    output, blocks = truth(CHANGES, "output").ravel(), load_netx(CHANGES / "network.net").blocks
    sums: dict[str, Numbers | float] = {"conv1": 0.0, "conv2": 0.0}  # that the next step sees
    for step in range(20):
        run = machine.run({"input": frame}, keep_layers=True)
        np.testing.assert_array_equal(run.layers["input0"][0], truth(CHANGES, "act0")[step])
        if step < len(output):
            assert run.outputs["dense9"].item() == output[step]
        for number in (1, 2):
            stored = truth(CHANGES, f"sigma{number}")[step]
            np.testing.assert_array_equal(np.broadcast_to(sums[f"conv{number}"], stored.shape), stored)
            bias = blocks[number].bias
            assert bias is not None
            sums[f"conv{number}"] = state(machine, image, f"conv{number}", 0) - 4096 * bias[:, None, None]
    assert len(output) == 9


@pytest.mark.parametrize("folder", [SPIKES, CHANGES], ids=lambda each: each.name)
def test_every_integer_is_that_of_lavas_equations(folder: Path) -> None:
    """The whole file, its input's neurons too, on steps that are drawn."""
    image, random = image_of(folder, Dynamics()), np.random.default_rng(3)
    shape = load_netx(folder / "network.net").given
    frames: list[dict[str, Any]] = [{"input": random.integers(-60, 60, (1, *shape))} for _ in range(12)]
    frames = [{"input": frame["input"].astype(np.int32)} for frame in frames]
    found = verify(folder / "network.net", image, frames)
    assert found.is_right
    assert len(found.layers) >= 9
    assert sum(figure.mismatches for figure in (*found.layers, *found.outputs)) == 0
