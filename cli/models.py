"""`snc models`: the networks that snc builds or ships, and streams for two of them."""

import io
from pathlib import Path

import click

from . import options
from .views.show import Sheet, say, say_json


@click.group("models")
def models_group() -> None:
    """List the reference networks and write them as files."""


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
    "-o", "--output", type=options.FILE, required=True, metavar="FILE.onnx|.nir", help="The model's file."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The weights' seed.")
@click.option("--height", type=click.IntRange(1), help="The input's height instead of the network's own.")
@click.option("--width", type=click.IntRange(1), help="The input's width instead of the network's own.")
def build_command(name: str, output: Path, seed: int, height: int | None, width: int | None) -> None:
    """Write a network as ONNX, or those that learn by spikes as NIR."""
    from ..backends.image.container import write_whole
    from ..compiler.running import outputs
    from ..models.catalogue import as_file, build

    outputs.plan((output,))
    data = as_file(build(name, seed, height, width))
    write_whole(output, data)
    say(f"{name}: {output}, {len(data):,} bytes")


@models_group.command("spikes")
@click.option("-o", "--output", type=options.FILE, required=True, metavar="DIR", help="A folder for them.")
@click.option(
    "--for",
    "name",
    type=click.Choice(["stdp-digits", "stdp-mnist"]),
    default="stdp-digits",
    show_default=True,
    help="Whose digits.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="That of the network.")
@click.option("--training", is_flag=True, help="The digits to learn from, in place of those held out.")
def spikes_command(output: Path, name: str, seed: int, training: bool) -> None:
    """Write a network's digits as events: NNN.npy (t, x, y, p), and labels.txt."""
    import numpy as np

    from ..backends.image.folders import write_folder
    from ..models.stdp.lessons import LESSONS
    from ..models.stdp.network import recordings

    files: dict[str, bytes] = {}
    lines = []
    digits = 4 if training else 3
    for number, (events, label) in enumerate(recordings(seed, LESSONS[name], training=training)):
        buffer = io.BytesIO()
        np.save(buffer, events)
        files[f"{number:0{digits}}.npy"] = buffer.getvalue()
        lines.append(f"{number:0{digits}}.npy,{label}\n")
    files["labels.txt"] = "".join(lines).encode()
    write_folder(output, files)
    say(f"{len(lines)} digits: {output}")


@models_group.command("stream")
@click.option(
    "-o",
    "--output",
    type=options.FILE,
    required=True,
    metavar="FILE.npz",
    help="The frames and their labels.",
)
@click.option("--digits", type=click.IntRange(1), default=10, show_default=True, help="How many digits.")
@click.option("--frames", type=click.IntRange(1), default=12, show_default=True, help="Frames of each.")
def stream_command(output: Path, digits: int, frames: int) -> None:
    """Write digits that move as a stream: what the digits network has not seen, frame after frame."""
    import numpy as np

    from ..backends.image.container import write_whole
    from ..compiler.running import outputs
    from ..models.moving import moving_digits

    outputs.suffixed(output, ".npz")
    outputs.plan((output,))
    found = moving_digits(digits, frames)
    buffer = io.BytesIO()
    np.savez(buffer, image=found.images, label=found.labels)
    write_whole(output, buffer.getvalue())
    say(f"stream: {output}, {len(found.images)} frames of {digits} digits")
