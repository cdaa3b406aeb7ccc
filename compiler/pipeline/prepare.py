"""The half of the pipeline that knows no target: a model is read, folded, divided and lowered, once.

Everything that asks about a model begins with what it gives: `compile` and its remedies, `check`, `verify`,
`compare`, the front of cores against work.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ...ir.deadline import in_time
from ...ir.errors import BadInput, Origin, SncError, raise_all
from ...ir.firing.learning import Learning
from ...ir.layers import LayerGraph
from ...ir.network import Network
from ...passes.clamps import Unclamp
from ...passes.closing import closed, torn
from ...passes.composing.compose import Compose
from ...passes.correct import Correct
from ...passes.fold import Fold
from ...passes.fuse import Fuse
from ...passes.hoist import Hoist
from ...passes.learning import Teach
from ...passes.lowering.host import Split, split_host
from ...passes.lowering.lower import Lower
from ...passes.order import Arrange
from ...passes.prune import Prune
from ..frontend.agree import assert_agrees
from ..frontend.alone import alone
from ..frontend.netx.read import read_netx
from ..frontend.nir.dynamics import Dialect, Dynamics, Reset
from ..frontend.nir.read import read_nir
from ..frontend.read import READ, Shapes, read_model, to_onnx
from ..frontend.runtime import HostPart
from .host_work import warnings
from .steps import Step, Watch, unwatched, verified

NIR, NETX = ".nir", ".net"  # the suffixes of files with networks of spiking neurons
REWRITES = (Compose(alone), Fold(), Unclamp(), Hoist(), Arrange())
LOWERED = "the network was lowered"  # what time may be over in


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A model that is ready for any target and any weight format.

    `graph`: all its layers, folded into each other. `parts`: those that the host has, before and behind the
    chip, and the chip's. `network`: the chip's part lowered, with the weights as they were trained.
    `dynamics`: how a network that runs over time is run, None for others. `added`: what was added to biases
    to make up for rounded weights, by the constants that they are. It can be pickled: other processes, too,
    start from it.
    """

    graph: LayerGraph
    parts: Split
    network: Network
    dynamics: Dynamics | None = None
    added: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def corrected(self, added: Mapping[str, NDArray[np.float32]]) -> "Prepared":
        """The same with this added to biases, by constant and channel. Raises nothing."""
        return replace(self, network=Correct(added)(self.network), added=added)

    def taught(self, rule: Learning | None) -> "Prepared":
        """The same with a projection that learns by a rule, if one is given. Raises SncError as Teach."""
        return self if rule is None else replace(self, network=Teach(rule)(self.network))

    @property
    def name(self) -> str:
        """The model's name."""
        return self.graph.name

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user must know of how the model was read."""
        return self.graph.notes

    @property
    def runs_over_time(self) -> bool:
        """Whether a frame's outputs depend on the frames before it."""
        return self.dynamics is not None or bool(self.graph.carried)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user may not have wanted."""
        return warnings(self.graph, self.parts)


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """The host's parts of a network and the chip's, and the latter lowered; or every problem in the way."""

    parts: Split
    network: Network | None
    problems: tuple[SncError, ...] = ()


def prepare(
    path: Path,
    input_shapes: Shapes = MappingProxyType({}),
    admit: Callable[[LayerGraph], None] = lambda graph: None,
    dynamics: Dynamics | None = None,
    *,
    as_float: bool = False,
) -> Prepared:
    """A model read and lowered. `admit` may refuse layers before they are lowered. `as_float`: a quantised
    model gets its float form. Raises SncError.
    """
    dynamics = dynamics or Dynamics()
    graph = folded(path, input_shapes, dynamics, as_float=as_float)
    admit(graph)
    return lowered(graph, steps_of(path, dynamics))


def steps_of(path: Path, dynamics: Dynamics) -> Dynamics | None:
    """How a network that runs over time is run, None for others. Lava's own files are run as Lava does."""
    if is_netx(path):
        return replace(dynamics, dialect=Dialect.LAVA, reset=Reset.VALUE)
    return dynamics if is_spiking(path) else None


def is_spiking(path: Path) -> bool:
    """Whether a file holds a network of spiking neurons."""
    return path.suffix.lower() in (NIR, NETX)


def is_netx(path: Path) -> bool:
    """Whether a file holds such a network in Lava's own format."""
    return path.suffix.lower() == NETX


def folded(
    path: Path,
    input_shapes: Shapes,
    dynamics: Dynamics | None = None,
    *,
    as_float: bool = False,
) -> LayerGraph:
    """The layers of a model, folded into each other: they compute what the model does. Raises SncError
    for what cannot be read.
    """
    if is_spiking(path):
        if input_shapes:
            rule = f"has no input {next(iter(input_shapes))!r} whose shape is open"
            raise BadInput(
                Origin(file=path.name), rule, hint="leave --input-shape out: the file states shapes"
            )
        if dynamics is not None and dynamics.is_of_netx and not is_netx(path):
            rule = "is no file of Lava's NetX, which alone has resets in intervals and blocks to skip"
            raise BadInput(Origin(file=path.name), rule, hint="leave these options out")
        read = read_netx if is_netx(path) else read_nir
        return read(path, dynamics or Dynamics())
    reading = read_model(path, input_shapes, as_float=as_float)
    graph = reading.graph
    for rewrite in REWRITES:
        in_time(READ)
        graph = rewrite(graph).without_unread()
    in_time(READ)
    assert_agrees(graph, reading)
    return graph


def lowered(
    graph: LayerGraph,
    dynamics: Dynamics | None = None,
    watch: Watch = unwatched,
) -> Prepared:
    """Folded layers made ready for any target. Raises SncError with everything that cannot be mapped."""
    found = divide(graph) if dynamics is None else undivided(graph)
    raise_all(found.problems)
    assert found.network is not None
    in_time(LOWERED)
    network = verified(Step.NETWORK, Prune()(Fuse()(found.network)), watch)
    return Prepared(graph, found.parts, network, dynamics)


def undivided(graph: LayerGraph) -> Division:
    """All layers of a network on the chip: the host keeps no states from step to step."""
    lowering = Lower()(graph)
    return Division(Split(graph), lowering.network, lowering.refusals)


def divide(graph: LayerGraph) -> Division:
    """The host's parts of a network, and the chip's, lowered. What lowering refuses, the host may have."""
    makers = graph.producers()
    refused: dict[str, SncError] = {}
    while True:
        in_time(LOWERED)
        parts = carrying(split_host(graph, refused), graph)
        if parts.problems and graph.carried:
            return Division(parts, None, parts.problems)
        try:
            lowering = Lower()(closed(parts.chip, _read_by_host(parts)))
        except Exception:
            _blame(graph)
            raise
        found = {one.origin.output: one for one in lowering.refusals if one.origin}
        if not found.keys() <= makers.keys() - refused.keys() or len(found) < len(lowering.refusals):
            return Division(
                parts, None, (*parts.problems, *lowering.refusals)
            )  # no layer's that can be moved
        if not found:
            return Division(parts, None if parts.problems else lowering.network, parts.problems)
        refused |= found


def carrying(parts: Split, graph: LayerGraph) -> Split:
    """The same parts, where the chip has all of what goes from step to step; or what is in the way."""
    problems = tuple(torn(graph, parts.chip)) if not parts.problems else ()
    if parts.after is None or not graph.carried:
        return replace(parts, problems=(*parts.problems, *problems))
    made = {each.made for each in graph.carried}
    after = replace(parts.after, outputs=tuple(v for v in parts.after.outputs if v.name not in made))
    return replace(parts, after=after, problems=(*parts.problems, *problems))


def _read_by_host(parts: Split) -> set[str]:
    return set() if parts.after is None else {value.name for value in parts.after.inputs}


def _blame(graph: LayerGraph) -> None:
    """Raises BadInput when a network that lowering stumbles over cannot be run anywhere: it is at fault."""
    try:
        part = HostPart(to_onnx(graph).SerializeToString())
        part({value.name: np.zeros(value.shape, dtype=value.dtype) for value in graph.inputs})
    except SncError as error:
        raise BadInput(Origin(file=graph.name), error.message, hint="export it again") from None
