"""Running an image for crossbars: the host's parts, the machine, and what they cost and compute."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ....backends.crossbar.image import CrossbarImage
from ....backends.crossbar.machine import CrossbarCounters, CrossbarMachine
from ....backends.machine.tensors import cast_to
from ....ir.crossbar.chip import CrossbarChip
from ....ir.errors import BadInput, Origin
from ....passes.quantise import held_constants
from ...frontend.onnx_file import fix_shapes, load_model
from ...frontend.opset import converted
from ...frontend.read import to_onnx
from ...frontend.runtime import Arrays, HostPart
from ...pipeline.map import quantised
from ...pipeline.prepare import is_spiking, prepare
from ..figures import Figures, Gauge
from ..reference import Reference
from ..runner import network_inputs


@dataclass(frozen=True, slots=True)
class CrossbarCosts:
    """Estimates, in nanojoules: of cells whose row was driven, with a weight (`useful_nj`) and without one
    (`wasted_nj`), and of values on the mesh.
    """

    useful_nj: float
    wasted_nj: float
    mesh_nj: float


@dataclass(frozen=True, slots=True)
class CrossbarVerdict:
    """How far the image is from the network with the image's weights (`mapping`), and from the model.

    `lost`: synapses that the image does not have; then there is nothing to hold its mapping against.
    """

    model: str
    image: str
    weights: str
    frames: int
    tolerance: float
    lost: int
    mapping: tuple[Figures, ...]
    outputs: tuple[Figures, ...]

    @property
    def is_right(self) -> bool:
        """Whether the mapping is within the tolerance, or synapses are gone."""
        return bool(self.lost) or all(f.max_rel_error <= self.tolerance for f in self.mapping)


class CrossbarRunner:
    """An image for crossbars with the host's parts, ready to run frame by frame."""

    def __init__(self, image: CrossbarImage) -> None:
        self.image = image
        self.machine = CrossbarMachine(image)
        self.counters = CrossbarCounters()
        self._before = None if image.host_before is None else HostPart(image.host_before)
        self._after = None if image.host_after is None else HostPart(image.host_after)
        self._dtypes = {t.name: t.dtype for t in image.tensors if t.kind == "output"}

    def __call__(self, inputs: Arrays) -> Arrays:
        """The network's outputs of the next frame. Raises BadInput for arrays that are not its inputs."""
        known = dict(inputs)
        if self._before is not None:
            known |= self._before(known)
        reads = {} if self._after is None else self._after.inputs
        hosts = {*reads, *(() if self._before is None else (*self._before.inputs, *self._before.outputs))}
        own = self.machine.inputs
        run = self.machine.run({n: a for n, a in known.items() if n in own or n not in hosts})
        self.counters += run.counters
        outputs: Arrays = {name: cast_to(run.outputs[name], dtype) for name, dtype in self._dtypes.items()}
        if self._after is None:
            return outputs
        behind = self._after({**known, **outputs})
        return {name: array for name, array in outputs.items() if name not in reads} | behind


def costs(counters: CrossbarCounters, chip: CrossbarChip) -> CrossbarCosts:
    """What counters mean in energy: assumptions of the target's file."""
    return CrossbarCosts(
        counters.used * chip.cell_fj / 1e6,
        counters.unused * chip.cell_fj / 1e6,
        counters.hops * chip.hop_fj / 1e6,
    )


def verify_crossbars(
    path: Path, image: CrossbarImage, file: str, frames: Sequence[Arrays], tolerance: float
) -> CrossbarVerdict:
    """Compares an image with its model in ONNX Runtime. Raises BadInput when they do not belong together."""
    origin = Origin(file=path.name)
    if is_spiking(path):
        rule = "is a spiking network: on crossbars, ONNX models alone are verified"
        raise BadInput(origin, rule, hint="verify it on a chip of cores")
    shapes = {tensor.name: tensor.shape for tensor in network_inputs(image)}
    source = load_model(path)
    if foreign := [name for name in shapes if name not in {value.name for value in source.graph.input}]:
        rule = f"has no input {foreign[0]!r}, which the image's network takes"
        raise BadInput(origin, rule, hint="verify the image against the model it was compiled from")
    prepared = prepare(path, shapes)
    held = held_constants(quantised(prepared, image.about.weights), dict(prepared.graph.constants))
    given = fix_shapes(converted(source, path.name), shapes, path.name)
    names = [value.name for value in given.graph.output]
    sides = (
        Reference(to_onnx(prepared.graph.with_constants(held)), names, is_precise=True, file=path.name),
        Reference(given, names, is_precise=False, file=path.name),
    )
    gauges = [[Gauge(name) for name in names] for _ in sides]
    runner = CrossbarRunner(image)
    for frame in frames:
        got = runner(frame)
        if set(got) != set(names):
            rule = f"has the outputs {names}, the image {sorted(got)}"
            raise BadInput(origin, rule, hint="verify the image against the model it was compiled from")
        for side, gauged in zip(sides, gauges, strict=True):
            want = side(frame)
            for gauge in gauged:
                gauge.add(got[gauge.name], want[gauge.name])
    mapping, outputs = (tuple(gauge.figures().finite() for gauge in gauged) for gauged in gauges)
    return CrossbarVerdict(
        path.name,
        file,
        image.about.weights,
        len(frames),
        tolerance,
        image.about.lost,
        mapping,
        outputs,
    )
