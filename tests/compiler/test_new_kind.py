"""A kind of chip is two declarations: its files, lists, errors, remedies and compiling follow from them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from oracle.graphs import random_input, random_recipe

from snc.cli.main import main
from snc.compiler.pipeline.check import check
from snc.compiler.pipeline.driver import compile_model, compile_prepared, front
from snc.compiler.pipeline.kinds import PIPELINES, Pipeline
from snc.compiler.pipeline.prepare import prepare
from snc.compiler.targets.kinds import ESU, KINDS, Fault, Kind
from snc.compiler.targets.target import load_target, to_commented_toml, to_toml
from snc.ir.chip import Chip
from snc.ir.errors import BadTarget, DoesNotFit

from .reference import CHIP, assert_computes, options


@dataclass(frozen=True, slots=True)
class Ring:
    """Cores in one row."""

    name: str
    cores: int
    core_words: int


SAMPLE = """\
name = "small-ring"
cores = 100          # cores of the ring
core_words = 2000    # words of a core
"""


def faults(chip: Ring) -> Iterator[Fault]:
    for name, (low, high) in RING.limits.items():
        if not low <= getattr(chip, name) <= high:
            yield Fault(f"{name} = {getattr(chip, name)} is outside {low}..{high}", "make it another")
    if chip.cores % 2:
        yield Fault(f"cores = {chip.cores} is odd", "take one more")


def esu(chip: Ring) -> Chip:
    """A chip of the kind whose pipeline does the work."""
    return replace(CHIP, name=chip.name, mesh=(chip.cores, 1), core_words=chip.core_words)


RING = Kind(
    name="ring",
    text="cores in a row",
    chip=Ring,
    sample=lambda: SAMPLE,
    limits={"cores": (2, 1000), "core_words": (1, 32768)},
    pairs={},
    faults=faults,
    row=lambda chip: {"around": chip.cores},
    grown=lambda chip, name, value: replace(chip, **{name: value + value % 2}),
)
STEPS = PIPELINES[ESU.name]


def attempts(*given: Any) -> Any:
    """What tries a network on other rings."""
    attempt = STEPS.attempts(*given)
    return lambda chip, options: attempt(esu(chip), options)


PIPELINE: Pipeline[Ring, Any, Any] = Pipeline(
    admit=lambda graph, chip: STEPS.admit(graph, esu(chip)),
    weighed=lambda network, chip, options: STEPS.weighed(network, esu(chip), options),
    map=lambda prepared, chip, options, clock, watch: STEPS.map(prepared, esu(chip), options, clock, watch),
    attempts=attempts,
    front=lambda prepared, chip, options, clock: STEPS.front(prepared, esu(chip), options, clock),
    emit=STEPS.emit,
)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, RING.name, RING)
    monkeypatch.setitem(PIPELINES, RING.name, PIPELINE)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    onnx.save(random_recipe(7).model(), path)
    return path


def loaded(tmp_path: Path, lines: str) -> Any:
    file = tmp_path / "own.toml"
    file.write_text(f'kind = "ring"\nname = "own"\n{lines}')
    return load_target(str(file))


def test_its_files_say_its_numbers(tmp_path: Path) -> None:
    chip = loaded(tmp_path, "cores = 12\n")
    assert chip == Ring("own", 12, 2000)
    line = "core_words = 2000  # words of a core"
    assert to_toml(chip).splitlines() == [
        'kind = "ring"      # cores in a row',
        'name = "own"',
        "cores = 12         # cores of the ring",
        line,
    ]
    text = to_commented_toml(chip)
    assert f"{line}; 1 to 32768\n" in text
    assert "what small-ring says" in text
    again = tmp_path / "again.toml"
    again.write_text(text)
    assert load_target(str(again)) == chip


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("cores = 3\n", r"own.toml: cores = 3 is odd \(take one more\)"),
        ("cores = 0\n", r"own.toml: cores = 0 is outside 2\.\.1000"),
        ("mesh = [1, 2]\n", "'mesh' is no number of a target .known are core_words, cores, name"),
        ("core_words = 1.5\n", "core_words = 1.5 is no whole number"),
    ],
)
def test_its_limits_are_its_own(lines: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadTarget, match=message):
        loaded(tmp_path, lines)


@pytest.mark.parametrize("kind", ['"torus"', "3", "[]"])
def test_an_unknown_kind_is_one_clear_error(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(f"kind = {kind}\nmore = 3\n")
    with pytest.raises(
        BadTarget, match=r"own.toml: kind = .* is no kind of chip \(known are esu \(cores "
    ) as e:
        load_target(str(file))
    assert "\n" not in str(e.value)


def test_a_model_is_checked_and_compiled_for_it(model: Path, tmp_path: Path) -> None:
    chip, chosen = loaded(tmp_path, ""), options()
    assert check(model, chip, chosen).target == "own"
    found = compile_model(model, chip, chosen)
    assert found.image.chip == esu(chip)
    assert_computes(found.image, onnx.load(model), random_input(onnx.load(model), 0))
    other = compile_prepared(prepare(model), chip, chosen)
    assert [core.words.tolist() for core in other.image.cores] == [
        core.words.tolist() for core in found.image.cores
    ]
    assert front(model, chip, chosen)[0].cores == len(found.image.cores)


def test_a_remedy_is_a_larger_one(model: Path, tmp_path: Path) -> None:
    with pytest.raises(DoesNotFit) as caught:
        compile_model(model, loaded(tmp_path, "core_words = 60\ncores = 2\n"), options("fixed8"))
    remedy = caught.value.remedy
    assert remedy
    assert set(remedy) <= {"cores", "core_words"}
    larger = loaded(
        tmp_path,
        "".join(f"{name} = {value}\n" for name, value in {"core_words": 60, "cores": 2, **remedy}.items()),
    )
    compile_model(model, larger, options("fixed8"))


def test_the_command_line_takes_it(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded(tmp_path, "")
    monkeypatch.chdir(tmp_path)
    assert main(["compile", "model.onnx", "--target", "own.toml", "-o", "model.snc"]) == 0
    assert main(["inspect", "model.snc"]) == 0
    monkeypatch.setattr("snc.compiler.targets.target.shipped", lambda: ("own.toml",))
    monkeypatch.setattr("snc.compiler.targets.target.shipped_text", lambda _: 'kind = "ring"\nname = "own"')
    capsys.readouterr()
    assert main(["target", "list"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["target", "around"]
    assert ["own", "100"] in lines
