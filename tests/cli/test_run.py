"""`snc simulate` and `snc verify`: outputs, counters, figures, and the exit code of a difference."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from .conftest import Run

COUNTS = {"firing", "events", "synaptic_operations", "empty_events", "hops"}


def test_simulate_counts_and_answers(run: Run, image: Path, frames: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.npz"
    done = run("simulate", image, "-i", frames, "-o", out, "--labels", "label", "--json", "--values")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert {"outputs", "seconds", *COUNTS} <= found.keys()
    assert found["frames"] == 4
    assert found["accuracy"] == 1.0
    logits = np.array(found["outputs"]["logits"])
    assert logits.shape == (4, 10)
    with np.load(out) as written, np.load(frames) as given:
        np.testing.assert_allclose(written["logits"], logits)
        assert logits.argmax(axis=1).tolist() == given["label"].tolist()
    layers, cores = found["per_layer"], found["per_core"]
    assert [layer["name"] for layer in layers] == ["image", "conv1", "pool1", "conv2", "pool2", "logits"]
    for name in COUNTS:
        assert found[name] == sum(layer[name] for layer in layers) == sum(core[name] for core in cores)
    assert found["synaptic_operations"] > found["events"] > 0


@pytest.mark.parametrize("ending", ["json", "html"])
def test_simulate_writes_a_report(ending: str, run: Run, image: Path, frames: Path, tmp_path: Path) -> None:
    file = tmp_path / f"run.{ending}"
    done = run("simulate", image, "-i", frames, "--report", file)
    assert done.code == 0
    text = file.read_text(encoding="utf-8")
    if ending == "html":
        text = text[text.index('<script type="application/json"') :]
        text = text[text.index(">") + 1 : text.index("</script>")]
    found = json.loads(text)
    assert {*COUNTS, "per_layer", "per_core", "estimates"} <= found.keys()
    assert "outputs" not in found
    assert all(0 <= layer["sparsity"] <= 1 for layer in found["per_layer"])
    assert {name for core in found["per_core"] for name in core["layers"]} == {
        layer["name"] for layer in found["per_layer"]
    }
    costs = found["estimates"]
    assert costs["energy_nj"] > 0 < costs["latency_us"]
    assert "operation_fj" in costs["energy_formula"]
    assert "cycle_ps" in costs["latency_formula"]


def test_simulate_ranks_the_classes(run: Run, image: Path, frames: Path) -> None:
    done = run("simulate", image, "-i", frames, "--labels", "label")
    assert done.code == 0
    assert "output logits, 4x10" in done.out
    assert "right       100.00 % of 4 frames" in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 80


def test_simulate_takes_a_picture(run: Run, image: Path, frames: Path, tmp_path: Path) -> None:
    with np.load(frames) as given:
        digit = given["image"][0, 0]
    Pillow.fromarray((digit * 15).astype(np.uint8)).save(tmp_path / "digit.png")
    np.save(tmp_path / "digit.npy", np.floor(digit * 15)[None, None] / 15)
    options = ("--scale", "15", "--json", "--values")
    shown = json.loads(run("simulate", image, "-i", tmp_path / "digit.png", *options).out)
    given_as_array = json.loads(
        run("simulate", image, "-i", tmp_path / "digit.npy", "--json", "--values").out
    )
    np.testing.assert_allclose(
        shown["outputs"]["logits"], given_as_array["outputs"]["logits"], rtol=1e-4, atol=1e-4
    )
    Pillow.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "large.png")
    assert run("simulate", image, "-i", tmp_path / "large.png").code == 2
    assert run("simulate", image, "-i", tmp_path / "large.png", "--resize").code == 0


@pytest.mark.parametrize("options", [("--mean", "1,2,3"), ("--scale", "1,2,3"), ("--bgr",)])
def test_a_grey_picture_has_no_colours(
    run: Run, image: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    Pillow.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "grey.png")
    done = run("simulate", image, "-i", tmp_path / "grey.png", *options)
    assert (done.code, done.out) == (2, "")
    assert "is read in grey" in done.err


@pytest.mark.parametrize("options", [(), ("--random", "2", "--seed", "7"), ("-i", "frames")])
def test_verify_passes_a_right_mapping(
    run: Run, digits: Path, image: Path, frames: Path, options: tuple[str, ...]
) -> None:
    given = [frames if option == "frames" else option for option in options]
    done = run("verify", digits, image, *given)
    assert (done.code, done.err) == (0, "")
    assert "the mapping is right" in done.out
    assert max(len(line) for line in done.out.splitlines()[1:]) <= 80


def test_verify_json_has_the_keys_of_the_contract(run: Run, digits: Path, image: Path, frames: Path) -> None:
    found = json.loads(run("verify", digits, image, "-i", frames, "--json").out)
    worst = {"max_abs_error", "max_rel_error", "sqnr_db", "outputs"}
    assert {*worst, "first_divergence", "reference"} <= found.keys()
    assert found["reference"].keys() == worst
    (output,) = found["outputs"]
    assert {"name", "max_abs_error", "sqnr_db", "argmax_agree"} <= output.keys()
    assert output["argmax_agree"] == 1.0
    assert found["first_divergence"] is None
    assert found["reference"]["max_rel_error"] <= 1e-5 < found["max_rel_error"]
    assert 20 < found["sqnr_db"] < found["reference"]["sqnr_db"]


def test_verify_judges_the_front_end_too(run: Run, digits: Path, image: Path, frames: Path) -> None:
    found = json.loads(run("verify", digits, image, "-i", frames, "--json").out)
    assert {"max_rel_error", "first_divergence"} <= found["frontend"].keys()
    assert found["frontend"]["max_rel_error"] <= found["frontend"]["limit"] == 1e-5
    assert found["frontend"]["first_divergence"] is None
    assert found["rounding"] is None
    assert found["is_right"]
    done = run("verify", digits, image, "-i", frames)
    assert "the front end is right" in done.out


def test_the_chips_rounding_is_no_wrong_mapping(run: Run, digits: Path, image: Path, frames: Path) -> None:
    done = run("verify", digits, image, "-i", frames, "--arithmetic", "chip")
    assert (done.code, done.err) == (0, "")
    assert "at most 1e-05 in float32 arithmetic" in done.out
    assert "rounding: the image in the chip's arithmetic" in done.out
    found = json.loads(run("verify", digits, image, "-i", frames, "--arithmetic", "chip", "--json").out)
    assert found["reference"]["max_rel_error"] < 1e-5 < found["rounding"]["max_rel_error"]


def test_a_difference_ends_with_one(run: Run, digits: Path, image: Path, frames: Path) -> None:
    options = ("-i", frames, "--arithmetic", "chip", "--tolerance", "1e-9")
    done = run("verify", digits, image, *options)
    assert (done.code, done.err) == (1, "")
    assert "the mapping is WRONG" in done.out
    found = json.loads(run("verify", digits, image, *options, "--json").out)
    assert found["first_divergence"].keys() == {"layer", "neuron", "got", "want"}
    assert not found["is_mapped_right"]


def test_frames_come_from_one_place(run: Run, digits: Path, image: Path, frames: Path) -> None:
    done = run("verify", digits, image, "-i", frames, "--random", "2")
    assert done.code == 2
    assert "exclude each other" in done.err
