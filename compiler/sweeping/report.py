"""The page of `snc sweep --html`: fronts, parallel coordinates, and a table to sort; and the rows as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence

from ..reports import charts
from ..reports.page import Cell, Chart, Section, Table, page
from .table import AIMS, Row, as_rows, columns, front, measured

# Pairs of figures that are drawn against each other, where they were measured.
PAIRS = (
    ("cores", "memory_bytes"),
    ("memory_bytes", "sqnr_db"),
    ("memory_bytes", "accuracy"),
    ("energy_nj", "latency_us"),
    ("energy_nj", "sqnr_db"),
)
# Further models share these colours, in turn.
COLOURS = ("snc", "connectivity", "parameters", "biases", "lut")


def sweep_csv(table: Sequence[Row]) -> str:
    """The table, a line for each point."""
    text = io.StringIO()
    found = as_rows(table)
    writer = csv.DictWriter(text, list(found[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _as_text(value) for name, value in row.items()} for row in found)
    return text.getvalue()


def sweep_page(name: str, table: Sequence[Row], data: object) -> str:
    """The page of a sweep."""
    failed = sum(bool(row.code) for row in table)
    summary = f"{len(table):,} points, {failed:,} of them without an image."
    return page(f"{name}, a sweep", summary, sweep_sections(table), data)


def sweep_sections(table: Sequence[Row]) -> list[Section]:
    """What the page of a sweep shows."""
    made = [not row.code for row in table]
    fronts = [_fronts(table)] if any(made) else []
    failures = [] if all(made) else [_failures(table)]
    return [*fronts, _table(table), *failures]


def _fronts(table: Sequence[Row]) -> Section:
    made = [row for row in table if not row.code]
    models = list(dict.fromkeys(row.model for row in made))
    colours = {model: COLOURS[index % len(COLOURS)] for index, model in enumerate(models)}
    key = tuple((colours[model], model) for model in models)
    drawn = [_pair(made, x, y, colours, key) for x, y in PAIRS if _has(made, x) and _has(made, y)]
    axes = [name for name in AIMS if _has(made, name)]
    lines = [
        (colours[model], [[_value(row, name) for name in axes] for row in made if row.model == model])
        for model in models
    ]
    bold = [row.is_front for model in models for row in made if row.model == model]
    drawn.append(
        Chart(
            "Parallel coordinates: each point as a line across its figures",
            f"{len(made)} points; {sum(bold)} that no other of their model beats are drawn strongly",
            charts.parallel([_short(name) for name in axes], lines, bold),
            key,
        )
    )
    texts = (
        "A line joins the points of a model that none beats: no other is better in one of both figures and "
        "at least as good in the other. In the table, front looks at all of "
        f"{', '.join(axes)}. Energy and latency are estimates from the target's costs.",
    )
    return Section("Fronts", texts, (), tuple(drawn))


def _pair(
    made: Sequence[Row], x: str, y: str, colours: Mapping[str, str], key: tuple[tuple[str, str], ...]
) -> Chart:
    series, words = [], []
    for model, colour in colours.items():
        mine = [row for row in made if row.model == model]
        best = [mine[index] for index in front([row.figures for row in mine], (x, y))]
        places = [(_value(row, x), _value(row, y)) for row in mine]
        line = sorted({(_value(row, x), _value(row, y)) for row in best})
        series.append((colour, places, line))
        words.append(f"{model}: {len(line)} of {len(set(places))} places are on the front")
    return Chart(f"{_short(x)} against {_short(y)}", "; ".join(words), charts.scatter(series, (x, y)), key)


def _table(table: Sequence[Row]) -> Section:
    stated, figures = columns(table), measured(table)
    headings = ("model", "target", *stated, *figures, "front")
    rows = tuple(
        (
            row.model,
            row.target,
            *(_cell(row.stated.get(name)) for name in stated),
            *(_cell(row.figures[name]) for name in figures),
            "front" if row.is_front else "",
        )
        for row in table
    )
    texts = ("A click on a heading sorts by its column.",)
    return Section(
        "Points", texts, (), (), (Table("All points", headings, rows, is_open=True, is_sorted_by_click=True),)
    )


def _failures(table: Sequence[Row]) -> Section:
    stated = columns(table)
    rows = tuple(
        (
            row.model,
            row.target,
            *(_cell(row.stated.get(name)) for name in stated),
            row.code,
            row.message,
        )
        for row in table
        if row.code
    )
    headings = ("model", "target", *stated, "code", "error")
    return Section("Without an image", (), (), (), (Table("Why", headings, rows, is_open=True),))


def _has(made: Sequence[Row], name: str) -> bool:
    return all(row.figures[name] is not None for row in made)


def _value(row: Row, name: str) -> float:
    found = row.figures[name]
    assert found is not None, "only what all rows have is drawn"
    return float(found)


def _short(name: str) -> str:
    """A figure's name without its unit."""
    return name.removesuffix("_bytes").removesuffix("_nj").removesuffix("_us").removesuffix("_db")


def _cell(value: object) -> Cell:
    return value if isinstance(value, int | float) else _as_text(value)


def _as_text(value: object) -> str:
    if value is None:
        return ""
    return " x ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
