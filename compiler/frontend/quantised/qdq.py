"""Quantised models in their float form: dequantised weights, and activations that are clamped, not rounded.

A QuantizeLinear and the DequantizeLinear behind it leave a float network: a Clip to the range that the
integers say, where values may lie outside; views between the two carry floats instead of integers. What
stands at the ends of a model stays as it is: the types of inputs and outputs are its own, and a float input
is quantised before the network reads it. Operators of integers are brought to this form before.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import onnx

from ....ir.errors import Unsupported
from ....ir.layers import VIEWS
from ..opset import opset_of
from . import dynamic, integer_operators, qonnx
from .integer_operators import MICROSOFT, is_integer_operator
from .quantisation import Quantisation, Reals, limits
from .quantisers import DEQUANTISE, QUANTISE, fold, quantisation_of
from .ranges import EVERYTHING, Range, bounds_of, inside, joined, range_of
from .rewriting import OWN, Naming, Rewriting, attribute, input_of, like

NOTE = (
    "the model is quantised and was compiled in its float form: weights are dequantised, activations keep "
    "their ranges but are not rounded"
)
# Between a QuantizeLinear and its DequantizeLinear these mean the same for integers and for floats.
CARRIERS = (
    *(*VIEWS, "DepthToSpace", "SpaceToDepth", "Expand", "Tile", "Resize", "Upsample"),
    *("MaxPool", "GlobalMaxPool", "ReduceMax", "ReduceMin"),
)
# These mean the same between the two only where all their inputs are quantised alike.
JOINING = ("Concat", "Max", "Min")
BEFORE = (*CARRIERS, "Cast")  # what may stand between an input and where it is quantised
PER_CHANNEL = ("Identity", "MaxPool")  # carriers that keep the axis along which scales differ
ROUNDS = 11  # the first opset with Round
ANY_TYPE = 21  # from this opset on, QuantizeLinear knows integers of other than eight bits


def is_quantised(model: onnx.ModelProto) -> bool:
    """Whether a model rounds its tensors."""
    return any(
        node.op_type in (QUANTISE, DEQUANTISE) or is_integer_operator(node) or qonnx.is_quantiser(node)
        for node in model.graph.node
    )


def float_form(model: onnx.ModelProto, file: str = "") -> onnx.ModelProto:
    """The float form of a quantised model, without the fused operators that ONNX Runtime makes; the same
    model when it has neither. Raises BadInput where a zero point is no integer, Unsupported where there is no
    such form.
    """
    if not is_quantised(model) and not any(
        node.op_type in integer_operators.SPECIAL for node in model.graph.node
    ):
        return model
    found = onnx.ModelProto()
    found.CopyFrom(model)
    graph = Rewriting(found.graph, opset_of(model), file)
    graph.replace(dynamic.static(graph))
    graph.replace(integer_operators.expanded(graph))
    walk = _Walk(graph)
    graph.replace([made for node in graph.nodes for made in walk.visit(node)])
    graph.drop_dead()
    graph.replace(joined(graph))
    graph.drop_dead()
    graph.finish(found)
    return found


@dataclass(frozen=True, slots=True)
class Carried:
    """A tensor of integers: the floats that it stands for, and how."""

    real: str
    how: Quantisation


class _Walk:
    """What is known of the tensors, in the nodes' order. `entries`: inputs, and what only names parts of
    them.
    """

    def __init__(self, graph: Rewriting) -> None:
        self.graph = graph
        self.carried: dict[str, Carried] = {}
        self.renamed: dict[str, str] = {}
        self.ranges: dict[str, Range] = {}
        self.clamped: dict[tuple[str, bytes, bytes], str] = {}
        self.entries = {value.name for value in graph.graph.input if not graph.is_constant(value.name)}
        self.ends = graph.outputs | graph.nested
        self.shapes: dict[str, tuple[int, ...]] | None = None

    def visit(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """What stands in a node's place: itself, and the float twin of what carries integers."""
        kept = onnx.NodeProto()
        kept.CopyFrom(node)
        kept.input[:] = [self.renamed.get(name, name) for name in node.input]
        made = list(self._rewritten(kept))
        for each in made:
            known = range_of(each, self.ranges, self.graph)
            for name in each.output:
                if known != EVERYTHING:
                    self.ranges.setdefault(name, known)
        yield from made

    def _rewritten(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        own = node.domain in (*OWN, MICROSOFT)
        if self.graph.fold(node) or (own and fold(node, self.graph)) or qonnx.fold(node, self.graph):
            return
        if qonnx.is_quantiser(node):
            yield from self._clamp_only(node)
        elif own and node.op_type == QUANTISE:
            yield from self._quantise(node)
        elif (own and node.op_type == DEQUANTISE) or (
            node.op_type == "Cast" and input_of(node, 0) in self.carried
        ):
            yield from self._dequantise(node)
        else:
            if node.op_type in BEFORE and input_of(node, 0) in self.entries:
                self.entries.update(node.output)
            yield from self._twin(node)
            yield node

    # -- quantising and dequantising

    def _quantise(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """Notes what a quantised tensor stands for, after a clamp to its range."""
        how, source, result = self._how(node), node.input[0], node.output[0]
        if how is None or self._is_entry(node, how):
            yield _standard(node, how)
            return
        if how.block:
            rule = f"it quantises blocks of {how.block} along an axis at run time"
            raise Unsupported(self.graph.origin(node), rule, hint="quantise activations with one scale")
        real = source
        if how.clamps:
            bounds = how.bounds(self._rank(node, how))
            real = yield from self._clamp(node, source, bounds, float(how.scale.max()))
        self.carried[result] = Carried(real, how)
        if how.clamps:
            yield _standard(node, how)
        else:
            yield from self._whole(node)

    def _whole(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """Sums of products as the integers that they are: ONNX quantises to no type as wide as theirs."""
        source = node.input[0]
        if self.graph.opset >= ROUNDS:
            source = self._name(node, "rounded")
            yield onnx.helper.make_node("Round", [node.input[0]], [source], source)
        yield onnx.helper.make_node("Cast", [source], [node.output[0]], node.name, to=onnx.TensorProto.INT32)

    def _is_entry(self, node: onnx.NodeProto, how: Quantisation) -> bool:
        """Whether a node quantises an input of the model, in a form that ONNX Runtime runs."""
        return (
            node.input[0] in self.entries
            and (how.dtype.itemsize == 1 or self.graph.opset >= ANY_TYPE)
            and how.dtype.name in ("int8", "uint8", "int16", "uint16")
        )

    def _dequantise(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """The floats that a quantised tensor stands for take the result's place."""
        source, result = node.input[0], node.output[0]
        carried, how = self.carried.get(source), self._how(node)
        if node.op_type == "Cast":
            if attribute(node, "to") != onnx.TensorProto.FLOAT:
                yield node
                return
            one, zero = np.ones((), dtype=np.float32), np.zeros((), dtype=np.float32)
            how = Quantisation(one, zero, np.dtype(np.int32))
        if carried is None or how is None:
            if how is not None and how.is_one:
                low, high = how.bounds()
                self.ranges[result] = float(low), float(high)
            yield _standard(node, how)
            return
        real = carried.real
        if not carried.how.is_same(how):
            if not (carried.how.is_one and how.is_one):
                rule = "its scales are others than those that its input was quantised with"
                raise Unsupported(
                    self.graph.origin(node), rule, hint="quantise and dequantise with the same scales"
                )
            real = yield from self._converted(node, carried, how)
        yield from self._stands_for(node, real)

    def _converted(self, node: onnx.NodeProto, carried: Carried, how: Quantisation) -> Naming:
        """The floats that the same integers stand for in another quantisation."""
        factor = how.scale.ravel()[0] / carried.how.scale.ravel()[0]
        shift = (carried.how.zero.ravel()[0] - how.zero.ravel()[0]) * how.scale.ravel()[0]
        real = carried.real
        for operator, number, neutral in (("Mul", factor, 1.0), ("Add", shift, 0.0)):
            if number != neutral:
                held = self.graph.hold(self._name(node, operator), np.array(number, dtype=np.float32))
                before, real = real, self._name(node, "scaled" if operator == "Mul" else "shifted")
                yield onnx.helper.make_node(operator, [before, held], [real], real)
        return real

    def _stands_for(self, node: onnx.NodeProto, real: str) -> Iterator[onnx.NodeProto]:
        """Whoever reads a node's result reads another tensor instead."""
        if node.output[0] in self.ends:
            yield onnx.helper.make_node("Identity", [real], [node.output[0]], name=node.name)
        self.renamed[node.output[0]] = real

    def _clamp_only(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """A qonnx Quant of an activation: its range is kept."""
        low, high, step = qonnx.bounds(node, self.graph)
        real = yield from self._clamp(node, node.input[0], (low, high), step)
        yield from self._stands_for(node, real)

    # -- clamps

    def _clamp(self, node: onnx.NodeProto, source: str, bounds: tuple[Reals, Reals], step: float) -> Naming:
        """A tensor clamped to bounds; gives its name. The tensor itself where it lies no further outside than
        a step of the quantisation.
        """
        low, high = bounds
        if inside(self.ranges.get(source, EVERYTHING), (float(low.max()), float(high.min())), step):
            return source
        key = source, low.tobytes(), high.tobytes()
        if key in self.clamped:
            return self.clamped[key]
        result = self.clamped[key] = self._name(node, "clipped")
        name = f"{node.name}:clip" if node.name else ""
        if low.size == high.size == 1:
            yield self.graph.clip(source, float(low.ravel()[0]), float(high.ravel()[0]), result, name)
            return result
        for operator, label, bound in (("Max", "raised", low), ("Min", "clipped", high)):
            held = self.graph.hold(self._name(node, operator), bound)
            made = result if label == "clipped" else self._name(node, label)
            yield onnx.helper.make_node(operator, [source, held], [made], f"{name}:{label}" if name else "")
            source = made
        return result

    # -- what stands between

    def _twin(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """The float twin of a node that carries integers."""
        first = self.carried.get(input_of(node, 0))
        if node.domain not in OWN:
            return
        if node.op_type in JOINING:
            first = next((self.carried[name] for name in node.input if name in self.carried), None)
            parts = [self._part(node, name, first) for name in node.input] if first is not None else []
            if first is None or not first.how.is_one or None in parts:
                return
            inputs = [part for part in parts if part is not None]
        elif first is None or not (first.how.is_one or node.op_type in PER_CHANNEL):
            return
        elif node.op_type in ("Clip", "Relu"):
            yield from self._clipped(node, first)
            return
        elif node.op_type == "Pad":
            value = self.graph.constant_input(node, 2)
            if len(node.input) < 2 or (input_of(node, 2) and value is None):
                return
            around = first.how.dequantised(
                np.zeros((), dtype=np.int32) if value is None else value.reshape(())
            )
            held = self.graph.hold(self._name(node, "around"), around)
            inputs = [first.real, node.input[1], held, *node.input[3:]]
        elif node.op_type in CARRIERS and attribute(node, "mode") != "cubic":
            inputs = [first.real, *node.input[1:]]
        else:
            return
        results = node.output if node.op_type == "Split" else node.output[:1]
        outputs = [self._name_of(name, "float") for name in results]
        twin = like(node, node.op_type, inputs, outputs)
        twin.name = f"{node.name}:float" if node.name else ""
        self.carried.update(
            (name, replace(first, real=real)) for name, real in zip(results, outputs, strict=True)
        )
        yield twin

    def _part(self, node: onnx.NodeProto, name: str, first: Carried | None) -> str | None:
        """The floats of one of the tensors that a node joins; None where it is quantised in another way."""
        carried = self.carried.get(name)
        if first is not None and carried is not None and carried.how.is_same(first.how):
            return carried.real
        if first is None or not self.graph.is_constant(name):
            return None
        return self.graph.hold(self._name_of(name, "float"), first.how.dequantised(self.graph.constant(name)))

    def _clipped(self, node: onnx.NodeProto, first: Carried) -> Iterator[onnx.NodeProto]:
        """A Clip or Relu of integers: a quantiser's range that is less than its type's."""
        if not all(self.graph.is_constant(name) for name in node.input[1:] if name) or not first.how.is_one:
            return
        ends = bounds_of(node, self.graph)
        type_ends = limits(first.how.dtype)
        assert type_ends is not None
        whole = np.clip(np.array(ends), *type_ends)
        low, high = (first.how.dequantised(np.asarray(end)) for end in whole)
        real = yield from self._clamp(node, first.real, (low, high), 0.0)
        self.carried[node.output[0]] = replace(first, real=real)

    # -- helpers

    def _how(self, node: onnx.NodeProto) -> Quantisation | None:
        carried = self.carried.get(node.input[0])
        return quantisation_of(node, self.graph, carried.how.dtype if carried is not None else None)

    def _rank(self, node: onnx.NodeProto, how: Quantisation) -> int:
        """How many axes a node's input has; 0 where that does not matter. Raises Unsupported."""
        if how.is_one or how.spread:
            return 0
        if self.shapes is None:
            self.shapes = self.graph.inferred_shapes()
        rank = len(self.shapes.get(node.input[0], ()))
        if not rank:
            rule = "the axis along which its scales differ is unknown"
            raise Unsupported(self.graph.origin(node), rule, hint="quantise activations with one scale")
        return rank

    def _name(self, node: onnx.NodeProto, label: str) -> str:
        return self._name_of(node.output[0], label)

    def _name_of(self, name: str, label: str) -> str:
        return self.graph.fresh(f"{name}:{label}")


def _standard(node: onnx.NodeProto, how: Quantisation | None) -> onnx.NodeProto:
    """ONNX's own operator in place of ONNX Runtime's of the same name, in the form of older opsets, too."""
    drop = ("axis",) if how is not None and how.is_one else ()
    return like(node, node.op_type, node.input, node.output, drop)
