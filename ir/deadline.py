"""When time is over: every search asks, so that what was found by then is taken, and what comes before it."""

import time
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

    @classmethod
    def within(cls, limit: float | None, begun: float) -> "Deadline":
        """So many seconds after a moment; None: never."""
        return NEVER if limit is None else cls(begun + limit, limit)

    def __call__(self) -> bool:
        """Whether it has passed."""
        return self.end < inf and (self.end == -inf or time.perf_counter() > self.end)

    def check(self, file: str, doing: str) -> None:
        """Raises OutOfTime where it has passed while nothing was there to be taken yet."""
        if self.end > -inf and self():
            rule = f"no mapping was found within {self.limit:g} s, which were over while {doing}"
            raise OutOfTime(Origin(file=file), rule, hint="give it more time")

    @property
    def left(self) -> float:
        """The seconds that are left: no less than 0."""
        return max(0.0, self.end - time.perf_counter()) if self.end < inf else inf


NEVER = Deadline()
OVER = Deadline(-inf)
