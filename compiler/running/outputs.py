"""Files that a command writes: refused before the work begins if they cannot be, and whole or not there.

Folders that they are to stand in are made when they are written.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from ...backends.image.container import write_whole
from ...ir.errors import BadInput, Origin


def plan(outputs: Sequence[Path | None], inputs: Sequence[Path | None] = ()) -> None:
    """Raises BadInput for files that cannot be written, would replace what is read, or are named twice."""
    taken = {os.path.realpath(path): "is read by this command" for path in inputs if path is not None}
    for path in outputs:
        if path is None:
            continue
        origin = Origin(file=str(path))
        real = Path(os.path.realpath(path))
        if clash := taken.get(str(real)):
            raise BadInput(origin, f"cannot be written: it {clash}", hint="give another path")
        if real.exists() and not real.is_file():
            raise BadInput(origin, "cannot be written: it is there and no file", hint="give another path")
        folder = next(above for above in (path.absolute(), *path.absolute().parents)[1:] if above.exists())
        shown = os.path.relpath(folder) if not path.is_absolute() else folder
        if not folder.is_dir():
            raise BadInput(origin, f"cannot be written: {shown} is no folder", hint="give another path")
        if not os.access(folder, os.W_OK):
            raise BadInput(origin, f"cannot be written: {shown} is read-only", hint="give another path")
        taken[str(real)] = "is named twice"


def save_text(path: Path, text: str) -> None:
    """Writes a text file."""
    write_whole(path, text.encode("utf-8"))


def suffixed(path: Path | None, *suffixes: str) -> None:
    """Raises BadInput for a file whose name does not end as its format does."""
    if path is not None and path.suffix.lower() not in suffixes:
        known = " or ".join(suffixes)
        raise BadInput(Origin(file=str(path)), f"does not end in {known}", hint=f"what is written is {known}")
