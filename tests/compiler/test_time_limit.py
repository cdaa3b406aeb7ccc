"""What --time-limit does: searches end in time, and so does all that must come before there is a mapping."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from checker.check import check

from snc.backends.image.container import write_image
from snc.cli.main import main
from snc.compiler.pipeline import clock
from snc.compiler.pipeline import map as mapping
from snc.compiler.pipeline.clock import Clock
from snc.compiler.pipeline.driver import compile_layers, compile_model, compile_prepared
from snc.compiler.pipeline.options import Options
from snc.compiler.pipeline.prepare import prepare
from snc.compiler.targets.target import load_target
from snc.ir import deadline
from snc.ir.chip import Chip
from snc.ir.errors import DoesNotFit, OutOfTime
from snc.passes.cutting import bound

from .test_choices import SMALL, convolutions

GRID = replace(load_target("crossbar-128"), mesh=(16, 16))
READING = ("the file was loaded", "the model was read", "the network was lowered", "weights were rounded")
ON_CORES = ("cuts were looked at", "pieces were weighed", "cores were filled", "cores got their places")
ON_CROSSBARS = ("units were gathered on crossbars", "crossbars got their tiles")
LONGER = 5.0  # seconds that the next limit has more
LATE = 8  # times that the clock is asked at most once the limit is over: by what looks at the error


class Ticks:
    """A clock that goes on a second whenever it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def perf_counter(self) -> float:
        self.asked += 1
        return float(self.asked)


def refusal(model: Path, target: Chip, limit: float) -> OutOfTime | None:
    """What is said of a model where time is over before it has a mapping."""
    try:
        compile_model(model, target, Options(time_limit=limit))
    except OutOfTime as error:
        return error
    return None


@pytest.mark.parametrize(
    ("target", "depths", "stages"),
    [(SMALL, (3, 16, 32, 16), ON_CORES), (GRID, (3, 8, 8), ON_CROSSBARS)],
    ids=["cores", "crossbars"],
)
def test_a_time_limit_holds_in_every_stage_before_there_is_a_mapping(
    target: Chip,
    depths: Sequence[int],
    stages: Sequence[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The longer the limit, the later the stage; none goes on once the limit is over."""
    model = convolutions(tmp_path / "few.onnx", depths, 8)
    monkeypatch.setattr(clock, "time", SimpleNamespace(perf_counter=lambda: 0.0))
    ends: list[str] = []
    limit = 1.5
    while True:
        ticks = Ticks()
        monkeypatch.setattr(deadline, "time", ticks)
        error = refusal(model, target, limit)
        if error is None:
            break
        assert ticks.asked <= limit + LATE
        assert f"no mapping was found within {limit:g} s, which were over while " in error.message
        ends.append(error.message.partition("while ")[2])
        limit += LONGER
    seen = list(dict.fromkeys(ends))
    assert set(seen) >= {*READING, *stages}
    assert [*filter(READING.__contains__, seen)] == [*READING]


def test_what_is_found_in_time_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches end at once, and there is time to finish what they leave."""
    for part in ("PACKING_PART", "PLACING_PART"):
        monkeypatch.setattr(mapping, part, -1.0)
    model = convolutions(tmp_path / "convolutions.onnx")
    found = compile_prepared(prepare(model), SMALL, Options(time_limit=1e6))
    assert check(write_image(found.image)).faults == ()
    solver = found.image.about.solver
    assert solver.bound <= solver.objective == len(found.mapping.cores)


def test_a_limit_that_is_not_reached_changes_nothing(tmp_path: Path) -> None:
    model = convolutions(tmp_path / "convolutions.onnx")
    images = [compile_model(model, SMALL, Options(time_limit=limit)).image for limit in (None, 1e6)]
    assert write_image(images[0]) == write_image(images[1])


def test_where_time_is_over_nothing_is_said_to_be_impossible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time passes while an obstacle is found."""
    prepared, now = prepare(convolutions(tmp_path / "deep.onnx", size=4)), [0.0]

    def beyond(*given: Any) -> DoesNotFit | None:
        now[0] = 11.0
        return bound.beyond(*given)

    monkeypatch.setattr(mapping, "beyond", beyond)
    for each in (clock, deadline):
        monkeypatch.setattr(each, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    small, chosen = replace(SMALL, mesh=(1, 1)), Options(time_limit=10.0)
    with pytest.raises(OutOfTime, match="no mapping was found within 10 s; the last obstacle: ") as caught:
        compile_layers(prepared.graph, lambda: prepared, small, chosen, Clock())
    assert not caught.value.remedy


def test_a_command_whose_time_is_over_says_so_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, image = convolutions(tmp_path / "convolutions.onnx"), tmp_path / "a.snc"
    assert main(["compile", str(model), "-o", str(image), "--time-limit", "0.000001"]) == 3
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    assert line.endswith(
        "no mapping was found within 1e-06 s, which were over while the file was loaded (give it more time)"
    )
    assert not image.exists()
