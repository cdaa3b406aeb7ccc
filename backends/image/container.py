"""The file that holds a memory image: a table of sections, a checksum over each, and one way to write it.

What `read_image` accepts is, byte for byte, what `write_image` would write. Nothing is allocated because the
file says so: every size is compared with the file's own before it is believed.
"""

import os
import stat
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ...ir.chip import Chip
from ...ir.errors import BadImage, BadInput, Origin, VerifyError
from ..words.bits import WORD_BYTES
from ..words.limits import CORES
from .faults import faults
from .image import About, Addend, CoreImage, Image, ImageFragment, ImagePiece, ImageTensor
from .plain import NotPlain, read_plain, write_plain
from .whole import UNFINISHED as UNFINISHED
from .whole import whole as whole
from .whole import write_whole as write_whole

MAGIC = b"SNCIMAGE"
VERSION = 3
HEAD = struct.Struct("<8sII")  # magic, version, number of sections
ROW = struct.Struct("<4sIQQII")  # kind, index, offset, length, CRC-32 of the payload, zero
SUM = struct.Struct("<I")  # CRC-32 of everything before it
CORE = struct.Struct("<HHI")  # x, y, number of words
ALIGNMENT = 8

PLAIN_SECTIONS = ("TARG", "INFO", "TENS")  # JSON
ORDER_SECTION, CORE_SECTION = "ORDR", "CORE"
FIRST = (*PLAIN_SECTIONS, ORDER_SECTION)  # one of each, in this order, then the cores
HOSTS, ADDED_SECTION, LEARNING_SECTION = ("HSTB", "HSTA"), "BIAS", "LERN"
LAST = (*HOSTS, ADDED_SECTION, LEARNING_SECTION)  # at most one of each, after the cores
PLAIN_MAX = 2**24  # bytes of a JSON section, which takes twenty times its size once read
ROWS = (ImagePiece, ImageFragment)  # dataclasses that are arrays in JSON

# Files with the same table that hold something else, by their first bytes.
FOREIGN = {
    b"SNCXBARS": "is an image for a chip of crossbars, which this command does not take",
}
FOREIGN_HINT = "inspect, disasm, simulate and verify take it"

T = TypeVar("T")
Payload = tuple[str, int, bytes]  # kind and index of a section, and what it holds


@dataclass(frozen=True, slots=True)
class Form:
    """What a file of sections consists of: one of each kind of `first`, up to `most` of the kind `each`, and
    at most one of each of `last`, in this order.
    """

    magic: bytes
    version: int
    first: tuple[str, ...]
    each: str
    most: int
    last: tuple[str, ...]

    @property
    def sections_max(self) -> int:
        """The most sections of a file."""
        return len(self.first) + self.most + len(self.last)


FORM = Form(MAGIC, VERSION, FIRST, CORE_SECTION, CORES, LAST)


@dataclass(frozen=True, slots=True)
class Section:
    """A row of the section table."""

    kind: str
    index: int
    offset: int
    length: int
    checksum: int
    is_numbered: bool = False

    @property
    def stop(self) -> int:
        """Where the payload ends."""
        return self.offset + self.length

    def __str__(self) -> str:
        return f"section {self.kind} {self.index}" if self.is_numbered else f"section {self.kind}"


def write_image(image: Image) -> bytes:
    """The file's bytes. The same image gives the same bytes; raises VerifyError when it is unsound."""
    return joined(_sound(image))


def _sound(image: Image) -> list[Payload]:
    for fault in faults(image):
        raise VerifyError(f"image: {fault}")
    return payloads(image)


def payloads(image: Image) -> list[Payload]:
    """What the sections of an image's file hold, in their order."""
    found = [
        ("TARG", 0, _plain_bytes(Chip, image.chip)),
        ("INFO", 0, _plain_bytes(About, image.about)),
        ("TENS", 0, _plain_bytes(tuple[ImageTensor, ...], image.tensors)),
        (ORDER_SECTION, 0, words_bytes(image.steps)),
    ]
    found += [
        (CORE_SECTION, index, core_bytes(core.x, core.y, core.words))
        for index, core in enumerate(image.cores)
    ]
    hosts = zip(HOSTS, (image.host_before, image.host_after), strict=True)
    found += [(kind, 0, host) for kind, host in hosts if host is not None]
    if image.added:
        found.append((ADDED_SECTION, 0, _plain_bytes(tuple[Addend, ...], image.added)))
    if image.learning.size:
        found.append((LEARNING_SECTION, 0, words_bytes(image.learning)))
    return found


def joined(sections: Sequence[Payload], form: Form = FORM) -> bytes:
    """A file of sections, with their table."""
    return b"".join(parts(sections, form))


def parts(sections: Sequence[Payload], form: Form = FORM) -> Iterator[bytes]:
    """The same, part by part."""
    offset = _aligned(_table_size(len(sections)))
    rows, body = b"", []
    for kind, index, payload in sections:
        rows += ROW.pack(kind.encode(), index, offset, len(payload), zlib.crc32(payload), 0)
        body.append(payload)
        offset = _aligned(offset + len(payload))
    head = HEAD.pack(form.magic, form.version, len(sections)) + rows
    head += SUM.pack(zlib.crc32(head))
    padded = ((part, bytes(_aligned(len(part)) - len(part))) for part in (head, *body[:-1]))
    yield from chain.from_iterable(padded)
    yield body[-1]


def core_bytes(x: int, y: int, words: NDArray[np.uint64]) -> bytes:
    """What the section of a core holds."""
    return CORE.pack(x, y, words.size) + words_bytes(words)


def read_image(data: bytes, file: str = "") -> Image:
    """The image that a file's bytes hold. Raises BadImage, with the file's name, for any other bytes."""
    origin = Origin(file=file)
    found = payloads_of(data, FORM, origin)
    chip = _plain(Chip, found["TARG", 0], "TARG", origin)
    cores = tuple(
        _core(payload, index, origin) for (kind, index), payload in found.items() if kind == CORE_SECTION
    )
    added, learning = found.get((ADDED_SECTION, 0)), found.get((LEARNING_SECTION, 0))
    for name, payload in ((ORDER_SECTION, found[ORDER_SECTION, 0]), (LEARNING_SECTION, learning or b"")):
        if len(payload) % WORD_BYTES:
            raise BadImage(origin, f"section {name} is not made of whole words")
    image = Image(
        chip=chip,
        cores=cores,
        steps=_words(found[ORDER_SECTION, 0]),
        tensors=_plain(tuple[ImageTensor, ...], found["TENS", 0], "TENS", origin),
        about=_plain(About, found["INFO", 0], "INFO", origin),
        host_before=found.get(("HSTB", 0)),
        host_after=found.get(("HSTA", 0)),
        added=() if added is None else _plain(tuple[Addend, ...], added, ADDED_SECTION, origin),
        learning=_words(learning or b""),
    )
    for name, there, says in (
        (ADDED_SECTION, added, len(image.added)),
        (LEARNING_SECTION, learning, image.learning.size),
    ):
        if there is not None and not says:
            raise BadImage(origin, f"section {name} says nothing", hint="compile it again")
    unsound = list(faults(image))
    if unsound:
        raise BadImage(origin, "; ".join(unsound[:3]), hint="compile it again")
    return image


def payloads_of(data: bytes, form: Form, origin: Origin) -> dict[tuple[str, int], bytes]:
    """What the sections of a file hold, in their order. Raises BadImage for any other bytes."""
    return dict(_payloads(data, list(_sections(data, len(data), origin, form)), origin))


def save(path: str | Path, image: Image) -> None:
    """Writes an image; the file is whole or not there."""
    write_whole(path, *parts(_sound(image)))


def load(path: str | Path) -> Image:
    """The image of a file. Raises BadInput when it cannot be read, BadImage when it is damaged or none."""
    return read_image(read_whole(path, FORM), Path(path).name)


def read_whole(path: str | Path, form: Form) -> bytes:
    """The bytes of a file of sections. Raises BadInput when it cannot be read, BadImage where its table is
    none, before the rest is read.
    """
    path = Path(path)
    origin = Origin(file=path.name)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise BadInput(origin, "is no file", hint="give the path of an image")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(HEAD.size)
            count = _head(head, origin, form)
            head += file.read(_table_size(count) - HEAD.size)
            list(_sections(head, size, origin, form))  # before reading what may be larger than any image
            return head + file.read()
    except OSError as error:
        raise BadInput(
            origin, f"cannot be read: {error.strerror}", hint="give the path of an image"
        ) from None


def _aligned(size: int) -> int:
    return size + -size % ALIGNMENT


def _table_size(count: int) -> int:
    """Bytes up to the first payload's padding: head, rows, checksum."""
    return HEAD.size + ROW.size * count + SUM.size


def _plain_bytes(kind: type[T], value: T) -> bytes:
    payload = write_plain(kind, value, ROWS)
    if len(payload) > PLAIN_MAX:
        raise VerifyError(f"image: {len(payload)} bytes of JSON, the most is {PLAIN_MAX}")
    return payload


def words_bytes(words: NDArray[np.uint64]) -> bytes:
    """Words as a file holds them, the lowest byte first."""
    return words.astype("<u8").tobytes()


def _words(data: bytes) -> NDArray[np.uint64]:
    return np.frombuffer(data, dtype="<u8").astype(np.uint64)


def _head(data: bytes, origin: Origin, form: Form) -> int:
    """The number of sections."""
    magic = form.magic
    if form is FORM and data[: len(magic)] in FOREIGN:
        raise BadImage(origin, FOREIGN[data[: len(magic)]], hint=FOREIGN_HINT)
    if data[: len(magic)] != magic[: len(data)] or not data:
        raise BadImage(origin, "is no memory image", hint="snc compile writes one")
    if len(data) < HEAD.size:
        raise BadImage(origin, f"ends after {len(data)} bytes, in its head")
    _, version, count = HEAD.unpack_from(data)
    if version != form.version:
        raise BadImage(origin, f"has version {version}, known is {form.version}", hint="compile it again")
    if count > form.sections_max:
        raise BadImage(origin, f"claims {count} sections, an image has at most {form.sections_max}")
    return int(count)


def _sections(data: bytes, size: int, origin: Origin, form: Form) -> Iterator[Section]:
    """The rows of the table, in order, with every place and size compared with the file's size."""
    count = _head(data, origin, form)
    end = _table_size(count)
    if len(data) < end:
        raise BadImage(origin, f"ends after {len(data)} bytes, in its table of {count} sections")
    (checksum,) = SUM.unpack_from(data, end - SUM.size)
    if zlib.crc32(data[: end - SUM.size]) != checksum:
        raise BadImage(origin, "its table of sections is damaged (checksum)")
    rows = [ROW.unpack_from(data, HEAD.size + ROW.size * number) for number in range(count)]
    kinds = [row[0] for row in rows]
    expected = [(kind, 0) for kind in form.first]
    expected += [(form.each, index) for index in range(kinds.count(form.each.encode()))]
    expected += [(kind, 0) for kind in form.last if kind.encode() in kinds]
    if len(rows) < len(expected):
        raise BadImage(origin, f"has {len(rows)} sections where {len(expected)} must be")
    for row, want in zip(rows, [*expected, *[None] * (len(rows) - len(expected))], strict=True):
        kind, index, offset, length, payload_sum, zero = row
        name = kind.decode("ascii", "replace")
        section = Section(name, index, offset, length, payload_sum, name == form.each)
        if (section.kind, section.index) != want:
            raise BadImage(origin, f"{section} is not where it may stand, once and in order")
        if zero or offset != _aligned(end):
            raise BadImage(origin, f"{section} begins at {offset}, not at {_aligned(end)}")
        if length > size - offset:
            raise BadImage(origin, f"{section} ends at {section.stop}, the file at {size}: it is truncated")
        end = section.stop
        yield section
    if end != size:
        raise BadImage(origin, f"has {size - end} bytes behind its last section")


def _payloads(
    data: bytes, sections: list[Section], origin: Origin
) -> Iterator[tuple[tuple[str, int], bytes]]:
    """The payload of every section, with its checksum and the padding before it compared."""
    end = _table_size(len(sections))
    for section in sections:
        if any(data[end : section.offset]):
            raise BadImage(origin, f"{section} has bytes before it that are not zero")
        payload = data[section.offset : section.stop]
        if zlib.crc32(payload) != section.checksum:
            raise BadImage(origin, f"{section} is damaged (checksum)", hint="compile it again")
        end = section.stop
        yield (section.kind, section.index), payload


def _core(payload: bytes, index: int, origin: Origin) -> CoreImage:
    if len(payload) < CORE.size:
        raise BadImage(origin, f"section CORE {index} is too short for its head")
    x, y, count = CORE.unpack_from(payload)
    if len(payload) != CORE.size + WORD_BYTES * count:
        raise BadImage(origin, f"section CORE {index} claims {count} words in {len(payload)} bytes")
    return CoreImage(x, y, _words(payload[CORE.size :]))


def _plain(kind: type[T], payload: bytes, name: str, origin: Origin) -> T:
    if len(payload) > PLAIN_MAX:
        raise BadImage(origin, f"section {name} has {len(payload)} bytes, the most is {PLAIN_MAX}")
    try:
        return read_plain(kind, payload, ROWS)
    except NotPlain as error:
        raise BadImage(origin, f"section {name}: {error}") from None
