"""A network like MobileNet, quantised by ONNX Runtime in all of its ways: the float form is near to it."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnxruntime.quantization import QuantFormat, QuantType

from snc.compiler.frontend.quantised.qdq import NOTE, float_form
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.runner import Runner
from snc.compiler.targets.target import load_target

from .quantised import Frame, inputs, mobile, quantised

CHIP = load_target("grai-vip")
NEAR = 0.03  # of the peak; what rounding alone makes is 0.02
FAR = 0.5
SATURATING = 5.0
SIGNED, UNSIGNED = QuantType.QInt8, QuantType.QUInt8
WAYS = {
    f"{form.name} {activations.name} {weights.name} {'by channel' if per_channel else 'by tensor'}": (
        *(form, activations, weights, per_channel),
    )
    for form in (QuantFormat.QDQ, QuantFormat.QOperator)
    for activations, weights in ((UNSIGNED, SIGNED), (SIGNED, SIGNED), (UNSIGNED, UNSIGNED))
    for per_channel in (False, True)
}


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


@pytest.mark.parametrize("form", [QuantFormat.QDQ, QuantFormat.QOperator])
def test_a_quantised_network_compiles(form: QuantFormat, tmp_path: Path) -> None:
    path = quantised(tmp_path, form, UNSIGNED, SIGNED, per_channel=True)
    found = compile_model(path, CHIP, Options(weights="float32", effort=0.5))
    assert found.graph.notes == (NOTE,)
    host = [layer.op for layer in found.graph.layers if layer.name in found.image.about.host_before]
    assert host == ["QuantizeLinear", "DequantizeLinear"]  # of the input, as it comes
    assert found.image.about.host_after == ()
    frames = inputs(2, 1) + inputs(1, 2, SATURATING)
    runner = Runner(found.image)
    got = np.stack([runner(dict(frame)).outputs["y"] for frame in frames])
    want = run(onnx.load(path), frames)
    assert np.abs(got - want).max() <= NEAR * np.abs(want).max()
