"""Charts as SVG that stands inside a page: colours are the page's own, texts stay texts. Knows no report."""

import io
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW_INCHES = 0.24  # of a layer's bar
WIDTH_INCHES = 6.6
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
    figure, axes = _figure(len(labels))
    left = [0.0] * len(labels)
    for name, values in parts.items():
        axes.barh(range(len(labels)), values, left=left, color=COLOURS[name], height=0.7, label=name)
        left = [a + b for a, b in zip(left, values, strict=True)]
    _dress(axes, labels, unit)
    axes.set_xlim(0, max([*left, 1e-12]) * 1.02)
    return _svg(figure)


def dots(labels: Sequence[str], series: Mapping[str, Sequence[float]], unit: str) -> str:
    """A dot for each label and series, on a logarithmic scale; zeros are left out."""
    figure, axes = _figure(len(labels))
    marks = ("o", "s", "^", "D")
    for mark, (name, values) in zip(marks, series.items(), strict=False):
        shown = [(value, row) for row, value in enumerate(values) if value > 0]
        axes.plot(
            [v for v, _ in shown], [r for _, r in shown], mark, color=COLOURS[name], label=name, markersize=5
        )
    axes.set_xscale("log")
    _dress(axes, labels, unit)
    axes.xaxis.grid(True, color=INK, alpha=0.15)
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
    figure = Figure(figsize=(WIDTH_INCHES, WIDTH_INCHES * height / width + 0.3))
    axes = figure.add_axes((0.06, 0.02, 0.93, 0.92))
    largest = max(values.values(), default=0.0) or 1.0
    for y in range(height):
        for x in range(width):
            axes.add_patch(Rectangle((x, y), 0.94, 0.94, fill=False, edgecolor=INK, alpha=0.3, linewidth=0.6))
            share = values.get((x, y), 0.0) / largest
            if share > 0:
                # Faint enough for the number to be read on it, in light and in dark.
                axes.add_patch(Rectangle((x, y), 0.94, 0.94, color=COLOURS["heat"], alpha=0.08 + 0.6 * share))
                axes.text(
                    x + 0.47, y + 0.47, f"{100 * share:.0f}", ha="center", va="center", color=INK, fontsize=8
                )
            if label := labels.get((x, y), ""):
                axes.text(x + 0.47, y + 0.82, label, ha="center", va="center", color=INK, fontsize=6)
    axes.set_xlim(-0.06, width)
    axes.set_ylim(height, -0.06)
    axes.set_xticks([i + 0.47 for i in range(width)], [str(i) for i in range(width)], color=INK)
    axes.set_yticks([i + 0.47 for i in range(height)], [str(i) for i in range(height)], color=INK)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_frame_on(False)
    return _svg(figure)


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


def _figure(rows: int) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    height = ROW_INCHES * rows + 0.7
    figure = Figure(figsize=(WIDTH_INCHES, height))
    bottom = 0.5 / height
    return figure, figure.add_axes((0.27, bottom, 0.7, 1 - bottom - 0.1 / height))


def _dress(axes: "Axes", labels: Sequence[str], unit: str) -> None:
    """Labels, scale and colours; the first label is on top."""
    short = [label if len(label) <= 22 else ".." + label[-20:] for label in labels]
    axes.set_yticks(range(len(labels)), short, fontsize=8, color=INK)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlabel(unit, color=INK, fontsize=9)
    axes.tick_params(axis="both", color=INK, labelcolor=INK, labelsize=8)
    for side, spine in axes.spines.items():
        spine.set_color(INK)
        spine.set_visible(side in ("left", "bottom"))


def _svg(figure: "Figure") -> str:
    """The drawing alone, with the page's colours and without names that another drawing may have."""
    import matplotlib as mpl

    text = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "snc", "font.family": "sans-serif"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawing = text.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.DOTALL)
    drawing = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', r'<svg \1 aria-hidden="true">', drawing, count=1)
    for name, colour in (("ink", INK), *COLOURS.items()):
        drawing = drawing.replace(colour, f"var(--{name.replace('_', '-')})")
    return drawing


def apart(drawing: str, number: int) -> str:
    """The drawing with names that no drawing of another number has."""
    drawing = re.sub(r'\bid="', f'id="d{number}-', drawing)
    return re.sub(r'(url\(#|href="#)', rf"\g<1>d{number}-", drawing)
