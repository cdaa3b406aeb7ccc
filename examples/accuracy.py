"""How many digits each weight format gets right, what it takes, and how many events a digit makes."""

from pathlib import Path

import numpy as np

import snc

MODELS = Path(__file__).parents[1] / "models"


def main(formats: tuple[str, ...] = ("float32", "float16", "fixed8"), count: int = 100) -> None:
    """Compiles, checks against ONNX Runtime, and runs held-out digits."""
    with np.load(MODELS / "digits_test.npz") as held_out:
        digits, labels = held_out["image"][:count], held_out["label"][:count]
    for weights in formats:
        image = snc.compile(MODELS / "digits.onnx", weights=weights)
        assert snc.verify(MODELS / "digits.onnx", image, digits[:4]).is_mapped_right
        found = image.simulate(digits)
        (scores,) = found.outputs.values()
        right = (scores.reshape(count, -1).argmax(axis=1) == labels).mean()
        size = image.bill().total
        events = found.counters.total.events / count
        print(f"{weights:8} {right:6.1%} right, {size.parameters:6,} bytes of weights, {events:,.0f} events")


if __name__ == "__main__":
    main()
