"""What a document has a user type, and what it says that comes back."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from .tree import ROOT

ELLIPSIS = "..."
SECONDS = re.compile(r"\b[\d.]+ s\b")
ROUNDED = re.compile(r"[\d.]+e-\d+|\b1[3-9]\d\.\d\b")  # errors of float32, and what they are in dB: above 130
RULE = re.compile("─+")


class Typed(NamedTuple):
    """A command of a document, and the lines that it prints there."""

    command: str
    lines: tuple[str, ...]


def text(name: str) -> str:
    """A document."""
    return (ROOT / name).read_text(encoding="utf-8")


def typed(name: str) -> tuple[Typed, ...]:
    """The commands of a document's indented blocks, in their order."""
    found: list[tuple[str, list[str]]] = []
    is_inside = False
    for line in text(name).splitlines():
        if line.startswith("    $ "):
            found.append((line.removeprefix("    $ "), []))
            is_inside = True
        elif line and not line.startswith("    "):
            is_inside = False
        elif is_inside and line:
            found[-1][1].append(line)
    return tuple(Typed(command, tuple(lines)) for command, lines in found)


def demo() -> Iterator[str]:
    """The commands of `make demo`, as a user with an installation types them."""
    recipe = re.search(r"^demo:.*\n((?:\t.*\n)+)", text("Makefile"), re.MULTILINE)
    assert recipe is not None
    for line in recipe[1].splitlines():
        yield line.strip().replace("$(BIN)/", "")


def comparable(lines: Sequence[str]) -> list[str]:
    """Lines without what another machine or run prints otherwise: seconds, the digits of rounding errors, and
    how wide a table is for them.
    """
    plain = (RULE.sub("---", SECONDS.sub("S s", ROUNDED.sub("E", line))) for line in lines)
    return [" ".join(line.split()) for line in plain if line.strip()]


def differences(shown: Sequence[str], printed: Sequence[str]) -> list[str]:
    """The lines of a document that are not printed, each behind the one before it, with nothing left out but
    where the document says so (`...`).
    """
    wanted, given = comparable(shown), comparable(printed)
    parts: list[list[str]] = [[]]
    for line in wanted:
        if line.startswith(ELLIPSIS):
            parts.append([])
        else:
            parts[-1].append(line)
    if len(parts) == 1:
        return [] if wanted == given else _apart(wanted, given)
    at = 0
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        starts = range(len(given) - len(part), at - 1, -1) if last else range(at, len(given) - len(part) + 1)
        start = next((i for i in starts if given[i : i + len(part)] == part), None)
        if start is None or (number == 0 and start != 0) or (last and start + len(part) != len(given)):
            return _apart(part, given)
        at = start + len(part)
    return []


def _apart(wanted: Sequence[str], given: Sequence[str]) -> list[str]:
    missing = [f"not printed: {line}" for line in wanted if line not in given]
    more = [f"not shown: {line}" for line in given if line not in wanted]
    return [*missing, *more] or [f"in another order: {a} / {b}" for a, b in pairwise(wanted)]
