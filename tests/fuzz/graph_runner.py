"""Runs many well-formed graphs, or makes one that fails small and prints it.

python -m fuzz.graph_runner --count 10000 --seed 0 --jobs 2
python -m fuzz.graph_runner --shrink 17
"""

import argparse
import sys
import warnings

from .graphs import case
from .harness import told
from .shrink import shown, shrunk
from .verdict import drawn_chip, judge


def main() -> int:
    """1 when a graph failed."""
    parser = argparse.ArgumentParser(prog="graphs")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--shrink", type=int, action="append", metavar="SEED")
    chosen = parser.parse_args()
    if chosen.shrink is None:
        return int(told("graph", argparse.Namespace(**{**vars(chosen), "first": chosen.seed, "seed": 0})) > 0)
    warnings.simplefilter("ignore")
    return max(_shrink(seed) for seed in chosen.shrink)


def _shrink(seed: int) -> int:
    whole = case(seed)
    chip = drawn_chip(seed)
    verdict = judge(whole, chip)
    if not verdict.fails:
        sys.stdout.write(f"# graph({seed}): {verdict.kind} {verdict.detail}\n")
        return 0
    found = shrunk(whole, lambda smaller: judge(smaller, chip).like(verdict))
    lines = "".join(f"# {line}\n" for line in judge(found, chip).detail.splitlines())
    sys.stdout.write(f"# graph({seed}): {verdict.kind}, {verdict.why}\n{lines}{shown(found)}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
