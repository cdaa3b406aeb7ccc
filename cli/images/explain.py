"""`snc explain`: what a word or a neuron of an image is for."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import options
from ..views.show import Branch, say_json, show_tree

if TYPE_CHECKING:
    from ...compiler.reports.explanation import Link, NeuronExplanation, WordExplanation

SHOWN = 8  # synapses on each side, unless all are asked for


@click.command("explain")
@click.argument("image", type=options.FILE, metavar="IMAGE")
@click.argument("what", metavar="ADDRESS|CORE:ADDRESS|LAYER[c,y,x]")
@click.option("--all", "is_all", is_flag=True, help="Every synapse, not the first eight on each side.")
@options.as_json
def explain_command(image: Path, what: str, is_all: bool, as_json: bool) -> None:
    """Say what a word or a neuron is for: its node of the model, what leads to it, whom it sends to."""
    from ...backends.image.container import load
    from ...compiler.reports.explanation import WordExplanation, explain

    found = explain(load(image), what, image.name)
    if as_json:
        say_json(found)
    elif isinstance(found, WordExplanation):
        show_tree(_word(found))
    else:
        show_tree(_neuron(found, None if is_all else SHOWN))


def _word(found: "WordExplanation") -> Branch:
    tree = Branch(f"core {found.core}, address {found.address}: {found.bits}, {found.role}")
    if found.count > 1:
        tree.add(f"one of {found.count} words from {found.first} on")
    tree.add(found.text)
    if found.layer:
        tree.add(f"layer {found.layer}", *(f"node {node}" for node in found.nodes))
    ways = [
        f"{'step' if way.core is None else f'core {way.core}, address'} {way.address}: {way.text}"
        for way in found.referred_by
    ]
    tree.add("nothing leads to it" if not ways else "what leads to it", *ways)
    return tree


def _neuron(found: "NeuronExplanation", most: int | None) -> Branch:
    place = found.neuron
    tree = Branch(f"{place}: {found.op}, neuron of the population at {place.population} in core {place.core}")
    if place.element:
        tree.add(f"element {place.element}")
    if found.nodes:
        tree.add("nodes", *found.nodes)
    tree.add(found.descriptor)
    tree.add(
        found.computes,
        f"first state {found.initial:g}, scale {found.scale:g}",
        *(f"parameter {number:g}" for number in found.parameters),
    )
    tree.add(*_links("from", found.sources, most))
    tree.add(*_links("to", found.targets, most))
    return tree


def _links(way: str, links: "Sequence[Link]", most: int | None) -> list[str]:
    layers = ", ".join(dict.fromkeys(link.neuron.layer for link in links))
    count = "1 synapse" if len(links) == 1 else f"{len(links):,} synapses"
    lines = [f"{count} {way} {layers}" if links else f"no synapse {way} another"]
    lines += [
        f"{link.neuron}  {link.update} {link.weight:g}  (axon at {link.axon} of core {link.axon_core})"
        for link in links[:most]
    ]
    if most is not None and len(links) > most:
        lines.append(f"and {len(links) - most:,} more (--all)")
    return lines
