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
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from snc.backends.image.container import load

ROOT = Path(__file__).resolve().parents[2]
SECONDS_MAX = 120.0  # for a process to end that was interrupted, on a busy machine
LATEST = 1.1  # of the time that a command takes when nobody interrupts it
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
    """How a process ended. `was_late`: it had ended by itself."""

    code: int
    out: str
    err: str
    was_late: bool


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
    was_late = False
    if after is not None:
        time.sleep(after)
        was_late = process.poll() is not None
        process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        err += f"did not end in {SECONDS_MAX:g} seconds\n"
    return Ended(process.returncode, out, err, was_late)


def commands(folder: Path) -> dict[str, list[str]]:
    """What is interrupted; every file is written into `folder`."""
    model, data = str(ROOT / "models" / "digits.onnx"), str(ROOT / "models" / "digits_test.npz")
    image = str(folder.parent / "digits.snc")
    return {
        "compile": ["compile", model, "-o", "d.snc", "--report", "d.html", "--reference", "d.onnx"],
        "simulate": ["simulate", image, "-i", data, "-o", "d.npz", "--report", "d.json"],
        "verify": ["verify", model, image, "-i", data],
    }


def faults(found: Ended, folder: Path) -> Iterator[str]:
    """What is wrong with how an interrupted command has ended."""
    if not (found.was_late or found.code == 130 or (found.code == 0 and not found.err)):
        yield f"exit code {found.code}"
    lines = found.err.splitlines()
    if found.code == 130 and not (len(lines) == 1 and lines[0].startswith("snc: interrupted")):
        yield f"said {found.err!r}"
    for path in folder.iterdir():
        if str(path.name) in found.err:
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


def interrupted(count: int, seed: int, folder: Path) -> Iterator[tuple[str, float, Ended, list[str]]]:
    """Commands, the seconds after which each was interrupted, how it ended, and its faults."""
    chance = random.Random(seed)
    folder = folder.resolve()
    ended(["compile", str(ROOT / "models" / "digits.onnx"), "-o", "digits.snc"], folder, None)
    spent: dict[str, float] = {}
    for number in range(count):
        place = folder / str(number)
        place.mkdir()
        name, arguments = chance.choice(sorted(commands(place).items()))
        if name not in spent:
            begun = time.perf_counter()
            assert ended(arguments, folder, None).code == 0
            spent[name] = time.perf_counter() - begun
        after = chance.random() * LATEST * spent[name]
        found = ended(arguments, place, after)
        yield name, after, found, list(faults(found, place))


def say(line: str) -> None:
    """A line of the result."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """The exit code: 1 where anything was wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    seen: Counter[str] = Counter()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, after, found, what in interrupted(given.count, given.seed, Path(folder)):
            seen[f"{name} {found.code}"] += 1
            if what:
                wrong += 1
                say(f"{name} after {after:.3f} s: {'; '.join(what)}")
    say(", ".join(f"{ending}: {times}" for ending, times in sorted(seen.items())))
    say(f"{given.count} interrupts, {wrong} with faults")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
