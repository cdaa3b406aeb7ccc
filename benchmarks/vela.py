"""How long `snc compile` takes beside Vela, the compiler for Ethos-U, on the same 8-bit networks.

    python benchmarks/vela.py --vela VENV/bin/vela model_int8.onnx ... [--repeats 5]

Vela reads TFLite: the models are converted first (tflite.py), which is not counted. Both compilers are whole
commands, run in turn; stated are medians of the processor's seconds and their ratio. Install Vela where you
like: `python -m venv VENV && VENV/bin/pip install ethos-u-vela`.
"""

import argparse
import tempfile
from pathlib import Path

from ratios import medians, snc
from tflite import convert


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--vela", default="vela")
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    print(f"{'network':32} {'snc s':>7} {'Vela s':>7} {'ratio':>6} {'snc MB':>7} {'Vela MB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for model in chosen.models:
            lite = Path(folder) / f"{model.stem}.tflite"
            convert(model, lite)
            commands = {
                "snc": snc("compile", model, "-o", Path(folder) / "image.snc"),
                "vela": [chosen.vela, str(lite), "--output-dir", folder],
            }
            found = medians(commands, chosen.repeats)
            ours, theirs = found["snc"], found["vela"]
            print(
                f"{model.stem:32} {ours.processor:7.2f} {theirs.processor:7.2f} "
                f"{ours.processor / theirs.processor:6.2f} {ours.megabytes:7.0f} {theirs.megabytes:8.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
