"""A NIR graph with other numbers: the network with the weights that an image holds, for simulators of NIR."""

import copy
import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from ....ir.layers import Array
from .dynamics import Dynamics
from .graph import Graph, Node, kind, numbers
from .read import DRIVE


def as_nir(graph: Graph, dynamics: Dynamics, held: Mapping[str, Array]) -> bytes:
    """The file of a graph, subgraphs taken apart. `held`: constants by the names that the layers have."""
    import nir

    nodes = {name: _node(graph, name, dynamics, held) for name in graph.nodes}
    found = nir.NIRGraph(nodes, list(graph.edges), type_check=False)
    buffer = io.BytesIO()
    nir.write(buffer, found)
    return buffer.getvalue()


def _node(graph: Graph, name: str, dynamics: Dynamics, held: Mapping[str, Array]) -> Node:
    """A node with the numbers of its own that are held."""
    node = copy.copy(graph.nodes[name])
    for what in ("weight", "bias", "scale"):
        found = held.get(f"{name}.{what}")
        if found is not None:
            given = getattr(node, what)
            setattr(node, what, np.asarray(found, dtype=np.float32).reshape(np.shape(given)))
    drive = held.get(f"{name}.{DRIVE}")
    if drive is not None:
        node.v_leak = _leak(node, dynamics, drive)
    return node


def _leak(node: Node, dynamics: Dynamics, drive: Any) -> Array:
    """The leak that drives a neuron in every step as much as this, in units of an event of weight 1."""
    shape = np.shape(node.v_leak)
    by_channel = numbers(drive).reshape(-1, *(1,) * (len(shape) - 1))
    gain = numbers(node.r)
    if kind(node) == "CubaLI":
        gain = gain * dynamics.dt / numbers(node.tau_syn) * numbers(node.w_in)
    return np.broadcast_to(by_channel * gain, shape).copy()
