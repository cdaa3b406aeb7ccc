"""Data sets of `snc simulate`: keys, folders, labels, tables, and agreement with the model."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from .conftest import MODELS, Run, write_model

FRAMES = 6


@pytest.fixture
def digits_8() -> tuple[np.ndarray, np.ndarray]:
    """Pictures 0..16 and their classes."""
    with np.load(MODELS / "digits_test.npz") as held_out:
        return held_out["image"][:FRAMES], held_out["label"][:FRAMES]


def said(run: Run, *arguments: object) -> dict[str, Any]:
    done = run("simulate", *arguments, "--json")
    assert (done.code, done.err) == (0, "")
    found: dict[str, Any] = json.loads(done.out)
    return found


def table_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def pixels(path: Path) -> np.ndarray:
    with Pillow.open(path) as picture:
        return np.asarray(picture)[None, None]


def test_json_has_shapes_and_values_where_they_are_asked_for(run: Run, image: Path, frames: Path) -> None:
    assert said(run, image, "-i", frames)["outputs"] == {"logits": [4, 10]}
    assert np.array(said(run, image, "-i", frames, "--values")["outputs"]["logits"]).shape == (4, 10)


def test_an_array_feeds_the_only_input_whatever_its_key(
    run: Run, image: Path, tmp_path: Path, digits_8: tuple[np.ndarray, np.ndarray]
) -> None:
    pictures, classes = digits_8
    np.savez(tmp_path / "one.npz", x_test=pictures)
    assert said(run, image, "-i", tmp_path / "one.npz")["frames"] == FRAMES
    np.savez(tmp_path / "two.npz", x_test=pictures, y_test=classes)
    found = said(run, image, "-i", tmp_path / "two.npz", "--labels", "y_test")
    assert (found["frames"], found["accuracy"]) == (FRAMES, 1.0)
    done = run("simulate", image, "-i", tmp_path / "two.npz")
    assert done.code == 2
    assert "but x_test, y_test" in done.err
    assert "--input NAME=KEY" in done.err
    found = said(run, image, "-i", tmp_path / "two.npz", "--input", "image=x_test")
    assert found["frames"] == FRAMES


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("picture=x", "the network has no input 'picture'"),
        ("image=z", "has no array 'z', but x"),
        ("frames.npz", "write NAME=KEY, and files after -i"),
    ],
)
def test_an_input_that_is_none(run: Run, image: Path, tmp_path: Path, given: str, words: str) -> None:
    np.savez(tmp_path / "one.npz", x=np.zeros((2, 8, 8), np.float32).reshape(2, 1, 8, 8))
    done = run("simulate", image, "-i", tmp_path / "one.npz", "--input", given)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_verify_takes_the_same_data(run: Run, digits: Path, image: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", a=np.ones((2, 1, 8, 8), np.float32), b=np.zeros(3))
    assert run("verify", digits, image, "-i", tmp_path / "d.npz", "--input", "image=a").code == 0
    assert run("verify", digits, image, "--input", "image=a").code == 2


@pytest.fixture
def folder(tmp_path: Path, digits_8: tuple[np.ndarray, np.ndarray]) -> Path:
    """Pictures of digits, of which the names' order is not that in which they were made."""
    path = tmp_path / "pictures"
    path.mkdir()
    for index, picture in reversed(list(enumerate(digits_8[0]))):
        Pillow.fromarray(picture[0].astype(np.uint8)).save(path / f"digit{index}.png")
    (path / ".hidden.png").write_bytes(b"no picture")
    (path / "README.txt").write_text("digits")
    return path


@pytest.mark.parametrize("form", ["txt", "csv", "names", "npy", "npz"])
def test_a_folder_of_pictures_and_labels_of_their_own(
    run: Run,
    image: Path,
    folder: Path,
    form: str,
    tmp_path: Path,
    digits_8: tuple[np.ndarray, np.ndarray],
) -> None:
    _, classes = digits_8
    labels = tmp_path / f"labels.{'csv' if form == 'names' else form}"
    numbered = list(enumerate(classes.tolist()))
    if form == "npy":
        np.save(labels, classes)
    elif form == "npz":
        np.savez(labels, anything=classes)
    elif form == "txt":
        labels.write_text("".join(f"{label}\n" for _, label in numbered))
    elif form == "csv":
        labels.write_text("frame,label\n" + "".join(f"{index},{label}\n" for index, label in numbered))
    else:
        labels.write_text("".join(f"digit{index}.png,{label}\n" for index, label in reversed(numbered)))
    found = said(run, image, "-i", folder, "--scale", "1", "--labels", labels)
    assert (found["frames"], found["accuracy"]) == (FRAMES, 1.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1\n2\n", "has 2 labels for 6 frames"),
        ("label\n1\ntwo\n", "'two' does not end in a label"),
        ("", "has 0 labels for 6 frames"),
    ],
)
def test_labels_that_are_none(
    run: Run, image: Path, folder: Path, tmp_path: Path, text: str, words: str
) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text(text)
    done = run("simulate", image, "-i", folder, "--labels", labels)
    assert (done.code, done.out) == (2, "")
    assert words in done.err.splitlines()[-1]
    assert run("simulate", image, "-i", folder, "--labels", tmp_path / "missing.txt").code == 2


def test_a_folder_without_frames(run: Run, image: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run("simulate", image, "-i", tmp_path / "empty")
    assert done.code == 2
    assert "empty: holds no frames" in done.err


def test_outputs_do_not_become_frames(run: Run, image: Path, folder: Path) -> None:
    done = run("simulate", image, "-i", folder, "-o", folder / "out.npz", "--scale", "1")
    assert done.code == 2
    assert "are frames" in done.err
    for _ in range(2):
        options = ("--scale", "1", "-o", folder / "out.csv")
        assert said(run, image, "-i", folder, *options)["frames"] == FRAMES


def test_files_of_a_folder_hold_frames(run: Run, image: Path, tmp_path: Path, frames: Path) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    with np.load(frames) as given:
        np.save(parts / "a.npy", given["image"][:1])
        np.savez_compressed(parts / "b.npz", anything=given["image"][1:])
    together = said(run, image, "-i", frames, "--values")
    assert said(run, image, "-i", parts, "--values")["outputs"] == together["outputs"]
    assert run("simulate", image, "-i", parts, "-o", tmp_path / "o.csv", "--json").code == 0
    rows = table_of(tmp_path / "o.csv")
    assert [row["file"] for row in rows] == ["a.npy", "b.npz", "b.npz", "b.npz"]


def test_outputs_are_the_same_in_every_form(run: Run, image: Path, frames: Path, tmp_path: Path) -> None:
    for form in ("npz", "npy", "csv"):
        said(run, image, "-i", frames, "-o", tmp_path / f"out.{form}", "--labels", "label")
    wanted = np.load(tmp_path / "out.npy")
    assert wanted.shape == (4, 10)
    with np.load(tmp_path / "out.npz") as archive, np.load(frames) as given:
        np.testing.assert_array_equal(archive["logits"], wanted)
        labels = given["label"]
    rows = table_of(tmp_path / "out.csv")
    table = np.array([[row[f"logits[{i}]"] for i in range(10)] for row in rows], dtype=np.float32)
    np.testing.assert_array_equal(table, wanted)
    assert [int(row["class"]) for row in rows] == wanted.argmax(axis=1).tolist()
    assert [int(row["label"]) for row in rows] == labels.tolist()
    assert [int(row["frame"]) for row in rows] == [0, 1, 2, 3]


def test_agreement_with_the_model(run: Run, digits: Path, image: Path, frames: Path) -> None:
    found = said(run, image, "-i", frames, "--against", digits)["against"]
    assert found.keys() == {"model", "argmax_agree", "max_abs_error", "max_rel_error", "outputs"}
    assert found["argmax_agree"] == 1.0
    assert 1e-3 < found["max_rel_error"] < 0.1  # of 8-bit weights
    verified = json.loads(run("verify", digits, image, "-i", frames, "--json").out)
    assert found["max_abs_error"] == verified["max_abs_error"]
    done = run("simulate", image, "-i", frames, "--against", digits)
    assert "agreement   100.00 % of the classes, largest error" in done.out


def test_maps_agree_in_no_class(run: Run, tmp_path: Path) -> None:
    model, image = write_model(tmp_path / "maps.onnx", "Relu"), tmp_path / "maps.snc"
    assert run("compile", model, "-o", image, "--weights", "float32").code == 0
    np.save(tmp_path / "frames.npy", np.random.default_rng(0).random((2, 3, 8, 8), np.float32))
    found = said(run, image, "-i", tmp_path / "frames.npy", "--against", model)["against"]
    assert found["argmax_agree"] is None
    assert found["max_rel_error"] < 1e-5
    done = run("simulate", image, "-i", tmp_path / "frames.npy", "--against", model)
    assert "agreement   largest error" in done.out


def test_agreement_is_with_a_model_of_the_same_network(
    run: Run, image: Path, frames: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.onnx"
    run("models", "build", "pilotnet", "-o", other)
    done = run("simulate", image, "-i", frames, "--against", other)
    assert (done.code, done.out) == (2, "")
    assert "other.onnx" in done.err


@pytest.mark.parametrize("kind", ["picture", "array"])
def test_bytes_are_warned_about(run: Run, image: Path, folder: Path, tmp_path: Path, kind: str) -> None:
    data = folder / "digit0.png"
    if kind == "array":
        np.save(tmp_path / "bytes.npy", pixels(data))
        data = tmp_path / "bytes.npy"
    done = run("simulate", image, "-i", data, "--json", "--values")
    assert done.code == 0
    assert done.err == (
        f"snc: warning: {data.name}: pixels go in as 0..255; for a network that takes 0..1 give --scale 255 "
        "(--scale 1 says that they are right)\n"
    )
    assert run("simulate", image, "-i", data, "--json", "--values", "--scale", "1").err == ""
    scaled = said(run, image, "-i", data, "--values", "--scale", "16")["outputs"]
    np.save(tmp_path / "floats.npy", pixels(folder / "digit0.png").astype(np.float32) / 16)
    assert said(run, image, "-i", tmp_path / "floats.npy", "--values")["outputs"] == scaled


def test_the_keys_of_the_manual_are_those_of_the_command(
    run: Run, digits: Path, image: Path, frames: Path
) -> None:
    text = (MODELS.parent / "docs" / "data.md").read_text(encoding="utf-8").partition("## With --json")[2]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    listed = [key for row in rows for key in re.findall(r"`(\w+)`", row)]
    found = said(run, image, "-i", frames, "--labels", "label", "--against", digits)
    assert sorted(listed) == sorted(found)
