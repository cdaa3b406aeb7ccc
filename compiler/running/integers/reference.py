"""What a quantised model computes in integers, operator by operator: what integer networks are judged by.

It computes the model as it was given, from what ONNX and ONNX Runtime's own operators say, in numpy, and
knows nothing of how the compiler reads such models. A session of ONNX Runtime is no such reference: it fuses
a DequantizeLinear, an operator and a QuantizeLinear into kernels of its own, some of which round otherwise
from one version or processor to the next. What stands between the two and has no integers (a softmax, say) is
computed by ONNX Runtime, node by node.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from ...frontend.opset import opset_of
from ...frontend.quantised.integer_operators import FORMS, MICROSOFT, Form, Operand
from ...frontend.runtime import Arrays, session
from .real_numbers import Integers, Real, Singles, rounded
from .windows import convolved, pads_of, spread

Array = NDArray[Any]
Held = Array | Real
OWN = ("", "ai.onnx")


def _ends(dtype: np.dtype[Any]) -> tuple[int, int]:
    name = dtype.name
    bits = int(name.lstrip("uint"))
    return (0, 2**bits - 1) if name.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


FUNCTIONS: Mapping[str, Callable[..., Singles]] = {
    "LeakyRelu": lambda x, alpha=0.01: np.where(x < 0, np.float32(alpha) * x, x),
    "Sigmoid": lambda x: np.float32(1) / (np.float32(1) + np.exp(-x)),
    "Tanh": lambda x: np.tanh(x),
    "HardSigmoid": lambda x, alpha=0.2, beta=0.5: np.clip(
        np.float32(alpha) * x + np.float32(beta), np.float32(0), np.float32(1)
    ),
    "HardSwish": lambda x: x * np.clip(np.float32(1 / 6) * x + np.float32(0.5), np.float32(0), np.float32(1)),
}


class IntegerReference:
    """A quantised model; called with a frame, it gives all tensors of integers and the model's outputs."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.opset = opset_of(model)
        self.shapes = _shapes(model)
        self.outputs = [value.name for value in model.graph.output]
        self._constants: dict[str, Held] = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer
        }
        self._sessions: dict[str, Any] = {}

    def __call__(self, frame: Arrays) -> Arrays:
        """All tensors of integers that a frame makes, and the outputs."""
        known: dict[str, Held] = {**self._constants}
        for value in self.model.graph.input:
            if value.name in frame:
                kind = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
                known[value.name] = np.asarray(frame[value.name]).astype(kind)
        for node in self.model.graph.node:
            if node.output[0] in known:
                continue
            with np.errstate(all="ignore"):  # infinities run their course
                made = self._node(node, known)
            known.update((name, each) for name, each in zip(node.output, made, strict=False) if name)
            if all(name in self._constants for name in node.input if name):
                self._constants.update((name, known[name]) for name in node.output if name in known)
        return {
            name: each.floats() if isinstance(each, Real) else each
            for name, each in known.items()
            if name in self.outputs or (not isinstance(each, Real) and each.dtype.kind in "iu")
        }

    def _node(self, node: onnx.NodeProto, known: Mapping[str, Held]) -> list[Held]:
        """What a node makes of its inputs."""
        given = [known[name] if name else None for name in node.input]
        said = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        form = FORMS.get(node.op_type)
        if form is not None and node.domain in (*OWN, MICROSOFT) and form.result is not None:
            return [self._fused(node, form, given, said)]
        if node.op_type == "QLinearConcat":
            parts = [dequantised(given[at], given[at + 1], given[at + 2]) for at in range(2, len(given), 3)]
            axis = int(said["axis"])
            return [np.concatenate([quantised(part, given[0], given[1]) for part in parts], axis)]
        if node.op_type == "DequantizeLinear":
            zero = given[2] if len(given) > 2 else None
            return [dequantised(given[0], given[1], zero, int(said.get("axis", 1)))]
        if node.op_type == "QuantizeLinear":
            zero = given[2] if len(given) > 2 else None
            return [quantised(given[0], given[1], zero, int(said.get("axis", 1)))]
        if any(isinstance(each, Real) for each in given):
            return self._real(node, given, said)
        return self._run(node, given)

    def _fused(
        self, node: onnx.NodeProto, form: Form, given: list[Held | None], said: Mapping[str, Any]
    ) -> Held:
        """An operator of integers: its operands are real numbers, its result is quantised."""

        def at(index: int) -> Held | None:
            return given[index] if 0 <= index < len(given) else None

        def operand(each: Operand) -> Real:
            axis = each.axis
            if node.op_type == "QGemm" and axis == -1 and said.get("transB", 0):
                axis = -2
            return dequantised(at(each.value), at(each.scale), at(each.zero), axis=axis)

        operands: list[Held | None] = [operand(each) for each in form.operands]
        bias = at(form.bias)
        if bias is not None:
            scales = [np.asarray(at(each.scale), dtype=np.float32).ravel() for each in form.operands]
            scale = np.asarray(scales[0] * scales[1], dtype=np.float32)
            operands.append(Real(((np.asarray(bias).astype(np.int64), scale),)))
        inner = onnx.helper.make_node(form.operator, node.input[: len(operands)], node.output[:1])
        inner.attribute.extend(a for a in node.attribute if a.name not in ("channels_last", "opset"))
        kept = {name: value for name, value in said.items() if name not in ("channels_last", "opset")}
        [found] = self._real(inner, operands, kept)
        if not form.result:
            assert isinstance(found, Real)
            return found.whole.astype(np.int32)
        scale_of, zero_of = (at(index) for index in form.result)
        return found if scale_of is None else quantised(found, scale_of, zero_of)

    # -- operators on real numbers

    def _real(self, node: onnx.NodeProto, given: list[Held | None], said: Mapping[str, Any]) -> list[Held]:
        op = node.op_type
        reals = [each for each in given if isinstance(each, Real)]
        first = reals[0]
        plain = len(first.parts) == 1
        if op in ("Conv", "ConvTranspose") and len(reals) == len([g for g in given if g is not None]):
            return [self._conv(node, reals, said)]
        if op in ("MatMul", "Gemm") and len(reals) == len(given) and self._is_plain_product(said):
            return [_product(reals, said)]
        if op in ("Add", "Sub") and len(reals) == 2:
            return [_sum(reals[0], reals[1], 1 if op == "Add" else -1)]
        if op == "Mul" and len(reals) == 2 and all(len(r.parts) == 1 for r in reals):
            scale = np.asarray(reals[0].scale * reals[1].scale, dtype=np.float32)
            return [Real(((reals[0].whole * reals[1].whole, scale),), is_sum=True)]
        if op == "Relu":
            return [first.clamped(0.0, np.inf)]
        if op == "Clip" and len(reals) == 1:
            bounds = [said.get("min", -np.inf), said.get("max", np.inf)]
            for index, each in enumerate(given[1:3]):
                bounds[index] = bounds[index] if each is None else float(np.asarray(each).reshape(()))
            return [first.clamped(float(bounds[0]), float(bounds[1]))]
        if op in ("AveragePool", "GlobalAveragePool", "ReduceMean") and plain:
            return [self._mean(node, first, given, said)]
        if op == "Concat" and all(len(r.parts) == 1 for r in reals) and len(reals) == len(given):
            return [_joined(reals, int(said["axis"]))]
        if op in FUNCTIONS:
            kept = {name: value for name, value in said.items() if name in ("alpha", "beta")}
            return [np.asarray(FUNCTIONS[op](first.floats(), **kept), dtype=np.float32)]
        if plain and first.scale.size == 1 and op in CHOOSING and isinstance(given[0], Real):
            others = [each.whole.astype(np.float32) if isinstance(each, Real) else each for each in given]
            made = self._run(node, others)
            return [_like(first, np.asarray(each)) for each in made]
        return self._run(node, [each.floats() if isinstance(each, Real) else each for each in given])

    def _is_plain_product(self, said: Mapping[str, Any]) -> bool:
        return bool(said.get("beta", 1.0) == 1)

    def _conv(self, node: onnx.NodeProto, reals: list[Real], said: Mapping[str, Any]) -> Real:
        data, weights = reals[0].whole, reals[1].whole
        rank = weights.ndim - 2
        strides, dilations = (list(said.get(name) or [1] * rank) for name in ("strides", "dilations"))
        groups = int(said.get("group", 1))
        sizes = list(self.shapes.get(node.output[0], ())[2:])
        pads = pads_of(said, data.shape[2:], weights.shape[2:], strides, dilations)
        if node.op_type == "Conv":
            whole = convolved(data, weights, strides=strides, dilations=dilations, pads=pads, groups=groups)
        else:
            whole = spread(
                data,
                weights,
                strides=strides,
                sizes=sizes,
                groups=groups,
                dilations=dilations,
                pads=pads,
            )
        scale = np.asarray(reals[0].scale.reshape(()) * reals[1].scale.ravel(), dtype=np.float32)
        if len(reals) > 2:
            whole = whole + reals[2].whole.reshape(-1, *[1] * rank)
        by_channel = scale.reshape(()) if scale.size == 1 else scale.reshape(-1, *[1] * rank)
        return Real(((_checked(whole), by_channel),), is_sum=True)

    def _mean(
        self, node: onnx.NodeProto, first: Real, given: list[Held | None], said: Mapping[str, Any]
    ) -> Real:
        """The sum over the window, and by how many it is divided."""
        data, rank = first.whole, first.whole.ndim - 2
        if node.op_type != "AveragePool":
            axes = tuple(range(2, data.ndim))
            if node.op_type == "ReduceMean":
                named = said.get("axes") or (np.asarray(given[1]).tolist() if len(given) > 1 else None)
                axes = tuple(named or range(data.ndim))
            count = int(np.prod([data.shape[axis] for axis in axes]))
            whole = data.sum(axis=axes, keepdims=bool(said.get("keepdims", 1)))
            return Real(((whole, first.scale),), is_sum=True, count=np.asarray(count, dtype=np.float32))
        kernel = list(said["kernel_shape"])
        strides, dilations = (list(said.get(name) or [1] * rank) for name in ("strides", "dilations"))
        ones = np.ones((data.shape[1], 1, *kernel), dtype=np.int64)
        pads = pads_of(said, data.shape[2:], kernel, strides, dilations)
        if said.get("ceil_mode", 0):  # the last windows reach as far beyond as they do
            pads = [
                *pads[:rank],
                *(end + stride - 1 for end, stride in zip(pads[rank:], strides, strict=True)),
            ]

        def summed(maps: Integers) -> Integers:
            found = convolved(
                maps, ones, strides=strides, dilations=dilations, pads=pads, groups=data.shape[1]
            )
            kept = tuple(slice(size) for size in self.shapes.get(node.output[0], ())[2:])
            return found[(slice(None), slice(None), *kept)]

        seen = summed(np.ones_like(data)) if not said.get("count_include_pad", 0) else np.prod(kernel)
        return Real(((summed(data), first.scale),), is_sum=True, count=np.asarray(seen, dtype=np.float32))

    # -- what has no integers

    def _run(self, node: onnx.NodeProto, given: Sequence[Held | None]) -> list[Held]:
        """A node alone in ONNX Runtime."""
        fed = {f"{name}": np.asarray(each) for name, each in zip(node.input, given, strict=True) if name}
        key = node.output[0] + "".join(str(each.dtype) for each in fed.values())
        if key not in self._sessions:
            inputs = [
                onnx.helper.make_tensor_value_info(
                    name, onnx.helper.np_dtype_to_tensor_dtype(each.dtype), each.shape
                )
                for name, each in fed.items()
            ]
            outputs = [onnx.helper.make_empty_tensor_value_info(name) for name in node.output if name]
            graph = onnx.helper.make_graph([node], "node", inputs, outputs)
            sets = [onnx.helper.make_opsetid("", self.opset), onnx.helper.make_opsetid(MICROSOFT, 1)]
            model = onnx.helper.make_model(graph, opset_imports=sets)
            model.ir_version = min(model.ir_version, 10)
            self._sessions[key] = session(model.SerializeToString(), optimised=False)
        return list(self._sessions[key].run(None, fed))


# Operators that choose among numbers, whatever these stand for.
CHOOSING = (
    *("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity", "Slice", "Gather", "MaxPool"),
    *("GlobalMaxPool", "Split", "DepthToSpace", "SpaceToDepth", "Expand", "Tile"),
    *("ReduceMax", "ReduceMin", "Max", "Min"),
)


def dequantised(
    value: Held | None, scale: Held | None = None, zero: Held | None = None, axis: int = 1
) -> Real:
    """The real numbers that integers stand for."""
    whole = np.asarray(value).astype(np.int64)
    factor = np.ones((), np.float32) if scale is None else np.asarray(scale, dtype=np.float32)
    if zero is not None:
        whole = whole - _along(np.asarray(zero).astype(np.int64), axis, whole.ndim)
    return Real(((whole, _along(factor, axis, whole.ndim)),))


def quantised(value: Held | None, scale: Held | None, zero: Held | None, axis: int = 1) -> Array:
    """The integers that stand for real numbers."""
    point = np.zeros((), np.uint8) if zero is None else np.asarray(zero)
    kind, step = point.dtype, np.asarray(scale, dtype=np.float32)
    if isinstance(value, Real):
        found = value.quantised(step, point.astype(np.int64), _ends(kind))
    else:
        floats = np.asarray(value, dtype=np.float32)
        step, whole = (_along(each, axis, floats.ndim) for each in (step, point.astype(np.int64)))
        found = rounded(floats, step, whole, _ends(kind))
    return found.astype(kind)


def _along(numbers: Array, axis: int, rank: int) -> Array:
    """Numbers in a shape that broadcasts along an axis."""
    if numbers.size == 1:
        return numbers.reshape(())
    if numbers.ndim > 1:
        return numbers
    return numbers.reshape([-1 if a == axis % rank else 1 for a in range(rank)])


def _checked(whole: Integers) -> Integers:
    """Sums as integers of 32 bits hold them."""
    return whole.astype(np.int32).astype(np.int64)


def _product(reals: list[Real], said: Mapping[str, Any]) -> Real:
    """A matrix product, a bias that is quantised as the products are included."""
    sides = [each.whole for each in reals[:2]]
    scales = [each.scale for each in reals[:2]]
    for index, letter in enumerate("AB"):
        if said.get(f"trans{letter}", 0):
            sides[index] = np.swapaxes(sides[index], -1, -2)
            scales[index] = np.swapaxes(scales[index], -1, -2) if scales[index].ndim > 1 else scales[index]
    whole = np.rint(np.matmul(*(side.astype(np.float64) for side in sides))).astype(np.int64)
    if len(reals) > 2:
        whole = whole + reals[2].whole
    alpha = np.float32(said.get("alpha", 1.0))
    scale = np.asarray(alpha * scales[0] * scales[1], dtype=np.float32)
    return Real(((_checked(whole), scale),), is_sum=True)


def _sum(a: Real, b: Real, sign: int) -> Real:
    """A sum: of integers where one is a sum of products and the other its bias, else of real numbers."""
    if b.is_sum and not a.is_sum and sign > 0:
        a, b = b, a
    if a.is_sum and not b.is_sum and len(b.parts) == 1 and a.count == 1:
        alike = np.broadcast_shapes(a.scale.shape, b.scale.shape)
        if np.allclose(np.broadcast_to(a.scale, alike), np.broadcast_to(b.scale, alike), rtol=1e-5, atol=0):
            return Real(((_checked(a.whole + sign * b.whole), a.scale),), is_sum=True)
    floats = [*a.parts, *((whole * sign, scale) for whole, scale in b.parts)]
    return Real(tuple(floats))


def _joined(reals: list[Real], axis: int) -> Real:
    """Real numbers side by side; each keeps its scale."""
    whole = np.concatenate([each.whole for each in reals], axis)
    scales = [np.broadcast_to(each.scale, each.whole.shape) for each in reals]
    return Real(((whole, np.concatenate(scales, axis)),), is_sum=any(each.is_sum for each in reals))


def _like(real: Real, whole: Array) -> Real:
    return Real(((whole.astype(np.int64), real.scale),), real.is_sum, real.count, real.low, real.high)


def _shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    found = onnx.shape_inference.infer_shapes(model).graph
    return {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*found.input, *found.value_info, *found.output)
    }
