"""Pages: one self-contained HTML file from sections of facts, charts and tables. Knows no report.

Nothing is loaded, and no script runs but the one that sorts a table which is made for it: charts are SVG in
the page, colours follow light and dark, and every number that is drawn stands in the JSON at the end and in a
table.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from .charts import apart

Cell = str | int | float


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing, what it shows in words for those who do not see it, and its key (colour, label)."""

    caption: str
    alt: str
    drawing: str
    key: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of numbers and words behind a caption that opens them. `is_sorted_by_click`: its headings are
    buttons that put the rows in the order of their column.
    """

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    is_open: bool = False
    is_sorted_by_click: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page."""

    title: str
    texts: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()


def page(title: str, summary: str, sections: Sequence[Section], data: object) -> str:
    """The file's text. `data` is what JSON holds: plain values."""
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["number"] = _number
    template = resources.files(__package__).joinpath("page.html.j2").read_text(encoding="utf-8")
    number = 0
    numbered = []
    for section in sections:
        charts = []
        for chart in section.charts:
            number += 1
            drawing = apart(chart.drawing, number)
            charts.append({"caption": chart.caption, "alt": chart.alt, "drawing": drawing, "key": chart.key})
        numbered.append(
            {
                "title": section.title,
                "texts": section.texts,
                "facts": section.facts,
                "charts": charts,
                "tables": section.tables,
            }
        )
    # A "</script>" in a name must not end the element.
    text = json.dumps(data, allow_nan=False).replace("<", "\\u003c")
    return environment.from_string(template).render(
        title=title, summary=summary, sections=numbered, data=text
    )


def _number(cell: Cell) -> str:
    """A cell's text: whole numbers in groups of three."""
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:,.2f}" if isinstance(cell, float) else cell


def size(count: float) -> str:
    """A number of bytes to be read (kB = 1024 bytes)."""
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.2f} {unit}"
