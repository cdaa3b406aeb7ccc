"""A float model made one of integers: ONNX Runtime's own static quantiser, and how near its result comes.

The quantiser folds, calibrates and writes; what it cannot be trusted with (a model that is quantised already,
an opset that it brings up wrongly, warnings on stdout) is dealt with around it.
"""

import contextlib
import io
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from ...ir.errors import BadInput, Origin, Unsupported
from ..frontend.onnx_file import first_line, fix_shapes, load_model
from ..frontend.opset import converted, opset_of
from ..frontend.precision import widen
from ..frontend.quantised.qdq import is_quantised
from ..frontend.quantised.whole import whole_form
from ..frontend.read import Shapes, read_model
from ..frontend.runtime import Arrays, session
from .frames import Errors, Measured, apart, evenly

FORMS = {"qdq": "QDQ", "qoperator": "QOperator"}
TYPES = {"int8": "QInt8", "uint8": "QUInt8"}
METHODS = {"minmax": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}
OPSET = 13  # the first one at which QuantizeLinear has a scale for each channel
SAME = 1e-4  # of the peak: how far the model at that opset may be from the given one
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Style:
    """How a quantised model is written: its operators and types, and what the range of a tensor is."""

    form: str = "qdq"
    activations: str = "uint8"
    weights: str = "int8"
    per_channel: bool = True
    method: str = "minmax"

    def __post_init__(self) -> None:
        """Raises BadInput for names that name nothing, and for types that do not go together."""
        for name, known in (("form", FORMS), ("activations", TYPES), ("weights", TYPES), ("method", METHODS)):
            if getattr(self, name) not in known:
                rule = f"{getattr(self, name)!r} is no choice of {name}"
                raise BadInput(None, rule, hint=f"known are {', '.join(known)}")
        if (self.activations, self.weights) == ("int8", "uint8"):
            rule = "activations of int8 do not go with weights of uint8"
            raise BadInput(None, rule, hint="quantise weights to int8, or activations to uint8")


@dataclass(frozen=True, slots=True, eq=False)
class Integers:
    """A quantised model: how many frames gave its ranges, and how near it is to the float model, on those and
    on frames held out. `obstacle`: what keeps it from being compiled as integers, if anything does.
    """

    model: onnx.ModelProto
    frames: int
    calibration: Measured
    held_out: Measured | None
    obstacle: str | None


def quantised(
    path: Path,
    frames: Callable[[Sequence[Any]], Sequence[Mapping[str, NDArray[Any]]]],
    style: Style,
    input_shapes: Shapes,
    progress: Progress = lambda done, total: None,
) -> Integers:
    """The quantised form of a float model. Every fourth frame is held out, where there are so many. Raises
    SncError.
    """
    inputs = read_model(path, input_shapes).graph.inputs  # which says what is wrong with a model, if anything
    loaded = widen(fix_shapes(converted(load_model(path), path.name), input_shapes, path.name))
    origin = Origin(file=path.name)
    if is_quantised(loaded):
        raise BadInput(origin, "is quantised already", hint="compile it as it is")
    given = _Fed(frames(inputs), {value.name: np.dtype(value.dtype) for value in inputs})
    kept, others = apart(len(given))
    float_model = _at_opset(loaded, given[0], origin)
    chosen = kept if style.method == "minmax" else evenly(kept)  # histograms keep all tensors of all frames
    found = _static(float_model, _each(given, chosen, progress), style, origin)
    runs = _Compared(float_model, found)
    held_out = runs(given, others) if others else None
    reason = whole_form(found, path.name)
    obstacle = reason if isinstance(reason, str) else None
    return Integers(found, len(chosen), runs(given, kept), held_out, obstacle)


class _Fed(Sequence[Arrays]):
    """Frames in the types of a model's inputs."""

    def __init__(self, frames: Sequence[Mapping[str, NDArray[Any]]], types: Mapping[str, Any]) -> None:
        self._frames, self._types = frames, types

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: Any) -> Any:
        frame = self._frames[index]
        return {name: np.asarray(frame[name]).astype(kind) for name, kind in self._types.items()}


def _each(frames: Sequence[Arrays], indices: Sequence[int], progress: Progress) -> Iterator[Arrays]:
    for done, index in enumerate(indices):
        progress(done, len(indices))
        yield frames[index]
    progress(len(indices), len(indices))


def _at_opset(model: onnx.ModelProto, frame: Arrays, origin: Origin) -> onnx.ModelProto:
    """The model at an opset with quantisers, which computes the same. Raises Unsupported."""
    if opset_of(model) >= OPSET:
        return model
    hint = f"export the model at opset {OPSET}"
    rule = f"cannot be brought from opset {opset_of(model)} to {OPSET}"
    try:
        found = onnx.version_converter.convert_version(model, OPSET)
    except Exception:  # ConvertError and RuntimeError
        raise Unsupported(origin, rule, hint=hint) from None
    names = [value.name for value in model.graph.output]
    old, new = (_run(session(each.SerializeToString()), names, frame, origin) for each in (model, found))
    for name in names:
        peak = np.abs(old[name]).max(initial=1e-30)
        if not np.abs(old[name] - new[name]).max(initial=0) <= SAME * peak:
            raise Unsupported(origin, f"{rule}: {name} would be another", hint=hint)
    return found


def _run(runtime: Any, names: Sequence[str], frame: Arrays, origin: Origin) -> Arrays:
    try:
        return dict(zip(names, runtime.run(list(names), frame), strict=True))
    except Exception as error:  # onnxruntime raises a dozen kinds of its own
        rule = f"ONNX Runtime cannot run it ({first_line(error)})"
        raise BadInput(origin, rule, hint="check the model and the frames") from None


def _static(
    model: onnx.ModelProto, frames: Iterator[Arrays], style: Style, origin: Origin
) -> onnx.ModelProto:
    """What ONNX Runtime's quantiser makes of a model. Raises SncError."""
    from onnxruntime import quantization
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def get_next(self) -> Arrays | None:
            return next(frames, None)

    with tempfile.TemporaryDirectory() as folder, _silent():
        given, folded, result = (Path(folder) / f"{name}.onnx" for name in ("given", "folded", "quantised"))
        try:
            onnx.save(model, given)  # it moves the weights out of a model that it is given
            quant_pre_process(given, folded, skip_symbolic_shape=True)
            onnx.save(_flat_biases(onnx.load(folded)), folded)
            quantization.quantize_static(
                folded,
                result,
                Reader(),
                quant_format=quantization.QuantFormat[FORMS[style.form]],
                op_types_to_quantize=sorted({*QDQRegistry, *QLinearOpsRegistry}),
                per_channel=style.per_channel,
                activation_type=quantization.QuantType[TYPES[style.activations]],
                weight_type=quantization.QuantType[TYPES[style.weights]],
                calibrate_method=quantization.CalibrationMethod[METHODS[style.method]],
            )
            return onnx.load(result)
        except (BadInput, OSError):
            raise
        except Exception as error:  # whatever the quantiser and onnxruntime raise
            rule = f"ONNX Runtime cannot quantise it ({type(error).__name__}: {first_line(error)})"
            raise Unsupported(
                origin, rule, hint="give other options, or quantise it in the framework"
            ) from None


def _flat_biases(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with vectors as the biases of Gemm, in place of rows: the quantiser counts their elements."""
    rows = {node.input[2] for node in model.graph.node if node.op_type == "Gemm" and len(node.input) > 2}
    for tensor in model.graph.initializer:
        if tensor.name in rows and len(tensor.dims) == 2 and tensor.dims[0] == 1:
            del tensor.dims[0]
    return model


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Without what the quantiser says on stdout and to the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)


class _Compared:
    """The float model and the quantised one on frames, each node by itself: fused ones saturate."""

    def __init__(self, model: onnx.ModelProto, quantised: onnx.ModelProto) -> None:
        self._names = [value.name for value in model.graph.output]
        self._runtimes = (
            session(model.SerializeToString()),
            session(quantised.SerializeToString(), optimised=False),
        )
        self._origin = Origin(file=model.graph.name)

    def __call__(self, frames: Sequence[Arrays], indices: Sequence[int]) -> Measured:
        """How near they are, on a few of the frames."""
        errors = Errors(self._names)
        for index in evenly(indices):
            frame = frames[index]
            errors.add(*(_run(each, self._names, frame, self._origin) for each in self._runtimes))
        return errors.measured()
