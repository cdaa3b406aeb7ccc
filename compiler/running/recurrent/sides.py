"""Who computes the steps of a sequence in a verification, by the names that comparisons have for them."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray

from ....ir.errors import BadInput, Origin
from ....ir.layers import Array
from ...frontend.runtime import Arrays
from ..chain import Runs, runner_of
from ..comparison import Rounding, Side
from ..engines import AnyImage
from ..reference import Reference
from .steps import Course, Restarting, Steps, Whole

if TYPE_CHECKING:
    from ....backends.machine.machine import Arithmetic


class Models(Protocol):
    """The forms of a network that ONNX Runtime can run, and what the first steps of each begin with."""

    @property
    def given(self) -> onnx.ModelProto:
        """The model, for a whole sequence."""

    @property
    def read(self) -> onnx.ModelProto:
        """One step, as it was read."""

    @property
    def held(self) -> onnx.ModelProto:
        """One step, with the image's weights."""

    @property
    def rounds_to(self) -> Rounding:
        """What the model rounds to."""

    @property
    def initial(self) -> Mapping[Side, Mapping[str, Array]]:
        """What first steps begin with."""


def sides_of_steps(
    models: Models,
    course: Course,
    image: AnyImage,
    inner: Sequence[str],
    arithmetic: "Arithmetic",
    file: str,
    frames: Sequence[Arrays],
) -> dict[Side, Callable[[Arrays], Arrays]]:
    """The same of a sequence: the model computes it as a whole, all others step by step."""
    outputs = [value.name for value in models.given.graph.output]
    carried = [each.made for each in course.carried]
    read = Reference(models.read, [*outputs, *carried], is_precise=True, file=file)
    held = Reference(models.held, list(dict.fromkeys([*inner, *carried])), is_precise=True, file=file)
    given, exact = (Reference(models.given, outputs, is_precise=each, file=file) for each in (False, True))

    def run(how: "Arithmetic") -> Restarting:
        runner = runner_of(image, how)
        return Restarting(image_side(runner, outputs, file), runner.restart, course)

    single = run("float32")
    return {
        "given": Whole(given, course, frames),
        "exact": Whole(exact if models.rounds_to == "single" else given, course, frames),
        "read": Steps(read, course, models.initial["read"]),
        "held": Steps(held, course, models.initial["held"]),
        "image": single,
        "run": single if arithmetic == "float32" else run(arithmetic),
    }


def image_side(runner: Runs, outputs: Sequence[str], file: str) -> Callable[[Arrays], Arrays]:
    """What a machine gives of a frame, the layers' tensors among it."""

    def compute(frame: Arrays) -> Arrays:
        result = runner(frame, keep_layers=True)
        if set(result.outputs) != set(outputs):
            raise BadInput(
                Origin(file=file),
                f"has the outputs {list(outputs)}, the image {sorted(result.outputs)}",
                hint="verify the image against the model it was compiled from",
            )
        known: dict[str, NDArray[Any]] = {**result.run.layers, **result.outputs}
        return {name: np.asarray(array) for name, array in known.items()}

    return compute
