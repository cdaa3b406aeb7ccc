"""The seconds that stages take, the progress that is shown, and the deadline."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ...ir.deadline import NEVER, Deadline

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

    def deadline(self, limit: float | None, part: float = 1.0) -> Deadline:
        """Over once this part has passed of what is left of so many seconds since the clock began; None: no
        limit.
        """
        if limit is None:
            return NEVER
        now = time.perf_counter()
        return Deadline(now + part * (self._begun + limit - now), limit)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """For a `with` block that is this stage; another may stand within it."""
        start, collects = time.perf_counter(), gc.isenabled()
        self.progress(stage)
        gc.disable()
        try:
            yield
        finally:
            if collects:
                gc.enable()
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start
