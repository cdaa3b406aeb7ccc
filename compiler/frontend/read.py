"""The way in: an ONNX model becomes a LayerGraph whose shapes are known and whose constants are folded.

Shapes and constants are what ONNX Runtime computes for the model as it is; what it must not be trusted with
(sizes, damaged files) is checked before. Nothing here knows the chip.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import onnx
from onnx import numpy_helper

from ...ir.deadline import in_time
from ...ir.errors import BadInput, Origin, SncError, Unsupported, raise_all
from ...ir.layers import Array, Attribute, Layer, LayerGraph, Value
from .bodies import with_bodies, with_body_of
from .inline import (
    with_branches,
    with_first_outputs,
    without_constant_inputs,
    without_empties,
    without_unread,
)
from .observe import Observed, Seen, accepted, declared, observe
from .onnx_file import fix_shapes, load_model
from .opset import converted, opset_of
from .precision import precision_notes, widen
from .quantised import qdq, whole
from .quantised.qdq import float_form, is_quantised
from .quantised.rewriting import OWN
from .quantised.whole import WholeForm, whole_form
from .recurrent.backwards import NOTE as BACKWARDS
from .recurrent.backwards import goes_backwards, written_out
from .recurrent.reading import step_of, with_carried
from .recurrent.scans import unrolled
from .simplify import of_output, simplified
from .sizes import Scope, shape_of, survey

WINDOWS = ("kernel_shape", "strides", "dilations", "pads", "output_padding")
WINDOW_MAX = 2**11  # larger than any map that the words of a chip can say
UNTRIED = "the model is too large to be tried at once: its shapes are what ONNX infers, not what was seen"

Shapes = Mapping[str, tuple[int, ...]]

LOADED, READ = "the file was loaded", "the model was read"  # what time may be over in
GEMM_WITHOUT_BIAS = 11  # the first opset where Gemm need not have one


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """The layers of a model, and what its tensors hold when it is run; None where it is too large."""

    graph: LayerGraph
    seen: Seen | None


def read_onnx(path: Path, input_shapes: Shapes = MappingProxyType({})) -> LayerGraph:
    """The layers of an ONNX file. Raises SncError (exit code 2) when file or network cannot be read."""
    return read_model(path, input_shapes).graph


def read_model(
    path: Path,
    input_shapes: Shapes = MappingProxyType({}),
    *,
    as_float: bool = False,
) -> Reading:
    """The layers of an ONNX file and what its tensors held. `as_float`: a quantised model gets its float
    form, also where it could be whole numbers. Raises SncError as `read_onnx` does.
    """
    source = converted(load_model(path), path.name)
    step, unmapped = step_of(widen(source), input_shapes, path.name)
    is_backwards = goes_backwards(source)
    if step is not None:
        loaded = step.model
    elif is_backwards:
        loaded, unmapped = written_out(widen(source), input_shapes, path.name)
    else:
        loaded = fix_shapes(source, input_shapes, path.name)
    precision = precision_notes(source)
    del source  # weights are most of it, and `loaded` has them, too
    in_time(LOADED)
    rewritten, notes = _numbers(widen(loaded), path.name, as_float)
    in_time(LOADED)
    is_whole = whole.NOTE in notes
    rewritten = with_bodies(rewritten)
    try:
        found = _reading_with_bodies(rewritten, path.name)
    except SncError:
        if rewritten is not loaded:  # a fault of the model is reported in the model's own words
            accepted(loaded, path.name)
        raise
    notes = (
        *notes,
        *[BACKWARDS] * (is_backwards and not unmapped),
        *precision,
        *found.graph.notes,
    )
    graph = replace(found.graph, notes=notes, is_whole=is_whole, unmapped=unmapped)
    return replace(found, graph=graph if step is None else with_carried(graph, step))


def _numbers(
    model: onnx.ModelProto, file: str, as_float: bool = False
) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    """The model with tensors of single precision: a quantised one in whole numbers, or else in its float
    form; and what a user must know of it.
    """
    if not is_quantised(model):
        return float_form(model, file), ()
    if as_float:
        return float_form(model, file), (qdq.NOTE,)
    found = whole_form(model, file)
    if isinstance(found, WholeForm):
        return found.model, (whole.NOTE,)
    return float_form(model, file), (qdq.NOTE, f"what keeps it from being compiled as integers: {found}")


def original(path: Path, input_shapes: Shapes = MappingProxyType({})) -> onnx.ModelProto:
    """The model of a file as ONNX Runtime shall run it: static shapes, single precision, and whole numbers or
    the float form in place of a quantised one.
    """
    loaded = fix_shapes(converted(load_model(path), path.name), input_shapes, path.name)
    return _numbers(widen(loaded), path.name)[0]


def to_layers(model: onnx.ModelProto, file: str) -> LayerGraph:
    """The layers of a model whose inputs have static shapes. Raises SncError."""
    return _reading(model, file).graph


def _reading_with_bodies(model: onnx.ModelProto, file: str) -> Reading:
    """The layers of a model. A node that ONNX Runtime does not run is what ONNX defines it by, if that is."""
    try:
        return _reading(model, file)
    except BadInput as error:
        found = with_body_of(model, error.origin) if error.origin else None
        if found is None:
            raise
        try:
            return _reading_with_bodies(with_bodies(found), file)
        except SncError:
            raise error from None


def _reading(given: onnx.ModelProto, file: str) -> Reading:
    model = with_first_outputs(without_unread(without_constant_inputs(given)))
    scope = survey(model, file)
    while scope.taken or scope.steps:
        model = unrolled(with_branches(model, scope.taken), scope.steps)
        model = with_bodies(without_unread(model))
        scope = survey(model, file)
    model = without_empties(model, scope.shape)
    if not model.graph.output:
        raise BadInput(Origin(file=file), "has no output", hint="export it again")
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    raise_all(_foreign(model, file))
    moving = [node for node in model.graph.node if not scope.constants.issuperset(filter(None, node.output))]
    raise_all((*_clashes(model, file, scope, held), *_shapeless(moving, model, file, scope.shape)))
    in_time(READ)
    observed = observe(model, scope, file, held)
    in_time(READ)
    constants = {**held, **observed.constants}
    values = {value.name: value for value in _values(model, scope, observed)}
    values |= {name: Value(name, array.shape, str(array.dtype)) for name, array in constants.items()}
    raise_all(_misstated(model, scope, values, file))
    nodes, twins = simplified(model, scope.constants, constants, values)
    raise_all(_shapeless(nodes, model, file, lambda name: values[name].shape if name in values else None))
    constants |= {of_output(v.name): constants[v.name] for v in model.graph.output if v.name in constants}
    read = {name for node in nodes for name in node.input}
    graph = LayerGraph(
        file,
        opset_of(model),
        tuple(_layers(nodes, file)),
        MappingProxyType({name: constants[name] for name in constants if name in read}),
        tuple(declared(value) for value in model.graph.input),
        tuple(values[value.name] for value in model.graph.output),
        MappingProxyType(values),
        () if observed.seen is not None else (UNTRIED,),
        MappingProxyType(twins),
    )
    graph.verify()
    return Reading(graph, observed.seen)


def _values(model: onnx.ModelProto, scope: Scope, observed: Observed) -> Iterator[Value]:
    """The tensors of a model with their shapes and types, as they were seen, or else as they are inferred."""
    yield from (declared(value) for value in model.graph.input)
    for name in (name for node in model.graph.node for name in node.output if name):
        found, shape = observed.values.get(name), scope.shape(name)
        if found is not None:
            yield found
        elif shape is not None and observed.seen is None:
            kind = scope.types[name].tensor_type.elem_type or onnx.TensorProto.FLOAT
            yield Value(name, shape, str(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind))))


def _foreign(model: onnx.ModelProto, file: str) -> Iterator[SncError]:
    """Nodes that are not ONNX's own, and those that decide what is computed."""
    for node in model.graph.node:
        if node.domain not in OWN:
            rule = f"its domain {node.domain!r} is not ONNX's own"
            yield Unsupported(_origin(node, file), rule, hint="express it with ONNX's operators")
        elif any(a.HasField("g") or a.graphs for a in node.attribute):
            rule = "it decides at run time what is computed"
            yield Unsupported(_origin(node, file), rule, hint="export the model without control flow")


def _shapeless(
    nodes: Iterable[onnx.NodeProto],
    model: onnx.ModelProto,
    file: str,
    shape_of: Callable[[str], tuple[int, ...] | None],
) -> Iterator[SncError]:
    """Results whose shape depends on the inputs' values, or that are empty. What reads them is left out."""
    faulty: set[str] = set()
    used = {name for node in model.graph.node for name in node.input}
    used.update(value.name for value in model.graph.output)
    for node in nodes:
        if not faulty.isdisjoint(node.input):
            faulty.update(node.output)
            continue
        for output in (name for name in node.output if name in used):
            shape = shape_of(output)
            if shape is None or any(size < 1 for size in shape):
                faulty.update(node.output)
                shown = "unknown" if shape is None else str(list(shape))
                rule = f"the shape of its output {output!r} is {shown}"
                hint = "give --input-shape, or remove what depends on the input's values"
                yield Unsupported(_origin(node, file), rule, hint=hint)


def _misstated(
    model: onnx.ModelProto, scope: Scope, values: Mapping[str, Value], file: str
) -> Iterator[SncError]:
    """Tensors of which the file states a shape that they have not, and that ONNX does not infer either."""
    makers = {name: node for node in model.graph.node for name in node.output}
    for value in (*model.graph.value_info, *model.graph.output):
        stated = shape_of(value.type)
        if stated is None or value.name not in values or value.name not in makers:
            continue
        inferred = scope.shape(value.name) if value.name in scope.sure else None
        if stated not in (values[value.name].shape, inferred):
            rule = (
                f"the file says that {value.name!r} is {list(stated)}, it is {list(values[value.name].shape)}"
            )
            yield BadInput(_origin(makers[value.name], file), rule, hint="export it again")


def _layers(nodes: Iterable[onnx.NodeProto], file: str) -> Iterator[Layer]:
    """Layers with names of their own."""
    names: set[str] = set()
    for node in nodes:
        origin = _origin(node, file)
        while origin.node in names:
            origin = replace(origin, node=f"{origin.node}'")
        names.add(origin.node)
        attributes = MappingProxyType({a.name: _attribute(a) for a in node.attribute})
        yield Layer(origin.node, node.op_type, tuple(node.input), tuple(node.output), attributes, origin)


def _origin(node: onnx.NodeProto, file: str) -> Origin:
    output = next(filter(None, node.output), "")
    return Origin(
        file=file, node=node.name or f"{node.op_type}_{output}", operator=node.op_type, output=output
    )


def _clashes(
    model: onnx.ModelProto, file: str, scope: Scope, constants: Mapping[str, Array]
) -> Iterator[SncError]:
    """Windows out of all proportion, and weights for other channels: ONNX's shape inference minds neither."""
    for node in model.graph.node:
        origin = _origin(node, file)
        numbers = {a.name: list(a.ints) for a in node.attribute if a.name in WINDOWS}
        for name, listed in numbers.items():
            largest = max(map(abs, listed), default=0)
            if largest > WINDOW_MAX:
                rule = f"{name} has a {largest}, at most {WINDOW_MAX} is read"
                yield BadInput(origin, rule, hint="export it again")
        if node.op_type not in ("Conv", "ConvTranspose") or len(node.input) < 2:
            continue
        data, weights = scope.shape(node.input[0]), constants.get(node.input[1])
        if data is None or weights is None or weights.ndim < 3:
            continue
        channels = data[1] if len(data) > 1 else 0
        groups = next((a.i for a in node.attribute if a.name == "group"), 1)
        outputs = weights.shape[0] if node.op_type == "Conv" else channels
        takes = weights.shape[1] * groups if node.op_type == "Conv" else weights.shape[0]
        if takes != channels or groups < 1 or outputs % groups:
            rule = f"its weights {list(weights.shape)} in {groups} groups do not fit its input {list(data)}"
            yield BadInput(origin, rule, hint="export it again")


def _attribute(attribute: onnx.AttributeProto) -> Attribute:
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    items = list(value)
    if items and isinstance(items[0], bytes):
        return tuple(item.decode(errors="replace") for item in items)
    return tuple(items)


def to_onnx(graph: LayerGraph) -> onnx.ModelProto:
    """The layers as an ONNX model again, with the constants as they are now."""

    def declare(value: Value) -> onnx.ValueInfoProto:
        kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(value.dtype))
        return onnx.helper.make_tensor_value_info(value.name, kind, list(value.shape))

    nodes = []
    constants = dict(graph.constants)
    for layer in graph.layers:
        inputs = list(layer.inputs)
        if layer.op == "Gemm" and len(inputs) == 2 and graph.opset < GEMM_WITHOUT_BIAS:
            inputs.append(f"{layer.name}/none")
            constants[inputs[2]] = np.zeros(1, dtype=np.float32)
        node = onnx.helper.make_node(layer.op, inputs, list(layer.outputs), name=layer.name)
        for key, value in layer.attributes.items():
            held = numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value
            if held != ():
                node.attribute.append(onnx.helper.make_attribute(key, held))
        nodes.append(node)
    used = {name for node in nodes for name in node.input} | {output.name for output in graph.outputs}
    initializers = [
        numpy_helper.from_array(np.asarray(array, order="C"), name)
        for name, array in constants.items()
        if name in used
    ]
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            nodes,
            graph.name,
            [declare(v) for v in graph.inputs],
            [declare(v) for v in graph.outputs],
            initializers,
        ),
        opset_imports=[onnx.helper.make_opsetid("", graph.opset)],
        producer_name="snc",
    )
    model.ir_version = 8 if graph.opset < 19 else 10
    return model
