"""Functions as machine code, kept between runs where caches belong, and nowhere if no place can be written.

Numba stores machine code as pickles, so a folder is used only where nobody else can put files. It is imported
at the first call of such a function, for it takes a while: who calls none does not wait for it.
"""

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")


def __getattr__(name: str) -> Any:
    """`config`: numba's."""
    if name == "config":
        return _config()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _config() -> Any:
    import numba

    return numba.core.config  # its attributes are made as it is read


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The function as machine code, inlined into the compiled functions that call it."""
    # No fastmath anywhere: results are the same on every machine.
    return _jit(function, forceinline=True)


def merged(function: Callable[P, R]) -> Callable[P, R]:
    """The function as a part of the compiled function that calls it, compiled with that, and not alone."""
    return _jit(function, inline="always")


def kept(*reads: ModuleType) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """The function as machine code, compiled at the first call with new types, found by the next process.

    `reads`: modules outside the function's folder whose constants it holds.
    """
    return lambda function: _kept(function, *(Path(str(module.__file__)) for module in reads))


def _kept(function: Callable[P, R], *reads: Path) -> Callable[P, R]:
    chosen: Callable[P, R] | None = None

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        nonlocal chosen
        if chosen is None:
            chosen = _cached(function, *reads)
        try:
            return chosen(*args, **kwargs)
        except Exception:
            # A damaged cache, or a full disk: it came before the code ran, which raises nothing itself.
            chosen = _jit(function)
            return chosen(*args, **kwargs)

    return run


def _cached(function: Callable[P, R], *reads: Path) -> Callable[P, R]:
    config = _config()
    folder = cache_folder(edition(Path(function.__code__.co_filename).parent, *reads))
    if folder is None or config.DISABLE_JIT:
        return _jit(function)
    with _numba_caches_in(folder):
        return _jit(function, cache=True)


def _jit(function: Callable[P, R], **options: Any) -> Callable[P, R]:
    import numba

    return cast(Callable[P, R], numba.njit(nogil=True, **options)(function))


@contextmanager
def compilations(call: Callable[[], None]) -> Iterator[None]:
    """While the block runs, `call` is called before a function is compiled; what a cache holds is not."""
    import numba

    class Starts(numba.core.event.Listener):
        def on_start(self, event: object) -> None:
            call()

        def on_end(self, event: object) -> None: ...

    with numba.core.event.install_listener("numba:compile", Starts()):
        yield


def cache_folder(name: str) -> Path | None:
    """The folder of that name for compiled code, made if need be, or None where none can be written.

    It stands in NUMBA_CACHE_DIR, in the user's caches, or in a private folder for temporary files.
    """
    folders = (folder / name for folder in _candidates())
    return next((folder for folder in folders if _writable(folder)), None)


def edition(folder: Path, *reads: Path) -> str:
    """A name for this state of a folder's code: numba sees changes of a file, not of what it imports."""
    digest = sha256()
    for path in (*sorted(folder.glob("*.py")), *reads):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _candidates() -> Iterator[Path]:
    if named := _config().CACHE_DIR:
        yield Path(named)
    caches = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(caches):  # others are to be ignored, says the XDG specification
        yield Path(caches) / "snc" / "numba"
    else:
        home = os.path.expanduser("~")
        if os.path.isabs(home):
            yield Path(home) / ".cache" / "snc" / "numba"
    with suppress(FileNotFoundError):  # no folder for temporary files either
        private = Path(tempfile.gettempdir()) / f"snc-numba-{_user()}"
        if _private(private):
            yield private


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0  # Windows gives each user a folder of his own


def _private(folder: Path) -> bool:
    """Whether a folder is there, or can be made, that only we can write."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    closed = os.name == "nt" or stat.S_IMODE(found.st_mode) == stat.S_IRWXU
    return stat.S_ISDIR(found.st_mode) and found.st_uid == _user() and closed


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
    config = _config()
    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder or "")
    try:
        yield
    finally:
        config.CACHE_DIR = before
