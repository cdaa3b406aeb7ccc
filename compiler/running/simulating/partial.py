"""What a simulation has finished, in a file beside the one that it is to become.

The file is a line of JSON and, for each block, a head with a checksum, the counters, and the outputs frame by
frame. Blocks are only added, and one counts once it is whole: whatever ends a run, the blocks before stay.
"""

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from ....backends.machine.counters import Counters
from ....ir.errors import BadInput, Origin
from .blocks import Block

SUFFIX = ".part"
HEAD = struct.Struct("<4sIQQd")  # magic, CRC-32 of what follows the head, frames, bytes, seconds
MAGIC = b"BLCK"
LINE_MAX = 2**20  # bytes of the line of JSON
Run = Mapping[str, object]  # what the same frames' outputs follow from


class Partial:
    """The blocks of a run, on disk: from the first one on, until the end of a `with` block.

    `has_memory`: states last from frame to frame, so that nothing can go on from a block. `counters`: what
    the image's machine counts in.
    """

    def __init__(
        self,
        target: Path,
        run: Run,
        frames: int,
        *,
        has_memory: bool = False,
        counters: type[Counters] = Counters,
    ) -> None:
        self.has_memory = has_memory
        self.path = target.with_name(target.name + SUFFIX)
        self.done = 0
        self._run = json.loads(json.dumps(run))
        self._frames = frames
        self._counters = counters
        self._file: BinaryIO | None = None
        self._layout: dict[str, Any] = {}
        self._was_there = False  # before this run: only its end removes it
        self._start = 0
        self._stop = 0

    def resume(self) -> Iterator[Block]:
        """The blocks of the run that was interrupted; none where there was none. Raises BadInput where it was
        another one.
        """
        origin = Origin(file=str(self.path))
        if self.has_memory:
            rule = "cannot be used: the network's states last from frame to frame"
            raise BadInput(origin, rule, hint="run all frames, without --resume")
        try:
            self._file = self.path.open("r+b")
        except FileNotFoundError:
            return
        except OSError as error:
            raise BadInput(origin, f"cannot be read ({error.strerror})", hint="remove it") from None
        self._was_there = True
        hint = "remove it, or leave --resume away"
        try:
            line = self._file.readline(LINE_MAX)
            layout = json.loads(line)
            found, self._layout = layout["run"], layout
        except (ValueError, KeyError, TypeError):
            raise BadInput(origin, "is no partial result", hint=hint) from None
        if changed := [name for name in self._run if found.get(name) != self._run[name]]:
            rule = f"is of another run: {', '.join(changed)} changed"
            raise BadInput(origin, rule, hint=hint)
        self._start = self._stop = len(line)
        for block in self._read():
            self._stop = self._file.tell()
            self.done = block.stop
            yield block
            self._file.seek(self._stop)
        self._file.truncate(self._stop)

    def add(self, block: Block) -> None:
        """Another block, unless it is one of those that are there. Raises BadInput where it cannot be
        written.
        """
        if block.stop <= self.done:
            return
        try:
            if self._file is None:
                self._begin(block)
            assert self._file is not None, "it has begun"
            counts = np.array([getattr(block.counters, name) for name in self._counters.COUNTS], dtype="<i8")
            records = np.empty(block.frames, self._record())
            for name, array in block.outputs.items():
                records[name] = array
            data = counts.tobytes() + records.tobytes()
            head = HEAD.pack(MAGIC, zlib.crc32(data), block.frames, len(data), block.seconds)
            self._file.seek(self._stop)
            self._file.write(head + data)
            self._file.flush()
            self._stop = self._file.tell()
            self.done = block.stop
        except OSError as error:
            rule = f"cannot be written: {error.strerror}"
            raise BadInput(Origin(file=str(self.path)), rule, hint="give another path") from None

    def blocks(self) -> Iterator[Block]:
        """All blocks once more."""
        assert self._file is not None, "there are blocks"
        self._file.seek(self._start)
        yield from self._read()

    @property
    def outputs(self) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
        """Type and shape of each output of a frame."""
        return {name: (np.dtype(kind), tuple(shape)) for name, kind, shape in self._layout["outputs"]}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        """The file stays for `resume` where something ended the run before its end."""
        if self._file is not None:
            self._file.close()
            self._file = None
            if kind is None or not (self.is_worth_keeping or self._was_there):
                with suppress(OSError):
                    self.path.unlink()

    def summary(self) -> str:
        """What is left of an interrupted run, in words."""
        if not (self.is_worth_keeping and self.path.exists()):
            return ""
        return (
            f"{self.done:,} of {self._frames:,} frames are kept in {self.path}, --resume goes on from there"
        )

    @property
    def is_worth_keeping(self) -> bool:
        """Whether another run would go on from here."""
        return self.done > 0 and self._frames > 1 and not self.has_memory

    def _begin(self, block: Block) -> None:
        counters = block.counters
        self._layout = {
            "run": self._run,
            "outputs": [[name, array.dtype.str, array.shape[1:]] for name, array in block.outputs.items()],
            "populations": counters.populations,
            "inputs": counters.inputs.tolist(),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("w+b")
        self._file.write(json.dumps(self._layout).encode() + b"\n")
        self._start = self._stop = self._file.tell()

    def _record(self) -> np.dtype[Any]:
        """The outputs of one frame."""
        return np.dtype([(name, kind, shape) for name, (kind, shape) in self.outputs.items()])

    def _read(self) -> Iterator[Block]:
        """Blocks from here on, as far as they are whole."""
        assert self._file is not None, "it is open"
        first, record = 0, self._record()
        populations = tuple((core, address) for core, address in self._layout["populations"])
        inputs = np.array(self._layout["inputs"], dtype=np.bool_)
        left = os.fstat(self._file.fileno()).st_size - self._start
        names = self._counters.COUNTS
        counts_size = len(names) * len(populations) * np.dtype(np.int64).itemsize
        while len(head := self._file.read(HEAD.size)) == HEAD.size:
            magic, checksum, frames, size, seconds = HEAD.unpack(head)
            if magic != MAGIC or size > left or size != counts_size + frames * record.itemsize or not frames:
                return
            data = self._file.read(size)
            if len(data) < size or zlib.crc32(data) != checksum or first + frames > self._frames:
                return
            counts = np.frombuffer(data[:counts_size], "<i8").reshape(len(names), -1)
            records = np.frombuffer(data[counts_size:], record)
            counters = self._counters(populations, inputs, **dict(zip(names, counts, strict=True)))
            yield Block(first, {name: records[name] for name in record.names or ()}, counters, seconds)
            first += frames
