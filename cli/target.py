"""`snc target`: the chips that snc knows, and their limits."""

import click

from . import options
from .show import Sheet, say_json, size


@click.group("target")
def target_group() -> None:
    """List the target chips and show their limits."""


@target_group.command("list")
@options.as_json
def list_command(as_json: bool) -> None:
    """List the targets that come with snc."""
    from ..backends.bits import WORD_BYTES
    from ..compiler.target import load_target, shipped

    chips = [load_target(name) for name in shipped()]
    if as_json:
        say_json(chips)
        return
    table = Sheet("target*", "mesh", "cores>", "a core>", "all cores>", "kernel>")
    for chip in chips:
        table.add(
            chip.name,
            f"{chip.mesh[0]} x {chip.mesh[1]}",
            chip.cores,
            size(chip.core_words * WORD_BYTES),
            size(chip.cores * chip.core_words * WORD_BYTES),
            f"{chip.kernel_max} x {chip.kernel_max}",
        )
    table.show()


@target_group.command("show")
@click.argument("name", metavar="NAME|FILE.toml")
@options.as_json
def show_command(name: str, as_json: bool) -> None:
    """Show every limit of a target, as a target file: a start for one of your own."""
    from ..compiler.target import load_target, to_toml

    chip = load_target(name)
    if as_json:
        say_json(chip)
    else:
        click.echo(to_toml(chip), nl=False)
