"""The command as a user calls it, in this process; the digits network, compiled once; a small model."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from snc.cli.main import main
from snc.compiler.running.runner import Runner

MODELS = Path(__file__).parents[2] / "models"


class Done(NamedTuple):
    """How a call ended, and what it said."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("compile", path, ...)`: the command on a plain terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: object) -> Done:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Done(code, *capsys.readouterr())

    return call


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], list[int]]:
    """`interrupted(n)`: the n-th call of a runner is interrupted. Hands on the calls since. Frames are run
    one by one, as large ones are.
    """
    whole = Runner.__call__
    monkeypatch.setattr(Runner, "together", 1)

    def at(last: int | None) -> list[int]:
        calls: list[int] = []

        def call(self: Runner, *arguments: Any, **options: Any) -> Any:
            calls.append(len(calls))
            if len(calls) == last:
                raise KeyboardInterrupt
            return whole(self, *arguments, **options)

        monkeypatch.setattr(Runner, "__call__", call)
        return calls

    return at


@pytest.fixture
def digits() -> Path:
    """The digits network that ships."""
    return MODELS / "digits.onnx"


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits network's image."""
    path = tmp_path_factory.mktemp("image") / "digits.snc"
    assert main(["compile", str(MODELS / "digits.onnx"), "-o", str(path), "--json"]) == 0
    return path


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """Four held-out digits with their labels."""
    with np.load(MODELS / "digits_test.npz") as held_out:
        path = tmp_path / "frames.npz"
        np.savez(path, image=held_out["image"][:4], label=held_out["label"][:4])
    return path


def write_model(
    path: Path,
    *operators: str,
    size: int = 8,
    closed: bool = False,
    batch: int = 1,
    free: Sequence[int] = (),
) -> Path:
    """A convolution of [batch, 3, size, size] maps, and the named operators behind it, one after the other.

    `closed`: another convolution ends it, so that the host can have none of them. `free`: axes of the input
    whose size the model does not say.
    """
    weights = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)
    nodes = [helper.make_node("Conv", ["x", "w"], ["t0"], name="conv", pads=[1, 1, 1, 1])]
    for index, operator in enumerate(operators):
        nodes.append(
            helper.make_node(
                operator,
                [f"t{index}", *(["axis"] if operator == "CumSum" else [])],
                [f"t{index + 1}"],
                name=f"{operator.lower()}{index}",
            )
        )
    end = f"t{len(operators)}"
    if closed:
        nodes.append(helper.make_node("Conv", [end, "v"], ["y"], name="last"))
        end = "y"
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, size, size])],
        [helper.make_tensor_value_info(end, TensorProto.FLOAT, [batch, 4, size, size])],
        [
            numpy_helper.from_array(weights, "w"),
            numpy_helper.from_array(np.array(2), "axis"),
            numpy_helper.from_array(
                weights[:, :1, :1, :1] * np.eye(4, dtype=np.float32)[:, :, None, None], "v"
            ),
        ],
    )
    for axis in free:
        graph.input[0].type.tensor_type.shape.dim[axis].dim_param = f"n{axis}"
        graph.output[0].type.tensor_type.shape.dim[axis].dim_param = f"m{axis}"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path
