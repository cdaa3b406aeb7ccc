"""Training an image on the chip: its machine learns from one recording after the other. Draws nothing."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ....backends.image.image import Image
from ....backends.machine.learning.pupil import Learnt, Taught
from ....backends.machine.machine import Arithmetic, Machine
from ....ir.errors import BadInput, Origin
from ...frontend.runtime import Arrays
from ..runner import Runner
from ..simulating.blocks import SECONDS_MAX, OnStep


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """How far a training has come: the image, the frames and streams that it has seen, what they counted."""

    image: Image
    frames: int = 0
    streams: int = 0
    learnt: Learnt = field(default_factory=Learnt)
    taught: tuple[Taught, ...] = ()
    events: int = 0
    synaptic_operations: int = 0
    seconds: float = 0.0


def train(
    begun: Lessons,
    path: Path,
    frames: Sequence[Arrays],
    passes: int = 1,
    arithmetic: Arithmetic = "float32",
    *,
    begins: Callable[[int], bool],
    on_step: OnStep = lambda frame, done, of: None,
    keep: Callable[[Lessons], None] = lambda so_far: None,
) -> Lessons:
    """Shows all frames so many times, from where a training had come. `begins`: whether a frame begins a
    stream, before which it is at rest. `keep` is given what is finished from time to time, and when an error
    or an interrupt ends the training: whole streams. Raises BadInput for an image that cannot learn.
    """
    if not begun.image.learning.size:
        rule = "has no rule by which it could learn"
        raise BadInput(Origin(file=path.name), rule, hint="compile the network with --learning RULE.toml")
    machine = Machine(begun.image, arithmetic, learns=True, file=path.name)
    runner = Runner(begun.image, arithmetic, machine=machine)
    so_far, events, operations = begun, begun.events, begun.synaptic_operations
    started = kept_at = time.perf_counter()

    def finished(at: int) -> Lessons:
        assert machine.pupil is not None
        return Lessons(
            machine.trained(),
            at,
            so_far.streams + 1,
            begun.learnt + machine.pupil.learnt,
            tuple(
                new if not begun.taught else begun.taught[i] + new
                for i, new in enumerate(machine.pupil.taught)
            ),
            events,
            operations,
            begun.seconds + time.perf_counter() - started,
        )

    total = passes * len(frames)
    is_kept = True
    try:
        for at in range(begun.frames, total):

            def step(done: int, of: int, frame: int = at) -> None:
                on_step(frame, done, of)

            if begins(at % len(frames)):
                if at > begun.frames:
                    so_far, is_kept = finished(at), False
                    if time.perf_counter() - kept_at >= SECONDS_MAX:
                        keep(so_far)
                        kept_at, is_kept = time.perf_counter(), True
                runner.restart()
            found = runner(frames[at % len(frames)], on_step=step).run.counters.total
            events += found.events
            operations += found.synaptic_operations
    except BaseException:
        if not is_kept:
            keep(so_far)
        raise
    return finished(total) if total > begun.frames else begun
