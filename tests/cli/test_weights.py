"""`snc compile --weights`: formats that are chosen on frames, and what is said of them."""

import json
import re
from pathlib import Path

import click
import numpy as np
import pytest

from snc.cli.options import Bytes

from .conftest import MODELS, Run

DATA = MODELS / "digits_test.npz"


def test_the_report_has_what_was_measured(run: Run, digits: Path, tmp_path: Path) -> None:
    path = tmp_path / "digits.snc"
    done = run("compile", digits, "-o", path, "--weights", "auto", "--data", DATA, "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    precision = found["precision"]
    assert precision["weights"] == found["weights"]
    assert precision["calibration"]["sqnr_db"] >= 30
    assert precision["held_out"]["frames"] > 10
    assert precision["held_out"]["agreement"] >= 0.97
    assert [each["weights"] for each in precision["constants"]] == [144, 4608, 1280]
    assert precision["front"][0].keys() == {
        "weights",
        "bits_per_weight",
        "calibration",
        "held_out",
        "bytes",
        "cores",
    }
    assert run("verify", digits, path, "-i", DATA, "--json").code == 0
    shown = run("compile", digits, "-o", path, "--weights", "auto", "--data", DATA).out
    assert f"accuracy {precision['calibration']['sqnr_db']:.1f} dB on 54 frames" in shown


def test_a_budget_and_an_accuracy_are_kept(run: Run, digits: Path, tmp_path: Path) -> None:
    path = tmp_path / "digits.snc"
    given = ("compile", digits, "-o", path, "--weights", "auto", "--data", DATA, "--json")
    small = json.loads(run(*given, "--budget", "8kB").out)
    assert small["totals"]["total_bytes"] <= 8 * 1024
    exact = json.loads(run(*given, "--min-sqnr", "45").out)
    assert exact["precision"]["calibration"]["sqnr_db"] >= 45
    assert exact["precision"]["bits_per_weight"] < 16
    one = json.loads(run(*given, "--cores", "1").out)
    assert one["weights"] == "float16"


def test_answers_that_are_far_are_refused_or_warned_of(run: Run, digits: Path, tmp_path: Path) -> None:
    given = ("compile", digits, "-o", tmp_path / "a.snc", "--weights", "fixed3", "--data", DATA)
    done = run(*given)
    assert done.code == 2
    assert "less than 20: its answers would be others (give --weights float16, or --force)" in done.err
    done = run(*given, "--force")
    assert done.code == 0
    assert "snc: warning: the image is" in done.err


def test_without_frames_it_says_what_it_did_not_do(run: Run, digits: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.snc"
    by_default, chosen = (run("compile", digits, "-o", path, *given) for given in ((), ("--weights", "auto")))
    assert by_default.code == chosen.code == 0
    for done in (by_default, chosen):
        assert "weights  fixed8, adaptive8e2s x 2, states shared\n" in done.out
        assert "accuracy not measured: give frames with --data\n" in done.out
    assert "not measured" in run("compile", digits, "-o", path, "--weights", "fixed4").out
    assert "not measured" not in run("compile", digits, "-o", path, "--weights", "float32").out
    assert "not measured" not in run("inspect", path).out
    for wish in (("--min-sqnr", "25"), ("--budget", "4MB"), ("--cores", "3")):
        done = run("compile", digits, "-o", path, *wish)
        assert done.code == 2
        assert "asks how far weights may be rounded (give frames: --data)" in done.err
        done = run("compile", digits, "-o", path, "--weights", "fixed8", "--data", DATA, *wish)
        assert done.code == 2
        assert "--weights auto" in done.err


def test_frames_that_do_not_fit_are_refused(run: Run, digits: Path, tmp_path: Path) -> None:
    path = tmp_path / "wide.npy"
    np.save(path, np.zeros((3, 1, 9, 9), dtype=np.float32))
    done = run("compile", digits, "-o", tmp_path / "a.snc", "--data", path)
    assert done.code == 2
    assert "wide.npy" in done.err


@pytest.mark.parametrize(
    ("text", "size"), [("4MB", 2**22), ("1.5 kB", 1536), ("777", 777), ("12b", 12), ("0.5mb", 2**19)]
)
def test_sizes_have_units(text: str, size: int) -> None:
    assert Bytes().convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "MB", "-1kB", "4GB", "1e400", "nan", "0", "kB4"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no size"):
        Bytes().convert(text, None, None)


def test_a_quantised_model_is_written_compiled_and_equal(
    run: Run, digits: Path, frames: Path, tmp_path: Path
) -> None:
    model, image = tmp_path / "int8.onnx", tmp_path / "int8.snc"
    done = run("quantise", digits, "--data", DATA, "-o", model)
    assert (done.code, done.err) == (0, "")
    assert "ranges   of 270 frames, minmax" in done.out
    assert re.search(r"accuracy \d\d\.\d dB, [\d.]+ % of answers stay, on 54 of them", done.out)
    compiled = run("compile", model, "-o", image)
    assert compiled.code == 0
    assert "compiled as the integers that it is" in compiled.err
    verified = run("verify", model, image, "-i", frames, "--json")
    assert verified.code == 0
    integers = json.loads(verified.out)["integers"]["outputs"]
    assert len(integers) >= 4
    assert sum(each["mismatches"] for each in integers) == 0


def test_a_quantised_model_is_told_for_machines(run: Run, digits: Path, tmp_path: Path) -> None:
    given = ("quantise", digits, "--data", DATA, "-o", tmp_path / "int8.onnx", "--per-tensor")
    found = json.loads(run(*given, "--format", "qoperator", "--json").out)
    assert found["style"]["form"] == "qoperator"
    assert found["is_whole"]
    assert found["calibration"]["sqnr_db"] > 25
    done = run("quantise", tmp_path / "int8.onnx", "--data", DATA, "-o", tmp_path / "again.onnx")
    assert (done.code, done.out) == (2, "")
    assert "is quantised already" in done.err
    assert not (tmp_path / "again.onnx").exists()


def test_layers_biases_and_states_are_told(run: Run, digits: Path, tmp_path: Path) -> None:
    page, charts = tmp_path / "d.html", tmp_path / "charts"
    given = ("compile", digits, "-o", tmp_path / "d.snc", "--weights", "auto", "--data", DATA)
    shown = run(*given, "--arithmetic", "chip", "--report", page, "--charts", charts).out
    assert re.search(r"biases   3 are corrected, [\d.]+ dB without that", shown)
    assert re.search(r"layers   \S+ is least near, [\d.]+ dB; [\d.]+ % of values are 0", shown)
    assert re.search(r"states   [\d.]+ dB with 16 bits, [\d.]+ with 32, on 4 frames", shown)
    text = page.read_text(encoding="utf-8")
    assert "Every choice of formats that was measured" in text
    assert "states of 16 bits" in text
    assert "logits" in (charts / "accuracy-of-each-layer.csv").read_text(encoding="utf-8")
    precision = json.loads(run(*given, "--json").out)["precision"]
    assert precision["chip"] is None
    assert precision["corrected"] == 3
    assert precision["calibration"]["sqnr_db"] > precision["uncorrected"]["calibration"]["sqnr_db"]
    [point] = precision["front"]
    assert (point["cores"], point["calibration"]) == (1, precision["calibration"])
    assert [layer["layer"] for layer in precision["layers"]][-1] == "logits"
    done = run("compile", digits, "-o", tmp_path / "d.snc", "--arithmetic", "chip")
    assert (done.code, done.err.splitlines()[-1][:10]) == (2, "snc: error")
    assert "--arithmetic chip needs --data" in done.err
