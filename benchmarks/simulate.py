"""How long the simulator takes for whole networks, in units of ONNX Runtime's time for the original model.

    python benchmarks/simulate.py [digits pilotnet model.onnx ...] [--zeros 0 0.9] [--frames 1 8]
        [--threads 1 2] [--arithmetic float32 chip] [--engine walk] [--repeats 5]

Each network is compiled for a mesh that holds it. Frames are normal noise of which a share is zero; simulator
and ONNX Runtime take them in turn, so that a busy machine is busy for both. Stated are medians of the
processor's seconds and their ratio. `--frames`: of one measurement, which ONNX Runtime takes in one batch
where the model leaves the batch open, else one by one. `--threads`: of both.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from snc.backends.image.image import Image
from snc.backends.lifted.walk import Walk
from snc.backends.machine.machine import Arithmetic
from snc.compiler.frontend.runtime import DTYPES, Arrays
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.dense.engine import Dense
from snc.compiler.running.engines import ENGINES
from snc.compiler.running.runner import Runner, network_inputs
from snc.compiler.targets.target import load_target
from snc.models.catalogue import CATALOGUE

MESH = (24, 24)


def processor_seconds(work: Callable[[], object]) -> float:
    """Of all threads of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def frames_of(image: Image, zeros: float, count: int) -> list[Arrays]:
    """Frames of noise, a share of each input's elements zero."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(count):
        frame = {}
        for tensor in network_inputs(image):
            noise = random.standard_normal(tensor.shape) * (random.random(tensor.shape) >= zeros)
            frame[tensor.name] = noise.astype(tensor.dtype)
        found.append(frame)
    return found


def session(path: Path, threads: int) -> Any:
    """The original model in ONNX Runtime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def batched(runtime: Any, frames: Sequence[Arrays]) -> list[Arrays]:
    """The frames as the model takes them: together where it leaves the batch open."""
    kinds = {value.name: DTYPES[value.type] for value in runtime.get_inputs()}
    cast = [{name: frame[name].astype(kind) for name, kind in kinds.items()} for frame in frames]
    if all(isinstance(value.shape[0], str) for value in runtime.get_inputs()):
        return [{name: np.concatenate([frame[name] for frame in cast]) for name in kinds}]
    return cast


def measured(
    image: Image, path: Path, row: tuple[Arithmetic, float, int, int], repeats: int, engine: str
) -> tuple[float, float]:
    """The medians of the simulator's and ONNX Runtime's seconds; the first turn only warms up."""
    arithmetic, zeros, count, threads = row
    frames = frames_of(image, zeros, count)
    runner, runtime = Runner(image, arithmetic, engine), session(path, threads)
    if isinstance(runner.machine, Walk):
        runner.machine = Walk(image, arithmetic, threads=threads)
    elif isinstance(runner.machine, Dense):
        runner.machine = Dense(image, threads=threads)
    batches = batched(runtime, frames)
    ours, theirs = [], []
    for _ in range(repeats + 1):
        ours.append(processor_seconds(lambda: [runner(frame) for frame in frames]))
        theirs.append(processor_seconds(lambda: [runtime.run(None, each) for each in batches]))
    return statistics.median(ours[1:]), statistics.median(theirs[1:])


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("networks", nargs="*", default=["digits", "pilotnet"])
    parser.add_argument("--zeros", type=float, nargs="+", default=[0.0, 0.9])
    parser.add_argument("--frames", type=int, nargs="+", default=[1])
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--arithmetic", nargs="+", choices=["float32", "chip"], default=["float32"])
    parser.add_argument("--engine", choices=sorted(ENGINES), default="walk")
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    print(f"{'network':28} arithmetic  zeros frames threads {'snc s':>8} {'ORT s':>8} {'ratio':>7}")
    for name in chosen.networks:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(name)
            if name in CATALOGUE:
                path = Path(folder) / f"{name}.onnx"
                onnx.save(CATALOGUE[name].build(), path)
            chip = replace(load_target("grai-vip"), name="benchmark", mesh=MESH)
            image = compile_model(path, chip, Options("fixed8")).image
            for row in product(chosen.arithmetic, chosen.zeros, chosen.frames, chosen.threads):
                arithmetic, zeros, count, threads = row
                snc, ort = measured(image, path, row, chosen.repeats, chosen.engine)
                print(
                    f"{path.stem:28} {arithmetic:10} {zeros:6.2f} {count:6} {threads:7} "
                    f"{snc:8.4f} {ort:8.4f} {snc / ort:7.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
