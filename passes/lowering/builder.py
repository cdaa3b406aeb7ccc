"""What lowering builds with: populations, projections, and the views that tensors are."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from math import prod
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from ...ir.errors import BadInput, Origin, Unsupported
from ...ir.layers import Layer, LayerGraph, Value
from ...ir.network import (
    Activation,
    AxisMap,
    Network,
    Neuron,
    Population,
    PopulationId,
    Projection,
    Shape,
    Tensor,
    Update,
    neuron_layers,
)
from . import axis
from .arrangement import Stack, arrangements, best
from .boxes import PIECES_MAX, TooManyPieces
from .facts import Facts as Facts
from .views import PLANES_MAX, Ids, Neurons, NotPlanar, Views
from .weights import Weights, held, ones

HALF_MAX = float(np.finfo(np.float16).max)  # of a bias


class Builder:
    """The network as it grows, layer by layer. Handlers of operators call it; nobody else does.

    `views` says of each tensor what neurons it is. `gates`: tensors that no neurons hold, for the one product
    that reads them is an activation function of the other factor.
    """

    def __init__(self, graph: LayerGraph) -> None:
        self.graph = graph
        self.neurons = Neurons()
        self.populations: list[Population] = []
        self.projections: list[Projection] = []
        self.tensors: list[Tensor] = []
        self.views = Views(self.neurons)
        self.gates: dict[str, tuple[Activation, tuple[float, ...]]] = {}
        self.uses_left: Counter[str] = graph.uses()
        self._holders: dict[PopulationId, set[str]] = {}
        self._named: Counter[str] = Counter()
        self._members: dict[tuple[str, str], list[PopulationId]] = {}  # by operator and name of a layer
        self._outputs = {output.name for output in graph.outputs}

    # -- tensors

    def define(self, tensor: str, ids: Ids) -> None:
        """Says what a tensor's elements are, unless a layout has. Raises BadInput where its stated shape has
        more or fewer.
        """
        if tensor in self.views:
            return  # the host lays it
        shape = self.graph.shape(tensor)
        if ids.size != prod(shape):
            raise BadInput(
                self.graph.producers()[tensor].origin,
                f"its result has {ids.size} values, its stated shape {shape} has {prod(shape)}",
                hint="export the model again",
            )
        self.views[tensor] = ids.reshape(shape)
        if self.uses_left[tensor]:
            for population in self.neurons.populations(ids):
                self._holders.setdefault(population, set()).add(tensor)

    def release(self, layer: Layer) -> None:
        """Says that a layer has read its inputs."""
        for name in layer.inputs:
            self.uses_left[name] -= 1
            if name in self.views and not self.uses_left[name]:
                for population in self.neurons.populations(self.views[name]):
                    self._holders[population].discard(name)
                self.views.fold(name)

    def constant(self, layer: Layer, index: int) -> NDArray[np.float32]:
        """A constant operand of a layer. Raises Unsupported when it is computed by the network."""
        name = layer.input(index)
        if name not in self.graph.constants:
            raise Unsupported(
                layer.origin, f"its input {index} ({name}) must be constant", hint="freeze it into the model"
            )
        return self.graph.constants[name]

    def operand(self, layer: Layer, index: int) -> Ids:
        """The view of an operand that the network computes. Raises Unsupported for a constant."""
        name = layer.input(index)
        if name not in self.views:
            raise Unsupported(
                layer.origin, f"its input {index} ({name}) must not be constant", hint="fold it"
            )
        return self.views[name]

    def maps(self, layer: Layer, index: int) -> Ids:
        """An operand [1, D, H, W] as a stack of maps [D, H, W]; [1, D] and [1, D, W] count as H = 1."""
        ids = self.operand(layer, index)
        if ids.shape[:1] != (1,):
            raise Unsupported(
                layer.origin,
                f"its input has the shape {list(ids.shape)}",
                hint="the chip takes one frame [1, D, H, W]: give --input-shape with a batch of 1",
            )
        return self.channelwise(layer, index)

    def channelwise(self, layer: Layer, index: int) -> Ids:
        """An operand [N, D, H, W] as a stack of N D maps [H, W], for layers that keep channels apart."""
        ids = self.operand(layer, index)
        if ids.ndim not in (2, 3, 4):
            raise Unsupported(
                layer.origin, f"its input has the shape {list(ids.shape)}", hint="the chip has maps of H x W"
            )
        height, width = (1, 1, *ids.shape[2:])[-2:]
        return ids.reshape(-1, height, width)

    # -- populations

    def add(self, layer: Layer | None, shape: Shape, name: str = "", **facts: Unpack[Facts]) -> PopulationId:
        """A new population, named after its layer."""
        origin = layer.origin if layer else Origin(file=self.graph.name, node=name, operator="input")
        base = layer.name if layer else name
        label = f"{base}~{self._named[base]}" if self._named[base] else base
        self._named[base] += 1
        facts.setdefault("nodes", (layer.name,) if layer else ())
        population = Population(label, shape, origin, **facts)
        self.populations.append(population)
        made = self.neurons.add(shape)
        self._members.setdefault((origin.operator, origin.node), []).append(made)
        return made

    def ids(self, population: PopulationId) -> Ids:
        """The neurons of a population, as [D, H, W]."""
        return self.neurons.ids(population)

    def change(self, population: PopulationId, **facts: Unpack[Facts]) -> None:
        """Replaces facts about a population."""
        self.populations[population] = replace(self.populations[population], **facts)

    def is_exclusive(self, tensor: str) -> bool:
        """Whether the layer that reads a tensor now is the only one that ever reads its neurons."""
        if tensor in self._outputs or self.uses_left[tensor] != 1:
            return False
        read = {projection.source for projection in self.projections}
        populations = self.neurons.populations(self.views[tensor])
        return all(self._holders[p] == {tensor} and p not in read for p in populations)

    def can_be_negative(self, population: PopulationId) -> bool:
        """Whether a neuron may have a value below zero."""
        found = self.populations[population]
        if found.activation.least(found.parameters) >= 0:
            return False
        if (
            found.neuron is Neuron.INPUT
            or found.activation is not Activation.IDENTITY
            or found.bias is not None
        ):
            return True
        into = [p for p in self.projections if p.target == population]
        if any(p.update is Update.MULTIPLY for p in into) or found.initial < 0 or found.scale < 0:
            return True
        return any(_has_negative(p) or self.can_be_negative(p.source) for p in into)

    # -- projections

    def project(
        self,
        layer: Layer,
        maps: Ids,
        target: PopulationId,
        y: AxisMap,
        x: AxisMap,
        weights: Weights,
        update: Update = Update.ADD,
        is_recurrent: bool = False,
    ) -> None:
        """Projections from a stack of maps [D, H, W] to a population. Raises Unsupported for others."""
        try:
            planes = self.neurons.planes(self._read(maps, y, x))
        except NotPlanar:
            raise Unsupported(
                layer.origin,
                f"its input {list(maps.shape)} mixes neurons of different rows, columns and channels: its"
                f" {maps.size} values would take more than {PLANES_MAX} projections",
                hint="move the reshape or transpose before it to the network's inputs or outputs",
            ) from None
        for plane in planes:
            shape = self.neurons.shapes[plane.population]
            kernel = weights.kernel(plane, shape.depth)
            down = axis.repeats(axis.through(y, plane.rows, shape.height), update)
            across = axis.repeats(axis.through(x, plane.columns, shape.width), update)
            made = partial(Projection, plane.population, target)
            self.projections += (
                made(rows, columns, kernel, layer.origin, update, is_recurrent)
                for rows, columns in product(down, across)
            )

    def _read(self, maps: Ids, y: AxisMap, x: AxisMap) -> Ids:
        """A stack of maps without the rows and columns that nothing reads, unless it is one population."""
        if self.neurons.whole(maps) is not None:
            return maps
        rows, columns = (np.zeros(each.source_size, dtype=np.bool_) for each in (y, x))
        rows[y.sources], columns[x.sources] = True, True
        return np.where(np.logical_and.outer(rows, columns), maps, -1)

    def copied(
        self, layer: Layer, maps: Ids, sizes: tuple[int, int, int], **facts: Unpack[Facts]
    ) -> PopulationId:
        """A new population with the values of a stack of maps: the identity layer. One map may stand for
        all.
        """
        target = self.add(layer, Shape(*sizes), **facts)
        weights = ones(len(maps)) if len(maps) == sizes[0] else ones(1, depth=sizes[0])
        y, x = axis.spread(maps.shape[1], sizes[1]), axis.spread(maps.shape[2], sizes[2])
        self.project(layer, maps, target, y, x, weights)
        return target

    def is_planar(self, maps: Ids) -> bool:
        """Whether a stack of maps can be the source of a projection."""
        try:
            self.neurons.planes(maps)
        except NotPlanar:
            return False
        return True

    def value(
        self, layer: Layer, index: int, stack: Stack, shape: tuple[int, ...] = (), is_exact: bool = False
    ) -> Ids:
        """An operand as maps; a constant one, read in `shape`, becomes a population that one neuron feeds.
        `is_exact`: it is not rounded as trained weights are.
        """
        name = layer.input(index)
        if name in self.views:
            return stack.maps(self.views[name])
        array = self.constant(layer, index)
        places = stack.maps(np.arange(array.size, dtype=np.int32).reshape(shape or array.shape))
        return self._held(layer, array, "" if is_exact else name, places)

    def _held(self, layer: Layer, array: NDArray[np.float32], constant: str, places: Ids) -> Ids:
        """Maps [D, H, W] of a constant's elements; without its name, they are not rounded as if trained."""
        (d, h, w), parts = places.shape, []
        for weights, activation, parameters in held(array, constant, places):
            one = self.ids(self.add(layer, Shape(1, 1, 1), bias=np.ones(1, dtype=np.float32)))
            part = self.add(layer, Shape(d, h, w), activation=activation, parameters=parameters)
            self.project(layer, one, part, axis.scattered(h), axis.scattered(w), weights)
            parts.append(self.ids(part))
        if len(parts) == 1:
            return parts[0]
        target = self.add(layer, Shape(d, h, w))
        for maps in parts:
            self.project(layer, maps, target, axis.identity(h), axis.identity(w), ones(d))
        return self.ids(target)

    def tensor_of(self, layer: Layer, index: int) -> Ids:
        """The view of an operand; a constant one is neurons, but for a constant zero, which needs none."""
        name = layer.input(index)
        if name in self.views:
            return self.views[name]
        array = self.constant(layer, index)
        if not array.any():
            return np.full(array.shape, -1, dtype=np.int64)
        stack = next(arrangements(array.shape))
        return stack.tensor(np.broadcast_to(self.value(layer, index, stack), stack.sizes))

    def filled(self, layer: Layer, value: float, shape: tuple[int, ...]) -> Ids:
        """A tensor of one value: one neuron for each place along axis 1, which every row and column names."""
        depth = shape[1] if len(shape) > 1 else 1
        if abs(value) <= HALF_MAX and float(np.float16(value)) == value:
            found = self.ids(
                self.add(layer, Shape(depth, 1, 1), bias=np.full(depth, value, dtype=np.float32))
            )
        else:  # weights that no training made are stored as they are, biases are not
            places = np.zeros((depth, 1, 1), dtype=np.int64)
            found = self._held(layer, np.full(1, value, dtype=np.float32), "", places)
        ids = found.ravel()
        return np.broadcast_to(ids.reshape((depth,) + (1,) * max(len(shape) - 2, 0)), shape)

    def heard(self, layer: Layer, maps: Ids) -> Ids:
        """The same maps, zeros heard: neurons send events for them, and a constant zero becomes a neuron."""
        if (maps < 0).any():
            d, h, w = maps.shape
            maps = self.ids(self.copied(layer, maps, (d, h, w)))
        for population in self.neurons.populations(maps):
            self.change(population, fires_on_zero=True)
        return maps

    def arrangement(self, layer: Layer, operands: Sequence[Ids]) -> Stack:
        """How tensors lie as maps of the layer's result: in the fewest planes."""
        shape = np.broadcast_shapes(*(operand.shape for operand in operands))
        shape = np.broadcast_shapes(shape, self.graph.shape(layer.outputs[0]))
        found = best(self.neurons, shape, operands)
        if found is None:
            raise Unsupported(
                layer.origin,
                f"its operands {[list(o.shape) for o in operands]} are no stacks of feature maps: its"
                f" {prod(shape)} values would take more than {PLANES_MAX} projections",
                hint="keep channels, rows and columns apart before this layer",
            )
        return found

    # -- the result

    def tensor(self, kind: str, name: str, dtype: str, layer: str = "") -> Tensor:
        """The tensor record of a view. Raises Unsupported where its elements lie scattered."""
        ids = self.views[name]
        try:
            pieces = self.neurons.pieces(ids)
        except TooManyPieces:
            raise self._scattered(kind, name) from None
        return Tensor(name, kind, tuple(int(n) for n in ids.shape), dtype, pieces, layer)

    def input(self, value: Value, fed: Iterable[tuple[PopulationId, Ids]]) -> Tensor:
        """The tensor record of an input that feeds populations [D, H, W] with these elements; -1: none."""
        try:
            pieces = [piece for population, each in fed for piece in self.neurons.fed(population, each)]
        except TooManyPieces:
            raise self._scattered("input", value.name) from None
        return Tensor(value.name, "input", value.shape, value.dtype, tuple(pieces))

    def _scattered(self, kind: str, name: str) -> Unsupported:
        maker = self.graph.producers().get(name)
        return Unsupported(
            maker.origin if maker else Origin(file=self.graph.name, node=name, operator=kind),
            f"its elements lie scattered over neurons, in more than {PIECES_MAX} pieces",
            hint="end the network before its values are mixed",
        )

    def network(self, tensors: Sequence[Tensor]) -> Network:
        """Everything built."""
        populations = tuple(self.populations)
        layers = neuron_layers(populations, self._members)
        return Network(self.graph.name, populations, tuple(self.projections), tuple(tensors), layers=layers)


def _has_negative(projection: Projection) -> bool:
    """Whether a synapse may have a weight below zero."""
    numbers = projection.kernel.weights, projection.y.factors, projection.x.factors
    return any(bool(each.min(initial=0) < 0) for each in numbers)
