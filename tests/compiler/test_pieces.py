"""A model that is read piece by piece: the same layers, the same faults found, few tensors held at once."""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from snc.compiler.frontend import agree, observe, runtime
from snc.compiler.frontend.agree import assert_agrees, differing
from snc.compiler.frontend.alone import alone
from snc.compiler.frontend.read import read_model, to_onnx
from snc.compiler.pipeline.prepare import folded
from snc.ir.errors import VerifyError
from snc.ir.layers import LayerGraph
from snc.passes.composing.compose import Compose
from snc.passes.fold import Fold
from snc.passes.order import Arrange

LAYERS, CHANNELS, SIZE = 12, 4, 16
MAP_BYTES = 4 * CHANNELS * SIZE * SIZE


def chain(path: Path, layers: int = LAYERS) -> Path:
    """A chain of convolutions, with a sum of its end and its middle, which is normalised."""
    rng = np.random.default_rng(0)
    lines, weights = [], []
    for i in range(layers):
        lines.append(f"c{i} = Conv<pads = [1, 1, 1, 1]>(x{i}, w{i}) x{i + 1} = Relu(c{i})")
        array = rng.standard_normal((CHANNELS, CHANNELS, 3, 3)).astype(np.float32) / 6
        weights.append(onnx.numpy_helper.from_array(array, f"w{i}"))
    lines.append(f"s = Add(x{layers}, x{layers // 2}) t = Softmax<axis = 1>(s)")
    lines.append("y = Conv<pads = [1, 1, 1, 1]>(t, w0)")
    shape = f"float[1,{CHANNELS},{SIZE},{SIZE}]"
    text = f'<ir_version: 8, opset_import: ["" : 17]> chain ({shape} x0) => (y) {{ {" ".join(lines)} }}'
    made = onnx.parser.parse_model(text)
    made.graph.initializer.extend(weights)
    onnx.save(made, path)
    return path


def rewritten(graph: LayerGraph) -> LayerGraph:
    return Arrange()(Fold()(Compose(alone)(graph)))


@contextmanager
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The bytes of tensors that ONNX Runtime has made and somebody still holds, after each run."""
    alive = [0]
    found: list[int] = []

    def freed(size: int) -> None:
        alive[0] -= size

    def counted(*arguments: Any) -> dict[str, np.ndarray]:
        arrays = run(*arguments)
        for array in arrays.values():
            alive[0] += array.nbytes
            weakref.finalize(array, freed, array.nbytes)
        found.append(alive[0])
        return arrays

    run = observe.run_tensors
    for module in (observe, agree):
        monkeypatch.setattr(module, "run_tensors", counted)
    yield found


@pytest.mark.parametrize("size", [1, 3 * MAP_BYTES, 2**30])
def test_pieces_of_any_size_are_read_alike(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = chain(tmp_path / "chain.onnx")
    want = to_onnx(rewritten(read_model(path).graph)).SerializeToString(deterministic=True)
    monkeypatch.setattr(observe, "PIECE_BYTES", size)
    reading = read_model(path)
    assert reading.seen is not None
    assert (len(reading.seen.names) > 1) == (size < 2**30)
    graph = rewritten(reading.graph)
    assert to_onnx(graph).SerializeToString(deterministic=True) == want
    assert_agrees(graph, reading)


def test_weights_beside_a_model_are_the_weights_within_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large ones are given to ONNX Runtime beside it, but for those that constants are made of."""
    path = tmp_path / "model.onnx"
    text = """(float[1,2] x) => (y) { w = Constant<value = float[2,2] {1, 2, 3, 4}>() p = MatMul(w, w)
        a = MatMul(x, p) y = MatMul(a, w) k = MatMul(y, v) z = Relu(k) }"""
    model = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21]> g {text}')
    held = np.array([[5, 6], [7, 8]], np.float32)
    model.graph.initializer.append(onnx.numpy_helper.from_array(held, "v"))
    onnx.save(model, path)
    monkeypatch.setattr(observe, "PIECE_BYTES", 1)
    want = to_onnx(folded(path, {})).SerializeToString(deterministic=True)
    within: list[list[str]] = []
    run = runtime.session

    def counted(data: bytes, **options: Any) -> Any:
        within.append([tensor.name for tensor in onnx.load_model_from_string(data).graph.initializer])
        return run(data, **options)

    monkeypatch.setattr(runtime, "FED_BYTES", 1)
    monkeypatch.setattr(observe, "session", counted)
    assert to_onnx(folded(path, {})).SerializeToString(deterministic=True) == want
    assert within
    assert not any("v" in names for names in within)


@pytest.mark.parametrize("number", range(LAYERS))
def test_what_is_wrong_is_found_in_every_piece(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observe, "PIECE_BYTES", 3 * MAP_BYTES)
    reading = read_model(chain(tmp_path / "chain.onnx"))
    graph = rewritten(reading.graph)
    name = f"w{number}"
    wrong = graph.with_constants({name: graph.constants[name] * np.float32(1.01)})
    found = differing(wrong, reading)
    assert found is not None
    assert found.tensor == f"c{number}"


def test_a_wrong_layer_that_the_model_does_not_have_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observe, "PIECE_BYTES", 1)
    reading = read_model(chain(tmp_path / "chain.onnx"))
    graph = rewritten(reading.graph)
    own = next(layer for layer in graph.layers if layer.op == "Exp")
    assert own.outputs[0] not in frozenset().union(*reading.seen.names if reading.seen else ())
    layers = tuple(replace(each, op="Softplus") if each is own else each for each in graph.layers)
    with pytest.raises(VerifyError, match="'t' is"):
        assert_agrees(replace(graph, layers=layers), reading)


def test_few_tensors_are_held_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    piece = 4 * MAP_BYTES
    monkeypatch.setattr(observe, "PIECE_BYTES", piece)
    peaks = []
    for layers in (LAYERS, 4 * LAYERS):
        with held(monkeypatch) as found:
            reading = read_model(chain(tmp_path / "chain.onnx", layers))
            assert_agrees(rewritten(reading.graph), reading)
        peaks.append(max(found))
    assert peaks[0] == peaks[1]
    assert peaks[0] <= 3 * piece  # what goes on from piece to piece, a piece, and what the layers make


@pytest.mark.parametrize(
    "text",
    [
        "(float[1,4] x) => (y) { r = RandomNormalLike(x) a = Relu(x) y = Add(a, r) }",
        "(float[1,4] x) => (x, y) { a = Relu(x) y = Neg(a) }",
        "(float[1,4] x) => (float[2] c, y) { c = Constant<value = float[2] {1,2}>() a = Relu(x) y = Neg(a) }",
        """(float[1,4] x) => (y) { k = Constant<value = float[4] {1, 2, 3, 4}>() e = Exp(k) n = Neg(e)
           a = Relu(x) s = Shape(a) f = Add(a, n) y = Reshape(f, s) }""",
        """(float[1,4] x) => (y) { z = Constant<value = float {0.5}>() p = Greater(x, z)
           n = Neg(x) d = Cast<to = 1>(p) y = Add(d, n) }""",
    ],
    ids=["random", "an input is an output", "a constant is an output", "constants", "Booleans"],
)
def test_whatever_goes_from_piece_to_piece_is_read_alike(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21]> g {text}'), path)
    want = to_onnx(folded(path, {})).SerializeToString(deterministic=True)
    monkeypatch.setattr(observe, "PIECE_BYTES", 1)
    seen = read_model(path).seen
    assert seen is not None
    assert len(seen.names) > 1
    assert to_onnx(folded(path, {})).SerializeToString(deterministic=True) == want
