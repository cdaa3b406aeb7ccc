"""Frames that were run, in blocks of bounded size."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....backends.machine.counters import Counters
from ....ir.errors import BadInput, Origin, SncError
from ...frontend.runtime import Arrays
from ..chain import Runs
from ..runner import Result

FRAMES_MAX = 64
BYTES_MAX = 2**24  # of outputs
SECONDS_MAX = 2.0  # of work that a lost block would cost

Energy = Callable[[Counters], float]
OnStep = Callable[[int, int, int], None]  # the frame, how many of its steps are done, and of how many


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Frames that follow one another: their outputs along a new first axis, their counters summed.

    `course`: events, synaptic operations and nanojoules of each, where the frames were run now. `classes`:
    where frames are shown for several steps, the largest element of the first output after each, [frames,
    steps].
    """

    first: int
    outputs: Arrays
    counters: Counters
    seconds: float
    course: NDArray[np.float64] | None = None
    classes: NDArray[np.int64] | None = None

    @property
    def frames(self) -> int:
        """How many."""
        return len(next(iter(self.outputs.values())))

    @property
    def stop(self) -> int:
        """The frame behind the last one."""
        return self.first + self.frames


def run_blocks(
    runner: Runs,
    frames: Sequence[Arrays],
    first: int = 0,
    on_step: OnStep = lambda frame, done, of: None,
    begins: Callable[[int], bool] = lambda frame: False,
    energy_nj: Energy = lambda counters: 0.0,
) -> Iterator[Block]:
    """Runs frames from `first` on. `begins`: before which frames the states begin anew. `energy_nj`: of a
    frame's counters. When an error or an interrupt ends the run, the frames that are finished come as a last
    block before it is raised.
    """
    held: list[Result] = []
    start, begun, most = first, time.perf_counter(), FRAMES_MAX
    index = first
    try:
        while index < len(frames):
            if begins(index):
                runner.restart()
            stop = index + 1
            # The first frame is run alone: its outputs say how many are a block.
            while index > first and stop < len(frames) and stop - index < runner.together:
                if begins(stop) or len(held) + stop - index >= most:
                    break
                stop += 1
            _run(runner, frames, range(index, stop), on_step, held)
            if index == first:
                most = min(FRAMES_MAX, max(1, BYTES_MAX // _size(held[0])))
            index, now = stop, time.perf_counter()
            if len(held) >= most or now - begun >= SECONDS_MAX or index == len(frames):
                done, held = held, []
                yield _block(start, done, now - begun, energy_nj)
                start, begun = index, time.perf_counter()
    except BaseException:
        if held:
            yield _block(start, held, time.perf_counter() - begun, energy_nj)
        raise


def _run(runner: Runs, frames: Sequence[Arrays], indices: range, on_step: OnStep, held: list[Result]) -> None:
    """Adds the results of frames, run together, or one by one up to the one that is refused."""
    if len(indices) > 1:
        with suppress(SncError):
            held += runner.several([frames[index] for index in indices])
            for index in indices:
                on_step(index, 1, 1)
            return
    for index in indices:
        held.append(runner(frames[index], on_step=partial(on_step, index)))


def _size(result: Result) -> int:
    return sum(np.asarray(array).nbytes for array in result.outputs.values()) or 1


def _block(first: int, results: Sequence[Result], seconds: float, energy_nj: Energy) -> Block:
    counters = Counters.summed([result.run.counters for result in results])
    outputs: dict[str, NDArray[Any]] = {}
    for name in results[0].outputs:
        arrays = [np.asarray(result.outputs[name]) for result in results]
        if len({each.shape for each in arrays}) > 1 or arrays[0].dtype.hasobject:
            rule = f"is {'made of text' if arrays[0].dtype.hasobject else 'of another shape in every frame'}"
            hint = "run the frames one by one, or end the model before it"
            raise BadInput(Origin(node=name, operator="output"), rule, hint=hint)
        outputs[name] = np.stack(arrays)
    return Block(first, outputs, counters, seconds, work(results, energy_nj), _classes(results))


def _classes(results: Sequence[Result]) -> NDArray[np.int64] | None:
    if not results[0].steps:
        return None
    firsts = ([next(iter(outputs.values())) for outputs in result.steps] for result in results)
    return np.array([[int(np.argmax(array)) for array in arrays] for arrays in firsts], dtype=np.int64)


def work(results: Sequence[Result], energy_nj: Energy) -> NDArray[np.float64]:
    """Events, synaptic operations and nanojoules of each frame."""
    counters = [result.run.counters for result in results]
    return np.array([(c.events.sum(), c.synaptic_operations.sum(), energy_nj(c)) for c in counters])
