"""Verifying the image of a spiking network: step by step, spike for spike, against NIR's equations."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ....ir.errors import BadInput, Origin
from ....passes.quantise import held_constants
from ...frontend.nir.dynamics import Dynamics
from ...frontend.nir.flow import Flow, flow
from ...frontend.nir.graph import load_graph
from ...frontend.runtime import Arrays
from ...pipeline.kinds import pipeline_of
from ...pipeline.map import quantised
from ...pipeline.prepare import prepare
from ..comparison import Compared
from ..engines import AnyImage, lost
from ..figures import Gauge, first_above
from ..runner import Runner, network_inputs
from .reference import NirReference

if TYPE_CHECKING:
    from ....backends.machine.machine import Arithmetic

SAYS = {
    "frontend": "NIR's equations with the weights as they were read against those of the file",
    "mapping": "the image against NIR's equations with the image's own weights",
    "layers": "every layer of the image against the same",
    "quantisation": "the image against NIR's equations with the file's weights",
    "rounding": "the image in the chip's arithmetic against float32 arithmetic",
}
SIDES = {
    "frontend": ("read", "given"),
    "mapping": ("image", "held"),
    "layers": ("image", "held"),
    "quantisation": ("run", "given"),
    "rounding": ("run", "image"),
}


def verify_spiking(
    path: Path,
    image: AnyImage,
    frames: Sequence[Arrays],
    *,
    tolerance: float,
    arithmetic: "Arithmetic" = "float32",
    on_frame: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Compared]:
    """Compares an image with its NIR file over steps that follow each other. Raises BadInput when they do not
    belong together.
    """
    dynamics = _dynamics(path, image)
    graph = flow(load_graph(path), dynamics)
    outputs = [tensor.name for tensor in image.tensors if tensor.kind == "output"]
    layers = [t for t in image.tensors if t.kind == "layer" and t.name in graph.by_shape]
    sides = _sides(path, image, graph, dynamics, arithmetic)
    names = [name for name in SAYS if name != "rounding" or arithmetic == "chip"]
    gauges = {name: [Gauge(output) for output in outputs] for name in names}
    gauges["layers"] = [Gauge(tensor.name) for tensor in layers]
    for index, frame in enumerate(frames):
        on_frame(index, len(frames))
        found = {side: step(frame) for side, step in sides.items()}
        found.setdefault("run", found["image"])
        for name in names:
            got, want = SIDES[name]
            for gauge in gauges[name]:
                gauge.add(np.asarray(found[got][gauge.name]), np.asarray(found[want][gauge.name]))
    compared = {}
    for name in names:
        is_free = name in ("quantisation", "rounding") or (name in ("mapping", "layers") and lost(image))
        limit = None if is_free else tolerance
        places = [tensor.layer for tensor in layers] if name == "layers" else outputs
        first = first_above(gauges[name], places, limit)
        figures = tuple(gauge.figures() for gauge in gauges[name])
        compared[name] = Compared(name, SAYS[name], limit, figures, first)
    return compared


def _dynamics(path: Path, image: AnyImage) -> Dynamics:
    """The steps that an image takes. Raises BadInput for an image of another model."""
    hint = "verify the image against the model it was compiled from"
    if not Dynamics.says(image.about.dynamics):
        raise BadInput(Origin(file=path.name), "is a spiking network, the image holds none", hint=hint)
    dynamics = Dynamics.parsed(image.about.dynamics)
    known = load_graph(path).nodes
    foreign = [tensor.name for tensor in network_inputs(image) if tensor.name not in known]
    if foreign:
        rule = f"has no input {foreign[0]!r}, which the image's network takes"
        raise BadInput(Origin(file=path.name), rule, hint=hint)
    return dynamics


def _sides(
    path: Path, image: AnyImage, graph: Flow, dynamics: Dynamics, arithmetic: "Arithmetic"
) -> Mapping[str, Callable[[Arrays], Arrays]]:
    """What computes a step on each side, by its name."""
    prepared = prepare(
        path, admit=lambda graph: pipeline_of(image.chip).admit(graph, image.chip), dynamics=dynamics
    )
    read = held_constants(quantised(prepared, "float32"), dict(prepared.graph.constants))
    held = held_constants(quantised(prepared, image.about.weights), dict(prepared.graph.constants))
    sides: dict[str, Callable[[Arrays], Arrays]] = {
        "given": NirReference(graph, dynamics),
        "read": NirReference(graph, dynamics, read),
        "held": NirReference(graph, dynamics, held),
        "image": _image_side(Runner(image)),
    }
    if arithmetic != "float32":
        sides["run"] = _image_side(Runner(image, arithmetic))
    return sides


def _image_side(runner: Runner) -> Callable[[Arrays], Arrays]:
    def step(frame: Arrays) -> Arrays:
        result = runner(frame, keep_layers=True)
        known: dict[str, Any] = {**result.run.layers, **result.outputs}
        return {name: np.asarray(array) for name, array in known.items()}

    return step
