"""`snc inspect`: the mapping report, one layer or one core, from the image alone."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options
from .views.layers import cuts, show_report
from .views.parts import show_parts
from .views.show import Sheet, bar, console, listed, say, say_json, size, times

if TYPE_CHECKING:
    from ..compiler.reports.detail import CoreDetail, LayerDetail
    from ..compiler.reports.report import Report

CELL_MAX = 4  # characters of a core in the mesh's drawing


@click.command("inspect")
@click.argument("image", type=options.FILE, metavar="IMAGE")
@click.option("--layer", metavar="NAME", help="The fragments of one layer, by its name or a node's.")
@click.option("--core", type=int, metavar="N", help="The memory map of one core.")
@options.as_json
def inspect_command(image: Path, layer: str | None, core: int | None, as_json: bool) -> None:
    """Show the mapping of an image: layers, cores, memory.

    Of a network that is split, the folder that compile --split wrote: its parts.
    """
    from ..backends.image.image import Image
    from ..backends.image.parts import SplitImage, manifest_of
    from ..compiler.reports.crossbar.kinds import report_of
    from ..compiler.reports.crossbar.report import CrossbarReport
    from ..compiler.reports.detail import core_detail, layer_detail
    from ..compiler.reports.parts import parts_report
    from ..compiler.running.images import load_any
    from ..ir.errors import BadInput, Origin
    from .views.crossbars import refuse, show_crossbars

    if layer is not None and core is not None:
        raise click.UsageError("--layer and --core exclude each other")
    image = manifest_of(image)
    loaded = load_any(image)
    if isinstance(loaded, SplitImage):
        if layer is not None or core is not None:
            file = next(row.file for row in loaded.manifest.parts if row.kind == "chip")
            rule = "is a network in parts: --layer and --core are of one"
            raise BadInput(Origin(file=str(image)), rule, hint=f"give a part, as {image.with_name(file)}")
        parts = parts_report(loaded, image)
        say_json(parts) if as_json else show_parts(parts)
        return
    known = report_of(loaded, image)
    if isinstance(known, CrossbarReport):
        refuse({"--layer": layer, "--core": core})
        say_json(known) if as_json else show_crossbars(known)
        return
    assert isinstance(loaded, Image), "of its kind"
    if layer is not None:
        of_layer = layer_detail(loaded, known, layer)
        say_json(of_layer) if as_json else _show_layer(of_layer)
    elif core is not None:
        of_core = core_detail(loaded, known, core)
        say_json(of_core) if as_json else _show_core(of_core, known.core_words)
    elif as_json:
        say_json(known)
    else:
        _show_all(known)


def _show_all(known: "Report") -> None:
    show_report(known)
    for title, tensors in (("inputs", known.inputs), ("outputs", known.outputs)):
        shown = ", ".join(f"{tensor.name} {times(tensor.shape)} {tensor.dtype}" for tensor in tensors)
        say(f"{title:8} {shown}")
    if known.dynamics:
        say(f"time     {known.dynamics}")
    say(f"made by  snc {known.compiler}, seed {known.seed}")
    say(f"sha256   {known.image_sha256}")
    say()
    _show_mesh(known)


def _show_mesh(known: "Report") -> None:
    """The mesh, every core with the share of its memory in use: per cent, or tenths on a narrow terminal."""
    width, height = known.mesh
    cell = min(CELL_MAX, (console().width - 5) // width)
    if cell < 1:
        return
    in_tenths = cell < 3
    fills = {(core.x, core.y): core.fill for core in known.per_core}
    unit = "tenths" if in_tenths else "per cent"
    say(f"mesh     {width} x {height}, memory in use in {unit}, x to the right, y down", style="bold")
    if not in_tenths:
        say("     " + "".join(f"{x:>{cell}}" for x in range(width)))
    for y in range(height):
        cells = (_fill(fills.get((x, y)), in_tenths).rjust(cell) for x in range(width))
        say(f"{y:>4} " + "".join(cells))


def _fill(share: float | None, in_tenths: bool) -> str:
    if share is None:
        return "."
    return str(min(9, int(share * 10))) if in_tenths else str(min(99, max(1, int(share * 100))))


def _show_layer(found: "LayerDetail") -> None:
    layer = found.layer
    say(f"{layer.name} ({layer.op}), {times(layer.shape)}", style="bold")
    say(f"nodes         {', '.join(layer.nodes) or 'none: it is an input'}")
    say(f"cuts          {cuts(layer.cuts)}")
    say(f"cores         {listed(layer.cores)}")
    for name, count in (
        ("neurons", layer.neurons_bytes),
        ("connectivity", layer.connectivity_bytes),
        ("parameters", layer.parameters_bytes),
        ("biases", layer.biases_bytes),
    ):
        say(f"{name:13} {size(count)}")
    say()
    table = Sheet("fragment>", "core>", "address>", "channels>", "rows>", "columns>", "DxHxW", "axons>")
    for number, piece in enumerate(found.pieces):
        table.add(
            number,
            piece.core,
            piece.address,
            f"{piece.c0}-{piece.c0 + piece.depth - 1}",
            f"{piece.y0}-{piece.y0 + piece.height - 1}",
            f"{piece.x0}-{piece.x0 + piece.width - 1}",
            times((piece.depth, piece.height, piece.width)),
            piece.axons,
        )
    table.show()


def _show_core(found: "CoreDetail", core_words: int) -> None:
    core = found.core
    used = f"{core.words} of {core_words} words, {100 * core.fill:.1f} %"
    say(f"core {core.core} at ({core.x}, {core.y}): {used}", style="bold")
    say(f"layers   {', '.join(core.layers)}")
    say()
    for name, count in (
        ("neurons", core.neurons_bytes),
        ("connectivity", core.connectivity_bytes),
        ("parameters", core.parameters_bytes),
        ("biases", core.biases_bytes),
        ("padding", core.padding_bytes),
        ("free", found.free_words * 8),
    ):
        share = count / (core_words * 8)
        say(f"{name:13} {bar(share, 40)} {100 * share:5.1f} % {size(count):>12}")
    say()
    table = Sheet("from>", "to>", "words>", "what", "of~")
    for area in found.areas:
        last = area.address + area.words - 1
        table.add(area.address, last, area.words, area.role, ", ".join(area.layers))
    if found.free_words:
        table.add(core.words, core_words - 1, found.free_words, "free", "", style="dim")
    table.show()
