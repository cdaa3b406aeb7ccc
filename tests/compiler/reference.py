"""A model, its image, and what the image is held against: ONNX Runtime, tensor by tensor."""

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from checker.check import assert_obeys

from snc.backends.image.container import read_image, write_image
from snc.backends.image.image import Image
from snc.backends.machine.machine import Arithmetic
from snc.compiler.frontend.read import to_onnx
from snc.compiler.pipeline.driver import Compiled, compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.reports.report import report
from snc.compiler.running.runner import Runner
from snc.compiler.targets.target import load_target
from snc.ir.aims import Objective, StateUse
from snc.ir.chip import Chip

Arrays = Mapping[str, npt.NDArray[np.float32]]

CHIP = load_target("grai-vip")
TOLERANCE = 1e-5  # of an output's own peak
# Summed in another order, float32 numbers differ by a few units in the last place of the largest partial
# sum, however small the result is: where an output cancels, 16 such units of the largest value among all
# tensors of the network are allowed.
CANCELLED = 16 * 2.0**-23 / TOLERANCE


def options(
    weights: str = "float32", states: str = "shared", objective: str = "cores", effort: float = 1.0
) -> Options:
    """Options with little effort: the cuts of small networks need none."""
    return Options(weights, StateUse(states), Objective(objective), effort=effort)


def shrunken(**numbers: int | tuple[int, int]) -> Chip:
    """The shipped target with some numbers replaced."""
    return replace(CHIP, name="shrunken", **numbers)  # type: ignore[arg-type]


def compiled(model: onnx.ModelProto, chip: Chip = CHIP, choices: Options | None = None) -> Compiled:
    """A model compiled from a file of its own, its image checked against every limit."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(model.SerializeToString())
        found = compile_model(path, chip, choices or options())
        image = path.with_suffix(".snc")
        image.write_bytes(write_image(found.image))
        assert_obeys(image.read_bytes(), report(found.image, image))
        return found


def reread(image: Image) -> Image:
    """The image that its own bytes hold."""
    return read_image(write_image(image))


def run(image: Image, inputs: Arrays, arithmetic: Arithmetic = "float32") -> Arrays:
    """The outputs of an image that is read from its bytes."""
    return Runner(reread(image), arithmetic)(dict(inputs)).outputs


def truth(model: onnx.ModelProto, inputs: Arrays, *, inner: bool = True) -> Arrays:
    """What ONNX Runtime computes for every tensor of a model, or for its outputs alone."""
    every = onnx.ModelProto()
    every.CopyFrom(model)
    known = {each.name for each in model.graph.output}
    if inner:
        made = [name for node in model.graph.node if node.op_type != "Constant" for name in node.output]
        for name in made:
            if name and name not in known:
                every.graph.output.add().name = name
    settings = ort.SessionOptions()
    settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    settings.intra_op_num_threads = 1
    session = ort.InferenceSession(every.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    given = {each.name: inputs[each.name] for each in session.get_inputs()}
    return dict(zip(names, session.run(names, given), strict=True))


def peak(tensors: Iterable[npt.NDArray[np.float32]]) -> float:
    """The largest finite absolute value of many tensors."""
    floats = (each for each in tensors if each.dtype.kind == "f")
    return max((float(np.abs(each).max(initial=0, where=np.isfinite(each))) for each in floats), default=0.0)


def noise(got: npt.NDArray[np.float32], want: npt.NDArray[np.float32]) -> float:
    """Signal over noise, in decibels."""
    signal, rest = (float((each.astype(np.float64) ** 2).sum()) for each in (want, got - want))
    return float("inf") if rest == 0 else 10 * float(np.log10(signal / rest))


@dataclass(frozen=True, slots=True)
class Difference:
    """The worst element of an output, in units of its peak (or of what may cancel, where that is more)."""

    output: str
    error: float


def difference(got: Arrays, model: onnx.ModelProto, inputs: Arrays) -> Difference:
    """How far outputs are from ONNX Runtime's; all must be there, in their shape and finite."""
    want = truth(model, inputs)
    names = [each.name for each in model.graph.output]
    assert sorted(got) == sorted(names)
    largest = max(peak([*inputs.values(), *want.values()]), 1e-30)
    found = []
    for name in names:
        assert got[name].shape == want[name].shape, f"{name}: {got[name].shape}, not {want[name].shape}"
        assert got[name].dtype == want[name].dtype
        assert np.isfinite(got[name]).all(), name
        scale = max(peak([want[name]]), CANCELLED * largest)
        found.append(Difference(name, float(np.abs(got[name] - want[name]).max()) / scale))
    return max(found, key=lambda each: each.error)


def assert_computes(image: Image, model: onnx.ModelProto, inputs: Arrays) -> None:
    """The image, read from its bytes, gives what ONNX Runtime gives."""
    worst = difference(run(image, inputs), model, inputs)
    assert worst.error <= TOLERANCE, worst


def assert_layers(found: Compiled, inputs: Arrays) -> None:
    """Every layer that the image names holds what the reference graph computes under that name."""
    layers = Runner(reread(found.image))(dict(inputs), keep_layers=True).run.layers
    want = truth(reference(found), inputs)
    largest = peak(want.values())
    for name, values in layers.items():
        scale = max(peak([want[name]]), CANCELLED * largest)
        wanted = want[name].reshape(values.shape)
        apart = values != wanted  # equal infinities are not
        assert np.abs(values[apart] - wanted[apart]).max(initial=0.0) <= TOLERANCE * scale, name


def reference(found: Compiled) -> onnx.ModelProto:
    """The network with the weights that the image holds."""
    return to_onnx(found.reference())
