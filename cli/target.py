"""`snc target`: the chips that snc knows, and their limits."""

from dataclasses import replace
from pathlib import Path

import click

from . import options
from .views.show import Sheet, say_json, size


@click.group("target")
def target_group() -> None:
    """List the target chips, show their limits, begin a target of one's own."""


@target_group.command("list")
@options.as_json
def list_command(as_json: bool) -> None:
    """List the targets that come with snc."""
    from ..compiler.targets.kinds import KINDS, Bytes, kind_of
    from ..compiler.targets.target import load_target, shipped

    chips = [load_target(name) for name in shipped()]
    if as_json:
        say_json(chips)
        return
    for kind in KINDS.values():
        rows = {chip.name: kind.row(chip) for chip in chips if kind_of(chip) is kind}
        for number, (name, row) in enumerate(rows.items()):
            if number == 0:
                table = Sheet("target*", *(f"{key}>" for key in row))
            table.add(name, *(size(value) if isinstance(value, Bytes) else value for value in row.values()))
        if rows:
            table.show()


@target_group.command("show")
@click.argument("name", metavar="NAME|FILE.toml")
@options.as_json
def show_command(name: str, as_json: bool) -> None:
    """Show every limit of a target, as a target file: a start for one of your own."""
    from ..compiler.targets.target import load_target, to_toml

    chip = load_target(name)
    if as_json:
        say_json(chip)
    else:
        click.echo(to_toml(chip), nl=False)


@target_group.command("init")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.toml")
@click.option("--from", "name", metavar="NAME|FILE.toml", help="The target to begin with; default: grai-vip.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init_command(file: Path, name: str | None, force: bool) -> None:
    """Write a target file to change: every number with what it counts and what it may be."""
    from ..compiler.targets.target import DEFAULT_TARGET, load_target, to_commented_toml

    chip = replace(load_target(name or DEFAULT_TARGET), name=file.stem)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w" if force else "x", encoding="utf-8", newline="\n") as stream:
            stream.write(to_commented_toml(chip))
    except FileExistsError as error:
        if error.filename != str(file):
            raise click.UsageError(f"{file} cannot be written: {error.filename} is no folder") from None
        raise click.UsageError(f"{file} is there already: --force writes over it") from None
    except OSError as error:
        raise click.UsageError(f"{file} cannot be written: {error.strerror}") from None
    click.echo(f"{file}: change it, then compile with --target {file}", err=True)
