"""`compile --split` and the commands that take what it wrote as one network."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from compiler.test_split import SHAPE, two_foreign_operators

from .conftest import Run

FILES = ["1-chip.snc", "2-host.onnx", "3-chip.snc", "4-host.onnx", "5-chip.snc", "network.json"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "middle.onnx"
    path.write_bytes(two_foreign_operators().SerializeToString())
    return path


@pytest.fixture
def parts(model: Path, run: Run) -> Path:
    assert run("compile", "--split", model, "--effort", 0.5).code == 0
    return model.with_suffix(".parts")


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    path = tmp_path / "frames.npy"
    np.save(path, np.random.default_rng(1).standard_normal((4, *SHAPE)).astype(np.float32))
    return path


def test_a_refusal_names_the_way(model: Path, run: Run) -> None:
    done = run("compile", model)
    assert done.code == 2
    assert done.err.count("(give --split, or split the model: end the first part at ") == 2


def test_parts_are_written_and_shown(model: Path, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "made" / "here"
    done = run("compile", "--split", model, "-o", folder, "--report", tmp_path / "r.json")
    assert done.code == 0
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert "in 5 parts: 3 of the chip, 2 of the host" in done.out
    assert "2-host   t2 (CumSum): the operator cannot be mapped" in done.out
    assert f"network  {folder / 'network.json'}, compiled in " in done.out
    report = json.loads((tmp_path / "r.json").read_text())
    assert [part["kind"] for part in report["parts"]] == ["chip", "host", "chip", "host", "chip"]
    assert report["parts"][0]["report"]["cores"]["used"] == 1


def test_inspect_shows_all_parts_or_one(parts: Path, run: Run) -> None:
    whole = run("inspect", parts)
    assert whole.code == 0
    assert all(name in whole.out for name in FILES[:-1])
    assert json.loads(run("inspect", parts / "network.json", "--json").out)["parts"][1]["report"] is None
    assert run("inspect", parts / "3-chip.snc").code == 0
    refused = run("inspect", parts, "--core", 0)
    assert (refused.code, refused.err.count("1-chip.snc")) == (2, 1)


def test_parts_verify_as_one_network(model: Path, parts: Path, run: Run) -> None:
    done = run("verify", model, parts, "--random", 2)
    assert (done.code, done.err) == (0, "")
    assert "the mapping is right" in done.out


def test_the_reference_of_parts_verifies_them(model: Path, run: Run, tmp_path: Path) -> None:
    reference = tmp_path / "reference.onnx"
    assert run("compile", "--split", model, "-o", tmp_path / "p", "--reference", reference).code == 0
    assert run("verify", model, tmp_path / "p", "--reference", reference).code == 0


def test_parts_simulate_as_one_network(
    model: Path, parts: Path, frames: Path, run: Run, tmp_path: Path
) -> None:
    done = run("simulate", parts, "-i", frames, "-o", tmp_path / "o.npz", "--against", model)
    assert (done.code, done.err) == (0, "")
    assert "agreement   largest error " in done.out
    with np.load(tmp_path / "o.npz") as made:
        assert [array.shape[0] for array in made.values()] == [4]
    report = tmp_path / "run.html"
    assert run("simulate", parts, "-i", frames, "--report", report, "--arithmetic", "chip").code == 0
    assert report.read_text().count("<svg")


def test_a_part_of_another_network_is_refused(parts: Path, frames: Path, run: Run) -> None:
    (parts / "1-chip.snc").write_bytes((parts / "3-chip.snc").read_bytes())
    for done in (run("inspect", parts), run("simulate", parts, "-i", frames)):
        assert done.code == 2
        assert "1-chip.snc: is not the part that network.json names (compile the network again)" in done.err


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--pareto"], "--pareto is of one image, --split of several"),
        (["--dump", "layers"], "--dump is of one image, --split of several"),
        (["--charts", "charts"], "--charts is of one image, --split of several"),
        (["--data", "frames.npz"], "--data is of one image, --split of several"),
        (["--report", "r.html"], "does not end in .json"),
    ],
)
def test_options_of_one_image_are_refused(option: list[str], message: str, model: Path, run: Run) -> None:
    done = run("compile", "--split", model, *option)
    assert (done.code, done.err.count(message)) == (2, 1)
    assert not model.with_suffix(".parts").exists()


def test_a_part_that_does_not_fit_is_told_of_as_any_misfit(model: Path, run: Run, tmp_path: Path) -> None:
    small = tmp_path / "small.toml"
    assert run("target", "init", small).code == 0
    text = re.sub(r"(?m)^core_words = .*$", "core_words = 128", small.read_text())
    small.write_text(re.sub(r"(?m)^mesh = .*$", "mesh = [1, 1]", text))
    done = run("compile", "--split", model, "--target", small, "--no-remedy")
    assert done.code == 3
    assert done.err.startswith("snc: error: middle.onnx:1: ")
    assert not model.with_suffix(".parts").exists()


def test_a_file_in_the_folders_place_is_kept(model: Path, run: Run) -> None:
    model.with_suffix(".parts").write_text("mine")
    done = run("compile", "--split", model)
    assert done.code == 2
    assert "is no folder" in done.err
    assert model.with_suffix(".parts").read_text() == "mine"
