"""How long the mapper takes for the builders' networks and for files, against the machine's own speed.

    python benchmarks/mapping_speed.py [mobilenetv1 resnet50 model.onnx ...] [--states persistent]
        [--repeats 3]

Prints the medians of the seconds of processor time of each stage, their sum in units of a fixed Python loop
(so that machines can be compared), and the cores with their bound. What the first network needs and the cache
does not hold is compiled: give it twice.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import onnx

from snc.compiler.pipeline.map import packer_of, quantised
from snc.compiler.pipeline.options import Options
from snc.compiler.pipeline.prepare import prepare
from snc.compiler.targets.target import load_target
from snc.ir.aims import StateUse
from snc.models.catalogue import CATALOGUE

CHIP = replace(load_target("grai-vip"), name="benchmark", mesh=(24, 24))
LOOP = 5_000_000  # additions: some tenths of a second
STAGES = ("prepare", "cut", "pack", "place")


def loop_seconds() -> float:
    """The processor time of a fixed loop."""
    start, total = time.process_time(), 0
    for i in range(LOOP):
        total += i
    return time.process_time() - start


def measured(path: Path, states: str) -> tuple[list[float], int, int]:
    """The seconds of each stage, the cores, and the fewest that are proven."""
    options, times = Options("fixed8", states=StateUse(states)), [time.process_time()]
    prepared = prepare(path)
    times.append(time.process_time())
    packer = packer_of(quantised(prepared, options.weights), CHIP, options)
    times.append(time.process_time())
    choices = packer.choices()
    times.append(time.process_time())
    found = packer.located(choices)
    times.append(time.process_time())
    seconds = [b - a for a, b in pairwise(times)]
    return seconds, len(found.mapping.cores), found.solution.least_cores


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("networks", nargs="*", default=["pilotnet", "mobilenetv1", "resnet50"])
    parser.add_argument("--states", choices=["shared", "persistent"], default="shared")
    parser.add_argument("--repeats", type=int, default=1)
    chosen = parser.parse_args()
    unit = loop_seconds()
    print(f"a loop takes {unit:.2f} s")
    print(f"{'network':24}", *(f"{stage:>7}" for stage in STAGES), f"{'loops':>7}  cores (bound)")
    for name in chosen.networks:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(name)
            if name in CATALOGUE:
                path = Path(folder) / f"{name}.onnx"
                onnx.save(CATALOGUE[name].build(), path)
            turns = [measured(path, chosen.states) for _ in range(chosen.repeats)]
            seconds = [statistics.median(parts) for parts in zip(*(turn[0] for turn in turns), strict=True)]
            _, cores, least = turns[0]
        each = (f"{part:7.2f}" for part in seconds)
        print(f"{path.stem:24}", *each, f"{sum(seconds) / unit:7.1f}  {cores} ({least})", flush=True)


if __name__ == "__main__":
    main()
