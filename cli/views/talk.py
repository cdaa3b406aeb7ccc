"""What a run says on stderr while it works: warnings, the frame it is at, and that it compiles first."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from .show import Bar, progress

if TYPE_CHECKING:
    from ...compiler.running.data.dataset import DataSet

REFRESH_S = 0.1  # a bar is drawn ten times a second


def warn(text: str) -> None:
    """A line on stderr."""
    click.echo(f"snc: warning: {text}", err=True)


def warn_of_bytes(context: click.Context, data: "DataSet") -> None:
    """Says that pictures go in as 0..255, which few networks are trained on, unless --mean or --scale is
    given.
    """
    assert data[0], "a first frame that cannot be read is reported first"
    given = [context.get_parameter_source(name) for name in ("mean", "scale")]
    if data.has_bytes and all(source is ParameterSource.DEFAULT for source in given):
        warn(
            f"{data.path.name}: pixels go in as 0..255; for a network that takes 0..1 give --scale 255 "
            "(--scale 1 says that they are right)"
        )


@contextmanager
def frames_bar(title: str, total: int) -> Iterator[Callable[[int, int, int], None]]:
    """A bar while frames run: call it with the frame, the steps of it that are done, and how many it has."""
    from ...ir.compiled import compilations

    with progress(title) as bar, compilations(lambda: bar.stage(f"{title}: compiling, the first time only")):
        yield _Frames(bar, title, total)


class _Frames:
    def __init__(self, bar: Bar, title: str, total: int) -> None:
        self._bar, self._title, self._total = bar, title, total
        self._next = 0.0

    def __call__(self, frame: int, done: int, of: int) -> None:
        now = time.perf_counter()
        if now >= self._next:
            self._next = now + REFRESH_S
            self._bar.at(frame * of + done, self._total * of)
            self._bar.stage(f"{self._title}: frame {frame + 1:,} of {self._total:,}")
