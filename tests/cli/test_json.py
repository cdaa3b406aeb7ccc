"""Every key that `--json` prints is in docs/json.md."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest

from snc.models.lenet import perceptron

from .conftest import Run

PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
# Below these, keys are names of layers, nodes and options, or the sizes that the page names once.
BY_NAME = {"reasons", "bitmap_above", "joined", "encodings", "snc_options", "fidelity", "precision"}
ANYWHERE = set(re.findall(r"`(\w+)`", PAGE))


def section(title: str) -> set[str]:
    """The keys that a section of the page names."""
    text = next(part for part in PAGE.split("\n## ") if part.startswith(title))
    return set(re.findall(r"`(\w+)`", text))


def keys(value: object) -> Iterator[str]:
    """All keys of an object, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            if key not in BY_NAME:
                yield from keys(inner)
    elif isinstance(value, list):
        for inner in value[:1]:
            yield from keys(inner)


@pytest.mark.parametrize(
    ("title", "command"),
    [
        ("compile", "compile {model} -o {out} --json"),
        ("compile", "compile {model} --pareto --json"),
        ("compile", "compile --split {model} -o {out} --json"),
        ("compile", "inspect {image} --json"),
        ("quantise", "quantise {model} --data {data} -o {int8} --json"),
        ("check", "check {model} --json"),
        ("verify", "verify {model} {image} --random 1 --json"),
        ("compare", "compare {model} --json"),
        ("Others", "diff {image} {image} --json"),
        ("Others", "explain {image} 0:54 --json"),
        ("Others", "models list --json"),
    ],
)
def test_every_key_is_described(
    title: str, command: str, run: Run, digits: Path, image: Path, tmp_path: Path
) -> None:
    places = {"model": digits, "image": image, "out": tmp_path / "d.snc", "int8": tmp_path / "int8.onnx"}
    places["data"] = digits.with_name("digits_test.npz")
    done = run(*(part.format(**places) for part in command.split()))
    assert done.code == 0
    found = json.loads(done.out)
    top = found if isinstance(found, dict) else found[0]
    assert set(top) <= section(title)
    assert set(keys(found)) <= ANYWHERE


@pytest.mark.parametrize(
    "command",
    [
        "compile {mlp} --target crossbar-128 -o {out} --json",
        "compare {mlp} --target crossbar-128 --json",
    ],
)
def test_every_key_of_crossbars_is_described(command: str, run: Run, tmp_path: Path) -> None:
    onnx.save(perceptron(), tmp_path / "mlp.onnx")
    places = {"mlp": tmp_path / "mlp.onnx", "out": tmp_path / "mlp.snc"}
    done = run(*(part.format(**places) for part in command.split()))
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert set(keys(found)) <= ANYWHERE
    known = section("Chips of crossbars") | section("compile") | section("compare")
    assert set(found) <= known
