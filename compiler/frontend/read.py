"""The way in: an ONNX model becomes a LayerGraph whose shapes are known and whose constants are folded.

Simplification, constant folding and shape inference are onnxslim's and onnx's; what they must not be trusted
with (sizes, damaged files) is checked before. Nothing here knows the chip.
"""

import contextlib
import io
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import onnx
from onnx import numpy_helper

from ...ir.errors import BadInput, ManyErrors, Origin, SncError, Unsupported
from ...ir.layers import Array, Attribute, Layer, LayerGraph, Value
from .onnx_file import converted, first_line, fix_shapes, load_model, opset_of, widen
from .qdq import NOTE, float_form, is_quantised
from .runtime import FATAL, session
from .sizes import check_sizes

WINDOWS = ("kernel_shape", "strides", "dilations", "pads", "output_padding")
WINDOW_MAX = 2**11  # larger than any map that the words of a chip can say

Shapes = Mapping[str, tuple[int, ...]]

WARNING = 2  # from which severity on ONNX Runtime prints when nothing is said
GEMM_WITHOUT_BIAS = 11  # the first opset where Gemm need not have one


def read_onnx(path: Path, input_shapes: Shapes = MappingProxyType({})) -> LayerGraph:
    """The layers of an ONNX file. Raises SncError (exit code 2) when file or network cannot be read."""
    loaded = widen(fix_shapes(converted(load_model(path), path.name), input_shapes, path.name))
    notes = (NOTE,) if is_quantised(loaded) else ()
    return replace(to_layers(simplify(float_form(loaded, path.name), path.name), path.name), notes=notes)


def original(path: Path, input_shapes: Shapes = MappingProxyType({})) -> onnx.ModelProto:
    """The model of a file as ONNX Runtime shall run it: static shapes, single precision for half, and the
    float form of a quantised one.
    """
    return float_form(
        widen(fix_shapes(converted(load_model(path), path.name), input_shapes, path.name)), path.name
    )


def infer(model: onnx.ModelProto, file: str) -> onnx.ModelProto:
    """The model with the shapes that ONNX infers. Raises BadInput."""
    try:
        return onnx.shape_inference.infer_shapes(model)
    except Exception as error:  # InferenceError and whatever protobuf raises: the file's fault
        raise BadInput(
            Origin(file=file),
            f"its shapes contradict each other ({first_line(error)})",
            hint="export it again",
        ) from None


def simplify(model: onnx.ModelProto, file: str) -> onnx.ModelProto:
    """The model after onnxslim: constants folded, batch normalisations fused, every shape known."""
    import onnxslim

    known = {value.name: value for value in check_sizes(model, file)}
    try:
        with _silence():
            slim = onnxslim.slim(model)
    except Exception:  # onnxslim's own faults: Resize with axes is one
        slim = onnx.ModelProto()
        slim.CopyFrom(model)
    del slim.graph.value_info[:]
    for value in slim.graph.output:  # onnxslim's idea of an uneven Split or of empty axes is not ONNX's
        if value.name in known:
            value.CopyFrom(known[value.name])
    slim.ir_version = max(slim.ir_version, 4)  # before, initializers had to be inputs too
    ends = {value.name for value in slim.graph.output}
    found = {value.name: value for value in check_sizes(slim, file)}
    for value in slim.graph.output:  # a file may state a shape that only now can be told to be wrong
        if value.name in found:
            value.CopyFrom(found[value.name])
    slim.graph.value_info.extend(value for name, value in found.items() if name not in ends)
    inferred = infer(slim, file)
    accepted(inferred, file)
    return inferred


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keeps onnxslim from printing, and its sessions of ONNX Runtime, which write past Python's streams."""
    import onnxruntime
    from onnxslim import utils

    logger = logging.getLogger("onnxslim")
    logger.setLevel(logging.CRITICAL)
    talk = utils.init_logging  # it would make the sessions print what they cannot fold
    utils.init_logging = lambda verbose: logger
    onnxruntime.set_default_logger_severity(FATAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        onnxruntime.set_default_logger_severity(WARNING)
        utils.init_logging = talk


def accepted(model: onnx.ModelProto, file: str) -> None:
    """Raises BadInput for a model whose nodes, types and shapes ONNX Runtime does not accept."""
    try:
        session(model.SerializeToString(), optimised=False)
    except SncError as error:
        raise BadInput(Origin(file=file), error.message, error.hint) from None


def to_layers(model: onnx.ModelProto, file: str) -> LayerGraph:
    """The layers of a simplified model. Raises ManyErrors with everything that is wrong with it."""
    graph = model.graph
    constants: dict[str, Array] = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    layers: list[Layer] = []
    problems: list[SncError] = []
    names: set[str] = set()
    for node in graph.node:
        name = node.name or f"{node.op_type}_{node.output[0]}"
        while name in names:
            name += "'"
        names.add(name)
        origin = Origin(file=file, node=name, operator=node.op_type, output=node.output[0])
        if node.op_type == "Constant" and node.domain in ("", "ai.onnx"):
            constants[node.output[0]] = _constant(node)
            continue
        if node.domain not in ("", "ai.onnx"):
            problems.append(
                Unsupported(
                    origin,
                    f"its domain {node.domain!r} is not ONNX's own",
                    hint="express it with ONNX's operators",
                )
            )
            continue
        if any(a.HasField("g") or a.graphs for a in node.attribute):
            rule = "it decides at run time what is computed"
            problems.append(Unsupported(origin, rule, hint="export the model without control flow"))
            continue
        attributes = {a.name: _attribute(a) for a in node.attribute}
        layers.append(
            Layer(
                name,
                node.op_type,
                tuple(node.input),
                tuple(node.output),
                MappingProxyType(attributes),
                origin,
            )
        )
    values: dict[str, Value] = {}
    inputs = tuple(_value(v) for v in graph.input if v.name not in constants)
    outputs = tuple(_value(v) for v in graph.output)
    for found in (*inputs, *(_value(v) for v in graph.value_info), *outputs):
        values[found.name] = found
    for layer in layers:
        problems += _clashes(layer, values, constants)
        for output in layer.outputs:
            known = values.get(output)
            if output and (known is None or any(size < 1 for size in known.shape)):
                shown = "unknown" if known is None else str(list(known.shape))
                problems.append(
                    Unsupported(
                        layer.origin,
                        f"the shape of its output {output!r} is {shown}",
                        hint="give --input-shape, or remove what depends on the input's values",
                    )
                )
    if not outputs:
        problems.append(BadInput(Origin(file=file), "has no output", hint="export it again"))
    if problems:
        raise problems[0] if len(problems) == 1 else ManyErrors(problems)
    result = LayerGraph(
        file,
        opset_of(model),
        tuple(layers),
        MappingProxyType(constants),
        inputs,
        outputs,
        MappingProxyType(values),
    )
    result.verify()
    return result


def _clashes(layer: Layer, values: Mapping[str, Value], constants: Mapping[str, Array]) -> Iterator[SncError]:
    """Windows out of all proportion, and weights for other channels: ONNX's shape inference minds neither."""
    for name in WINDOWS:
        largest = max((abs(n) for n in layer.integers(name)), default=0)
        if largest > WINDOW_MAX:
            yield BadInput(
                layer.origin, f"{name} has a {largest}, at most {WINDOW_MAX} is read", hint="export it again"
            )
    data, weights = values.get(layer.input(0)), constants.get(layer.input(1))
    if layer.op not in ("Conv", "ConvTranspose") or data is None or weights is None or weights.ndim < 3:
        return
    channels = data.shape[1] if len(data.shape) > 1 else 0
    groups = layer.integer("group", 1)
    outputs = weights.shape[0] if layer.op == "Conv" else channels
    takes = weights.shape[1] * groups if layer.op == "Conv" else weights.shape[0]
    if takes != channels or groups < 1 or outputs % groups:
        rule = f"its weights {list(weights.shape)} in {groups} groups do not fit its input {list(data.shape)}"
        yield BadInput(layer.origin, rule, hint="export it again")


def _value(value: onnx.ValueInfoProto) -> Value:
    tensor = value.type.tensor_type
    dims: tuple[int, ...] = (0,)  # unknown
    if tensor.HasField("shape"):
        dims = tuple(dim.dim_value if dim.HasField("dim_value") else 0 for dim in tensor.shape.dim)
    dtype = "float32"
    if tensor.elem_type:
        dtype = str(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)))
    return Value(value.name, dims, dtype)


def _constant(node: onnx.NodeProto) -> Array:
    attribute = node.attribute[0]
    value = onnx.helper.get_attribute_value(attribute)
    if attribute.name == "value":
        return numpy_helper.to_array(value)
    kinds = {
        "value_float": np.float32,
        "value_floats": np.float32,
        "value_int": np.int64,
        "value_ints": np.int64,
    }
    return np.array(value, dtype=kinds.get(attribute.name))


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
