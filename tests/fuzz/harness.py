"""Runs fuzz targets in child processes whose time and memory are watched.

python -m fuzz.harness --count 100000 --seed 0 [--target model] [--jobs 2]
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MEMORY_BYTES_MAX = 2 * 2**30
CASE_SECONDS_MAX = 60.0  # of the processor: on a busy machine time passes without a hang
SILENCE_SECONDS_MAX = 600.0  # of the clock; a child's first answer takes long: it compiles the simulator
CASES_PER_CHILD = 2000
TARGET_NAMES = ("model", "image", "graph")
SAID = "said"  # the file that takes what a child writes to stdout and stderr: only the command line talks


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that ended otherwise than it may."""

    target: str
    seed: int
    number: int
    what: str
    kind: str = ""


@dataclass(slots=True)
class Outcome:
    """What a run has seen: `kinds` counts how cases ended."""

    cases: int
    failures: list[Failure]
    resident_bytes_most: int = 0
    kinds: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a child says: up to which case it has come, how that one ended, what was wrong with it if
    anything was, and its most memory so far.
    """

    number: int
    kind: str
    what: str
    resident_bytes_most: int


def work(target: str, seed: int, first: int, count: int, folder: Path, pipe: Connection) -> None:
    """The child: case after case, each with its answer."""
    # A child begins with the folder it stands in on its path: the project's `backends` would hide the tests'.
    sys.path[:] = [place for place in sys.path if place and Path(place).resolve() != ROOT]
    from .targets import TARGETS, prepare

    warnings.simplefilter("ignore")
    prepare(target, folder)
    pipe.send(Answer(first, "", "", resident_bytes_most("self")))
    said = (folder / SAID).open("a+", encoding="utf-8", errors="replace")
    for stream in (sys.stdout, sys.stderr):
        os.dup2(said.fileno(), stream.fileno())  # libraries write past Python's streams
    for number in range(first, first + count):
        try:
            end = TARGETS[target](seed, number, folder)
            kind, what = end.kind, end.fault
        except Exception as error:  # whatever it is: this is what the run is for
            kind, what = type(error).__name__, traceback.format_exc()
        sys.stdout.flush()
        said.seek(0)
        if (text := said.read()) and not what:
            kind, what = "it said something", f"it said: {text}"
        said.truncate(0)
        pipe.send(Answer(number + 1, kind, what, resident_bytes_most("self")))
    pipe.close()


def fuzz(
    target: str,
    seed: int,
    count: int,
    *,
    first: int = 0,
    seconds: float = 1e9,
    progress: Callable[[int], None] = lambda cases: None,
) -> Outcome:
    """Runs cases `first` .. `first + count - 1` of a target, or as many as the seconds allow: those that
    children spend on cases, not those before their first one. `progress` is told of every few cases.
    """
    outcome = Outcome(0, [])
    next_case, last = first, first + count
    while next_case < last and seconds > 0:
        began = None
        size = min(CASES_PER_CHILD, last - next_case)
        for answer in _child(target, seed, next_case, size, seconds):
            began = began or time.monotonic()
            done = answer.number - next_case
            outcome.cases += done
            next_case = answer.number
            outcome.resident_bytes_most = max(outcome.resident_bytes_most, answer.resident_bytes_most)
            if done:
                outcome.kinds[answer.kind] += 1
                progress(done)
            if answer.what:
                failure = Failure(target, seed, answer.number - 1, answer.what, answer.kind)
                outcome.failures.append(failure)
        assert began is not None, "the child could not begin"
        seconds -= time.monotonic() - began
    return outcome


def _child(target: str, seed: int, first: int, count: int, seconds: float) -> Iterator[Answer]:
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
            answer, size = None, resident_bytes_most(child.pid)
            try:
                if ours.poll(0.2):
                    answer = ours.recv()
                    at, size = answer.number, answer.resident_bytes_most
                    heard, busy = time.monotonic(), _processor_seconds(child.pid)
                    end = end or heard + seconds
            except EOFError:
                child.join()
                if end is not None and at < first + count:
                    said = Path(folder.name, SAID).read_text(encoding="utf-8", errors="replace")
                    what = f"the process died ({child.exitcode}) {said}"
                    yield Answer(at + 1, "died", what, size)
                return
            silence = time.monotonic() - heard
            if size > MEMORY_BYTES_MAX:
                what = f"it has had {size} bytes of memory"
                yield Answer(at + (answer is None), "large", (answer and answer.what) or what, size)
                return
            worked = _processor_seconds(child.pid) - busy
            if silence > SILENCE_SECONDS_MAX or (end is not None and worked > CASE_SECONDS_MAX):
                what = f"it has taken {silence:.0f} seconds, {worked:.0f} of them of the processor"
                yield Answer(at + 1, "slow", what, size)
                return
            if answer is not None:
                yield answer
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
    """All targets, or some; 1 when a case failed."""
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--target", choices=TARGET_NAMES, action="append")
    chosen = parser.parse_args()
    failures = [told(target, chosen) for target in chosen.target or TARGET_NAMES]
    return int(any(failures))


def told(target: str, chosen: argparse.Namespace) -> int:
    """Runs a target and tells of it, of failures and of how far it is while it runs; how many failures."""
    began, cases, lock = time.monotonic(), 0, threading.Lock()

    def progress(done: int) -> None:
        nonlocal cases
        with lock:
            cases += done
            rate = cases / (time.monotonic() - began)
            sys.stderr.write(f"\r{target}: {cases} of {chosen.count}, {rate:.1f} a second ")

    edges = [chosen.first + chosen.count * job // chosen.jobs for job in range(chosen.jobs + 1)]

    def part(job: int) -> Outcome:
        first, count = edges[job], edges[job + 1] - edges[job]
        return fuzz(target, chosen.seed, count, first=first, seconds=chosen.seconds, progress=progress)

    with ThreadPoolExecutor(chosen.jobs) as pool:
        parts = list(pool.map(part, range(chosen.jobs)))
    failures = [failure for each in parts for failure in each.failures]
    kinds = sum((each.kinds for each in parts), Counter[str]())
    sys.stderr.write("\n")
    for failure in failures:
        sys.stdout.write(f"\ncase {failure.number}\n{failure.what}\n")
    for kind, count in kinds.most_common():
        where = " ".join(str(f.number) for f in failures if f.kind == kind)
        sys.stdout.write(f"{count:7} {kind}{where and ': case ' + where}\n")
    memory = max(each.resident_bytes_most for each in parts) / 2**20
    sys.stdout.write(
        f"{target}: {sum(each.cases for each in parts)} cases of seed {chosen.seed}, "
        f"{len(failures)} failures, at most {memory:.0f} MiB\n"
    )
    return len(failures)


if __name__ == "__main__":
    sys.exit(main())
