"""`snc export`: the memories of an image as files that others load."""

from collections.abc import Iterable
from pathlib import Path

import click

from .. import options


def _formats() -> Iterable[str]:
    from ...backends.exchange.formats import FORMATS

    return FORMATS


@click.command("export")
@click.argument("image", type=options.FILE, metavar="IMAGE")
@click.option(
    "--format",
    "form",
    type=options.LateChoice(_formats),
    required=True,
    help="memh for $readmemh, Intel HEX, raw, or C source.",
)
@click.option("-o", "--output", type=options.FILE, required=True, metavar="DIR", help="The folder to write.")
def export_command(image: Path, form: str, output: Path) -> None:
    """Write each core's memory and the firing order as files, with a table for the loader."""
    from ...backends.exchange.export import save_export
    from ...backends.image.container import load

    held = load(image)
    count, size = save_export(output, held, form)
    click.echo(f"{output}: {count} files, {size:,} bytes: {len(held.cores)} cores and the firing order")
