"""Runs fuzz targets in child processes whose time and memory are watched.

python -m fuzz.harness --count 100000 --seed 0 [--target model]
"""

import argparse
import multiprocessing
import os
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
CASE_SECONDS_MAX = 60.0  # of the processor: on a busy machine time passes without a hang
SILENCE_SECONDS_MAX = 600.0  # of the clock; a child's first answer takes long: it compiles the simulator
CASES_PER_CHILD = 2000
SAID = "said"  # the file that takes what a child writes to stdout and stderr: only the command line talks


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
    said = (folder / SAID).open("a+", encoding="utf-8", errors="replace")
    for stream in (sys.stdout, sys.stderr):
        os.dup2(said.fileno(), stream.fileno())  # libraries write past Python's streams
    for number in range(first, first + count):
        try:
            TARGETS[target](seed, number, folder)
        except Exception:  # whatever it is: this is what the run is for
            what = traceback.format_exc()
        else:
            sys.stdout.flush()
            said.seek(0)
            what = (text := said.read()) and f"it said: {text}"
            said.truncate(0)
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
    at, heard, busy, end = first, time.monotonic(), 0.0, None
    try:
        while end is None or time.monotonic() < end:
            what, size = "", resident_bytes_most(child.pid)
            try:
                if answered := ours.poll(0.2):
                    at, what, size = ours.recv()
                    heard, busy = time.monotonic(), _processor_seconds(child.pid)
                    end = end or heard + seconds
            except EOFError:
                child.join()
                if end is not None and at < first + count:
                    said = Path(folder.name, SAID).read_text(encoding="utf-8", errors="replace")
                    yield at + 1, f"the process died ({child.exitcode}) {said}"
                return
            outcome.resident_bytes_most = max(outcome.resident_bytes_most, size)
            silence = time.monotonic() - heard
            if size > MEMORY_BYTES_MAX:
                yield at + (not answered), what or f"it has had {size} bytes of memory"
                return
            worked = _processor_seconds(child.pid) - busy
            if silence > SILENCE_SECONDS_MAX or (end is not None and worked > CASE_SECONDS_MAX):
                yield at + 1, f"it has taken {silence:.0f} seconds, {worked:.0f} of them of the processor"
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


def _processor_seconds(pid: int | None) -> float:
    """The time that a process has run, alone or for the system; 0 when it has gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Both targets, or one; 1 when a case failed."""
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--target", choices=("model", "image"), action="append")
    chosen = parser.parse_args()
    failures = 0
    for target in chosen.target or ("model", "image"):
        failures += _told(target, chosen)
    return int(failures > 0)


def _told(target: str, chosen: argparse.Namespace) -> int:
    """Runs a target and tells of it, of failures and of how far it is while it runs; how many failures."""
    total = Outcome(0, [])
    end = time.monotonic() + chosen.seconds
    while total.cases < chosen.count and (left := end - time.monotonic()) > 0:
        first = chosen.first + total.cases
        count = min(CASES_PER_CHILD, chosen.count - total.cases)
        found = fuzz(target, chosen.seed, count, first=first, seconds=left)
        total.cases += found.cases
        total.failures += found.failures
        total.resident_bytes_most = max(total.resident_bytes_most, found.resident_bytes_most)
        for failure in found.failures:
            sys.stdout.write(f"\ncase {failure.number}\n{failure.what}\n")
        sys.stdout.flush()
        sys.stderr.write(f"{target}: {total.cases} of {chosen.count}\n")
    sys.stdout.write(
        f"{target}: {total.cases} cases of seed {chosen.seed}, {len(total.failures)} failures, "
        f"at most {total.resident_bytes_most / 2**20:.0f} MiB\n"
    )
    return len(total.failures)


if __name__ == "__main__":
    sys.exit(main())
