"""ONNX Runtime: sessions, the host's parts of a network, and what it computes for any tensor of a model."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from ...ir.errors import BadImage, BadInput, Origin
from .onnx_file import first_line

FATAL = 4  # of ONNX Runtime's severities the one that it prints; it raises the others, too
WEIGHTS_LEAST = 2**16  # bytes of a model of the host's with layers that take long
FED_BYTES = 2**16  # of a constant that is given beside a model
Arrays = dict[str, NDArray[Any]]


class HostPart:
    """A part of the network that the host computes; `inputs`: their types."""

    def __init__(self, model: bytes) -> None:
        # Without weights it takes less than to wake a second thread.
        self.runtime = session(model, threads=1 if len(model) < WEIGHTS_LEAST else 2)
        self.inputs = {value.name: value.type for value in self.runtime.get_inputs()}
        self.outputs = [value.name for value in self.runtime.get_outputs()]

    def __call__(self, known: Mapping[str, NDArray[Any]]) -> Arrays:
        """The part's outputs. Raises BadInput when an input is missing or has another shape."""
        for name in self.inputs:
            if name not in known:
                given = ", ".join(known) or "none"
                raise BadInput(None, f"there is no input {name!r}", hint=f"the given ones are {given}")
        fed = {
            name: np.asarray(known[name]).astype(DTYPES.get(kind, "float32"), copy=False)
            for name, kind in self.inputs.items()
        }
        try:
            return dict(zip(self.outputs, self.runtime.run(self.outputs, fed), strict=True))
        except Exception as error:  # onnxruntime raises a dozen kinds of its own
            rule = f"the host's part of the network cannot be run ({first_line(error)})"
            raise BadInput(None, rule, hint="check the inputs") from None


def host_graph(model: bytes) -> onnx.GraphProto:
    """The graph of a host's part. Raises BadImage when it is none."""
    try:
        return onnx.load_model_from_string(model).graph
    except Exception as error:  # protobuf's own kinds of error are not a public API
        raise BadImage(None, f"the host's part is no ONNX model ({first_line(error)})") from None


def session(model: bytes, *, optimised: bool = True, keeps_buffers: bool = True, threads: int = 2) -> Any:
    """An ONNX Runtime session of a model's bytes. `keeps_buffers`: for the next run, and as long as a result
    is held. Raises BadInput.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others may use the processor
    options.log_severity_level = FATAL
    options.enable_cpu_mem_arena = keeps_buffers
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(
            model,
            options,
            providers=["CPUExecutionProvider"],
            enable_fallback=False,  # which would print a page to stdout
        )
    except Exception as error:  # onnxruntime raises a dozen kinds of its own
        raise BadInput(
            None, f"ONNX Runtime refuses the model: {first_line(error)}", hint="check the model"
        ) from None


def fed_beside(constants: Mapping[str, NDArray[Any]]) -> Arrays:
    """The constants that ONNX Runtime is given beside a model: of those within it, which are large, it and
    the libraries on the way make four copies.
    """
    return {
        name: array
        for name, array in constants.items()
        if array.dtype == np.float32 and array.nbytes >= FED_BYTES and array.flags.c_contiguous
    }


def reference_outputs(model: onnx.ModelProto, inputs: Mapping[str, NDArray[Any]], names: list[str]) -> Arrays:
    """What ONNX Runtime computes for these tensors of a model; inner tensors are made outputs."""
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    known = {output.name for output in wide.graph.output}
    made = {output for node in wide.graph.node for output in node.output} | {i.name for i in wide.graph.input}
    for name in names:
        if name not in made:
            raise BadInput(
                Origin(file=model.graph.name),
                f"has no tensor {name!r}",
                hint="give the model's own reference",
            )
        if name not in known:
            wide.graph.output.add().name = name
    runtime = session(wide.SerializeToString())
    kinds = {value.name: value.type for value in runtime.get_inputs()}
    given = {
        name: np.asarray(inputs[name]).astype(DTYPES.get(kind, "float32")) for name, kind in kinds.items()
    }
    return dict(zip(names, runtime.run(names, given), strict=True))


DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(int16)": "int16",
    "tensor(uint16)": "uint16",
    "tensor(bool)": "bool",
}
