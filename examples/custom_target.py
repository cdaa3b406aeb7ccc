"""A chip of one's own: four small cores, from a target file; the network is cut to fit."""

import tempfile
from pathlib import Path

import snc

MODEL = Path(__file__).parents[1] / "models" / "digits.onnx"
TARGET = """\
name = "four-small"
mesh = [2, 2]
core_words = 512
"""


def main() -> None:
    """Compiles for the chip, and shows which core has which layers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "four-small.toml"
        path.write_text(TARGET)
        image = snc.compile(MODEL, target=path)
    for index, core in enumerate(image.image.cores):
        layers = [
            each.name for each in image.image.about.layers if any(f.core == index for f in each.fragments)
        ]
        print(f"core {index} at ({core.x}, {core.y}): {core.words.size} words, {', '.join(layers)}")
    assert snc.verify(MODEL, image).is_mapped_right


if __name__ == "__main__":
    main()
