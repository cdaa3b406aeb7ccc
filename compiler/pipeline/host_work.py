"""The host's part: how much of a network's multiplications, and which layers with weights."""

from collections.abc import Iterator

from ...ir.errors import Origin, Unsupported
from ...ir.layers import Layer, LayerGraph
from ...passes.lowering.host import READS_INPUTS, Split

SHARE_MAX = 0.5  # of the multiplications: with more on the host, it is the host that runs the network
OBSTACLES_SHOWN = 3
SHARE_SHOWN = 1e-4


def percent(share: float) -> str:
    """A share as people read it."""
    if 0 < share < SHARE_SHOWN:
        return f"less than {100 * SHARE_SHOWN:g} %"
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def weighted_on_host(graph: LayerGraph, parts: Split) -> tuple[Layer, ...]:
    """The host's layers that multiply by weights: by what does not depend on the network's inputs."""
    moving = {value.name for value in graph.inputs}
    for layer in graph.layers:
        if moving.intersection(layer.inputs):
            moving.update(layer.outputs)
    host = {layer.name for part in (parts.before, parts.after) if part for layer in part.layers}
    return tuple(
        layer
        for layer in graph.layers
        if layer.name in host
        and graph.macs(layer)
        and any(name and name not in moving and len(graph.shape(name)) > 1 for name in layer.inputs)
    )


def warnings(graph: LayerGraph, parts: Split) -> tuple[str, ...]:
    """What a user must know of layers with weights that the chip was not given."""
    found = weighted_on_host(graph, parts)
    if not found:
        return ()
    names = ", ".join(f"{layer.name} ({layer.op})" for layer in found[:OBSTACLES_SHOWN])
    more = f" and {len(found) - OBSTACLES_SHOWN} more" if len(found) > OBSTACLES_SHOWN else ""
    share = percent(parts.share_of_macs)
    return (f"the host computes {names}{more}, with their weights: {share} of the multiplications",)


def too_much(graph: LayerGraph, parts: Split) -> Unsupported | None:
    """Why a network is not worth the chip, where the host keeps most of its multiplications."""
    if parts.share_of_macs <= SHARE_MAX:
        return None
    obstacles = list(_obstacles(graph, parts))
    shown = "; ".join(f"{layer.name} ({layer.op}): {why}" for layer, why in obstacles[:OBSTACLES_SHOWN])
    if len(obstacles) > OBSTACLES_SHOWN:
        shown += f"; and {len(obstacles) - OBSTACLES_SHOWN} more"
    rule = f"the host would keep {percent(parts.share_of_macs)} of the multiplications, because of {shown}"
    hint = "change these nodes, or compile it all the same with --force"
    return Unsupported(Origin(file=graph.name), rule, hint=hint)


def _obstacles(graph: LayerGraph, parts: Split) -> Iterator[tuple[Layer, str]]:
    """The layers that are on the host for a reason of their own, not for standing beside such a one."""
    by_name = {layer.name: layer for layer in graph.layers}
    for name, why in parts.reasons.items():
        if why != READS_INPUTS and not why.startswith(("stands behind ", "stands before ")):
            yield by_name[name], why
