"""Populations and projections: connectivity without cores. ir/ reads no file and knows no ONNX.

A projection says, for each axis apart, which source position reaches which target position through which tap
of the kernel (`AxisMap`), and, for each source channel, which target channels (`Kernel`). Convolution of any
stride, padding and dilation, transposed convolution, pooling, interpolation, dense layers and pointwise
layers are all of this one form.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, NewType

import numpy as np
from numpy.typing import NDArray

from .activations import Activation as Activation
from .activations import Parameter as Parameter
from .errors import Origin, VerifyError
from .firing.learning import Learning
from .neurons import Cycle as Cycle
from .neurons import Neuron as Neuron
from .neurons import NeuronModel as NeuronModel
from .neurons import Update as Update
from .storage.states import LiveRange, live_ranges

PopulationId = NewType("PopulationId", int)

STRIDES = (1, 2)  # of a kernel, whatever the target: the field of the architecture's words has one bit


@dataclass(frozen=True, slots=True)
class Shape:
    """Depth D (channels), height H, width W of a feature map."""

    depth: int
    height: int
    width: int

    @property
    def neurons(self) -> int:
        """D * H * W."""
        return self.depth * self.height * self.width

    def __str__(self) -> str:
        return f"{self.depth} x {self.height} x {self.width}"


class Unpruned(NamedTuple):
    """The biases of all channels that a population had, and which channels are left."""

    bias: NDArray[np.float32]
    channels: tuple[int, ...]

    def with_biases(self, held: NDArray[np.float32]) -> NDArray[np.float32]:
        """Those of all channels, where those that are left have others."""
        found = self.bias.copy()
        found[list(self.channels)] = held
        return found


@dataclass(frozen=True, slots=True)
class Population:
    """A block of neurons with one shape and one neuron type: a feature map before it is cut.

    `parameters`: those of the neuron model, then those of the activation function.
    `bias`: float32 [D], or None, the sum of the layers' constants `bias_constants`, or of `unpruned` where
    some channels are left out. `nodes`: the model's nodes that it computes. `initial`: every state's first
    value where there is no bias. `scale` multiplies the state before the activation function; in its place
    `scales`, if any, each channel's by a number of its
    own, which `bias` and the weights that end here have in them, and what is stored has not.
    `fires_on_zero`: neurons with value 0 send events too.
    `changes_above`: an input sends what its elements have changed since it last did, where that is more.
    `ends`: the frames behind which states that go on from frame to frame begin again. `learns`: parameters
    may change while the chip runs, so that a list of them has a place of its own.
    """

    name: str
    shape: Shape
    origin: Origin
    neuron: NeuronModel = Neuron.STANDARD
    activation: Activation = Activation.IDENTITY
    parameters: tuple[Parameter, ...] = ()
    bias: NDArray[np.float32] | None = None
    bias_constants: tuple[str, ...] = ()
    unpruned: Unpruned | None = None
    nodes: tuple[str, ...] = ()
    initial: float = 0.0
    scale: float = 1.0
    scales: tuple[float, ...] = ()
    fires_on_zero: bool = False
    changes_above: float | None = None
    ends: Cycle | None = None
    learns: bool = False

    @property
    def makes_infinities(self) -> bool:
        """Whether it makes infinities of numbers: what opens and closes, or masks."""
        return self.activation is Activation.SHRINK and bool(np.isinf(self.parameters[-1]).any())


@dataclass(frozen=True, slots=True, eq=False)
class AxisMap:
    """Which source positions reach which target positions along one axis, by which tap and factor.

    Entry i joins source position `sources[i]` with target position `targets[i]` through tap `taps[i]`; the
    synapse's weight is the tap's times `factors[i]`. Pairs that no entry names have no synapse.
    """

    source_size: int
    target_size: int
    tap_count: int
    targets: NDArray[np.int64]
    sources: NDArray[np.int64]
    taps: NDArray[np.int64]
    factors: NDArray[np.float64]

    @property
    def is_simple(self) -> bool:
        """Whether it joins each pair of positions once at most."""
        pairs = self.targets * self.source_size + self.sources
        is_rising = bool((np.diff(pairs) > 0).all())  # as most are made: cheaper than sorting them
        return is_rising or bool((np.diff(np.sort(pairs)) > 0).all())


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """The weights of a projection: for source channel c, target channels first[c] .. first[c] + KD - 1.

    `weights`: float32 [D_source, KD, KH taps, KW taps]; `first`: int [D_source], -1 where the channel has no
    synapse. `format`: how trained weights are stored, with `exponents` (int [D_source]) once quantised; None
    for weights that no training made, which are stored exactly (docs/image.md, decision 14). `constant` and
    `index` name the layer's constant that the weights were taken from, flat index by flat index (-1: a
    structural zero), so that quantised weights can be written back into the layer. `is_shared`: all source
    channels have the same weights, which are stored once. `is_plastic`: they may change while the chip runs,
    so that each has a place of its own; `format` is the rule's that changes them.
    """

    weights: NDArray[np.float32]
    first: NDArray[np.int64]
    format: str | None = None
    exponents: NDArray[np.int64] | None = None
    constant: str = ""
    index: NDArray[np.int32] | None = None
    is_shared: bool = False
    is_plastic: bool = False

    @property
    def is_trained(self) -> bool:
        """Whether its weights are a trained constant's, whose format is to be chosen."""
        return self.index is not None and not self.is_plastic

    @property
    def depth(self) -> int:
        """KD, the target channels of each source channel."""
        return int(self.weights.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """All synapses from one population to one other, through one kernel.

    `is_recurrent`: the target has fired before the source does, and sees the events in the next frame.
    """

    source: PopulationId
    target: PopulationId
    y: AxisMap
    x: AxisMap
    kernel: Kernel
    origin: Origin
    update: Update = Update.ADD
    is_recurrent: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """A box of neurons whose values are elements of a tensor.

    Neuron (c0 + c, y0 + y, x0 + x) of `population` is element base + c * step_c + y * step_y + x * step_x,
    for c below `depth`, y below `height` and x below `width`.
    """

    population: PopulationId
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
class Tensor:
    """A tensor of the model that names neurons: an input, an output, or a layer's result (kind)."""

    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    pieces: tuple[Piece, ...]
    layer: str = ""


@dataclass(frozen=True, slots=True)
class NeuronLayer:
    """A layer of the model that has neurons of its own: an operator's, an input's, or a relay's.

    `nodes`: the model's nodes that it computes. `populations`: in the order in which they fire; the last one
    holds the result, those before it are helpers.
    """

    name: str
    operator: str
    nodes: tuple[str, ...]
    populations: tuple[PopulationId, ...]

    @property
    def result(self) -> PopulationId:
        """The population that holds the layer's result."""
        return self.populations[-1]


def neuron_layer(
    name: str, operator: str, populations: Sequence[Population], members: Iterable[PopulationId]
) -> NeuronLayer:
    """A layer of some of the populations."""
    held = tuple(sorted(members))
    nodes = dict.fromkeys(node for p in held for node in populations[p].nodes)
    return NeuronLayer(name, operator, tuple(nodes), held)


def neuron_layers(
    populations: Sequence[Population], members: Mapping[tuple[str, str], Iterable[PopulationId]]
) -> tuple[NeuronLayer, ...]:
    """Layers by operator and node: of those with the same name, as an input and a node may be, later ones get
    others.
    """
    layers: dict[str, NeuronLayer] = {}
    for (operator, name), held in members.items():
        while name in layers:
            name += "'"
        layers[name] = neuron_layer(name, operator, populations, held)
    return tuple(layers.values())


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Populations in firing order, projections between them, the tensors that name their neurons, and the
    layers that they belong to, each to one. `is_whole`: it computes with whole numbers, and no weight and
    no sum of it may be rounded. `learning`: the rule by which one projection learns, if any does.
    """

    name: str
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    tensors: tuple[Tensor, ...]
    weight_format: str = "float32"
    layers: tuple[NeuronLayer, ...] = ()
    is_whole: bool = False
    learning: Learning | None = None

    def layer_of(self) -> dict[PopulationId, NeuronLayer]:
        """The layer of each population."""
        return {p: layer for layer in self.layers for p in layer.populations}

    def into(self, target: PopulationId) -> tuple[Projection, ...]:
        """The projections that end in a population."""
        return tuple(p for p in self.projections if p.target == target)

    @property
    def firing(self) -> tuple[PopulationId, ...]:
        """The populations in the order in which they fire."""
        return tuple(PopulationId(index) for index in range(len(self.populations)))

    def live_ranges(self) -> tuple[LiveRange, ...]:
        """When each population's states are in use: from its first source's firing to its own; always, where
        they go on from frame to frame (`keeps_states`).
        """
        edges = [(p.source, p.target) for p in self.projections if not p.is_recurrent]
        return live_ranges(self.firing, edges)

    @property
    def recurrent_targets(self) -> frozenset[PopulationId]:
        """The populations whose states receive events for the next frame."""
        return frozenset(p.target for p in self.projections if p.is_recurrent)

    def keeps_states(self, population: PopulationId) -> bool:
        """Whether states of a population are in use from frame to frame: no others may have their place."""
        return self.populations[population].neuron.lasts or population in self.recurrent_targets

    def verify(self) -> None:
        """Raises VerifyError when a projection does not fit its populations or fires backwards, or where a
        population is in several layers or none.
        """
        members = sorted(p for layer in self.layers for p in layer.populations)
        if self.layers and members != list(self.firing):
            raise VerifyError(f"{self.name}: layers have the populations {members}")
        for projection in self.projections:
            source = self.populations[projection.source]
            target = self.populations[projection.target]
            kernel = projection.kernel
            sizes = (
                (projection.x.source_size, source.shape.width),
                (projection.x.target_size, target.shape.width),
                (projection.y.source_size, source.shape.height),
                (projection.y.target_size, target.shape.height),
                (kernel.weights.shape[0], source.shape.depth),
                (kernel.weights.shape[2], projection.y.tap_count),
                (kernel.weights.shape[3], projection.x.tap_count),
            )
            if any(got != want for got, want in sizes):
                raise VerifyError(f"{source.name} -> {target.name}: shapes differ: {sizes}")
            if projection.update is not Update.ADD and not (
                projection.y.is_simple and projection.x.is_simple
            ):
                raise VerifyError(f"{source.name} -> {target.name}: two synapses of one pair are no sum")
            if projection.update not in target.neuron.updates:
                what = f"a {target.neuron.name} population takes no {projection.update.name}"
                raise VerifyError(f"{source.name} -> {target.name}: {what}")
            if projection.source == projection.target:
                raise VerifyError(f"{source.name} -> {target.name}: feeds itself")
            if (projection.source > projection.target) != projection.is_recurrent:
                way = "forwards, and is recurrent" if projection.is_recurrent else "backwards"
                raise VerifyError(f"{source.name} -> {target.name}: fires {way}")
            if int(kernel.first.max(initial=-1)) + kernel.depth > target.shape.depth:
                raise VerifyError(f"{source.name} -> {target.name}: channels beyond the target")
