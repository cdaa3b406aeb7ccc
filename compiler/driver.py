"""The whole trip on one screen: an ONNX model in, a memory image out."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from .. import __version__
from ..backends.emit import emit, image_layers
from ..backends.image import About, Image, Solver
from ..ir.chip import Chip
from ..ir.errors import BadInput, DoesNotFit, ManyErrors, Origin, SncError
from ..ir.layers import LayerGraph
from ..ir.mapping import Mapping as Mapped
from ..ir.mapping import core_size
from ..ir.network import Network, PopulationId
from ..ir.weights import FORMATS
from ..passes.connect import Connect
from ..passes.cut import Cut
from ..passes.fold import Fold
from ..passes.fuse import Fuse
from ..passes.locate import Locate
from ..passes.lower import Lower
from ..passes.pack import Pack, too_large
from ..passes.partition import Partition, Solution
from ..passes.quantise import Quantise, held_constants
from ..passes.wire import Wire
from .frontend import Shapes, read_onnx, to_onnx
from .host import READS_INPUTS, Refused, Split, split_host
from .remedy import remedied
from .run import HostPart
from .sizes import check_capacity

STAGES = ("read", "lower", "quantise", "partition", "connect", "pack", "place", "emit")

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may choose. `effort` is the solver's deterministic time."""

    weights: str = "fixed8"
    states: str = "shared"
    objective: str = "cores"
    seed: int = 0
    effort: float = 4.0
    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """Every value on the way from a model to its image, and the seconds each stage took."""

    graph: LayerGraph
    network: Network
    mapping: Mapped
    image: Image
    seconds: Mapping[str, float]

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
    """The layers of a model, fewer of them where they fold into each other."""
    graph = read_onnx(path, input_shapes)
    try:
        return Fold()(graph)
    except Exception:
        _blame(graph)
        raise


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


def pack_network(network: Network, chip: Chip, options: Options, clock: "Clock") -> tuple[Solution, Mapped]:
    """The cuts and the cores of a network that `lower` made. Raises DoesNotFit."""
    with clock("partition"):
        wirings = Wire()(network, chip)
        plain = options.objective != "memory"
        shared = options.states == "shared"
        even = Partition(options.effort, options.seed, plain, shared)(network, chip, wirings)
        solution = Cut(options.objective, shared, seed=options.seed)(network, chip, wirings, even)
    with clock("connect"):
        least = solution.least_cores
        candidates = [replace(even, least_cores=least)] + [solution] * (solution.grids != even.grids)
        mappings = [Connect(shared)(network, chip, wirings, found.grids) for found in candidates]
    with clock("pack"):
        solution, mapping = _pack(candidates, mappings)
        mapping.verify()
    return solution, mapping


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
    solution, packed = pack_network(network, chip, options, clock)
    with clock("place"):
        mapping = Locate(options.seed)(packed)
        mapping.verify()
    with clock("emit"):
        solver = _solver(options, solution, mapping)
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
    return Compiled(graph, network, mapping, image, clock.seconds)


def _pack(candidates: Sequence[Solution], mappings: Sequence[Mapped]) -> tuple[Solution, Mapped]:
    """Of all cuts those that take the fewest cores, and then the least memory. Raises DoesNotFit."""
    packed: list[tuple[tuple[int, int], Solution, Mapped]] = []
    refused: DoesNotFit | None = None
    for solution, mapping in zip(candidates, mappings, strict=True):
        if too_large(mapping):
            continue
        try:
            found = Pack(solution.seats)(mapping)
        except DoesNotFit as error:
            refused = error
            continue
        words = sum(core_size(found.chip, (found.plans[f] for f in core)).words for core in found.cores)
        packed.append(((len(found.cores), words), solution, found))
    if not packed:
        assert refused is not None, "the even cuts fit"
        raise refused
    _, solution, mapping = min(packed, key=lambda candidate: candidate[0])
    return solution, mapping


def _solver(options: Options, solution: Solution, mapping: Mapped) -> Solver:
    """What was minimised, and how near to the proven bound it is."""
    if options.objective == "memory":
        return Solver(solution.status, solution.objective, solution.bound, solution.least_cores)
    used, bound = len(mapping.cores), solution.least_cores
    return Solver("optimal" if used <= bound else "feasible", float(used), float(bound), bound)


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
        self._stage, self._start = "", 0.0

    def __call__(self, stage: str) -> "Clock":
        """For a `with` block that is this stage."""
        self._stage, self._start = stage, time.perf_counter()
        self.progress(stage)
        return self

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self.seconds[self._stage] = time.perf_counter() - self._start
