"""Running an image: inputs in, the simulator, the host's part behind it, the network's outputs out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from numpy.typing import NDArray

from ..backends.image import Image
from ..ir.errors import BadInput, Origin
from .onnx_file import first_line

if TYPE_CHECKING:
    from ..backends.machine import Arithmetic, Run

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
        self.dtypes = {t.name: t.dtype for t in image.tensors if t.kind == "output"}
        self.after = None if image.host_after is None else session(image.host_after)
        self._read_by_host = (
            set() if self.after is None else {value.name for value in self.after.get_inputs()}
        )

    def __call__(
        self, inputs: Arrays, keep_layers: bool = False, on_step: Callable[[int, int], None] | None = None
    ) -> Result:
        """One frame. Raises BadInput for arrays that are not the network's inputs."""
        run = self.machine.run(inputs, keep_layers=keep_layers, on_step=on_step)
        chip: Arrays = {name: run.outputs[name].astype(dtype) for name, dtype in self.dtypes.items()}
        outputs = {name: array for name, array in chip.items() if name not in self._read_by_host}
        if self.after is not None:
            names = [value.name for value in self.after.get_outputs()]
            given = {name: chip[name] for name in self._read_by_host}
            outputs.update(zip(names, self.after.run(names, given), strict=True))
        return Result(outputs, run)


def session(model: bytes) -> Any:
    """An ONNX Runtime session of a model's bytes, on two threads at most. Raises BadInput."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
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
}
