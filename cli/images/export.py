"""`snc export`: the memories of an image as files that others load."""

from collections.abc import Iterable
from pathlib import Path

import click

from .. import options

NIR = "nir"


def _formats() -> Iterable[str]:
    from ...backends.exchange.formats import FORMATS

    return (*FORMATS, NIR)


@click.command("export")
@click.argument("image", type=options.FILE, metavar="IMAGE")
@click.option(
    "--format",
    "form",
    type=options.LateChoice(_formats),
    required=True,
    help="memh for $readmemh, Intel HEX, raw, or C source; nir: of a spiking network, the network with the "
    "weights that the image holds.",
)
@click.option(
    "--model",
    type=options.FILE,
    metavar="MODEL.nir",
    help="With nir: the network that was compiled; it is held against the image.",
)
@click.option(
    "-o",
    "--output",
    type=options.FILE,
    required=True,
    metavar="DIR",
    help="The folder to write; of nir, the file.",
)
def export_command(image: Path, form: str, model: Path | None, output: Path) -> None:
    """Write each core's memory and the firing order as files, with a table for the loader."""
    if (form == NIR) is not (model is not None):
        raise click.UsageError("--model goes with --format nir, and --format nir with --model")
    if model is not None:
        _export_nir(image, model, output)
        return
    from ...backends.exchange.export import save_export
    from ...backends.image.container import load

    held = load(image)
    count, size = save_export(output, held, form)
    click.echo(f"{output}: {count} files, {size:,} bytes: {len(held.cores)} cores and the firing order")


def _export_nir(image: Path, model: Path, output: Path) -> None:
    from ...backends.image.container import write_whole
    from ...compiler.running import outputs
    from ...compiler.running.images import load_any
    from ...compiler.running.spiking.written import nir_of

    outputs.plan((output,), (image, model))
    outputs.suffixed(output, ".nir")
    data = nir_of(model, load_any(image))
    write_whole(output, data)
    click.echo(f"{output}: {len(data):,} bytes: {model.name} with the weights of {image.name}")
