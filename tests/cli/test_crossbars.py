"""Commands on a chip of crossbars: what works, and what says in a sentence that it does not."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from snc.models.lenet import perceptron

from .conftest import Run

TARGET = ("--target", "crossbar-128")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "perceptron.onnx"
    onnx.save(perceptron(), path)
    return path


@pytest.fixture
def image(model: Path, run: Run) -> Path:
    done = run("compile", model, *TARGET, "--weights", "float32", "-o", model.with_suffix(".snc"))
    assert done.code == 0, done.err
    assert "crossbars 13 of 25, proven least" in done.out
    return model.with_suffix(".snc")


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    path = tmp_path / "frames.npz"
    random = np.random.default_rng(0)
    pictures = random.standard_normal((3, 784)).astype(np.float32)
    np.savez(path, image=pictures, label=np.array([1, 2, 3]))
    return path


def test_a_model_is_compiled_run_and_verified(
    model: Path, image: Path, frames: Path, run: Run, tmp_path: Path
) -> None:
    assert run("check", model, *TARGET).code == 0
    shown = json.loads(run("inspect", image, "--json").out)
    assert (shown["crossbars"], shown["crossbars_bound"], shown["lost"]) == (13, 13, 0)
    out = tmp_path / "out.npz"
    done = run("simulate", image, "-i", frames, "-o", out)
    assert done.code == 0, done.err
    assert "of them without a synapse" in done.out
    assert "nJ wasted" in done.out
    with np.load(out) as arrays:
        assert arrays["logits"].shape == (3, 10)
    counted = json.loads(run("simulate", image, "-i", frames, "--json").out)
    assert counted["frames"] == 3
    assert counted["used"] + counted["unused"] == 128 * counted["reads"]
    assert sum(one["unused"] for one in counted["per_crossbar"]) == counted["unused"]
    verdict = json.loads(run("verify", model, image, "--json").out)
    assert verdict["is_right"]
    assert verdict["outputs"][0]["max_rel_error"] <= 1e-6


def test_weights_of_few_bits_are_mapped_right_and_their_rounding_is_shown(model: Path, run: Run) -> None:
    file = model.with_suffix(".snc")
    assert run("compile", model, *TARGET, "--weights", "fixed8", "-o", file).code == 0
    verdict = json.loads(run("verify", model, file, "--json").out)
    assert verdict["is_right"]
    assert verdict["reference"]["max_rel_error"] <= 1e-6
    assert verdict["outputs"][0]["max_rel_error"] > 1e-4


def test_another_network_is_found_wrong(image: Path, run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other.onnx"
    onnx.save(perceptron(1), other)
    done = run("verify", other, image)
    assert done.code == 1
    assert "the mapping is WRONG" in done.out


def test_pruning_says_what_it_lost(model: Path, run: Run) -> None:
    file = model.with_suffix(".snc")
    done = run("compile", model, *TARGET, "--weights", "float32", "--decompose", "none", "-o", file)
    assert "13,800 of 79,400, 65,600 lost" in done.out
    assert "65,600 synapses are pruned" in run("verify", model, file).out


@pytest.mark.parametrize(
    "command",
    [
        ("compile", "MODEL", *TARGET, "--split"),
        ("compile", "MODEL", *TARGET, "--pareto"),
        ("compile", "MODEL", *TARGET, "--objective", "memory"),
        ("compile", "MODEL", *TARGET, "--states", "persistent"),
        ("compile", "MODEL", *TARGET, "--neurons", "sigma-delta"),
        ("compile", "MODEL", *TARGET, "--weights", "auto", "--data", "FRAMES"),
        ("compile", "MODEL", "--decompose", "chain"),
        ("paper", *TARGET),
        ("inspect", "IMAGE", "--core", "0"),
        ("inspect", "IMAGE", "--layer", "hidden"),
        ("disasm", "IMAGE", "--whole"),
        ("explain", "IMAGE", "0"),
        ("diff", "IMAGE", "IMAGE"),
        ("export", "IMAGE", "--format", "hex", "-o", "out"),
        ("verify", "MODEL", "IMAGE", "--arithmetic", "chip"),
        ("simulate", "IMAGE", "-i", "FRAMES", "--arithmetic", "chip"),
        ("simulate", "IMAGE", "-i", "FRAMES", "--engine", "dense"),
        ("rtl", "IMAGE", "-i", "FRAMES"),
    ],
)
def test_what_cannot_handle_it_says_so(
    command: tuple[str, ...], model: Path, image: Path, frames: Path, run: Run
) -> None:
    files = {"MODEL": model, "IMAGE": image, "FRAMES": frames}
    done = run(*(files.get(word, word) for word in command))
    assert done.code == 2
    assert "crossbars" in done.err
    assert done.err.startswith("snc: error: ")
    assert done.err.count("\n") == 1
