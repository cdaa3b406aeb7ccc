"""How many threads a run takes: one for each processor, or its share where several processes share them."""

import os

LIMIT = "OMP_NUM_THREADS"  # the environment variable by which libraries are told, and workers of Dask


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
