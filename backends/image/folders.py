"""Folders that a command writes: all their files or none of them, and nothing else in them is touched."""

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from ...ir.errors import BadInput, Origin
from .container import write_whole


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes files into a folder, which is made, with all of them or not at all. Raises BadInput.

    In a folder that is there each file takes the place of one of its name, in their order: the one that says
    which the others are comes last. Other files stay.
    """
    origin = Origin(file=str(folder))
    target = folder.absolute()
    half = target.with_name(f".snc-{secrets.token_hex(8)}")
    if target.exists() and not target.is_dir():
        raise BadInput(origin, "cannot be written: it is there and no folder", hint="give another path")
    try:
        for name, data in files.items():
            write_whole(half / name, data)
        if target.exists():
            for name in files:
                (half / name).replace(target / name)
        else:
            half.rename(target)
    except OSError as error:
        raise BadInput(origin, f"cannot be written: {error.strerror}", hint="give another path") from None
    finally:
        shutil.rmtree(half, ignore_errors=True)
