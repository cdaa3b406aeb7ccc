"""The host's part: what follows the last layer that the chip can compute, and is no neuron's work."""

from dataclasses import dataclass, replace

from ..ir.errors import SncError, Unsupported, raise_all
from ..ir.layers import Layer, LayerGraph
from ..passes.lower import HANDLERS

# Operators that normalise or rank whole outputs: left to the host behind the last layer.
TAIL = ("Softmax", "LogSoftmax", "Hardmax", "ArgMax", "ArgMin", "TopK")


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The chip's part of a network, and the host's behind it, or None."""

    chip: LayerGraph
    after: LayerGraph | None


def split_host(graph: LayerGraph) -> Split:
    """Cuts a network before its tail. Raises SncError for operators that neither the chip nor the tail can
    have.
    """
    made_by_host: set[str] = set()
    refused: set[str] = set()
    host: list[Layer] = []
    problems: list[SncError] = []
    for layer in graph.layers:
        behind = [name for name in layer.inputs if name in made_by_host]
        if layer.op in HANDLERS and not behind:
            continue
        if any(name in refused for name in behind):
            refused.update(layer.outputs)  # said once, where it begins
        elif layer.op not in HANDLERS and layer.op not in TAIL and not behind:
            refused.update(layer.outputs)
            hint = f"mappable are {', '.join(sorted(HANDLERS))}; behind the last layer also {', '.join(TAIL)}"
            problems.append(Unsupported(layer.origin, "the operator cannot be mapped", hint=hint))
        elif graph.macs(layer):
            refused.update(layer.outputs)
            hint = f"end the model at {behind[0]}, or remove what makes it"
            problems.append(
                Unsupported(layer.origin, f"it reads {behind[0]}, which only the host can compute", hint=hint)
            )
        made_by_host.update(layer.outputs)
        host.append(layer)
    raise_all(problems)
    if not host:
        return Split(graph, None)
    read = dict.fromkeys(n for layer in host for n in layer.inputs if n and n not in made_by_host)
    crossing = [graph.values[name] for name in read if name not in graph.constants]
    kept = tuple(layer for layer in graph.layers if layer not in host)
    outputs = [output for output in graph.outputs if output.name not in made_by_host]
    names = {output.name for output in outputs}
    chip = replace(graph, layers=kept, outputs=(*outputs, *(v for v in crossing if v.name not in names)))
    after = replace(
        graph,
        name=f"{graph.name}:host",
        layers=tuple(host),
        inputs=tuple(crossing),
        # An output that the host reads too passes through it: the network's outputs are never both.
        outputs=tuple(output for output in graph.outputs if output.name in made_by_host | set(read)),
    )
    return Split(chip, after)
