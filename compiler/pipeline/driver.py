"""The whole trip on one screen: an ONNX model in, a memory image out."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...backends.emit import emit, image_layers
from ...backends.image.image import About, Image, Solver
from ...ir.chip import Chip
from ...ir.counts import operations
from ...ir.errors import BadInput, ManyErrors, Origin, SncError
from ...ir.layers import LayerGraph
from ...ir.mapping import Mapping as Mapped
from ...ir.network import Network, PopulationId
from ...ir.version import __version__
from ...ir.weights import FORMATS
from ...passes.fold import Fold
from ...passes.fuse import Fuse
from ...passes.hoist import Hoist
from ...passes.lowering.host import READS_INPUTS, Refused, Split, split_host
from ...passes.lowering.lower import Lower
from ...passes.quantise import Quantise, held_constants
from ..frontend.agree import assert_agrees
from ..frontend.read import Shapes, read_model, to_onnx
from ..frontend.runtime import HostPart
from ..frontend.sizes import check_capacity
from .choices import Choice, Packer, Point
from .host_work import too_much, warnings
from .options import Options
from .remedy import remedied

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """Every value on the way from a model to its image, and the seconds each stage took.

    `warnings`: what a user may not have wanted.
    """

    graph: LayerGraph
    network: Network
    mapping: Mapped
    image: Image
    seconds: Mapping[str, float]
    warnings: tuple[str, ...] = ()

    def reference(self) -> LayerGraph:
        """The whole network, host part included, with the weights and biases that the image holds."""
        return self.graph.with_constants(held_constants(self.network, dict(self.graph.constants)))


def lower(path: Path, chip: Chip, options: Options) -> tuple[LayerGraph, Split, Network]:
    """The layers of a model and the network of its chip part, with weights as the image will hold them."""
    if options.weights not in FORMATS:
        raise BadInput(
            None, f"{options.weights!r} is no weight format", hint=f"known are {', '.join(FORMATS)}"
        )
    graph = folded(path, options.input_shapes)
    parts, network = divide(graph, chip)
    network.verify()
    network = Quantise(options.weights)(Fuse()(network, chip), chip)
    network.verify()
    return graph, parts, network


def folded(path: Path, input_shapes: Shapes) -> LayerGraph:
    """The layers of a model, folded into each other: they compute what the model does."""
    reading = read_model(path, input_shapes)
    graph = Hoist()(Fold()(reading.graph))
    assert_agrees(graph, reading)
    return graph


def divide(graph: LayerGraph, chip: Chip) -> tuple[Split, Network]:
    """The host's parts of a network, and the chip's, lowered. What lowering refuses, the host may have."""
    check_capacity(graph, chip)
    refused: Refused = {}
    makers = graph.producers()
    while True:
        parts = split_host(graph, refused)
        try:
            return parts, Lower()(parts.chip, chip)
        except SncError as error:
            each = error.errors if isinstance(error, ManyErrors) else (error,)
            found = {one.origin.output: one for one in each if one.origin and one.origin.output in makers}
            if len(found) < len(each) or found.keys() & refused.keys():
                raise
            refused = {**refused, **found}
        except Exception:
            _blame(graph)
            raise


def _blame(graph: LayerGraph) -> None:
    """Raises BadInput when a network that lowering stumbles over cannot be run anywhere: it is at fault."""
    try:
        part = HostPart(to_onnx(graph).SerializeToString())
        part({value.name: np.zeros(value.shape, dtype=value.dtype) for value in graph.inputs})
    except SncError as error:
        raise BadInput(Origin(file=graph.name), error.message, hint="export it again") from None


def pack_network(network: Network, chip: Chip, options: Options, clock: "Clock") -> Mapped:
    """The cores, without places, of a network that `lower` made. Raises DoesNotFit."""
    with clock("partition"):
        return Packer(network, chip, options).choices()[0].mapping


def front(
    path: Path, chip: Chip, options: Options, progress: Progress = lambda stage: None
) -> tuple[Point, ...]:
    """Cores against the work of the busiest core. Raises SncError as `compile_model` does."""
    clock = Clock(progress)
    with clock("lower"):
        _, _, network = lower(path, chip, options)
    with clock("partition"):
        return Packer(network, chip, options, clock.hurry(options.time_limit)).front()


def compile_model(
    path: Path, chip: Chip, options: Options, progress: Progress = lambda stage: None
) -> Compiled:
    """The image of a model. Raises SncError: exit code 2 when it cannot be mapped, 3 when it does not fit."""
    try:
        return _compile(path, chip, options, progress)
    except SncError as error:
        progress("explain")
        raise remedied(error, chip, options, lambda other, chosen: _compile(path, other, chosen)) from None


def _compile(path: Path, chip: Chip, options: Options, progress: Progress = lambda stage: None) -> Compiled:
    clock = Clock(progress)
    with clock("lower"):
        graph, parts, network = lower(path, chip, options)
        if not options.force and (refusal := too_much(graph, parts)):
            raise refusal
    with clock("partition"):
        packer = Packer(network, chip, options, clock.hurry(options.time_limit))
        choices = packer.choices()
        if options.objective == "throughput":
            choices = [packer.balanced(choices[0])]
        choices[0].mapping.verify()
    with clock("place"):
        choice = packer.located(choices)
        mapping = choice.mapping
        mapping.verify()
    with clock("emit"):
        solver = _solver(options, choice)
        about = About(
            graph.name,
            __version__,
            options.weights,
            options.states,
            options.objective,
            options.seed,
            solver,
            image_layers(mapping, layers_of(mapping.network)),
            before := _names(parts.before),
            after := _names(parts.after),
            parts.share_of_macs,
            tuple(parts.reasons.get(name, READS_INPUTS) for name in (*before, *after)),
        )
        image = emit(mapping, about, _model(parts.before), _model(parts.after))
    return Compiled(graph, network, mapping, image, clock.seconds, warnings(graph, parts))


def _solver(options: Options, choice: Choice) -> Solver:
    """What was minimised, and how near to the proven bound it is."""
    solution, mapping = choice.solution, choice.mapping
    least = solution.least_cores
    if options.objective == "memory":
        return Solver(solution.status, solution.objective, solution.bound, least)
    if options.objective == "throughput":
        work = operations(mapping)
        used, bound = max(work), -(-sum(work) // mapping.chip.cores)
    else:
        used, bound = len(mapping.cores), least
    return Solver("optimal" if used <= bound else "feasible", float(used), float(bound), least)


def layers_of(network: Network) -> list[tuple[str, str, tuple[str, ...], tuple[PopulationId, ...]]]:
    """Name, operator, nodes and populations of each layer of the model that has neurons of its own."""
    found: dict[str, list[PopulationId]] = {}
    for index, population in enumerate(network.populations):
        found.setdefault(population.origin.node, []).append(PopulationId(index))
    return [
        (
            name,
            network.populations[members[-1]].origin.operator,
            tuple(dict.fromkeys(node for p in members for node in network.populations[p].nodes)),
            tuple(members),
        )
        for name, members in found.items()
    ]


def _names(part: LayerGraph | None) -> tuple[str, ...]:
    return () if part is None else tuple(layer.name for layer in part.layers)


def _model(part: LayerGraph | None) -> bytes | None:
    return None if part is None else to_onnx(part).SerializeToString(deterministic=True)


class Clock:
    """Times the stages and tells the progress bar."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.seconds: dict[str, float] = {}
        self._begun = time.perf_counter()
        self._stage, self._start = "", 0.0

    def hurry(self, limit: float | None) -> Callable[[], bool]:
        """Tells whether so many seconds have passed since the clock began; None: as many as it takes."""
        return lambda: limit is not None and time.perf_counter() - self._begun > limit

    def __call__(self, stage: str) -> "Clock":
        """For a `with` block that is this stage."""
        self._stage, self._start = stage, time.perf_counter()
        self.progress(stage)
        return self

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self.seconds[self._stage] = time.perf_counter() - self._start
