"""Runs fuzz targets in child processes whose time and memory are watched.

python -m fuzz.harness --count 100000 --seed 0 [--target model]
"""

import argparse
import multiprocessing
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

MEMORY_BYTES_MAX = 2 * 2**30
SILENCE_SECONDS_MAX = 60.0  # a case may take so long
START_SECONDS_MAX = 600.0  # and a child before its first case: it imports, and compiles the simulator
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


def work(target: str, seed: int, first: int, count: int, folder: Path, pipe: Connection) -> None:
    """The child: case after case, each answered with what went wrong, or with nothing, and with the most
    memory so far.
    """
    from .targets import TARGETS, prepare

    warnings.simplefilter("ignore")
    prepare(target, folder)
    pipe.send((first, "", resident_bytes_most("self")))
    for number in range(first, first + count):
        try:
            TARGETS[target](seed, number, folder)
        except Exception:  # whatever it is: this is what the run is for
            what = traceback.format_exc()
        else:
            what = ""
        pipe.send((number + 1, what, resident_bytes_most("self")))
    pipe.close()


def fuzz(target: str, seed: int, count: int, *, first: int = 0, seconds: float = 1e9) -> Outcome:
    """Runs cases `first` .. `first + count - 1` of a target, or as many as the seconds allow: those that
    children spend on cases, not those before their first one.
    """
    outcome = Outcome(0, [])
    next_case, last = first, first + count
    while next_case < last and seconds > 0:
        began = None
        size = min(CASES_PER_CHILD, last - next_case)
        for done, what in _child(target, seed, next_case, size, seconds, outcome):
            began = began or time.monotonic()
            outcome.cases += done - next_case
            next_case = done
            if what:
                outcome.failures.append(Failure(target, seed, done - 1, what))
        assert began is not None, "the child could not begin"
        seconds -= time.monotonic() - began
    return outcome


def _child(
    target: str, seed: int, first: int, count: int, seconds: float, outcome: Outcome
) -> Iterator[tuple[int, str]]:
    """The answers of one child, `first` when it begins. One that dies, is silent too long or grows too large
    fails its case.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    folder = tempfile.TemporaryDirectory()
    arguments = (target, seed, first, count, Path(folder.name), theirs)
    child = context.Process(target=work, args=arguments, daemon=True)
    child.start()
    theirs.close()
    at, heard, end = first, time.monotonic(), None
    try:
        while end is None or time.monotonic() < end:
            what, size = "", resident_bytes_most(child.pid)
            try:
                if answered := ours.poll(0.2):
                    at, what, size = ours.recv()
                    heard = time.monotonic()
                    end = end or heard + seconds
            except EOFError:
                child.join()
                if end is not None and at < first + count:
                    yield at + 1, f"the process died ({child.exitcode})"
                return
            outcome.resident_bytes_most = max(outcome.resident_bytes_most, size)
            silence = time.monotonic() - heard
            if size > MEMORY_BYTES_MAX:
                yield at + (not answered), what or f"it has had {size} bytes of memory"
                return
            if silence > (START_SECONDS_MAX if end is None else SILENCE_SECONDS_MAX):
                yield at + 1, f"it has taken {silence:.0f} seconds"
                return
            if answered:
                yield at, what
    finally:
        child.kill()
        child.join()
        ours.close()
        folder.cleanup()


def resident_bytes_most(pid: int | str | None) -> int:
    """The most memory that a process has had; 0 when it has gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


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
