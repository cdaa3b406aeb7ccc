"""Running an image: inputs in, the simulator, the host's part behind it, the network's outputs out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray

from ...backends.image.image import ImageTensor
from ...backends.image.parts import SplitImage
from ...backends.machine.tensors import cast_to
from ...ir.errors import BadInput
from ..frontend.runtime import Arrays, HostPart, host_graph
from .engines import AnyImage, Engine, engine_of, several

if TYPE_CHECKING:
    from ...backends.machine.machine import Arithmetic, Fire, Run


FLOAT = np.dtype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """The outputs of one frame by the names that the network gives them, and the chip's own record of the
    run. `steps`: where a frame is shown for several steps, the outputs after each.
    """

    outputs: Arrays
    run: "Run"
    steps: tuple[Arrays, ...] = ()


class Ends(Protocol):
    """What an image of any kind says of its network's inputs and outputs."""

    @property
    def tensors(self) -> tuple[ImageTensor, ...]:
        """Those that the chip has."""

    @property
    def host_before(self) -> bytes | None:
        """The host's part before the chip."""

    @property
    def host_after(self) -> bytes | None:
        """The host's part behind it."""


class Runner:
    """An image, ready to run frame by frame."""

    def __init__(
        self,
        image: AnyImage,
        arithmetic: "Arithmetic" = "float32",
        engine: str = "walk",
        machine: Engine | None = None,
    ) -> None:
        """`machine`: what runs the chip's part, in place of an engine."""
        self.image = image
        self.machine = engine_of(image, arithmetic, engine) if machine is None else machine
        self.before = None if image.host_before is None else HostPart(image.host_before)
        self.after = None if image.host_after is None else HostPart(image.host_after)
        self.inputs = [tensor.name for tensor in image.tensors if tensor.kind == "input"]
        self.types = {tensor.name: np.dtype(tensor.dtype) for tensor in network_inputs(image)}
        self.dtypes = {t.name: t.dtype for t in image.tensors if t.kind == "output"}

    def __call__(
        self,
        inputs: Arrays,
        keep_layers: bool = False,
        on_step: Callable[[int, int], None] | None = None,
        on_fire: "Callable[[Fire], None] | None" = None,
    ) -> Result:
        """One frame. Raises BadInput for arrays that are not the network's inputs."""
        known = self._known(inputs)
        run = self.machine.run(self._fed(known), keep_layers=keep_layers, on_step=on_step, trace=on_fire)
        return self._result(known, run)

    @property
    def together(self) -> int:
        """How many frames are quicker together than one by one."""
        machine = several(self.machine)
        return 1 if machine is None else machine.together

    def several(self, frames: Sequence[Arrays]) -> list[Result]:
        """Frames that follow one another, as many as `together`. Raises BadInput where one of them would."""
        machine = several(self.machine)
        if machine is None:
            return [self(frame) for frame in frames]
        known = [self._known(frame) for frame in frames]
        runs = machine.run_several([self._fed(each) for each in known])
        return [self._result(*each) for each in zip(known, runs, strict=True)]

    def _known(self, inputs: Arrays) -> Arrays:
        """The inputs, and what the host makes of them before the chip."""
        known = {name: self._typed(name, array) for name, array in inputs.items()}
        return known if self.before is None else known | self.before(known)

    def _typed(self, name: str, array: ArrayLike) -> NDArray[Any]:
        """An input's numbers, of integers in their own type. Raises BadInput for what that does not hold."""
        given, kind = np.asarray(array), self.types.get(name, FLOAT)
        if kind.kind == "f" or given.dtype == kind or given.dtype.kind not in "biuf":
            return given
        with np.errstate(invalid="ignore"):
            found = given.astype(kind)
        if not np.array_equal(found, given):
            number = given[found != given].flat[0]
            rule = f"input {name!r} is made of {kind}, which has no {number:g}"
            hint = "give whole numbers: of a quantised input, round(x / scale) + zero point"
            raise BadInput(None, rule, hint)
        return found

    def _fed(self, known: Arrays) -> Arrays:
        """What the chip is given of it, and what nobody knows, which it refuses."""
        reads = {} if self.after is None else self.after.inputs
        hosts = {*reads, *(() if self.before is None else (*self.before.inputs, *self.before.outputs))}
        return {name: array for name, array in known.items() if name in self.inputs or name not in hosts}

    def _result(self, known: Arrays, run: "Run") -> Result:
        """What the network gives, with the host's part behind the chip."""
        reads = {} if self.after is None else self.after.inputs
        outputs: Arrays = {name: cast_to(run.outputs[name], dtype) for name, dtype in self.dtypes.items()}
        if self.after is not None:
            behind = self.after({**known, **outputs})
            outputs = {name: array for name, array in outputs.items() if name not in reads} | behind
        return Result(outputs, run)

    def restart(self) -> None:
        """The next frame is the first of a run: what lasts from frame to frame begins anew."""
        self.machine.restart()


def network_inputs(image: Ends) -> list[ImageTensor]:
    """The inputs of the network that an image was made from: those of the chip, and those of the host."""
    found = {tensor.name: tensor for tensor in image.tensors if tensor.kind == "input"}
    if isinstance(image, SplitImage):
        return list(found.values())
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
