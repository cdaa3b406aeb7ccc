"""`snc disasm`, `assemble`, `export`, `diff`: an image as text and as files, and what changed."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from snc.backends.exchange.export import load_export
from snc.backends.image.container import load, save, write_image
from snc.cli.main import main

from .conftest import MODELS, Run, write_model


def test_an_image_is_assembled_from_its_listing(run: Run, image: Path, tmp_path: Path) -> None:
    listing, again = tmp_path / "digits.txt", tmp_path / "again.snc"
    assert run("disasm", image, "--whole", "-o", listing) == (0, "", "")
    assert run("assemble", listing, "-o", again) == (0, "", "")
    assert again.read_bytes() == image.read_bytes()
    short = tmp_path / "short.txt"
    run("disasm", image, "-o", short)
    done = run("assemble", short, "-o", tmp_path / "none.snc")
    assert done.code == 2
    assert "18 words of the run above are left out (assemble what 'snc disasm --whole' writes)" in done.err
    assert not (tmp_path / "none.snc").exists()


@pytest.mark.parametrize("form", ["memh", "hex", "bin", "c"])
def test_an_image_is_exported(run: Run, image: Path, tmp_path: Path, form: str) -> None:
    done = run("export", image, "--format", form, "-o", tmp_path / "chip")
    assert (done.code, done.err) == (0, "")
    assert ": 6 files, " in done.out
    assert write_image(load_export(tmp_path / "chip")) == image.read_bytes()


def test_what_cannot_be_assembled_or_exported(run: Run, image: Path, tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"\xe4")
    for arguments, said in (
        (("assemble", tmp_path / "latin.txt", "-o", tmp_path / "a.snc"), "latin.txt: is no text"),
        (("assemble", tmp_path / "none.txt", "-o", tmp_path / "a.snc"), "none.txt: cannot be read: No such"),
        (("assemble", image, "-o", tmp_path / "a.snc"), "digits.snc: is no text"),
        (("export", image, "--format", "bin", "-o", tmp_path), "holds other files than an export"),
        (("export", image, "--format", "elf", "-o", tmp_path / "x"), "'elf' is not one of"),
    ):
        done = run(*arguments)
        assert done.code == 2
        assert said in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["latin.txt"]


@pytest.fixture(scope="module")
def wider(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits with weights of 16 bits."""
    path = tmp_path_factory.mktemp("wider") / "digits.snc"
    assert main(["compile", str(MODELS / "digits.onnx"), "-o", str(path), "--weights", "float16"]) == 0
    return path


def test_an_image_differs_from_itself_in_nothing(run: Run, image: Path) -> None:
    assert run("diff", image, image) == (0, "the same bytes: 6 layers, 1 core\n", "")
    found = json.loads(run("diff", image, image, "--json").out)
    assert (found["is_equal"], found["layers"], found["first"], found["sections"]) == (True, [], None, [])


def test_what_another_format_changes(run: Run, image: Path, wider: Path) -> None:
    done = run("diff", image, wider)
    assert done.code == 1
    assert re.search(r"weights      fixed8, adaptive8e2s x 2 +float16", done.out)
    assert "layers   3 the same, 3 not" in done.out
    assert "sections INFO, CORE 0" in done.out
    found = json.loads(run("diff", image, wider, "--json").out)
    assert [layer["name"] for layer in found["layers"]] == ["conv1", "conv2", "logits"]
    assert all(layer["has_other_numbers"] for layer in found["layers"])
    one, other = load(image).cores[0].words, load(wider).cores[0].words
    apart = np.flatnonzero(one != other[: one.size])
    assert found["first"]["address"] == apart[0]
    assert found["words_changed"] == apart.size + other.size - one.size


def test_one_changed_weight_is_found(run: Run, image: Path, tmp_path: Path) -> None:
    held = load(image)
    words = held.cores[0].words.copy()
    words[140] ^= np.uint64(1)
    path = tmp_path / "changed.snc"
    save(path, replace(held, cores=(replace(held.cores[0], words=words),)))
    found = json.loads(run("diff", image, path, "--json").out)
    assert (found["words_changed"], found["first"]["address"], found["facts"]) == (1, 140, [])
    assert [(layer["name"], layer["has_other_numbers"]) for layer in found["layers"]] == [("conv1", True)]


def test_layers_that_only_one_image_has(run: Run, image: Path, tmp_path: Path) -> None:
    made = write_model(tmp_path / "other.onnx", "Relu", closed=True)
    path = tmp_path / "other.snc"
    assert run("compile", made, "-o", path).code == 0
    found = json.loads(run("diff", image, path, "--json").out)
    assert {layer["name"] for layer in found["layers"] if layer["after"] is None} >= {"conv1", "logits"}
    assert any(layer["before"] is None for layer in found["layers"])
    assert run("diff", image, path).code == 1


def test_words_and_neurons_are_explained(run: Run, image: Path) -> None:
    done = run("explain", image, "54")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("core 0, address 54: ")
    assert "core 0, address 2: port population=8 table=54" in done.out
    shown = run("explain", image, "conv2[3,1,2]").out
    assert "144 synapses from pool1" in shown
    assert "and 136 more (--all)" in shown
    assert "pool2[3,0,1]  ADD 1  (axon at 29 of core 0)" in shown
    assert len(run("explain", image, "conv2[3,1,2]", "--all").out.splitlines()) > 150
    found = json.loads(run("explain", image, "conv2[3,1,2]", "--json").out)
    assert len(found["sources"]) == 144
    assert found["neuron"] == {
        "layer": "conv2",
        "c": 3,
        "y": 1,
        "x": 2,
        "core": 0,
        "population": 8,
        "element": "",
    }
    done = run("explain", image, "conv3[0,0,0]")
    assert done.code == 2
    assert "there is no layer 'conv3' (near are conv2" in done.err
