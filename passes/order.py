"""Ordering: layers in the order in which the fewest states are in use at once.

With shared states, a population's states are in use from the first firing of any of its sources until it has
fired (`ir/storage/states.py`): which branch of a network comes first decides how much memory it takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from ..ir.layers import VIEWS, LayerGraph

# Their results are neurons of what they read, or its activation functions.
WITHOUT_STATES = (
    *VIEWS,
    *("Concat", "Pad", "Tile", "Expand", "Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh"),
)


@dataclass(frozen=True, slots=True)
class Arrange:
    """The same layers, depth first where that keeps fewer neurons in use at once than their own order."""

    def __call__(self, graph: LayerGraph) -> LayerGraph:
        """The layers in the order that was chosen; their own if no other is better."""
        own = tuple(range(len(graph.layers)))
        orders = (own, _depth_first(graph, last=False), _depth_first(graph, last=True))
        best = min(orders, key=lambda order: most_in_use(graph, order))
        return graph if best == own else replace(graph, layers=tuple(graph.layers[i] for i in best))


def _depth_first(graph: LayerGraph, last: bool) -> tuple[int, ...]:
    """Every layer behind what it reads, the branches of its first operand first, or of its `last` one."""
    makers = {name: index for index, layer in enumerate(graph.layers) for name in layer.outputs if name}
    ends = [makers[output.name] for output in graph.outputs if output.name in makers]
    found: dict[int, None] = {}
    waiting = [(index, False) for index in (*reversed(range(len(graph.layers))), *reversed(ends))]
    begun: set[int] = set()
    while waiting:
        index, is_ready = waiting.pop()
        if is_ready:
            found[index] = None
        elif index not in begun:
            begun.add(index)
            waiting.append((index, True))
            read = [makers[name] for name in graph.layers[index].inputs if name in makers]
            waiting += [(source, False) for source in (read if last else reversed(read))]
    return tuple(found)


def most_in_use(graph: LayerGraph, order: Sequence[int]) -> int:
    """About how many neurons have states in use at once, when layers fire in this order."""
    fires: dict[str, int] = {}  # the step of the population that a tensor is
    changes = [0] * (len(order) + 1)
    for step, index in enumerate(order):
        layer = graph.layers[index]
        sources = [fires.get(name, 0) for name in layer.inputs if name and name not in graph.constants]
        if layer.op in WITHOUT_STATES:
            fires |= dict.fromkeys(layer.outputs, max(sources, default=0))
            continue
        fires |= dict.fromkeys(layer.outputs, step)
        neurons = prod(graph.shape(layer.result))
        changes[min(sources, default=step)] += neurons
        changes[step + 1] -= neurons
    most = now = 0
    for change in changes:
        now += change
        most = max(most, now)
    return most
