"""Recordings of event cameras in their own formats, by the package faery where it is installed."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....ir.errors import BadInput, Origin

SUFFIXES = (".raw", ".dat", ".aedat4", ".es")  # EVT2, EVT2.1 and EVT3; DAT; AEDAT4; Event Stream
INSTALL = "pip install 'snc[events]', or convert it to an array of t, x, y, p"


def camera_events(path: Path) -> tuple[NDArray[Any], ...]:
    """Times in microseconds, columns, rows and polarities. Raises BadInput where the package is not there, or
    cannot read the file.
    """
    origin = Origin(file=path.name)
    try:
        faery: Any = importlib.import_module("faery")
    except ImportError:
        raise BadInput(origin, "is read by the package faery, which is missing", hint=INSTALL) from None
    if not path.is_file():
        raise BadInput(origin, "cannot be read (no such file)", hint="check the path")
    try:
        packets = [packet.copy() for packet in faery.events_stream_from_file(path)]
    except Exception as error:  # of a damaged file, faery raises a dozen kinds
        words = " ".join(str(error).split()) or type(error).__name__
        raise BadInput(
            origin, f"is no recording that faery can read: {words}", hint="record it again"
        ) from None
    if not packets:
        return tuple(np.zeros(0, dtype=np.int64) for _ in range(4))
    found = np.concatenate(packets)
    return tuple(found[name].astype(np.int64) for name in ("t", "x", "y", "on"))
