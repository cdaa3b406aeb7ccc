"""`snc train`: an image that learns, its report, what it costs, and how it goes on after an interrupt."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiler.learners import INPUTS, SMALL, untrained
from compiler.nir_graphs import saved

from snc.backends.image.container import load, save, write_image
from snc.backends.machine.machine import Machine
from snc.compiler.running.training import train as training
from snc.models.stdp.network import EVENT

from .conftest import Done, Run

RULE = 'from = "input"\nto = "neurons"\nwindow = 3\ngrowth = 20\n'
RECORDINGS = 6


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """The file of a network that is not trained."""
    return saved(tmp_path, untrained(SMALL)[0])


@pytest.fixture
def rule(tmp_path: Path) -> Path:
    path = tmp_path / "rule.toml"
    path.write_text(RULE)
    return path


@pytest.fixture
def learning(run: Run, net: Path, rule: Path, tmp_path: Path) -> Path:
    """The image of the network, with its rule."""
    path = tmp_path / "untrained.snc"
    assert run("compile", net, "--learning", rule, "-o", path).code == 0
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Recordings, and their labels: of the even ones, one map spikes; of the odd ones, the other."""
    random = np.random.default_rng(5)
    found = tmp_path / "recordings"
    found.mkdir()
    lines = []
    for number in range(RECORDINGS):
        given = random.random((SMALL.steps, INPUTS)) < 0.5
        given[:, number % 2 * INPUTS // 2 : (number % 2 + 1) * INPUTS // 2] = False
        steps, inputs = np.nonzero(given)
        events = np.zeros(len(steps), dtype=EVENT)
        events["t"], events["p"] = steps * 1000, inputs // 9
        events["y"], events["x"] = np.divmod(inputs % 9, 3)
        np.save(found / f"{number}.npy", events)
        lines.append(f"{number}.npy,{number % 2}\n")
    (found / "labels.txt").write_text("".join(lines))
    return found


def test_an_image_learns_and_is_written_back(run: Run, learning: Path, folder: Path, tmp_path: Path) -> None:
    out, labels = tmp_path / "trained.snc", folder / "labels.txt"
    options = ("-i", folder, "--bin", 0.001, "--labels", labels)
    tried = ("--held-out", folder, "--held-out-labels", labels)
    done = run("train", learning, *options, *tried, "-o", out, "--passes", 2)
    assert (done.code, done.err) == (0, "")
    assert "net.nir: 12 recordings, " in done.out
    for line in ("updates ", "weights ", "thresholds ", "image ", "index ", "bitmap ", "functional "):
        assert f"\n{line}" in done.out
    assert f"right       100.00 % of {RECORDINGS} recordings, held out" in done.out
    assert not (tmp_path / "trained.snc.part").exists()
    # The same by hand: a machine that is shown the same frames.
    again = tmp_path / "again.snc"
    found = json.loads(run("train", learning, *options, "-o", again, "--passes", 2, "--json").out)
    page = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
    assert all(f"`{key}`" in page for key in (*found, *found["learnt"], *found["encodings"][0]))
    assert again.read_bytes() == out.read_bytes() != learning.read_bytes()
    learnt = found["learnt"]
    assert learnt["weight_reads"] == learnt["updates"] * INPUTS
    assert 0 < learnt["weight_writes"] <= learnt["weight_reads"]
    own, index, bitmap, functional = found["encodings"]
    assert [each["name"] for each in found["encodings"]] == ["image", "index", "bitmap", "functional"]
    thresholds = 2 * learnt["updates"]
    assert own["learning"]["words"] == learnt["weight_reads"] + learnt["weight_writes"] + thresholds
    # A head and a weight of each row; a word of bits more; at least a word of names more.
    assert functional["learning"]["accesses"]["table_reads"] == 2 * learnt["weight_reads"]
    assert bitmap["learning"]["accesses"]["table_reads"] == 3 * learnt["weight_reads"]
    assert index["learning"]["accesses"]["table_reads"] >= 3 * learnt["weight_reads"]
    assert found["accuracy"] == {"shown": 1.0}
    # It is an image like any other, which may learn more.
    assert run("inspect", out).code == run("disasm", out).code == 0
    assert run("simulate", out, "-i", folder, "--bin", 0.001).code == 0
    more = run("train", out, *options, "-o", tmp_path / "more.snc", "--json")
    assert json.loads(more.out)["learnt"]["updates"] > 0
    assert (tmp_path / "more.snc").read_bytes() != out.read_bytes()


def test_reports_show_the_rule(run: Run, learning: Path, net: Path, tmp_path: Path) -> None:
    said = "\nlearning neurons from input: 4 steps, 2^-2 of the way to 127, stochastic rounding\n"
    assert said in run("inspect", learning).out
    (found,) = json.loads(run("inspect", learning, "--json").out)["learning"]
    assert (found["source"], found["to"], found["noise"], found["settled"]) == ("input", "neurons", 1, None)
    page = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
    assert all(f"`{key}`" in page for key in found)
    plain = tmp_path / "plain.snc"
    assert "learning" not in run("compile", net, "-o", plain).out


def test_nothing_is_learnt_in_no_pass(run: Run, learning: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.snc"
    done = run("train", learning, "-i", folder, "--bin", 0.001, "-o", out, "--passes", 0)
    assert done.code == 0
    assert out.read_bytes() == learning.read_bytes()


def without_time(done: Done) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.out)
    for name in ("seconds", "image"):
        del found[name]
    return found


@pytest.mark.parametrize("every", [0.0, 1e9])  # seconds: kept behind each recording, or at the end alone
def test_an_interrupt_keeps_what_is_learnt(
    every: float,
    run: Run,
    learning: Path,
    folder: Path,
    tmp_path: Path,
    interrupted: Callable[[int | None], list[int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(training, "SECONDS_MAX", every)
    options = (learning, "-i", folder, "--bin", 0.001, "--passes", 2, "--json", "-o")
    wanted = run("train", *options, tmp_path / "wanted.snc")
    out, part = tmp_path / "out.snc", tmp_path / "out.snc.part"
    interrupted(SMALL.steps - 5)  # in the first recording
    assert run("train", *options, out).err == "snc: interrupted\n"
    assert not part.exists()
    for kept, last in ((2, 3 * SMALL.steps - 5), (5, 4 * SMALL.steps - 5)):
        interrupted(last)
        done = run("train", *options, out, "--resume")
        assert done.code == 130
        assert done.err == (
            f"snc: interrupted: {kept} of 12 recordings are kept in {part}, --resume goes on from there\n"
        )
    other = run("train", *options, out, "--resume", "--passes", 3)
    assert "is of another run: passes changed" in other.err
    interrupted(None)
    done = run("train", *options, out, "--resume")
    assert (done.code, done.err) == (0, "")
    assert out.read_bytes() == (tmp_path / "wanted.snc").read_bytes()
    mine, whole = without_time(done), without_time(wanted)
    assert mine == whole
    assert not part.exists()
    part.write_bytes(b"{}\nnothing")
    assert "is no partial training" in run("train", *options, out, "--resume").err
    assert "replaced, though recordings are left in it" in run("train", *options, out).err
    assert not part.exists()


def test_what_cannot_be_trained(
    run: Run, image: Path, net: Path, learning: Path, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.snc"
    plain = tmp_path / "plain.snc"
    assert run("compile", net, "-o", plain).code == 0
    done = run("train", plain, "-i", folder, "--bin", 0.001, "-o", out)
    assert done.code == 2
    assert "plain.snc: has no rule by which it could learn (compile the network with --learning" in done.err
    for text, rule in (
        ("", "does not say 'from'"),
        (f"{RULE}window = 300", "is no TOML file"),
        (RULE.replace("3", "300"), "window = 300 is not what it takes (give a whole number from 0 to 255)"),
        (f"{RULE}rounding = 3", "rounding = 3 is not what it takes (give one of truncate, nearest, stoch"),
        (f"{RULE}rounding = []", "rounding = [] is not what it takes (give one of truncate, nearest, stoch"),
        (f"{RULE}speed = 1", "'speed' says nothing of a rule of learning"),
        (RULE.replace("neurons", "input"), "is of INPUT neurons, of which none learns"),
    ):
        (tmp_path / "bad.toml").write_text(text)
        done = run("compile", net, "--learning", tmp_path / "bad.toml", "-o", out)
        assert done.code == 2
        assert rule in done.err
    done = run("compile", net, "--learning", tmp_path / "none.toml", "-o", out)
    assert "none.toml: cannot be read" in done.err
    done = run("compile", net, "--learning", tmp_path / "rule.toml", "--target", "crossbar-128", "-o", out)
    assert "--learning is of cores, this is a chip of crossbars" in done.err
    done = run("train", learning, "-i", folder, "-o", out, "--held-out", folder)
    assert done.code == 2
    assert not out.exists()
    labels = folder / "labels.txt"
    other = shutil.copy(labels, tmp_path / "other.txt")
    tried = ("--labels", labels, "--held-out", folder, "--held-out-labels", other)
    for path in (labels, other):
        done = run("train", learning, "-i", folder, *tried, "-o", path)
        assert (done.code, done.out) == (2, "")
        assert "cannot be written: it is read by this command" in done.err


def test_what_learns_is_the_machine(learning: Path, folder: Path, run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out.snc"
    assert run("train", learning, "-i", folder, "--bin", 0.001, "-o", out).code == 0
    machine = Machine(load(learning), learns=True)
    for path in sorted(folder.glob("*.npy")):
        events = np.load(path)
        machine.restart()
        frames = np.zeros((int(events["t"].max()) // 1000 + 1, 1, 2, 3, 3), dtype=np.float32)
        for event in events:
            frames[event["t"] // 1000, 0, event["p"], event["y"], event["x"]] += 1
        for frame in frames:
            machine.run({"input": frame})
    assert write_image(machine.trained()) == out.read_bytes()
    save(out, machine.trained())
    assert write_image(load(out)) == out.read_bytes()
