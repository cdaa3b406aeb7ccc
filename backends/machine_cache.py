"""Where compiled code is kept between runs: where caches belong, and nowhere if no place can be written.

Numba stores machine code as pickles, so a folder is used only where nobody else can put files.
"""

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba

config: Any = numba.core.config  # its attributes are made as it is read
P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The function as machine code, compiled when first called for arguments of new types.

    A compiled function may call others; `kept` is for the outermost one.
    """
    # No fastmath: results are the same everywhere.
    return cast(Callable[P, R], numba.njit(function))


def kept(function: Callable[P, R]) -> Callable[P, R]:
    """`compiled`, and found again by the next process. What it calls must stand in the same file.

    Numba notices a change of the function's own file, and of no other.
    """
    folder = cache_folder()
    with _numba_caches_in(folder):
        return cast(Callable[P, R], numba.njit(cache=folder is not None)(function))


def cache_folder() -> Path | None:
    """The folder for compiled code, made if need be, or None where none can be written.

    NUMBA_CACHE_DIR, then the user's caches, then a private folder for temporary files.
    """
    return next((folder for folder in _candidates() if _writable(folder)), None)


def _candidates() -> Iterator[Path]:
    if config.CACHE_DIR:
        yield Path(config.CACHE_DIR)
    caches = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(caches):  # others are to be ignored, says the XDG specification
        yield Path(caches) / "snc" / "numba"
    else:
        home = os.path.expanduser("~")
        if os.path.isabs(home):
            yield Path(home) / ".cache" / "snc" / "numba"
    private = Path(tempfile.gettempdir()) / f"snc-numba-{os.getuid() if hasattr(os, 'getuid') else ''}"
    if _private(private):
        yield private


def _private(folder: Path) -> bool:
    """Whether a folder is there, or can be made, that only we can write."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    ours = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return stat.S_ISDIR(found.st_mode) and ours and stat.S_IMODE(found.st_mode) == stat.S_IRWXU


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@contextmanager
def _numba_caches_in(folder: Path | None) -> Iterator[None]:
    """Numba chooses a function's cache when it is decorated, and never again."""
    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder or "")
    try:
        yield
    finally:
        config.CACHE_DIR = before
