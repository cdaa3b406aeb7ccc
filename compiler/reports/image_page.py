"""The page of `snc compile --report`: where everything of an image lies, and what the solver says of it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..pipeline.host_work import percent
from . import charts
from .page import Cell, Chart, Section, Table, page, size
from .report import Report

if TYPE_CHECKING:
    from ..choosing.choose import Point, Precision
    from ..choosing.frames import Measured

CATEGORIES = ("neurons", "connectivity", "parameters", "biases")
KEY = tuple((name, name) for name in CATEGORIES)


def image_page(found: Report, data: object) -> str:
    """The page of an image."""
    total = size(found.totals.total_bytes)
    summary = f"{found.cores.used} of {found.cores.available} cores of {found.target}, {total}."
    return page(f"{found.model} as an image", summary, image_sections(found), data)


def image_sections(found: Report) -> list[Section]:
    """The parts of that page."""
    accuracy = [] if found.precision is None else [_accuracy(found.precision)]
    return [_overview(found), *accuracy, _layers(found), _cores(found), _solver(found), _host(found)]


def _overview(found: Report) -> Section:
    totals = found.totals
    facts = [
        ("memory", size(totals.total_bytes)),
        *((name, size(getattr(totals, f"{name}_bytes"))) for name in CATEGORIES),
        ("neurons (count)", f"{totals.neurons:,}"),
        ("weights", found.weights),
        ("states", found.states),
        ("cores", f"{found.cores.used} of {found.cores.available}"),
        ("events between cores, at most", f"{found.traffic.events:,}"),
        ("hops", f"{found.traffic.hops:,}, along a snake {found.traffic.snake_hops:,}"),
        ("busiest link, events", f"{found.traffic.busiest_link:,}"),
    ]
    if totals.synapses is not None:
        facts.append(("synapses", f"{totals.synapses:,}"))
    return Section("In all", (), tuple(facts))


def _accuracy(found: "Precision") -> Section:
    """How near the image is to the model, every choice that was measured, and each layer."""
    facts = [
        ("bits of a weight", f"{found.bits_per_weight:.2f}"),
        *_measured("frames to choose by", found.calibration),
    ]
    if found.held_out is not None:
        facts += _measured("frames held out", found.held_out)
    if found.uncorrected is not None:
        without = f"{found.uncorrected.calibration.sqnr_db:.1f} dB"
        facts += [("corrected biases", str(found.corrected)), ("without that", without)]
    if found.chip is not None:
        states = f"{found.chip.sqnr_db:.1f} dB, with 32 {found.chip.wide_sqnr_db:.1f} dB"
        facts += [(f"states of 16 bits, on {found.chip.frames} frames", states)]
    choices = Table(
        "Every choice of formats that was measured",
        ("bits", "bytes", "cores", "SQNR, dB", "% of answers stay", "held out, dB", "held out, %", "formats"),
        tuple(_choice(point) for point in found.front),
    )
    rows = tuple((la.layer, la.sqnr_db, la.least, la.most, 100 * la.zeros) for la in found.layers)
    headings = ("layer", "SQNR, dB", "least value", "largest value", "% of values are 0")
    layers = Table("Accuracy of each layer, and what its values are", headings, rows)
    return Section("Accuracy", (), tuple(facts), (), (choices, layers))


def _measured(name: str, found: "Measured") -> list[tuple[str, str]]:
    stay = f"{100 * found.agreement:.1f} % of answers stay"
    return [(name, f"{found.sqnr_db:.1f} dB on {found.frames}, {stay}")]


def _choice(point: "Point") -> tuple[Cell, ...]:
    shown, other = point.calibration, point.held_out
    held = ("-", "-") if other is None else (other.sqnr_db, 100 * other.agreement)
    size = "-" if point.bytes is None else point.bytes
    cores = "-" if point.cores is None else point.cores
    return (point.bits_per_weight, size, cores, shown.sqnr_db, 100 * shown.agreement, *held, point.weights)


def _solver(found: Report) -> Section:
    solver = found.solver
    facts = [
        ("status", f"{solver.status} for {found.objective}"),
        ("objective", f"{solver.objective:,.0f}"),
        ("proven bound", f"{solver.bound:,.0f}"),
        ("gap", f"{100 * solver.gap:.1f} %"),
        ("cores, no fewer than", f"{found.cores.lower_bound:,}"),
    ]
    if solver.seconds is not None:
        facts.append(("seconds", f"{solver.seconds:,.1f}"))
    return Section("Solver", (), tuple(facts))


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
            number,
            la.name,
            la.op,
            "x".join(map(str, la.shape)),
            la.fragments,
            f"{la.cuts.c} / {la.cuts.y} / {la.cuts.x}",
            *(getattr(la, f"{name}_bytes") for name in CATEGORIES),
            len(la.cores),
        )
        for number, la in enumerate(found.layers)
    )
    headings = ("no.", "layer", "operator", "shape", "fragments", "cuts c / y / x", *CATEGORIES, "cores")
    return Section("Layers", (), (), tuple(drawn), (Table("Bytes and cuts of each layer", headings, rows),))


def _cores(found: Report) -> Section:
    parts = {name: [getattr(core, f"{name}_bytes") / 1024 for core in found.per_core] for name in CATEGORIES}
    cores = Chart(
        "Memory of each core",
        f"{len(found.per_core)} cores of {size(8 * found.core_words)} by category",
        charts.stacked([f"{core.core} ({core.x}, {core.y})" for core in found.per_core], parts, "kB"),
        KEY,
    )
    routed = {(router.x, router.y): router.events for router in found.traffic.routers}
    rows = tuple(
        (
            core.core,
            f"({core.x}, {core.y})",
            100 * core.fill,
            *(getattr(core, f"{name}_bytes") for name in CATEGORIES),
            "-" if core.synapses is None else core.synapses,
            routed.get((core.x, core.y), 0),
            ", ".join(core.layers),
        )
        for core in found.per_core
    )
    headings = ("core", "place", "% in use", *CATEGORIES, "synapses", "events sent on", "layers")
    text = (
        "The number below a core's share is the first of its layers, as the table of layers counts them; "
        "the table of cores names them all."
    )
    table = Table("What lies in each core", headings, rows)
    return Section("Cores", (text,), (), (*_meshes(found), cores), (table,))


def _meshes(found: Report) -> list[Chart]:
    """The mesh three times: memory, operations and traffic. The last two are those when all neurons fire."""
    numbers = {layer.name: number for number, layer in enumerate(found.layers)}
    labels = {(core.x, core.y): named(core.layers, numbers) for core in found.per_core}
    fullest = max(found.per_core, key=lambda core: core.fill)
    fills = {(core.x, core.y): core.fill for core in found.per_core}
    drawn = [
        Chart(
            "Memory in use on the mesh, per cent of the fullest core",
            f"{len(fills)} cores hold something; core {fullest.core} ({', '.join(fullest.layers)}): "
            f"{100 * fullest.fill:.0f} %, the most",
            charts.mesh(found.mesh, fills, labels),
        )
    ]
    work = {(core.x, core.y): float(core.synapses) for core in found.per_core if core.synapses}
    if work:
        busy = max(found.per_core, key=lambda core: core.synapses or 0)
        drawn.append(
            Chart(
                "Synaptic operations when all neurons fire, per cent of the busiest core",
                f"core {busy.core} ({', '.join(busy.layers)}) does most: {busy.synapses or 0:,}",
                charts.mesh(found.mesh, work, labels),
            )
        )
    if found.traffic.routers:
        loud = max(found.traffic.routers, key=lambda router: router.events)
        routed = {(router.x, router.y): float(router.events) for router in found.traffic.routers}
        drawn.append(
            Chart(
                "Traffic when all neurons fire: events sent on to a neighbour, per cent of the most",
                f"the core at ({loud.x}, {loud.y}) sends on most: {loud.events:,} events",
                charts.mesh(found.mesh, routed, labels),
            )
        )
    return drawn


def named(layers: Sequence[str], numbers: Mapping[str, int]) -> str:
    """The number of a core's first layer, and a plus where it has more."""
    held = sorted(numbers[name] for name in layers)
    return f"#{held[0]}{'+' if len(held) > 1 else ''}" if held else ""


def _host(found: Report) -> Section:
    host = found.host
    if not host.before and not host.after:
        return Section("Host", ("The chip computes the whole network.",))
    rows = tuple(
        (name, where, host.reasons.get(name) or "no work for neurons")
        for where, nodes in (("before the chip", host.before), ("behind the chip", host.after))
        for name in nodes
    )
    share = percent(host.share_of_macs) if host.share_of_macs else "none"
    text = f"ONNX Runtime computes these, {share} of the multiplications."
    table = Table("What the host computes", ("node", "where", "why"), rows, is_open=True)
    return Section("Host", (text,), (), (), (table,))
