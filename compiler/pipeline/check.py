"""What of a model the chip can have, what the host keeps, and every problem at once. Solves nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...ir.chip import Chip
from ...ir.errors import Origin, SncError, each_of
from ...ir.layers import LayerGraph
from ...ir.network import Network
from ...passes.fuse import Fuse
from ...passes.lowering.host import READS_INPUTS, Split
from ...passes.lowering.operators.table import HANDLERS
from ..frontend.nir.read import HOW
from .capacity import neurons
from .host_work import too_much, warnings
from .kinds import pipeline_of
from .needs import Need, needs_of
from .options import Options
from .prepare import divide, folded, is_spiking, undivided

Where = Literal["chip", "host", "refused"]


@dataclass(frozen=True, slots=True)
class Checked:
    """A layer, the shape of its result, where it is computed, and how the chip does it or why the host
    does.
    """

    name: str
    op: str
    shape: tuple[int, ...]
    where: Where
    how: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a model cannot be compiled: the node, the rule that it breaks, and the way out."""

    node: str
    operator: str
    output: str
    rule: str
    way_out: str
    exit_code: int
    text: str


@dataclass(frozen=True, slots=True)
class CheckedHost:
    """Nodes that the host computes, before and behind the chip."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    share_of_macs: float = 0.0


@dataclass(frozen=True, slots=True)
class Check:
    """What a check found. `neurons` and `projections` are None where the network could not be made.

    `notes`: what a user must know of how the model was read. `needs`: what it takes of the target at least.
    `is_spiking`: its layers' `how` say how true they are to the nodes of the file.
    """

    model: str
    target: str
    is_supported: bool
    layers: tuple[Checked, ...]
    host: CheckedHost
    problems: tuple[Problem, ...]
    neurons: int | None
    projections: int | None
    notes: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    is_spiking: bool = False

    @property
    def exit_code(self) -> int:
        """0, or that of the gravest problem: what `snc compile` would end with."""
        return max((problem.exit_code for problem in self.problems), default=0)


def check(path: Path, chip: Chip, options: Options) -> Check:
    """What stands between a model and its image, short of solving. Raises BadInput where no model is."""
    steps = pipeline_of(chip)
    try:
        graph = folded(path, options.input_shapes, options.dynamics, as_float=options.as_float)
    except SncError as error:
        found = each_of(error)
        if not all(one.origin and one.origin.operator for one in found):
            raise
        return _result(path, chip, None, None, None, found)
    try:
        steps.admit(graph, chip)
        division = undivided(graph) if is_spiking(path) else divide(graph)
    except SncError as error:
        return _result(path, chip, graph, None, None, each_of(error), needs_of((error,), chip))
    if division.network is None:
        return _result(path, chip, graph, None, None, division.problems)
    network = Fuse()(division.network)
    refusal = too_much(graph, division.parts)
    weighed = steps.weighed(network, chip, options)
    problems = [*([refusal] if refusal else []), *weighed.problems]
    return _result(path, chip, graph, division.parts, network, problems, weighed.needs)


def _result(
    path: Path,
    chip: Chip,
    graph: LayerGraph | None,
    parts: Split | None,
    network: Network | None,
    errors: Iterable[SncError],
    needs: tuple[Need, ...] = (),
) -> Check:
    problems = tuple(_problem(error) for error in errors)
    before = _names(parts.before if parts else None)
    after = _names(parts.after if parts else None)
    layers = []
    for layer in graph.layers if graph else ():
        shape = graph.shape(layer.result) if graph else ()
        at_fault = next((problem for problem in problems if problem.output == layer.result), None)
        if at_fault is not None:
            layers.append(Checked(layer.name, layer.op, shape, "refused", at_fault.rule))
        elif layer.name in (*before, *after) or layer.op not in HANDLERS:
            why = parts.reasons.get(layer.name, READS_INPUTS) if parts else ""
            layers.append(Checked(layer.name, layer.op, shape, "host", why))
        else:
            how = layer.text(HOW, HANDLERS[layer.op].summary)
            layers.append(Checked(layer.name, layer.op, shape, "chip", how))
    return Check(
        model=path.name,
        target=chip.name,
        is_supported=not problems,
        layers=tuple(layers),
        host=CheckedHost(before, after, parts.share_of_macs if parts else 0.0),
        problems=problems,
        neurons=None if network is None else neurons(network),
        projections=None if network is None else len(network.projections),
        is_spiking=is_spiking(path),
        notes=(*(graph.notes if graph else ()), *(warnings(graph, parts) if graph and parts else ())),
        needs=needs,
    )


def _names(part: LayerGraph | None) -> tuple[str, ...]:
    return () if part is None else tuple(layer.name for layer in part.layers)


def _problem(error: SncError) -> Problem:
    origin = error.origin or Origin()
    return Problem(
        node=origin.node,
        operator=origin.operator,
        output=origin.output,
        rule=error.message,
        way_out=error.hint,
        exit_code=error.exit_code,
        text=str(error),
    )
