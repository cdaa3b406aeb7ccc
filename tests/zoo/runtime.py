"""What real networks are held against: ONNX Runtime, tensor by tensor, and how far two tensors are apart."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort

from snc.backends.image.container import read_image, write_image
from snc.backends.image.image import Image
from snc.compiler.running.precise import precise

Floats = npt.NDArray[np.float32]
Arrays = Mapping[str, Floats]


def reread(image: Image) -> Image:
    """The image that its own bytes hold."""
    return read_image(write_image(image))


def truth(model: onnx.ModelProto, inputs: Arrays, *, inner: bool = True) -> Arrays:
    """What ONNX Runtime computes for every tensor of a model, or for its outputs alone."""
    every = precise(model)  # its single-precision sigmoid errs by 2e-7, however small the value
    known = {each.name for each in model.graph.output}
    if inner:
        for node in model.graph.node:
            for name in node.output:
                if name and name not in known and node.op_type != "Constant":
                    every.graph.output.add().name = name
    settings = ort.SessionOptions()
    settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(every.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(inputs)), strict=True))


PEAK_MIN = 1e-6  # below it an error is taken as it is, as `snc verify` does


def error(got: Sequence[Floats], want: Sequence[Floats]) -> float:
    """The largest error over all frames, over the largest value."""
    wide = [(g.astype(np.float64), w.astype(np.float64)) for g, w in zip(got, want, strict=True)]
    worst = max(float(np.abs(g - w).max()) for g, w in wide)
    return worst / max(PEAK_MIN, *(float(np.abs(w).max()) for _, w in wide))


def noise(got: Floats, want: Floats) -> float:
    """Signal over noise, in decibels."""
    signal, rest = (float((each.astype(np.float64) ** 2).sum()) for each in (want, got - want))
    return float("inf") if rest == 0 else 10 * float(np.log10(signal / rest))
