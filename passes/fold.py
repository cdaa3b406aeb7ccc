"""Folding: layers that only scale and shift channels move into the layer before them.

What onnxslim leaves: batch normalisations behind something else than a convolution, sums and products with
constants, Gemm's factors. Weights are given a name of their own wherever two layers share one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ..ir.layers import Array, Attribute, Layer, LayerGraph

LINEAR = ("Conv", "ConvTranspose", "Gemm", "BatchNormalization")


@dataclass(frozen=True, slots=True)
class Fold:
    """The same function with fewer layers: Gemm has no factors, normalisations are one scale and one
    shift.
    """

    def __call__(self, graph: LayerGraph) -> LayerGraph:
        """The folded layers."""
        folding = _Folding(graph)
        for layer in graph.layers:
            folding.visit(layer)
        return folding.result()


class _Folding:
    """The layers as they are rewritten, in order."""

    def __init__(self, graph: LayerGraph) -> None:
        self.graph = graph
        self.layers: list[Layer] = []
        self.constants: dict[str, Array] = dict(graph.constants)
        self.uses = graph.uses()
        self.outputs = {output.name for output in graph.outputs}
        self.at: dict[str, int] = {}
        self.owned: set[str] = set()

    def result(self) -> LayerGraph:
        return replace(self.graph, layers=tuple(self.layers), constants=MappingProxyType(self.constants))

    def visit(self, layer: Layer) -> None:
        rewritten = (
            self._affine(layer) or self._gemm(layer) or self._dense(layer) or self._quotient(layer) or layer
        )
        if rewritten.op in LINEAR:
            rewritten = self._own_constants(rewritten)
        scale = self._scale_and_shift(rewritten)
        if scale is not None and self._into_previous(rewritten, *scale):
            return
        self.at[rewritten.outputs[0]] = len(self.layers)
        self.layers.append(rewritten)

    # -- rewriting one layer
    # -------------------------------------------------------------------------------------

    def _gemm(self, layer: Layer) -> Layer | None:
        """Gemm without alpha, beta (but for a bias that is computed) and transA of a row vector."""
        held = [index for index in (1, 0) if layer.input(index) in self.constants]
        if layer.op != "Gemm" or not held:
            return None
        alpha, beta = layer.number("alpha", 1.0), layer.number("beta", 1.0)
        weights = self._constant(layer, held[0]) * np.float32(alpha)
        names = list(layer.inputs[:2])
        names[held[0]] = self._new(layer, "weights", weights.astype(np.float32))
        attributes: dict[str, Attribute] = {"transB": int(layer.integer("transB", 0) != 0)}
        if layer.integer("transA", 0):
            attributes["transA"] = 1
        if layer.input(2) in self.constants:
            outputs = self.graph.shape(layer.outputs[0])[1]
            bias = self._constant(layer, 2) * np.float32(beta)
            if held[0] == 1 and (bias.size == 1 or (bias.size == outputs and bias.shape[-1] == outputs)):
                bias = np.broadcast_to(bias.ravel(), (outputs,))
            names.append(self._new(layer, "bias", bias.astype(np.float32)))
        elif layer.input(2):
            names.append(layer.input(2))
            attributes["beta"] = beta
        return _with(layer, "Gemm", names, attributes)

    def _quotient(self, layer: Layer) -> Layer | None:
        """A quotient by a constant is a product with its reciprocals."""
        if layer.op != "Div" or layer.input(1) not in self.constants or layer.input(0) in self.constants:
            return None
        divisor = self._constant(layer, 1)
        if divisor.dtype.kind != "f" or not divisor.all():
            return None
        reciprocals = (1.0 / divisor.astype(np.float64)).astype(np.float32)
        return _with(layer, "Mul", [layer.inputs[0], self._new(layer, "factors", reciprocals)], {})

    def _dense(self, layer: Layer) -> Layer | None:
        """MatMul of one row with a constant matrix is a Gemm without bias."""
        if (
            layer.op != "MatMul"
            or layer.input(1) not in self.constants
            or len(self.graph.shape(layer.inputs[0])) != 2
        ):
            return None
        if self._constant(layer, 1).ndim != 2:
            return None
        return _with(layer, "Gemm", list(layer.inputs), {})

    def _affine(self, layer: Layer) -> Layer | None:
        """Scales and shifts by constants, channel by channel, as a BatchNormalization of mean 0 and variance
        1.
        """
        found: tuple[Array, Array] | None = None
        shape = self.graph.shape(layer.outputs[0])
        if layer.op == "BatchNormalization":
            if any(name not in self.constants for name in layer.inputs[1:5]) or len(layer.outputs) > 1:
                return None  # in training mode
            scale, shift, mean, variance = (self._constant(layer, i).astype(np.float64) for i in range(1, 5))
            factor = scale / np.sqrt(variance + layer.number("epsilon", 1e-5))
            found = factor, shift - mean * factor
        elif layer.op in ("Add", "Sub", "Mul", "Div") and len(layer.inputs) == 2 and len(shape) in (2, 3, 4):
            found = self._constant_operand(layer, shape)
        if found is None:
            return None
        data = layer.inputs[0] if layer.inputs[0] not in self.constants else layer.inputs[1]
        if self.graph.shape(data) != shape:
            return None
        channels = shape[1]
        names = [data]
        for label, values in zip(
            ("scale", "shift", "mean", "variance"),
            (*found, np.zeros(channels), np.ones(channels)),
            strict=True,
        ):
            names.append(self._new(layer, label, np.asarray(values).astype(np.float32)))
        return _with(layer, "BatchNormalization", names, {"epsilon": 0.0})

    def _constant_operand(self, layer: Layer, shape: tuple[int, ...]) -> tuple[Array, Array] | None:
        """Scale and shift of a sum, difference, product or quotient with a constant that is equal along H
        and W.
        """
        index = 1 if layer.inputs[1] in self.constants else 0
        if layer.inputs[index] not in self.constants or layer.inputs[1 - index] in self.constants:
            return None
        value = self._constant(layer, index).astype(np.float64)
        value = (
            value.reshape((1,) * (len(shape) - value.ndim) + value.shape)
            if value.ndim <= len(shape)
            else value
        )
        if value.ndim != len(shape) or any(n != 1 for a, n in enumerate(value.shape) if a != 1):
            return None
        channel = np.broadcast_to(value.reshape(-1), (shape[1],))
        one, zero = np.ones(shape[1]), np.zeros(shape[1])
        if layer.op == "Add":
            return one, channel
        if layer.op == "Sub":
            return (one, -channel) if index == 1 else (-one, channel)
        if layer.op == "Mul":
            return channel, zero
        return (1.0 / channel, zero) if index == 1 and np.all(channel != 0) else None

    # -- folding into the layer before
    # ---------------------------------------------------------------------------

    def _scale_and_shift(self, layer: Layer) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        if layer.op != "BatchNormalization":
            return None
        return self._constant(layer, 1).astype(np.float64), self._constant(layer, 2).astype(np.float64)

    def _into_previous(self, layer: Layer, scale: NDArray[np.float64], shift: NDArray[np.float64]) -> bool:
        """Moves a scale and shift into a linear layer that nothing else reads."""
        index = self.at.get(layer.inputs[0])
        if index is None or self.uses[layer.inputs[0]] != 1:
            return False
        before = self.layers[index]
        if before.op not in LINEAR or any(each and each not in self.constants for each in before.inputs[1:]):
            return False
        weights = self._constant(before, 1).astype(np.float64)
        if before.op == "Conv":
            weights = weights * scale.reshape(-1, *[1] * (weights.ndim - 1))
        elif before.op == "ConvTranspose":
            groups = before.integer("group", 1)
            per_channel = scale.reshape(groups, 1, -1)
            parts = weights.reshape(groups, weights.shape[0] // groups, weights.shape[1], -1)
            weights = (parts * per_channel[..., None]).reshape(weights.shape)
        elif before.op == "Gemm":
            weights = weights * (scale[:, None] if before.integer("transB", 0) else scale)
        else:
            weights = weights * scale
        bias = self._constant(before, 2).astype(np.float64) * scale if before.input(2) else 0.0
        names = list(before.inputs)
        names[1] = self._new(before, "weights", weights.astype(np.float32))
        if before.input(2) or np.any(shift != 0):
            names[2:3] = [self._new(before, "bias", (bias + shift).astype(np.float32))]
        merged = replace(before, inputs=tuple(names), outputs=layer.outputs)
        self.layers[index] = replace(merged, origin=replace(before.origin, output=layer.outputs[0]))
        self.at[layer.outputs[0]] = index
        return True

    def _own_constants(self, layer: Layer) -> Layer:
        """Gives a layer's weights and bias a name that no other layer reads."""
        names = list(layer.inputs)
        for index in (1, 2):
            name = layer.input(index)
            if name in self.constants and name in self.owned:
                names[index] = self._new(layer, f"input{index}", self.constants[name])
            self.owned.add(names[index] if index < len(names) else "")
        return replace(layer, inputs=tuple(names))

    # -- constants
    # -----------------------------------------------------------------------------------------------

    def _constant(self, layer: Layer, index: int) -> Array:
        return self.constants[layer.inputs[index]]

    def _new(self, layer: Layer, label: str, value: Array) -> str:
        name = f"{layer.name}/{label}"
        while name in self.constants:
            name += "'"
        self.constants[name] = value
        return name


def _with(layer: Layer, op: str, inputs: list[str], attributes: Mapping[str, Attribute]) -> Layer:
    return replace(
        layer,
        op=op,
        inputs=tuple(inputs),
        outputs=layer.outputs[:1],
        attributes=MappingProxyType(dict(attributes)),
    )
