"""What computes the steps of a sequence: the model as a whole in ONNX Runtime, and the others one by one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from ....ir.layers import Array, Carried, LayerGraph
from ...frontend.recurrent.sequence import (
    Shapes,
    recurrent_nodes,
    sequence_axes,
    stated_steps,
    steps_first,
    with_steps,
)
from ...frontend.recurrent.stepping import step_axis
from ...frontend.runtime import Arrays

Compute = Callable[[Arrays], Arrays]


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """How frames follow one another: `steps` of them are one sequence, then another one begins.

    `axes`: of each input, the axis of the steps; `shapes`: of each output in one step.
    """

    steps: int
    axes: Mapping[str, int]
    carried: tuple[Carried, ...]
    shapes: Shapes


def course_of(model: onnx.ModelProto, graph: LayerGraph, frames: int, file: str) -> Course | None:
    """The course of a model with loops, None of any other: sequences as long as it states, or one of all
    frames.
    """
    if not graph.carried:
        return None
    model = steps_first(model)
    axes = sequence_axes(model, recurrent_nodes(model), file)
    shapes = {value.name: value.shape for value in graph.outputs}
    return Course(stated_steps(model, axes, {}, file) or frames, axes, graph.carried, shapes)


def whole_model(model: onnx.ModelProto, course: Course, shapes: Shapes, file: str) -> onnx.ModelProto:
    """The model for a sequence."""
    return with_steps(steps_first(model), course.axes, course.steps, shapes, file)


class Whole:
    """A model that computes whole sequences, asked for their steps in order. An output that no step has of
    its own is known with the last one.
    """

    def __init__(self, compute: Compute, course: Course, frames: Sequence[Arrays]) -> None:
        self._compute, self._course, self._frames = compute, course, frames
        self._at, self._found = 0, Arrays()

    def __call__(self, frame: Arrays) -> Arrays:
        """The next step."""
        step = self._at % self._course.steps
        if step == 0:
            self._found = self._compute(self._sequence(frame))
        self._at += 1
        found = Arrays()
        for name, array in self._found.items():
            shape = self._course.shapes.get(name, array.shape)
            axis = step_axis(array.shape, shape)
            if axis is not None:
                found[name] = np.take(array, [step], axis=axis)
            elif step == self._course.steps - 1:
                found[name] = array
        return found

    def _sequence(self, frame: Arrays) -> Arrays:
        """A frame and those behind it; where there are no more, the last one again."""
        last = len(self._frames) - 1
        frames = [self._frames[min(self._at + step, last)] for step in range(self._course.steps)]
        return {
            name: np.concatenate([each[name] for each in frames], self._course.axes[name])
            if name in self._course.axes
            else np.asarray(array)
            for name, array in frame.items()
        }


class Steps:
    """A model of one step, with what it carries: in the first step of a sequence `initial`, by the names that
    constants have.
    """

    def __init__(self, compute: Compute, course: Course, initial: Mapping[str, Array]) -> None:
        self._compute, self._course, self._initial = compute, course, initial
        self._at, self._held = 0, Arrays()

    def __call__(self, frame: Arrays) -> Arrays:
        """The next step."""
        if self._at % self._course.steps == 0:
            self._held = {each.given: self._initial[each.initial] for each in self._course.carried}
        self._at += 1
        found = self._compute({**frame, **self._held})
        self._held = {each.given: np.asarray(found[each.made]) for each in self._course.carried}
        return found


class Restarting:
    """A machine that begins anew with each sequence."""

    def __init__(self, compute: Compute, restart: Callable[[], None], course: Course) -> None:
        self._compute, self._restart, self._course = compute, restart, course
        self._at = 0

    def __call__(self, frame: Arrays) -> Arrays:
        """The next step."""
        if self._at and self._at % self._course.steps == 0:
            self._restart()
        self._at += 1
        return self._compute(frame)


def numbers(found: Mapping[str, Any], carried: Sequence[Carried]) -> dict[str, Array]:
    """What the first steps begin with, of some constants."""
    return {each.initial: np.asarray(found[each.initial]) for each in carried}
