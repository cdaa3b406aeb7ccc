"""`snc target` and `snc models`."""

import json
from pathlib import Path

import onnx
import pytest

from snc.compiler.target import load_target

from .conftest import Run


def test_target_list(run: Run) -> None:
    done = run("target", "list")
    assert (done.code, done.err) == (0, "")
    assert "grai-vip  12 x 12    144  256.0 kB    36.0 MB  16 x 16" in done.out
    assert [chip["name"] for chip in json.loads(run("target", "list", "--json").out)] == ["grai-vip"]


def test_target_show_is_a_target_file(run: Run, tmp_path: Path) -> None:
    done = run("target", "show", "grai-vip")
    assert "core_words = 32768         # 64-bit words a core: 256 kB\n" in done.out
    own = tmp_path / "own.toml"
    own.write_text(done.out)
    assert load_target(str(own)) == load_target("grai-vip")
    own.write_text('name = "my \\"chip\\""\nmesh = [3, 4]\n')
    again = tmp_path / "again.toml"
    again.write_text(run("target", "show", own).out)
    assert load_target(str(again)) == load_target(str(own))
    assert json.loads(run("target", "show", own, "--json").out)["mesh"] == [3, 4]


def test_models_list(run: Run) -> None:
    done = run("models", "list")
    assert (done.code, done.err) == (0, "")
    names = [entry["name"] for entry in json.loads(run("models", "list", "--json").out)]
    assert names[:2] == ["digits", "pilotnet"]
    assert all(name in done.out for name in names)


def test_models_build(run: Run, tmp_path: Path) -> None:
    done = run("models", "build", "pilotnet", "-o", tmp_path / "p.onnx", "--seed", "1")
    assert done.code == 0
    onnx.checker.check_model(onnx.load(tmp_path / "p.onnx"))
    run("models", "build", "pilotnet", "-o", tmp_path / "q.onnx", "--seed", "1")
    assert (tmp_path / "p.onnx").read_bytes() == (tmp_path / "q.onnx").read_bytes()


@pytest.mark.parametrize("group", ["target", "models"])
def test_a_group_alone_shows_its_commands(run: Run, group: str) -> None:
    done = run(group)
    assert (done.code, done.out) == (2, "")
    assert "list" in done.err
