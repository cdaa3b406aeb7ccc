"""The memory image: one file with every core's memory, the firing order and the names of inputs and outputs.

The layout of the file is described in docs/image.md, which is generated from this package's declarations; it
is written and read by `container`.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...ir.chip import Chip


@dataclass(frozen=True, slots=True, eq=False)
class CoreImage:
    """A core: its place on the mesh, and its memory from address 0 to the last word in use, with states."""

    x: int
    y: int
    words: NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class ImagePiece:
    """A box of neurons of one population of one core whose values are elements of a tensor.

    Neuron (c0 + c, y0 + y, x0 + x) is element base + c * step_c + y * step_y + x * step_x of the flat tensor,
    for c below `depth`, y below `height`, x below `width`. `core` indexes the core sections, `population` is
    the address of the descriptor.
    """

    core: int
    population: int
    c0: int
    y0: int
    x0: int
    depth: int
    height: int
    width: int
    base: int
    step_c: int
    step_y: int
    step_x: int


@dataclass(frozen=True, slots=True)
class ImageTensor:
    """A tensor of the model that names neurons. `kind`: "input", "output" or "layer"; `layer`: its layer."""

    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    pieces: tuple[ImagePiece, ...]
    layer: str = ""


@dataclass(frozen=True, slots=True)
class ImageFragment:
    """Where a part of a layer lies: core index and descriptor address; its first channel, row and column."""

    core: int
    population: int
    c0: int
    y0: int
    x0: int


@dataclass(frozen=True, slots=True)
class ImageLayer:
    """A layer as the model knows it, and its fragments."""

    name: str
    op: str
    nodes: tuple[str, ...]
    shape: tuple[int, int, int]
    fragments: tuple[ImageFragment, ...]


@dataclass(frozen=True, slots=True)
class Solver:
    """How good the mapping is: status of the solver, what it minimised, and what it proved."""

    status: str
    objective: float
    bound: float
    cores_lower_bound: int

    @property
    def gap(self) -> float:
        """(objective - bound) / objective, 0 when proven optimal."""
        return 0.0 if not self.objective else max(0.0, (self.objective - self.bound) / self.objective)


@dataclass(frozen=True, slots=True)
class Addend:
    """What was added to a bias of the model, a number for each channel, to make up for rounded weights."""

    constant: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class About:
    """Where an image comes from, for the report and `snc inspect`. The simulator does not read it."""

    model: str
    compiler: str
    weights: str
    states: str
    objective: str
    seed: int
    solver: Solver
    layers: tuple[ImageLayer, ...]
    host_before: tuple[str, ...]
    host_after: tuple[str, ...]
    host_share_of_macs: float = 0.0
    host_reasons: tuple[str, ...] = ()
    dynamics: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """Everything a chip, or the simulator, needs to run a network.

    `steps` are `Step` words in firing order. `host_after` is an ONNX model that turns the chip's outputs into
    the network's, or None; `host_before` likewise for the inputs. `added`: to biases of the model.
    `learning`: the words of the rules by which weights change in a run that learns.
    """

    chip: Chip
    cores: tuple[CoreImage, ...]
    steps: NDArray[np.uint64]
    tensors: tuple[ImageTensor, ...]
    about: About
    host_before: bytes | None = None
    host_after: bytes | None = None
    added: tuple[Addend, ...] = ()
    learning: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
