"""The host's parts: what cannot be mapped and stands before the chip's first layer, or behind its last.

Nothing that has trained weights goes to the host: an operator that stands between such layers is refused,
with the tensors at which the model could be split.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from ...ir.errors import Origin, SncError, Unsupported, each_of
from ...ir.layers import VIEWS, Layer, LayerGraph, Value
from .lower import HANDLERS

NAMES_SHOWN = 8
BETWEEN = ", and it stands between layers that only the chip may have"
WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")

READS_INPUTS = "reads nothing but the network's inputs"

Refused = Mapping[str, SncError]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The chip's part of a network, and the host's before and behind it, or None.

    `reasons`: why each of the host's layers stays there, by its name. `problems`: what neither can have; then
    the chip's part is what could be lowered of the rest, so that all that is wrong with it is reported, too.
    """

    chip: LayerGraph
    before: LayerGraph | None = None
    after: LayerGraph | None = None
    reasons: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    share_of_macs: float = 0.0
    problems: tuple[SncError, ...] = ()


def split_host(graph: LayerGraph, refused: Refused = MappingProxyType({})) -> Split:
    """Cuts a network into the host's parts and the chip's, and says what neither can have.

    `refused`: what lowering said of layers, by the name of their first output.
    """
    flow = Flow(graph)
    before: set[int] = set()
    after: set[int] = set()
    reasons: dict[str, str] = {}
    problems: list[SncError] = []
    covered: set[int] = set()
    for index, layer in enumerate(graph.layers):
        if index in after or index in covered:
            continue
        why = why_not(graph, layer, refused)
        if why is None:
            continue
        up, down = flow.ancestors(index), flow.descendants(index)
        may_be_last = not flow.is_weighted(index) and not any(flow.is_weighted(i) for i in down)
        may_be_first = not flow.is_weighted(index) and not any(flow.is_weighted(i) for i in up)
        if may_be_last and not (may_be_first and flow.mappable(up) < flow.mappable(down)):
            after |= {index, *down}
            reasons.update({graph.layers[i].name: f"stands behind {layer.name} ({layer.op})" for i in down})
            reasons[layer.name] = why.message
        elif may_be_first:
            before |= {index, *up}
            reasons = {graph.layers[i].name: f"stands before {layer.name} ({layer.op})" for i in up} | reasons
            reasons[layer.name] = why.message
        else:
            between = {i for i in down if not flow.is_weighted(i) and not flow.reaches_weights(i, down)}
            covered |= between
            problems += _refusals(flow, index, between, refused)
    if problems:
        return Split(_mappable(graph, refused), problems=_flat(problems))
    if len(before) + len(after) == len(graph.layers):
        rule = "has no layer that the chip can compute"
        nothing = Unsupported(Origin(file=graph.name), rule, hint="run it on the host")
        whys = [why_not(graph, layer, refused) for layer in graph.layers if layer.name in graph.unmapped]
        found = tuple(why for why in whys if why is not None) or (nothing,)
        return Split(replace(graph, layers=(), outputs=()), problems=found)
    return _cut(graph, before, after, reasons)


def _flat(problems: Iterable[SncError]) -> tuple[SncError, ...]:
    return tuple(each for problem in problems for each in each_of(problem))


def _mappable(graph: LayerGraph, refused: Refused) -> LayerGraph:
    """The layers that have a lowering, were not refused, and read nothing but what such layers make."""
    known = {value.name for value in graph.inputs} | set(graph.constants) | {""}
    kept = []
    for layer in graph.layers:
        if layer.op in HANDLERS and layer.result not in refused and known.issuperset(layer.inputs):
            kept.append(layer)
            known.update(layer.outputs)
    made = known - set(graph.constants)
    outputs = tuple(output for output in graph.outputs if output.name in made)
    return replace(graph, layers=tuple(kept), outputs=outputs)


def why_not(graph: LayerGraph, layer: Layer, refused: Refused) -> SncError | None:
    """Why a layer cannot be on the chip, or None."""
    if layer.result in refused:
        return refused[layer.result]
    if layer.op not in HANDLERS:
        known = graph.unmapped.get(layer.name)
        if known is not None:
            return Unsupported(layer.origin, known.message, hint=known.hint)
        return Unsupported(layer.origin, "the operator cannot be mapped", hint="see docs/operators.md")
    if all(name in graph.constants for name in layer.inputs if name):
        return Unsupported(layer.origin, "its result is constant", hint="fold it into the model")
    return None


class Flow:
    """Which layers read what other layers make."""

    def __init__(self, graph: LayerGraph) -> None:
        self.graph = graph
        makers = {name: i for i, layer in enumerate(graph.layers) for name in layer.outputs if name}
        self.sources = [{makers[n] for n in layer.inputs if n in makers} for layer in graph.layers]
        self.targets: list[set[int]] = [set() for _ in graph.layers]
        for index, sources in enumerate(self.sources):
            for source in sources:
                self.targets[source].add(index)
        self._weighted = {index for index, layer in enumerate(graph.layers) if _has_weights(graph, layer)}

    def ancestors(self, index: int) -> set[int]:
        """Everything that a layer's result depends on."""
        return _closure(index, self.sources)

    def descendants(self, index: int) -> set[int]:
        """Everything that depends on a layer's result."""
        return _closure(index, self.targets)

    def is_weighted(self, index: int) -> bool:
        """Whether a layer multiplies by constants that are not all 0: the chip's own work."""
        return index in self._weighted

    def is_between(self, index: int) -> bool:
        """Whether layers with weights stand before a layer, and behind it: the host cannot have it."""
        around = self.ancestors(index), self.descendants(index)
        return all(any(map(self.is_weighted, each)) for each in around)

    def reaches_weights(self, index: int, within: set[int]) -> bool:
        """Whether a layer depends on one of `within` that has weights."""
        return any(self.is_weighted(i) for i in self.ancestors(index) & within)

    def mappable(self, layers: Iterable[int]) -> int:
        """How many of some layers the chip could compute, at a cost."""
        found = (self.graph.layers[i] for i in layers)
        return sum(1 for layer in found if layer.op in HANDLERS and layer.op not in VIEWS)

    def crossing(self, makers: Iterable[int], readers: Iterable[int]) -> list[str]:
        """The tensors that some layers make, or the network's inputs, and others read."""
        made = {name for i in makers for name in self.graph.layers[i].outputs}
        read = dict.fromkeys(name for i in sorted(readers) for name in self.graph.layers[i].inputs)
        return [name for name in read if name in made]


def _has_weights(graph: LayerGraph, layer: Layer) -> bool:
    held = (graph.constants[name] for name in layer.inputs[:2] if name in graph.constants)
    return layer.op in WEIGHTED and any(bool(array.any()) for array in held)


def _closure(index: int, edges: Sequence[set[int]]) -> set[int]:
    found: set[int] = set()
    waiting = list(edges[index])
    while waiting:
        now = waiting.pop()
        if now not in found:
            found.add(now)
            waiting += edges[now]
    return found


def _refusals(flow: Flow, index: int, between: set[int], refused: Refused) -> Iterable[SncError]:
    """What cannot be mapped of layers between layers with weights, and where one split serves them all."""
    host = {index, *between}
    later = flow.descendants(index) - between
    earlier = set(range(len(flow.graph.layers))) - host - later
    ends, begins = flow.crossing(earlier, host | later), flow.crossing(host, later)
    twins = flow.graph.twins
    ends, begins = (
        [twin for name in names for twin in (name, *twins.get(name, ()))] for names in (ends, begins)
    )
    ways = f"end the first part at {_listed(ends)}, begin the second at {_listed(begins)}"
    ways = f"give --split, or split the model: {ways}"
    kept = flow.crossing(earlier, later)
    if kept:
        kept = [twin for name in kept for twin in (name, *twins.get(name, ()))]
        ways += f", which also reads {_listed(kept)}"
    for i in sorted(host):
        layer = flow.graph.layers[i]
        why = why_not(flow.graph, layer, refused)
        if why is not None and flow.is_weighted(i):
            yield why
        elif why is not None:
            message = f"{why.message}{BETWEEN}"
            yield Unsupported(layer.origin, message, hint=ways)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMES_SHOWN])
    return shown + (f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else "")


def _cut(graph: LayerGraph, before: set[int], after: set[int], reasons: Mapping[str, str]) -> Split:
    if not before and not after:
        return Split(graph)
    flow = Flow(graph)
    chip = set(range(len(graph.layers))) - before - after
    # What the host reads of the network's own inputs, it reads without the chip.
    views = {i for i in chip if _names_inputs(flow, i, before)}
    sources = [found & views for found in flow.sources]
    after_layers = after.union(*(_closure(index, sources) for index in after))
    own = {value.name for value in graph.inputs}
    outputs = [output.name for output in graph.outputs]
    made_before, made_chip, made_after = (_made(graph, part) for part in (before, chip, after_layers))
    read_chip, read_after = _read(graph, chip), _read(graph, after_layers)
    from_chip = [n for n in read_after if n in made_chip and n not in made_after]
    to_chip = [n for n in read_chip if n in made_before] + [n for n in read_chip if n in own]
    chip_outputs = dict.fromkeys([n for n in outputs if n in made_chip and n not in made_after] + from_chip)
    before_outputs = dict.fromkeys(
        [n for n in outputs if n in made_before] + [n for n in (*read_chip, *read_after) if n in made_before]
    )
    through = [n for n in outputs if n in made_before or n in own]  # neither the chip's nor behind it
    after_inputs = [n for n in (*read_after, *through) if n not in made_after and n not in graph.constants]
    read = {*read_chip, *read_after, *_read(graph, before)}
    unread = [value.name for value in graph.inputs if value.name not in read]
    macs = [graph.macs(layer) for layer in graph.layers]
    share = sum(macs[i] for i in before | after) / max(sum(macs), 1)
    kept = replace(
        graph,
        layers=_layers(graph, chip),
        inputs=_values(graph, [*dict.fromkeys(to_chip), *unread]),
        outputs=_values(graph, chip_outputs),
    )
    first = last = None
    if before:
        first = replace(
            graph,
            name=f"{graph.name}:before",
            layers=_layers(graph, before),
            inputs=_values(graph, [n for n in _read(graph, before) if n in own]),
            outputs=_values(graph, before_outputs),
        )
    if after or through:
        last = replace(
            graph,
            name=f"{graph.name}:after",
            layers=_layers(graph, after_layers),
            inputs=_values(graph, dict.fromkeys(after_inputs)),
            # An output that the host reads too passes through it: the network's outputs are never both.
            outputs=_values(graph, [n for n in outputs if n not in chip_outputs or n in read_after]),
        )
    return Split(kept, first, last, MappingProxyType(dict(reasons)), share)


def _names_inputs(flow: Flow, index: int, before: set[int]) -> bool:
    """Whether a layer only names elements of the network's inputs, or of what the host makes of them."""
    return all(flow.graph.layers[i].op in VIEWS or i in before for i in (index, *flow.ancestors(index)))


def _made(graph: LayerGraph, part: set[int]) -> set[str]:
    return {name for i in part for name in graph.layers[i].outputs if name}


def _read(graph: LayerGraph, part: set[int]) -> list[str]:
    return list(dict.fromkeys(name for i in sorted(part) for name in graph.layers[i].inputs if name))


def _layers(graph: LayerGraph, part: set[int]) -> tuple[Layer, ...]:
    return tuple(graph.layers[i] for i in sorted(part))


def _values(graph: LayerGraph, names: Iterable[str]) -> tuple[Value, ...]:
    return tuple(graph.values[name] for name in names)
