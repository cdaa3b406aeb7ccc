"""Verification finds who is at fault: the front end, the mapping, or nobody."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from snc.backends.image.container import read_image, write_image
from snc.backends.image.image import Image
from snc.compiler.pipeline import driver, prepare
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.comparison import rounds_to
from snc.compiler.running.figures import Gauge
from snc.compiler.running.inputs import random_frames
from snc.compiler.running.outcome import verification
from snc.compiler.running.simulating.answers import Answers, Kept
from snc.compiler.running.simulating.simulation import simulate
from snc.compiler.running.verify import Verdict, verify
from snc.compiler.targets.target import load_target
from snc.ir.errors import BadInput
from snc.ir.layers import LayerGraph

from .test_qdq import quantised

CHIP = load_target("grai-vip")
WEIGHTS = np.random.default_rng(1).standard_normal((3, 3, 3, 3)).astype(np.float32)
Change = Callable[[LayerGraph], LayerGraph]


def small(
    *tail: onnx.NodeProto, result: str = "b", unread: bool = False, **constants: npt.NDArray[np.generic]
) -> onnx.ModelProto:
    """Two convolutions with a Relu between them, and what stands behind them."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["r"], name="relu"),
        helper.make_node("Conv", ["r", "v"], ["b"], name="second"),
        *tail,
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 6, 5])]
    if unread:
        inputs.append(helper.make_tensor_value_info("unread", TensorProto.FLOAT, [1, 2]))
    held = {"w": WEIGHTS, "v": WEIGHTS[:, :, :1, :1].copy(), **constants}
    graph = helper.make_graph(
        nodes,
        "small",
        inputs,
        [onnx.ValueInfoProto(name=result)],
        [numpy_helper.from_array(value, name) for name, value in held.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return onnx.shape_inference.infer_shapes(made, strict_mode=True)


def saved(folder: Path, model: onnx.ModelProto) -> Path:
    """A model in a file."""
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def image_of(path: Path, weights: str = "float32") -> Image:
    """The image that a file holds."""
    found = compile_model(path, CHIP, Options(weights=weights, effort=1.0, force=True))
    return read_image(write_image(found.image))


def judged(path: Path, image: Image) -> Verdict:
    """The verdict on a few frames of noise."""
    return verify(path, image, random_frames(image, 3, 0))


def read_as(patched: pytest.MonkeyPatch, folded: Callable[..., LayerGraph]) -> None:
    """Whoever reads a model, reads it with another function."""
    for module in (driver, prepare):
        patched.setattr(module, "folded", folded)


def heavier(graph: LayerGraph) -> LayerGraph:
    """One weight of the second convolution is another."""
    name = next(layer.inputs[1] for layer in graph.layers if layer.name == "second")
    wrong = graph.constants[name].copy()
    wrong.reshape(-1)[0] += 0.01
    return graph.with_constants({name: wrong})


def without_relu(graph: LayerGraph) -> LayerGraph:
    """The Relu passes everything on."""
    layers = tuple(replace(layer, op="Identity") if layer.op == "Relu" else layer for layer in graph.layers)
    return replace(graph, layers=layers)


def shifted(graph: LayerGraph) -> LayerGraph:
    """The first convolution is padded on the other side."""
    pads = MappingProxyType({"pads": (2, 1, 0, 1), "kernel_shape": (3, 3)})
    layers = tuple(
        replace(layer, attributes=pads) if layer.name == "first" else layer for layer in graph.layers
    )
    return replace(graph, layers=layers)


@pytest.mark.parametrize(("fault", "at"), [(heavier, "b"), (without_relu, "r"), (shifted, "a")])
def test_a_network_that_was_read_wrong_is_the_front_ends_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Change, at: str
) -> None:
    path = saved(tmp_path, small())
    right = prepare.folded
    read_as(monkeypatch, lambda path, *how, **also: fault(right(path, *how, **also)))
    found = judged(path, image_of(path))
    assert found.is_mapped_right
    assert not found.is_right
    first = found.compared["frontend"].first_divergence
    assert first is not None
    assert first.layer == at


def test_what_is_right_is_right(tmp_path: Path) -> None:
    path = saved(tmp_path, small())
    for weights in ("float32", "fixed8"):
        found = judged(path, image_of(path, weights))
        assert found.is_right
        assert found.compared["frontend"].limit == found.compared["mapping"].limit == 1e-5
        assert found.compared["quantisation"].limit is None
        assert list(found.compared) == ["frontend", "mapping", "quantisation"]


def test_a_wrong_image_is_the_mappings_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, small())
    right = prepare.folded
    with monkeypatch.context() as patched:
        read_as(patched, lambda path, *how, **also: heavier(right(path, *how, **also)))
        wrong = image_of(path)
    found = judged(path, wrong)
    assert not found.is_mapped_right
    assert found.compared["frontend"].is_right
    assert found.first_divergence is not None
    assert found.first_divergence.layer == "second"


def test_a_lost_clamp_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, quantised())
    good = judged(path, image_of(path))
    assert good.is_right
    assert good.rounds_to == "quantised"
    right = prepare.folded

    def without_clamps(path: Path, *how: Any, **also: Any) -> LayerGraph:
        graph = right(path, *how, **also)
        bounds = {name for layer in graph.layers if layer.op == "Clip" for name in layer.inputs[1:]}
        assert bounds
        return graph.with_constants(
            {
                name: np.asarray(np.sign(graph.constants[name] - 0.5) * 1e4, dtype=np.float32)
                for name in bounds
            }
        )

    read_as(monkeypatch, without_clamps)
    found = judged(path, image_of(path))
    assert found.is_mapped_right
    assert not found.is_right


def test_what_the_chip_rounds_is_no_fault_of_the_mapping(tmp_path: Path) -> None:
    path = saved(tmp_path, small())
    image = image_of(path)
    found = verify(path, image, random_frames(image, 2, 0), arithmetic="chip")
    assert found.is_right
    (rounded,) = found.compared["rounding"].outputs
    assert 1e-5 < rounded.max_rel_error < 1e-2
    assert found.outputs[0].max_rel_error > 1e-5


def test_an_overflow_of_the_chips_arithmetic_is_a_fault(tmp_path: Path) -> None:
    path = saved(tmp_path, small())
    image = image_of(path)
    frames = [{"x": np.full((1, 3, 6, 5), 6e4, dtype=np.float32)}]
    assert verify(path, image, frames).is_right
    found = verify(path, image, frames, arithmetic="chip")
    assert found.is_mapped_right
    assert not found.is_right


def test_an_input_that_nothing_reads_is_fed_all_the_same(tmp_path: Path) -> None:
    path = saved(tmp_path, small(unread=True))
    assert judged(path, image_of(path)).is_right


@pytest.mark.parametrize(("kind", "rounds"), [(np.float16, "half"), (np.float32, "single")])
def test_what_a_model_rounds_to(kind: type[np.generic], rounds: str) -> None:
    node = helper.make_node("Add", ["x", "w"], ["y"])
    held = numpy_helper.from_array(np.zeros(3, dtype=kind), "w")
    assert rounds_to(helper.make_model(helper.make_graph([node], "g", [], [], [held]))) == rounds
    assert rounds_to(quantised()) == "quantised"


def test_classes_by_number_are_compared_and_counted(tmp_path: Path) -> None:
    flat = helper.make_node("Flatten", ["b"], ["f"], name="flat")
    best = helper.make_node("ArgMax", ["f"], ["y"], name="best", axis=1, keepdims=1)
    path = saved(tmp_path, small(flat, best, result="y"))
    image = image_of(path)
    frames = random_frames(image, 4, 0)
    answers = Answers()
    assert simulate(image, path, frames, watchers=[answers]).outputs == {"y": (4, 1)}
    classes = answers.classes
    assert len(set(classes.tolist())) > 1
    assert answers.accuracy(classes) == 1.0
    assert answers.accuracy(np.where(np.arange(4) < 3, classes, classes + 1)) == 0.75
    assert verification(judged(path, image), image, path, path, "float32", 3).outputs[0].mismatches == 0


def test_the_first_of_several_classes_is_the_answer(tmp_path: Path) -> None:
    flat = helper.make_node("Flatten", ["b"], ["f"], name="flat")
    best = helper.make_node("TopK", ["f", "k"], ["t", "y"], name="best", axis=1)
    model = small(flat, best, result="t", k=np.array([3]))
    model.graph.output.append(helper.make_tensor_value_info("y", TensorProto.INT64, [1, 3]))
    path = saved(tmp_path, model)
    image = image_of(path)
    answers, kept = Answers(), Kept()
    simulate(image, path, random_frames(image, 3, 0), watchers=[answers, kept])
    assert answers.accuracy(kept.outputs["y"][:, 0]) == 1.0


def test_one_score_names_no_class(tmp_path: Path) -> None:
    mean = helper.make_node("ReduceMean", ["b"], ["y"], name="mean", axes=[1, 2, 3])
    path = saved(tmp_path, small(mean, result="y"))
    image = image_of(path)
    answers = Answers()
    simulate(image, path, random_frames(image, 2, 0), watchers=[answers])
    with pytest.raises(BadInput, match="names no class"):
        answers.accuracy(np.zeros(2, dtype=np.int64))


def test_equal_elements_of_class_numbers_are_counted() -> None:
    gauge = Gauge("y")
    gauge.add(np.array([[3, 4, 5, 6]]), np.array([[3, 4, 5, 7]]))
    gauge.add(np.array([[1, 1, 1, 1]]), np.array([[1, 1, 1, 1]]))
    found = gauge.figures()
    assert (found.mismatches, found.elements, found.argmax_agree) == (1, 8, 0.875)


def test_numbers_that_are_none_agree_with_each_other_only() -> None:
    gauge = Gauge("y")
    gauge.add(np.array([np.nan, np.inf, 1.0]), np.array([np.nan, np.inf, 1.0]))
    assert gauge.figures().mismatches == 0
    gauge.add(np.array([0.0, 1.0, 1.0]), np.array([np.nan, 1.0, 1.0]))
    assert gauge.figures().max_rel_error == np.inf


def test_noise_has_both_signs_zeros_and_the_whole_range_of_bytes(tmp_path: Path) -> None:
    floats = image_of(saved(tmp_path, small()))
    frames = [frame["x"] for frame in random_frames(floats, 4, 0)]
    assert frames[0].min() < -1 < 1 < frames[0].max()
    assert np.abs(frames[1]).max() > 2 * np.abs(frames[0]).max()
    assert not frames[2].any()
    assert np.array_equal(frames[0], random_frames(floats, 1, 0)[0]["x"])
    whole = image_of(saved(tmp_path, quantised()))
    seen = np.concatenate([frame["x"].ravel() for frame in random_frames(whole, 40, 0)])
    assert (seen.min(), seen.max()) == (-128, 127)
