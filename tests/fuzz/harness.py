"""Runs fuzz targets in child processes whose time and memory are watched.

python -m fuzz.harness --count 100000 --seed 0 [--target model]
"""

import argparse
import multiprocessing
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

MEMORY_BYTES_MAX = 2 * 2**30
SILENCE_SECONDS_MAX = 60.0  # a case may take so long, the first one of a child with its imports, too
CASES_PER_CHILD = 2000


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that ended otherwise than it may."""

    target: str
    seed: int
    number: int
    what: str


@dataclass(slots=True)
class Outcome:
    """What a run has seen."""

    cases: int
    failures: list[Failure]
    resident_bytes_most: int = 0


def work(target: str, seed: int, first: int, count: int, pipe: Connection) -> None:
    """The child: case after case, each answered with what went wrong, or with nothing."""
    from .targets import TARGETS

    warnings.simplefilter("ignore")
    pipe.send((first, ""))
    for number in range(first, first + count):
        try:
            TARGETS[target](seed, number)
        except Exception:  # whatever it is: this is what the run is for
            pipe.send((number + 1, traceback.format_exc()))
        else:
            pipe.send((number + 1, ""))
    pipe.close()


def fuzz(target: str, seed: int, count: int, *, first: int = 0, seconds: float = 1e9) -> Outcome:
    """Runs cases `first` .. `first + count - 1` of a target, or as many as the seconds allow."""
    end = time.monotonic() + seconds
    outcome = Outcome(0, [])
    next_case, last = first, first + count
    while next_case < last and time.monotonic() < end:
        for done, what in _child(
            target, seed, next_case, min(CASES_PER_CHILD, last - next_case), end, outcome
        ):
            outcome.cases += done - next_case
            next_case = done
            if what:
                outcome.failures.append(Failure(target, seed, done - 1, what))
    return outcome


def _child(
    target: str, seed: int, first: int, count: int, end: float, outcome: Outcome
) -> Iterator[tuple[int, str]]:
    """The answers of one child. One that dies, is silent too long or grows too large fails its case."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=work, args=(target, seed, first, count, theirs), daemon=True)
    child.start()
    theirs.close()
    at, heard, has_begun = first, time.monotonic(), False
    try:
        while time.monotonic() < end or not has_begun:
            try:
                answered = ours.poll(0.2)
                if answered:
                    at, what = ours.recv()
                    heard, has_begun = time.monotonic(), True
                    yield at, what
            except EOFError:
                child.join()
                assert has_begun, "the child could not begin"
                if at < first + count:
                    yield at + 1, f"the process died ({child.exitcode})"
                return
            outcome.resident_bytes_most = max(outcome.resident_bytes_most, size := _resident_bytes(child.pid))
            if size > MEMORY_BYTES_MAX:
                yield at + 1, f"it has {size} bytes of memory"
                return
            if time.monotonic() - heard > SILENCE_SECONDS_MAX:
                yield at + 1, f"it has taken {SILENCE_SECONDS_MAX} seconds"
                return
    finally:
        child.kill()
        child.join()
        ours.close()


def _resident_bytes(pid: int | None) -> int:
    """The memory of a process now; 0 when it has gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS")), 0)


def main() -> int:
    """Both targets, or one; 1 when a case failed."""
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--target", choices=("model", "image"), action="append")
    chosen = parser.parse_args()
    failed = False
    for target in chosen.target or ("model", "image"):
        found = fuzz(target, chosen.seed, chosen.count, first=chosen.first, seconds=chosen.seconds)
        most = found.resident_bytes_most / 2**20
        sys.stdout.write(
            f"{target}: {found.cases} cases of seed {chosen.seed}, {len(found.failures)} failures, "
            f"at most {most:.0f} MiB\n"
        )
        for failure in found.failures:
            sys.stdout.write(f"\ncase {failure.number}\n{failure.what}\n")
        failed = failed or bool(found.failures)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
