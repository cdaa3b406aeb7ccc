"""`snc target` and `snc models`."""

import json
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from snc.compiler.targets.target import load_target

from .conftest import Run


def test_target_list(run: Run) -> None:
    done = run("target", "list")
    assert (done.code, done.err) == (0, "")
    rows = [line.split() for line in done.out.splitlines()]
    assert ["grai-vip", "12", "x", "12", "144", "256.0", "kB", "36.0", "MB", "16", "x", "16"] in rows
    assert ["embedded-16", "4", "x", "4", "16", "64.0", "kB", "1.0", "MB", "8", "x", "8"] in rows
    assert ["crossbar-128", "5", "x", "5", "25", "128", "x", "128", "128", "32"] in rows
    names = [chip["name"] for chip in json.loads(run("target", "list", "--json").out)]
    assert names == ["crossbar-128", "embedded-16", "grai-vip", "grai-vip-strided"]


def test_target_show_is_a_target_file(run: Run, tmp_path: Path) -> None:
    done = run("target", "show", "grai-vip")
    assert "core_words = 32768         # 64-bit words of the memory of a core\n" in done.out
    own = tmp_path / "own.toml"
    own.write_text(done.out)
    assert load_target(str(own)) == load_target("grai-vip")
    own.write_text('name = "my \\"chip\\""\nmesh = [3, 4]\n')
    again = tmp_path / "again.toml"
    again.write_text(run("target", "show", own).out)
    assert load_target(str(again)) == load_target(str(own))
    assert json.loads(run("target", "show", own, "--json").out)["mesh"] == [3, 4]


def test_target_init_writes_a_file_once(run: Run, tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    done = run("target", "init", own)
    assert (done.code, done.out) == (0, "")
    assert load_target(str(own)) == replace(load_target("grai-vip"), name="mine")
    again = run("target", "init", own, "--from", "embedded-16")
    assert again.code == 2
    assert "--force" in again.err
    assert run("target", "init", own, "--from", "embedded-16", "--force").code == 0
    assert load_target(str(own)) == replace(load_target("embedded-16"), name="mine")
    assert run("target", "init", own / "own.toml").code == 2
    assert run("target", "init", tmp_path / "new" / "own.toml").code == 0


def test_models_list(run: Run) -> None:
    done = run("models", "list")
    assert (done.code, done.err) == (0, "")
    names = [entry["name"] for entry in json.loads(run("models", "list", "--json").out)]
    assert names[:4] == ["digits", "stdp-digits", "stdp-mnist", "untrained-digits"]
    assert all(name in done.out for name in names)


def test_models_build(run: Run, tmp_path: Path) -> None:
    done = run("models", "build", "pilotnet", "-o", tmp_path / "p.onnx", "--seed", "1")
    assert done.code == 0
    onnx.checker.check_model(onnx.load(tmp_path / "p.onnx"))
    run("models", "build", "pilotnet", "-o", tmp_path / "q.onnx", "--seed", "1")
    assert (tmp_path / "p.onnx").read_bytes() == (tmp_path / "q.onnx").read_bytes()


def test_folders_that_are_missing_are_made(run: Run, tmp_path: Path) -> None:
    assert run("models", "build", "digits", "-o", tmp_path / "new" / "digits.onnx").code == 0
    image, listing = tmp_path / "out" / "of" / "digits.snc", tmp_path / "lists" / "digits.txt"
    assert run("compile", tmp_path / "new" / "digits.onnx", "-o", image).code == 0
    assert run("disasm", image, "-o", listing).code == 0
    assert image.is_file()
    assert listing.is_file()


def test_no_folder_is_made_for_what_is_not_written(run: Run, tmp_path: Path) -> None:
    done = run("compile", tmp_path / "none.onnx", "-o", tmp_path / "out" / "none.snc")
    assert done.code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("group", ["target", "models"])
def test_a_group_alone_shows_its_commands(run: Run, group: str) -> None:
    done = run(group)
    assert (done.code, done.out) == (2, "")
    assert "list" in done.err
