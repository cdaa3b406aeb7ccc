"""How soon commands answer, as ratios to the start of Python itself.

    python benchmarks/start_up.py [--repeats 7] [--fresh]

`--fresh` measures the first simulation of an installation, too, with an empty cache of compiled functions.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from ratios import Cost, cost, medians, snc

from snc.models.catalogue import build


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--fresh", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model, image, frame = (Path(folder) / name for name in ("digits.onnx", "digits.snc", "one.npy"))
        model.write_bytes(build("digits").SerializeToString())
        np.save(frame, np.zeros((1, 1, 8, 8), np.float32))
        cost(snc("compile", model, "-o", image))
        cost(snc("simulate", image, "-i", frame))
        commands = {
            "python -c pass": [snc()[0], "-c", "pass"],
            "snc --help": snc("--help"),
            "snc inspect": snc("inspect", image),
            "snc disasm": snc("disasm", image),
            "snc check": snc("check", model),
            "snc compile": snc("compile", model, "-o", image),
            "snc simulate": snc("simulate", image, "-i", frame),
        }
        found = medians(commands, chosen.repeats)
        if chosen.fresh:
            cache = {"NUMBA_CACHE_DIR": str(Path(folder) / "cache")}
            found["snc simulate, the first time"] = cost(snc("simulate", image, "-i", frame), cache)
    unit: Cost = found["python -c pass"]
    print(f"{'command':32} {'processor s':>11} {'ratio':>7} {'wall s':>8} {'MB':>6}")
    for name, each in found.items():
        ratio = each.processor / unit.processor
        print(f"{name:32} {each.processor:11.3f} {ratio:7.1f} {each.wall:8.3f} {each.megabytes:6.0f}")


if __name__ == "__main__":
    main()
