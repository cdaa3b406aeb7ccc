"""The page of `snc simulate --report`: what a run did on the mesh and in each layer, and what it may cost."""

from collections.abc import Sequence
from pathlib import Path

from ..running.crossbar.simulation import CrossbarEstimates, CrossbarSimulation
from ..running.estimate import AnyEstimates, Estimates
from ..running.simulating.beside import Beside, Course
from ..running.simulating.simulation import AnySimulation, Simulation
from ..running.simulating.spikes import Raster
from . import charts
from .crossbar.pages import crossbar_run_sections
from .image_page import named
from .page import Chart, Section, Table, page
from .time_sections import nearing_section, spike_section

OTHERS = ("lut", "hier_lut", "paper_rules", "neurons")  # colours of runs beside


def run_page(
    found: AnySimulation,
    model: str,
    mesh: tuple[int, int],
    costs: AnyEstimates,
    data: object,
    accuracy: float | None = None,
    course: Course | None = None,
    beside: Sequence[Beside] = (),
    raster: Raster | None = None,
    by_step: Sequence[float] = (),
) -> str:
    """The page of a run. `accuracy`: the share of frames whose class is right, where that is known. `course`:
    of its frames, `beside`: of other images' runs on them. `raster`: the spikes of a network that runs over
    time. `by_step`: how many frames are right after each step that they are shown for.
    """
    frames = "1 frame" if found.frames == 1 else f"{found.frames} frames"
    summary = f"{frames}, {found.arithmetic} arithmetic: {found.synaptic_operations:,} synaptic operations."
    sections = run_sections(found, mesh, costs, accuracy, course, beside, raster, by_step)
    return page(f"{model}, a run", summary, sections, data)


def run_sections(
    found: AnySimulation,
    mesh: tuple[int, int],
    costs: AnyEstimates,
    accuracy: float | None = None,
    course: Course | None = None,
    beside: Sequence[Beside] = (),
    raster: Raster | None = None,
    by_step: Sequence[float] = (),
) -> list[Section]:
    """The parts of that page."""
    by_frame = [] if course is None or len(course.events) < 2 else [_course(found, course, beside)]
    if isinstance(found, CrossbarSimulation):
        assert isinstance(costs, CrossbarEstimates), "of its kind"
        return crossbar_run_sections(found, mesh, costs, accuracy, by_frame)
    assert not isinstance(costs, CrossbarEstimates), "of its kind"
    over_time = [] if raster is None else [spike_section(found, raster)]
    over_time += [nearing_section(by_step)] if by_step else []
    first = [_overview(found, accuracy), *over_time, *by_frame]
    return [*first, _layers(found), _mesh(found, mesh), _costs(costs)]


def _course(found: AnySimulation, course: Course, beside: Sequence[Beside]) -> Section:
    own = Path(found.image).name
    others = tuple(zip(OTHERS, beside, strict=False))
    key = (("snc", own), *((colour, Path(each.run.image).name) for colour, each in others))
    drawn = []
    for caption, name, unit in (
        ("Events of each frame", "events", "events"),
        ("Operations of each frame", "synaptic_operations", "synaptic operations"),
        ("Energy of each frame, estimated", "energy_nj", "nJ"),
    ):
        series = {"snc": getattr(course, name)}
        series |= {colour: getattr(each.course, name) for colour, each in others}
        if not any(map(any, series.values())):
            continue
        words = f"{len(course.events)} frames; {own} takes {sum(series['snc']):,.10g} {unit} in all"
        drawn.append(Chart(caption, words, charts.course(series, unit), key))
    texts, facts = ["What the frames took, one after the other."], []
    for each in beside:
        name = Path(each.run.image).name
        facts += [
            (f"frames equal to those of {name}", f"{each.equal} of {found.frames}"),
            ("largest error, of the peak", f"{each.max_rel_error:.3g}"),
            (f"events, of those of {name}", f"{found.events / max(1, each.run.events):.3f}"),
        ]
    return Section("Frame by frame", tuple(texts), tuple(facts), tuple(drawn))


def _overview(found: Simulation, accuracy: float | None) -> Section:
    neurons = sum(layer.neurons for layer in found.per_layer) * found.frames
    empty = found.empty_events / found.events if found.events else 0.0
    facts = (
        ("frames", f"{found.frames:,}"),
        ("neurons that fired", f"{found.firing:,} of {neurons:,}"),
        ("events", f"{found.events:,}"),
        ("empty events", f"{found.empty_events:,} ({100 * empty:.1f} %)"),
        ("synaptic operations", f"{found.synaptic_operations:,}"),
        ("hops", f"{found.hops:,}"),
        ("hops into the chip", f"{found.input_hops:,}"),
        *([] if accuracy is None else [("right", f"{100 * accuracy:.2f} % of the frames")]),
    )
    return Section("In all", ("Counted over all frames.",), facts)


def _layers(found: Simulation) -> Section:
    labels = [layer.name for layer in found.per_layer]
    silent = [100 * layer.sparsity for layer in found.per_layer]
    work = [layer.synaptic_operations for layer in found.per_layer]
    most = max(found.per_layer, key=lambda layer: layer.synaptic_operations)
    quiet = max(found.per_layer, key=lambda layer: layer.sparsity)
    drawn = (
        Chart(
            "Synaptic operations of each layer",
            f"{len(labels)} layers; {most.name} does most: {most.synaptic_operations:,}",
            charts.stacked(labels, {"snc": work}, "synaptic operations"),
        ),
        Chart(
            "Activation sparsity: silent neurons of each layer",
            f"{len(labels)} layers; {quiet.name} is the most silent with {100 * quiet.sparsity:.1f} %",
            charts.stacked(labels, {"parameters": silent}, "% of the neurons"),
        ),
    )
    rows = tuple(
        (
            number,
            layer.name,
            layer.op,
            layer.neurons,
            100 * layer.sparsity,
            layer.firing,
            layer.events,
            layer.empty_events,
            layer.synaptic_operations,
            layer.hops,
        )
        for number, layer in enumerate(found.per_layer)
    )
    headings = (
        "no.",
        "layer",
        "operator",
        "neurons",
        "% silent",
        "fired",
        "events",
        "empty",
        "operations",
        "hops",
    )
    text = "Events and hops are those that a layer sends, operations and empty events those it receives."
    table = Table("What each layer did", headings, rows, is_open=True)
    return Section("Layers", (text,), (), drawn, (table,))


def _mesh(found: Simulation, mesh: tuple[int, int]) -> Section:
    numbers = {layer.name: number for number, layer in enumerate(found.per_layer)}
    labels = {(core.x, core.y): named(core.layers, numbers) for core in found.per_core}
    work = {(core.x, core.y): float(core.synaptic_operations) for core in found.per_core}
    traffic = {(core.x, core.y): float(core.hops) for core in found.per_core}
    busy = max(found.per_core, key=lambda core: core.synaptic_operations)
    loud = max(found.per_core, key=lambda core: core.hops)
    drawn = (
        Chart(
            "Synaptic operations on the mesh, per cent of the busiest core",
            f"core {busy.core} ({', '.join(busy.layers)}) does most: {busy.synaptic_operations:,}",
            charts.mesh(mesh, work, labels),
        ),
        Chart(
            "Traffic on the mesh: hops of the events that a core sends, per cent of the most",
            f"core {loud.core} ({', '.join(loud.layers)}) sends most: {loud.hops:,} hops",
            charts.mesh(mesh, traffic, labels),
        ),
    )
    rows = tuple(
        (
            core.core,
            f"({core.x}, {core.y})",
            core.firing,
            core.events,
            core.synaptic_operations,
            core.empty_events,
            core.hops,
            ", ".join(core.layers),
        )
        for core in found.per_core
    )
    headings = ("core", "place", "fired", "events", "operations", "empty", "hops", "layers")
    text = (
        "The number below a core's share is the first of its layers, as the table of layers counts them; "
        "the table of cores names them all."
    )
    return Section("Cores", (text,), (), drawn, (Table("What each core did", headings, rows),))


def _costs(costs: Estimates) -> Section:
    facts = (
        ("energy of a frame, estimated", f"{costs.energy_nj / 1000:,.3f} uJ"),
        ("latency of a frame, estimated", f"{costs.latency_us:,.2f} us"),
        ("word_fj", f"{costs.word_fj:,.0f}"),
        ("operation_fj", f"{costs.operation_fj:,}"),
        ("hop_fj", f"{costs.hop_fj:,}"),
        ("cycle_ps", f"{costs.cycle_ps:,}"),
    )
    labels = [layer.name for layer in costs.layers]
    parts = {
        "parameters": [layer.operations_nj for layer in costs.layers],
        "connectivity": [layer.events_nj for layer in costs.layers],
        "neurons": [layer.hops_nj for layer in costs.layers],
    }
    most = max(costs.layers, key=lambda layer: layer.energy_nj)
    key = (("parameters", "operations"), ("connectivity", "events"), ("neurons", "hops"))
    drawn = Chart(
        "Energy of each layer in a frame, estimated",
        f"{len(labels)} layers; {most.name} takes most: {most.energy_nj:,.1f} nJ",
        charts.stacked(labels, parts, "nJ"),
        key,
    )
    rows = tuple(
        (la.name, la.operations_nj, la.events_nj, la.hops_nj, la.energy_nj, la.latency_us)
        for la in costs.layers
    )
    headings = ("layer", "operations nJ", "events nJ", "hops nJ", "energy nJ", "latency us")
    texts = (
        "Estimates from the target file's costs, which are assumptions; nothing was measured on a chip.",
        costs.energy_formula,
        costs.latency_formula,
    )
    return Section("Estimates", texts, facts, (drawn,), (Table("Estimates of each layer", headings, rows),))
