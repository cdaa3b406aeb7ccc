"""What is fuzzed: the way in for models, and the reader and the simulator for images."""

import functools
import tempfile
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

from .mutations import damaged_image, damaged_model

CHIP = load_target("grai-vip")
IMAGES = 12  # compiled cases that images are mutated from


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


def model(seed: int, number: int, folder: Path) -> None:
    """Checks a damaged model, a file of the folder. SncError is what may happen."""
    random = np.random.default_rng((seed, number))
    data = damaged_model(random, models()[int(random.integers(len(models())))])
    path = folder / "model.onnx"
    path.write_bytes(data)
    try:
        check(path, CHIP, Options())
    except SncError:
        return


def image(seed: int, number: int, folder: Path) -> None:
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
        return


def prepare(target: str, folder: Path) -> None:
    """Does what would make the first case of a process take long: imports, pools, compiled kernels."""
    if target == "model":
        path = folder / "model.onnx"
        path.write_bytes(models()[0])
        check(path, CHIP, Options())
    else:
        for data in images():
            found = read_image(data, "image.snc")
            Runner(found)(random_frames(found, 1, 0)[0])


TARGETS = {"model": model, "image": image}
