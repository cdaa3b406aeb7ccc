"""How long `snc compile` takes now, and how much memory, and beside the state of another commit.

    python benchmarks/compile_speed.py [digits resnet50 deep390 model.onnx ...] [--against COMMIT]
        [--repeats 3] [--most 1.1] [--megabytes 600]

Stated are medians of the processor's seconds of whole commands, run in turn, as ratios to the start of Python
and to the other commit, which gets a worktree of its own for that time; the most memory that they have at any
time; and whether the images have the same bytes. `deep390` is a chain of so many convolutions. With `--most`,
it ends with exit code 1 where a ratio to the other commit is above that, with `--megabytes` where a command
takes more. Functions that are compiled at the first call are in the caches before anything is measured.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

import onnx
from mapping_scale import deep
from ratios import Cost, cost, snc

from snc.models.catalogue import CATALOGUE

CHECKOUT = Path(__file__).resolve().parents[1]
CHAIN = re.compile(r"deep(?P<layers>[1-9][0-9]*)")
Environment = Mapping[str, str]


@contextmanager
def worktree(commit: str) -> Iterator[Environment]:
    """What runs the package as it was at a commit."""
    git = "git", "-C", str(CHECKOUT), "worktree"
    with tempfile.TemporaryDirectory() as folder:
        package = str(Path(folder) / "snc")
        subprocess.run([*git, "add", "--detach", package, commit], check=True, capture_output=True)
        try:
            yield {"PYTHONPATH": folder, "PYTHONSAFEPATH": "1"}  # whatever the current folder holds
        finally:
            subprocess.run([*git, "remove", "--force", package], check=True, capture_output=True)


def measured(model: Path, states: Mapping[str, Environment], repeats: int) -> dict[str, tuple[Cost, bytes]]:
    """For each state of the package the median cost of compiling a model, and the image."""
    image = model.parent / "image.snc"
    costs: dict[str, list[Cost]] = {name: [] for name in states}
    images: dict[str, bytes] = {}
    for turn in range(repeats + 1):
        for name, environment in states.items():
            found = cost(snc("compile", model, "-o", image), environment)
            images[name] = image.read_bytes()
            costs[name] += [found] if turn else []  # the first one fills the caches
    return {
        name: (
            Cost(
                *(statistics.median(getattr(c, part) for c in costs[name]) for part in Cost.__annotations__)
            ),
            images[name],
        )
        for name in states
    }


def written(name: str, folder: Path) -> Path:
    """The file of a network: a builder's, a chain's, or a copy of a file."""
    model = folder / f"{Path(name).stem}.onnx"
    if name in CATALOGUE:
        onnx.save(CATALOGUE[name].build(), model)
    elif (chain := CHAIN.fullmatch(name)) is not None:
        onnx.save(deep(int(chain["layers"])), model)
    else:
        model.write_bytes(Path(name).read_bytes())
    return model


def compared(
    networks: list[str], states: Mapping[str, Environment], repeats: int
) -> Iterator[tuple[float, float]]:
    """Prints a row for each network; yields the ratio to the other commit, or 1 where there is none, and the
    megabytes.
    """
    unit = statistics.median(cost([sys.executable, "-c", "pass"]).processor for _ in range(7))
    then = f" {'then s':>7} {'ratio':>6} {'MB':>6}  bytes" if "then" in states else ""
    print(f"{'network':28} {'now s':>7} {'of pass':>8} {'MB':>6}{then}")
    for name in networks:
        with tempfile.TemporaryDirectory() as folder:
            model = written(name, Path(folder))
            found = measured(model, states, repeats)
        now, image = found["now"]
        row = f"{model.stem:28} {now.processor:7.2f} {now.processor / unit:8.1f} {now.megabytes:6.0f}"
        ratio = 1.0
        if "then" in found:
            was, before = found["then"]
            ratio = now.processor / was.processor
            row += f" {was.processor:7.2f} {ratio:6.2f} {was.megabytes:6.0f}"
            row += "  same" if image == before else "  others"
        print(row, flush=True)
        yield ratio, now.megabytes


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("networks", nargs="*", default=["digits", "pilotnet", "mobilenetv1", "resnet50"])
    parser.add_argument("--against", metavar="COMMIT")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--most", type=float)
    parser.add_argument("--megabytes", type=float)
    chosen = parser.parse_args()
    with worktree(chosen.against) if chosen.against else nullcontext() as then:
        states = {"now": {}} if then is None else {"now": {}, "then": then}
        ratios, megabytes = zip(*compared(chosen.networks, states, chosen.repeats), strict=True)
    if chosen.most is not None and max(ratios) > chosen.most:
        raise SystemExit(f"slower: {max(ratios):.2f} of {chosen.against}, {chosen.most} at most")
    if chosen.megabytes is not None and max(megabytes) > chosen.megabytes:
        raise SystemExit(f"more memory: {max(megabytes):.0f} MB, {chosen.megabytes:.0f} at most")


if __name__ == "__main__":
    main()
