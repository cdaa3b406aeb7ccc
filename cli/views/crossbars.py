"""Images for crossbars on the terminal, and what is asked of them that they do not have."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from .show import Sheet, console, listed, say, times

if TYPE_CHECKING:
    from ...compiler.reports.crossbar.report import CrossbarReport

CROSSBARS_SHOWN = 8
CELL = 4  # characters of a tile in the mesh's drawing


def refuse(options: Mapping[str, object], what: str = "is of cores, this is a chip of crossbars") -> None:
    """Raises BadInput for the first option that is given: no kind of chip but another has an answer to it."""
    from ...ir.errors import BadInput

    for name, value in options.items():
        if value is not None and value is not False and value != ():
            raise BadInput(None, f"{name} {what}", hint=f"leave {name} out")


def refuse_others(context: click.Context, taken: Collection[str]) -> None:
    """Raises BadInput for an option that was given and is none of those by these parameters."""
    given = {
        parameter.opts[-1]: context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
        for parameter in context.command.params
        if parameter.name not in taken
    }
    refuse(given)


def show_crossbars(found: "CrossbarReport", *, is_whole: bool = True) -> None:
    """The report of an image. `is_whole`: with its inputs and outputs, and the mesh."""
    from ...compiler.reports.crossbar.report import exactness

    used = f"{found.crossbars} of {found.crossbars_available} crossbars"
    say(f"{found.model} on {found.target}: {used}, decomposed: {found.decomposed}", style="bold")
    say()
    table = Sheet("layer*", "operator", "neurons>", "units>", "synapses>", "crossbars~")
    for layer in found.layers:
        held = listed(layer.crossbars) if len(layer.crossbars) <= CROSSBARS_SHOWN else len(layer.crossbars)
        table.add(layer.name, layer.op, layer.neurons, layer.units, layer.synapses, held)
    table.show()
    say()
    proof = f"at least {found.crossbars_bound}, gap {100 * found.crossbars_gap:.1f} %"
    if found.crossbars == found.crossbars_bound:
        proof = "proven least"
    say(f"crossbars {used.removesuffix(' crossbars')}, {proof}")
    say(f"synapses  {found.synapses - found.lost:,} of {found.synapses:,}, {found.lost:,} lost")
    say(f"cells     {100 * found.used:.1f} % of those of the crossbars in use")
    say(f"wasted    {100 * found.wasted:.1f} % of the cells of rows in use have no synapse")
    far = f"at least {found.hops_bound:,}, gap {100 * found.hops_gap:.1f} %"
    say(f"hops      {found.hops:,} when every unit sends a value, {far}")
    if said := exactness(found):
        say(f"graded    {said}")
    say(f"weights   {found.weights}")
    if found.host_before or found.host_after:
        say(f"host      {', '.join((*found.host_before, *found.host_after))}")
    if not is_whole:
        return
    for title, tensors in (("inputs", found.inputs), ("outputs", found.outputs)):
        say(f"{title:9} {', '.join(f'{t.name} {times(t.shape)} {t.dtype}' for t in tensors)}")
    if found.dynamics:
        say(f"time      {found.dynamics}")
    say(f"made by   snc {found.compiler}, seed {found.seed}")
    say(f"sha256    {found.image_sha256}")
    _show_mesh(found)


def _show_mesh(found: "CrossbarReport") -> None:
    """The mesh, every crossbar with the share of its cells in use, where the terminal has columns for it."""
    width, height = found.mesh
    if CELL * width + 5 > console().width:
        return
    fills = {(one.x, one.y): f"{100 * one.fill:.0f}" for one in found.per_crossbar}
    say()
    say(f"mesh      {width} x {height}, cells in use in per cent, x to the right, y down", style="bold")
    for y in range(height):
        say(f"{y:>4} " + "".join(f"{fills.get((x, y), '.'):>{CELL}}" for x in range(width)))
