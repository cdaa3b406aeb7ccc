"""The pages of chips of crossbars: of an image as it was compiled, of a run, and of ways to decompose."""

from typing import TYPE_CHECKING

from .. import charts
from ..image_page import named
from ..page import Cell, Chart, Section, Table, page
from .report import CrossbarReport, exactness

if TYPE_CHECKING:
    from ...billing.decompositions import Decompositions
    from ...running.crossbar.simulation import CrossbarEstimates, CrossbarSimulation

TILES = (
    "The number below a crossbar's share is the first of its layers, as the table of layers counts them; the "
    "table of crossbars names them all."
)


def crossbar_page(found: CrossbarReport, data: object) -> str:
    """The page of an image."""
    summary = f"{found.crossbars} of {found.crossbars_available} crossbars of {found.target}."
    return page(f"{found.model} on crossbars", summary, crossbar_sections(found), data)


def crossbar_sections(found: CrossbarReport) -> list[Section]:
    """The parts of that page."""
    facts = (
        ("crossbars", f"{found.crossbars} of {found.crossbars_available}"),
        ("no fewer than, proven", f"{found.crossbars_bound}, gap {100 * found.crossbars_gap:.1f} %"),
        ("hops when every unit sends", f"{found.hops:,}"),
        ("no fewer than, proven", f"{found.hops_bound:,}, gap {100 * found.hops_gap:.1f} %"),
        ("decomposed", found.decomposed),
        ("units", f"{found.units:,}"),
        ("synapses", f"{found.synapses:,}"),
        ("synapses lost", f"{found.lost:,}"),
        ("cells in use", f"{100 * found.used:.1f} %"),
        ("cells of rows in use that are wasted", f"{100 * found.wasted:.1f} %"),
        ("weights", found.weights),
        ("the host computes", ", ".join((*found.host_before, *found.host_after)) or "nothing"),
    )
    said = exactness(found)
    return [Section("In all", (said,) if said else (), facts), _layers(found), _mesh(found)]


def crossbar_run_sections(
    found: "CrossbarSimulation",
    mesh: tuple[int, int],
    costs: "CrossbarEstimates",
    accuracy: float | None,
    by_frame: list[Section],
) -> list[Section]:
    """The parts of the page of a run."""
    cells = max(found.used + found.unused, 1)
    facts = (
        ("frames", f"{found.frames:,}"),
        ("values that are not 0", f"{found.firing:,}"),
        ("values to other tiles", f"{found.spikes:,}"),
        ("values to their own tile", f"{found.local:,}"),
        ("hops", f"{found.hops:,}"),
        ("rows read", f"{found.reads:,}"),
        ("rows in use that were not driven", f"{found.silent:,}"),
        ("cells read with a synapse", f"{found.used:,}"),
        ("cells read without one", f"{found.unused:,} ({100 * found.unused / cells:.1f} %)"),
        *([] if accuracy is None else [("right", f"{100 * accuracy:.2f} % of the frames")]),
    )
    overview = Section("In all", ("Counted over all frames.",), facts)
    return [overview, *by_frame, _run_mesh(found, mesh), _costs(costs)]


def _layers(found: CrossbarReport) -> Section:
    labels = [layer.name for layer in found.layers]
    parts = {
        "neurons": [layer.neurons for layer in found.layers],
        "connectivity": [layer.units - layer.neurons for layer in found.layers],
    }
    key = (("neurons", "neurons"), ("connectivity", "parts of their sums"))
    drawn = Chart(
        "Units of each layer",
        f"{len(labels)} layers; {found.units:,} units, {sum(parts['neurons']):,} of them neurons",
        charts.stacked(labels, parts, "units"),
        key,
    )
    rows = tuple(
        (number, la.name, la.op, la.neurons, la.units, la.synapses, len(la.crossbars))
        for number, la in enumerate(found.layers)
    )
    headings = ("no.", "layer", "operator", "neurons", "units", "synapses", "crossbars")
    table = Table("What each layer takes", headings, rows, is_open=True)
    return Section("Layers", (), (), (drawn,), (table,))


def _mesh(found: CrossbarReport) -> Section:
    numbers = {layer.name: number for number, layer in enumerate(found.layers)}
    fills = {(one.x, one.y): one.fill for one in found.per_crossbar}
    labels = {(one.x, one.y): named(one.layers, numbers) for one in found.per_crossbar}
    fullest = max(found.per_crossbar, key=lambda one: one.fill)
    drawn = Chart(
        "Cells with a weight on the mesh, per cent of the fullest crossbar",
        f"{len(fills)} crossbars hold something; crossbar {fullest.crossbar}: "
        f"{100 * fullest.fill:.0f} % of its cells, the most",
        charts.mesh(found.mesh, fills, labels),
    )
    rows = tuple(
        (
            one.crossbar,
            f"({one.x}, {one.y})",
            one.rows,
            one.columns,
            one.cells,
            100 * one.fill,
            one.routes,
            ", ".join(one.layers),
        )
        for one in found.per_crossbar
    )
    headings = ("crossbar", "tile", "rows", "columns", "cells", "% in use", "routes", "layers")
    table = Table("What each crossbar holds", headings, rows)
    return Section("Crossbars", (TILES,), (), (drawn,), (table,))


def _run_mesh(found: "CrossbarSimulation", mesh: tuple[int, int]) -> Section:
    names = dict.fromkeys(name for one in found.per_crossbar for name in one.layers)
    numbers = {name: number for number, name in enumerate(names)}
    labels = {(one.x, one.y): named(one.layers, numbers) for one in found.per_crossbar}
    drawn = []
    for caption, words, name in (
        ("Cells read without a synapse, per cent of the crossbar with most", "wastes most", "unused"),
        ("Traffic: hops of the values that a crossbar sends, per cent of the most", "sends most", "hops"),
    ):
        values = {(one.x, one.y): float(getattr(one, name)) for one in found.per_crossbar}
        most = max(found.per_crossbar, key=lambda one, name=name: getattr(one, name))  # type: ignore[misc]
        alt = f"crossbar {most.crossbar} ({', '.join(most.layers)}) {words}: {getattr(most, name):,}"
        drawn.append(Chart(caption, alt, charts.mesh(mesh, values, labels)))
    rows = tuple(
        (
            one.crossbar,
            f"({one.x}, {one.y})",
            one.firing,
            one.events,
            one.local,
            one.hops,
            one.reads,
            one.silent,
            one.used,
            one.unused,
            ", ".join(one.layers),
        )
        for one in found.per_crossbar
    )
    headings = (
        "crossbar",
        "tile",
        "not 0",
        "values sent",
        "to its own rows",
        "hops",
        "rows read",
        "rows silent",
        "cells used",
        "cells unused",
        "layers",
    )
    text = "The number below a crossbar's share is the first of its layers, in the order of the table."
    return Section(
        "Crossbars",
        (text,),
        (),
        tuple(drawn),
        (Table("What each crossbar did", headings, rows, is_open=True),),
    )


def _costs(costs: "CrossbarEstimates") -> Section:
    facts = (
        ("energy of a frame, estimated", f"{costs.energy_nj:,.3f} nJ"),
        ("in synapses", f"{costs.useful_nj:,.3f} nJ"),
        ("wasted", f"{costs.wasted_nj:,.3f} nJ"),
        ("on the mesh", f"{costs.mesh_nj:,.3f} nJ"),
        ("latency of a frame, estimated", f"{costs.latency_us:,.3f} us"),
        ("cell_fj", f"{costs.cell_fj:,}"),
        ("hop_fj", f"{costs.hop_fj:,}"),
        ("step_ps", f"{costs.step_ps:,}"),
    )
    parts = {
        "parameters": [costs.useful_nj],
        "connectivity": [costs.wasted_nj],
        "neurons": [costs.mesh_nj],
    }
    key = (("parameters", "synapses"), ("connectivity", "wasted"), ("neurons", "mesh"))
    drawn = Chart(
        "Energy of a frame, estimated",
        f"{costs.energy_nj:,.3f} nJ, {costs.wasted_nj:,.3f} of them in cells without a synapse",
        charts.stacked(["a frame"], parts, "nJ"),
        key,
    )
    texts = (
        "Estimates from the target file's costs, which are assumptions; nothing was measured on a chip.",
        costs.energy_formula,
        costs.latency_formula,
    )
    return Section("Estimates", texts, facts, (drawn,))


def decompositions_page(found: "Decompositions", data: object) -> str:
    """The page of a network with each method of decomposition."""
    summary = f"{found.synapses:,} synapses on crossbars of {found.rows} x {found.columns}."
    return page(f"{found.model} decomposed", summary, [_methods(found), _published(found)], data)


def _methods(found: "Decompositions") -> Section:
    labels = [bill.method for bill in found.bills]
    drawn = (
        Chart(
            "Crossbars of each method",
            "; ".join(f"{bill.method}: {bill.crossbars:,}" for bill in found.bills),
            charts.stacked(labels, {"snc": [bill.crossbars for bill in found.bills]}, "crossbars"),
        ),
        Chart(
            "Energy when every row in use is driven once, estimated",
            "; ".join(f"{bill.method}: {bill.wasted_nj:,.3g} nJ wasted" for bill in found.bills),
            charts.stacked(
                labels,
                {
                    "parameters": [bill.useful_nj for bill in found.bills],
                    "connectivity": [bill.wasted_nj for bill in found.bills],
                },
                "nJ",
            ),
            (("parameters", "synapses"), ("connectivity", "wasted")),
        ),
    )
    rows = tuple(
        (
            bill.method,
            bill.lost,
            bill.units,
            bill.crossbars,
            bill.crossbars_bound,
            bill.in_order,
            100 * bill.used,
            100 * bill.wasted,
            bill.useful_nj,
            bill.wasted_nj,
            "-" if bill.hops is None else f"{bill.hops:,}",
            "-" if bill.hops_bound is None else f"{bill.hops_bound:,}",
        )
        for bill in found.bills
    )
    headings = (
        "method",
        "synapses lost",
        "units",
        "crossbars",
        "at least",
        "in order",
        "% of cells in use",
        "% of driven cells wasted",
        "useful nJ",
        "wasted nJ",
        "hops",
        "at least",
    )
    table = Table("What each method takes", headings, rows, is_open=True)
    text = "In order: units in firing order, each on the crossbar of the one before it where it fits."
    return Section("Methods", (text,), (), drawn, (table,))


def _published(found: "Decompositions") -> Section:
    every = (*((each.method, each) for each in found.against), ("published", found.published))
    rows = tuple(
        (
            name,
            _percent(each.crossbars_saved),
            _percent(each.saved_in_order),
            each.used_times,
            _percent(each.waste_saved),
            _percent(each.waste_saved_a_synapse),
        )
        for name, each in every
    )
    headings = (
        "method",
        "% of crossbars saved",
        "% of those in order",
        "times the cells in use",
        "% of waste saved",
        "% for each synapse",
    )
    text = (
        "Published: arXiv 2009.09298, averages over its networks, the chain against pruning; what its mapper "
        "counts is not stated in its abstract."
    )
    table = Table("Against pruning", headings, rows, is_open=True)
    return Section("Against pruning", (text,), (), (), (table,))


def _percent(share: float | None) -> Cell:
    return "-" if share is None else 100 * share
