"""Verifying an image, step by step of the way it was made: the network as it was read against the model, the
image against the network with its weights, and the image against the model.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray

from ...backends.image.image import Image
from ...backends.image.parts import SplitImage, images_of
from ...ir.errors import BadInput, Origin
from ...ir.layers import RESHAPES, Array, LayerGraph
from ...ir.storage.formats import INTEGERS
from ...passes.closing import FIRST_STEP
from ...passes.quantise import held_constants
from ..frontend.nir.dynamics import steps_of
from ..frontend.onnx_file import fix_shapes, load_model
from ..frontend.opset import converted
from ..frontend.precision import widen
from ..frontend.quantised.whole import WholeForm, whole_form
from ..frontend.read import Shapes, to_onnx
from ..frontend.runtime import Arrays
from ..pipeline.about import added_by
from ..pipeline.kinds import pipeline_of
from ..pipeline.map import quantised
from ..pipeline.prepare import Prepared, is_spiking, prepare
from ..pipeline.splitting.compile import prepare_split
from .chain import runner_of
from .comparison import COMPARISONS, TOLERANCE, Compared, Comparison, Limits, Rounding, Side, depth, rounds_to
from .engines import AnyImage, lost
from .figures import Divergence, Figures, Gauge, first_above
from .integers.reference import IntegerReference
from .recurrent.sides import image_side, sides_of_steps
from .recurrent.steps import Course, course_of, numbers, whole_model
from .reference import Reference
from .runner import network_inputs
from .spiking.verify import verify_spiking

if TYPE_CHECKING:
    from ...backends.machine.machine import Arithmetic

CLASSIFIERS = ("ArgMax", "TopK")
CARRIERS = (*RESHAPES, "Cast")
INTEGER_TYPES = (
    onnx.TensorProto.INT8,
    onnx.TensorProto.UINT8,
    onnx.TensorProto.INT16,
    onnx.TensorProto.UINT16,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Every comparison by its name; `layers`: the image's against the network with the image's weights."""

    compared: Mapping[str, Compared]
    layers: tuple[Figures, ...]
    tolerance: float
    rounds_to: Rounding

    @property
    def outputs(self) -> tuple[Figures, ...]:
        """Figures of every output against the original model."""
        return self.compared["quantisation"].outputs

    @property
    def reference(self) -> tuple[Figures, ...]:
        """Figures of every output against the reference graph."""
        return self.compared["mapping"].outputs

    @property
    def first_divergence(self) -> Divergence | None:
        """The first layer that was mapped wrongly."""
        return self.compared["mapping"].first_divergence

    @property
    def is_mapped_right(self) -> bool:
        """Whether no output is further from the reference graph than the tolerance."""
        return self.compared["mapping"].is_right

    @property
    def is_right(self) -> bool:
        """Whether the image computes the model, its weight format and the chip's arithmetic apart."""
        return all(found.is_right for found in self.compared.values())


@dataclass(frozen=True, slots=True)
class Models:
    """The forms of a network that ONNX Runtime can run."""

    given: onnx.ModelProto
    read: onnx.ModelProto
    held: onnx.ModelProto
    rounds_to: Rounding
    integers: "Integers | None" = None
    course: Course | None = None
    initial: Mapping[Side, Mapping[str, Array]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Integers:
    """The reference of a network of whole numbers, and the form of the model that was compiled."""

    reference: IntegerReference
    form: WholeForm

    def binds(self, name: str) -> bool:
        """Whether a tensor of whole numbers, or an output of the model, is made of integers alone."""
        of = self.form.tensors[name][0] if name in self.form.tensors else name
        return of not in self.form.loose

    def __call__(self, frame: Arrays) -> Arrays:
        """The network's tensors of whole numbers, and the outputs of the model."""
        found = self.reference(frame)
        whole = {
            name: np.asarray(found[of].astype(np.int64) - zero)
            for name, (of, zero) in self.form.tensors.items()
        }
        return {**whole, **{name: found[name] for name in self.reference.outputs}}


def load_models(path: Path, image: AnyImage, reference: Path | None, frames: int = 1) -> Models:
    """The forms of an image's network. Raises BadInput when model and image do not belong together."""
    shapes = {tensor.name: tensor.shape for tensor in network_inputs(image)}
    source = load_model(path)
    foreign = [name for name in shapes if name not in {value.name for value in source.graph.input}]
    if foreign:
        rule = f"has no input {foreign[0]!r}, which the image's network takes"
        hint = "verify the image against the model it was compiled from"
        raise BadInput(Origin(file=path.name), rule, hint=hint)

    graph, chips = _prepared(path, shapes, image)
    if graph.is_whole != (image.about.weights == INTEGERS):
        rule = "is compiled as no integers, and the image holds some"
        raise BadInput(Origin(file=path.name), rule, hint="give the model that the image was compiled from")

    def form(*formats: str) -> LayerGraph:
        constants = dict(graph.constants)
        for each, weights in zip(chips, formats, strict=True):
            own = each if weights == "float32" else each.corrected(added)
            constants |= held_constants(quantised(own, weights), constants)
        return graph.with_constants(constants)

    said = image.added if isinstance(image, Image) else ()
    added = added_by(said, [each.network for each in chips], path.name)
    exact = ("float32",) * len(chips)
    images = images_of(image) if isinstance(image, Image) else (image,)
    formats = tuple(each.about.weights for each in images)
    forms = {"read": form(*exact)}
    forms["held"] = forms["read"] if formats == exact else form(*formats)
    read = to_onnx(forms["read"])
    held = to_onnx(forms["held"]) if reference is None else load_model(reference)
    given = converted(source, path.name)
    course = course_of(given, graph, frames, path.name)
    if course is not None:
        initial: dict[Side, Mapping[str, Array]] = {
            "read": numbers(forms["read"].constants, graph.carried),
            "held": numbers(forms["held"].constants, graph.carried),
        }
        given = whole_model(given, course, shapes, path.name)
        return Models(given, read, held, rounds_to(given), None, course, initial)
    given = fix_shapes(given, shapes, path.name)
    integers = _integers(given, path.name, graph.twins) if graph.is_whole else None
    return Models(given, read, held, rounds_to(given), integers)


def _integers(model: onnx.ModelProto, file: str, twins: Mapping[str, tuple[str, ...]]) -> Integers:
    single = widen(model)
    form = whole_form(single, file)
    assert isinstance(form, WholeForm), "it was read so"
    return Integers(IntegerReference(single), form.with_twins(twins))


def _prepared(path: Path, shapes: Shapes, image: AnyImage) -> tuple[LayerGraph, tuple[Prepared, ...]]:
    """The layers of a model, and the parts of it that the chip has."""
    as_float = image.about.weights != INTEGERS
    if isinstance(image, SplitImage):
        parts = prepare_split(path, shapes, as_float=as_float)
        return parts.graph, parts.prepared
    whole = prepare(
        path, shapes, lambda graph: pipeline_of(image.chip).admit(graph, image.chip), as_float=as_float
    )
    return whole.graph, (whole,)


def verify(
    path: Path,
    image: AnyImage,
    frames: Sequence[Arrays],
    *,
    reference: Path | None = None,
    tolerance: float = TOLERANCE,
    arithmetic: "Arithmetic" = "float32",
    on_frame: Callable[[int, int], None] = lambda done, total: None,
) -> Verdict:
    """Compares an image with its model on some frames. Raises BadInput when they do not belong together, or
    where ONNX Runtime cannot run the model. A network of spiking neurons is held against NIR's equations:
    its frames are steps, one after the other.
    """
    if is_spiking(path):
        compared = verify_spiking(
            path, image, frames, tolerance=tolerance, arithmetic=arithmetic, on_frame=on_frame
        )
        return Verdict(compared, compared["layers"].outputs, tolerance, "single")
    if steps_of(image.about.dynamics) > 1:
        rule = "is compiled as rates, which near its values with the steps and never are equal"
        raise BadInput(
            Origin(file=path.name), rule, hint="snc simulate --labels, or --against, says how near"
        )
    models = load_models(path, image, reference, len(frames))
    outputs = [value.name for value in models.given.graph.output]
    layers = [tensor for tensor in image.tensors if tensor.kind == "layer" and tensor.name != FIRST_STEP]
    inner = list(dict.fromkeys([*(tensor.name for tensor in layers), *outputs]))
    judged = [_scores(models, name) for name in outputs]
    sides = _sides(models, image, outputs, judged, inner, arithmetic, path.name, frames)
    absent = {"rounding"} if arithmetic != "chip" else set()
    absent |= {"integers"} if models.integers is None or lost(image) else set()
    comparisons = [c for c in COMPARISONS if c.name not in absent]
    gauges = {c.name: [Gauge(name) for name in outputs] for c in comparisons}
    gauges["frontend"] = [Gauge(name) for name in judged]
    if "integers" not in absent:
        assert models.integers is not None
        kinds = {value.name: value.type.tensor_type.elem_type for value in models.given.graph.output}
        whole = [tensor.name for tensor in layers if tensor.name in models.integers.form.tensors]
        whole += [name for name in outputs if kinds[name] in INTEGER_TYPES]
        gauges["integers"] = [Gauge(name) for name in whole if models.integers.binds(name)]
    by_layer = [Gauge(tensor.name) for tensor in layers]
    for index, frame in enumerate(frames):
        on_frame(index, len(frames))
        computed = {compute: compute(frame) for compute in dict.fromkeys(sides.values())}
        found = {side: computed[compute] for side, compute in sides.items()}
        for comparison in comparisons:
            for gauge in gauges[comparison.name]:
                if gauge.name not in found[comparison.want]:
                    continue  # it is of the last step of a sequence alone
                got, want = found[comparison.got][gauge.name], found[comparison.want][gauge.name]
                if got.size != want.size:
                    raise _shapes_differ(path, comparison, gauge.name, got, want)
                gauge.add(got, want)
        for gauge in by_layer:
            gauge.add(found["image"][gauge.name], found["held"][gauge.name])
    limits = Limits(
        tolerance, models.rounds_to, depth(models.given), models.integers is not None, lost(image) > 0
    )
    compared = {
        c.name: Compared(c.name, c.says, c.limit(limits), tuple(gauge.figures() for gauge in gauges[c.name]))
        for c in comparisons
    }
    mapping, frontend = compared["mapping"], compared["frontend"]
    named = [*by_layer, *gauges["mapping"]]
    places = [*(tensor.layer for tensor in layers), *outputs]
    compared["mapping"] = _blamed(mapping, first_above(named, places, mapping.limit))
    if "integers" in compared:
        whole = [gauge.name for gauge in gauges["integers"]]
        places = [{tensor.name: tensor.layer for tensor in layers}.get(name, name) for name in whole]
        compared["integers"] = _blamed(compared["integers"], first_above(gauges["integers"], places, 0.0))
    if not frontend.is_right:
        of_frames = models.course is None
        first = _first_misread(models, frames, frontend.limit, path.name) if of_frames else None
        own = gauges["frontend"]
        compared["frontend"] = _blamed(frontend, first or first_above(own, judged, frontend.limit))
    return Verdict(compared, tuple(gauge.figures() for gauge in by_layer), tolerance, models.rounds_to)


def _scores(models: Models, output: str) -> str:
    """What the front end is judged by: an output, or of a model that rounds, where classes that are nearly
    as likely change places, the scores from which it takes class numbers.
    """
    makers = {name: node for node in models.given.graph.node for name in node.output}
    read = {name for node in models.read.graph.node for name in node.output}
    name = output
    while models.rounds_to != "single" and models.integers is None and name in makers:
        node = makers[name]
        name = node.input[0]
        if node.op_type in CLASSIFIERS:
            return name if name in read else output
        if node.op_type not in CARRIERS:
            break
    return output


def _shapes_differ(
    path: Path, comparison: Comparison, name: str, got: NDArray[Any], want: NDArray[Any]
) -> BadInput:
    sides = comparison.says.partition(" against ")
    rule = f"{name!r} has the shape {list(got.shape)} in {sides[0]}, {list(want.shape)} in {sides[2]}"
    hint = "ONNX Runtime does not follow ONNX here: give the node explicit sizes and pads"
    return BadInput(Origin(file=path.name), rule, hint=hint)


def _blamed(found: Compared, first: Divergence | None) -> Compared:
    return Compared(found.name, found.says, found.limit, found.outputs, first)


def _sides(
    models: Models,
    image: AnyImage,
    outputs: Sequence[str],
    judged: Sequence[str],
    inner: Sequence[str],
    arithmetic: "Arithmetic",
    file: str,
    frames: Sequence[Arrays],
) -> dict[Side, Callable[[Arrays], Arrays]]:
    """What computes a frame on each side, by its name."""
    every = list(dict.fromkeys([*outputs, *judged]))
    if models.course is not None:
        return sides_of_steps(models, models.course, image, inner, arithmetic, file, frames)
    given = Reference(models.given, every, is_precise=False, file=file)
    sides: dict[Side, Callable[[Arrays], Arrays]] = {
        "given": given,
        "exact": given,
        "read": Reference(models.read, every, is_precise=True, file=file),
        "held": Reference(models.held, inner, is_precise=True, file=file),
        "image": image_side(runner_of(image), outputs, file),
    }
    if models.integers is not None:
        sides["exact"] = sides["integers"] = models.integers
    elif models.rounds_to == "single":
        sides["exact"] = Reference(models.given, every, is_precise=True, file=file)
    sides["run"] = sides["image"]
    if arithmetic != "float32":
        sides["run"] = image_side(runner_of(image, arithmetic), outputs, file)
    return sides


def _first_misread(
    models: Models, frames: Sequence[Arrays], limit: float | None, file: str
) -> Divergence | None:
    """The first tensor of the network as it was read that has its name in the model and other values."""
    made = {name for node in models.given.graph.node for name in node.output}
    names = [name for node in models.read.graph.node for name in node.output if name in made]
    is_single = models.rounds_to == "single"
    read = Reference(models.read, names, is_precise=True, file=file)
    given = Reference(models.given, names, is_precise=is_single, file=file)
    gauges = {name: Gauge(name) for name in names}
    for frame in frames:
        got, want = read(frame), given(frame)
        for name in list(gauges):
            if got[name].size == want[name].size and want[name].dtype.kind == "f":
                gauges[name].add(got[name], want[name])
            else:
                del gauges[name]
    return first_above(list(gauges.values()), list(gauges), limit)
