"""Which chip for this network: cores and memory of the digits network on chips with smaller cores.

python examples/mapping_study.py [MODEL.onnx]
"""

import sys
from dataclasses import replace
from pathlib import Path

import snc

MODEL = Path(__file__).parents[1] / "models" / "digits.onnx"
CORE_WORDS = (32768, 1024, 512, 384, 256)


def main(model: Path) -> None:
    """Reads the model once, and maps it to each chip."""
    prepared = snc.prepare(model)
    chip = snc.load_target("grai-vip")
    print("words a core  cores  bytes")
    for words in CORE_WORDS:
        smaller = replace(chip, name=f"words-{words}", core_words=words)
        try:
            image = snc.compile(prepared, smaller)
        except snc.SncError as error:
            print(f"{words:12}  {error.message}")
            continue
        print(f"{words:12}  {len(image.image.cores):5}  {image.bill().total.total:,}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else MODEL)
