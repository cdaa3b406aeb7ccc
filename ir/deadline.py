"""When time is over: asked by every search, so that what was found by then is taken."""

import time
from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Deadline:
    """Says whether time is over. `end`: seconds of the clock that only runs on.

    What is `OVER` from the start takes every search's quickest way, and asks no clock: the same on every
    machine.
    """

    end: float = inf

    @classmethod
    def within(cls, limit: float | None, begun: float) -> "Deadline":
        """So many seconds after a moment; None: never."""
        return NEVER if limit is None else cls(begun + limit)

    def __call__(self) -> bool:
        """Whether it has passed."""
        return self.end < inf and (self.end == -inf or time.perf_counter() > self.end)

    @property
    def left(self) -> float:
        """The seconds that are left: no less than 0."""
        return max(0.0, self.end - time.perf_counter()) if self.end < inf else inf


NEVER = Deadline()
OVER = Deadline(-inf)
