"""How results look: tables and text on stdout, progress on stderr, JSON for machines."""

import dataclasses
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from textwrap import wrap
from typing import Any

import click
import numpy as np
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from ...compiler.reports.names import shortened

NAME_MIN = 12  # characters of a name, however little room there is
UNITS = ("", "k", "M", "G")
# What memory is taken by, as a letter and a colour of a bar: it reads without the colour.
MARKS = {
    "neurons": ("#", "blue"),
    "connectivity": ("+", "yellow"),
    "parameters": ("=", "green"),
    "biases": (":", "magenta"),
}
BAR_MIN, BAR_MAX = 8, 40  # characters of a table's bars; where there is less room there are none


class Out(Console):
    """stdout; a reader that has left is for `main` to deal with."""

    def on_broken_pipe(self) -> None:
        """Raised again: rich would end the process with exit code 1."""
        raise BrokenPipeError


def console() -> Console:
    """What prints on stdout: unknown characters are replaced, and names are never read as markup."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    return Out(markup=False, highlight=False, emoji=False)


def say(text: str = "", style: str = "") -> None:
    """A line of the result, never wrapped."""
    console().print(Text(printable(text), style=style), soft_wrap=True)


def paragraph(text: str, indent: int, label: str = "") -> None:
    """Words of the result, wrapped and indented; a label stands before the first line."""
    width = console().width - indent
    for line in wrap(printable(text), width, break_long_words=False, break_on_hyphens=False):
        say(label.ljust(indent) + line)
        label = ""


class Sheet:
    """A table while it is filled. A heading in ">" stands over numbers, one in "*" over names that give way
    where there is little room, one in "~" over prose.
    """

    def __init__(self, *headings: str, gap: int = 2) -> None:
        self.headings = headings
        self.gap = gap
        self.rows: list[tuple[list[str], str]] = []
        self.bars: dict[int, list[int]] = {}
        self.sections: list[int] = []

    def add(self, *cells: object, style: str = "") -> None:
        """A row; every cell is text as it stands."""
        self.rows.append(([printable(str(cell)) for cell in cells], style))

    def stack(self, bill: object) -> None:
        """Behind the last row stands what it takes as a bar: the bytes of each category of MARKS."""
        self.bars[len(self.rows) - 1] = [getattr(bill, f"{name}_bytes") for name in MARKS]

    def rule(self) -> None:
        """An empty line between the rows so far and those to come."""
        self.sections.append(len(self.rows))

    def show(self) -> None:
        """The table on stdout, and the empty line behind it."""
        out = console()
        table = Table(
            box=box.SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
            padding=(0, self.gap - 1, 0, 0),
            header_style="bold",
        )
        for heading in self.headings:
            name, kind = heading.rstrip(">*~"), heading[-1:]
            table.add_column(name, justify="right" if kind == ">" else "left", no_wrap=kind != "~")
        fixed = sum(self._widths(">", "")) + self.gap * (len(self.headings) - 1)
        room = max(NAME_MIN, out.width - fixed)
        names = sum(min(room, width) for width in self._widths("*"))
        largest = max(map(sum, self.bars.values()), default=0)
        left = min(BAR_MAX, out.width - fixed - names - self.gap)
        if is_barred := largest > 0 and left >= BAR_MIN:
            table.add_column("", no_wrap=True)
        known = [
            shortened([cells[i] for cells, _ in self.rows if i < len(cells)], room)
            if heading[-1:] == "*"
            else []
            for i, heading in enumerate(self.headings)
        ]
        columns = [iter(column) for column in known]
        for index, (cells, style) in enumerate(self.rows):
            if index in self.sections:
                table.add_section()
            row = [Text(next(column, cell)) for column, cell in zip(columns, cells, strict=False)]
            if is_barred and index in self.bars:
                row.append(stacked(self.bars[index], largest, left))
            table.add_row(*row, style=style or None)
        # Numbers are never cut: a table that needs more than the terminal has is as wide as it must be.
        out.width = max(out.width, fixed + names)
        out.print(table)
        out.print()
        if is_barred:
            key = ", ".join(f"{mark} {name}" for name, (mark, _) in MARKS.items())
            out.print(Text(f"bars: {key}; the longest is {size(largest)}"))
            out.print()

    def _widths(self, *kinds: str) -> list[int]:
        """How wide columns of some kinds must be."""
        return [
            max([len(heading.rstrip(">*~")), *(len(cells[i]) for cells, _ in self.rows if i < len(cells))])
            for i, heading in enumerate(self.headings)
            if (heading[-1] if heading[-1:] in (">", "*", "~") else "") in kinds
        ]


class Branch:
    """A line of a tree, and the branches below it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.branches: list[Branch] = []

    def add(self, text: str, *below: str) -> None:
        """A branch, with lines below it."""
        branch = Branch(text)
        branch.branches = [Branch(line) for line in below]
        self.branches.append(branch)


def show_tree(root: Branch) -> None:
    """A tree on stdout."""

    def grown(branch: Branch) -> Tree:
        tree = Tree(Text(printable(branch.text)))
        for each in branch.branches:
            tree.children.append(grown(each))
        return tree

    console().print(grown(root))


def begun(name: str, room: int) -> str:
    """The beginning of a name, in so many characters."""
    return name if len(name) <= room else name[: room - 2] + ".."


def printable(text: str) -> str:
    """The text without characters that would move a terminal's cursor."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def short(size: float) -> str:
    """A number of bytes in at most five characters: 48, 1.8k, 142k, 17.7M (k = 1024)."""
    for unit in UNITS:
        if size < 999.5 or unit == UNITS[-1]:
            break
        size /= 1024
    return f"{size:.1f}{unit}" if unit and size < 99.95 else f"{size:.0f}{unit}"


def size(count: int) -> str:
    """A number of bytes to be read: 209.0 kB (kB = 1024 bytes)."""
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1024 or unit == "GB":
            break
        value /= 1024
    return f"{count} bytes" if unit == "bytes" else f"{value:.1f} {unit}"


def bar(share: float, width: int = 20) -> str:
    """A share of one as a bar."""
    full = min(width, max(0, round(share * width)))
    if share > 0 and not full:
        full = 1
    return "#" * full + "." * (width - full)


def stacked(parts: Sequence[int], largest: int, width: int) -> Text:
    """Bytes of the categories of MARKS as a bar, of which the largest sum fills the width."""
    found, done, drawn = Text(), 0, 0
    for part, (mark, colour) in zip(parts, MARKS.values(), strict=True):
        done += part
        end = round(width * done / largest)
        found.append(mark * (end - drawn), style=colour)
        drawn = end
    return found


def times(shape: Sequence[int]) -> str:
    """A shape: 24x31x98."""
    return "x".join(str(n) for n in shape)


def listed(numbers: Sequence[int]) -> str:
    """Whole numbers in order, neighbours as ranges: 0-3, 7."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)


def plain(value: object) -> Any:
    """A report as JSON has it: dataclasses become objects; what is not finite becomes null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def json_text(value: object) -> str:
    """A report as JSON, a line for each of its entries."""
    return json.dumps(plain(value), indent=2, allow_nan=False)


def say_json(value: object) -> None:
    """A report on stdout, for machines."""
    click.echo(json_text(value))


@contextmanager
def kept_all_the_same(*written: Path) -> Iterator[None]:
    """Where what else is to be written fails or is interrupted, notes what is there already."""
    try:
        yield
    except BaseException as end:
        for path in written:
            end.add_note(f"{path} is written")
        raise


class Bar:
    """A progress bar, or nothing where there is no terminal."""

    def __init__(self, progress: Progress | None = None, title: str = "") -> None:
        self._progress = progress
        self._task = None if progress is None else progress.add_task(title, total=None)

    def at(self, done: int, total: int) -> None:
        """So much is done of so much."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, total=total)

    def tell(self, text: str) -> None:
        """A line on stderr, above the bar."""
        if self._progress is None:
            click.echo(text, err=True)
        else:
            self._progress.console.print(Text(text), soft_wrap=True)

    def stage(self, name: str) -> None:
        """What is done now."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=name)


@contextmanager
def progress(title: str) -> Iterator[Bar]:
    """A bar on stderr while the block runs; it leaves no trace."""
    if not sys.stderr.isatty():
        yield Bar()
        return
    parts = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*parts, console=Console(stderr=True), transient=True) as bars:
        yield Bar(bars, title)
