"""A moving picture: a patch that moves over a picture that stands still."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

FRAMES = 200
ACROSS, DOWN = 32, 48  # frames from one side to the other: the same movie at any number of pixels

Pixels = npt.NDArray[np.generic]


def movie(still: Pixels, patch: Pixels, frames: int = FRAMES) -> Iterator[Pixels]:
    """Frames of a picture [H, W, ...] with a square patch that goes to and fro."""
    height, width, side = *still.shape[:2], len(patch)
    for step in range(frames):
        y, x = _between(step, DOWN, height - side), _between(step, ACROSS, width - side)
        frame = still.copy()
        frame[y : y + side, x : x + side] = patch
        yield frame


def _between(step: int, period: int, end: int) -> int:
    at = step % (2 * period)
    return round(end * min(at, 2 * period - at) / period)
