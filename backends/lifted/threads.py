"""How many threads a run takes: one for each processor, or its share where several processes share them."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

LIMIT = "OMP_NUM_THREADS"  # the environment variable by which libraries are told, and workers of Dask
R = TypeVar("R")


def processors() -> int:
    """Those that this process may use."""
    said = os.environ.get(LIMIT, "")
    if said.isdecimal() and int(said) > 0:
        return int(said)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def share(processes: int) -> None:
    """From now on, this process takes the share of one of so many that run at the same time."""
    os.environ[LIMIT] = str(max(1, processors() // processes))


class Helpers:
    """Threads that do some work beside the one that has it to do."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count) if count else None

    def beside(self, work: Callable[[int], R], count: int) -> R:
        """What work gives, which so many helpers do, too, each with its number; who asks has 0. When it
        comes, none of them is at it any more.
        """
        futures = [self._pool.submit(work, 1 + number) for number in range(count)] if self._pool else []
        try:
            return work(0)
        finally:
            for future in futures:
                if not future.cancel():
                    future.result()
