"""`snc disasm`: every word of an image."""

from pathlib import Path

import click

from .. import options


@click.command("disasm")
@click.argument("image", type=options.FILE, metavar="IMAGE")
@click.option("--core", type=int, metavar="N", help="Only this core.")
@click.option(
    "--whole",
    "is_whole",
    is_flag=True,
    help="With every word of the weights and all sections: see snc assemble.",
)
@click.option("-o", "--output", type=options.FILE, metavar="FILE", help="Write the listing into a file.")
def disasm_command(image: Path, core: int | None, is_whole: bool, output: Path | None) -> None:
    """List every word of an image with address, fields and origin."""
    from ...backends.analysis.listing import disassemble
    from ...backends.image.container import load
    from ...compiler.running import outputs

    outputs.plan((output,), (image,))
    listing = disassemble(load(image), core, is_whole)
    if output is None:
        click.echo(listing, nl=False)
    else:
        outputs.save_text(output, listing)
