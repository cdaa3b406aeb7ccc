"""A network on crossbars with each method of decomposition, on the terminal."""

from typing import TYPE_CHECKING

from .show import Sheet, say

if TYPE_CHECKING:
    from ...compiler.billing.decompositions import AgainstPruning, Decompositions


def show_decompositions(found: "Decompositions") -> None:
    """What each method takes, and how that compares with pruning."""
    head = f"{found.model} on {found.target}: {found.neurons:,} neurons, {found.synapses:,} synapses"
    say(head, style="bold")
    say()
    heads = ("lost>", "units>", "crossbars>", "at least>", "in order>", "in use>", "wasted>")
    table = Sheet("", *heads, "hops>", "at least>")
    for bill in found.bills:
        table.add(
            bill.method,
            f"{bill.lost:,}",
            f"{bill.units:,}",
            f"{bill.crossbars:,}",
            f"{bill.crossbars_bound:,}",
            f"{bill.in_order:,}",
            f"{100 * bill.used:.1f} %",
            f"{bill.wasted_nj:,.3g} nJ",
            "-" if bill.hops is None else f"{bill.hops:,}",
            "-" if bill.hops_bound is None else f"{bill.hops_bound:,}",
        )
    table.show()
    say("in use    cells with a synapse, of all cells of the crossbars in use")
    say("wasted    energy of cells without a synapse when every row in use is driven once, estimated")
    say("in order  crossbars when units are taken in firing order")
    say()
    say("against pruning (none)", style="bold")
    table = Sheet("", "crossbars saved>", "of those in order>", "in use>", "waste saved>", "a synapse>")
    for each in found.against:
        table.add(each.method, *_cells(each))
    table.add("published", *_cells(found.published), style="dim")
    table.show()


def _cells(each: "AgainstPruning") -> tuple[str, ...]:
    return (
        _percent(each.crossbars_saved),
        _percent(each.saved_in_order),
        f"{each.used_times:.2f} x",
        _percent(each.waste_saved),
        _percent(each.waste_saved_a_synapse),
    )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"
