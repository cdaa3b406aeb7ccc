"""What the host is left with is said, and refused where it is most of the work."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from snc.cli.main import main
from snc.compiler.frontend.read import to_layers
from snc.compiler.pipeline.check import check
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.host_work import percent, too_much, weighted_on_host
from snc.compiler.pipeline.options import Options
from snc.compiler.targets.target import load_target
from snc.ir.errors import Unsupported
from snc.ir.layers import LayerGraph
from snc.passes.lowering.host import split_host

CHIP = load_target("grai-vip")


def with_recurrence(hidden: int) -> onnx.ModelProto:
    """A convolution, and behind it a recurrent layer, which only the host computes."""
    random = np.random.default_rng(0)
    held = {
        "w": random.standard_normal((4, 3, 3, 3)).astype(np.float32),
        "s": np.array([1, 1, 144]),
        "u": random.standard_normal((1, hidden, 144)).astype(np.float32),
        "r": random.standard_normal((1, hidden, hidden)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Reshape", ["a", "s"], ["f"], name="flat"),
        helper.make_node("RNN", ["f", "u", "r"], ["y"], name="recurrent", hidden_size=hidden),
    ]
    graph = helper.make_graph(
        nodes,
        "mixed",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 6, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 1, hidden])],
        [numpy_helper.from_array(value, name) for name, value in held.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def saved(folder: Path, hidden: int) -> Path:
    """The model in a file."""
    path = folder / "mixed.onnx"
    path.write_bytes(with_recurrence(hidden).SerializeToString())
    return path


def test_most_of_the_work_on_the_host_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, 64)
    with pytest.raises(Unsupported, match=r"mixed\.onnx: the host would keep 77 % .* recurrent \(RNN\)"):
        compile_model(path, CHIP, Options(effort=1.0))
    found = check(path, CHIP, Options())
    assert (found.exit_code, found.is_supported) == (2, False)
    assert "--force" in found.problems[0].way_out
    forced = compile_model(path, CHIP, Options(effort=1.0, force=True))
    assert forced.image.about.host_after == ("recurrent",)
    assert "recurrent (RNN)" in forced.prepared.warnings[0]


def test_some_of_it_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path, 4)
    assert "recurrent (RNN)" in check(path, CHIP, Options()).notes[0]
    assert main(["compile", str(path), "-o", str(tmp_path / "mixed.snc"), "--json"]) == 0
    warning = (
        "snc: warning: the host computes recurrent (RNN), with their weights: 13 % of the multiplications"
    )
    assert capsys.readouterr().err.strip() == warning
    assert main(["compile", str(saved(tmp_path, 64)), "-o", str(tmp_path / "mixed.snc")]) == 2
    assert "--force" in capsys.readouterr().err
    assert main(["compile", str(saved(tmp_path, 64)), "-o", str(tmp_path / "mixed.snc"), "--force"]) == 0


def integers() -> LayerGraph:
    """Operators on integers beside one another."""
    held = {
        "w": np.ones((4, 3, 3, 3), dtype=np.int8),
        "m": np.ones((6, 5), dtype=np.int8),
        "one": np.float32(1),
        "zero": np.int8(0),
    }
    x, s = ["x", "one", "zero"], ["one", "zero"]
    nodes = [
        helper.make_node("ConvInteger", ["x", "w"], ["a"], name="a"),
        helper.make_node("QLinearConv", [*x, "w", *s, *s], ["b"], name="b"),
        helper.make_node("MatMulInteger", ["x", "m"], ["c"], name="c"),
        helper.make_node("QLinearMatMul", [*x, "m", *s, *s], ["d"], name="d"),
    ]
    graph = helper.make_graph(
        nodes,
        "integers",
        [helper.make_tensor_value_info("x", TensorProto.INT8, [1, 3, 6, 6])],
        [onnx.ValueInfoProto(name=name) for name in "abcd"],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in held.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return to_layers(onnx.shape_inference.infer_shapes(made, strict_mode=True), "integers")


def test_operators_on_integers_multiply_too() -> None:
    graph = integers()
    assert [graph.macs(layer) for layer in graph.layers] == [1728, 1728, 540, 540]


@pytest.mark.parametrize(
    ("share", "text"),
    [(1.0, "100 %"), (0.5049, "50 %"), (0.0123, "1.2 %"), (0.00042, "0.042 %"), (1e-7, "less than 0.01 %")],
)
def test_shares_are_readable(share: float, text: str) -> None:
    assert percent(share) == text


def test_a_product_of_results_has_no_weights(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    held = {"w": random.standard_normal((3, 3, 1, 1)).astype(np.float32), "s": np.array([1, 3, 36])}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="conv"),
        helper.make_node("Reshape", ["a", "s"], ["b"], name="flat"),
        helper.make_node("Transpose", ["b"], ["c"], name="turned", perm=[0, 2, 1]),
        helper.make_node("MatMul", ["b", "c"], ["y"], name="product"),
    ]
    graph = helper.make_graph(
        nodes,
        "attention",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 6, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 3])],
        [numpy_helper.from_array(value, name) for name, value in held.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    layers = to_layers(onnx.shape_inference.infer_shapes(made), "attention")
    parts = split_host(layers, {"y": Unsupported(None, "no weights are constant")})
    assert parts.share_of_macs == 0.5
    assert weighted_on_host(layers, parts) == ()
    assert too_much(layers, parts) is None
