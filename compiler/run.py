"""Running an image: inputs in, the simulator, the host's part behind it, the network's outputs out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray

from ..backends.image import Image, ImageTensor
from ..ir.errors import BadImage, BadInput, Origin
from .onnx_file import first_line

if TYPE_CHECKING:
    from ..backends.machine import Arithmetic, Run

FATAL = 4  # of ONNX Runtime's severities the one that it prints; it raises the others, too
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """The outputs of one frame by the names that the network gives them, and the chip's own record of the
    run.
    """

    outputs: Arrays
    run: "Run"


class Runner:
    """An image, ready to run frame by frame."""

    def __init__(self, image: Image, arithmetic: "Arithmetic" = "float32") -> None:
        from ..backends.machine import Machine

        self.image = image
        self.machine = Machine(image, arithmetic=arithmetic)
        self.before = None if image.host_before is None else HostPart(image.host_before)
        self.after = None if image.host_after is None else HostPart(image.host_after)
        self.inputs = [tensor.name for tensor in image.tensors if tensor.kind == "input"]
        self.dtypes = {t.name: t.dtype for t in image.tensors if t.kind == "output"}

    def __call__(
        self, inputs: Arrays, keep_layers: bool = False, on_step: Callable[[int, int], None] | None = None
    ) -> Result:
        """One frame. Raises BadInput for arrays that are not the network's inputs."""
        known = dict(inputs)
        if self.before is not None:
            known |= self.before(known)
        reads = {} if self.after is None else self.after.inputs
        hosts = {*reads, *(() if self.before is None else (*self.before.inputs, *self.before.outputs))}
        fed = {name: array for name, array in known.items() if name in self.inputs or name not in hosts}
        run = self.machine.run(fed, keep_layers=keep_layers, on_step=on_step)
        outputs: Arrays = {name: run.outputs[name].astype(dtype) for name, dtype in self.dtypes.items()}
        if self.after is not None:
            behind = self.after({**known, **outputs})
            outputs = {name: array for name, array in outputs.items() if name not in reads} | behind
        return Result(outputs, run)


class HostPart:
    """A part of the network that the host computes; `inputs`: their types."""

    def __init__(self, model: bytes) -> None:
        self.runtime = session(model)
        self.inputs = {value.name: value.type for value in self.runtime.get_inputs()}
        self.outputs = [value.name for value in self.runtime.get_outputs()]

    def __call__(self, known: Mapping[str, NDArray[Any]]) -> Arrays:
        """The part's outputs. Raises BadInput when an input is missing or has another shape."""
        for name in self.inputs:
            if name not in known:
                given = ", ".join(known) or "none"
                raise BadInput(None, f"there is no input {name!r}", hint=f"the given ones are {given}")
        fed = {
            name: np.asarray(known[name]).astype(DTYPES.get(kind, "float32"))
            for name, kind in self.inputs.items()
        }
        try:
            return dict(zip(self.outputs, self.runtime.run(self.outputs, fed), strict=True))
        except Exception as error:  # onnxruntime raises a dozen kinds of its own
            rule = f"the host's part of the network cannot be run ({first_line(error)})"
            raise BadInput(None, rule, hint="check the inputs") from None


def network_inputs(image: Image) -> list[ImageTensor]:
    """The inputs of the network that an image was made from: those of the chip, and those of the host."""
    found = {tensor.name: tensor for tensor in image.tensors if tensor.kind == "input"}
    made = {tensor.name for tensor in image.tensors if tensor.kind == "output"} - found.keys()
    for model in (image.host_before, image.host_after):
        graph = onnx.GraphProto() if model is None else host_graph(model)
        for value in graph.input:
            if value.name not in made:
                kind = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
                shape = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
                found.setdefault(value.name, ImageTensor(value.name, "input", shape, str(kind), ()))
        made |= {value.name for value in graph.output} - {value.name for value in graph.input}
    return [tensor for name, tensor in found.items() if name not in made]


def host_graph(model: bytes) -> onnx.GraphProto:
    """The graph of a host's part. Raises BadImage when it is none."""
    try:
        return onnx.load_model_from_string(model).graph
    except Exception as error:  # protobuf's own kinds of error are not a public API
        raise BadImage(None, f"the host's part is no ONNX model ({first_line(error)})") from None


def session(model: bytes, *, optimised: bool = True) -> Any:
    """An ONNX Runtime session of a model's bytes, on two threads at most. Raises BadInput."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = FATAL
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
