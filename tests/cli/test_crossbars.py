"""Commands on a chip of crossbars: what works, and what says in a sentence that it does not."""

import json
from pathlib import Path

import nir
import numpy as np
import onnx
import pytest
from compiler.nir_graphs import chain, ends, lif, saved, weights

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


def test_a_spiking_network_is_compiled_verified_and_run_beside_cores(run: Run, tmp_path: Path) -> None:
    first, last = ends((12,), (7,))
    nodes = {
        "input": first,
        "a": nir.Linear(weights(1, 20, 12)),
        "one": lif((20,), v_threshold=0.02),
        "b": nir.Linear(weights(2, 7, 20)),
        "two": lif((7,), v_threshold=0.01),
        "output": last,
    }
    model, target = saved(tmp_path, chain(nodes)), tmp_path / "small.toml"
    target.write_text(
        'kind = "crossbar"\nname = "small"\nmesh = [8, 8]\nrows = 8\ncolumns = 8\nfan_in_max = 8\n'
    )
    on_crossbars, on_cores, steps = (tmp_path / name for name in ("x.snc", "c.snc", "steps.npy"))
    np.save(steps, (np.random.default_rng(0).random((30, 12)) < 0.3).astype(np.float32))
    for method in ("tree", "chain"):
        given = ("--target", target, "--decompose", method, "-o", on_crossbars)
        shown = run("compile", model, *given)
        assert shown.code == 0
        assert "units send partial sums, which are graded: a chip of spikes alone is not exact" in shown.out
        verdict = json.loads(run("verify", model, on_crossbars, "-i", steps, "--json").out)
        assert verdict["is_right"]
        assert [layer["mismatches"] for layer in verdict["layers"]] == [0] * len(verdict["layers"])
    assert run("compile", model, "-o", on_cores).code == 0
    done = run("simulate", on_crossbars, "-i", steps, "--beside", on_cores, "--spikes", tmp_path / "s.npy")
    assert done.code == 0, done.err
    assert "30 of 30 frames are equal" in done.out
    again = run("simulate", on_crossbars, "-i", steps, "-o", tmp_path / "o.npz", "--resume")
    assert again.code == 2
    assert "states last from frame to frame" in again.err


def test_a_run_goes_on_where_it_was_and_says_how_many_are_right(
    model: Path, image: Path, frames: Path, run: Run, tmp_path: Path
) -> None:
    done = run(
        "simulate", image, "-i", frames, "--labels", "label", "--against", model, "-o", tmp_path / "o.csv"
    )
    assert done.code == 0, done.err
    assert "% of 3 frames" in done.out
    assert "agreement   100.00 % of the classes" in done.out
    assert (tmp_path / "o.csv").read_text().count("\n") == 4
    assert run("simulate", image, "-i", frames, "-o", tmp_path / "o.npz", "--resume").code == 0


def test_pages_and_dumps_are_written(model: Path, frames: Path, run: Run, tmp_path: Path) -> None:
    file, page, ran, bills = (tmp_path / name for name in ("m.snc", "c.html", "r.html", "d.html"))
    steps = [
        word for step in ("layers", "quantised", "packed", "placed", "image") for word in ("--dump", step)
    ]
    done = run(
        "compile", model, *TARGET, "-o", file, "--report", page, "--charts", tmp_path / "charts", *steps
    )
    assert done.code == 0, done.err
    assert run("simulate", file, "-i", frames, "--report", ran, "--charts", tmp_path / "charts").code == 0
    assert run("compare", model, *TARGET, "--html", bills).code == 0
    wanted = {
        page: ("13, gap 0.0 %", "Cells with a weight on the mesh", "What each crossbar holds"),
        ran: (
            "rows in use that were not driven",
            "Cells read without a synapse",
            "Estimates from the target",
        ),
        bills: ("Crossbars of each method", "Against pruning", "arXiv 2009.09298"),
    }
    for each, texts in wanted.items():
        held = each.read_text(encoding="utf-8")
        assert all(text in held for text in texts), each
        data = json.loads(held.split('id="data">')[1].split("</script>")[0])
        assert data
    assert "crossbar 12 at (" in (tmp_path / "m.placed.txt").read_text()
    assert "part of a sum: 112 inputs" in (tmp_path / "m.packed.txt").read_text()
    assert "neuron=STANDARD" in (tmp_path / "m.image.txt").read_text()
    assert len(list((tmp_path / "charts").glob("*.svg"))) >= 5


def test_methods_are_compared(model: Path, run: Run) -> None:
    found = json.loads(run("compare", model, *TARGET, "--weights", "float32", "--json").out)
    bills = {bill["method"]: bill for bill in found["bills"]}
    assert {name: bill["crossbars"] for name, bill in bills.items()} == {"tree": 13, "chain": 623, "none": 2}
    assert {name: bill["lost"] for name, bill in bills.items()} == {"tree": 0, "chain": 0, "none": 65_600}
    for bill in bills.values():
        assert bill["crossbars_bound"] <= bill["crossbars"] <= bill["in_order"]
        assert bill["useful_nj"] == pytest.approx(bill["held"] * 50e-6)
        assert bill["wasted_nj"] == pytest.approx((bill["driven"] - bill["held"]) * 50e-6)
    tree = found["against"][0]
    assert tree["crossbars_saved"] == 1 - 13 / 2
    assert found["published"]["used_times"] == 9
    for option in (("--zeros", "0.5"), ("--encodings",), ("--core-bits", "4"), ("--states", "shared")):
        done = run("compare", model, *TARGET, *option)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert f"{option[0]} is of cores, this is a chip of crossbars" in done.err
