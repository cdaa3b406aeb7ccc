"""How far an image's outputs are from those of a model in ONNX Runtime, over a data set."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from ....ir.errors import BadInput, Origin
from ...frontend.onnx_file import fix_shapes, load_model
from ...frontend.opset import converted
from ...frontend.precision import widen
from ...frontend.recurrent.reading import step_of
from ...frontend.runtime import Arrays
from ..engines import AnyImage
from ..figures import Figures, Gauge
from ..reference import Reference
from ..runner import network_inputs
from .answers import classifier
from .blocks import Block


@dataclass(frozen=True, slots=True)
class Agreement:
    """The worst output's errors over all frames. `argmax_agree`: the share of frames whose class is the same,
    by its number or as a vector's largest element; None where no output is either.
    """

    model: str
    argmax_agree: float | None
    max_abs_error: float
    max_rel_error: float
    outputs: tuple[Figures, ...]


class Against:
    """A model that runs beside an image, block by block; of one that goes through a sequence, its steps.
    `begins`: whether a frame is the first of a stream. Raises BadInput where it is none of the image's.
    """

    def __init__(
        self, model: Path, image: AnyImage, frames: Sequence[Arrays], begins: Callable[[int], bool]
    ) -> None:
        shapes = {tensor.name: tensor.shape for tensor in network_inputs(image)}
        source = converted(load_model(model), model.name)
        step, _ = step_of(widen(source), shapes, model.name)
        given = fix_shapes(source, shapes, model.name) if step is None else step.model
        self._states = () if step is None else step.states
        self._initial = {} if step is None else dict(step.initial)
        self._held, self._begins = dict(self._initial), begins
        carried = [state.made for state in self._states]
        names = [value.name for value in given.graph.output if value.name not in carried]
        self._path, self._frames = model, frames
        self._run = Reference(given, [*names, *carried], is_precise=False, file=model.name)
        self._gauges = {name: Gauge(name) for name in names}
        self._class, self._is_vector = "", False

    def _wanted(self, index: int) -> Arrays:
        """What the model makes of a frame."""
        if self._begins(index):
            self._held = dict(self._initial)
        found = self._run({**self._frames[index], **self._held})
        self._held = {state.given: found[state.made] for state in self._states}
        return found

    def add(self, block: Block) -> None:
        """Runs the model on a block's frames."""
        if set(block.outputs) != set(self._gauges):
            rule = f"has the outputs {list(self._gauges)}, the image {list(block.outputs)}"
            hint = "give the model that the image was compiled from"
            raise BadInput(Origin(file=self._path.name), rule, hint=hint)
        self._class, _, shape = classifier(block.outputs)
        self._is_vector = prod(shape) == max(shape, default=1)
        for offset in range(block.frames):
            wanted = self._wanted(block.first + offset)
            for name, gauge in self._gauges.items():
                got = block.outputs[name][offset]
                if got.size != wanted[name].size:
                    rule = (
                        f"{name!r} has the shape {list(wanted[name].shape)}, in the image {list(got.shape)}"
                    )
                    raise BadInput(Origin(file=self._path.name), rule, hint="give the model of the image")
                gauge.add(got, wanted[name])

    def agreement(self) -> Agreement:
        """What was found."""
        outputs = tuple(gauge.figures().finite() for gauge in self._gauges.values())
        named = next(figure for figure in outputs if figure.name == self._class)
        return Agreement(
            self._path.name,
            named.argmax_agree if named.has_argmax and self._is_vector else None,
            max(figure.max_abs_error for figure in outputs),
            max(figure.max_rel_error for figure in outputs),
            outputs,
        )
