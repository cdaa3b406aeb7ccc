"""Recorded events (t, x, y, p) as frames: those of so many seconds add up, pixel by pixel.

What counts is in memory once, and frames are made when they are asked for.
"""

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....backends.image.image import ImageTensor
from ....ir.errors import BadInput, Origin
from . import cameras, stored
from .stored import Stored

NMNIST = ".bin"
SUFFIXES = (NMNIST, *cameras.SUFFIXES)
FIELDS = ("t", "x", "y", "p")
STEP = 1e-3  # seconds of a frame, where nobody says
MICROSECONDS = 1e6
EVENT_BYTES = 5  # of N-MNIST: x, y, and 24 bits of which the first is the polarity and the rest the time
FRAMES_MAX = 2**31
HINT = "give an array with the fields t, x, y, p: microseconds, column, row, polarity"


def is_recording(path: Path) -> bool:
    """Whether a file holds events, as its name or its array's fields say. Raises BadInput for no array."""
    if path.suffix.lower() == ".npy":
        return set(FIELDS) <= set(Stored(path).dtype.names or ())
    if path.suffix.lower() == ".npz":
        known = stored.keys(path)
        return set(FIELDS) <= set(known) or (
            len(known) == 1 and set(FIELDS) <= set(Stored(path, known[0]).dtype.names or ())
        )
    return path.suffix.lower() in SUFFIXES


class Recording:
    """The events of a file in frames of `step` seconds, from the first event on. Raises BadInput."""

    def __init__(self, path: Path, tensor: ImageTensor, step: float) -> None:
        self.tensor, self._origin = tensor, Origin(file=path.name)
        times, x, y, p = _events(path)
        if not times.size:
            raise BadInput(self._origin, "holds no event", hint=HINT)
        if (np.diff(times) < 0).any():
            order = np.argsort(times, kind="stable")
            times, x, y, p = times[order], x[order], y[order], p[order]
        width = step * (MICROSECONDS if times.dtype.kind in "iu" else 1.0)
        self._frame = ((times - times[0]) / width).astype(np.int64)
        self.frames = int(self._frame[-1]) + 1
        if self.frames > FRAMES_MAX:
            rule = f"has {self.frames} frames of {step:g} s"
            raise BadInput(self._origin, rule, hint="give --bin more seconds")
        self._place = self._places(x, y, p)

    def __call__(self, index: int) -> NDArray[np.float32]:
        """How many events each pixel has in a frame."""
        low, high = np.searchsorted(self._frame, [index, index + 1])
        size = prod(self.tensor.shape)
        counts = np.bincount(self._place[low:high], minlength=size)
        return counts.astype(np.float32).reshape(self.tensor.shape)

    def _places(self, x: NDArray[Any], y: NDArray[Any], p: NDArray[Any]) -> NDArray[np.int64]:
        """The element of the input that each event counts in."""
        shape = self.tensor.shape
        depth, height, width = (1, 1, shape[-1]) if len(shape) == 2 else (*shape, 1, 1, 1)[1:4]
        channel = (p > 0).astype(np.int64) if depth > 1 else np.zeros(p.shape, dtype=np.int64)
        sizes = f"{self.tensor.name} {list(shape)}"
        if len(shape) not in (2, 4) or depth > 2:
            rule = f"its events have a column, a row and a polarity, the input {sizes} has not"
            raise BadInput(self._origin, rule, hint="give frames, as an .npy or .npz")
        if x.min() < 0 or y.min() < 0 or x.max() >= width or y.max() >= height:
            rule = f"has events up to column {int(x.max())} and row {int(y.max())}, beyond the input {sizes}"
            raise BadInput(self._origin, rule, hint="cut it to the input's size")
        return np.asarray((channel * height + y.astype(np.int64)) * width + x.astype(np.int64))


def _events(path: Path) -> tuple[NDArray[Any], ...]:
    """Times, columns, rows and polarities: whole times are microseconds, others seconds."""
    suffix = path.suffix.lower()
    if suffix == NMNIST:
        return _nmnist(path)
    if suffix in cameras.SUFFIXES:
        return cameras.camera_events(path)
    if suffix == ".npy":
        held = Stored(path).whole()
    else:
        known = stored.keys(path)
        if set(FIELDS) <= set(known):
            return _alike(path, tuple(Stored(path, name).whole().ravel() for name in FIELDS))
        held = Stored(path, known[0]).whole()
    return _alike(path, tuple(held[name].ravel() for name in FIELDS))


def _alike(path: Path, arrays: tuple[NDArray[Any], ...]) -> tuple[NDArray[Any], ...]:
    if len({array.size for array in arrays}) > 1 or any(array.dtype.kind not in "iufb" for array in arrays):
        raise BadInput(Origin(file=path.name), "has no number for each event's t, x, y and p", hint=HINT)
    times = arrays[0].astype(np.float64 if arrays[0].dtype.kind == "f" else np.int64)
    if times.dtype.kind == "f" and not np.isfinite(times).all():
        raise BadInput(Origin(file=path.name), "has times that are not finite", hint=HINT)
    return times, *arrays[1:]


def _nmnist(path: Path) -> tuple[NDArray[Any], ...]:
    origin = Origin(file=path.name)
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise BadInput(origin, f"cannot be read ({error.strerror or error})", hint="check the path") from None
    if data.size % EVENT_BYTES:
        rule = f"has {data.size} bytes, no number of events of {EVENT_BYTES}"
        raise BadInput(origin, rule, hint="give a recording of N-MNIST, or an array of events")
    rows = data.reshape(-1, EVENT_BYTES).astype(np.int64)
    high = rows[:, 2] % 128
    times = (high * 256 + rows[:, 3]) * 256 + rows[:, 4]
    return times, rows[:, 0], rows[:, 1], rows[:, 2] // 128
