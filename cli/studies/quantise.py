"""`snc quantise`: a float model becomes one of 8-bit integers, by ONNX Runtime's own quantiser."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import options
from ..views.show import progress, say, say_json
from ..views.talk import warn, warn_of_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...compiler.choosing.frames import Measured
    from ...compiler.running.data.dataset import DataSet
    from ...ir.layers import Value


@click.command("quantise")
@click.argument("model", type=options.FILE, metavar="MODEL.onnx")
@click.option(
    "-o",
    "--output",
    type=options.FILE,
    required=True,
    metavar="INT8.onnx",
    help="The quantised model's file.",
)
@options.data(True, "Frames that show which values tensors have: .npy, .npz, pictures, a folder of them.")
@options.pictures
@click.option(
    "--format",
    "form",
    type=click.Choice(["qdq", "qoperator"]),
    default="qdq",
    show_default=True,
    help="Quantisers around float operators, or operators of integers.",
)
@click.option(
    "--activations",
    type=click.Choice(["uint8", "int8"]),
    default="uint8",
    show_default=True,
    help="The type of activations.",
)
@click.option(
    "--weights",
    type=click.Choice(["int8", "uint8"]),
    default="int8",
    show_default=True,
    help="The type of weights.",
)
@click.option(
    "--per-channel/--per-tensor",
    default=True,
    show_default=True,
    help="A scale for each output channel of weights, or one for all.",
)
@click.option(
    "--method",
    type=click.Choice(["minmax", "entropy", "percentile"]),
    default="minmax",
    show_default=True,
    help="What the range of a tensor is: all its values, or most of them (which keeps the tensors of up to "
    "64 frames in memory).",
)
@options.input_shape
@options.as_json
@click.pass_context
def quantise_command(
    ctx: click.Context,
    model: Path,
    output: Path,
    data_path: Path,
    names: tuple[tuple[str, str], ...],
    resize: bool,
    mean: tuple[float, ...],
    scale: tuple[float, ...],
    bgr: bool,
    form: str,
    activations: str,
    weights: str,
    per_channel: bool,
    method: str,
    input_shapes: tuple[tuple[str, tuple[int, ...]], ...],
    as_json: bool,
) -> None:
    """Quantise a float model to 8-bit integers with ONNX Runtime's quantiser.

    Ranges of activations come from the frames, of which every fourth is held out. 'snc compile' takes the
    result as the integers that it is, and 'snc verify' finds every integer equal.
    """
    from ...backends.image.container import write_whole
    from ...compiler.choosing.choose import WARNED_DB
    from ...compiler.choosing.integers import Style, quantised
    from ...compiler.running import outputs
    from ...compiler.running.data.dataset import frames_for
    from ...compiler.running.data.pictures import Picture

    outputs.suffixed(output, ".onnx")
    outputs.plan((output,), (model, data_path))
    style = Style(form, activations, weights, per_channel, method)
    opened = frames_for(data_path, Picture(resize, mean, scale, bgr), dict(names))

    def frames(inputs: "Sequence[Value]") -> "DataSet":
        data = ctx.with_resource(opened(inputs))
        warn_of_bytes(ctx, data)
        return data

    with progress("quantise") as bar:
        found = quantised(model, frames, style, dict(input_shapes), bar.at)
    data = found.model.SerializeToString(deterministic=True)
    write_whole(output, data)
    reached = min(each.sqnr_db for each in (found.calibration, found.held_out) if each is not None)
    if reached < WARNED_DB:
        warn(f"it is {reached:.1f} dB from the model on the given frames, less than {WARNED_DB:g}")
    if found.obstacle is not None:
        click.echo(f"snc: note: what keeps it from being compiled as integers: {found.obstacle}", err=True)
    if as_json:
        said = {
            "model": str(model),
            "output": str(output),
            "style": style,
            "frames": found.frames,
            "calibration": found.calibration,
            "held_out": found.held_out,
            "is_whole": found.obstacle is None,
            "obstacle": found.obstacle,
        }
        say_json(said)
        return
    say(f"{model.name}: {form}, {activations} activations, {weights} weights", style="bold")
    say(f"scales   {'one for each output channel' if per_channel else 'one for each tensor'} of weights")
    say(f"ranges   of {found.frames} frames, {method}")
    say(f"accuracy {_told(found.calibration)} on {found.calibration.frames} of them")
    if found.held_out is not None:
        say(f"held out {_told(found.held_out)} on {found.held_out.frames} others")
    say(f"model    {output}, {len(data):,} bytes")


def _told(found: "Measured") -> str:
    return f"{found.sqnr_db:.1f} dB, {100 * found.agreement:.1f} % of answers stay,"
