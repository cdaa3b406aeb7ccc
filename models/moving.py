"""Digits as a stream: each held-out digit stands for a while, moves by a pixel, stands again, in a circle."""

from itertools import cycle, islice

import numpy as np

from ..ir.errors import BadInput
from .digits import Digits, digits_images
from .writer import Array

CIRCLE = ((0, 0), (0, 1), (1, 1), (1, 0))  # rows down, columns to the right
STILL = 3  # frames


def moving_digits(digits: int = 10, frames: int = 12) -> Digits:
    """Frames [N, 1, 8, 8] of so many digits, one behind the other, so many of each; and their labels."""
    images, labels = digits_images()
    if not 0 < digits <= len(images):
        rule = f"there are {len(images)} digits, not {digits}"
        raise BadInput(None, rule, hint=f"ask for 1 to {len(images)}")
    path = [place for place in islice(cycle(CIRCLE), -(-frames // STILL)) for _ in range(STILL)][:frames]
    moved = [_moved(images[number], *place) for number in range(digits) for place in path]
    return Digits(np.stack(moved), np.repeat(labels[:digits], frames))


def _moved(image: Array, down: int, right: int) -> Array:
    """A picture that was moved, with nothing behind it."""
    found = np.zeros_like(image)
    _, height, width = image.shape
    found[:, down:, right:] = image[:, : height - down, : width - right]
    return found
