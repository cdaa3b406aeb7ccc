"""The page of `snc compile --report`: where everything of an image lies, and what the solver says of it."""

from . import charts
from .page import Chart, Section, Table, page, size
from .report import Report

CATEGORIES = ("neurons", "connectivity", "parameters", "biases")
KEY = tuple((name, name) for name in CATEGORIES)


def image_page(found: Report, data: object) -> str:
    """The page of an image."""
    total = size(found.totals.total_bytes)
    summary = f"{found.cores.used} of {found.cores.available} cores of {found.target}, {total}."
    sections = [_overview(found), _layers(found), _mesh(found), _host(found)]
    return page(f"{found.model} as an image", summary, sections, data)


def _overview(found: Report) -> Section:
    totals, solver = found.totals, found.solver
    facts = [
        ("memory", size(totals.total_bytes)),
        *((name, size(getattr(totals, f"{name}_bytes"))) for name in CATEGORIES),
        ("neurons (count)", f"{totals.neurons:,}"),
        ("cores", f"{found.cores.used}, no fewer than {found.cores.lower_bound}"),
        ("weights", found.weights),
        ("states", found.states),
        ("solver", f"{solver.status} for {found.objective}, gap {100 * solver.gap:.1f} %"),
    ]
    if totals.synapses is not None:
        facts.append(("synapses", f"{totals.synapses:,}"))
    return Section("In all", (), tuple(facts))


def _layers(found: Report) -> Section:
    labels = [layer.name for layer in found.layers]
    parts = {name: [getattr(layer, f"{name}_bytes") / 1024 for layer in found.layers] for name in CATEGORIES}
    most = max(found.layers, key=lambda la: sum(getattr(la, f"{name}_bytes") for name in CATEGORIES))
    cut = [layer for layer in found.layers if layer.fragments > 1]
    drawn = [
        Chart(
            "Memory of each layer",
            f"{len(labels)} layers; {most.name} takes most",
            charts.stacked(labels, parts, "kB"),
            KEY,
        )
    ]
    if cut:
        pieces = [(layer.cuts.c, layer.cuts.y, layer.cuts.x) for layer in cut]
        drawn.append(
            Chart(
                "Cuts of each layer",
                "; ".join(
                    f"{la.name}: {la.cuts.c} by channels, {la.cuts.y} by rows, {la.cuts.x} by columns"
                    for la in cut
                ),
                charts.cuts([layer.name for layer in cut], pieces),
            )
        )
    rows = tuple(
        (
            la.name,
            la.op,
            "x".join(map(str, la.shape)),
            la.fragments,
            f"{la.cuts.c} / {la.cuts.y} / {la.cuts.x}",
            *(getattr(la, f"{name}_bytes") for name in CATEGORIES),
            len(la.cores),
        )
        for la in found.layers
    )
    headings = ("layer", "operator", "shape", "fragments", "cuts c / y / x", *CATEGORIES, "cores")
    return Section("Layers", (), (), tuple(drawn), (Table("Bytes and cuts of each layer", headings, rows),))


def _mesh(found: Report) -> Section:
    fills = {(core.x, core.y): core.fill for core in found.per_core}
    fullest = max(found.per_core, key=lambda core: core.fill)
    labels = [f"{core.core} ({core.x}, {core.y})" for core in found.per_core]
    parts = {name: [getattr(core, f"{name}_bytes") / 1024 for core in found.per_core] for name in CATEGORIES}
    drawn = (
        Chart(
            "Memory in use on the mesh, per cent of the fullest core",
            f"{len(fills)} cores hold something; core {fullest.core}: {100 * fullest.fill:.0f} %, the most",
            charts.mesh(found.mesh, fills),
        ),
        Chart(
            "Memory of each core",
            f"{len(labels)} cores of {size(8 * found.core_words)} by category",
            charts.stacked(labels, parts, "kB"),
            KEY,
        ),
    )
    rows = tuple(
        (
            core.core,
            f"({core.x}, {core.y})",
            100 * core.fill,
            *(getattr(core, f"{name}_bytes") for name in CATEGORIES),
            ", ".join(core.layers),
        )
        for core in found.per_core
    )
    headings = ("core", "place", "% in use", *CATEGORIES, "layers")
    return Section("Cores", (), (), drawn, (Table("What lies in each core", headings, rows),))


def _host(found: Report) -> Section:
    host = found.host
    if not host.before and not host.after:
        return Section("Host", ("The chip computes the whole network.",))
    texts = [
        f"{where} the chip: {', '.join(str(node) for node in nodes)}"
        for where, nodes in (("Before", host.before), ("Behind", host.after))
        if nodes
    ]
    return Section("Host", tuple(texts))
