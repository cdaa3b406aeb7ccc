"""Folding: layers that only scale and shift channels move into the layer before them.

Batch normalisations, sums and products with constants, Gemm's factors. Which axis a constant lies along,
numpy's rules say: a vector of as many elements as there are channels may well lie along the columns.
Weights get a name of their own where two layers share one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ..ir.errors import BadInput, SncError, raise_all
from ..ir.layers import OPEN_ENDED, Array, Attribute, Layer, LayerGraph, Value

LINEAR = ("Conv", "ConvTranspose", "Gemm", "BatchNormalization")
SUMS = ("Add", "Sub", "Sum")  # whose constants may be minus infinity, which masks
AGAIN = "train or export the model again"  # the way out where numbers are none


@dataclass(frozen=True, slots=True)
class Fold:
    """Gemm has no factors, normalisations are a scale and a shift. Raises BadInput for what is no number."""

    def __call__(self, graph: LayerGraph) -> LayerGraph:
        """The folded layers."""
        folding = _Folding(graph)
        for layer in graph.layers:
            for part in folding.parts(layer):
                folding.visit(part)
        found = folding.result()
        raise_all(_not_numbers(found))
        return found


def _not_numbers(graph: LayerGraph) -> Iterator[SncError]:
    """Constants and attributes that are not numbers."""
    for layer in graph.layers:
        held = {name: graph.constants[name] for name in layer.inputs if name in graph.constants}
        for name, value in (*held.items(), *layer.attributes.items()):
            array = np.asarray(value)
            if array.dtype.kind != "f" or np.isfinite(array).all():
                continue
            is_mask = layer.op not in SUMS or not np.isposinf(array).any()
            if layer.op in OPEN_ENDED and is_mask and not np.isnan(array).any():
                continue
            yield BadInput(layer.origin, f"{name!r} holds NaN or infinity", hint=AGAIN)


class _Folding:
    """The layers as they are rewritten, in order."""

    def __init__(self, graph: LayerGraph) -> None:
        self.graph = graph
        self.layers: list[Layer] = []
        self.constants: dict[str, Array] = dict(graph.constants)
        self.values: dict[str, Value] = dict(graph.values)
        self.uses = graph.uses()
        self.at: dict[str, int] = {}
        self.owned: set[str] = set()
        self.affine: set[str] = set()  # results of normalisations of mean 0 and variance 1
        self.rounded: set[str] = set()  # to whole numbers: the last bit may decide, so no other stands for it
        for layer in reversed(graph.layers):
            if layer.op == "Round" or (layer.op == "Div" and layer.result in self.rounded):
                self.rounded.add(layer.inputs[0])

    def result(self) -> LayerGraph:
        return replace(
            self.graph,
            layers=tuple(self.layers),
            constants=MappingProxyType(self.constants),
            values=MappingProxyType(self.values),
        )

    def visit(self, layer: Layer) -> None:
        is_rounded = layer.result in self.rounded and layer.op in ("Mul", "Div")
        affine = None if is_rounded else self._affine(layer)
        quotient = None if is_rounded else self._quotient(layer)
        rewritten = affine or self._gemm(layer) or self._dense(layer) or quotient or layer
        if affine is not None:
            self.affine.add(affine.outputs[0])
        if rewritten.op in LINEAR and self._is_float(rewritten):
            rewritten = self._own_constants(rewritten)
        scale = self._scale_and_shift(rewritten)
        if scale is not None and self._into_previous(rewritten, *scale):
            return
        self.at[rewritten.outputs[0]] = len(self.layers)
        self.layers.append(rewritten)

    # -- rewriting one layer

    def parts(self, layer: Layer) -> Iterator[Layer]:
        """The layer; a Gemm that scales what is computed is a product, and a sum that has no factors."""
        alpha, beta = layer.number("alpha", 1.0), layer.number("beta", 1.0)
        bias = layer.input(2)
        is_held = any(name in self.constants for name in layer.inputs[:2])
        if (
            layer.op != "Gemm"
            or not bias
            or bias in self.constants
            or (beta == 1.0 and (is_held or alpha == 1.0))
        ):
            yield layer
            return
        product = self._tensor(layer, "product", self.shape(layer.result))
        kept = {name: value for name, value in layer.attributes.items() if name != "beta"}
        yield replace(
            _with(layer, "Gemm", list(layer.inputs[:2]), kept),
            outputs=(product,),
            name=f"{layer.name}/product",
        )
        if beta == 0.0:
            yield replace(_with(layer, "Identity", [product], {}), outputs=layer.outputs)
            return
        if beta != 1.0:
            scaled = self._tensor(layer, "scaled", self.shape(bias))
            factor = self._new(layer, "beta", np.asarray(beta, dtype=np.float32))
            yield replace(
                _with(layer, "Mul", [bias, factor], {}), outputs=(scaled,), name=f"{layer.name}/scaled"
            )
            bias = scaled
        yield _with(layer, "Add", [product, bias], {})

    def _gemm(self, layer: Layer) -> Layer | None:
        """Gemm without alpha and beta; one of its factors is constant, and its bias, or beta is 1."""
        index = next((i for i in (1, 0) if layer.input(i) in self.constants), None)
        if layer.op != "Gemm" or index is None or not self._is_float(layer):
            return None
        alpha, beta = layer.number("alpha", 1.0), layer.number("beta", 1.0)
        names = list(layer.inputs[:2])
        if alpha != 1.0:
            names[index] = self._new(layer, "weights", self._constant(layer, index) * np.float64(alpha))
        if layer.input(2) in self.constants:
            bias = self._constant(layer, 2)
            rows, outputs = self.shape(layer.result)
            if index == 1 and (bias.size == 1 or bias.shape in ((outputs,), (1, outputs))):
                bias = np.broadcast_to(bias.ravel(), (outputs,))
            elif bias.size == 1:
                bias = np.broadcast_to(bias, (rows, 1))
            names.append(self._new(layer, "bias", bias * np.float64(beta)))
        elif layer.input(2):
            if beta != 1.0:
                return None
            names.append(layer.input(2))
        attributes: dict[str, Attribute] = {"transB": int(layer.integer("transB", 0) != 0)}
        if layer.integer("transA", 0):
            attributes["transA"] = 1
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
        """MatMul of rows with a constant matrix is a Gemm without bias."""
        if layer.op != "MatMul" or layer.input(1) not in self.constants or not self._is_float(layer):
            return None
        if len(self.shape(layer.inputs[0])) != 2 or self._constant(layer, 1).ndim != 2:
            return None
        if layer.input(0) in self.constants:
            return None
        return _with(layer, "Gemm", list(layer.inputs), {})

    def _affine(self, layer: Layer) -> Layer | None:
        """Scales and shifts by constants, channel by channel, as a BatchNormalization of mean 0 and variance
        1.
        """
        found: tuple[Array, Array] | None = None
        shape = self.values[layer.result].shape
        if not self._is_float(layer) or len(shape) < 2:
            return None
        if layer.op == "BatchNormalization":
            if any(name not in self.constants for name in layer.inputs[1:5]) or is_training(layer):
                return None
            scale, shift, mean, variance = (self._constant(layer, i).astype(np.float64) for i in range(1, 5))
            if any(each.shape != shape[1:2] for each in (scale, shift, mean, variance)):
                return None
            if (variance + layer.number("epsilon", 1e-5) <= 0).any():
                rule = f"its variance {layer.inputs[4]!r} is not above -epsilon: the result is no number"
                raise BadInput(layer.origin, rule, hint=AGAIN)
            with np.errstate(all="ignore"):  # what is no number then is reported
                factor = scale / np.sqrt(variance + layer.number("epsilon", 1e-5))
                found = factor, shift - mean * factor
        elif (
            layer.op in ("Add", "Sub", "Mul", "Div") and len(layer.inputs) == 2 and len(shape) in (2, 3, 4, 5)
        ):
            found = self._constant_operand(layer, shape)
        if found is None or (self.graph.is_whole and not self._is_exact(layer, found[1])):
            return None
        data = layer.inputs[0] if layer.inputs[0] not in self.constants else layer.inputs[1]
        if data in self.constants or self.shape(data) != shape:
            return None
        channels = shape[1]
        names = [data]
        for label, values in zip(
            ("scale", "shift", "mean", "variance"),
            (*found, np.zeros(channels), np.ones(channels)),
            strict=True,
        ):
            names.append(self._new(layer, label, np.asarray(values)))
        return _with(layer, "BatchNormalization", names, {"epsilon": 0.0})

    def _constant_operand(self, layer: Layer, shape: tuple[int, ...]) -> tuple[Array, Array] | None:
        """Scale and shift of a sum, difference, product or quotient with a constant that is equal along all
        axes but the channels'.
        """
        index = 1 if layer.inputs[1] in self.constants else 0
        if layer.inputs[index] not in self.constants or layer.inputs[1 - index] in self.constants:
            return None
        value = self._constant(layer, index).astype(np.float64)
        if value.ndim > len(shape) or np.isinf(value).any():
            return None
        value = value.reshape((1,) * (len(shape) - value.ndim) + value.shape)  # axes are added in front
        if any(n != 1 for a, n in enumerate(value.shape) if a != 1):
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

    def _is_exact(self, layer: Layer, shift: Array) -> bool:
        """Whether single precision holds a shift, and its sum with the bias of the layer before."""
        before = self.layers[self.at[layer.inputs[0]]] if layer.inputs[0] in self.at else layer
        total = shift + np.float64(self.constants.get(before.input(2), 0.0) if before.op in LINEAR else 0.0)
        return bool((np.float32(total) == total).all())

    def _is_float(self, layer: Layer) -> bool:
        """Whether a layer makes single-precision floats."""
        return self.values[layer.result].dtype == "float32"

    # -- folding into the layer before

    def _scale_and_shift(self, layer: Layer) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        if layer.result not in self.affine:
            return None
        return self._constant(layer, 1).astype(np.float64), self._constant(layer, 2).astype(np.float64)

    def _into_previous(self, layer: Layer, scale: NDArray[np.float64], shift: NDArray[np.float64]) -> bool:
        """Moves a scale and shift into a linear layer that nothing else reads."""
        index = self.at.get(layer.inputs[0])
        if index is None or self.uses[layer.inputs[0]] != 1:
            return False
        if self.graph.is_whole and not (scale == 1).all():
            return False
        before = self.layers[index]
        if before.op not in LINEAR or before.input(1) not in self.constants:
            return False
        if before.op == "BatchNormalization" and before.outputs[0] not in self.affine:
            return False
        if before.input(2) and before.input(2) not in self.constants:
            return False
        if before.op == "Gemm" and before.input(0) in self.constants:
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
        names[1] = self._new(before, "weights", weights)
        if before.input(2) or np.any(shift != 0):
            names[2:3] = [self._new(before, "bias", bias + shift)]
        merged = replace(before, inputs=tuple(names), outputs=layer.outputs)
        self.layers[index] = replace(merged, origin=replace(before.origin, output=layer.result))
        self.at[layer.result] = index
        self.affine.add(layer.result)  # where `before` is one, too: asked of normalisations alone
        return True

    def _own_constants(self, layer: Layer) -> Layer:
        """Gives a layer's weights and bias a name that no other layer reads."""
        names = list(layer.inputs)
        for index in range(3):
            name = layer.input(index)
            if name in self.constants and name in self.owned:
                names[index] = self._new(layer, f"input{index}", self.constants[name])
            self.owned.add(names[index] if index < len(names) else "")
        return replace(layer, inputs=tuple(names))

    # -- constants

    def _constant(self, layer: Layer, index: int) -> Array:
        return self.constants[layer.inputs[index]]

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor or constant, those that were made here included."""
        return self.constants[name].shape if name in self.constants else self.values[name].shape

    def _new(self, layer: Layer, label: str, value: Array) -> str:
        """Keeps a constant, in single precision. Raises BadInput where it is not a number."""
        with np.errstate(over="ignore"):
            single = np.asarray(value).astype(np.float32)
        if not np.isfinite(single).all():
            read = ", ".join(name for name in layer.inputs if name in self.graph.constants)
            rule = f"its {label}, folded from {read or 'its constants'}, would be NaN or infinite"
            raise BadInput(layer.origin, rule, hint=AGAIN)
        name = self._free(layer, label)
        self.constants[name] = single
        return name

    def _tensor(self, layer: Layer, label: str, shape: tuple[int, ...]) -> str:
        """The name of a tensor between the parts of a layer."""
        name = self._free(layer, label)
        self.values[name] = Value(name, shape)
        self.uses[name] = 1
        return name

    def _free(self, layer: Layer, label: str) -> str:
        name = f"{layer.name}/{label}"
        while name in self.constants or name in self.values:
            name += "'"
        return name


def is_training(layer: Layer) -> bool:
    """Whether a BatchNormalization normalises by what it reads: then it also makes statistics, or may."""
    return layer.op == "BatchNormalization" and (
        layer.integer("training_mode", 0) != 0 or any(layer.outputs[1:])
    )


def _with(layer: Layer, op: str, inputs: list[str], attributes: Mapping[str, Attribute]) -> Layer:
    return replace(
        layer,
        op=op,
        inputs=tuple(inputs),
        outputs=layer.outputs[:1],
        attributes=MappingProxyType(dict(attributes)),
    )
