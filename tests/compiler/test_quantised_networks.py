"""A network like MobileNet, quantised by ONNX Runtime in all of its ways: it is compiled as its integers, and
its float form is near to it.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper
from onnxruntime.quantization import QuantFormat, QuantType

from snc.backends.analysis.bill import bill
from snc.compiler.frontend.quantised.qdq import float_form
from snc.compiler.frontend.quantised.whole import NOTE
from snc.compiler.pipeline.check import check
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.verify import verify
from snc.compiler.targets.target import load_target
from snc.ir.errors import BadInput
from snc.ir.storage.formats import INTEGERS

from .quantised import Frame, inputs, mobile, quantised

CHIP = load_target("grai-vip")
NEAR = 0.03  # of the peak; what rounding alone makes is 0.02
FAR = 0.5
SATURATING = 5.0
LAYERS_MIN = 16  # those that are no views
STEPS = 3  # of the last layer's, between two roundings of a mean
SIGNED, UNSIGNED = QuantType.QInt8, QuantType.QUInt8
WAYS = {
    f"{form.name} {activations.name} {weights.name} {'by channel' if per_channel else 'by tensor'}": (
        *(form, activations, weights, per_channel),
    )
    for form in (QuantFormat.QDQ, QuantFormat.QOperator)
    for activations, weights in ((UNSIGNED, SIGNED), (SIGNED, SIGNED), (UNSIGNED, UNSIGNED))
    for per_channel in (False, True)
}


def floats(folder: Path) -> Path:
    path = folder / "floats.onnx"
    path.write_bytes(mobile().SerializeToString())
    return path


def run(model: onnx.ModelProto, frames: list[Frame]) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.stack([np.asarray(session.run(["y"], frame)[0]) for frame in frames])


@pytest.mark.parametrize("way", WAYS)
def test_the_float_form_of_a_network_is_near_to_it(way: str, tmp_path: Path) -> None:
    form, activations, weights, per_channel = WAYS[way]
    model = onnx.load(quantised(tmp_path, form, activations, weights, per_channel=per_channel))
    plain = float_form(model)
    assert {each.domain for each in plain.graph.node} == {""}
    for spread in (1.0, SATURATING):
        frames = inputs(4, 1, spread)
        want = run(model, frames)
        assert np.abs(run(plain, frames) - want).max() <= NEAR * np.abs(want).max()
    # Without clamps it would be another network on such frames: those of before it was quantised.
    assert np.abs(run(mobile(), frames) - want).max() > FAR * np.abs(want).max()


@pytest.mark.parametrize("way", WAYS)
def test_a_quantised_network_is_compiled_as_its_integers(way: str, tmp_path: Path) -> None:
    form, activations, weights, per_channel = WAYS[way]
    path = quantised(tmp_path, form, activations, weights, per_channel=per_channel)
    found = compile_model(path, CHIP, Options(effort=0.1))
    assert found.graph.notes == (NOTE,)
    host = [layer.op for layer in found.graph.layers if layer.name in found.image.about.host_before]
    assert host == ["QuantizeLinear", "DequantizeLinear"]  # of the input, as it comes
    assert found.image.about.host_after == ()
    frames = inputs(2, 1) + inputs(2, 2, SATURATING)
    verdict = verify(path, found.image, [dict(frame) for frame in frames])
    assert verdict.is_right
    integers = verdict.compared["integers"].outputs
    assert len(integers) >= LAYERS_MIN
    assert sum(figure.mismatches for figure in integers) == 0
    # ONNX Runtime's means of windows are floats, and round what lies between two integers otherwise.
    [output] = verdict.outputs
    assert output.max_rel_error <= STEPS / 255


def test_other_integers_than_the_models_are_found(tmp_path: Path) -> None:
    way = QuantFormat.QDQ, UNSIGNED, SIGNED
    path = quantised(tmp_path, *way, per_channel=True)
    image = compile_model(path, CHIP, Options(effort=0.1)).image
    model = onnx.load(path)
    bias = next(t for t in model.graph.initializer if t.data_type == onnx.TensorProto.INT32 and t.dims)
    changed = numpy_helper.to_array(bias) + 40
    bias.CopyFrom(numpy_helper.from_array(changed.astype(np.int32), bias.name))
    path.write_bytes(model.SerializeToString())
    verdict = verify(path, image, [dict(frame) for frame in inputs(2, 1)])
    assert not verdict.compared["integers"].is_right
    assert not verdict.is_right
    divergence = verdict.compared["integers"].first_divergence
    assert divergence is not None
    assert abs(divergence.got - divergence.want) >= 1


def test_the_float_form_can_be_asked_for(tmp_path: Path) -> None:
    """Its weights are rounded as those of any float network, and the image knows what it is."""
    path = quantised(tmp_path, QuantFormat.QDQ, UNSIGNED, SIGNED, per_channel=True)
    whole = compile_model(path, CHIP, Options(effort=0.1))
    assert whole.image.about.weights == INTEGERS
    found = compile_model(path, CHIP, Options("float32", effort=0.1, as_float=True))
    assert not found.network.is_whole
    assert found.image.about.weights == "float32"
    assert found.graph.notes[0].startswith("the model is quantised and was compiled in its float form")
    verdict = verify(path, found.image, [dict(frame) for frame in inputs(2, 1)])
    assert verdict.is_right
    assert "integers" not in verdict.compared
    with pytest.raises(BadInput, match="is compiled as no integers, and the image holds some"):
        verify(floats(tmp_path), whole.image, [dict(frame) for frame in inputs(1, 1)])
    small = compile_model(path, CHIP, Options("fixed4", effort=0.1, as_float=True))
    assert bill(small.image).total.parameters < bill(found.image).total.parameters / 4
    assert check(path, CHIP, Options(as_float=True)).notes == found.graph.notes
    assert check(path, CHIP, Options()).notes == whole.graph.notes


def test_formats_are_chosen_for_the_float_form_alone(tmp_path: Path) -> None:
    path = quantised(tmp_path, QuantFormat.QDQ, UNSIGNED, SIGNED, per_channel=True)
    wished = Options("auto", data=lambda _: inputs(4, 1), min_sqnr=30.0, effort=0.1)
    with pytest.raises(BadInput, match=r"no formats are chosen \(ask for none, or for --as-float\)"):
        compile_model(path, CHIP, wished)
    found = compile_model(path, CHIP, replace(wished, as_float=True))
    assert found.precision is not None
    assert found.precision.calibration.sqnr_db >= 30
