"""When time is over: every search asks, so that what was found by then is taken; and what must end then does.

Searches ask a `Deadline` that they are given. Where all the time of a command is over and nothing is there to
be taken, the command ends: `in_time` is asked in every loop that may be long. Like an interrupt it only ends
what is done, and changes nothing of what is finished; so it is no option of a pass.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import inf

from .errors import Origin, OutOfTime


@dataclass(frozen=True, slots=True)
class Deadline:
    """Says whether time is over. `end`: seconds of the clock that only runs on. `limit`: how many there were.

    What is `OVER` from the start takes every search's quickest way, and asks no clock: the same on every
    machine.
    """

    end: float = inf
    limit: float = inf

    def __call__(self) -> bool:
        """Whether it has passed."""
        return self.end < inf and (self.end == -inf or time.perf_counter() > self.end)

    @property
    def left(self) -> float:
        """The seconds that are left: no less than 0."""
        return max(0.0, self.end - time.perf_counter()) if self.end < inf else inf


MORE_TIME = "give it more time"
NEVER = Deadline()
OVER = Deadline(-inf)


@dataclass(frozen=True, slots=True)
class _Limit:
    """When a command ends that has nothing to be taken yet, and the file that it is about."""

    is_over: Deadline
    file: str


_around: ContextVar[_Limit | None] = ContextVar("limit", default=None)


@contextmanager
def limited(is_over: Deadline, file: str) -> Iterator[None]:
    """For a `with` block about a file, which `in_time` ends once time `is_over`."""
    token = _around.set(_Limit(is_over, file))
    try:
        yield
    finally:
        _around.reset(token)


def in_time(doing: str) -> None:
    """Raises OutOfTime where the time of the block around is over. `doing`: in which it was, "cuts were
    chosen".
    """
    around = _around.get()
    if around is not None and around.is_over():
        rule = f"no mapping was found within {around.is_over.limit:g} s, which were over while {doing}"
        raise OutOfTime(Origin(file=around.file), rule, hint=MORE_TIME)
