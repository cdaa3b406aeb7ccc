"""Two images on the same frames: whether they say the same, and what each does for it, frame by frame."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....backends.machine.counters import Counters
from ....backends.machine.machine import Arithmetic
from ....ir.errors import BadInput, Origin
from ...frontend.runtime import Arrays
from ..chain import runner_of
from ..engines import AnyImage
from ..runner import network_inputs
from .answers import Answers
from .blocks import Block, work
from .simulation import AnySimulation, energy_of, summed

Counts = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Course:
    """The events and synaptic operations of each frame, and its energy, estimated."""

    events: tuple[int, ...]
    synaptic_operations: tuple[int, ...]
    energy_nj: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """Another image's run. `equal`: the frames in which all outputs are equal. `max_rel_error`: the largest
    difference, over the largest value of that output.
    """

    run: AnySimulation
    equal: int
    max_rel_error: float
    course: Course


class Tracker:
    """Keeps what each frame took."""

    def __init__(self) -> None:
        self._found: list[Counts] = []

    def add(self, block: Block) -> None:
        """The next block."""
        if block.course is not None:
            self._found.append(block.course)

    @property
    def course(self) -> Course:
        """All frames that were run."""
        return _course(self._found)


class Second:
    """An image that runs beside another one, block by block. Raises BadInput where it takes other inputs.
    `answers`: what its outputs say.
    """

    def __init__(
        self,
        path: Path,
        image: AnyImage,
        frames: Sequence[Arrays],
        arithmetic: Arithmetic,
        begins: Callable[[int], bool],
        inputs: Mapping[str, tuple[int, ...]],
    ) -> None:
        own = {tensor.name: tuple(tensor.shape) for tensor in network_inputs(image)}
        if own != dict(inputs):
            rule = f"takes {own}, the other image {dict(inputs)}"
            raise BadInput(Origin(file=path.name), rule, hint="give two images of one network")
        self._path, self.image, self._frames = path, image, frames
        self._arithmetic, self._begins = arithmetic, begins
        self.answers = Answers()
        self._energy_nj = energy_of(image)
        self._runner = runner_of(image, arithmetic, "auto")
        self._counters: Counters | None = None
        self._found: list[Counts] = []
        self._equal = 0
        self._errors: dict[str, float] = {}
        self._peaks: dict[str, float] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._seconds = 0.0

    def add(self, block: Block) -> None:
        """Runs the image on a block's frames."""
        held: dict[str, list[NDArray[Any]]] = {name: [] for name in block.outputs}
        for offset in range(block.frames):
            index = block.first + offset
            if self._begins(index):
                self._runner.restart()
            result = self._runner(self._frames[index])
            counters = result.run.counters
            self._counters = counters if self._counters is None else self._counters + counters
            self._found.append(work([result], self._energy_nj))
            if result.outputs.keys() != block.outputs.keys():
                rule = f"has the outputs {sorted(result.outputs)}, the other image {sorted(block.outputs)}"
                raise BadInput(Origin(file=self._path.name), rule, hint="give two images of one network")
            self._equal += self._compared(block, offset, result.outputs)
            for name, array in result.outputs.items():
                held[name].append(np.asarray(array))
        outputs = {name: np.stack(arrays) for name, arrays in held.items()}
        self.answers.add(Block(block.first, outputs, block.counters, 0.0))

    def _compared(self, block: Block, offset: int, outputs: Arrays) -> bool:
        is_equal = True
        for name, array in outputs.items():
            other, own = block.outputs[name][offset].astype(np.float64), np.asarray(array, dtype=np.float64)
            error = float(np.abs(own.reshape(other.shape) - other).max(initial=0.0))
            is_equal &= error == 0
            self._errors[name] = max(self._errors.get(name, 0.0), error)
            self._peaks[name] = max(self._peaks.get(name, 0.0), float(np.abs(other).max(initial=0.0)))
            self._shapes[name] = own.shape
        return is_equal

    def beside(self) -> Beside:
        """What was found."""
        assert self._counters is not None, "no frame"
        frames = len(self._found)
        run = summed(
            self.image, self._path, self._arithmetic, frames, self._shapes, self._counters, self._seconds
        )
        worst = max(error / (self._peaks[name] or 1.0) for name, error in self._errors.items())
        return Beside(run, self._equal, worst, _course(self._found))


def _course(found: Sequence[Counts]) -> Course:
    events, operations, energy = np.concatenate([np.zeros((0, 3)), *found]).T
    return Course(tuple(map(int, events)), tuple(map(int, operations)), tuple(energy.tolist()))
