"""`snc diff`: what changed between two images."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import options
from ..views.show import Sheet, listed, say, say_json, short, size, times

if TYPE_CHECKING:
    from ...compiler.reports.difference import Difference, LayerChange
    from ...compiler.reports.report import LayerReport


@click.command("diff")
@click.argument("before", type=options.FILE, metavar="IMAGE_A")
@click.argument("after", type=options.FILE, metavar="IMAGE_B")
@options.as_json
@click.pass_context
def diff_command(context: click.Context, before: Path, after: Path, as_json: bool) -> None:
    """Show what changed from one image to another: layers, cuts, cores, words, bytes.

    The exit code is 0 where the images are the same, byte for byte, and 1 where they are not.
    """
    from ...backends.image.container import load
    from ...compiler.reports.difference import difference
    from ...compiler.reports.report import report

    images = load(before), load(after)
    found = difference(images, (report(images[0], before), report(images[1], after)))
    say_json(found) if as_json else _show(found)
    if not found.is_equal:
        context.exit(1)


def _show(found: "Difference") -> None:
    if found.is_equal:
        say(f"the same bytes: {_count(found.layers_equal, 'layer')}, {_count(found.cores[0], 'core')}")
        return
    if found.facts:
        facts = Sheet("", "before", "after")
        for change in found.facts:
            facts.add(change.what, change.before, change.after)
        facts.show()
    if found.layers:
        _show_layers(found)
    say(f"layers   {found.layers_equal} the same, {len(found.layers)} not")
    say(f"bytes    {size(found.bytes[0])}, then {size(found.bytes[1])}")
    say(f"cores    {found.cores[0]}, then {found.cores[1]}; changed {listed(found.cores_changed) or 'none'}")
    say(f"words    {found.words[0]:,}, then {found.words[1]:,}; {found.words_changed:,} not the same")
    if found.first is not None:
        say(f"first    core {found.first.core}, address {found.first.address}")
        say(f"         - {found.first.before or 'no word'}")
        say(f"         + {found.first.after or 'no word'}")
    say(f"sections {', '.join(found.sections)}")


def _show_layers(found: "Difference") -> None:
    """Two rows for each layer that is not the same, one for a layer that only one image has."""
    table = Sheet(
        "", "layer*", "DxHxW", "frag>", "cuts", "cores>", "states>", "conn>", "param>", "bias>", "note"
    )
    for change in found.layers:
        if change.before is not None:
            _add(table, "-", change, change.before)
        if change.after is not None:
            _add(table, "+", change, change.after)
    table.show()


def _add(table: Sheet, mark: str, change: "LayerChange", layer: "LayerReport") -> None:
    from ..views.layers import cuts

    table.add(
        mark,
        layer.name,
        times(layer.shape),
        layer.fragments,
        cuts(layer.cuts),
        listed(layer.cores) if len(layer.cores) <= 3 else f"{len(layer.cores)} cores",
        short(layer.neurons_bytes),
        short(layer.connectivity_bytes),
        short(layer.parameters_bytes),
        short(layer.biases_bytes),
        "other numbers" if change.has_other_numbers and mark == "+" else "",
    )


def _count(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
