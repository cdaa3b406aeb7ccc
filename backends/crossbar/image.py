"""The image of a chip of crossbars: what every crossbar holds, and where inputs and outputs are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...ir.crossbar.chip import CrossbarChip
from ..image.image import CoreImage, ImageTensor


@dataclass(frozen=True, slots=True)
class CrossbarLayer:
    """A layer as the model knows it, and what it takes; `units`: of the sums of its neurons."""

    name: str
    op: str
    neurons: int
    units: int
    synapses: int
    crossbars: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CrossbarAbout:
    """Where an image comes from, and how good it is. The machine does not read it.

    `lost`: synapses of the network that are gone, of `synapses`. `crossbars_bound`, `hops_bound`: proven.
    """

    model: str
    compiler: str
    weights: str
    decomposed: str
    seed: int
    synapses: int
    lost: int
    crossbars_bound: int
    hops: int
    hops_bound: int
    layers: tuple[CrossbarLayer, ...]
    host_before: tuple[str, ...] = ()
    host_after: tuple[str, ...] = ()
    dynamics: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class CrossbarImage:
    """Everything that runs a network on crossbars.

    `crossbars`: a tile and the words of its memory. `rules`: Rule words, each with its numbers. `sites`:
    where the elements of `tensors` are, which have no pieces. The host's parts are ONNX models.
    """

    chip: CrossbarChip
    crossbars: tuple[CoreImage, ...]
    rules: NDArray[np.uint64]
    tensors: tuple[ImageTensor, ...]
    sites: NDArray[np.uint64]
    about: CrossbarAbout
    host_before: bytes | None = None
    host_after: bytes | None = None
