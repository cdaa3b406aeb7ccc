"""Interrupts commands at random moments, and says what is wrong with how they end.

python -m cli.interrupting --count 1000 --seed 0
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from oracle.writer import Writer

from snc.backends.image.container import load

ROOT = Path(__file__).resolve().parents[2]
SECONDS_MAX = 120.0  # for a process to end that was interrupted, on a busy machine
SAID_EACH = 100  # interrupts after which a line says how far it is
LATEST = 1.05  # of the time that a command takes when nobody interrupts it
# The process says on a pipe that it deals with interrupts: what comes before is Python's own.
CODE = """
import os, sys
from snc.cli import start

pipe, begin = int(sys.argv.pop(1)), start.Interrupts.begin

def told(self):
    begin(self)
    os.write(pipe, b".")

start.Interrupts.begin = told
sys.exit(start.main())
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended. `lasted`: the seconds after which it ended by itself, None where it did not."""

    code: int
    out: str
    err: str
    lasted: float | None


def ended(arguments: Sequence[str], folder: Path, after: float | None) -> Ended:
    """`snc` with these arguments in a folder, interrupted after so many seconds (None: never)."""
    receiver, sender = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, str(sender), *arguments],
        cwd=folder,
        pass_fds=[sender],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(sender)
    os.read(receiver, 1)
    os.close(receiver)
    begun = time.perf_counter()
    lasted: float | None = None
    out = err = ""
    try:
        out, err = process.communicate(timeout=SECONDS_MAX if after is None else after)
        lasted = time.perf_counter() - begun
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            err += f"did not end in {SECONDS_MAX:g} seconds\n"
    return Ended(process.returncode, out, err, lasted)


def searched(folder: Path) -> None:
    """A network whose cuts and cores are searched, its target, and frames that formats are chosen by."""
    w, random = Writer(13, 0), np.random.default_rng(0)
    x = w.input((1, 3, 8, 8))
    for source, target in ((3, 16), (16, 24), (24, 16)):
        weights = random.normal(0, 0.1, (target, source, 3, 3)).astype(np.float32)
        x = w.add("Relu", w.add("Conv", x, w.constant(weights), pads=[1, 1, 1, 1]))
    model = w.model([x], "searched")
    onnx.save(model, folder / "searched.onnx")
    (folder / "small.toml").write_text('name = "small"\ncore_words = 700\nmesh = [6, 6]\n', encoding="utf-8")
    frames = random.normal(0, 1, (8, 3, 8, 8)).astype(np.float32)
    arrays: dict[str, Any] = {model.graph.input[0].name: frames}
    np.savez(folder / "searched.npz", **arrays)


def prepared(folder: Path) -> None:
    """What commands read, in the folder above those that they are run in."""
    searched(folder)
    done = ended(["compile", str(ROOT / "models" / "digits.onnx"), "-o", "digits.snc"], folder, None)
    assert done.code == 0, done.err


def commands(folder: Path) -> dict[str, list[str]]:
    """What is interrupted; every file is written into the folder where a command is run. `folder`: the one
    above it.
    """
    model, data = str(ROOT / "models" / "digits.onnx"), str(ROOT / "models" / "digits_test.npz")
    image, files = str(folder / "digits.snc"), ["-o", "d.snc", "--report", "d.html", "--reference", "d.onnx"]
    many = [str(folder / "searched.onnx"), "--target", str(folder / "small.toml")]
    return {
        "compile": ["compile", model, *files],
        "compile, searched": ["compile", *many, *files],
        "compile, solved": ["compile", *many, "--objective", "memory", *files],
        "compile, measured": ["compile", *many, "--data", str(folder / "searched.npz"), *files],
        "simulate": ["simulate", image, "-i", data, "-o", "d.npz", "--report", "d.json"],
        "verify": ["verify", model, image, "-i", data],
    }


def faults(found: Ended, folder: Path) -> Iterator[str]:
    """What is wrong with how an interrupted command has ended."""
    if found.code != 130 and (found.code != 0 or found.err):
        yield f"exit code {found.code}"
    lines = found.err.splitlines()
    if found.code == 130 and not (len(lines) == 1 and lines[0].startswith("snc: interrupted")):
        yield f"said {found.err!r}"
    for path in folder.iterdir():
        if path.suffix == ".part" and path.name in found.err:
            continue  # kept for --resume
        try:
            match path.suffix:
                case ".snc":
                    load(path)
                case ".onnx":
                    onnx.checker.check_model(onnx.load(path))
                case ".npz":
                    with np.load(path) as arrays:
                        _ = [arrays[name] for name in arrays]
                case ".json":
                    json.loads(path.read_text(encoding="utf-8"))
                case ".html":
                    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
                case _:
                    yield f"left {path.name}"
        except Exception as error:
            yield f"left half of {path.name}: {error}"


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A command, the seconds after which it was interrupted, how it ended, and what is wrong with that."""

    name: str
    after: float
    ended: Ended
    faults: tuple[str, ...]


def interrupted(count: int, seed: int, folder: Path, jobs: int = 1) -> Iterator[Interrupted]:
    """So many interrupts of commands at random moments; so many `jobs` are run side by side."""
    chance = random.Random(seed)
    folder = folder.resolve()
    prepared(folder)
    known = commands(folder)
    drawn = [(name, chance.random() * LATEST) for name in chance.choices(sorted(known), k=count)]

    def lasts(name: str) -> float:
        place = folder / f"first {name}"
        place.mkdir()
        done = ended(known[name], place, None)
        assert done.code == 0, done.err
        assert done.lasted is not None
        return done.lasted

    def one(number: int) -> Interrupted:
        name, part = drawn[number]
        place = folder / str(number)
        place.mkdir()
        after = part * spent[name]
        found = ended(known[name], place, after)
        if found.lasted is not None:  # the machine may be less busy than it was
            spent[name] = found.lasted
        return Interrupted(name, after, found, tuple(faults(found, place)))

    with ThreadPoolExecutor(jobs) as pool:
        names = sorted({name for name, _ in drawn})
        spent = dict(zip(names, pool.map(lasts, names), strict=True))
        yield from pool.map(one, range(count))


def say(line: str) -> None:
    """A line of the result."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """The exit code: 1 where anything was wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    seen: Counter[str] = Counter()
    wrong, begun = 0, time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for number, each in enumerate(interrupted(given.count, given.seed, Path(folder), given.jobs), 1):
            seen[f"{each.name}: {each.ended.code}"] += 1
            if each.faults:
                wrong += 1
                say(f"{each.name} after {each.after:.3f} s: {'; '.join(each.faults)}")
            if number % SAID_EACH == 0:
                say(f"{number} of {given.count}, {wrong} with faults, {time.perf_counter() - begun:.0f} s")
    for ending, times in sorted(seen.items()):
        say(f"{ending}, {times} times")
    say(f"{given.count} interrupts, {wrong} with faults, {time.perf_counter() - begun:.0f} s")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
