"""`snc compile`: the image, the report, the reference, and the JSON that other people's scripts call."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from snc.cli.main import main
from snc.models.catalogue import build

from .conftest import Run, write_model

TOTALS = {
    "neurons_bytes",
    "connectivity_bytes",
    "parameters_bytes",
    "biases_bytes",
    "total_bytes",
    "padding_bytes",
    "neurons",
    "synapses",
    "weights",
}
LAYER = {
    "name",
    "op",
    "nodes",
    "shape",
    "fragments",
    "cuts",
    "neurons_bytes",
    "connectivity_bytes",
    "parameters_bytes",
    "biases_bytes",
    "cores",
}


def test_json_has_the_keys_of_the_contract(run: Run, digits: Path, tmp_path: Path) -> None:
    path = tmp_path / "digits.snc"
    done = run("compile", digits, "-o", path, "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert found["model"] == "digits.onnx"
    assert found["image"] == str(path)
    assert found["image_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found["target"], found["weights"], found["states"]) == (
        "grai-vip",
        "fixed8, adaptive8e2s x 2",
        "shared",
    )
    totals = found["totals"]
    assert totals.keys() == TOTALS
    parts = ("neurons_bytes", "connectivity_bytes", "parameters_bytes", "biases_bytes")
    assert totals["total_bytes"] == sum(totals[part] for part in parts)
    assert found["cores"] == {"used": 1, "available": 144, "lower_bound": 1}
    assert found["solver"].keys() == {"status", "objective", "bound", "gap", "seconds"}
    assert found["host"] == {"before": [], "after": [], "share_of_macs": 0.0, "reasons": {}}
    assert found["seconds"]["total"] == pytest.approx(
        sum(seconds for stage, seconds in found["seconds"].items() if stage != "total")
    )
    for layer in found["layers"]:
        assert layer.keys() == LAYER
        assert layer["cuts"].keys() == {"c", "x", "y"}
    for part in parts:
        assert totals[part] == sum(layer[part] for layer in found["layers"])


def test_the_digits_are_counted_right(run: Run, digits: Path, tmp_path: Path) -> None:
    found = json.loads(
        run("compile", digits, "-o", tmp_path / "d.snc", "--states", "persistent", "--json").out
    )
    totals = found["totals"]
    shapes = [layer["shape"] for layer in found["layers"] if layer["op"] != "input"]
    neurons = sum(int(np.prod(shape)) for shape in shapes)
    trained = [np.prod(t.dims) for t in onnx.load(digits).graph.initializer if len(t.dims) > 1]
    assert totals["neurons"] == neurons == totals["neurons_bytes"] // 2
    assert totals["weights"] == sum(int(size) for size in trained)


def test_pilotnet_is_what_the_paper_says(run: Run, tmp_path: Path) -> None:
    onnx.save(build("pilotnet"), tmp_path / "pilotnet.onnx")
    paper = ("--states", "persistent", "--objective", "memory")
    found = json.loads(run("compile", tmp_path / "pilotnet.onnx", *paper, "--json").out)
    totals = found["totals"]
    assert (tmp_path / "pilotnet.snc").exists()
    assert totals["neurons_bytes"] == 214_066
    assert totals["weights"] == 251_822
    assert totals["synapses"] == 26_876_342
    assert totals["parameters_bytes"] <= 253_500
    assert totals["connectivity_bytes"] <= 4_300
    assert found["cores"]["used"] <= 3


def test_the_report_reads_in_80_columns_without_colour(run: Run, digits: Path, tmp_path: Path) -> None:
    done = run("compile", digits, "-o", tmp_path / "d.snc")
    assert (done.code, done.err) == (0, "")
    assert "\x1b" not in done.out
    lines = done.out.splitlines()
    assert lines[0] == "digits.onnx on grai-vip: 1 of 144 cores, 9.4 kB"
    path_line = lines.pop()
    assert path_line.startswith("image    ")
    assert max(len(line) for line in lines) <= 80
    for name in ("conv1", "pool1", "conv2", "pool2", "logits", "optimal", "the chip computes the whole"):
        assert name in done.out


def test_report_and_reference_are_written_too(run: Run, digits: Path, tmp_path: Path) -> None:
    report, reference = tmp_path / "report.json", tmp_path / "reference.onnx"
    done = run(
        "compile", digits, "-o", tmp_path / "d.snc", "--report", report, "--reference", reference, "--json"
    )
    assert json.loads(report.read_text()) == json.loads(done.out)
    onnx.checker.check_model(onnx.load(reference))
    assert run("verify", digits, tmp_path / "d.snc", "--reference", reference).code == 0


def test_the_same_command_gives_the_same_bytes(run: Run, digits: Path, tmp_path: Path) -> None:
    for name in ("a.snc", "b.snc"):
        assert run("compile", digits, "-o", tmp_path / name, "--weights", "float16", "--seed", "3").code == 0
    assert (tmp_path / "a.snc").read_bytes() == (tmp_path / "b.snc").read_bytes()


def test_a_shape_left_open_is_given(run: Run, tmp_path: Path) -> None:
    model = onnx.load(write_model(tmp_path / "open.onnx", "Relu"))
    for value in (model.graph.input[0], model.graph.output[0]):
        for axis, name in ((0, "n"), (2, "h"), (3, "w")):
            value.type.tensor_type.shape.dim[axis].dim_param = name
    onnx.save(model, tmp_path / "open.onnx")
    assert run("compile", tmp_path / "open.onnx").code == 2
    done = run("compile", tmp_path / "open.onnx", "--input-shape", "x:1,3,6,10", "--json")
    assert json.loads(done.out)["layers"][-1]["shape"] == [4, 6, 10]


def test_what_stays_on_the_host_is_said(run: Run, tmp_path: Path) -> None:
    model = write_model(tmp_path / "soft.onnx", "Relu", "Softmax")
    done = run("compile", model)
    assert "host     1 node behind the chip, run by ONNX Runtime" in done.out
    assert "softmax1 (Softmax): stands at an end of the network, where the host has" in done.out
    assert json.loads(run("compile", model, "--json").out)["host"]["after"] == ["softmax1"]


def test_a_smaller_target_means_more_cuts(run: Run, digits: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.toml"
    small.write_text(run("target", "show", "grai-vip").out.replace("core_words = 32768", "core_words = 512"))
    found = json.loads(run("compile", digits, "-o", tmp_path / "d.snc", "--target", small, "--json").out)
    cut = [layer for layer in found["layers"] if layer["fragments"] > 1]
    assert cut
    assert all(max(layer["cuts"].values()) > 1 for layer in cut)
    assert found["cores"]["used"] >= found["cores"]["lower_bound"] > 1


@pytest.mark.parametrize("options", [("--json",), ()])
def test_a_report_that_cannot_be_printed_loses_no_image(
    options: tuple[str, ...], digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("the printer is on fire")

    monkeypatch.setattr("snc.cli.compile.show_report", broken)
    monkeypatch.setattr("snc.cli.compile.say_json", broken)
    assert main(["compile", str(digits), "-o", str(tmp_path / "d.snc"), *options]) == 70
    assert main(["inspect", str(tmp_path / "d.snc")]) == 0


def test_a_quantised_model_is_told_so(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "q.onnx"
    small = onnx.load(write_model(tmp_path / "small.onnx", "Relu"))
    small.graph.initializer.append(numpy_helper.from_array(np.array(0.1, dtype=np.float32), "scale"))
    small.graph.initializer.append(numpy_helper.from_array(np.array(0, dtype=np.int8), "zero"))
    quantise, dequantise = "QuantizeLinear", "DequantizeLinear"
    small.graph.node.append(helper.make_node(quantise, ["t1", "scale", "zero"], ["q"], name="q"))
    small.graph.node.append(helper.make_node(dequantise, ["q", "scale", "zero"], ["y"], name="y"))
    small.graph.output[0].name = "y"
    onnx.save(small, path)
    done = run("compile", path)
    assert done.code == 0
    assert done.err.startswith("snc: note: the model is quantised and was compiled in its float form")
    assert "note     the model is quantised" in run("check", path).out
