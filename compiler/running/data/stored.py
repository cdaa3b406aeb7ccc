"""Arrays in .npy and .npz files, read row by row: however many rows there are, one is in memory."""

import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ....ir.errors import BadInput, Origin

SUFFIXES = (".npy", ".npz")
MEMBER = ".npy"  # what the names of an archive's arrays end in
MADE_BY = "write it with numpy.save or numpy.savez"
# What is wrong with a file's bytes, as numpy and zipfile say it.
FAULTS = (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)


class Stored:
    """An array of a file; `key`: its name in an archive. Raises BadInput for what is no array."""

    def __init__(self, path: Path, key: str = "") -> None:
        self.path, self.key = path, key
        self._stream: IO[bytes] | None = None
        with _readable(path):
            stream, size = self._opened()
            with stream:
                version = npy.read_magic(stream)
                read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
                self.shape, self._is_fortran, self.dtype = read(stream)
                self._start = stream.tell()
            if self.dtype.hasobject:
                raise ValueError("Object arrays cannot be loaded")
            if self._start + prod(self.shape) * self.dtype.itemsize > size:
                raise ValueError("it ends too early")

    def whole(self) -> NDArray[Any]:
        """All of it."""
        with _readable(self.path):
            stream, _ = self._opened()
            with stream:
                array: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
                return array

    def rows(self) -> Callable[[int], NDArray[Any]]:
        """What gives the array's elements at an index of the first axis."""
        if self._is_fortran and len(self.shape) > 1:  # a row's elements are all over the file
            return self.whole().__getitem__
        return self._row

    def close(self) -> None:
        """The file is opened again when a row is asked for."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _row(self, index: int) -> NDArray[Any]:
        shape = self.shape[1:]
        size = prod(shape) * self.dtype.itemsize
        with _readable(self.path):
            if self._stream is None:
                self._stream, _ = self._opened()
            at = self._start + index * size
            if self._stream.tell() != at:
                self._stream.seek(at)
            data = self._stream.read(size)
            if len(data) < size:
                raise ValueError("it ends too early")
            return np.frombuffer(data, self.dtype).reshape(shape)

    def _opened(self) -> tuple[IO[bytes], int]:
        """The array's bytes, and how many there are."""
        if not self.key:
            file = self.path.open("rb")
            return file, os.fstat(file.fileno()).st_size
        with zipfile.ZipFile(self.path) as archive:
            info = archive.getinfo(f"{self.key}{MEMBER}")
            return archive.open(info), info.file_size


def keys(path: Path) -> tuple[str, ...]:
    """The names of an archive's arrays. Raises BadInput."""
    with _readable(path), zipfile.ZipFile(path) as archive:
        return tuple(name.removesuffix(MEMBER) for name in archive.namelist() if name.endswith(MEMBER))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    origin = Origin(file=path.name)
    try:
        yield
    except OSError as error:
        raise BadInput(origin, f"cannot be read ({error.strerror or error})", hint="check the path") from None
    except FAULTS as error:
        raise BadInput(origin, f"holds no arrays ({error})", hint=MADE_BY) from None
