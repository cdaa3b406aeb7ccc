"""`snc check`: every problem at once, nothing solved."""

import json
from pathlib import Path

import pytest

from .conftest import Run, write_model


def test_a_model_without_problems(run: Run, digits: Path) -> None:
    done = run("check", digits)
    assert (done.code, done.err) == (0, "")
    assert "digits.onnx: supported by grai-vip" in done.out
    assert "1,930 neurons" in done.out
    found = json.loads(run("check", digits, "--json").out)
    assert found["is_supported"]
    assert found["problems"] == []
    assert {layer["where"] for layer in found["layers"]} == {"chip"}


def test_every_problem_at_once(run: Run, tmp_path: Path) -> None:
    model = write_model(
        tmp_path / "odd.onnx", "CumSum", "Relu", "RandomNormalLike", "RandomUniformLike", closed=True
    )
    done = run("check", model, "--json")
    assert (done.code, done.err) == (2, "")
    found = json.loads(done.out)
    assert [(p["node"], p["operator"]) for p in found["problems"]] == [
        ("cumsum0", "CumSum"),
        ("randomnormallike2", "RandomNormalLike"),
        ("randomuniformlike3", "RandomUniformLike"),
    ]
    assert all(p["rule"] and p["way_out"] and p["exit_code"] == 2 for p in found["problems"])
    assert [layer["where"] for layer in found["layers"]] == [
        "chip",
        "refused",
        "chip",
        "refused",
        "refused",
        "chip",
    ]
    text = run("check", model).out
    assert "odd.onnx: 3 problems on grai-vip" in text
    assert "randomnormallike2 (RandomNormalLike)" in text


def test_nodes_that_break_the_same_rule_are_told_in_one_breath(run: Run, tmp_path: Path) -> None:
    done = run("check", write_model(tmp_path / "odd.onnx", *["CumSum"] * 5, closed=True))
    assert "cumsum0, cumsum1, cumsum2 and 2 more (CumSum)" in done.out
    assert done.out.count("way out") == 1


def test_an_attribute_that_cannot_be_had_is_a_problem_of_its_node(run: Run, tmp_path: Path) -> None:
    done = run("check", write_model(tmp_path / "odd.onnx", "Fancy", "Relu", "Plain"), "--json")
    assert done.code == 2
    assert [p["node"] for p in json.loads(done.out)["problems"]] == ["fancy0", "plain2"]


def test_what_the_host_keeps(run: Run, tmp_path: Path) -> None:
    done = run("check", write_model(tmp_path / "soft.onnx", "Relu", "Softmax"))
    assert done.code == 0
    assert "host     softmax1 (Softmax): stands at an end of the network, where the host has" in done.out


def test_states_alone_may_be_too_many(run: Run, tmp_path: Path) -> None:
    tiny = tmp_path / "tiny.toml"
    tiny.write_text('name = "tiny"\nmesh = [1, 1]\n')
    done = run("check", write_model(tmp_path / "large.onnx", size=256), "--target", tiny)
    assert done.code == 3
    assert "its states alone take 524288 bytes, the 1 cores of tiny have 262144" in done.out


@pytest.mark.parametrize("text", ["hello\n", ""])
def test_what_is_no_model_is_an_error(run: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "text.onnx").write_text(text)
    done = run("check", tmp_path / "text.onnx")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"snc: error: {tmp_path / 'text.onnx'}: is no ONNX model")
