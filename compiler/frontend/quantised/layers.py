"""Layers between dequantised operands and a quantised result, as layers of whole numbers."""

import math
from collections.abc import Generator, Iterator, MutableMapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from .means import sum_of
from .pending import (
    BY_CHANNEL,
    CARRIERS,
    EXACT,
    MIXING,
    SUM_BITS,
    Held,
    Joined,
    NotWhole,
    Pending,
    Term,
    Value,
    Whole,
)
from .quantisation import Reals
from .ranges import bounds_of
from .rewriting import Rewriting, attribute, input_of, like

Nodes = Iterator[onnx.NodeProto]

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
NEAR = 1e-5  # a bias has the scale of the products, which its own says to some digits


class Layers:
    """Rewrites layers. `values`: what real tensors are made of; `peaks`: how large whole numbers may be."""

    def __init__(self, graph: Rewriting, values: MutableMapping[str, Value]) -> None:
        self.graph, self.values = graph, values
        self.peaks: dict[str, float] = {}
        self._shapes: dict[str, tuple[int, ...]] | None = None

    def known(self, whole: Whole) -> None:
        """Notes how large a tensor's whole numbers may be."""
        self.peaks[whole.name] = max(abs(end) for end in whole.ends)

    def is_weighted(self, node: onnx.NodeProto) -> bool:
        """Whether a node multiplies with weights."""
        if node.op_type not in WEIGHTED or len(node.input) < 2:
            return False
        return any(
            self.graph.is_constant(name) or isinstance(self.values.get(name), Held) for name in node.input[:2]
        )

    def visit(self, node: onnx.NodeProto) -> Nodes:
        """What a layer becomes whose operands are made of whole numbers; nothing where it computes in floats.
        Raises NotWhole.
        """
        operator, first = node.op_type, self.values.get(input_of(node, 0))
        if operator in ("Conv", "ConvTranspose"):
            yield from self._conv(node)
        elif operator in ("Gemm", "MatMul"):
            yield from self._product(node)
        elif operator in ("Add", "Sub"):
            yield from self._sum(node)
        elif operator == "Mul":
            yield from self._multiplied(node)
        elif operator in ("Relu", "Clip"):
            self._clamped(node)
        elif operator in ("AveragePool", "GlobalAveragePool", "ReduceMean"):
            yield from self._mean(node)
        elif operator in ("Concat", "Max", "Min"):
            yield from self._joined(node)
        elif operator in CARRIERS and isinstance(first, Held):
            self._constant(node, first)
        elif operator in CARRIERS and attribute(node, "mode") not in MIXING:
            yield from self._carried(node, first)

    # -- layers with weights

    def _conv(self, node: onnx.NodeProto) -> Nodes:
        data, weights = self._data(node, 0), self._weights(node, 1)
        axis = 0 if node.op_type == "Conv" else 1
        if not weights.is_one and weights.axis % weights.whole.ndim != axis:
            raise NotWhole("its weights have a scale for each channel of its input")
        if not weights.is_one and axis and attribute(node, "group", 1) != 1:
            raise NotWhole("its weights in groups have a scale for each channel")
        spatial = weights.whole.ndim - 2
        scale = self._scale(data.scale, weights.scale, (-1, *[1] * spatial))
        others = tuple(a for a in range(weights.whole.ndim) if a != axis)
        peak = np.abs(weights.whole).sum(
            axis=others if attribute(node, "group", 1) == 1 or not axis else None
        )
        inputs = [data.name, self._hold(node, "weights", weights.whole)]
        bias = self._bias(node, 2, scale)
        most = self._reach(data, weights, peak, bias)
        if bias is None:
            yield from self._summed(node, inputs, scale, most)
            return
        single = bias.astype(np.float32)
        inputs.append(self._hold(node, "bias", single))
        made = yield from self._summed(node, inputs, scale, most)
        if (single != bias).any():  # what single precision does not hold of it is added apart
            rest = self._hold(node, "rest", (bias - single).reshape(-1, *[1] * spatial))
            summed, total = made.terms[0].name, self._fresh(node, "total")
            self._sized(total, most)
            yield onnx.helper.make_node("Add", [summed, rest], [total], total)
            self.values[node.output[0]] = Pending((Term(total, scale),), is_sum=True)

    def _product(self, node: onnx.NodeProto) -> Nodes:
        alpha = np.float32(attribute(node, "alpha", 1.0))
        if attribute(node, "beta", 1.0) != 1 or alpha <= 0:
            raise NotWhole("it scales its bias, or by no positive number")
        found = [self.values.get(name) for name in node.input[:2]]
        at = next((i for i, each in enumerate(found) if isinstance(each, Held)), None)
        if at is None:
            left, right = self._data(node, 0), self._data(node, 1)
            depth = self._shape(node.input[0])[-1]
            peak = self.peaks[left.name] * self.peaks[right.name] * depth
            if input_of(node, 2):
                raise NotWhole("it adds a bias to a product of computed operands")
            scale = self._scale(alpha * left.scale, right.scale, ())
            yield from self._summed(node, [left.name, right.name], scale, peak)
            return
        data, weights = self._data(node, 1 - at), self._weights(node, at)
        turned = attribute(node, "transB" if at else "transA", 0) != 0
        rank = weights.whole.ndim
        outputs = (rank - 1 if at else max(rank - 2, 0)) if not turned else (rank - 2 if at else rank - 1)
        summed = (rank - 2 if at else rank - 1) if not turned else (rank - 1 if at else rank - 2)
        if not weights.is_one and (weights.axis % rank != outputs or (rank > 2 and at == 0)):
            raise NotWhole("its weights have a scale for each of its inputs")
        scale = self._scale(alpha * data.scale, weights.scale, (-1,) if at else (-1, 1))
        peak = np.abs(weights.whole).sum(axis=max(summed, 0))
        inputs = [data.name, data.name]
        inputs[at] = self._hold(node, "weights", weights.whole)
        bias = self._bias(node, 2, scale) if input_of(node, 2) else None
        if bias is not None:
            inputs.append(self._hold(node, "bias", bias))
        yield from self._summed(node, inputs, scale, self._reach(data, weights, peak, bias))

    def _summed(
        self, node: onnx.NodeProto, inputs: Sequence[str], scale: Reals, peak: float
    ) -> Generator[onnx.NodeProto, None, Pending]:
        result = self._fresh(node, "sum")
        self._sized(result, peak)
        yield like(node, node.op_type, inputs, [result], ("alpha",) if node.op_type == "Gemm" else ())
        made = Pending((Term(result, scale),), is_sum=True)
        self.values[node.output[0]] = made
        return made

    def _reach(self, data: Term, weights: Held, summed: NDArray[Any], bias: NDArray[Any] | None) -> float:
        """The largest magnitude of a sum of products."""
        if self.peaks[data.name] * float(np.abs(weights.whole).max(initial=0)) > EXACT:
            raise NotWhole("its products may have more than 24 bits")
        most = np.asarray(summed, dtype=np.float64) * self.peaks[data.name]
        if bias is None:
            return float(most.max(initial=0))
        own = np.abs(bias).astype(np.float64)
        if most.shape != own.shape:  # no sum beside each bias: the largest of both
            return float(most.max(initial=0) + own.max(initial=0))
        return float((most + own).max(initial=0))

    def _sized(self, name: str, peak: float) -> None:
        if peak >= 2.0**SUM_BITS:
            raise NotWhole("its sums may have more than 32 bits")
        self.peaks[name] = peak

    def _data(self, node: onnx.NodeProto, index: int) -> Term:
        """An operand that is whole numbers with one scale."""
        found = self.values.get(input_of(node, index))
        only = found.only if isinstance(found, Pending) and not found.is_sum else None
        if only is None or not only.is_one:
            raise NotWhole("its input is not quantised")
        return only

    def _weights(self, node: onnx.NodeProto, index: int) -> Held:
        found = self.values.get(input_of(node, index))
        if not isinstance(found, Held):
            raise NotWhole("its weights are not quantised, or computed")
        return found

    def _bias(self, node: onnx.NodeProto, index: int, scale: Reals) -> NDArray[np.float64] | None:
        """The integers of a bias, whose scale is that of the products."""
        if not input_of(node, index):
            return None
        found = self.values.get(input_of(node, index))
        if not isinstance(found, Held):
            raise NotWhole("its bias is not quantised")
        if not np.allclose(found.scale, scale.ravel(), rtol=NEAR, atol=0):
            raise NotWhole("its bias has another scale than its products")
        return found.whole

    # -- sums and products

    def _sum(self, node: onnx.NodeProto) -> Nodes:
        a, b = (self.values.get(name) for name in node.input)
        sign = 1.0 if node.op_type == "Add" else -1.0
        if isinstance(a, Held) and isinstance(b, Pending) and sign > 0:
            a, b = b, a
        if isinstance(a, Pending) and a.is_sum and isinstance(b, Held) and a.only is not None:
            scale = a.only.scale
            if np.allclose(b.scale, scale.ravel(), rtol=NEAR, atol=0) and not a.is_mean:
                result = self._fresh(node, "sum")
                self._sized(result, self.peaks[a.only.name] + float(np.abs(b.whole).max(initial=0)))
                yield like(node, node.op_type, [a.only.name, self._hold(node, "bias", b.whole)], [result])
                self.values[node.output[0]] = Pending((Term(result, scale),), is_sum=True)
                return
        terms: list[Term] = []
        for each, factor in ((a, 1.0), (b, sign)):
            if isinstance(each, Held) and each.is_one:
                each = Pending((Term(self._hold(node, "constant", each.whole), each.scale.reshape(())),))
            if not isinstance(each, Pending) or not math.isinf(each.low) or not math.isinf(each.high):
                return
            if each.is_mean:
                return
            terms += (Term(t.name, np.asarray(t.scale * np.float32(factor))) for t in each.terms)
        self.values[node.output[0]] = Pending(tuple(terms))

    def _multiplied(self, node: onnx.NodeProto) -> Nodes:
        operands: list[Term] = []
        for index in (0, 1):
            found = self.values.get(node.input[index])
            if isinstance(found, Held) and found.is_one:
                name = self._hold(node, "constant", found.whole)
                self.peaks[name] = float(np.abs(found.whole).max(initial=0))
                operands.append(Term(name, found.scale.reshape(())))
            elif isinstance(found, Pending) and not found.is_sum and found.only is not None:
                operands.append(found.only)
            else:
                return
        a, b = operands
        peak = self.peaks[a.name] * self.peaks[b.name]
        if not a.is_one or not b.is_one or peak > EXACT:
            return
        yield from self._summed(node, [a.name, b.name], self._scale(a.scale, b.scale, ()), peak)

    def _clamped(self, node: onnx.NodeProto) -> None:
        """A Relu or a Clip is part of the clamp of what quantises its result."""
        found = self.values[node.input[0]]
        low, high = bounds_of(node, self.graph)
        is_known = all(self.graph.is_constant(name) for name in node.input[1:] if name)
        if isinstance(found, Pending) and is_known:
            least, most = (min(max(end, low), high) for end in (found.low, found.high))
            self.values[node.output[0]] = replace(found, low=least, high=most)

    def _mean(self, node: onnx.NodeProto) -> Nodes:
        data = self._data(node, 0)
        made, count = sum_of(node, data.name, self._shape, self.graph)
        self._sized(made.output[0], self.peaks[data.name] * float(count.max()))
        yield made
        term = Term(made.output[0], data.scale)
        self.values[node.output[0]] = Pending((term,), is_sum=True, count=count)

    # -- layers that only name numbers, or choose among them

    def _carried(self, node: onnx.NodeProto, found: Value | None) -> Nodes:
        if not isinstance(found, Pending) or len(found.terms) != 1:
            return
        term = found.terms[0]
        if found.count.size > 1 or not (term.is_one or node.op_type in BY_CHANNEL):
            return
        inputs = [term.name, *node.input[1:]]
        if node.op_type == "Pad":
            value = self.graph.constant_input(node, 2)
            if attribute(node, "mode", "constant") == "constant" and value is not None and value.any():
                return
            inputs = inputs[:2]
        results = [name for name in node.output if name] if node.op_type == "Split" else node.output[:1]
        names = [self.graph.fresh(f"{name}:whole") for name in results]
        for name, result in zip(names, results, strict=True):
            self.peaks[name] = self.peaks[term.name]
            self.values[result] = replace(found, terms=(Term(name, term.scale),))
        yield like(node, node.op_type, inputs, names)

    def _constant(self, node: onnx.NodeProto, held: Held) -> None:
        """A view of a constant."""
        name = self._hold(node, "constant", held.whole)
        result = self._fresh(node, "constant")
        axis = held.axis
        if not held.is_one:
            order = attribute(node, "perm", list(range(held.whole.ndim))[::-1])
            if node.op_type != "Transpose":
                raise NotWhole("it reshapes a constant that has a scale for each channel")
            axis = list(order).index(held.axis % held.whole.ndim)
        if not self.graph.fold(like(node, node.op_type, [name, *node.input[1:]], [result])):
            raise NotWhole("it computes with a constant")
        self.values[node.output[0]] = Held(self.graph.constant(result).astype(np.float64), held.scale, axis)

    def _joined(self, node: onnx.NodeProto) -> Nodes:
        parts = [self.values.get(name) for name in node.input]
        known = [part for part in parts if isinstance(part, (Pending, Held))]
        if len(known) < len(parts):
            return
        only = [part.only for part in known if isinstance(part, Pending) and not part.is_sum]
        terms = [term for term in only if term is not None and term.is_one]
        if len(terms) == len(parts) and len({float(term.scale.ravel()[0]) for term in terms}) == 1:
            result = self._fresh(node, "whole")
            self.peaks[result] = max(self.peaks[term.name] for term in terms)
            yield like(node, node.op_type, [term.name for term in terms], [result])
            self.values[node.output[0]] = Pending((Term(result, terms[0].scale),))
        elif node.op_type == "Concat":
            self.values[node.output[0]] = Joined(tuple(known), attribute(node, "axis"))

    # -- helpers

    def _scale(self, a: Reals, b: Reals, shape: tuple[int, ...]) -> Reals:
        """The scale of products: in single precision, in a shape that broadcasts over them."""
        found = np.asarray(a.reshape(()) * b.ravel(), dtype=np.float32)
        return found.reshape(()) if found.size == 1 else found.reshape(shape)

    def _shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor of the model, as ONNX infers it."""
        if self._shapes is None:
            self._shapes = self.graph.inferred_shapes()
        found = self._shapes.get(name, ())
        if not found or not all(found):
            raise NotWhole("how many numbers it sums is not known")
        return found

    def _hold(self, node: onnx.NodeProto, label: str, value: NDArray[Any]) -> str:
        single = np.asarray(value, dtype=np.float32)
        if (single != value).any():
            raise NotWhole("a constant has more than 24 bits")
        return self.graph.hold(self._fresh(node, label), single)

    def _fresh(self, node: onnx.NodeProto, label: str) -> str:
        return self.graph.fresh(f"{node.output[0]}:{label}")
