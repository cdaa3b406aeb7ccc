"""Recordings of event cameras, written here by the formats' own descriptions, as frames of an input."""

import importlib
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from snc.backends.image.image import ImageTensor
from snc.compiler.running.data import cameras
from snc.compiler.running.data.dataset import open_frames
from snc.ir.errors import BadInput

HEIGHT, WIDTH, SPAN = 12, 16, 20_000  # microseconds
KIND = np.dtype([("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "<i1")])


def events(count: int = 300) -> NDArray[Any]:
    random = np.random.default_rng(1)
    found = np.zeros(count, dtype=KIND)
    found["t"] = np.sort(random.integers(0, SPAN, count))
    found["x"], found["y"] = random.integers(0, WIDTH, count), random.integers(0, HEIGHT, count)
    found["p"] = random.integers(0, 2, count)
    return found


def evt2(found: NDArray[Any]) -> bytes:
    """Words of 32 bits: an event's type is its polarity; the time's upper bits have words of their own."""

    def words() -> Iterator[int]:
        high = -1
        for t, x, y, p in found.tolist():
            if t >> 6 != high:
                high = t >> 6
                yield 8 << 28 | high
            yield p << 28 | (t % 64) << 22 | x << 11 | y

    return b"% evt 2.0\n% end\n" + b"".join(struct.pack("<I", word) for word in words())


def evt3(found: NDArray[Any]) -> bytes:
    """Words of 16 bits: upper and lower time, row, and the column with the polarity."""

    def words() -> Iterator[int]:
        for t, x, y, p in found.tolist():
            yield from (8 << 12 | t >> 12, 6 << 12 | t % 4096, y, 2 << 12 | p << 11 | x)

    return b"% evt 3.0\n% end\n" + b"".join(struct.pack("<H", word) for word in words())


def dat(found: NDArray[Any]) -> bytes:
    """Eight bytes an event: the time, then column, row and polarity."""
    body = b"".join(struct.pack("<II", t, p << 28 | y << 14 | x) for t, x, y, p in found.tolist())
    return f"% Version 2\n% Width {WIDTH}\n% Height {HEIGHT}\n".encode() + bytes([12, 8]) + body


def opened(path: Path) -> Any:
    tensor = ImageTensor("input", "input", (1, 2, HEIGHT, WIDTH), "float32", ())
    return open_frames(path, [tensor], step=1e-3)


def assert_frames(path: Path, found: NDArray[Any]) -> None:
    """Frames of a millisecond, each pixel's events of either polarity counted."""
    want = np.zeros((SPAN // 1000 + 1, 2, HEIGHT, WIDTH))
    np.add.at(want, ((found["t"] - found["t"][0]) // 1000, found["p"], found["y"], found["x"]), 1)
    frames = opened(path)
    assert frames.has_recordings
    got = np.concatenate([frame["input"] for frame in frames])
    np.testing.assert_array_equal(got, want[: len(got)])
    assert got.sum() == len(found)


@pytest.mark.parametrize(("name", "write"), [("a.raw", evt2), ("b.raw", evt3), ("c.dat", dat)])
def test_recordings_are_read(name: str, write: Callable[[NDArray[Any]], bytes], tmp_path: Path) -> None:
    pytest.importorskip("faery")
    found = events()
    (tmp_path / name).write_bytes(write(found))
    assert_frames(tmp_path / name, found)


def test_aedat4_is_read(tmp_path: Path) -> None:
    """Its containers are flatbuffers: the package's own writer makes one."""
    faery = pytest.importorskip("faery")
    found = events()
    given = np.zeros(len(found), dtype=faery.EVENTS_DTYPE)
    for own, name in (("t", "t"), ("x", "x"), ("y", "y"), ("on", "p")):
        given[own] = found[name]
    faery.events_stream_from_array(given, (WIDTH, HEIGHT)).to_file(tmp_path / "a.aedat4")
    assert_frames(tmp_path / "a.aedat4", found)


def test_a_damaged_recording_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("faery")
    (tmp_path / "a.aedat4").write_bytes(b"#!AER-DAT4.0\r\n" + bytes(range(40)))
    with pytest.raises(BadInput, match=r"a\.aedat4: is no recording that faery can read"):
        opened(tmp_path / "a.aedat4")


def test_the_reader_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    (tmp_path / "a.raw").write_bytes(b"")
    with pytest.raises(
        BadInput, match=r"a\.raw: is read by the package faery, which is missing \(pip install"
    ):
        cameras.camera_events(tmp_path / "a.raw")
