"""Charts as SVG that stands inside a page: colours are the page's own, texts stay texts. Knows no report."""

import io
import math
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from .names import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_INCHES = 4.2  # so narrow that letters can be read on a phone
ROW_INCHES = 0.2  # of a layer's bar
GROUP_INCHES = 0.1  # of one of several bars of a layer
COURSE_ROWS = 10  # of labels: as high a line over frames is
CELL_INCHES = 0.33  # of a core with a number and a label
LETTERS = 8.5  # points
LABEL_MAX = 17  # characters of a label
LONG = 1e5  # numbers from here on are short on an axis: 15M
# matplotlib wants colours, the page has names for them: each of these stands for one of its variables.
INK = "#101112"
COLOURS = {
    "neurons": "#101113",
    "connectivity": "#101114",
    "parameters": "#101115",
    "biases": "#101116",
    "heat": "#101117",
    "paper_rules": "#101118",
    "snc": "#101119",
    "hier_lut": "#10111a",
    "lut": "#10111b",
}


def stacked(labels: Sequence[str], parts: Mapping[str, Sequence[float]], unit: str) -> str:
    """A bar for each label, stacked from categories, from zero on."""
    from matplotlib.ticker import EngFormatter

    figure, axes = _figure(len(labels))
    left = [0.0] * len(labels)
    for name, values in parts.items():
        axes.barh(range(len(labels)), values, left=left, color=COLOURS[name], height=0.7, label=name)
        left = [a + b for a, b in zip(left, values, strict=True)]
    _dress(axes, labels, unit)
    axes.locator_params(axis="x", nbins=5)
    if max(left, default=0) >= LONG:
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_xlim(0, max([*left, 1e-12]) * 1.02)
    return _svg(figure)


def course(series: Mapping[str, Sequence[float]], unit: str) -> str:
    """A line for each of the series, from the first frame to the last."""
    from matplotlib.ticker import EngFormatter, MaxNLocator

    figure, axes = _figure(COURSE_ROWS)
    for name, values in series.items():
        axes.plot(range(len(values)), values, color=COLOURS[name], linewidth=1.2, label=name)
    _dress(axes, (), "frame")
    axes.set_yticks([])
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
    most = max((max(values, default=0) for values in series.values()), default=0)
    axes.set_ylim(0, max(most, 1e-12) * 1.05)
    if most >= LONG:
        axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_ylabel(unit, color=INK, fontsize=LETTERS)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    return _svg(figure)


def raster(points: Sequence[tuple[int, int]], frames: int, neurons: int) -> str:
    """A point for each spike: frames go across, neurons down."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = _figure(COURSE_ROWS)
    if points:
        across, down = zip(*points, strict=True)
        axes.scatter(across, down, s=3, color=COLOURS["snc"], linewidth=0)
    _dress(axes, (), "frame")
    axes.set_xlim(-0.5, max(1, frames) - 0.5)
    axes.set_ylim(neurons - 0.5, -0.5)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.set_ylabel("neuron", color=INK, fontsize=LETTERS)
    return _svg(figure)


def grouped(labels: Sequence[str], series: Mapping[str, Mapping[str, Sequence[float]]], unit: str) -> str:
    """For each label a bar for each of the series, in their order, stacked from categories; a logarithmic
    scale, so that the first category's part begins at the scale's end.
    """
    figure, axes = _figure(len(labels), GROUP_INCHES * (len(series) + 1))
    totals = [sum(parts) for each in series.values() for parts in zip(*each.values(), strict=True)]
    low = 10.0 ** math.floor(math.log10(min((total for total in totals if total > 0), default=1.0)))
    step = 1 / (len(series) + 1)
    for number, (name, parts) in enumerate(series.items()):
        rows = [row + (number - (len(series) - 1) / 2) * step for row in range(len(labels))]
        ends = [0.0] * len(labels)
        for category, values in parts.items():
            begins = [max(end, low) for end in ends]
            ends = [a + b for a, b in zip(ends, values, strict=True)]
            widths = [max(end - begin, 0.0) for begin, end in zip(begins, ends, strict=True)]
            axes.barh(rows, widths, left=begins, color=COLOURS[category], height=0.85 * step)
        for row, end in zip(rows, ends, strict=True):
            if end > 0:
                axes.text(end * 1.15, row, name, va="center", color=INK, fontsize=5.5)
    axes.set_xscale("log")
    axes.set_xlim(low, max([*totals, 10 * low]) * 12)
    _dress(axes, labels, unit)
    axes.xaxis.grid(True, color=INK, alpha=0.15)
    axes.set_axisbelow(True)
    return _svg(figure)


def mesh(
    size: tuple[int, int],
    values: Mapping[tuple[int, int], float],
    labels: Mapping[tuple[int, int], str] = MappingProxyType({}),
) -> str:
    """Every core of a mesh, more opaque for larger values; the number is per cent of the largest. Below it
    stands the core's label.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    width, height = size
    cell = max(CELL_INCHES, (WIDTH_INCHES - 0.25) / max(width, 3))
    figure = Figure(figsize=(cell * width + 0.25, cell * height + 0.25))
    whole = figure.get_size_inches()
    axes = figure.add_axes((0.25 / whole[0], 0, 1 - 0.25 / whole[0], 1 - 0.25 / whole[1]))
    largest = max(values.values(), default=0.0) or 1.0
    for y in range(height):
        for x in range(width):
            axes.add_patch(Rectangle((x, y), 0.94, 0.94, fill=False, edgecolor=INK, alpha=0.3, linewidth=0.6))
            share = values.get((x, y), 0.0) / largest
            if share > 0:
                # Faint enough for the number to be read on it, in light and in dark.
                axes.add_patch(
                    Rectangle(
                        (x, y), 0.94, 0.94, color=COLOURS["heat"], alpha=0.08 + 0.6 * share, linewidth=0
                    )
                )
                axes.text(
                    x + 0.47, y + 0.36, f"{100 * share:.0f}", ha="center", va="center", color=INK, fontsize=8
                )
            if label := labels.get((x, y), ""):
                axes.text(x + 0.47, y + 0.74, label, ha="center", va="center", color=INK, fontsize=6.5)
    axes.set_xlim(-0.06, width)
    axes.set_ylim(height, -0.06)
    axes.set_xticks([i + 0.47 for i in range(width)], map(str, range(width)), color=INK, fontsize=7)
    axes.set_yticks([i + 0.47 for i in range(height)], map(str, range(height)), color=INK, fontsize=7)
    axes.xaxis.tick_top()
    axes.tick_params(length=0, pad=1)
    axes.set_frame_on(False)
    return _svg(figure, least=width > WIDTH_INCHES / CELL_INCHES)


def cuts(labels: Sequence[str], pieces: Sequence[tuple[int, int, int]]) -> str:
    """A bar for each layer, cut along the channels as the layer is, and on top of another for its maps."""
    figure, axes = _figure(len(labels))
    for row, (c, y, x) in enumerate(pieces):
        for piece in range(c):
            for part in range(y * x):
                axes.barh(
                    row - 0.35 + 0.7 * (part + 0.5) / (y * x),
                    1 / c,
                    left=piece / c,
                    height=0.7 / (y * x),
                    color=COLOURS["parameters"],
                    alpha=0.45,
                    edgecolor=INK,
                    linewidth=0.5,
                )
    _dress(axes, labels, "share of the layer's channels")
    axes.set_xlim(0, 1)
    return _svg(figure)


def scatter(
    series: Sequence[tuple[str, Sequence[tuple[float, float]], Sequence[tuple[float, float]]]],
    labels: tuple[str, str],
) -> str:
    """Points of several colours, each with a line through those of its front. `labels`: of both axes."""
    figure, axes = _figure(12)
    for name, points, front in series:
        across, up = zip(*points, strict=True)
        axes.scatter(across, up, s=14, color=COLOURS[name], alpha=0.55, linewidth=0)
        line = sorted(front)
        axes.plot(*zip(*line, strict=True), color=COLOURS[name], marker="o", markersize=5, linewidth=1)
    axes.set_ylabel(labels[1], color=INK, fontsize=LETTERS)
    _scale(axes, labels[0])
    return _svg(figure)


def parallel(
    labels: Sequence[str], series: Sequence[tuple[str, Sequence[Sequence[float]]]], bold: Sequence[bool]
) -> str:
    """A line for each point across axes that each go from its least to its largest value, which stand at
    their ends. `bold`: lines that are drawn strongly, in the order of all series' points.
    """
    figure, axes = _figure(14)
    every = [values for _, lines in series for values in lines]
    low, high = (
        [min(each) for each in zip(*every, strict=True)],
        [max(each) for each in zip(*every, strict=True)],
    )
    strong = iter(bold)
    for name, lines in series:
        for values in lines:
            heights = [
                (value - a) / (b - a) if b > a else 0.5 for value, a, b in zip(values, low, high, strict=True)
            ]
            alpha, width = (0.95, 1.4) if next(strong) else (0.3, 0.7)
            axes.plot(range(len(labels)), heights, color=COLOURS[name], alpha=alpha, linewidth=width)
    for place, (a, b) in enumerate(zip(low, high, strict=True)):
        axes.axvline(place, color=INK, alpha=0.4, linewidth=0.6)
        for height, value in ((-0.06, a), (1.06, b)):
            axes.text(place, height, f"{value:.4g}", ha="center", va="center", color=INK, fontsize=6.5)
    _scale(axes, "")
    axes.set_position((0.06, 0.12, 0.88, 0.85))
    axes.set_xticks(range(len(labels)), labels, fontsize=6.5, color=INK)
    axes.set_ylim(-0.12, 1.12)
    axes.set_yticks([])
    axes.set_frame_on(False)
    return _svg(figure, least=len(labels) > 6)


def _scale(axes: "Axes", unit: str) -> None:
    """Letters and colours of axes with numbers on both."""
    from matplotlib.ticker import EngFormatter

    axes.set_xlabel(unit, color=INK, fontsize=LETTERS)
    axes.tick_params(axis="both", color=INK, labelcolor=INK, labelsize=LETTERS)
    for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        if max(map(abs, limits)) >= LONG:
            axis.set_major_formatter(EngFormatter(sep=""))
    for side, spine in axes.spines.items():
        spine.set_color(INK)
        spine.set_visible(side in ("left", "bottom"))


def _figure(rows: int, row_inches: float = ROW_INCHES) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    height = row_inches * rows + 0.6
    figure = Figure(figsize=(WIDTH_INCHES, height))
    bottom = 0.45 / height
    return figure, figure.add_axes((0.3, bottom, 0.67, 1 - bottom - 0.1 / height))


def _dress(axes: "Axes", labels: Sequence[str], unit: str) -> None:
    """Labels, scale and colours; the first label is on top."""
    short = shortened(labels, LABEL_MAX)
    axes.set_yticks(range(len(labels)), short, fontsize=LETTERS, color=INK)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlabel(unit, color=INK, fontsize=LETTERS)
    axes.tick_params(axis="both", color=INK, labelcolor=INK, labelsize=LETTERS)
    for side, spine in axes.spines.items():
        spine.set_color(INK)
        spine.set_visible(side in ("left", "bottom"))


def _svg(figure: "Figure", *, least: bool = False) -> str:
    """The drawing alone, with the page's colours and without names that another drawing may have. `least`:
    it is never drawn smaller than it is, for its letters' sake.
    """
    import matplotlib as mpl

    text = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "snc", "font.family": "sans-serif"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawing = text.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.DOTALL)
    wide = f' style="min-width: {figure.get_size_inches()[0]}in"' if least else ""
    drawing = re.sub(
        r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', rf'<svg \1 aria-hidden="true"{wide}>', drawing, count=1
    )
    for name, colour in (("ink", INK), *COLOURS.items()):
        drawing = drawing.replace(colour, f"var(--{name.replace('_', '-')})")
    return drawing


def apart(drawing: str, number: int) -> str:
    """The drawing with names that no drawing of another number has."""
    drawing = re.sub(r'\bid="', f'id="d{number}-', drawing)
    return re.sub(r'(url\(#|href="#)', rf"\g<1>d{number}-", drawing)
