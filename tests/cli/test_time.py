"""Networks that run over time on the command line: check, compile, inspect, simulate, verify, compare."""

import json
from pathlib import Path

import nir
import numpy as np
import onnxruntime
import pytest
from compiler.nir_graphs import chain, cuba, ends, integrate, saved, weights
from compiler.sequences import FEATURES, Net

from compiler import netx_files as nx

from .conftest import Run


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A recurrent network of two layers."""
    first, last = ends([6], [4])
    nodes = {
        "input": first,
        "fc1": nir.Linear(2 * weights(4, 9, 6)),
        "cuba": cuba([9]),
        "fc2": nir.Linear(3 * weights(6, 4, 9)),
        "if": integrate([4]),
        "output": last,
        "rec": nir.Linear(weights(5, 9, 9)),
    }
    found = chain({name: node for name, node in nodes.items() if name != "rec"})
    found.nodes["rec"] = nodes["rec"]
    found.edges += [("cuba", "rec"), ("rec", "cuba")]
    return saved(tmp_path, found)


def test_all_commands_take_it(run: Run, model: Path, tmp_path: Path) -> None:
    image, steps, out = model.with_suffix(".snc"), tmp_path / "steps.npy", tmp_path / "out.npz"
    done = run("check", model)
    assert (done.code, done.err) == (0, "")
    assert "node     cuba (CubaLIF): exact: forward Euler of NIR's equations" in done.out
    done = run("compile", model, "--dt", 1e-4, "--reset", "subtract", "--json")
    assert done.code == 0
    assert "steps of 0.0001 s (nir)" in done.err
    found = json.loads(done.out)
    assert found["dynamics"] == "dt=0.0001 dialect=nir reset=subtract"
    assert found["fidelity"]["if"] == "exact: what arrives in a step is added, whatever the step's length"
    assert "time     dt=0.0001 dialect=nir reset=subtract" in run("inspect", image).out
    np.save(steps, (np.random.default_rng(1).random((50, 1, 6)) < 0.3).astype(np.float32))
    assert run("simulate", image, "-i", steps, "-o", out).code == 0
    with np.load(out) as arrays:
        assert arrays["output"].shape == (50, 4)
        assert arrays["output"].any()
    for given in (("-i", steps), ("--random", 40), ()):
        done = run("verify", model, image, *given, "--json")
        assert done.code == 0, done.out
        assert json.loads(done.out)["is_right"]
    assert json.loads(done.out)["frames"] == 64
    assert "the mapping is right" in run("verify", model, image).out
    assert run("compare", model).code == 0


def test_an_image_of_other_steps_is_not_verified_as_these(
    run: Run, model: Path, digits: Path, image: Path
) -> None:
    done = run("verify", model, image)
    assert done.code == 2
    assert "is a spiking network, the image holds none" in done.err


def test_what_onnx_has_and_nir_has_not_is_refused(run: Run, model: Path, tmp_path: Path) -> None:
    done = run("compile", model, "--reference", tmp_path / "reference.onnx")
    assert (done.code, "does not end in .nir" in done.err) == (2, True)
    done = run("compile", model, "--input-shape", "input:1,6")
    assert (done.code, "leave --input-shape out" in done.err) == (2, True)


def test_the_reference_of_an_image_is_a_nir_network_again(run: Run, model: Path, tmp_path: Path) -> None:
    """With the weights that the image holds: of the file's own, the image differs."""
    image, reference = model.with_suffix(".snc"), tmp_path / "held.nir"
    assert run("compile", model, "--weights", "fixed4", "--reference", reference, "--json").code == 0
    found = json.loads(run("verify", reference, image, "--random", 80, "--json").out)
    assert found["is_right"]
    assert found["max_abs_error"] == 0
    own = json.loads(run("verify", model, image, "--random", 80, "--json").out)
    assert own["is_right"]
    assert own["max_abs_error"] > 0
    assert run("compile", reference, "--weights", "float32", "-o", tmp_path / "again.snc", "--json").code == 0
    for given in (image, tmp_path / "again.snc"):
        assert json.loads(run("verify", reference, given, "--random", 80, "--json").out)["max_abs_error"] == 0


def test_an_image_is_exported_as_the_nir_network_that_it_computes(
    run: Run, model: Path, digits: Path, tmp_path: Path
) -> None:
    image, held, other = model.with_suffix(".snc"), tmp_path / "held.nir", tmp_path / "other.nir"
    assert run("compile", model, "--weights", "fixed4", "--json").code == 0
    done = run("export", image, "--format", "nir", "--model", model, "-o", held)
    assert (done.code, done.err) == (0, "")
    assert "model.nir with the weights of model.snc" in done.out.replace(model.name, "model.nir").replace(
        image.name, "model.snc"
    )
    assert json.loads(run("verify", held, image, "--random", 80, "--json").out)["max_abs_error"] == 0
    graph = nir.read(model, type_check=False)
    graph.nodes["cuba"].v_threshold = graph.nodes["cuba"].v_threshold * 1.5
    nir.write(other, graph)
    done = run("export", image, "--format", "nir", "--model", other, "-o", tmp_path / "wrong.nir")
    assert (done.code, "is another network than the image's" in done.err) == (2, True)
    done = run("export", image, "--format", "nir", "--model", digits, "-o", tmp_path / "wrong.nir")
    assert (done.code, "is no .nir network" in done.err) == (2, True)
    assert not (tmp_path / "wrong.nir").exists()
    assert run("export", image, "--format", "nir", "-o", held).code == 2


def test_a_changed_threshold_is_found(run: Run, model: Path) -> None:
    """An image is held against the file: with other equations it is wrong, and the layer is named."""
    image = model.with_suffix(".snc")
    assert run("compile", model, "--json").code == 0
    graph = nir.read(model, type_check=False)
    graph.nodes["cuba"].v_threshold = graph.nodes["cuba"].v_threshold * 1.5
    nir.write(model, graph)
    done = run("verify", model, image)
    assert done.code == 1
    assert "first divergence" in done.out


def test_changes_are_compiled_and_verified(run: Run, digits: Path, tmp_path: Path) -> None:
    """Any network can send changes; verify runs its frames one after the other."""
    image = tmp_path / "digits.snc"
    done = run("compile", digits, "-o", image, "--neurons", "sigma-delta", "--json")
    assert done.code == 0
    assert json.loads(done.out)["dynamics"] == "neurons=sigma-delta threshold=0.0"
    assert "the mapping is right" in run("verify", digits, image, "--random", 4).out
    assert "time     neurons=sigma-delta" in run("inspect", image).out
    done = run("compile", digits, "-o", image, "--threshold", -1)
    assert done.code == 2
    done = run("compile", digits, "-o", image, "--neurons", "sigma-delta", "--threshold", "auto")
    assert (done.code, "give frames: --data, or a number" in done.err) == (2, True)
    more = "--neurons", "sigma-delta", "--threshold", "auto", "--data", digits.parent / "digits_test.npz"
    done = run("compile", digits, "-o", image, *more, "--weights", "fixed8", "--json")
    assert json.loads(done.out)["dynamics"] == "neurons=sigma-delta threshold=auto"


def test_a_spiking_network_sends_no_changes(run: Run, model: Path) -> None:
    done = run("compile", model, "--neurons", "sigma-delta")
    assert done.code == 2
    assert "neurons, which run over time themselves (compile with --neurons standard)" in done.err


def test_recordings_are_simulated_as_streams(run: Run, tmp_path: Path) -> None:
    """Events in a folder, labels by name, and the output's spikes as events."""
    first, last = ends([2, 5, 6], [3])
    flat = nir.Flatten({"input": np.array([2, 5, 6])}, 0, -1)
    nodes = {"input": first, "flat": flat, "fc": nir.Linear(np.abs(weights(1, 3, 60))), "if": integrate([3])}
    path = saved(tmp_path, chain({**nodes, "output": last}))
    assert run("compile", path).code == 0
    folder, spikes, labels = tmp_path / "events", tmp_path / "out.npy", tmp_path / "labels.txt"
    folder.mkdir()
    kind = np.dtype([("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "<i1")])
    for name, seed in (("a.npy", 1), ("b.npy", 2)):
        random = np.random.default_rng(seed)
        found = np.zeros(200, dtype=kind)
        found["t"] = np.sort(random.integers(0, 20_000, 200))
        found["x"], found["y"] = random.integers(0, 6, 200), random.integers(0, 5, 200)
        np.save(folder / name, found)
    command = "simulate", path.with_suffix(".snc"), "-i", folder, "--bin", 0.001
    found = json.loads(run(*command, "--spikes", spikes, "--json").out)
    winners = [int(np.argmax(stream["counts"]["output"])) for stream in found["streams"]]
    total = sum(sum(stream["counts"]["output"]) for stream in found["streams"])
    assert total == np.load(spikes)["value"].sum() > 0
    labels.write_text(f"b.npy,{winners[1]}\na.npy,{winners[0]}\n", encoding="utf-8")
    done = run(*command, "--labels", labels, "-o", tmp_path / "out.csv")
    assert (done.code, done.err) == (0, "")
    assert "first spikes" in done.out
    assert "100.00 % of 2 recordings" in done.out
    by_step = json.loads(run(*command[:4], "--json").out)
    assert by_step["frames"] > 5 * found["frames"], "a step of the network is a frame, where nobody says"


def test_a_refresh_is_of_so_many_frames(run: Run, digits: Path, frames: Path, tmp_path: Path) -> None:
    image = tmp_path / "digits.snc"
    assert run("compile", digits, "-o", image, "--neurons", "sigma-delta", "--json").code == 0
    plain, often = (
        json.loads(run("simulate", image, "-i", frames, "--labels", "label", *more, "--json").out)
        for more in ((), ("--refresh", 1))
    )
    assert plain["accuracy"] == often["accuracy"]
    assert plain["events"] != often["events"]


def test_two_images_run_beside_each_other(run: Run, digits: Path, image: Path, tmp_path: Path) -> None:
    """The frames of a picture that stands still: one image sends it again and again, the other once."""
    other, page = tmp_path / "changes.snc", tmp_path / "run.html"
    assert run("compile", digits, "-o", other, "--neurons", "sigma-delta", "--json").code == 0
    with np.load(digits.parent / "digits_test.npz") as held_out:
        np.save(tmp_path / "still.npy", np.repeat(held_out["image"][:1], 5, axis=0))
    command = "simulate", other, "-i", tmp_path / "still.npy", "--beside", image
    found = json.loads(run(*command, "--report", page, "--json").out)
    assert found["beside"]["equal"] == 5
    assert found["course"]["events"][1:] == [0] * 4
    of_frames = found["beside"]["course"]["events"]
    assert len(set(of_frames)) == 1
    assert sum(of_frames) == found["beside"]["run"]["events"]
    assert sum(found["course"]["events"]) == found["events"]
    assert "Energy of each frame" in page.read_text(encoding="utf-8")
    assert run(*command, "--report", page.with_suffix(".json")).code == 0
    report = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    energy = report["course"]["energy_nj"]
    assert energy[0] > 0 == sum(energy[1:])
    assert sum(energy) == pytest.approx(5 * report["estimates"]["energy_nj"])
    done = run(*command)
    assert "beside      5 of 5 frames are equal" in done.out
    assert "of the other" in done.out


def test_one_network_in_three_forms(
    run: Run, digits: Path, image: Path, frames: Path, tmp_path: Path
) -> None:
    """Frames, changes and rates on the same frames: one table, and accuracy against steps."""
    changes, rates, page = tmp_path / "changes.snc", tmp_path / "rates.snc", tmp_path / "run.html"
    assert run("compile", digits, "-o", changes, "--neurons", "sigma-delta", "--json").code == 0
    held_out, more = digits.parent / "digits_test.npz", ("--steps", 16, "--percentile", 100)
    done = run("compile", digits, "-o", rates, "--neurons", "if", "--data", held_out, *more, "--json")
    assert done.code == 0
    assert json.loads(done.out)["dynamics"] == "neurons=if steps=16"
    command = "simulate", rates, "-i", frames, "--labels", "label", "--beside", image, "--beside", changes
    done = run(*command, "--report", page)
    assert (done.code, done.err) == (0, "")
    assert "of digits.snc" in done.out
    assert "of changes.snc" in done.out
    assert "steps       right after 1: " in done.out
    assert "Right answers after each step" in page.read_text(encoding="utf-8")
    found = json.loads(run(*command, "--json").out)
    assert (found["frames"], len(found["accuracy_by_step"])) == (4, 16)
    assert found["accuracy_by_step"][-1] == found["accuracy"] == 1.0
    assert [Path(each["run"]["image"]).name for each in found["beside"]] == ["digits.snc", "changes.snc"]
    assert all(each["run"]["events"] < found["events"] for each in found["beside"])


def test_an_estimate_is_one_table_of_the_forms(run: Run, digits: Path, model: Path, tmp_path: Path) -> None:
    """Counters as `simulate --beside` has them, and the rule of a form that there cannot be."""
    stream, image, page = tmp_path / "moving.npz", tmp_path / "digits.snc", tmp_path / "forms.html"
    assert run("models", "stream", "-o", stream, "--digits", 2, "--frames", 4).code == 0
    command = "estimate", digits, "-i", stream, "--labels", "label", "--steps", 8
    done = run(*command, "--report", page)
    assert (done.code, done.err) == (0, "")
    assert [word in done.out for word in ("standard ", "sigma-delta ", "if ", "of dense")] == [True] * 4
    assert "Frame by frame" in page.read_text(encoding="utf-8")
    found = json.loads(run(*command, "--json").out)
    frames, changes, rates = found["forms"]
    assert [row["neurons"] for row in found["forms"]] == ["standard", "sigma-delta", "if"]
    assert (found["frames"], frames["equal"], frames["max_rel_error"]) == (8, 8, 0)
    assert changes["max_rel_error"] < 1e-6
    assert changes["synaptic_operations"] < frames["synaptic_operations"] < rates["synaptic_operations"]
    assert frames["accuracy"] == changes["accuracy"]
    assert run("compile", digits, "-o", image, "--json").code == 0
    alone = json.loads(run("simulate", image, "-i", stream, "--labels", "label", "--json").out)
    assert (alone["events"], alone["accuracy"]) == (frames["events"], frames["accuracy"])
    assert frames["of_dense"] == pytest.approx(alone["events"] / alone["dense_events"])
    net = Net()
    path, data = tmp_path / "cell.onnx", tmp_path / "x.npy"
    path.write_bytes(net.model(*net.cell("GRU", "x")[1:]).SerializeToString())
    np.save(data, np.random.default_rng(1).standard_normal((6, 1, FEATURES)).astype(np.float32))
    *_, refused = json.loads(run("estimate", path, "-i", data, "--json").out)["forms"]
    assert "it hears of the frame before" in refused["refusal"]
    assert run("estimate", model, "-i", data).code == 2
    crossbars = run("estimate", digits, "-i", stream, "--target", "crossbar-128")
    assert (crossbars.code, crossbars.out) == (2, "")
    assert "is a chip of crossbars, which this command does not take" in crossbars.err


def test_a_page_shows_spikes_and_rates(run: Run, model: Path, tmp_path: Path) -> None:
    steps, page, report = tmp_path / "steps.npy", tmp_path / "run.html", tmp_path / "run.json"
    assert run("compile", model, "--reset", "subtract", "--json").code == 0
    np.save(steps, (np.random.default_rng(1).random((50, 1, 6)) < 0.3).astype(np.float32))
    for file in (page, report):
        assert run("simulate", model.with_suffix(".snc"), "-i", steps, "--report", file).code == 0
    text = page.read_text(encoding="utf-8")
    assert "Spikes of output in the first stream" in text
    assert "Rates: spikes of a neuron in a frame" in text
    raster = json.loads(report.read_text(encoding="utf-8"))["raster"]
    assert (raster["output"], raster["frames"]) == ("output", 50)
    assert len(raster["spikes"]) > 0


def test_an_image_of_another_network_does_not_run_beside(
    run: Run, model: Path, image: Path, frames: Path
) -> None:
    assert run("compile", model, "--json").code == 0
    done = run("simulate", image, "-i", frames, "--labels", "label", "--beside", model.with_suffix(".snc"))
    assert done.code == 2
    assert "give two images of one network" in done.err


def test_a_stream_of_digits_is_written(run: Run, image: Path, tmp_path: Path) -> None:
    stream = tmp_path / "moving.npz"
    done = run("models", "stream", "-o", stream, "--digits", 2, "--frames", 4)
    assert (done.code, done.out) == (0, f"stream: {stream}, 8 frames of 2 digits\n")
    assert run("simulate", image, "-i", stream, "--labels", "label").code == 0
    assert run("models", "stream", "-o", stream, "--digits", 400).code == 2


def test_sequences_are_streams_with_a_label_each(run: Run, tmp_path: Path) -> None:
    """Rows of an array that are sequences: each begins anew, and its class is what the last step says."""
    net = Net()
    path, data = tmp_path / "cell.onnx", tmp_path / "x.npz"
    path.write_bytes(net.model(*net.cell("GRU", "x")[1:]).SerializeToString())
    done = run("compile", path, "--weights", "float32", "--json")
    assert (done.code, "a frame is one step of 'x' along axis 0" in done.err) == (0, True)
    sequences = np.random.default_rng(1).standard_normal((4, 6, FEATURES)).astype(np.float32)
    runtime = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    labels = [int(runtime.run(None, {"x": each[:, None]})[0].argmax()) for each in sequences]
    np.savez(data, x=sequences, label=np.array(labels))
    command = "simulate", path.with_suffix(".snc"), "-i", data, "--labels", "label"
    assert "100.00 % of 4 sequences" in run(*command).out
    found = json.loads(run(*command, "--json").out)
    assert (found["frames"], found["accuracy"]) == (24, 1.0)
    beside = json.loads(run(*command, "--against", path, "--json").out)["against"]
    assert beside["max_rel_error"] < 1e-5, "the model runs step by step, and begins anew where the image does"
    assert "carried=1" in run("inspect", path.with_suffix(".snc")).out
    assert [(stream["begin"], stream["last"]) for stream in found["streams"]] == list(
        zip((0, 6, 12, 18), labels, strict=True)
    )
    np.savez(data, x=sequences, label=np.array(labels[:3]))
    assert "give 4 whole numbers" in run(*command).err
    verified = run("verify", path, path.with_suffix(".snc"), "-i", data, "--json")
    assert (verified.code, json.loads(verified.out)["is_right"]) == (0, True)


def test_all_commands_take_a_network_of_lava(run: Run, tmp_path: Path) -> None:
    blocks = [
        nx.entry((1, 4, 4), nx.loihi(vThMant=1)),
        nx.conv(weights(1, 2, 1, 2, 2).round(0) * 9 + 9, nx.loihi(), (2, 3, 3)),
        nx.flatten(18),
        nx.dense((5 * weights(2, 3, 18)).round(), nx.loihi(vThMant=2), bias=[2, 0, 1]),
    ]
    model, steps = nx.saved(tmp_path, blocks), tmp_path / "steps.npy"
    image, out = model.with_suffix(".snc"), tmp_path / "out.npz"
    done = run("check", model)
    assert (done.code, "node     conv1 (LoihiCuba): exact" in done.out) == (0, True)
    done = run("compile", model, "--reset-interval", 9, "--json")
    assert done.code == 0, done.err
    assert "in whole numbers: a block sees what the one before sent a step ago" in done.err
    found = json.loads(done.out)
    assert found["dynamics"] == "dt=0.0001 dialect=lava reset=value reset_interval=9"
    assert set(found["fidelity"].values()) == {"exact"}
    np.save(steps, (np.random.default_rng(1).random((30, 1, 1, 4, 4)) < 0.5).astype(np.float32))
    assert run("simulate", image, "-i", steps, "-o", out).code == 0
    with np.load(out) as arrays:
        assert arrays["dense3"].any()
    for given in (("-i", steps), ("--random", 20, "--arithmetic", "chip")):
        done = run("verify", model, image, *given, "--json")
        assert done.code == 0, done.out
        assert json.loads(done.out)["max_abs_error"] == 0
    assert "Lava's equations" in run("verify", model, image).out
    assert run("compare", model).code == 0
    assert "time     dt=0.0001 dialect=lava" in run("inspect", image).out
    done = run("compile", model, "--reference", tmp_path / "reference.nir")
    assert (done.code, "it is its own reference" in done.err) == (2, True)
    done = run("compile", model, "--skip-layers", 9)
    assert (done.code, "has 4 blocks, 9 cannot be skipped" in done.err) == (2, True)
