"""A new user's session: every command of README, typed in a fresh folder, prints what README says."""

import os
import shlex
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
import onnx
import pytest

from .session import Typed, demo, differences, typed
from .tree import ROOT

LATER = "snc simulate changes.snc -i stream.npy --beside frames.snc"  # README has it within a sentence


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a user has beside an installation: the files that ship, and those that README speaks of."""
    found = tmp_path_factory.mktemp("session")
    (found / "models").mkdir()
    for name in ("digits.onnx", "digits_test.npz"):
        shutil.copy(ROOT / "models" / name, found / "models")
    write_unmappable(found / "unmappable.onnx")
    (found / "small.toml").write_text('name = "small"\nmesh = [2, 1]\ncore_words = 600\n', encoding="utf-8")
    write_spiking(found)
    np.save(found / "stream.npy", np.zeros((3, 1, 1, 8, 8), dtype=np.float32))
    return found


def write_unmappable(path: Path) -> None:
    """An operator that cannot be mapped between two convolutions."""
    x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 2, 8, 8]) for name in "xy")
    nodes = [
        onnx.helper.make_node("Conv", ["x", "w"], ["t0"], name="conv0"),
        onnx.helper.make_node("CumSum", ["t0", "axis"], ["t1"], name="cumsum0"),
        onnx.helper.make_node("Conv", ["t1", "w"], ["y"], name="conv1"),
    ]
    held = [
        onnx.numpy_helper.from_array(np.eye(2, dtype=np.float32)[:, :, None, None], "w"),
        onnx.numpy_helper.from_array(np.array(2), "axis"),
    ]
    opsets = [onnx.helper.make_opsetid("", 17)]
    onnx.save(
        onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [x], [y], held), opset_imports=opsets), path
    )


def write_spiking(folder: Path) -> None:
    """A network of spiking neurons, two recordings and the class of each."""
    random = np.random.default_rng(0)
    nodes = {
        "input": nir.Input({"input": np.array([2, 5, 6])}),
        "flat": nir.Flatten({"input": np.array([2, 5, 6])}, 0, -1),
        "fc": nir.Linear(np.abs(random.normal(size=(3, 60))).astype(np.float32)),
        "if": nir.IF(r=np.ones(3), v_threshold=np.ones(3), v_reset=np.zeros(3)),
        "output": nir.Output({"output": np.array([3])}),
    }
    graph = nir.NIRGraph(nodes, [], type_check=False)
    graph.edges = [*pairwise(nodes)]
    nir.write(folder / "net.nir", graph)
    (folder / "recordings").mkdir()
    kind = np.dtype([("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "<i1")])
    for name in ("a", "b"):
        events = np.zeros(100, dtype=kind)
        events["t"] = np.sort(random.integers(0, 9_000, 100))
        events["x"], events["y"] = random.integers(0, 6, 100), random.integers(0, 5, 100)
        np.save(folder / "recordings" / f"{name}.npy", events)
    (folder / "labels.txt").write_text("a.npy,0\nb.npy,1\n", encoding="utf-8")


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A plain terminal of 80 columns in which `snc` is this installation's."""
    scripts = tmp_path_factory.mktemp("bin")
    (scripts / "snc").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m snc "$@"\n')
    (scripts / "snc").chmod(0o755)
    return {**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}", "COLUMNS": "80"}


def test_a_session_as_typed(folder: Path, environment: dict[str, str]) -> None:
    def run(command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=600
        )

    session = typed("README.md")
    commands = [each.command for each in session]
    assert len(commands) == 8
    rest = [command for command in demo() if command not in commands]
    others = ["simulate", "inspect", "models", "compile", "compile", "simulate"]
    assert [command.split()[1] for command in rest] == others, "the others are README's"
    for command, lines in (*session, *(Typed(command, ()) for command in rest)):
        done = run(command)
        if lines and lines[0].strip().startswith("snc: error: "):
            assert done.returncode in (2, 3), command
            assert done.stderr.split() == " ".join(lines).split(), command
            continue
        assert done.returncode == 0, (command, done.stderr)
        assert all(line.startswith("snc: note: ") for line in done.stderr.splitlines()), done.stderr
        assert done.stdout or ">" in command, command
        assert not lines or differences(lines, done.stdout.splitlines()) == [], command
    assert LATER in " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    for name, option in (("frames", ""), ("changes", " --neurons sigma-delta")):
        assert run(f"snc compile models/digits.onnx -o {name}.snc{option}").returncode == 0
    assert run(LATER).returncode == 0
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert written >= {"out/digits.snc", "out/digits.npz", "net.snc", "out.npy"}


def test_what_differs_from_a_document_is_found() -> None:
    shown = ["digits: 3 frames in 0.56 s", "... (the outputs)", "a  1", "", "b  2.61e-07"]
    same = ["digits: 3 frames in 1.07 s", "frame 0", "frame 1", "a   1", "b  3.1e-07"]
    assert differences(shown, same) == []
    for wrong in (
        same[1:],
        same[:-1],
        [*same, "more"],
        [*same[:3], "a  2", same[4]],
        [same[0], same[4], same[3]],
    ):
        assert differences(shown, wrong) != []
    assert differences(same, same) == []
    assert differences(same, same[::-1]) != []
