"""Networks quantised to eight bits: how far the float form is from what ONNX Runtime makes of them."""

import sys

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest

from snc.compiler.frontend.quantised.qdq import float_form

from .networks import FOLDER

NETWORKS = {"mlperf_pretrainedResnet_quant": 32, "mlperf_vww_96_int8": 96}
NEAR = 0.07  # of the peak of what the softmax reads; rounding is left out

pytestmark = [
    pytest.mark.zoo,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="there is no ../shared/models beside the checkout"),
]


def pictures(size: int) -> dict[str, npt.NDArray[np.int8]]:
    """Noise, waves, blocks and shades of grey, channels last."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:size, 0:size] / size
    waves = [
        np.stack([np.sin(2 * y * k) * 100, np.cos(3 * x * k) * 120, (y + x - 1) * 127], -1)[None]
        for k in range(1, 5)
    ]
    blocks = [np.kron(random.integers(-128, 128, (1, 4, 4, 3)), np.ones((1, size // 4, size // 4, 1)))]
    greys = [random.normal(shade, 20, (1, size, size, 3)) for shade in (-100, -40, 20, 80)]
    noise = [random.integers(-128, 128, (1, size, size, 3)) for _ in range(3)]
    kinds = {"waves": waves, "blocks": blocks, "greys": greys, "noise": noise}
    return {kind: np.concatenate(found).clip(-128, 127).astype(np.int8) for kind, found in kinds.items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_float_form_is_near_to_the_quantised(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    model = onnx.load(FOLDER / f"{name}.onnx")
    errors = {}
    for kind, images in pictures(NETWORKS[name]).items():
        found = []
        for each in (model, float_form(model)):
            inner = next(node.input[0] for node in each.graph.node if node.op_type == "Softmax")
            each.graph.output.append(onnx.helper.make_empty_tensor_value_info(inner))
            session = ort.InferenceSession(each.SerializeToString(), providers=["CPUExecutionProvider"])
            fed = session.get_inputs()[0].name
            found.append(np.stack([session.run([inner], {fed: image[None]})[0] for image in images]))
            del each.graph.output[-1]
        errors[kind] = float(np.abs(found[1] - found[0]).max() / np.abs(found[0]).max())
    with capsys.disabled():
        shown = ", ".join(f"{kind} {worst:.1%}" for kind, worst in errors.items())
        sys.stdout.write(f"\n{name}: {shown}")
    assert all(worst <= NEAR for worst in errors.values())
