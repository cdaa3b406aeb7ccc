"""Commands run in turn, and their medians: what all benchmarks of whole commands share."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds of the clock and of the processor, and the most memory."""

    wall: float
    processor: float
    megabytes: float


def cost(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Cost:
    """One run of a command, which must succeed; its own words are dropped. As where it is installed, bytecode
    is kept from run to run, whatever the environment says.
    """
    known = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**known, **(environment or {})}
    )
    assert process.stderr is not None
    words = process.stderr.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}\n{words}")
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def medians(commands: Mapping[str, Sequence[str]], repeats: int) -> dict[str, Cost]:
    """The median cost of each command, all run in turn, so that a busy machine is busy for all of them."""
    found: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            found[name].append(cost(command))
    return {
        name: Cost(
            *(statistics.median(getattr(each, part) for each in costs) for part in Cost.__annotations__)
        )
        for name, costs in found.items()
    }


def snc(*arguments: object) -> list[str]:
    """`snc` with these arguments, in this interpreter."""
    return [sys.executable, "-m", "snc", *map(str, arguments)]
