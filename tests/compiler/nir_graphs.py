"""NIR files of the tests' own."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np

Edge = tuple[str, str]


def graph(nodes: Mapping[str, Any], edges: Sequence[Edge]) -> nir.NIRGraph:
    """A graph whose edges need not be sound."""
    found = nir.NIRGraph(dict(nodes), [], type_check=False)
    found.edges = list(edges)
    return found


def chain(nodes: Mapping[str, Any], *more: Edge) -> nir.NIRGraph:
    """Nodes one after the other, and further edges."""
    names = list(nodes)
    return graph(nodes, [*pairwise(names), *more])


def ends(source: Sequence[int], target: Sequence[int]) -> tuple[Any, Any]:
    """An Input and an Output node."""
    return nir.Input({"input": np.array(source)}), nir.Output({"output": np.array(target)})


def saved(folder: Path, found: nir.NIRGraph, name: str = "net.nir") -> Path:
    """The file of a graph."""
    path = folder / name
    nir.write(path, found)
    return path


def lif(shape: Sequence[int] = (1,), **changes: Any) -> Any:
    """Leaky neurons with tau = 2.5 ms and a threshold of 0.1."""
    numbers = {"tau": 2.5e-3, "r": 1.0, "v_leak": 0.0, "v_threshold": 0.1, "v_reset": 0.0, **changes}
    return nir.LIF(
        **{name: np.broadcast_to(value, shape).astype(np.float64) for name, value in numbers.items()}
    )


def integrate(shape: Sequence[int], **changes: Any) -> Any:
    """Neurons without a leak, with a threshold of 1."""
    numbers = {"r": 1.0, "v_threshold": 1.0, "v_reset": 0.0, **changes}
    return nir.IF(
        **{name: np.broadcast_to(value, shape).astype(np.float64) for name, value in numbers.items()}
    )


def cuba(shape: Sequence[int], **changes: Any) -> Any:
    """Neurons that a current drives, on average with what an event brings."""
    numbers = {
        "tau_syn": 4e-4, "tau_mem": 1e-3, "r": 10.0, "v_leak": 0.0, "v_threshold": 1.0, "v_reset": 0.0,
        "w_in": 4.0, **changes,
    }  # fmt: skip
    return nir.CubaLIF(
        **{name: np.broadcast_to(value, shape).astype(np.float64) for name, value in numbers.items()}
    )


def weights(seed: int, *shape: int) -> Any:
    """Trained weights."""
    return (np.random.default_rng([seed, 9]).normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(
        np.float32
    )


def recordings(seed: int = 5) -> nir.NIRGraph:
    """A convolutional network of integrate-and-fire neurons on events of 2 x 16 x 16, as those for recordings
    of a camera are built, with seeded weights.
    """
    first, last = ends((2, 16, 16), (10,))
    plain = {"dilation": 1, "groups": 1}
    return chain(
        {
            "input": first,
            "conv1": nir.Conv2d((16, 16), 3 * weights(seed, 16, 2, 5, 5), 2, 2, bias=np.zeros(16), **plain),
            "one": integrate((16, 8, 8)),
            "conv2": nir.Conv2d(
                (8, 8), 3 * weights(seed + 1, 16, 16, 3, 3), 1, 1, bias=np.zeros(16), **plain
            ),
            "two": integrate((16, 8, 8)),
            "pool": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
            "flatten": nir.Flatten({"input": np.array([16, 4, 4])}, 0, -1),
            "dense1": nir.Affine(3 * weights(seed + 2, 32, 256), np.zeros(32)),
            "three": integrate((32,)),
            "dense2": nir.Affine(3 * weights(seed + 3, 10, 32), np.zeros(10)),
            "four": integrate((10,)),
            "output": last,
        }
    )
