"""The onnx package's own cases: models with inputs and outputs, those of the operators that networks have.

What a chip cannot be fed arrives as constants: weights, axes, scales, bounds, frozen from a case's data.
A batch of N is N frames where every operator keeps frames apart.
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.backend.test.case import node as node_cases

Arrays = dict[str, NDArray[Any]]

# Operators in scope, and how many of their leading inputs are feature maps (0: all of them).
OPERATORS: Mapping[str, int] = {
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Sum", "Mean", "Max", "Min", "Concat", "Einsum"), 0),
    **dict.fromkeys(
        (
            *(
                "Conv",
                "ConvTranspose",
                "AveragePool",
                "MaxPool",
                "GlobalAveragePool",
                "GlobalMaxPool",
                "Gemm",
            ),
            *("MatMul", "BatchNormalization", "Split", "Slice", "Pad", "Flatten", "Reshape", "Transpose"),
            *("Squeeze", "Unsqueeze", "Identity", "Dropout", "Relu", "LeakyRelu", "PRelu", "Clip", "Sigmoid"),
            *(
                "Tanh",
                "Elu",
                "Selu",
                "Celu",
                "HardSigmoid",
                "HardSwish",
                "Softplus",
                "Softsign",
                "Abs",
                "Neg",
            ),
            *("ThresholdedRelu", "Resize", "Upsample", "DepthToSpace", "SpaceToDepth"),
            *("ReduceMean", "ReduceSum", "ReduceMax", "ReduceL1", "ReduceL2", "ReduceSumSquare"),
            *("ReduceLogSum", "ReduceLogSumExp", "Softmax", "LogSoftmax", "LRN", "LpPool", "GlobalLpPool"),
            *("InstanceNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization"),
            *("MeanVarianceNormalization", "LpNormalization", "Pow", "Exp", "Log", "Sqrt", "Reciprocal"),
            *("GatherND", "GatherElements", "Gather", "ReverseSequence", "Trilu", "CenterCropPad"),
            *("Expand", "Tile", "ReduceMin"),
            *("Erf", "Gelu", "Mish", "Swish", "Shrink", "Sin", "Cos", "Sign", "Floor", "Ceil", "Round"),
            *("RNN", "GRU", "LSTM"),
        ),
        1,
    ),
}
# Operators that keep the frames of a batch apart, whatever their attributes say.
BY_FRAME = {
    *("Conv", "ConvTranspose", "AveragePool", "MaxPool", "GlobalAveragePool", "GlobalMaxPool", "Relu"),
    *("BatchNormalization", "Resize", "Upsample", "DepthToSpace", "SpaceToDepth", "Elu", "Selu", "Celu"),
    *("Sigmoid", "Tanh", "Clip", "LeakyRelu", "Softplus", "Softsign", "Abs", "Neg"),
    *("Exp", "Log", "Sqrt", "Reciprocal", "Erf", "Gelu", "Mish", "Swish", "Shrink", "Sin", "Cos", "Sign"),
    *("Floor", "Ceil", "Round", "InstanceNormalization", "LRN", "LpPool", "GlobalLpPool"),
    *("GroupNormalization", "CausalConvWithState"),
}
# What else bodies of operators by frame are made of: along axes other than the first, or of shapes alone.
WITHIN_FRAMES = {
    "Cast",
    "CastLike",
    "Concat",
    "ConstantOfShape",
    "Expand",
    "Identity",
    "Mul",
    "Shape",
    "Slice",
    "Sub",
}
RECURRENT = {"RNN", "GRU", "LSTM"}  # a frame is one step of their sequence, if they go forward alone
WINDOWED = {
    *("Conv", "ConvTranspose", "AveragePool", "MaxPool", "BatchNormalization", "CausalConvWithState"),
}
RANK_MAX = 5
# Shipped with a rounding, of so much of the peak, of a transform in single precision where the result is 0.
ROUNDED = {"test_dft_inverse": 2.0**-24, "test_dft_inverse_opset19": 2.0**-24}
# What is no function of arrays: control flow, strings, sequences, chance.
NO_FUNCTIONS = ("If", "Loop", "Scan", "Bernoulli", "Random", "Multinomial", "Sequence", "Optional", "String")
# Inputs that are maps, of operators that are in no list here; of others all floats.
LEADING = {
    "Attention": 3,
    **dict.fromkeys(("GridSample", "DeformConv", "RoiAlign", "STFT"), 1),  # grids, offsets, regions, windows
}
WEIGHTS = {"CausalConvWithState": (1, 2)}  # inputs between maps that are none


@dataclass(frozen=True, slots=True, eq=False)
class SuiteCase:
    """A model whose inputs are feature maps only, with the frames to feed and what shall come out of each."""

    name: str
    operators: tuple[str, ...]
    model: onnx.ModelProto
    frames: tuple[tuple[Arrays, Arrays], ...]
    rtol: float
    atol: float


def cases() -> list[SuiteCase]:
    """Every case in scope, by name."""
    found: dict[str, SuiteCase] = {}
    for name, model, data, rtol, atol in (*_node_cases(), *_stored_cases()):
        case = _case(name, model, data, rtol, atol)
        if case is not None:
            found.setdefault(name, case)
    return [found[name] for name in sorted(found)]


def others() -> list[SuiteCase]:
    """Every other case of functions of floats, whatever its operators."""
    taken = {case.name for case in cases()}
    found: dict[str, SuiteCase] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        collected = node_cases.collect_testcases(None)
    for case in collected:
        if case.name in taken or case.model is None or not case.data_sets:
            continue
        operators = [node.op_type for node in case.model.graph.node]
        if any(operator.startswith(NO_FUNCTIONS) for operator in operators):
            continue
        if not all(isinstance(array, np.ndarray) for side in case.data_sets[0] for array in side):
            continue
        made = _case(case.name, case.model, case.data_sets[0], case.rtol, case.atol)
        if made is not None:
            found.setdefault(case.name, made)
    return [found[name] for name in sorted(found)]


def _node_cases() -> Iterator[tuple[str, onnx.ModelProto, Any, float, float]]:
    with warnings.catch_warnings():  # computing the expected outputs overflows here and there
        warnings.simplefilter("ignore")
        collected = node_cases.collect_testcases(None)
    for case in collected:
        if case.model is None or not case.data_sets:
            continue
        if {node.op_type for node in case.model.graph.node} <= OPERATORS.keys():
            yield case.name, case.model, case.data_sets[0], case.rtol, case.atol


def _stored_cases() -> Iterator[tuple[str, onnx.ModelProto, Any, float, float]]:
    root = Path(onnx.__file__).parent / "backend" / "test" / "data"
    for kind in ("pytorch-operator", "pytorch-converted"):
        for folder in sorted((root / kind).glob("test_*")):
            model = onnx.load(folder / "model.onnx")
            if {node.op_type for node in model.graph.node} <= OPERATORS.keys() | {"Constant"}:
                data = folder / "test_data_set_0"
                sets = [
                    [_tensor(data / f"{side}_{i}.pb") for i in range(len(list(data.glob(f"{side}_*.pb"))))]
                    for side in ("input", "output")
                ]
                yield f"{kind}/{folder.name}", model, sets, 1e-3, 1e-7


def _tensor(path: Path) -> NDArray[Any]:
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(tensor)


def _case(name: str, source: onnx.ModelProto, data: Any, rtol: float, atol: float) -> SuiteCase | None:
    model = onnx.ModelProto()
    model.CopyFrom(source)
    graph = model.graph
    stored = {tensor.name for tensor in graph.initializer}
    names = [value.name for value in graph.input if value.name not in stored]
    given = {n: np.asarray(a) for n, a in zip(names, data[0], strict=False) if isinstance(a, np.ndarray)}
    wanted = {v.name: np.asarray(a) for v, a in zip(graph.output, data[1], strict=True)}
    if given.keys() != set(names) or not graph.node:
        return None
    if any(node.domain not in ("", "ai.onnx") for node in graph.node):
        return None
    maps = _feature_maps(graph, names)
    if not all(node.op_type in OPERATORS or node.op_type == "Constant" for node in graph.node):
        maps = [n for n in maps if given[n].dtype == np.float32]
    floats = [given[n] for n in maps] + [a for a in wanted.values() if a.dtype != np.bool_]
    if any(a.dtype != np.float32 or a.ndim > RANK_MAX for a in (*floats[:1], *[given[n] for n in maps])):
        return None
    if any(a.dtype != np.float32 for a in list(wanted.values())[:1] if a.dtype != np.bool_):
        return None
    if not maps:
        return None
    if any(a.size == 0 for a in (*given.values(), *wanted.values()) if a.dtype == np.float32):
        return None
    for n in names:
        if n not in maps:
            graph.initializer.append(numpy_helper.from_array(given[n], n))
    kept = [value for value in graph.input if value.name in maps]
    del graph.input[:]
    graph.input.extend(kept)
    model.ir_version = max(model.ir_version, 4)  # before, initializers had to be inputs too
    operators = tuple(dict.fromkeys(node.op_type for node in graph.node))
    frames = _frames(model, operators, {n: given[n] for n in maps}, wanted)
    if name in ROUNDED:
        atol = max(atol, ROUNDED[name] * max(float(np.abs(array).max()) for array in wanted.values()))
    return SuiteCase(name, operators, model, frames, rtol, atol)


def _feature_maps(graph: onnx.GraphProto, names: list[str]) -> list[str]:
    """The inputs that stay inputs: the leading operands of every node that reads them."""
    maps = []
    for name in names:
        places = [(node, list(node.input).index(name)) for node in graph.node if name in node.input]
        if all(
            index < _leading(node) and index not in WEIGHTS.get(node.op_type, ()) for node, index in places
        ):
            maps.append(name)
    return maps


def _leading(node: onnx.NodeProto) -> int:
    """How many of a node's inputs are maps, at most."""
    return OPERATORS.get(node.op_type, LEADING.get(node.op_type, 0)) or len(node.input)


def _frames(
    model: onnx.ModelProto, operators: tuple[str, ...], given: Arrays, wanted: Arrays
) -> tuple[tuple[Arrays, Arrays], ...]:
    arrays = (*given.values(), *wanted.values())
    if RECURRENT & {*operators} and any(map(_goes_backwards, model.graph.node)):
        return ((given, wanted),)
    if RECURRENT & {*operators}:
        return tuple(_steps(model.graph.node[0], given, wanted))
    batch = next(iter(given.values())).shape[0] if given and next(iter(given.values())).ndim else 1
    apart = {*operators} - {"Constant", "Unsqueeze", "Squeeze"}
    apart -= WITHIN_FRAMES if {*operators} & WINDOWED else set()
    by_frame = BY_FRAME.issuperset(apart)
    if batch == 1 or not by_frame or any(a.ndim < 3 or a.shape[0] != batch for a in arrays):
        return ((given, wanted),)
    if any(array.ndim == 3 for array in arrays) and not {*operators} & WINDOWED:
        return ((given, wanted),)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    del model.graph.value_info[:]
    return tuple(
        ({n: a[i : i + 1] for n, a in given.items()}, {n: a[i : i + 1] for n, a in wanted.items()})
        for i in range(batch)
    )


def _goes_backwards(node: onnx.NodeProto) -> bool:
    """Whether a recurrent node begins with the last step: then a frame is the whole sequence."""
    return any(a.name == "direction" and a.s != b"forward" for a in node.attribute)


def _steps(node: onnx.NodeProto, given: Arrays, wanted: Arrays) -> Iterator[tuple[Arrays, Arrays]]:
    """A sequence step by step: what is said of the last state, is of the last step."""
    ((name, sequence),) = given.items()
    axis = next((a.i for a in node.attribute if a.name == "layout"), 0)
    count = sequence.shape[axis]
    for step in range(count):
        shown = {n: np.take(a, [step], axis) for n, a in wanted.items() if n == node.output[0]}
        yield {name: np.take(sequence, [step], axis)}, wanted | shown if step == count - 1 else shown
