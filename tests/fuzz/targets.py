"""What is fuzzed: the way in for models, the reader and the simulator for images, and the whole pipeline for
well-formed graphs.
"""

import functools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from oracle.cases import CASES

from snc.backends.analysis.listing import disassemble
from snc.backends.image.container import read_image, write_image
from snc.compiler.pipeline.check import check
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.reports.report import report
from snc.compiler.running.inputs import random_frames
from snc.compiler.running.runner import Runner
from snc.compiler.targets.target import load_target
from snc.ir.errors import SncError

from .graphs import case
from .mutations import damaged_image, damaged_model
from .verdict import drawn_chip, judge

CHIP = load_target("grai-vip")
IMAGES = 12  # compiled cases that images are mutated from


@dataclass(frozen=True, slots=True)
class End:
    """How a case ended, in words that cases share; `fault`: what to show of one that may not end so."""

    kind: str
    fault: str = ""


@functools.cache
def models() -> tuple[bytes, ...]:
    """The models that are mutated."""
    return tuple(case.model().SerializeToString() for case in CASES)


@functools.cache
def images() -> tuple[bytes, ...]:
    """The images that are mutated."""
    chosen = models()[:: len(models()) // IMAGES]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        made = []
        for data in chosen:
            path.write_bytes(data)
            made.append(write_image(compile_model(path, CHIP, Options(weights="float32", effort=1.0)).image))
    return tuple(made)


def model(seed: int, number: int, folder: Path) -> End:
    """Checks a damaged model, a file of the folder. SncError is what may happen."""
    random = np.random.default_rng((seed, number))
    data = damaged_model(random, models()[int(random.integers(len(models())))])
    path = folder / "model.onnx"
    path.write_bytes(data)
    try:
        check(path, CHIP, Options())
    except SncError:
        return End("refused")
    return End("read")


def image(seed: int, number: int, folder: Path) -> End:
    """Reads a damaged image, a file of the folder, shows it, and runs it. SncError is what may happen."""
    random = np.random.default_rng((seed, number))
    data = damaged_image(random, images()[int(random.integers(len(images())))])
    try:
        found = read_image(data, "damaged.snc")
        path = folder / "damaged.snc"
        path.write_bytes(data)
        report(found, path)
        disassemble(found)
        Runner(found)(random_frames(found, 1, 0)[0])
    except SncError:
        return End("refused")
    return End("run")


def graph(seed: int, number: int, folder: Path) -> End:
    """Compiles a well-formed graph and compares what its image computes with ONNX Runtime. A refusal is what
    may happen, too.
    """
    verdict = judge(case(seed + number), drawn_chip(seed + number), folder)
    kind = f"{verdict.kind}: {verdict.why}" if verdict.why else verdict.kind
    return End(kind, f"graph({seed + number}): {kind}\n{verdict.detail}" if verdict.fails else "")


def prepare(target: str, folder: Path) -> None:
    """Does what would make the first case of a process take long: imports, pools, compiled kernels."""
    if target == "model":
        path = folder / "model.onnx"
        path.write_bytes(models()[0])
        check(path, CHIP, Options())
    elif target == "graph":
        graph(0, 1, folder)
    else:
        for data in images():
            found = read_image(data, "image.snc")
            Runner(found)(random_frames(found, 1, 0)[0])


TARGETS: dict[str, Callable[[int, int, Path], End]] = {"model": model, "image": image, "graph": graph}
