"""The seconds that stages take, the progress that is shown, and the deadline."""

import gc
import time
from collections.abc import Callable

from ...ir.deadline import Deadline

Progress = Callable[[str], None]


def unreported(stage: str) -> None:
    """Shows nothing."""


class Clock:
    """Times the stages and reports each as progress. A stage that is entered again adds to its seconds.

    While a stage runs, cycles of garbage are not looked for: a mapping has a million objects and none in a
    cycle, and to look at all of them again and again takes longer than to make them.
    """

    def __init__(self, progress: Progress = unreported) -> None:
        self.progress = progress
        self.seconds: dict[str, float] = {}
        self._begun = time.perf_counter()
        self._stage, self._start, self._collects = "", 0.0, False

    def deadline(self, limit: float | None) -> Deadline:
        """Over once so many seconds have passed since the clock began; None: there is no limit."""
        return Deadline.within(limit, self._begun)

    def __call__(self, stage: str) -> "Clock":
        """For a `with` block that is this stage."""
        self._stage, self._start = stage, time.perf_counter()
        self.progress(stage)
        return self

    def __enter__(self) -> None:
        self._collects = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._collects:
            gc.enable()
        spent = time.perf_counter() - self._start
        self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + spent
