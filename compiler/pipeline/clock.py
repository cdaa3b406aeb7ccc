"""The seconds that stages take, the progress that is shown, and the deadline."""

import ctypes
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

from ...ir.deadline import NEVER, Deadline

Progress = Callable[[str], None]


def unreported(stage: str) -> None:
    """Shows nothing."""


class Clock:
    """Times the stages and reports each as progress. A stage that is entered again adds to its seconds.

    While a stage runs, cycles of garbage are not looked for: a mapping has a million objects and none in a
    cycle, and to look at all of them again and again takes longer than to make them. Behind it they are old,
    and looked at when the next full collection is due. The memory that it has freed is given back.
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
                _grow_old()
                gc.enable()
            give_back()
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start


def _grow_old() -> None:
    """All objects are old, without a look at any of them."""
    if not gc.get_freeze_count():  # else what others have set apart would be mixed with them
        gc.freeze()
        gc.unfreeze()


def give_back() -> None:
    """Memory that is free is the system's again: where arrays of all sizes come and go, GNU's C library keeps
    several times as much as is in use. Others are left to themselves.
    """
    trim = getattr(_c_library(), "malloc_trim", None)
    if trim is not None:
        trim(0)


@cache
def _c_library() -> ctypes.CDLL | None:
    """The library that allocates memory, or None where it is not known by this way."""
    try:
        return ctypes.CDLL(None)
    except (OSError, TypeError):  # Windows has no such name for it
        return None
