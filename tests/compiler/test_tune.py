"""Tuning: what it finds does not depend on being ended or on processes, and holds on the image itself."""

import json
import os
import shlex
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from snc.cli.main import main
from snc.compiler.sweeping.measure import outcome
from snc.compiler.sweeping.points import Point
from snc.compiler.sweeping.spec import Measure, Model, Target
from snc.compiler.sweeping.store import Outcome
from snc.compiler.targets.target import load_target
from snc.compiler.tuning.search import Bench, Task, Try, fewest

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models" / "digits.onnx"
DIGITS = ROOT / "models" / "digits_test.npz"

if os.environ.get("CI") != "true":
    pytest.importorskip("optuna", reason="the extra snc[tune]")


def tuned(capsys: pytest.CaptureFixture[str], image: Path, *arguments: object) -> dict[str, Any]:
    capsys.readouterr()
    given = ("-i", DIGITS, "--labels", "label", "-o", image, "--tries", 20, "--frames", 40, *arguments)
    assert main(["tune", str(MODEL), *map(str, given), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tune")


def test_a_quarter_of_the_memory_is_saved_and_the_answers_stay(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tuned(
        capsys, folder / "whole.snc", "--html", folder / "whole.html", "--csv", folder / "whole.csv"
    )
    known = [point for point in found["points"] if not point["code"]]
    first, best = known[0], min(known, key=lambda point: point["memory_bytes"])
    asked = found["options"].items()
    chosen = next(point for point in known if all(point[name] == value for name, value in asked))
    assert chosen["memory_bytes"] <= 0.75 * first["memory_bytes"]
    assert found["loss"] <= 0.01
    assert found["held_out"]["loss"] <= 0.01
    tried = {(point["weights"], point["biases"]) for point in found["points"]}
    assert len(tried) == 20  # nothing is tried twice
    assert best["loss"] > 0.01 or found["passed_over"] or best is chosen
    assert len((folder / "whole.csv").read_text().splitlines()) == 21
    assert "tuned" in (folder / "whole.html").read_text()
    # The image's own accuracy, by another command, and the same image by the command that is named.
    held = main(["simulate", str(folder / "whole.snc"), "-i", str(DIGITS), "--labels", "label", "--json"])
    assert held == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] > 0.9
    words = shlex.split(found["command"])[1:]
    assert words[0] == "compile"
    assert main([*words[:-1], str(folder / "again.snc")]) == 0
    assert (folder / "again.snc").read_bytes() == (folder / "whole.snc").read_bytes()


def test_one_that_was_ended_goes_on_and_finds_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    image, store = folder / "ended.snc", folder / "ended.tune.db"
    made: list[str] = []

    def ended(point: Any, *others: Any) -> Any:
        if len(made) == 11:
            raise KeyboardInterrupt
        made.append(point.key)
        return outcome(point, *others)

    monkeypatch.setattr("snc.compiler.sweeping.run.outcome", ended)
    given = ("-i", DIGITS, "--labels", "label", "-o", image, "--tries", 20, "--frames", 40)
    assert main(["tune", str(MODEL), *map(str, given)]) == 130
    assert f"11 of 20 tries are in {store}" in capsys.readouterr().err
    assert not image.exists()

    def counted(point: Any, *others: Any) -> Any:
        made.append(point.key)
        return outcome(point, *others)

    monkeypatch.setattr("snc.compiler.sweeping.run.outcome", counted)
    found = tuned(capsys, image)
    kept = sqlite3.connect(store).execute("SELECT key FROM points").fetchall()
    assert len(made) == len(set(made)) == len(kept)
    assert image.read_bytes() == (folder / "whole.snc").read_bytes()
    assert found["points"] == tuned(capsys, folder / "whole.snc")["points"]


def test_sigma_delta_neurons_and_their_threshold_are_tried(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tuned(
        capsys,
        folder / "delta.snc",
        "--neurons",
        "standard,sigma-delta",
        "--minimise",
        "energy",
        "--max-loss",
        "5%",
    )
    kinds = {(point.get("neurons"), point.get("threshold")) for point in found["points"]}
    assert {neurons for neurons, _ in kinds} == {None, "standard", "sigma-delta"}
    energies = [
        point["energy_nj"] for point in found["points"] if not point["code"] and point["loss"] <= 0.05
    ]
    assert min(energies) <= found["points"][0]["energy_nj"]


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("--max-loss", "101%"), 2, "is no share"),
        (("--neurons", "standard,lif"), 2, "is no list of"),
        (("-i", DIGITS, "--labels", "nothing"), 2, "nothing"),
        (("-i", ROOT / "docs"), 2, "holds no frames"),
    ],
)
def test_what_is_wrong_is_refused(
    arguments: tuple[object, ...], code: int, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("-i", DIGITS, "-o", tmp_path / "x.snc", "--tries", 2, "--frames", 4, *arguments)
    assert main(["tune", str(MODEL), *map(str, given)]) == code
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "x.snc").exists()


def test_a_loss_that_no_try_keeps_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snc.compiler.sweeping.measure.Material.accuracy", lambda self: 2.0)
    given = ("-i", DIGITS, "--labels", "label", "-o", tmp_path / "x.snc", "--tries", 2, "--frames", 4)
    assert main(["tune", str(MODEL), *map(str, given)]) == 3
    assert "% of the answers in the best of 2 tries, 1 % are allowed" in capsys.readouterr().err


def test_the_search_needs_its_library(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(["tune", str(MODEL), "-i", str(DIGITS), "-o", str(tmp_path / "x.snc")]) == 2
    assert "snc[tune]" in capsys.readouterr().err


def test_one_of_a_hundred_is_one_per_cent() -> None:
    task = Task(
        Model("m", MODEL), Target("grai-vip", {}, load_target("grai-vip")), Measure(), "memory", 0.01, 2, 0
    )
    measured = Outcome({"memory_bytes": 8, "agreement": 0.99, "accuracy": None})

    def make(points: Sequence[Point], *_: object) -> dict[str, Outcome]:
        return {point.key: measured for point in points}

    (found,) = Bench(task, Measure(), None, make, lambda *_: None).made([{}], 0)
    assert found.loss == 0.01


def test_no_other_takes_and_loses_less() -> None:
    def made(value: float | None, loss: float | None) -> Try:
        return Try(None, None, loss, value)  # type: ignore[arg-type]

    tries = [made(10, 0.0), made(8, 0.1), made(9, 0.1), made(8, 0.05), made(None, None), made(7, 0.2)]
    assert fewest(tries) == {0, 3, 5}


def test_every_fourth_frame_is_held_out() -> None:
    assert Measure(3, part="held-out").indices(14) == [3, 7, 11]
    assert Measure(9, part="fitted").indices(10) == [0, 1, 2, 4, 5, 6, 8, 9]
    assert Measure(2).indices(9) == [0, 1]
