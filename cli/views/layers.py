"""The report of an image, as `compile` and `inspect` show it: layers, totals, cores, solver, host."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...ir.storage.formats import INTEGERS
from ...ir.storage.formats import listed as listed_formats
from .show import Sheet, begun, listed, paragraph, say, short, size, times

if TYPE_CHECKING:
    from ...compiler.choosing.choose import Precision
    from ...compiler.pipeline.choices import Point
    from ...compiler.reports.report import Cuts, LayerReport, Report

OP_MAX = 11  # characters of an operator's name
NODES_SHOWN = 5  # of the host's, on each side
FORMATS_MAX = 50  # characters of a list of formats
EXACT = (INTEGERS, "float32")  # what rounds no weight


def show_report(report: "Report") -> None:
    """The whole report but for the mesh."""
    totals, cores, solver = report.totals, report.cores, report.solver
    used = f"{cores.used} of {cores.available}"
    say(f"{report.model} on {report.target}: {used} cores, {size(totals.total_bytes)}", style="bold")
    say()
    show_layers(report)
    say(f"memory   {_categories(report)}")
    say(f"network  {_network(report)}")
    say(f"weights  {_formats(report.weights)}, states {report.states}")
    if sparse := _layouts(report):
        say(f"zeros    {sparse}")
    for rule in report.learning:
        way = (
            f"{rule.window + 1} steps, 2^-{rule.shift} of the way to {rule.maximum}, {rule.rounding} rounding"
        )
        say(f"learning {rule.to} from {rule.source}: {way}")
    if report.precision is not None:
        _show_accuracy(report.precision)
    elif report.seconds is not None and not report.dynamics and report.weights not in EXACT:
        say("accuracy not measured: give frames with --data")
    say(f"traffic  {_traffic(report)}")
    say(f"cores    {used}; no packing needs fewer than {cores.lower_bound}")
    gap = f", gap {100 * solver.gap:.1f} %" if solver.gap else ""
    took = "" if solver.seconds is None else f" in {solver.seconds:.1f} s"
    say(f"cuts     {solver.status} for {report.objective}{gap}{took}")
    show_host(report)


def show_front(points: "Sequence[Point]") -> None:
    """Cores against the synaptic operations of the busiest one, when every neuron fires."""
    table = Sheet("cores>", "busiest core's operations>", "fragments>", "words>")
    for point in points:
        table.add(point.cores, f"{point.busiest_core_operations:,}", point.fragments, f"{point.words:,}")
    table.show()


def _formats(text: str) -> str:
    """Formats of weights: a list of many as how many constants have each."""
    if len(text) <= FORMATS_MAX:
        return text
    count = Counter(listed_formats(text))
    return ", ".join(f"{name} of {number} constants" for name, number in count.most_common())


def _show_accuracy(precision: "Precision") -> None:
    """How near the image is to the model, with the bits of a weight, and what that is made of."""
    known = precision.calibration
    text = f"{known.sqnr_db:.1f} dB on {known.frames} frames, {100 * known.agreement:.1f} % of answers stay"
    if (other := precision.held_out) is not None:
        text += f"; {other.sqnr_db:.1f} dB on {other.frames} held out, {100 * other.agreement:.1f} %"
    say(f"accuracy {text}; {precision.bits_per_weight:.2f} bits a weight")
    if (plain := precision.uncorrected) is not None:
        biases = "1 is" if precision.corrected == 1 else f"{precision.corrected} are"
        say(f"biases   {biases} corrected, {plain.calibration.sqnr_db:.1f} dB without that")
    if precision.layers:
        worst = min(precision.layers, key=lambda layer: layer.sqnr_db)
        zeros = sum(layer.zeros for layer in precision.layers) / len(precision.layers)
        text = f"{worst.layer} is least near, {worst.sqnr_db:.1f} dB"
        say(f"layers   {text}; {100 * zeros:.1f} % of values are 0")
    if (chip := precision.chip) is not None:
        text = f"{chip.sqnr_db:.1f} dB with 16 bits, {chip.wide_sqnr_db:.1f} with 32"
        say(f"states   {text}, on {chip.frames} frames")


def _traffic(report: "Report") -> str:
    """Events between cores when all neurons fire, and their way against one along a snake."""
    known = report.traffic
    share = f", {known.hops / known.snake_hops:.2f} of a snake's" if known.snake_hops else ""
    across = f", {known.border_events:,} from chip to chip" if known.border_events else ""
    return f"{known.events:,} events between cores at most, {known.hops:,} hops{share}{across}"


def show_layers(report: "Report") -> None:
    """A row for each layer, and their sum. Bytes by category."""
    table = Sheet(
        "layer*", "op", "DxHxW", "frag>", "cuts", "cores", "states>", "conn>", "param>", "bias>", gap=1
    )
    for layer in report.layers:
        table.add(
            layer.name,
            begun(layer.op, OP_MAX),
            times(layer.shape),
            layer.fragments,
            cuts(layer.cuts),
            _cores(layer),
            short(layer.neurons_bytes),
            short(layer.connectivity_bytes),
            short(layer.parameters_bytes),
            short(layer.biases_bytes),
        )
        table.stack(layer)
    totals = report.totals
    table.rule()
    table.add(
        "total",
        "",
        "",
        sum(layer.fragments for layer in report.layers),
        "",
        report.cores.used,
        short(totals.neurons_bytes),
        short(totals.connectivity_bytes),
        short(totals.parameters_bytes),
        short(totals.biases_bytes),
        style="bold",
    )
    table.show()


def cuts(found: "Cuts") -> str:
    """Pieces along channels, rows and columns: "c2 y3", or "-" for a layer in one piece."""
    parts = [
        f"{axis}{count}" for axis, count in (("c", found.c), ("y", found.y), ("x", found.x)) if count > 1
    ]
    return " ".join(parts) or "-"


def show_host(report: "Report") -> None:
    """What stays on the host, and why."""
    from ...compiler.pipeline.host_work import percent

    host = report.host
    if not host.before and not host.after:
        say("host     nothing: the chip computes the whole network")
        return
    share = f", {percent(host.share_of_macs)} of the multiplications" if host.share_of_macs else ""
    for place, names in (("before", host.before), ("behind", host.after)):
        if names:
            nodes = "1 node" if len(names) == 1 else f"{len(names)} nodes"
            say(f"host     {nodes} {place} the chip, run by ONNX Runtime{share}")
        for name in names[:NODES_SHOWN]:
            operator, _, why = host.reasons.get(name, "").partition(": ")
            paragraph(f"{name} ({operator}): {why or 'no work for neurons'}", indent=9)
        if len(names) > NODES_SHOWN:
            say(f"         and {len(names) - NODES_SHOWN} more")


def _cores(layer: "LayerReport") -> str:
    """The cores by number, or how many they are."""
    numbers = listed(layer.cores)
    return numbers if len(numbers) <= 7 else f"{len(layer.cores)} cores"


def _categories(report: "Report") -> str:
    totals = report.totals
    parts = (
        ("neurons", totals.neurons_bytes),
        ("connectivity", totals.connectivity_bytes),
        ("parameters", totals.parameters_bytes),
        ("biases", totals.biases_bytes),
    )
    return "in kB: " + ", ".join(f"{name} {count / 1024:,.1f}" for name, count in parts)


def _layouts(report: "Report") -> str:
    """How the weights are stored, where some zeros are not."""
    sizes = {"bitmaps": report.layouts["bitmap"], "lists": report.layouts["list"]}
    found = ", ".join(f"{count / 1024:,.1f} with {name}" for name, count in sizes.items() if count)
    return f"skipped: of the parameters in kB {found}" if found else ""


def _network(report: "Report") -> str:
    totals = report.totals
    parts = [f"{totals.neurons:,} neurons"]
    if totals.synapses is not None:
        parts.append(f"{totals.synapses:,} synapses")
    if totals.weights is not None:
        parts.append(f"{totals.weights:,} weights")
    return ", ".join(parts)
