"""The table of a sweep: a row for each point in the order of its file, and which of them are on the front."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .points import Point
from .spec import Stated
from .store import Figure, Outcome

# Figures that a front is made of, and whether less of one is better.
AIMS = {
    "memory_bytes": True,
    "cores": True,
    "energy_nj": True,
    "latency_us": True,
    "sqnr_db": False,
    "accuracy": False,
}
FIGURES = (
    "memory_bytes",
    "neurons_bytes",
    "connectivity_bytes",
    "parameters_bytes",
    "biases_bytes",
    "cores",
    "gap",
    "traffic_events",
    "traffic_hops",
    "energy_nj",
    "latency_us",
    "sqnr_db",
    "agreement",
    "accuracy",
)


@dataclass(frozen=True, slots=True)
class Row:
    """A point: what was asked for, what became of it, and whether no other of its model is better in one
    figure and as good in all others.
    """

    model: str
    target: str
    stated: Stated
    figures: Mapping[str, Figure]
    is_front: bool
    code: str
    message: str


def rows(points: Sequence[Point], outcomes: Mapping[str, Outcome]) -> tuple[Row, ...]:
    """The table."""
    found = [outcomes[point.key] for point in points]
    best = set[int]()
    for model in dict.fromkeys(point.model.path for point in points):
        mine = [
            index
            for index, point in enumerate(points)
            if point.model.path == model and not found[index].has_failed
        ]
        best |= {mine[place] for place in front([found[index].figures for index in mine])}
    return tuple(
        Row(
            point.model.name,
            point.target,
            point.stated,
            {name: each.figures.get(name) for name in FIGURES},
            index in best,
            each.code,
            each.message,
        )
        for index, (point, each) in enumerate(zip(points, found, strict=True))
    )


def front(figures: Sequence[Mapping[str, Figure]], aims: Sequence[str] = tuple(AIMS)) -> tuple[int, ...]:
    """Which of them no other beats: none is better in one of the aims, and at least as good in all."""
    known = [losses(each, aims) for each in figures]
    best: list[tuple[float, ...]] = []
    for one in sorted(set(known)):  # what beats another comes before it
        if not any(all(a <= b for a, b in zip(other, one, strict=True)) for other in best):
            best.append(one)
    return tuple(index for index, one in enumerate(known) if one in set(best))


def losses(figures: Mapping[str, Figure], aims: Sequence[str]) -> tuple[float, ...]:
    """The figures so that less is better; one that was not measured is the same for all."""
    signed = []
    for name in aims:
        value = figures.get(name)
        signed.append(0.0 if value is None else float(value) if AIMS[name] else -float(value))
    return tuple(signed)


def columns(table: Sequence[Row]) -> tuple[str, ...]:
    """What the file states of target and options, in its order."""
    return tuple(dict.fromkeys(name for row in table for name in row.stated))


def measured(table: Sequence[Row]) -> tuple[str, ...]:
    """The figures that some row has."""
    return tuple(name for name in FIGURES if any(row.figures[name] is not None for row in table))


def as_rows(table: Sequence[Row]) -> list[dict[str, object]]:
    """The table as JSON and CSV have it."""
    stated = columns(table)
    return [
        {
            "model": row.model,
            "target": row.target,
            **{name: row.stated.get(name) for name in stated},
            **row.figures,
            "front": row.is_front,
            "code": row.code or None,
            "error": row.message or None,
        }
        for row in table
    ]
