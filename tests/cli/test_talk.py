"""What a run says on a terminal: the frame it is at, and that it compiles first."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from snc.cli.views import talk
from snc.cli.views.show import Bar
from snc.cli.views.talk import frames_bar
from snc.ir.compiled import compiled


class Terminal(io.StringIO):
    """A stderr that is a terminal."""

    def isatty(self) -> bool:
        return True


class Stages(Bar):
    """A bar that keeps what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def stage(self, name: str) -> None:
        self.told.append(name)


def test_a_bar_counts_the_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with frames_bar("simulate", 1797) as at:
        at(41, 1, 3)
    assert "simulate: frame 42 of 1,797" in screen.getvalue()


def test_a_bar_says_that_it_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    bar = Stages()

    @contextmanager
    def progress(_: str) -> Iterator[Bar]:
        yield bar

    def successor(number: int) -> int:
        return number + 1

    monkeypatch.setattr(talk, "progress", progress)
    function = compiled(successor)
    with frames_bar("simulate", 2) as at:
        assert function(1) == 2
        assert bar.told == ["simulate: compiling, the first time only"]
        at(0, 1, 1)
        assert function(2) == 3
    assert bar.told[1:] == ["simulate: frame 1 of 2"]


def test_no_terminal_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with frames_bar("simulate", 2) as at:
        at(0, 1, 1)
    assert capsys.readouterr() == ("", "")
