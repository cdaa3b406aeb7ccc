"""What the outputs of a network that runs over time say of a stream: how often each neuron spiked, and when
first.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ....backends.image.container import write_whole
from ....ir.errors import BadInput
from .blocks import Block

NEVER = -1
SPIKES = np.dtype(
    [("t", "<i8"), ("x", "<i4"), ("y", "<i4"), ("p", "<i4"), ("value", "<f4"), ("stream", "<i4")]
)


@dataclass(slots=True, eq=False)
class Stream:
    """Frames that follow one another, from one beginning to the next: of each output, by neuron, the sum of
    its values, and the first frame in which it had one, counted from the stream's first; -1: in none. `last`:
    the neuron of the first output that has the largest value in the last frame.
    """

    begin: int
    frames: int
    counts: dict[str, NDArray[np.float64]]
    first: dict[str, NDArray[np.int64]]
    last: int = NEVER

    @property
    def winner(self) -> int:
        """The neuron of the first output that spiked most."""
        return int(next(iter(self.counts.values())).argmax())


class Spikes:
    """Gathers streams, block by block; `begins`: whether a frame is the first of one. `by_last`: the class of
    one is what its last frame says, not what spiked most.
    """

    def __init__(self, begins: Callable[[int], bool], *, by_last: bool = False) -> None:
        self.streams: list[Stream] = []
        self._begins, self._by_last = begins, by_last

    def add(self, block: Block) -> None:
        """The next block."""
        outputs = {name: array.reshape(block.frames, -1) for name, array in block.outputs.items()}
        for offset in range(block.frames):
            frame = block.first + offset
            if not self.streams or self._begins(frame):
                self.streams.append(_stream(frame, {name: array.shape[1] for name, array in outputs.items()}))
            stream = self.streams[-1]
            for name, array in outputs.items():
                values = array[offset].astype(np.float64)
                stream.counts[name] += values
                fresh = (values != 0) & (stream.first[name] == NEVER)
                stream.first[name][fresh] = stream.frames
            stream.frames += 1
            stream.last = int(next(iter(outputs.values()))[offset].argmax())

    def classes(self) -> list[int]:
        """The class of each stream."""
        return [stream.last if self._by_last else stream.winner for stream in self.streams]

    def accuracy(self, labels: NDArray[np.int64]) -> float:
        """The share of streams whose class is their label. Raises BadInput."""
        if len(labels) != len(self.streams):
            rule = f"there are {len(labels)} labels for {len(self.streams)} streams"
            raise BadInput(None, rule, hint="give one for each")
        return float(np.mean([found == label for found, label in zip(self.classes(), labels, strict=True)]))


RASTER_MAX = 4096  # spikes that are drawn


class Raster:
    """Which neurons of the first output spiked in which frames of the first stream: the first spikes, as many
    as can be told apart in a drawing.
    """

    def __init__(self, begins: Callable[[int], bool]) -> None:
        self.name, self.frames, self.neurons = "", 0, 0
        self.points: list[tuple[int, int]] = []
        self._begins, self._is_over = begins, False

    def add(self, block: Block) -> None:
        """The next block."""
        self.name, array = next(iter(block.outputs.items()))
        rows = array.reshape(block.frames, -1)
        self.neurons = rows.shape[1]
        for offset in range(block.frames):
            frame = block.first + offset
            self._is_over |= frame > 0 and self._begins(frame)
            if self._is_over or len(self.points) >= RASTER_MAX:
                return
            self.frames += 1
            self.points += [(frame, neuron) for neuron in np.flatnonzero(rows[offset]).tolist()]


class Events:
    """The spikes of the first output as a list of events: time in microseconds, column, row, channel, value
    and stream.
    """

    def __init__(self, path: Path, begins: Callable[[int], bool], step: float) -> None:
        self.path, self._begins, self._step = path, begins, step
        self._found: list[NDArray[Any]] = []
        self._stream, self._begin = NEVER, 0

    def add(self, block: Block) -> None:
        """The next block."""
        array = next(iter(block.outputs.values()))
        depth, height, width = (*array.shape[2:], 1, 1)[:3] if array.ndim > 2 else (array[0].size, 1, 1)
        maps = array.reshape(block.frames, depth, height, width)
        for offset in range(block.frames):
            frame = block.first + offset
            if self._stream == NEVER or self._begins(frame):
                self._stream, self._begin = self._stream + 1, frame
            c, y, x = np.nonzero(maps[offset])
            held = np.zeros(len(c), dtype=SPIKES)
            held["t"] = round((frame - self._begin) * self._step * 1e6)
            held["x"], held["y"], held["p"] = x, y, c
            held["value"], held["stream"] = maps[offset][c, y, x], self._stream
            self._found.append(held)

    def save(self) -> None:
        """Writes what was gathered."""
        buffer = io.BytesIO()
        npy.write_array(buffer, np.concatenate([np.zeros(0, dtype=SPIKES), *self._found]), allow_pickle=False)
        write_whole(self.path, buffer.getvalue())


def _stream(begin: int, sizes: dict[str, int]) -> Stream:
    counts = {name: np.zeros(size) for name, size in sizes.items()}
    return Stream(begin, 0, counts, {name: np.full(size, NEVER, np.int64) for name, size in sizes.items()})
