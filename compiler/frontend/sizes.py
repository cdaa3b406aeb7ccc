"""How large a model becomes: computed from shapes alone, before its constants are folded or neurons are made.

Node by node, shapes are inferred by onnx, and only small constants (those that say shapes) are computed. This
bounds what may be run; what the tensors' shapes are, ONNX Runtime says.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from ...ir.errors import BadInput, Origin, Unsupported
from .onnx_file import TENSOR_ELEMENTS_MAX
from .opset import opset_of

FOLDED_ELEMENTS_MAX = 2**24  # of one constant that is computed and larger than what it is computed from
FOLDED_SUM_MAX = 2**26  # of all of them
SMALL_ELEMENTS = 2**10  # constants that may say a shape
UNROLLED_NODES_MAX = 2**12  # of all steps of a Scan
SCAN_WITHOUT_BATCH = 9  # the first opset where Scan is as it is now
DATA_DEPENDENT = ("NonZero", "Unique", "Compress")  # at most as large as what they read, rank by rank
LIKE_THEIR_OPERAND = ("GroupNormalization", "MeanVarianceNormalization")  # onnx may infer nothing of them
# Their results are no constants, though they read nothing else, or nothing at all.
RANDOM = (
    "Bernoulli",
    "Dropout",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
)
# Before opset 10, onnx infers no shape of their other results: it is that of what they read.
ALIKE = ("Dropout",)

Known = NDArray[Any]


@dataclass(slots=True, eq=False)
class Scope:
    """What is known of the tensors of a graph so far. `declared`: what the file says of the others.

    `sure`: those whose types follow from the inputs' alone, whatever the file says of them.
    `constants`: those that folding will compute.
    `taken`: the branch of each If whose condition is constant, by the If's first output.
    `steps`: of each Scan that is to be written step by step, how many it has, by its first output.
    """

    opset: int
    file: str
    types: dict[str, onnx.TypeProto]
    declared: dict[str, onnx.TypeProto]
    values: dict[str, Known] = field(default_factory=dict)
    sure: set[str] = field(default_factory=set)
    constants: set[str] = field(default_factory=set)
    taken: dict[str, str] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    folded: int = 0

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of a tensor, or None where it is not known."""
        return shape_of(self.types.get(name))


def shape_of(kind: onnx.TypeProto | None) -> tuple[int, ...] | None:
    """The shape that a type states, or None where it does not state all of it."""
    if kind is None or _elements(kind) < 0:
        return None
    return tuple(dim.dim_value for dim in kind.tensor_type.shape.dim)


def survey(model: onnx.ModelProto, file: str) -> Scope:
    """What is known of a model's tensors before it runs. Raises BadInput where one is larger than bounds."""
    declared = {value.name: value.type for value in (*model.graph.value_info, *model.graph.output)}
    types = {value.name: value.type for value in model.graph.input}
    scope = Scope(opset_of(model), file, types, declared, sure=set(types))
    for name, kind in types.items():
        if _elements(kind) > TENSOR_ELEMENTS_MAX:
            raise BadInput(
                Origin(file=file, node=name, operator="input"),
                f"has {_elements(kind)} elements, at most {TENSOR_ELEMENTS_MAX} are read",
                hint="is the file damaged?",
            )
    _walk(model.graph, scope)
    return scope


def _walk(graph: onnx.GraphProto, scope: Scope) -> None:
    for tensor in graph.initializer:
        _hold(tensor.name, tensor, scope)
    for node in graph.node:
        branches = [attribute.g for attribute in node.attribute if attribute.HasField("g")]
        if branches and node.op_type == "Scan" and _count(node, branches[0], scope):
            continue
        if branches and node.op_type != "If" and scope.steps:
            continue  # what it reads may be known once the Scans before it are written step by step
        if branches and node.op_type != "If":
            raise Unsupported(
                _origin(node, scope),
                "it decides at run time what is computed",
                hint="export the model without control flow",
            )
        for branch in branches:
            _walk(branch, scope)
        if branches:
            _choose(node, scope)
        else:
            _visit(node, scope)


def _hold(name: str, tensor: onnx.TensorProto, scope: Scope) -> None:
    """A constant that the file itself holds."""
    scope.types[name] = onnx.helper.make_tensor_type_proto(tensor.data_type, list(tensor.dims))
    scope.constants.add(name)
    scope.sure.add(name)
    if _elements(scope.types[name]) <= SMALL_ELEMENTS:
        scope.values[name] = numpy_helper.to_array(tensor)


def _count(node: onnx.NodeProto, body: onnx.GraphProto, scope: Scope) -> bool:
    """Whether a Scan has so few steps that they can be written one after the other; then how many."""
    shape = scope.shape(node.input[-1])
    listed = next((list(a.ints) for a in node.attribute if a.name == "scan_input_axes"), [0])
    if not shape or scope.opset < SCAN_WITHOUT_BATCH or not -len(shape) <= listed[-1] < len(shape):
        return False
    steps = shape[listed[-1]]
    if not 0 < steps * len(body.node) <= UNROLLED_NODES_MAX:
        return False
    scope.steps[node.output[0]] = steps
    return True


def _choose(node: onnx.NodeProto, scope: Scope) -> None:
    """An If whose condition is constant becomes one of its branches."""
    condition = scope.values.get(node.input[0])
    if condition is None or condition.size != 1:
        return
    taken = "then_branch" if bool(condition.ravel()[0]) else "else_branch"
    scope.taken[node.output[0]] = taken


def _visit(node: onnx.NodeProto, scope: Scope) -> None:
    """Infers what a node makes, and computes it where it is small and constant."""
    if node.domain not in ("", "ai.onnx"):
        return
    tensor = next((attribute.t for attribute in node.attribute if attribute.HasField("t")), None)
    if node.op_type == "Constant" and tensor is not None and node.output:
        _hold(node.output[0], tensor, scope)
        return
    read = [name for name in node.input if name]
    stated = ((name, scope.declared[name]) for name in node.output if name in scope.declared)
    inferred = tuple(_inferred(node, read, scope))
    if scope.sure.issuperset(read):
        scope.sure.update(name for name, kind in inferred if _elements(kind) >= 0)
    for name, kind in (*stated, *inferred):
        scope.types[name] = kind
        if _elements(kind) > TENSOR_ELEMENTS_MAX:
            raise BadInput(
                _origin(node, scope),
                f"its result has {_elements(kind)} elements, at most {TENSOR_ELEMENTS_MAX} are read",
                hint="is the file damaged?",
            )
    shape_alone = (
        node.op_type in ("Shape", "Size")
        and scope.sure.issuperset(read)
        and scope.shape(next(iter(read), "")) is not None
    )
    if node.op_type in RANDOM or (not shape_alone and any(name not in scope.constants for name in read)):
        return
    scope.constants.update(name for name in node.output if name)
    scope.sure.update(name for name in node.output if name)
    largest = max((_elements(scope.types.get(name)) for name in read), default=0)
    made = [_elements(scope.types.get(name)) for name in node.output if name]
    if min(made, default=0) < 0 and node.op_type not in DATA_DEPENDENT:
        raise BadInput(
            _origin(node, scope), "the size of its constant result is unknown", hint="fold the model"
        )
    if max(made, default=0) > max(FOLDED_ELEMENTS_MAX, largest):
        raise BadInput(
            _origin(node, scope),
            f"its constant result has {max(made)} elements, at most {FOLDED_ELEMENTS_MAX} are folded",
            hint="is the file damaged?",
        )
    scope.folded += sum(count for count in made if count > largest)
    if scope.folded > FOLDED_SUM_MAX:
        raise BadInput(
            _origin(node, scope),
            f"up to here, constants of more than {FOLDED_SUM_MAX} elements would be folded",
            hint="is the file damaged?",
        )
    if max(made, default=0) <= SMALL_ELEMENTS and (shape_alone or all(name in scope.values for name in read)):
        _compute(node, read, scope, shape_alone=shape_alone)


def _inferred(node: onnx.NodeProto, read: list[str], scope: Scope) -> Iterable[tuple[str, onnx.TypeProto]]:
    """The types of a node's results as onnx infers them from what is known of its operands."""
    if node.op_type in LIKE_THEIR_OPERAND and read and read[0] in scope.types:
        yield node.output[0], scope.types[read[0]]
        return
    inputs = [_declared(name, scope) for name in dict.fromkeys(read)]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
    # Asked to propagate values, onnx makes an object of every element that a large tensor might have.
    is_small = all(_elements(scope.types.get(name)) <= SMALL_ELEMENTS for name in read)
    constants = [
        numpy_helper.from_array(scope.values[name], name)
        for name in dict.fromkeys(read)
        if name in scope.values
    ]
    graph = onnx.helper.make_graph([_ordered(node)], "node", inputs, outputs, constants)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", scope.opset)])
    try:
        found = onnx.shape_inference.infer_shapes(model, data_prop=is_small)
    except Exception:  # what is wrong with it, ONNX Runtime says better
        return
    for value in found.graph.output:
        if value.HasField("type") and value.type.tensor_type.HasField("shape"):
            yield value.name, value.type
        elif node.op_type in ALIKE and node.input[0] in scope.types:
            yield value.name, scope.types[node.input[0]]
    if node.op_type == "Compress":
        yield from _compressed(node, scope)


def _compressed(node: onnx.NodeProto, scope: Scope) -> Iterable[tuple[str, onnx.TypeProto]]:
    """What a Compress makes whose condition is known: onnx infers nothing of it."""
    shape, condition = scope.shape(node.input[0]), scope.values.get(node.input[1])
    if shape is None or condition is None:
        return
    axis = _integer(node, "axis")
    if axis is not None and not -len(shape) <= axis < len(shape):
        return
    kept = int(np.count_nonzero(condition.ravel()[: prod(shape) if axis is None else shape[axis]]))
    sizes = [kept] if axis is None else [*shape]
    sizes[axis or 0] = kept
    kind = scope.types[node.input[0]].tensor_type.elem_type
    yield node.output[0], onnx.helper.make_tensor_type_proto(kind, sizes)


def _ordered(node: onnx.NodeProto) -> onnx.NodeProto:
    """A Slice from before opset 10 with its axes in order: onnx infers nothing of another one."""
    listed = {attribute.name: list(attribute.ints) for attribute in node.attribute}
    axes, bounds = listed.get("axes", []), [listed.get(key, []) for key in ("starts", "ends")]
    if node.op_type != "Slice" or axes == sorted(axes) or {*map(len, bounds)} != {len(axes)}:
        return node
    order = sorted(range(len(axes)), key=axes.__getitem__)
    found = onnx.NodeProto()
    found.CopyFrom(node)
    for attribute in found.attribute:
        attribute.ints[:] = [listed[attribute.name][i] for i in order]
    return found


def _declared(name: str, scope: Scope) -> onnx.ValueInfoProto:
    value = onnx.ValueInfoProto(name=name)
    if name in scope.types:
        value.type.CopyFrom(scope.types[name])
    return value


def _compute(node: onnx.NodeProto, read: list[str], scope: Scope, *, shape_alone: bool) -> None:
    """The values of a node's small results."""
    if shape_alone:
        dims = [dim.dim_value for dim in scope.types[read[0]].tensor_type.shape.dim]
        start, end = (_integer(node, name) for name in ("start", "end"))
        kept = np.array(dims[slice(start or 0, end)], dtype=np.int64)
        scope.values[node.output[0]] = kept if node.op_type == "Shape" else np.array(int(np.prod(dims)))
        return
    import onnx.reference

    outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
    inputs = [_declared(name, scope) for name in dict.fromkeys(read)]
    graph = onnx.helper.make_graph([node], "node", inputs, outputs)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", scope.opset)])
    try:
        found = onnx.reference.ReferenceEvaluator(model).run(
            None, {name: scope.values[name] for name in read}
        )
    except Exception:  # what is wrong with it, ONNX Runtime says better: its values stay unknown
        return
    for output, value in zip(outputs, found, strict=False):
        if isinstance(value, (np.ndarray, np.generic)):
            array = np.asarray(value)
            scope.values[output.name] = array
            kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
            scope.types[output.name] = onnx.helper.make_tensor_type_proto(kind, list(array.shape))


def _integer(node: onnx.NodeProto, name: str) -> int | None:
    return next((attribute.i for attribute in node.attribute if attribute.name == name), None)


def _elements(kind: onnx.TypeProto | None) -> int:
    """How many elements a tensor has, or -1 where it is not known."""
    if kind is None or not kind.tensor_type.HasField("shape"):
        return -1
    count = 1
    for dim in kind.tensor_type.shape.dim:
        if not dim.HasField("dim_value"):
            return -1
        count *= max(dim.dim_value, 0)
    return count


def _origin(node: onnx.NodeProto, scope: Scope) -> Origin:
    output = node.output[0] if node.output else ""
    return Origin(file=scope.file, node=node.name, operator=node.op_type, output=output)
