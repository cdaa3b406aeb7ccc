"""Vectors for those who build the chip: images, inputs, firings, outputs, and a reader of the manual alone.

Each file NAME.snc has a NAME.json beside it; README.md says what stands in it.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from backends.by_the_manual import Chip

import snc
from snc.backends.image.container import write_image
from snc.backends.image.image import Image
from snc.backends.machine.machine import Arithmetic, Machine

from .networks import CASES, compiled, frames

FOLDER = Path(__file__).parent
BYTES_MAX = 200_000  # of all vectors


def ran(image: Image, given: list[dict[str, np.ndarray]], arithmetic: Arithmetic) -> list[dict[str, Any]]:
    """What the machine makes of frames, one after the other."""
    machine, found = Machine(image, arithmetic), []
    for frame in given:
        firings: list[list[Any]] = []

        def note(fire: snc.Fire, firings: list[list[Any]] = firings) -> None:
            events = [[*map(int, at), float(fire.values[tuple(at)])] for at in _sent(fire)]
            firings.append([fire.core, fire.population, events])

        outputs = machine.run(frame, trace=note).outputs
        found.append({"firings": firings, "outputs": {k: v.tolist() for k, v in outputs.items()}})
    return found


def _sent(fire: snc.Fire) -> np.ndarray:
    """The places of neurons that sent an event."""
    if fire.firing == fire.values.size:
        return np.argwhere(np.ones_like(fire.values))
    return np.argwhere(fire.values)


def vector(name: str, folder: Path) -> tuple[bytes, dict[str, Any]]:
    """The image of a case, and what there is to say of it."""
    case = CASES[name]
    image = compiled(case, folder).image
    given = frames(case, image)
    return write_image(image), {
        "says": case.says,
        "inputs": [{key: array.tolist() for key, array in frame.items()} for frame in given],
        "float32": ran(image, given, "float32"),
        "chip": ran(image, given, "chip"),
    }


@pytest.mark.parametrize("name", CASES)
def test_the_vectors_are_what_is_compiled_and_run(name: str, tmp_path: Path) -> None:
    data, said = vector(name, tmp_path)
    text = json.dumps(said, separators=(",", ":")) + "\n"
    if os.environ.get("SNC_BLESS") == "1":
        (FOLDER / f"{name}.snc").write_bytes(data)
        (FOLDER / f"{name}.json").write_text(text)
    assert (FOLDER / f"{name}.snc").read_bytes() == data
    assert json.loads((FOLDER / f"{name}.json").read_text()) == json.loads(text)


@pytest.mark.parametrize("arithmetic", ["float32", "chip"])
@pytest.mark.parametrize("name", CASES)
def test_a_reader_that_knows_the_manual_alone_finds_the_same(name: str, arithmetic: str) -> None:
    """Events one for one, in their order, and outputs; in float32 sums are rounded in another order."""
    said = json.loads((FOLDER / f"{name}.json").read_text())
    chip = Chip((FOLDER / f"{name}.snc").read_bytes(), arithmetic)
    near = {"rtol": 1e-5, "atol": 1e-5} if arithmetic == "float32" else {"rtol": 0, "atol": 0}
    for frame, want in zip(said["inputs"], said[arithmetic], strict=True):
        chip.events.clear()
        got = chip.run({name: np.array(array, dtype=np.float32) for name, array in frame.items()})
        for output, array in want["outputs"].items():
            np.testing.assert_allclose(got[output], array, **near)
        if arithmetic == "chip":
            sent = {
                (core, at, *event[:3]): event[3] for core, at, events in want["firings"] for event in events
            }
            heard = {(*source, *neuron): float(value) for source, neuron, value, *_ in chip.events}
            assert {key: sent.get(key) for key in heard} == heard


def test_there_is_a_vector_for_each_case_and_no_other() -> None:
    kept = {path.stem for path in FOLDER.iterdir() if path.suffix in (".snc", ".json")}
    assert kept == set(CASES)
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.suffix == ".snc") < BYTES_MAX
