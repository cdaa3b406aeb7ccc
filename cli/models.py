"""`snc models`: the networks that snc builds or ships."""

from pathlib import Path

import click

from . import options
from .views.show import Sheet, say, say_json


@click.group("models")
def models_group() -> None:
    """List the reference networks and write them as ONNX."""


@models_group.command("list")
@options.as_json
def list_command(as_json: bool) -> None:
    """List the networks."""
    from ..models.catalogue import CATALOGUE

    if as_json:
        say_json(
            [
                {
                    "name": name,
                    "summary": entry.summary,
                    "parameters": entry.parameters,
                    "source": entry.source,
                    "trained": entry.trained,
                }
                for name, entry in CATALOGUE.items()
            ]
        )
        return
    table = Sheet("name", "parameters>", "weights", "what~")
    for name, entry in CATALOGUE.items():
        weights = "trained" if entry.trained else "seeded"
        table.add(name, f"{entry.parameters:,}", weights, entry.summary)
    table.show()


@models_group.command("build")
@click.argument("name")
@click.option(
    "-o", "--output", type=options.FILE, required=True, metavar="FILE.onnx", help="The model's file."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The weights' seed.")
@click.option("--height", type=click.IntRange(1), help="The input's height instead of the network's own.")
@click.option("--width", type=click.IntRange(1), help="The input's width instead of the network's own.")
def build_command(name: str, output: Path, seed: int, height: int | None, width: int | None) -> None:
    """Write a network as ONNX."""
    from ..backends.image.container import write_whole
    from ..compiler.running import outputs
    from ..models.catalogue import build

    outputs.plan((output,))
    model = build(name, seed, height, width)
    data = model.SerializeToString(deterministic=True)
    write_whole(output, data)
    say(f"{name}: {output}, {len(data):,} bytes")
