"""A model compiled as parts: one image for each part of the chip, an ONNX model for each part of the host."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ....backends.image.container import write_image
from ....backends.image.image import Image
from ....backends.image.parts import (
    FORMAT,
    KINDS,
    Manifest,
    PartFile,
    PartTensor,
    SplitImage,
    sha256,
    side_by_side,
)
from ....ir.chip import Chip
from ....ir.deadline import limited
from ....ir.errors import BadInput, Origin
from ....ir.layers import Array, LayerGraph, Value
from ....ir.version import __version__
from ....passes.lowering.parts import Part
from ....passes.quantise import held_constants
from ...frontend.read import Shapes, to_onnx
from ..clock import Clock, Progress
from ..driver import Compiled, Refused, compile_layers
from ..host_work import too_much
from ..options import TIME_LEAST, Options
from ..prepare import Prepared, folded, is_spiking
from .divide import SplitPrepared, divided


@dataclass(frozen=True, slots=True, eq=False)
class SplitCompiled:
    """What the parts of a model became: the chip's compiled, None for the host's; and all together."""

    prepared: SplitPrepared
    parts: tuple[Compiled | None, ...]
    image: SplitImage
    seconds: Mapping[str, float]

    def reference(self) -> LayerGraph:
        """The whole network with the weights and biases that the images hold."""
        constants: dict[str, Array] = dict(self.prepared.graph.constants)
        for each in self.parts:
            if each is not None:
                constants |= held_constants(each.network, constants)
        return self.prepared.graph.with_constants(constants)


def prepare_split(path: Path, input_shapes: Shapes, *, as_float: bool = False) -> SplitPrepared:
    """A model read and divided; its chip's parts lowered. Raises SncError as `prepare` does."""
    if is_spiking(path):
        rule = "is a network that runs over time: the host keeps no states from step to step"
        raise BadInput(Origin(file=path.name), rule, hint="compile it without --split")
    graph = folded(path, input_shapes, as_float=as_float)
    if graph.carried:
        rule = "goes through a sequence: what it carries from step to step is in no file between parts"
        raise BadInput(Origin(file=path.name), rule, hint="compile it without --split")
    return divided(graph)


def compile_split(
    path: Path,
    chip: Chip,
    options: Options,
    progress: Progress = lambda stage: None,
    refused: Refused | None = lambda error: None,
) -> SplitCompiled:
    """The images and models of a network's parts. Raises SncError as `compile_model` does, for any part."""
    if options.data is not None:
        raise BadInput(None, "--data is of one image, --split of several", hint="give one of them")
    clock, begun = Clock(progress), time.perf_counter()
    with limited(clock.deadline(options.time_limit), path.name), clock("lower"):
        prepared = prepare_split(path, options.input_shapes, as_float=options.as_float)
    if not options.force and (refusal := too_much(prepared.graph, prepared.host)):
        raise refusal
    compiled: list[Compiled | None] = []
    parts: list[Image | bytes] = []
    for number, (part, chips) in enumerate(zip(prepared.parts, prepared.chips, strict=True), 1):
        if chips is None:
            compiled.append(None)
            parts.append(to_onnx(part.graph).SerializeToString(deterministic=True))
            continue
        left = options
        if options.time_limit is not None:
            spent = time.perf_counter() - begun
            left = replace(options, time_limit=max(options.time_limit - spent, TIME_LEAST))
        found = _compiled(chips, chip, left, clock, f"part {number} of {len(prepared.parts)}: ", refused)
        compiled.append(found)
        parts.append(found.image)
    image = side_by_side(_manifest(prepared, parts), parts)
    return SplitCompiled(prepared, tuple(compiled), image, clock.seconds)


def _compiled(
    prepared: Prepared, chip: Chip, options: Options, whole: Clock, label: str, refused: Refused | None
) -> Compiled:
    """One part's image; its seconds count for the whole."""
    clock = Clock(lambda stage: whole.progress(label + stage))
    found = compile_layers(prepared.graph, lambda: prepared, chip, options, clock, refused=refused)
    for stage, seconds in clock.seconds.items():
        whole.seconds[stage] = whole.seconds.get(stage, 0.0) + seconds
    return found


def _manifest(prepared: SplitPrepared, parts: list[Image | bytes]) -> Manifest:
    graph = prepared.graph
    return Manifest(
        FORMAT,
        graph.name,
        __version__,
        tuple(map(_tensor, graph.inputs)),
        tuple(map(_tensor, graph.outputs)),
        tuple(
            _file(number, part, made)
            for number, (part, made) in enumerate(zip(prepared.parts, parts, strict=True), 1)
        ),
    )


def _file(number: int, part: Part, made: Image | bytes) -> PartFile:
    payload = made if isinstance(made, bytes) else write_image(made)
    inputs, outputs = ([value.name for value in values] for values in (part.graph.inputs, part.graph.outputs))
    kind, suffix = (KINDS[0], "snc") if part.is_chip else (KINDS[1], "onnx")
    by_name = {layer.name: layer for layer in part.graph.layers}
    reasons = tuple(f"{name} ({by_name[name].op}): {why}" for name, why in part.reasons.items())
    file = f"{number}-{kind}.{suffix}"
    return PartFile(file, kind, sha256(payload), tuple(inputs), tuple(outputs), reasons)


def _tensor(value: Value) -> PartTensor:
    return PartTensor(value.name, value.shape, value.dtype)
