"""The charts and tables of a page, each as a file of its own: SVG in the page's light colours, and CSV."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from html import escape
from importlib import resources
from pathlib import Path

from ..running import outputs
from .page import Chart, Section, Table

NAMES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
KEY_POINTS, KEY_WIDTH = 14.0, 90.0  # of a line of a drawing's key, and of one of its labels
VARIABLE = re.compile(r"--([\w-]+): (#[0-9a-f]+)")
BOX = re.compile(r'<svg viewBox="0 0 ([\d.]+) ([\d.]+)"([^>]*)>')


def save_loose(folder: Path, sections: Sequence[Section]) -> None:
    """Each file in a folder, which is made. Raises BadInput where one cannot be written."""
    for name, text in loose(sections):
        outputs.save_text(folder / name, text)


def loose(sections: Sequence[Section]) -> Iterator[tuple[str, str]]:
    """The name and the text of each file."""
    colours = _colours()
    taken: set[str] = set()
    for section in sections:
        for chart in section.charts:
            yield _name(chart.caption, "svg", taken), _alone(chart, colours)
        for table in section.tables:
            yield _name(table.caption, "csv", taken), _rows(table)


def _name(caption: str, suffix: str, taken: set[str]) -> str:
    """A file name from the first words of a caption, up to its first mark."""
    words = re.findall(r"[a-z0-9]+", re.split(r"[:,(]", caption.lower())[0])
    name = "-".join(words) or "chart"
    number = 1
    while (found := f"{name}{'' if number == 1 else f'-{number}'}.{suffix}") in taken:
        number += 1
    taken.add(found)
    return found


def _rows(table: Table) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.headings)
    writer.writerows(table.rows)
    return text.getvalue()


def _colours() -> dict[str, str]:
    """The colours of the page in the light."""
    style = resources.files(__package__).joinpath("page.html.j2").read_text(encoding="utf-8")
    return dict(VARIABLE.findall(style[: style.index("@media")]))


def _alone(chart: Chart, colours: dict[str, str]) -> str:
    """A drawing that needs no page: with colours, its key, and what it shows in words."""
    found = BOX.search(chart.drawing)
    assert found is not None, "a drawing begins with its box"
    width, height = float(found[1]), float(found[2])
    each = max(1, int(width // KEY_WIDTH))
    lines = -(-len(chart.key) // each)
    whole = height + KEY_POINTS * lines
    key = "".join(
        _entry(KEY_WIDTH * (i % each) + 4, height + KEY_POINTS * (i // each), name, label)
        for i, (name, label) in enumerate(chart.key)
    )
    words = f"<title>{escape(chart.caption)}</title><desc>{escape(chart.alt)}</desc>"
    head = f'<svg {NAMES} viewBox="0 0 {width:g} {whole:g}" width="{width:g}pt" height="{whole:g}pt">'
    drawing = chart.drawing.replace(found[0], head + words, 1).replace("</svg>", key + "</svg>")
    return re.sub(r"var\(--([\w-]+)\)", lambda name: colours[name[1]], drawing)


def _entry(x: float, y: float, name: str, label: str) -> str:
    """A colour of the key, and what it stands for."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="8" height="8" fill="var(--{name})"/>'
        f'<text x="{x + 12:g}" y="{y + 8:g}" font-size="8.5" font-family="sans-serif" fill="var(--ink)">'
        f"{escape(label)}</text>"
    )
