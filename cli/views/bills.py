"""The memory bill with every technique, as `compare` and `paper` show it."""

import math
from collections import Counter
from typing import TYPE_CHECKING

from ...ir.storage.bitrun import WORD_BYTES
from .show import Sheet, bar, begun, say, short, size, times

if TYPE_CHECKING:
    from ...compiler.billing.compare import Comparison, Ratios
    from ...compiler.billing.techniques import Memory

OP_MAX = 11  # characters of an operator's name
TECHNIQUES = {
    "paper_rules": "paper's rules",
    "snc": "snc's image",
    "hier_lut": "hierarchical LUT",
    "lut": "LUT",
}


def show_comparison(found: "Comparison") -> None:
    """All bills of one network, and its layers."""
    say(f"{found.model} on {found.target}", style="bold")
    say()
    show_layers(found)
    show_totals(found)
    say(f"network   {found.neurons:,} neurons, {found.weights:,} weights, {found.synapses:,} synapses")
    say(f"          {found.padded_synapses:,} synapses with whole kernels at the borders")
    known = [f"{found.cores.paper_rules} by the paper's rules"]
    if found.cores.snc is not None:
        known.append(f"{found.cores.snc} in snc's image")
    say(f"cores     {', '.join(known)}; {found.target} has {found.cores.available}")
    if found.snc_tables is not None:
        listed, strided = (
            size(bill.connectivity_bytes) for bill in (found.snc_tables.listed, found.snc_tables.strided)
        )
        say(f"tables    connectivity of snc's image: {listed} with a word a channel, {strided} with strides")
    options = found.snc_options
    show_encodings(found)
    say(f"snc       weights {options.weights}, states {options.states}; biases {_biases(found)}")


def show_totals(found: "Comparison") -> None:
    """A row for each technique: bytes by category, and how many times as much as ours."""
    table = Sheet("technique", "neurons>", "connectivity>", "parameters>", "total>", "to rules>", "to snc>")
    largest = math.log(max(found.lut.total_bytes, 2))
    bars = []
    for key, label in TECHNIQUES.items():
        bill: Memory | None = getattr(found, key)
        if bill is None:
            continue
        ratios = [
            "" if ours is None else f"{bill.total_bytes / max(ours.total_bytes, 1):,.1f}"
            for ours in (found.paper_rules, found.snc)
        ]
        parts = (bill.neurons_bytes, bill.connectivity_bytes, bill.parameters_bytes, bill.total_bytes)
        table.add(label, *map(size, parts), *ratios)
        bars.append((label, bill.total_bytes))
    table.show()
    for label, total in bars:
        say(f"{label:16}  {bar(math.log(max(total, 1)) / largest, 40)} {size(total):>9}")
    say("                  (bars are logarithmic)")
    say()


def show_layers(found: "Comparison") -> None:
    """A row for each layer: what it takes in all with each technique, and our image's categories as a bar."""
    table = Sheet("layer*", "op", "DxHxW", "synapses>", "rules>", "snc>", "hier.>", "LUT>", gap=1)
    for layer in found.layers:
        table.add(
            layer.name,
            begun(layer.op, OP_MAX),
            times(layer.shape),
            f"{layer.synapses:,}",
            short(layer.paper_rules.total_bytes),
            "-" if layer.snc is None else short(layer.snc.total_bytes),
            short(layer.hier_lut.total_bytes),
            short(layer.lut.total_bytes),
        )
        table.stack(layer.paper_rules if layer.snc is None else layer.snc)
    table.show()


def show_encodings(found: "Comparison") -> None:
    """Which encoding stores least, layer by layer counted, and what functional encoding saves in training."""
    best = Counter(layer.best for layer in found.encodings)
    won = ", ".join(f"{name} in {count}" for name, count in best.most_common())
    share = 100 * found.claims.training_saved
    say(f"encodings least memory: {won} layers; a backward pass and an update take {share:.0f} % less")
    say("          energy with functional encoding than with indices (docs/encodings.md)")


def list_encodings(found: "Comparison") -> None:
    """A row for each layer and encoding: its table, and what each pass reads and writes."""
    say()
    table = Sheet("layer*", "encoding", "table>", "forward>", "backward>", "update>", "training>")
    for layer in found.encodings:
        for name, one in layer.encodings.items():
            passes = (one.forward, one.backward, one.update)
            table.add(
                layer.name,
                name,
                size(one.stored_words * WORD_BYTES),
                *(f"{cost.words:,}" for cost in passes),
                f"{one.training_fj / 1e6:,.1f} nJ{'' if one.counted else ' *'}",
            )
    table.show()
    activity = found.activity
    say(
        f"words read and written, {100 * activity.silent:.0f} % of the neurons silent, "
        f"{100 * activity.zeros:.0f} % of the weights dropped; training: backward and update"
    )
    if not all(one.counted for layer in found.encodings for one in layer.encodings.values()):
        say("* by formula: not run, for it is too large or no convolution")


def ratio(found: "Ratios | None") -> str:
    """The compression of a total, or a dash."""
    return "-" if found is None else f"{found.total:,.1f}"


def _biases(found: "Comparison") -> str:
    return "none" if found.snc is None else size(found.snc.biases_bytes)
