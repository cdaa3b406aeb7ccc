"""A NIR file as one flat graph: nodes of subgraphs stand among the others, and every edge has two ends."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ....ir.errors import BadInput, Origin, raise_all

Edge = tuple[str, str]
Node = Any  # of the package nir, which has no types

SUBGRAPH = "NIRGraph"
ENDS = ("Input", "Output")


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Nodes by name, and edges. Several edges into one node add up."""

    file: str
    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]

    def origin(self, name: str) -> Origin:
        """Where a node comes from."""
        return Origin(self.file, name, kind(self.nodes[name]), name)

    def sources(self, name: str) -> list[str]:
        """The nodes that feed a node, in the order of the edges."""
        return [source for source, target in self.edges if target == name]

    def of_kind(self, *kinds: str) -> list[str]:
        """The nodes of some kinds."""
        return [name for name, node in self.nodes.items() if kind(node) in kinds]


def kind(node: Node) -> str:
    """What NIR calls a node."""
    return type(node).__name__


def load_graph(path: Path) -> Graph:
    """The graph of a file. Raises BadInput for what is no NIR file, or has an edge that leads nowhere."""
    import nir

    origin = Origin(file=path.name)
    if not path.is_file():
        raise BadInput(origin, "there is no such file", hint="check the path")
    try:
        # NIR's own inference of shapes errs on some sound files: shapes are worked out here.
        top = nir.read(path, type_check=False)
    except Exception as error:  # of a damaged file, h5py and nir raise a dozen kinds
        words = " ".join(str(error).split()) or type(error).__name__
        raise BadInput(
            origin, f"is no network that the package nir can read: {words}", hint="write it again"
        ) from None
    edges = list(dict.fromkeys((str(source), str(target)) for source, target in top.edges))
    return flat(path.name, dict(top.nodes), edges)


def flat(file: str, nodes: Mapping[str, Node], edges: list[Edge]) -> Graph:
    """Nodes and edges with all subgraphs taken apart. Raises BadInput with every edge that leads nowhere."""
    found, ways = _flat(file, nodes, edges, "")
    return Graph(file, MappingProxyType(found), tuple(dict.fromkeys(ways)))


def _flat(
    file: str, nodes: Mapping[str, Node], edges: list[Edge], prefix: str
) -> tuple[dict[str, Node], list[Edge]]:
    raise_all(_loose(file, nodes, edges, prefix))
    found: dict[str, Node] = {}
    ways: list[Edge] = []
    begins: dict[str, list[str]] = {}
    ends: dict[str, list[str]] = {}
    for name, node in nodes.items():
        own = prefix + name
        if kind(node) != SUBGRAPH:
            found[own] = node
            begins[name] = ends[name] = [own]
            continue
        inner, more = _flat(file, node.nodes, [(str(a), str(b)) for a, b in node.edges], f"{own}.")
        begins[name], ends[name] = [], []
        for inner_name, each in inner.items():
            is_own = "." not in inner_name[len(own) + 1 :] and inner_name[len(own) + 1 :] in node.nodes
            if is_own and kind(each) == "Input":
                begins[name] += [target for source, target in more if source == inner_name]
            elif is_own and kind(each) == "Output":
                ends[name] += [source for source, target in more if target == inner_name]
            else:
                found[inner_name] = each
        ways += [(a, b) for a, b in more if a in found and b in found]
    for source, target in edges:
        ways += [(a, b) for a in ends[source] for b in begins[target]]
    return found, ways


def _loose(file: str, nodes: Mapping[str, Node], edges: list[Edge], prefix: str) -> Iterator[BadInput]:
    for source, target in edges:
        for end in (source, target):
            if end not in nodes:
                rule = f"the edge from {prefix}{source!r} to {prefix}{target!r} names no node {end!r}"
                yield BadInput(Origin(file=file), rule, hint=f"its nodes are {', '.join(nodes)}")


def numbers(value: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A parameter of a node as an array."""
    return np.asarray(value, dtype=np.float64)


def finite(value: Any, what: str, origin: Origin) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A node's numbers. Raises BadInput where they are none, or not finite in single precision."""
    try:
        found = numbers(value)
    except (TypeError, ValueError):
        raise BadInput(origin, f"its {what} is no array of numbers", hint="write the file again") from None
    with np.errstate(over="ignore"):
        is_finite = np.isfinite(found.astype(np.float32)).all()
    if not is_finite:
        raise BadInput(origin, f"its {what} has numbers that are not finite", hint="write the file again")
    return found
