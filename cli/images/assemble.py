"""`snc assemble`: an image from the text of `snc disasm --whole`."""

from pathlib import Path

import click

from .. import options


@click.command("assemble")
@click.argument("listing", type=options.FILE, metavar="LISTING")
@click.option("-o", "--output", type=options.FILE, required=True, metavar="FILE", help="The image.")
def assemble_command(listing: Path, output: Path) -> None:
    """Write the image of a listing of `snc disasm --whole`.

    The bytes are the same where nothing was changed in the listing.
    """
    from ...backends.exchange.assembler import load_listing
    from ...backends.image.container import save
    from ...compiler.running import outputs

    outputs.plan((output,), (listing,))
    save(output, load_listing(listing))
