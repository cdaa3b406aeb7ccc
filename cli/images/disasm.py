"""`snc disasm`: every word of an image."""

from pathlib import Path

import click

from .. import options


@click.command("disasm")
@click.argument("image", type=options.FILE, metavar="IMAGE")
@click.option("--core", type=int, metavar="N", help="Only this core, or this crossbar.")
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
    from ...backends.crossbar.file import is_crossbar_file, load_crossbars
    from ...backends.crossbar.listing import listing as list_crossbars
    from ...backends.image.container import load
    from ...compiler.running import outputs
    from ..views.crossbars import refuse

    outputs.plan((output,), (image,))
    if is_crossbar_file(image):
        refuse({"--whole": is_whole}, "is of images for cores: the listing of crossbars has every word")
        listing = "".join(f"{line}\n" for line in list_crossbars(load_crossbars(image), core))
    else:
        listing = disassemble(load(image), core, is_whole)
    if output is None:
        click.echo(listing, nl=False)
    else:
        outputs.save_text(output, listing)
