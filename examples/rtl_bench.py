"""What a bench for an RTL chip needs: memories for $readmemh, the events of a frame, the outputs to expect.

python examples/rtl_bench.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np

import snc

MODELS = Path(__file__).parents[1] / "models"


def main(folder: Path) -> None:
    """Writes FOLDER/chip (the memories), events.txt and expected.txt; numbers are float16, in hexadecimal."""
    image = snc.compile(MODELS / "digits.onnx")
    image.export(folder / "chip", "memh")
    with np.load(MODELS / "digits_test.npz") as held_out:
        (frame,) = image.frames(held_out["image"][0])
    lines: list[str] = []

    def note(fire: snc.Fire) -> None:
        """An event for each value that is not zero: channel by channel, row by row."""
        for c, y, x in np.argwhere(fire.values):
            bits = np.float16(fire.values[c, y, x]).view(np.uint16)
            lines.append(f"{fire.core} {fire.population} {c} {y} {x} {bits:04x}")

    result = image.session(arithmetic="chip").run(frame, on_fire=note)
    (folder / "events.txt").write_text("\n".join(lines) + "\n")
    (scores,) = result.outputs.values()
    expected = scores.ravel().astype(np.float16).view(np.uint16)
    (folder / "expected.txt").write_text("".join(f"{bits:04x}\n" for bits in expected))
    print(f"{folder}: {len(image.image.cores)} memories, {len(lines)} events, {expected.size} outputs")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
