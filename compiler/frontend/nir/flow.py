"""Which node is computed when: what a step needs of itself, and what it takes from the step before."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from ....ir.errors import BadInput, Origin, SncError, Unsupported, raise_all
from .dynamics import Dynamics
from .graph import Edge, Graph, kind
from .neurons import delay_steps

NEURONS = ("LIF", "IF", "LI", "I", "CubaLIF", "CubaLI")
STATEFUL = (*NEURONS, "Threshold", "Delay")


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """Nodes in an order in which shapes follow, and in an order in which a step computes them; edges whose
    target sees in the next step what its source sends.
    """

    graph: Graph
    by_shape: tuple[str, ...]
    firing: tuple[str, ...]
    late: frozenset[Edge]

    def prompt(self, name: str) -> list[str]:
        """The nodes that feed a node within a step."""
        return [source for source in self.graph.sources(name) if (source, name) not in self.late]


def flow(graph: Graph, dynamics: Dynamics) -> Flow:
    """The order of a graph's nodes. Raises SncError where there is none, or nothing to compute."""
    for end in ("Input", "Output"):
        if not graph.of_kind(end):
            raise BadInput(Origin(file=graph.file), f"has no {end} node", hint="write it again")
    by_shape, back = _walk(graph)
    raise_all((*_refused(graph, back), *_unreached(graph, by_shape)))
    reached = set(by_shape)
    late = set(back)
    for source, target in graph.edges:
        node = graph.nodes[target]
        waits = kind(node) == "Delay" and delay_steps(node, graph.origin(target), dynamics) > 0
        if waits or (dynamics.is_late and kind(node) in NEURONS):
            late.add((source, target))
    late = {(source, target) for source, target in late if source in reached}
    return Flow(graph, by_shape, tuple(_ordered(graph, by_shape, late)), frozenset(late))


def _walk(graph: Graph) -> tuple[tuple[str, ...], list[Edge]]:
    """The nodes that inputs reach, sources before targets, and the edges that close loops."""
    targets: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for source, target in graph.edges:
        targets[source].append(target)
    done: list[str] = []
    open_nodes: dict[str, Iterator[str]] = {}
    seen: set[str] = set()
    back: list[Edge] = []
    for start in graph.of_kind("Input"):
        if start in seen:
            continue
        seen.add(start)
        open_nodes[start] = iter(targets[start])
        while open_nodes:
            name = next(reversed(open_nodes))
            following = next(open_nodes[name], None)
            if following is None:
                done.append(name)
                del open_nodes[name]
            elif following in open_nodes:
                back.append((name, following))
            elif following not in seen:
                seen.add(following)
                open_nodes[following] = iter(targets[following])
    return tuple(reversed(done)), back


def _refused(graph: Graph, back: list[Edge]) -> Iterator[SncError]:
    for source, target in back:
        if kind(graph.nodes[target]) not in STATEFUL:
            rule = f"the edge from {source!r} closes a loop here, where no state is kept"
            yield Unsupported(graph.origin(target), rule, hint="let the loop end in a neuron")


def _unreached(graph: Graph, reached: tuple[str, ...]) -> Iterator[SncError]:
    for source, target in graph.edges:
        if target in reached and source not in reached:
            rule = f"no input reaches it, and it feeds {target!r}"
            yield Unsupported(graph.origin(source), rule, hint="give it an edge from an Input node")
    for name in graph.of_kind("Output"):
        if name not in reached:
            yield BadInput(graph.origin(name), "no input reaches it", hint="give it an edge")


def _ordered(graph: Graph, by_shape: tuple[str, ...], late: Set[Edge]) -> Iterator[str]:
    """Sources before targets but for late edges; among what is free, who sees late events first."""
    sees_late = {target for _, target in late}
    waiting: Mapping[str, set[str]] = {
        name: {source for source in graph.sources(name) if (source, name) not in late and source in by_shape}
        for name in by_shape
    }
    left = sorted(by_shape, key=lambda name: (name not in sees_late, by_shape.index(name)))
    given: set[str] = set()
    while left:
        name = next(each for each in left if waiting[each] <= given)
        left.remove(name)
        given.add(name)
        yield name
