"""How long the simulator takes for whole networks, in units of ONNX Runtime's time for the original model.

    python benchmarks/simulate.py [digits pilotnet model.onnx ...] [--zeros 0 0.9] [--frames 1 8]
        [--threads 1 2] [--arithmetic float32 chip] [--engine walk] [--graph-alone] [--repeats 5]

Each network is compiled for a mesh that holds it. Frames are normal noise of which a share is zero; simulator
and ONNX Runtime take them in turn, so that a busy machine is busy for both. Stated are medians of the
processor's seconds and their ratio, and of the simulator's seconds by the clock, which show what threads
bring where nothing else runs. `--frames`: of one measurement, which ONNX Runtime takes in one batch
where the model leaves the batch open, else one by one. `--threads`: of both. `--graph-alone`: of the dense
engine, what ONNX Runtime takes for its graph, which gives the outputs and nothing to be counted.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

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


class Measured(NamedTuple):
    """Medians of seconds: the simulator's, of the processor and of the clock, and ONNX Runtime's."""

    snc: float
    clock: float
    ort: float


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Of the processor, in all threads of this process, and of the clock."""
    start, clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - start, time.perf_counter() - clock


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
    # Its threads would go on waiting for work, on the processors of those that run next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
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
    image: Image,
    path: Path,
    row: tuple[Arithmetic, float, int, int],
    repeats: int,
    engine: str,
    graph_alone: bool,
) -> Measured:
    """The medians; the first turn only warms up."""
    arithmetic, zeros, count, threads = row
    frames = frames_of(image, zeros, count)
    runner, runtime = Runner(image, arithmetic, engine), session(path, threads)
    if isinstance(runner.machine, Walk):
        runner.machine = Walk(image, arithmetic, threads=threads)
    elif isinstance(runner.machine, Dense):
        runner.machine = Dense(image, threads=threads)
    batches = batched(runtime, frames)
    work: Callable[[], object] = partial(run_frames, runner, frames)
    if graph_alone and isinstance(runner.machine, Dense):
        work = graph_runs(runner.machine, count)
    ours, theirs = [], []
    for _ in range(repeats + 1):
        ours.append(seconds(work))
        theirs.append(seconds(lambda: [runtime.run(None, each) for each in batches]))
    processor, clock = (statistics.median(each) for each in zip(*ours[1:], strict=True))
    return Measured(processor, clock, statistics.median(each for each, _ in theirs[1:]))


def run_frames(runner: Runner, frames: Sequence[Arrays]) -> None:
    """Runs them as a data set is run: as many together as are quicker so."""
    for first in range(0, len(frames), runner.together):
        runner.several(frames[first : first + runner.together])


def graph_runs(machine: Dense, count: int) -> Callable[[], object]:
    """What runs the dense engine's graph for so many frames of noise."""
    session, together = machine.session(counted=False), min(count, machine.together)
    values = session.values(together)
    for index in session.inputs:
        values.maps[index][:] = np.random.default_rng(0).standard_normal(values.maps[index].shape)

    def runs() -> None:
        for _ in range(0, count, together):
            for part in range(len(session.parts)):
                session.run(values, part)

    return runs


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("networks", nargs="*", default=["digits", "pilotnet"])
    parser.add_argument("--zeros", type=float, nargs="+", default=[0.0, 0.9])
    parser.add_argument("--frames", type=int, nargs="+", default=[1])
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--arithmetic", nargs="+", choices=["float32", "chip"], default=["float32"])
    parser.add_argument("--engine", choices=sorted(ENGINES), default="walk")
    parser.add_argument("--graph-alone", action="store_true")
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    print(
        f"{'network':28} arithmetic  zeros frames threads {'snc s':>8} {'clock':>8} {'ORT s':>8} {'ratio':>7}"
    )
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
                found = measured(image, path, row, chosen.repeats, chosen.engine, chosen.graph_alone)
                print(
                    f"{path.stem:28} {arithmetic:10} {zeros:6.2f} {count:6} {threads:7} "
                    f"{found.snc:8.4f} {found.clock:8.4f} {found.ort:8.4f} {found.snc / found.ort:7.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
