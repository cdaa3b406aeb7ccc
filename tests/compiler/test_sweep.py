"""Sweeps: wrong files, rows of failures, tables that do not depend on processes or on being ended."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from snc.backends.lifted.threads import LIMIT, processors, share
from snc.cli.main import main
from snc.compiler.sweeping.spec import read_spec
from snc.compiler.sweeping.store import Store
from snc.compiler.sweeping.table import front
from snc.ir.errors import SncError, each_of

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models" / "digits.onnx"
SPEC = """\
models = ["{model}"]
[target]
mesh = [2, 1]
core_words = [100, 1024, 4096]
[options]
weights = ["fixed8", "fixed2"]
[measure]
frames = 2
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "sweep.toml"
    path.write_text(SPEC.format(model=MODEL))
    return path


def table(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, object]]:
    capsys.readouterr()
    assert main(["sweep", *map(str, arguments), "--json"]) == 0
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)["points"]
    return found


def kept(path: Path) -> dict[str, int]:
    """The keys in a store, and the numbers of times that their rows were written are one each."""
    file = sqlite3.connect(path)
    try:
        return {key: len(row) for key, row in file.execute("SELECT key, row FROM points")}
    except sqlite3.OperationalError:  # not made yet
        return {}
    finally:
        file.close()


def test_rows_are_in_order_and_failures_have_reasons(
    spec: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    html, csv = spec.with_suffix(".html"), spec.with_suffix(".csv")
    found = table(capsys, spec, "--html", html, "--csv", csv)
    assert [(row["core_words"], row["weights"]) for row in found] == [
        (words, weights) for words in (100, 1024, 4096) for weights in ("fixed8", "fixed2")
    ]
    failed = [row for row in found if row["code"]]
    assert [row["core_words"] for row in failed] == [100, 100]
    assert all(str(row["code"]).startswith("SNC3") and row["error"] for row in failed)
    good = found[2]
    assert all(good[name] for name in ("memory_bytes", "cores", "energy_nj", "latency_us", "sqnr_db"))
    assert len(csv.read_text().splitlines()) == 1 + len(found)
    assert 'class="sorted"' in html.read_text()

    def never(*_: object) -> None:
        raise AssertionError("a point is made twice")

    monkeypatch.setattr("snc.compiler.sweeping.run.gather", never)
    assert table(capsys, spec) == found


def test_a_killed_sweep_goes_on_and_two_processes_give_the_same_table(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = tmp_path / "killed.db", tmp_path / "two.db"
    command = [sys.executable, "-m", "snc", "sweep", str(spec), "--store", str(store)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    while process.poll() is None and not (store.exists() and kept(store)):
        time.sleep(0.01)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = kept(store)
    assert before
    made: list[str] = []
    from snc.compiler.sweeping import run as running
    from snc.compiler.sweeping.points import Point

    whole = running.outcome  # type: ignore[attr-defined]

    def counted(point: Point, *rest: Any) -> object:
        made.append(point.key)
        return whole(point, *rest)

    monkeypatch.setattr(running, "outcome", counted)
    found = table(capsys, spec, "--store", store)
    assert not before.keys() & set(made)
    assert len(before) + len(made) == len(found)
    assert found == table(capsys, spec, "--store", other, "--jobs", 2)


@pytest.mark.skipif(sys.platform != "linux", reason="processes begin otherwise here")
@pytest.mark.parametrize("seconds", [0.0, 0.3, 1.0])
def test_an_interrupt_of_all_processes_is_one_line(seconds: float, spec: Path, tmp_path: Path) -> None:
    """As of Ctrl-C, while the process that all others are copies of imports what points need, or later."""
    command = [
        sys.executable,
        "-m",
        "snc",
        "sweep",
        str(spec),
        "--store",
        str(tmp_path / "a.db"),
        "--jobs",
        "2",
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not any("forkserver" in command for command in children(process.pid)):
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    if process.returncode:  # it may have been done
        assert (process.returncode, said.count("\n")) == (130, 1), said
        assert said.startswith("snc: interrupted")


def children(process: int) -> Iterator[str]:
    """Their commands."""
    for thread in Path(f"/proc/{process}/task").iterdir():
        for child in (thread / "children").read_text().split():
            with suppress(OSError):  # it has ended
                yield Path(f"/proc/{child}/cmdline").read_text()


@pytest.mark.slow
def test_two_hundred_points_killed_five_times(tmp_path: Path) -> None:
    """`examples/chips.toml`. A trigger in the store counts what is written there."""
    spec, store, random = ROOT / "examples" / "chips.toml", tmp_path / "killed.db", Random(0)
    assert len(read_spec(spec)) == 200
    with Store(store):
        pass
    log = sqlite3.connect(store, timeout=60)
    log.execute("CREATE TABLE written (key TEXT)")
    log.execute("CREATE TRIGGER each AFTER INSERT ON points BEGIN INSERT INTO written VALUES (NEW.key); END")
    log.commit()
    command = [sys.executable, "-m", "snc", "sweep", str(spec), "--jobs", "2"]
    counts = [0]
    while len(counts) <= 5:
        process = subprocess.Popen(
            [*command, "--store", str(store)], stdout=subprocess.DEVNULL, start_new_session=True
        )
        wanted = min(190, counts[-1] + random.randint(5, 40))
        while process.poll() is None and len(kept(store)) < wanted:
            time.sleep(0.02)
        time.sleep(random.random() / 10)
        assert process.poll() is None, "it was done before it was killed"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        counts.append(len(kept(store)))
    tables = []
    for kept_in in (store, tmp_path / "whole.db"):
        table = kept_in.with_suffix(".csv")
        subprocess.run(
            [*command, "--store", str(kept_in), "--csv", str(table)], check=True, stdout=subprocess.DEVNULL
        )
        tables.append(table.read_text())
    assert tables[0] == tables[1]
    written = [key for (key,) in log.execute("SELECT key FROM written")]
    log.close()
    assert len(written) == len(set(written)) == 200
    assert 0 < counts[1] < counts[2] < counts[3] < counts[4] < counts[5] < 200


def test_everything_wrong_with_a_file_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(
        'models = ["none.onnx"]\ntargets = ["nowhere"]\ncolour = 1\n'
        '[options]\nweights = ["fixed99"]\nseed = [1, 1]\nstates = "lost"\n[measure]\nframes = -1\n'
    )
    with pytest.raises(SncError) as caught:
        read_spec(path)
    text = str(caught.value)
    parts = ("none.onnx", "nowhere", "'colour'", "'fixed99'", "seed states 1 twice", "'lost'", "frames: -1")
    assert [part for part in parts if part not in text] == []
    assert len(each_of(caught.value)) == len(parts)
    assert all(error.hint for error in each_of(caught.value))


def test_another_database_is_no_store(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = sqlite3.connect(spec.with_suffix(".db"))
    file.execute("CREATE TABLE mine (x)")
    file.close()
    assert main(["sweep", str(spec)]) == 2
    assert "is no store of a sweep" in capsys.readouterr().err


def test_the_front_has_what_nothing_beats() -> None:
    figures = [
        {"cores": 1, "memory_bytes": 9},
        {"cores": 2, "memory_bytes": 5},
        {"cores": 2, "memory_bytes": 9},
    ]
    assert front(figures, ("cores", "memory_bytes")) == (0, 1)


def test_the_example_is_a_sweep() -> None:
    assert len(read_spec(ROOT / "examples" / "sweep.toml")) == 24


def test_processes_share_the_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LIMIT, raising=False)
    own = processors()
    monkeypatch.setenv(LIMIT, "6")
    assert processors() == 6
    share(2)
    assert processors() == 3
    share(5)
    assert processors() == 1
    monkeypatch.setenv(LIMIT, "many")
    assert processors() == own


def test_a_scheduler_needs_the_library(
    spec: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["sweep", str(spec), "--scheduler", "tcp://localhost:1"]) == 2
    assert "snc[cluster]" in capsys.readouterr().err


def test_a_cluster_gives_the_same_table(
    spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("distributed", reason="the extra snc[cluster]")
    program = (
        "import sys\n"
        "from snc.cli.main import main\n"
        "if __name__ == '__main__':\n"
        "    from distributed import LocalCluster\n"
        "    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:\n"
        "        sys.exit(main([*sys.argv[1:], '--scheduler', cluster.scheduler_address]))\n"
    )
    script, text = tmp_path / "program.py", tmp_path / "cluster.csv"
    script.write_text(program)
    command = [sys.executable, str(script), "sweep", str(spec), "--store", str(tmp_path / "cluster.db")]
    subprocess.run([*command, "--csv", str(text)], check=True, stdout=subprocess.DEVNULL, timeout=300)
    own = tmp_path / "own.csv"
    table(capsys, spec, "--csv", own)
    assert text.read_text() == own.read_text()


def test_formats_are_chosen_on_the_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "auto.toml"
    data = f'data = "{ROOT / "models" / "digits_test.npz"}"'
    spec.write_text(
        f'models = [{{ file = "{MODEL}", {data}, labels = "label" }}]\n'
        '[options]\nweights = "auto"\nmin_sqnr = [20, 40]\n[measure]\nframes = 24\n'
    )
    few, many = table(capsys, spec)
    assert 20 <= float(str(few["sqnr_db"])) < 40 <= float(str(many["sqnr_db"]))
    assert int(str(few["memory_bytes"])) < int(str(many["memory_bytes"]))
    spec.write_text(f'models = ["{MODEL}"]\n[options]\nweights = ["auto", "fixed8"]\nbudget = 9000\n')
    with pytest.raises(SncError) as caught:
        read_spec(spec)
    assert "budget is about weights that are chosen" in str(caught.value)
    assert "no data, on which formats are chosen" in str(caught.value)


def test_biases_are_corrected_on_the_data_as_compile_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, data = tmp_path / "biases.toml", ROOT / "models" / "digits_test.npz"
    spec.write_text(
        f'models = [{{ file = "{MODEL}", data = "{data}" }}]\n'
        '[options]\nweights = "fixed6"\nbiases = ["kept", "corrected"]\n'
        '[measure]\nframes = 40\npart = "held-out"\n'
    )
    kept, corrected = table(capsys, spec)
    assert float(str(corrected["sqnr_db"])) > float(str(kept["sqnr_db"])) + 0.5
    assert corrected["memory_bytes"] == kept["memory_bytes"]
    image = tmp_path / "digits.snc"
    words = ("compile", MODEL, "--weights", "fixed6", "--data", data, "-o", image)
    assert main([*map(str, words)]) == 0
    held = tmp_path / "held.npz"
    arrays = np.load(data)
    np.savez(held, **{name: arrays[name][3::4][:40] for name in arrays.files})
    capsys.readouterr()
    assert main([*map(str, ("simulate", image, "-i", held, "--against", MODEL)), "--json"]) == 0
    (output,) = json.loads(capsys.readouterr().out)["against"]["outputs"]
    assert output["sqnr_db"] == pytest.approx(corrected["sqnr_db"], abs=0.01)
    spec.write_text(f'models = ["{MODEL}"]\n[options]\nbiases = "corrected"\n')
    with pytest.raises(SncError, match="no data, on which biases are corrected"):
        read_spec(spec)


def test_those_that_failed_are_made_again_when_that_is_asked_for(
    spec: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two points do not fit; a third ends in an error of ours, which is a row, too."""
    from snc.compiler.pipeline.driver import compile_prepared as whole

    broken = [True]

    def failing(prepared: Any, chip: Any, options: Any) -> Any:
        if broken and options.weights == "fixed2" and chip.core_words == 4096:
            raise RuntimeError("out of luck")
        return whole(prepared, chip, options)

    monkeypatch.setattr("snc.compiler.sweeping.measure.compile_prepared", failing)
    found = table(capsys, spec)
    assert [bool(row["code"]) for row in found] == [True, True, False, False, False, True]
    assert found[-1]["code"] == "internal"
    assert "out of luck" in str(found[-1]["error"])
    broken.clear()
    assert table(capsys, spec) == found
    again = table(capsys, spec, "--retry-failed")
    assert [bool(row["code"]) for row in again] == [True, True, False, False, False, False]
    assert again[:5] == found[:5]
