"""A float model quantised on frames: ranges are those of the frames, and it is compiled as its integers."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from oracle.writer import Writer

from snc.compiler.choosing.integers import Style, quantised
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.verify import verify
from snc.ir.errors import BadInput, Unsupported
from snc.ir.layers import Value

from .reference import CHIP

Frames = list[Mapping[str, NDArray[np.float32]]]
Opener = Callable[[Sequence[Value]], Frames]


def drawn(count: int = 8, seed: int = 0) -> Opener:
    """Noise in the shapes of a network's inputs."""

    def frames(inputs: Sequence[Value]) -> Frames:
        random = np.random.default_rng(seed)
        return [
            {v.name: random.normal(size=v.shape).astype(np.float32) for v in inputs} for _ in range(count)
        ]

    return frames


def small(path: Path, opset: int = 13, dead: bool = False) -> Path:
    """A convolution, and a product whose bias is a row. `dead`: a channel without weights, whose bias its
    scale would make larger than any integer.
    """
    w, random = Writer(opset, 0), np.random.default_rng(1)

    def values(*shape: int) -> NDArray[np.float32]:
        return random.normal(size=shape).astype(np.float32)

    weights, bias = values(6, 3, 3, 3), values(6)
    if dead:
        weights[2] = 1e-9
        bias[2] = -0.7
    x = w.input((1, 3, 8, 8))
    x = w.add("Relu", w.add("Conv", x, w.constant(weights), w.constant(bias), pads=[1, 1, 1, 1]))
    x = w.add("Flatten", w.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]))
    x = w.add("Gemm", x, w.constant(values(96, 5)), w.constant(values(1, 5)))
    onnx.save(w.model([x], "small"), path)
    return path


def checked(path: Path, model: onnx.ModelProto, frames: Opener) -> int:
    """How many layers' integers are those of a quantised model, all of them equal."""
    path.write_bytes(model.SerializeToString())
    found = compile_model(path, CHIP, Options(effort=0.1))
    assert found.graph.is_whole
    verdict = verify(path, found.image, [dict(frame) for frame in frames(found.graph.inputs)[:3]])
    integers = verdict.compared["integers"].outputs
    assert verdict.is_right
    assert [each.mismatches for each in integers] == [0] * len(integers)
    return len(integers)


@pytest.mark.parametrize(
    ("form", "types", "per_channel"),
    [
        ("qdq", ("uint8", "int8"), True),
        ("qdq", ("int8", "int8"), False),
        ("qoperator", ("int8", "int8"), True),
        ("qoperator", ("uint8", "uint8"), False),
    ],
)
def test_it_is_compiled_as_its_integers(
    form: str, types: tuple[str, str], per_channel: bool, tmp_path: Path
) -> None:
    path = small(tmp_path / "small.onnx")
    found = quantised(path, drawn(), Style(form, *types, per_channel), {})
    operators = {node.op_type for node in found.model.graph.node}
    assert ("QLinearConv" in operators) == (form == "qoperator")
    assert found.obstacle is None
    assert (found.frames, found.calibration.frames) == (6, 6)
    assert found.held_out is not None
    assert found.held_out.frames == 2
    assert found.calibration.sqnr_db > 25
    assert checked(tmp_path / "int8.onnx", found.model, drawn(3, seed=1)) >= 3
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in found.model.graph.initializer}
    kernel = next(array for array in held.values() if array.shape == (6, 3, 3, 3))
    assert kernel.dtype == types[1]
    assert any(array.shape == (6,) and array.dtype == np.float32 for array in held.values()) == per_channel


def test_a_channel_without_weights_has_a_bias_as_large_as_integers_are(tmp_path: Path) -> None:
    found = quantised(small(tmp_path / "small.onnx", dead=True), drawn(), Style(), {})
    biases = [t for t in found.model.graph.initializer if t.data_type == TensorProto.INT32]
    assert max(np.abs(numpy_helper.to_array(t).astype(np.int64)).max() for t in biases) > 2**30
    assert found.obstacle is None
    checked(tmp_path / "int8.onnx", found.model, drawn(3, seed=1))


@pytest.mark.parametrize("method", ["entropy", "percentile"])
def test_ranges_of_most_values_need_no_words_on_stdout(
    method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = quantised(small(tmp_path / "small.onnx"), drawn(), Style(method=method), {})
    assert found.calibration.sqnr_db > 20
    assert capsys.readouterr() == ("", "")


def test_older_operator_sets_are_brought_up(tmp_path: Path) -> None:
    found = quantised(small(tmp_path / "small.onnx", opset=9), drawn(), Style(), {})
    assert found.obstacle is None
    checked(tmp_path / "int8.onnx", found.model, drawn(3, seed=1))


def test_what_an_operator_set_would_change_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def converted(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
        made = onnx.ModelProto()
        made.CopyFrom(model)
        node = next(node for node in made.graph.node if node.op_type == "Relu")
        node.op_type = "Neg"
        return made

    monkeypatch.setattr(onnx.version_converter, "convert_version", converted)
    with pytest.raises(Unsupported, match=r"cannot be brought from opset 9 to 13: gemm.* would be another"):
        quantised(small(tmp_path / "small.onnx", opset=9), drawn(), Style(), {})


def test_a_quantised_model_is_not_quantised_again(tmp_path: Path) -> None:
    found = quantised(small(tmp_path / "small.onnx"), drawn(), Style(), {})
    again = tmp_path / "int8.onnx"
    again.write_bytes(found.model.SerializeToString())
    with pytest.raises(BadInput, match=r"int8\.onnx: is quantised already \(compile it as it is\)"):
        quantised(again, drawn(), Style(), {})


def test_what_the_quantiser_raises_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from onnxruntime import quantization

    def broken(*_: object, **__: object) -> None:
        raise AssertionError("no such thing")

    monkeypatch.setattr(quantization, "quantize_static", broken)
    rule = r"ONNX Runtime cannot quantise it \(AssertionError: no such thing\)"
    with pytest.raises(Unsupported, match=rule):
        quantised(small(tmp_path / "small.onnx"), drawn(), Style(), {})


def test_styles_are_those_that_there_are() -> None:
    with pytest.raises(BadInput, match=r"'int4' is no choice of weights \(known are int8, uint8\)"):
        Style(weights="int4")
    with pytest.raises(BadInput, match="activations of int8 do not go with weights of uint8"):
        Style(activations="int8", weights="uint8")


def test_the_same_frames_give_the_same_model(tmp_path: Path) -> None:
    path = small(tmp_path / "small.onnx")
    first, again = (quantised(path, drawn(), Style(), {}).model for _ in range(2))
    assert first.SerializeToString(deterministic=True) == again.SerializeToString(deterministic=True)


def test_what_stays_in_floats_is_said(tmp_path: Path) -> None:
    """A network of which a convolution reads what was computed in floats."""
    w, random = Writer(17, 0), np.random.default_rng(2)
    weights = random.normal(size=(4, 3, 3, 3)).astype(np.float32)
    more = random.normal(size=(4, 4, 3, 3)).astype(np.float32)
    x = w.add("Conv", w.input((1, 3, 8, 8)), w.constant(weights))
    x = w.add("CumSum", x, w.constant(np.array(2)))
    path = tmp_path / "floats.onnx"
    onnx.save(w.model([w.add("Conv", x, w.constant(more))], "floats"), path)
    found = quantised(path, drawn(), Style(), {})
    assert found.obstacle is not None
    assert "floats" in found.obstacle
