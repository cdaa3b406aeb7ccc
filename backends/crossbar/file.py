"""The file of an image for crossbars: a table of sections as that of cores has, with sections of its own."""

from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ...ir.crossbar.chip import CrossbarChip
from ...ir.errors import BadImage, Origin, VerifyError
from ..image.container import (
    CORE,
    Form,
    core_bytes,
    joined,
    payloads_of,
    read_whole,
    words_bytes,
    write_whole,
)
from ..image.image import CoreImage, ImageTensor
from ..image.plain import NotPlain, read_plain, write_plain
from ..words.bits import WORD_BYTES
from .image import CrossbarAbout, CrossbarImage

MAGIC = b"SNCXBARS"
VERSION = 2
CROSSBARS_MAX = 4096
FORM = Form(MAGIC, VERSION, ("TARG", "INFO", "TENS", "RULE", "SITE"), "XBAR", CROSSBARS_MAX, ("HSTB", "HSTA"))

T = TypeVar("T")


def is_crossbar_file(path: Path) -> bool:
    """Whether a file begins as an image for crossbars does."""
    try:
        with path.open("rb") as file:
            return path.is_file() and file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def write_crossbar_image(image: CrossbarImage) -> bytes:
    """The file's bytes. The same image gives the same bytes."""
    found = [
        ("TARG", 0, write_plain(CrossbarChip, image.chip)),
        ("INFO", 0, write_plain(CrossbarAbout, image.about)),
        ("TENS", 0, write_plain(tuple[ImageTensor, ...], image.tensors)),
        ("RULE", 0, words_bytes(image.rules)),
        ("SITE", 0, words_bytes(image.sites)),
    ]
    found += [("XBAR", i, core_bytes(one.x, one.y, one.words)) for i, one in enumerate(image.crossbars)]
    hosts = zip(FORM.last, (image.host_before, image.host_after), strict=True)
    found += [(kind, 0, host) for kind, host in hosts if host is not None]
    if len(image.crossbars) > CROSSBARS_MAX:
        raise VerifyError(f"image: {len(image.crossbars)} crossbars, the most is {CROSSBARS_MAX}")
    return joined(found, FORM)


def read_crossbar_image(data: bytes, file: str = "") -> CrossbarImage:
    """The image that a file's bytes hold. Raises BadImage for any other bytes."""
    origin = Origin(file=file)
    found = payloads_of(data, FORM, origin)

    def plain(kind: type[T], name: str) -> T:
        try:
            return read_plain(kind, found[name, 0])
        except NotPlain as error:
            raise BadImage(origin, f"section {name}: {error}") from None

    def words(payload: bytes, name: str) -> NDArray[np.uint64]:
        if len(payload) % WORD_BYTES:
            raise BadImage(origin, f"section {name} is not made of whole words")
        return np.frombuffer(payload, dtype="<u8").astype(np.uint64)

    crossbars = []
    for (kind, index), payload in found.items():
        if kind == FORM.each:
            name = f"{kind} {index}"
            if len(payload) < CORE.size:
                raise BadImage(origin, f"section {name} is too short for its head")
            x, y, count = CORE.unpack_from(payload)
            if len(payload) != CORE.size + WORD_BYTES * count:
                raise BadImage(origin, f"section {name} claims {count} words in {len(payload)} bytes")
            crossbars.append(CoreImage(x, y, words(payload[CORE.size :], name)))
    return CrossbarImage(
        plain(CrossbarChip, "TARG"),
        tuple(crossbars),
        words(found["RULE", 0], "RULE"),
        plain(tuple[ImageTensor, ...], "TENS"),
        words(found["SITE", 0], "SITE"),
        plain(CrossbarAbout, "INFO"),
        found.get(("HSTB", 0)),
        found.get(("HSTA", 0)),
    )


def save_crossbars(path: Path, image: CrossbarImage) -> None:
    """Writes an image; the file is whole or not there."""
    write_whole(path, write_crossbar_image(image))


def load_crossbars(path: Path) -> CrossbarImage:
    """The image of a file. Raises BadInput when it cannot be read, BadImage when it is damaged or none."""
    return read_crossbar_image(read_whole(path, FORM), path.name)
