"""The pages of `snc compare` and `snc paper`: Figure 6 for any network, and the published figures."""

from collections.abc import Sequence

from ...ir.storage.bitrun import WORD_BYTES
from ..billing.compare import Comparison
from ..billing.encodings import PASSES
from ..billing.paper import Reproduction
from ..billing.techniques import Memory
from . import charts
from .page import Cell, Chart, Section, Table, page, size

TECHNIQUES = {
    "paper_rules": "paper's rules",
    "snc": "snc's image",
    "hier_lut": "hierarchical LUT",
    "lut": "LUT",
}
SHORT = {"paper_rules": "rules", "snc": "snc", "hier_lut": "hier.", "lut": "LUT"}
CATEGORIES = ("neurons", "connectivity", "parameters", "biases")
KEY = tuple((name, name) for name in CATEGORIES)
UNITS = (("GB", 2**30), ("MB", 2**20), ("kB", 2**10))


def comparison_page(found: Comparison, data: object) -> str:
    """The page of one network."""
    return page(f"Memory bill of {found.model}", _summary(found), comparison_sections(found), data)


def comparison_sections(found: Comparison) -> list[Section]:
    """What the page of one network shows."""
    return [_totals(found), _layers(found), _encodings(found)]


def paper_page(found: Sequence[Reproduction], data: object) -> str:
    """The page of the paper's networks."""
    names = ", ".join(each.name for each in found)
    return page(
        "The published memory bills, again", f"arXiv 2112.07019: {names}.", paper_sections(found), data
    )


def paper_sections(found: Sequence[Reproduction]) -> list[Section]:
    """A table of deviations and the layers' charts for each of the paper's networks."""
    sections = []
    for each in found:
        rows = tuple(
            (
                d.technique,
                d.category,
                _figure("synapses" if d.technique == "network" else d.category, d.ours),
                d.published,
                f"{100 * d.deviation:+.1f} %",
                d.reason,
            )
            for d in each.deviations
        )
        table = Table(
            f"{each.name}: every published figure",
            ("technique", "category", "ours", "published", "off by", "reason"),
            rows,
            is_open=True,
        )
        whole, layers = _totals(each.comparison), _layers(each.comparison)
        sections.append(
            Section(
                each.name,
                (_summary(each.comparison),),
                whole.facts,
                (*whole.charts, *layers.charts),
                (table, *whole.tables, *layers.tables),
            )
        )
    return sections


def _summary(found: Comparison) -> str:
    times, taken = found.compression.hier_lut.total, size(found.paper_rules.total_bytes)
    text = (
        f"{found.neurons:,} neurons and {found.synapses:,} synapses take {taken} "
        f"by the paper's rules, {times:,.1f} times less than the hierarchical table."
    )
    if found.snc is None or found.snc_compression is None:
        return text
    ours = found.snc_compression.hier_lut.total
    return f"{text} The image that snc makes takes {size(found.snc.total_bytes)}, {ours:,.1f} times less."


def _bills(found: object) -> dict[str, Memory]:
    """The bills that there are, by technique."""
    known = {key: getattr(found, key) for key in TECHNIQUES}
    return {key: bill for key, bill in known.items() if bill is not None}


def _totals(found: Comparison) -> Section:
    bills = _bills(found)
    rows = tuple(
        (TECHNIQUES[key], *(getattr(bill, f"{name}_bytes") for name in CATEGORIES), bill.total_bytes)
        for key, bill in bills.items()
    )
    facts = (
        ("neurons", f"{found.neurons:,}"),
        ("synapses", f"{found.synapses:,}"),
        ("weights", f"{found.weights:,}"),
        ("cores, paper's rules", str(found.cores.paper_rules)),
        ("cores, snc", "-" if found.cores.snc is None else str(found.cores.snc)),
        ("cores of the chip", str(found.cores.available)),
        *_tables(found),
    )
    names = [TECHNIQUES[key] for key in bills]
    parts = {name: [getattr(b, f"{name}_bytes") for b in bills.values()] for name in CATEGORIES}
    drawing = charts.grouped(names, {"": parts}, "bytes, logarithmic")
    alt = "; ".join(f"{TECHNIQUES[key]}: {size(bill.total_bytes)}" for key, bill in bills.items())
    table = Table("Bytes by technique and category", ("technique", *CATEGORIES, "total"), rows, is_open=True)
    return Section("In all", (), facts, (Chart("Memory with each technique", alt, drawing, KEY),), (table,))


def _tables(found: Comparison) -> tuple[tuple[str, str], ...]:
    """The connectivity of our image with either form of kernel tables."""
    if found.snc_tables is None:
        return ()
    return (
        ("connectivity, snc, a word a channel", size(found.snc_tables.listed.connectivity_bytes)),
        ("connectivity, snc, strided tables", size(found.snc_tables.strided.connectivity_bytes)),
    )


def _layers(found: Comparison) -> Section:
    labels = [layer.name for layer in found.layers]
    bills = _bills(found)
    drawn = []
    series = {key: [float(getattr(la, key).total_bytes) for la in found.layers] for key in bills}
    stacks = {
        SHORT[key]: {
            name: [getattr(getattr(la, key), f"{name}_bytes") for la in found.layers] for name in CATEGORIES
        }
        for key in bills
    }
    for key in bills:
        memories = [getattr(layer, key) for layer in found.layers]
        unit, scale = _unit(max(memory.total_bytes for memory in memories))
        parts = {
            name: [getattr(memory, f"{name}_bytes") / scale for memory in memories] for name in CATEGORIES
        }
        parts = {name: values for name, values in parts.items() if any(values)}
        drawn.append(
            Chart(
                f"Layers, {TECHNIQUES[key]}",
                _alt(labels, {TECHNIQUES[key]: series[key]}),
                charts.stacked(labels, parts, unit),
                tuple((name, name) for name in parts),
            )
        )
    drawn.append(
        Chart(
            f"Layers, logarithmic: {', '.join(TECHNIQUES[key] for key in bills)}",
            _alt(labels, {TECHNIQUES[key]: values for key, values in series.items()}),
            charts.grouped(labels, stacks, "bytes, logarithmic"),
            KEY,
        )
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (la.name, la.op, "x".join(map(str, la.shape)), la.synapses, *(int(series[key][i]) for key in bills))
        for i, la in enumerate(found.layers)
    )
    headings = ("layer", "operator", "shape", "synapses", *(TECHNIQUES[key] for key in bills))
    return Section("Layer by layer", (), (), tuple(drawn), (Table("Bytes of each layer", headings, rows),))


def _encodings(found: Comparison) -> Section:
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            layer.name,
            *(layer.encodings[name].stored_words * WORD_BYTES for name in layer.encodings),
            *(
                getattr(layer.encodings[name], each).energy_fj / 1e6
                for each in PASSES
                for name in layer.encodings
            ),
            layer.best,
            layer.best_training,
        )
        for layer in found.encodings
    )
    names = tuple(found.encodings[0].encodings) if found.encodings else ()
    headings = (
        "layer",
        *(f"{name}, bytes" for name in names),
        *(f"{name}, {each}, nJ" for each in PASSES for name in names),
        "least memory",
        "least training energy",
    )
    activity = found.activity
    saved = 100 * found.claims.training_saved
    text = (
        f"{100 * activity.silent:.0f} % of the neurons are silent, {100 * activity.zeros:.0f} % of "
        "the weights dropped, and the target file states the costs. Over layers that share weights, a "
        f"backward pass and an update take {saved:.0f} % less energy with functional encoding than with "
        "indices."
    )
    return Section("Other encodings of synapses", (text,), (), (), (Table("Encodings", headings, rows),))


def _alt(labels: Sequence[str], series: dict[str, list[float]]) -> str:
    """What a chart of layers shows: the largest layer of each series."""
    parts = []
    for name, values in series.items():
        most = max(range(len(values)), key=values.__getitem__)
        parts.append(f"{name}: most in {labels[most]}, {size(values[most])}, of {size(sum(values))} in all")
    return f"{len(labels)} layers. " + "; ".join(parts)


def _unit(largest: float) -> tuple[str, int]:
    return next(((unit, scale) for unit, scale in UNITS if largest >= scale), ("bytes", 1))


def _figure(category: str, value: float) -> str:
    if category == "synapses":
        return f"{value:,.0f}"
    return f"{value:,.1f}" if category == "ratio" else size(value)
