"""What a point's row is made of: the model, read once for all its points, and one image of it, measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ...backends.analysis.bill import bill
from ...backends.analysis.traffic import traffic
from ...backends.image.image import ImageTensor
from ...ir.errors import SncError, each_of
from ...ir.storage.formats import AUTO
from ..choosing.frames import apart, evenly
from ..frontend.onnx_file import fix_shapes, load_model
from ..frontend.opset import converted
from ..frontend.runtime import Arrays
from ..pipeline.driver import compile_prepared
from ..pipeline.kinds import pipeline_of
from ..pipeline.options import Options
from ..pipeline.prepare import Prepared, is_spiking, prepare
from ..running.data.dataset import open_frames
from ..running.data.labels import load_labels
from ..running.estimate import estimate
from ..running.figures import Gauge
from ..running.inputs import noise
from ..running.reference import Reference
from ..running.simulating.answers import Answers, classes_of
from ..running.simulating.blocks import Block
from ..running.simulating.simulation import simulate
from .points import Point
from .spec import CORRECTED, KEPT, Measure, Model
from .store import Figure, Outcome

Code = Callable[[Exception], str]  # of an error, as docs/errors.md lists them
INTERNAL = "internal"


@dataclass(frozen=True, slots=True, eq=False)
class Calibration(Sequence[Arrays]):
    """All frames of a data set, of which only those are held that formats and biases are chosen on."""

    total: int
    held: Mapping[int, Arrays]

    def __len__(self) -> int:
        return self.total

    @overload
    def __getitem__(self, index: int) -> Arrays: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Arrays]: ...

    def __getitem__(self, index: int | slice) -> Arrays | Sequence[Arrays]:
        return (
            self.held[index] if isinstance(index, int) else [self.held[i] for i in range(self.total)[index]]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """A model, ready for any point of it. `wanted`: what ONNX Runtime computes for each of the frames; of a
    network that runs over time nothing. `calibration`: what biases are corrected on, where that was asked
    for. It can be pickled.
    """

    prepared: Prepared
    frames: Sequence[Arrays]
    wanted: Sequence[Arrays]
    labels: NDArray[np.int64] | None
    calibration: Sequence[Arrays] | None = None

    def accuracy(self) -> float | None:
        """The share of frames that the model itself gives the class of their labels, if there are any."""
        if self.labels is None or not self.wanted:
            return None
        outputs = {name: np.stack([each[name] for each in self.wanted]) for name in self.wanted[0]}
        return float((classes_of(outputs) == self.labels).mean())


def gather(model: Model, measure: Measure, *, calibrates: bool = False) -> Material:
    """Reads a model and its frames; with `calibrates` those, too, that biases are corrected on. Raises
    SncError.
    """
    prepared = prepare(model.path, model.input_shapes, dynamics=model.dynamics)
    inputs = prepared.graph.fed
    tensors = [ImageTensor(value.name, "input", value.shape, value.dtype, ()) for value in inputs]
    labels = None
    frames: Sequence[Arrays]
    calibration = None
    if model.data is None:
        frames = noise(tensors, measure.frames, measure.seed, is_spiking=is_spiking(model.path))
    else:
        with open_frames(model.data, tensors, model.picture, model.names, model.labels) as data:
            indices = measure.indices(len(data))
            frames = [data[index] for index in indices]
            if model.labels is not None:
                labels = load_labels(model.labels, data)[indices]
            if calibrates:
                chosen = (index for part in apart(len(data)) for index in evenly(part))
                calibration = Calibration(len(data), {index: data[index] for index in chosen})
    wanted = [] if prepared.runs_over_time else _wanted(model, tensors, frames)
    return Material(prepared, frames, wanted, labels, calibration)


def _wanted(model: Model, tensors: Sequence[ImageTensor], frames: Sequence[Arrays]) -> list[Arrays]:
    if not frames:
        return []
    file = model.path.name
    shapes = {tensor.name: tensor.shape for tensor in tensors}
    given = fix_shapes(converted(load_model(model.path), file), shapes, file)
    outputs = [value.name for value in given.graph.output]
    reference = Reference(given, outputs, is_precise=False, file=file)
    return [reference(frame) for frame in frames]


def outcome(point: Point, material: Material, code: Code) -> Outcome:
    """A point's row: figures, or why there are none. Never raises but for interrupts."""
    try:
        return Outcome(_figures(point, material))
    except Exception as error:
        return failure(error, code)


def failure(error: Exception, code: Code) -> Outcome:
    """The row of a point that has no image."""
    if isinstance(error, SncError):
        first = each_of(error)[0]
        return Outcome({}, code(first), str(first))
    return Outcome({}, INTERNAL, " ".join(f"{type(error).__name__}: {error}".split()))


def _figures(point: Point, material: Material) -> dict[str, Figure]:
    prepared = material.prepared
    pipeline_of(point.chip).admit(prepared.graph, point.chip)
    image = compile_prepared(prepared, point.chip, _options(point, material)).image
    total, flows = bill(image).total, traffic(image)
    found: dict[str, Figure] = {
        "memory_bytes": total.total,
        "neurons_bytes": total.neurons,
        "connectivity_bytes": total.connectivity,
        "parameters_bytes": total.parameters,
        "biases_bytes": total.biases,
        "cores": len(image.cores),
        "gap": float(image.about.solver.gap),
        "traffic_events": flows.events,
        "traffic_hops": flows.hops,
        "energy_nj": None,
        "latency_us": None,
        "sqnr_db": None,
        "agreement": None,
        "accuracy": None,
    }
    if not material.frames:
        return found
    answers, beside = Answers(must_name_classes=material.labels is not None), _Beside(material.wanted)
    run = simulate(
        image,
        Path(point.model.name),
        material.frames,
        "chip" if point.measure.arithmetic == "chip" else "float32",
        engine=point.measure.engine,
        watchers=(answers, beside) if material.wanted else (answers,),
    )
    costs = estimate(run, image.chip)
    found |= {"energy_nj": costs.energy_nj, "latency_us": costs.latency_us, **beside.figures()}
    if material.labels is not None:
        found["accuracy"] = answers.accuracy(material.labels)
    return found


def _options(point: Point, material: Material) -> Options:
    """What is asked for; formats are chosen on the frames that the image is then run on, and biases corrected
    on those that `snc compile --data` would take.
    """
    model, asked = point.model, dict(point.asked)
    frames: Sequence[Arrays] | None = material.frames if asked.get("weights") == AUTO else None
    if asked.pop("biases", KEPT) == CORRECTED:
        frames = material.calibration
    data = None if frames is None else lambda inputs: frames
    return Options(**asked, input_shapes=model.input_shapes, dynamics=model.dynamics, data=data)


class _Beside:
    """The outputs of all frames beside those of ONNX Runtime, as `snc verify` compares them."""

    def __init__(self, wanted: Sequence[Arrays]) -> None:
        self._wanted = wanted
        self._gauges: dict[str, Gauge] = {}

    def add(self, block: Block) -> None:
        """The next frames."""
        for name, got in block.outputs.items():
            gauge = self._gauges.setdefault(name, Gauge(name))
            for index in range(block.frames):
                want: NDArray[Any] = np.asarray(self._wanted[block.first + index][name])
                gauge.add(np.asarray(got[index]), want)

    def figures(self) -> Mapping[str, Figure]:
        """Those of the output that is furthest off."""
        found = [gauge.figures().finite() for gauge in self._gauges.values()]
        if not found:
            return {}
        agreed = [each.argmax_agree for each in found if each.has_argmax]
        return {
            "sqnr_db": min(each.sqnr_db for each in found),
            "agreement": min(agreed) if agreed else None,
        }
