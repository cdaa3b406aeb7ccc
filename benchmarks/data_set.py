"""How long a data set takes in one command, beside ONNX Runtime, and how much memory.

    python benchmarks/data_set.py [--frames 1797 100 10000] [--repeats 5]

The frames are the digits that ship, over and over. ONNX Runtime runs the model as it is, frame by frame, on
two threads, in a process of its own that only loads it and the frames; "- start" is without what one frame
takes.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from ratios import cost, medians, snc

from snc.models.catalogue import build

RUN = """
import sys, numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 2
runtime = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
for frame in numpy.load(sys.argv[2]):
    runtime.run(None, {"image": frame})
"""


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, nargs="+", default=[1797, 100, 10_000])
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    held_out = Path(build.__code__.co_filename).with_name("digits_test.npz")
    with np.load(held_out) as archive:
        digits = archive["image"]
    print(f"{'frames':>7} {'snc s':>7} {'- start':>8} {'ORT s':>7} {'- start':>8} {'ratio':>6} {'MB':>5}")
    with tempfile.TemporaryDirectory() as folder:
        model, image, one, out = (Path(folder) / name for name in ("d.onnx", "d.snc", "one.npy", "out.npz"))
        model.write_bytes(build("digits").SerializeToString())
        np.save(one, digits[:1, None])
        cost(snc("compile", model, "-o", image))
        for count in chosen.frames:
            data = Path(folder) / f"{count}.npy"
            np.save(data, digits[np.arange(count) % len(digits), None])
            found = medians(
                {
                    "snc": snc("simulate", image, "-i", data, "-o", out),
                    "snc, start": snc("simulate", image, "-i", one, "-o", out),
                    "ort": [sys.executable, "-c", RUN, str(model), str(data)],
                    "ort, start": [sys.executable, "-c", RUN, str(model), str(one)],
                },
                chosen.repeats,
            )
            ours = found["snc"].processor - found["snc, start"].processor
            theirs = found["ort"].processor - found["ort, start"].processor
            print(
                f"{count:7} {found['snc'].processor:7.2f} {ours:8.2f} {found['ort'].processor:7.2f} "
                f"{theirs:8.2f} {ours / theirs:6.1f} {found['snc'].megabytes:5.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
