"""Verifying the image of a spiking network: step by step, spike for spike, against the equations of its file:
NIR's, or Lava's.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ....ir.errors import BadInput, Origin
from ....passes.quantise import held_constants
from ...frontend.netx.file import load_netx
from ...frontend.nir.dynamics import Dynamics
from ...frontend.nir.flow import flow
from ...frontend.nir.graph import load_graph
from ...frontend.runtime import Arrays
from ...pipeline.kinds import pipeline_of
from ...pipeline.map import quantised
from ...pipeline.prepare import is_netx, prepare
from ..comparison import Compared
from ..engines import AnyImage, lost
from ..figures import Gauge, first_above
from ..runner import Runner, network_inputs
from .lava import LavaReference
from .reference import NirReference

if TYPE_CHECKING:
    from ....backends.machine.machine import Arithmetic

HINT = "verify the image against the model it was compiled from"
SAYS = {
    "frontend": "{} equations with the weights as they were read against those of the file",
    "mapping": "the image against {} equations with the image's own weights",
    "layers": "every layer of the image against the same",
    "quantisation": "the image against {} equations with the file's weights",
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
    """Compares an image with its file over steps that follow each other. Raises BadInput when they do not
    belong together.
    """
    dynamics = dynamics_of(image, path.name)
    network = _network(path, dynamics)
    foreign = [tensor.name for tensor in network_inputs(image) if tensor.name not in network.names]
    if foreign:
        rule = f"has no input {foreign[0]!r}, which the image's network takes"
        raise BadInput(Origin(file=path.name), rule, hint=HINT)
    outputs = [tensor.name for tensor in image.tensors if tensor.kind == "output"]
    layers = [t for t in image.tensors if t.kind == "layer" and t.name in network.names]
    sides = _sides(path, image, network, dynamics, arithmetic)
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
        compared[name] = Compared(name, SAYS[name].format(network.whose), limit, figures, first)
    return compared


@dataclass(frozen=True, slots=True)
class _Network:
    """A file's network: whose equations it has, the names of what sends something, and the plain reference
    with these constants in place of the file's.
    """

    whose: str
    names: Collection[str]
    reference: Callable[[Mapping[str, Any]], Callable[[Arrays], Arrays]]


def _network(path: Path, dynamics: Dynamics) -> _Network:
    if is_netx(path):
        file = load_netx(path, dynamics.skip_layers)
        return _Network("Lava's", LavaReference(file, dynamics).names, partial(LavaReference, file, dynamics))
    graph = flow(load_graph(path), dynamics)
    return _Network("NIR's", graph.by_shape, partial(NirReference, graph, dynamics))


def dynamics_of(image: AnyImage, file: str) -> Dynamics:
    """The steps that an image takes. Raises BadInput for an image of another model."""
    if not Dynamics.says(image.about.dynamics):
        raise BadInput(Origin(file=file), "is a spiking network, the image holds none", hint=HINT)
    return Dynamics.parsed(image.about.dynamics)


def _sides(
    path: Path, image: AnyImage, network: _Network, dynamics: Dynamics, arithmetic: "Arithmetic"
) -> Mapping[str, Callable[[Arrays], Arrays]]:
    """What computes a step on each side, by its name."""
    prepared = prepare(
        path, admit=lambda graph: pipeline_of(image.chip).admit(graph, image.chip), dynamics=dynamics
    )
    read = held_constants(quantised(prepared, "float32"), dict(prepared.graph.constants))
    held = held_constants(quantised(prepared, image.about.weights), dict(prepared.graph.constants))
    sides: dict[str, Callable[[Arrays], Arrays]] = {
        "given": network.reference({}),
        "read": network.reference(read),
        "held": network.reference(held),
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
