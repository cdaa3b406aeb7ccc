"""Files that appear whole or not at all."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ...ir.errors import BadInput, Origin

UNFINISHED: set[Path] = set()  # files that a process which ends now leaves half-written


def write_whole(path: str | Path, *parts: bytes) -> None:
    """Writes a file that appears whole or not at all. Raises BadInput."""
    with whole(path) as file:
        file.writelines(parts)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, which is never held as a whole."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def whole(path: str | Path) -> Iterator[BinaryIO]:
    """A file to be written, that appears at the end of the block, whole or not at all, in place of one that
    was there; folders that it stands in are made. Raises BadInput.
    """
    path = Path(path)
    origin = Origin(file=path.name)
    try:
        target = Path(os.path.realpath(path))  # of a link, the file behind it
        if target.exists() and not target.is_file():
            raise BadInput(origin, "cannot be written: it is there and no file", hint="give another path")
        target.parent.mkdir(parents=True, exist_ok=True)
        half = target.with_name(f".snc-{secrets.token_hex(8)}")
        UNFINISHED.add(half)
        try:
            with half.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            half.replace(target)
        finally:
            half.unlink(missing_ok=True)
            UNFINISHED.discard(half)
    except OSError as error:
        raise BadInput(origin, f"cannot be written: {error.strerror}", hint="give another path") from None
