"""Quantised models as networks of whole numbers: every layer computes what the model's integers say.

Tensors hold integers less their zero points, which single precision holds exactly; padding is the zero
point, so it is zero. A layer with weights sums products of whole numbers, `acc`; what quantises its result
multiplies with one factor, rounds half to even and clamps,

    y - zy = min(max(rint(f32(acc) * f32(f32(sx * sw) / sy)), least - zy), most - zy),

and a ReLU is part of the clamp. Sums, functions and what else stands between a DequantizeLinear and a
QuantizeLinear is computed in floats and rounded as the model says. A model of which this cannot be said keeps
its float form.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import onnx

from ....ir.errors import SncError
from ..opset import opset_of
from . import dynamic, integer_operators, qonnx
from .layers import Layers
from .pending import CARRIERS, MIXING, Held, NotWhole, Pending, Term, Value, Whole, whole_numbers
from .quantisation import Quantisation
from .quantisers import DEQUANTISE, QUANTISE, quantisation_of
from .rewriting import OWN, Rewriting, attribute, input_of, like
from .rounded import real, rounded, rounded_real

NOTE = "the model is quantised and was compiled as the integers that it is: no weight and no sum is rounded"
ROUNDS = 11  # the first opset with Round
SHORT_BYTES = 2  # of integers that single precision holds, with any zero point
# Functions of one value, each of which is rounded again behind.
FUNCTIONS = (
    *("LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "Elu", "Selu", "Celu", "Softplus"),
    *("Softsign", "ThresholdedRelu", "Abs", "Exp", "Erf", "Gelu", "Mish", "PRelu", "Sqrt", "Neg"),
    *("Relu", "Clip"),
)


@dataclass(frozen=True, slots=True, eq=False)
class WholeForm:
    """A model of whole numbers. `tensors`: for its tensors the integer tensors of the given model that they
    are, less how much. `loose`: integers of the given model that floats were rounded to, in which others may
    have another last bit.
    """

    model: onnx.ModelProto
    tensors: Mapping[str, tuple[str, int]]
    loose: frozenset[str]

    def with_twins(self, twins: Mapping[str, tuple[str, ...]]) -> "WholeForm":
        """The same, with tensors that others are the same as, by the names that are no more."""
        known = self.tensors
        added = {
            name: known[gone[0]]
            for name, others in twins.items()
            if name not in known and (gone := [other for other in others if other in known])
        }
        return replace(self, tensors=MappingProxyType({**known, **added}))


def whole_form(model: onnx.ModelProto, file: str = "") -> WholeForm | str:
    """The whole numbers of a quantised model, or why it has no such form."""
    found = onnx.ModelProto()
    found.CopyFrom(model)
    if opset_of(model) < ROUNDS:
        try:
            found = onnx.version_converter.convert_version(model, ROUNDS)
        except Exception:  # ConvertError and RuntimeError
            return f"at opset {opset_of(model)} it cannot say how its sums are rounded"
    graph = Rewriting(found.graph, opset_of(found), file)
    try:
        graph.replace(dynamic.static(graph))
        graph.replace(integer_operators.expanded(graph))
        walk = _Walk(graph)
        graph.replace([made for node in graph.nodes for made in walk.visit(node)])
    except NotWhole as error:
        return error.rule
    except SncError as error:
        return str(error)
    graph.drop_dead()
    graph.finish(found)
    return WholeForm(found, MappingProxyType(walk.tensors), frozenset(walk.loose))


class _Walk:
    """What is known of the tensors, in the nodes' order.

    `wholes`: tensors of integers. `values`: real tensors that are made of whole numbers. `real`: those that
    are computed in floats; `loose`: those that others may compute with another last bit, and what is made of
    these. `entries`: inputs and what names parts of them, with their types.
    """

    def __init__(self, graph: Rewriting) -> None:
        self.graph = graph
        self.wholes: dict[str, Whole] = {}
        self.values: dict[str, Value] = {}
        self.quantised: dict[tuple[str, float, float, str], Whole] = {}
        self.loose: set[str] = set()
        self.real: set[str] = set()
        self.tensors: dict[str, tuple[str, int]] = {}
        self.ends = graph.outputs | graph.nested
        self.entries = {
            value.name: onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
            for value in graph.graph.input
            if not graph.is_constant(value.name)
        }
        self.layers = Layers(graph, self.values)

    def visit(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """What stands in a node's place."""
        if node.domain not in OWN:
            raise NotWhole(f"{self.graph.origin(node)}: the operator is not ONNX's own")
        is_loose = any(name in self.loose for name in node.input)
        try:
            yield from self._rewritten(node, is_loose)
        except NotWhole as error:
            raise NotWhole(f"{self.graph.origin(node)}: {error.rule}") from None
        except (ValueError, IndexError, KeyError):  # of a damaged model; whoever reads it says what is wrong
            raise NotWhole(f"{self.graph.origin(node)}: its operands do not fit each other") from None
        if is_loose:
            self.loose.update(node.output)

    def _rewritten(self, node: onnx.NodeProto, is_loose: bool) -> Iterator[onnx.NodeProto]:
        op, first = node.op_type, input_of(node, 0)
        if op in (QUANTISE, DEQUANTISE):
            yield from self._quantise(node) if op == QUANTISE else self._dequantise(node)
        elif self.graph.fold(node) or qonnx.fold(node, self.graph):
            return
        elif op == "DynamicQuantizeLinear":
            raise NotWhole("it quantises with a scale that is computed at run time")
        elif op == "Cast" and first in self.wholes and attribute(node, "to") == onnx.TensorProto.FLOAT:
            whole = self.wholes[first]
            if whole.how.zero.any():
                raise NotWhole("it reads integers without their zero point as numbers")
            self.values[node.output[0]] = Pending((Term(whole.name, np.ones((), np.float32)),))
        elif any(name in self.wholes for name in node.input):
            yield from self._carried(node)
        elif any(name in self.values for name in node.input):
            if is_loose and self.layers.is_weighted(node):
                raise NotWhole("what it reads was computed in floats and rounded again")
            yield from self.layers.visit(node)
            if not any(name in self.values for name in node.output):
                yield from self._floats(node)
        elif self.layers.is_weighted(node):
            raise NotWhole("its weights or its input are floats")
        else:
            if op in CARRIERS and first in self.entries:
                self.entries.update(dict.fromkeys(node.output, self.entries[first]))
            elif first in self.real and not self._is_function(node):
                self.loose.update(node.output)
            self.real.update(node.output)
            yield node
        yield from self._shown(node)

    def _is_function(self, node: onnx.NodeProto) -> bool:
        return node.op_type in FUNCTIONS

    def _floats(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """A layer that computes with the real numbers that whole ones stand for, as the model says."""
        for name in dict.fromkeys(node.input):
            if name in self.values and name not in self.real:
                yield from self._made_real(name)
        if not self._is_function(node):
            self.loose.update(node.output)
        self.real.update(node.output)
        yield node

    def _made_real(self, name: str) -> Iterator[onnx.NodeProto]:
        yield from real(self.graph, self.values[name], name)
        self.real.add(name)

    def _shown(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """A node's results that are outputs of the model."""
        for name in node.output:
            if name in self.ends and name in self.values and name not in self.real:
                yield from self._made_real(name)
            elif name in self.ends and name in self.wholes:
                yield from self._integers(name, node.name)

    # -- quantising and dequantising

    def _quantise(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        how = quantisation_of(node, self.graph)
        source, result = node.input[0], node.output[0]
        if how is None or not how.is_one or not how.is_integer:
            raise NotWhole(
                "it quantises a tensor with other than one constant scale, or to other than integers"
            )
        if self.graph.is_constant(source):
            self.graph.hold(result, how.quantised(self.graph.constant(source)))
            return
        if source in self.entries:
            yield like(node, QUANTISE, node.input, [result], () if self.graph.opset >= 13 else ("axis",))
            self.entries[result] = how.dtype
            return
        key = source, float(how.scale.ravel()[0]), float(how.zero.ravel()[0]), how.dtype.name
        if key in self.quantised:
            self.wholes[result] = self.quantised[key]
            return
        whole = Whole(self.graph.fresh(f"{result}:whole"), how)
        self.wholes[result] = self.quantised[key] = whole
        self._note(result, whole)
        self.layers.known(whole)
        if source in self.values and source not in self.real:
            yield from rounded(self.graph, self.values[source], whole)
        else:
            yield from rounded_real(self.graph, source, whole)

    def _note(self, name: str, whole: Whole) -> None:
        self.tensors[whole.name] = name, int(whole.how.zero.ravel()[0])

    def _dequantise(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        source, result = node.input[0], node.output[0]
        known = self.wholes.get(source)
        value = self.graph.constant_input(node, 0)
        kind = known.how.dtype if known is not None else self.entries.get(source)
        kind = kind if value is None else value.dtype
        how = quantisation_of(node, self.graph, kind)
        if how is None or not how.is_integer:
            raise NotWhole("its scale is computed at run time, or its input is no integer")
        if value is not None:
            scale = how.scale
            if how.scale.ndim > 1 and how.scale.size > 1:
                raise NotWhole("a constant has scales for blocks")
            self.values[result] = Held(whole_numbers(value, how), scale.ravel(), how.axis)
            return
        if not how.is_one:
            raise NotWhole("an activation has a scale for each channel")
        if known is None:
            if kind is None or kind.kind not in "iu" or kind.itemsize > SHORT_BYTES:
                raise NotWhole("it reads no integers of 8 or 16 bits, or none that a QuantizeLinear made")
            known = Whole(self.graph.fresh(f"{source}:whole"), how)
            self.wholes[source] = known
            self._note(source, known)
            self.layers.known(known)
            yield self._linear(node.name, DEQUANTISE, source, known.name, how)
        name = known.name
        if not np.array_equal(known.how.zero.ravel(), how.zero.ravel()):
            name = self.graph.fresh(f"{result}:moved")
            moved = known.how.zero.reshape(()) - how.zero.reshape(())
            held = self.graph.hold(self.graph.fresh(f"{name}:by"), moved.astype(np.float32))
            yield onnx.helper.make_node("Add", [known.name, held], [name], name)
            self.layers.known(Whole(name, how))
        self.values[result] = Pending((Term(name, how.scale.reshape(())),))
        yield from self._shown(node)

    def _integers(self, name: str, node_name: str) -> Iterator[onnx.NodeProto]:
        """A tensor of integers, of its own type."""
        whole = self.wholes[name]
        if whole.how.clamps:
            yield self._linear(node_name, QUANTISE, whole.name, name, whole.how)
        else:
            kind = onnx.helper.np_dtype_to_tensor_dtype(whole.how.dtype)
            yield onnx.helper.make_node("Cast", [whole.name], [name], node_name, to=kind)

    def _linear(
        self, name: str, operator: str, source: str, result: str, how: Quantisation
    ) -> onnx.NodeProto:
        one = self.graph.hold(self.graph.fresh(f"{result}:one"), np.array(1, dtype=np.float32))
        zero = how.zero.ravel()[:1].reshape(()).astype(how.dtype)
        point = self.graph.hold(self.graph.fresh(f"{result}:zero"), zero)
        return onnx.helper.make_node(operator, [source, one, point], [result], name)

    # -- integers between the two

    def _carried(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """A node that reads integers, on whole numbers."""
        first = next(self.wholes[name] for name in node.input if name in self.wholes)
        inputs = list(node.input)
        if node.op_type in ("Concat", "Max", "Min"):
            for index, name in enumerate(inputs):
                if name not in self.wholes and self.graph.is_constant(name):
                    whole = whole_numbers(self.graph.constant(name), first.how).astype(np.float32)
                    inputs[index] = self.graph.hold(self.graph.fresh(f"{name}:whole"), whole)
                elif name in self.wholes and self.wholes[name].how.is_same(first.how):
                    inputs[index] = self.wholes[name].name
                else:
                    raise NotWhole("it joins integers of different scales")
        elif node.op_type in ("Clip", "Relu"):
            raise NotWhole("it clamps integers")
        elif node.op_type not in CARRIERS or attribute(node, "mode") in MIXING:
            raise NotWhole("it computes with integers as they are stored")
        else:
            inputs[0] = first.name
            if node.op_type == "Pad":
                value = self.graph.constant_input(node, 2)
                if input_of(node, 2) and value is None:
                    raise NotWhole("it pads with what is computed at run time")
                held = np.zeros((), np.int64) if value is None else value.reshape(())
                around = whole_numbers(held, first.how).astype(np.float32)
                inputs[2:3] = [self.graph.hold(self.graph.fresh(f"{node.output[0]}:around"), around)]
        outputs = []
        for name in (each for each in node.output if each):
            made = Whole(self.graph.fresh(f"{name}:whole"), first.how)
            self.wholes[name] = made
            self._note(name, made)
            self.layers.known(made)
            outputs.append(made.name)
        if node.op_type == "MaxPool":
            outputs = outputs[:1]
        twin = like(node, node.op_type, inputs, outputs)
        twin.name = f"{node.name}:whole" if node.name else ""
        yield twin
