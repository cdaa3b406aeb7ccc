"""Lowering: layers become populations and projections, every layer type as convolution-equivalent
connectivity (paper, section 4.4).

`HANDLERS` is the list of what the compiler understands: one function per operator, in lower_*.py.
"""

from dataclasses import dataclass

import numpy as np

from ..ir.chip import Chip
from ..ir.errors import SncError, Unsupported, raise_all
from ..ir.layers import LayerGraph
from ..ir.network import Network, Neuron, Shape, Tensor
from . import lower_linear, lower_pointwise, lower_spatial, lower_views
from .builder import Builder
from .handlers import HANDLERS

__all__ = ["HANDLERS", "Lower"]

ROOMS = (lower_linear, lower_pointwise, lower_spatial, lower_views)  # importing them fills HANDLERS


@dataclass(frozen=True, slots=True)
class Lower:
    """The network computes what the layers compute, neuron for neuron; nothing is cut and no core is known.

    Raises SncError for operators without a handler, all of them at once.
    """

    def __call__(self, graph: LayerGraph, chip: Chip) -> Network:
        """The network of some layers."""
        builder = Builder(graph)
        unknown = [
            Unsupported(
                layer.origin,
                "the operator cannot be mapped",
                hint=f"mappable are {', '.join(sorted(HANDLERS))}",
            )
            for layer in graph.layers
            if layer.op not in HANDLERS
        ]
        raise_all(unknown)
        tensors = [_input(builder, index) for index in range(len(graph.inputs))]
        problems: list[SncError] = []
        for layer in graph.layers:
            if any(
                name and name not in builder.views and name not in graph.constants for name in layer.inputs
            ):
                continue  # it reads the result of a layer that was refused
            try:
                HANDLERS[layer.op].lower(builder, layer)
            except SncError as error:
                problems.append(error)
            builder.release(layer)
        raise_all(problems)
        tensors += _observable(builder)
        for output in graph.outputs:
            tensors.append(builder.tensor("output", output.name, output.dtype))
        return builder.network(tensors)


def _input(builder: Builder, index: int) -> Tensor:
    value = builder.graph.inputs[index]
    if value.shape[:1] not in ((), (1,)):
        raise Unsupported(
            builder.graph.layers[0].origin,
            f"input {value.name} has the batch size {value.shape[0]}",
            hint=f"give --input-shape {value.name}:{','.join(map(str, (1, *value.shape[1:])))}",
        )
    shape, order = _input_maps(builder.graph, value.name)
    population = builder.add(None, shape, value.name, neuron=Neuron.INPUT)
    maps = builder.ids(population)
    ids = maps.reshape(value.shape) if order is None else maps.transpose(order).reshape(value.shape)
    builder.define(value.name, ids)
    return builder.tensor("input", value.name, value.dtype)


def _input_maps(graph: LayerGraph, name: str) -> tuple[Shape, tuple[int, int, int] | None]:
    """An input's feature map: channels last when the network begins by moving them (tf2onnx's Transpose)."""
    dims = graph.shape(name)[1:] or (1,)
    if len(dims) == 3:
        first = [layer for layer in graph.layers if name in layer.inputs]
        if first and all(
            layer.op == "Transpose" and layer.integers("perm") == (0, 3, 1, 2) for layer in first
        ):
            h, w, d = dims
            return Shape(d, h, w), (1, 2, 0)
        return Shape(*dims), None
    if len(dims) == 2:
        return Shape(dims[0], 1, dims[1]), None
    return Shape(int(np.prod(dims)), 1, 1), None


def _observable(builder: Builder) -> list[Tensor]:
    """The tensors that name whole populations' final values: what `verify` compares layer by layer."""
    found: dict[int, Tensor] = {}
    for layer in builder.graph.layers:
        for name in layer.outputs:
            ids = builder.views.get(name)
            if ids is None or ids.size == 0:
                continue
            populations = builder.neurons.populations(ids)
            if len(populations) == 1 and builder.neurons.covers(ids, populations):
                value = builder.graph.values[name]
                found[populations[0]] = builder.tensor("layer", name, value.dtype, layer.name)
    return list(found.values())
