"""The seconds that stages take, the progress that is shown, and the deadline."""

import time
from collections.abc import Callable

from ...ir.deadline import Deadline

Progress = Callable[[str], None]


def unreported(stage: str) -> None:
    """Shows nothing."""


class Clock:
    """Times the stages and reports each as progress. A stage that is entered again adds to its seconds."""

    def __init__(self, progress: Progress = unreported) -> None:
        self.progress = progress
        self.seconds: dict[str, float] = {}
        self._begun = time.perf_counter()
        self._stage, self._start = "", 0.0

    def deadline(self, limit: float | None) -> Deadline:
        """Over once so many seconds have passed since the clock began; None: there is no limit."""
        return Deadline.within(limit, self._begun)

    def __call__(self, stage: str) -> "Clock":
        """For a `with` block that is this stage."""
        self._stage, self._start = stage, time.perf_counter()
        self.progress(stage)
        return self

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        spent = time.perf_counter() - self._start
        self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + spent
