"""`snc verify`: does the image compute the network?"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options
from .views.show import Sheet, say, say_json
from .views.talk import frames_bar, warn_of_bytes

if TYPE_CHECKING:
    from ..backends.machine.machine import Arithmetic
    from ..compiler.frontend.runtime import Arrays
    from ..compiler.running.figures import Divergence, Figures
    from ..compiler.running.outcome import Held, Verification

RANDOM_FRAMES = 3  # without -i and --random
RANDOM_STEPS = 64  # the same, of a network that runs over time
NO_ERROR_SHOWN = 900.0  # decibels
# Where the limit of the front end's error comes from, by what the model rounds to.
FRONTEND_LIMITS = {
    "single": "",
    "half": " (the model rounds to half precision)",
    "quantised": " (the model rounds to integers)",
}


@click.command("verify")
@click.argument("model", type=options.FILE, metavar="MODEL.onnx")
@click.argument("image", type=options.FILE, metavar="IMAGE")
@options.data(False, "Frames: an .npy, .npz, picture, or a folder of these.")
@click.option(
    "--random",
    type=click.IntRange(1),
    metavar="N",
    help="N frames of normal noise, or steps of random spikes. "
    f"[default without -i: {RANDOM_FRAMES}, or {RANDOM_STEPS} steps]",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The noise's seed.")
@click.option(
    "--reference",
    type=options.FILE,
    metavar="REF.onnx",
    help="The reference graph; rebuilt unless it is given.",
)
@click.option(
    "--tolerance",
    type=options.Real(0),
    default=1e-5,
    show_default=True,
    metavar="T",
    help="The largest mapping error that passes, over the output's peak.",
)
@options.arithmetic
@options.pictures
@options.as_json
@click.pass_context
def verify_command(
    ctx: click.Context,
    model: Path,
    image: Path,
    data_path: Path | None,
    names: tuple[tuple[str, str], ...],
    random: int | None,
    seed: int,
    reference: Path | None,
    tolerance: float,
    arithmetic: "Arithmetic",
    resize: bool,
    mean: tuple[float, ...],
    scale: tuple[float, ...],
    bgr: bool,
    as_json: bool,
) -> None:
    """Compare an image with its model in ONNX Runtime.

    Front end: the network as it was read against the model as given. Mapping: the image against the network
    with the image's own weights. Integers: of a quantised model that was compiled as its integers, every
    layer against these, none may differ. All must hold: the exit code is 1 where one is wrong. Quantisation:
    the image against the original model, whatever it costs. With --arithmetic chip the mapping is judged in
    float32 arithmetic all the same, and what the chip rounds is shown beside it.
    In JSON, sqnr_db is 999 where nothing differs. A network of spiking neurons is compared step by step,
    every layer, with the equations of its .nir or .net file.
    """
    from ..backends.image.parts import manifest_of
    from ..compiler.frontend.nir.dynamics import Dynamics
    from ..compiler.running.data.dataset import open_data
    from ..compiler.running.data.pictures import Picture
    from ..compiler.running.images import load_any
    from ..compiler.running.inputs import random_frames
    from ..compiler.running.outcome import verification
    from ..compiler.running.verify import verify

    if data_path is not None and random is not None:
        raise click.UsageError("-i and --random exclude each other")
    if data_path is None and names:
        raise click.UsageError("--input needs -i")
    image = manifest_of(image)
    loaded = load_any(image)
    frames: Sequence[Arrays]
    if data_path is not None:
        opened = open_data(data_path, loaded, Picture(resize, mean, scale, bgr), dict(names))
        frames = data = ctx.with_resource(opened)
        warn_of_bytes(ctx, data)
    else:
        count = random or (RANDOM_STEPS if Dynamics.says(loaded.about.dynamics) else RANDOM_FRAMES)
        frames = random_frames(loaded, count, seed)
    with frames_bar("verify", len(frames)) as at:
        verdict = verify(
            model,
            loaded,
            frames,
            reference=reference,
            tolerance=tolerance,
            arithmetic=arithmetic,
            on_frame=lambda done, total: at(done, 0, 1),
        )
    found = verification(verdict, loaded, model, image, arithmetic, len(frames))
    if as_json:
        say_json(found)
    else:
        _show(found)
    ctx.exit(0 if found.is_right else 1)


def _show(found: "Verification") -> None:
    say(
        f"{found.model} and {found.image}: {found.frames} frames, {found.weights} weights, "
        f"{found.arithmetic} arithmetic",
        style="bold",
    )
    say()
    frontend, rounding = found.frontend, found.rounding
    tolerance = None if found.lost else found.tolerance
    _show_figures("layer*", found.layers, tolerance)
    say(f"front end: {frontend.says}", style="bold")
    _show_figures("output*", frontend.outputs, frontend.limit)
    say("mapping: the image against the network with the image's own weights", style="bold")
    _show_figures("output*", found.reference.outputs, tolerance)
    if found.integers is not None:
        say(f"integers: {found.integers.says}", style="bold")
        _show_figures("layer*", found.integers.outputs, found.integers.limit)
    if rounding is not None:
        say("rounding: the image in the chip's arithmetic against float32 arithmetic", style="bold")
        _show_figures("output*", rounding.outputs, None)
    say("quantisation: the image against the original model", style="bold")
    _show_figures("output*", found.outputs, None)
    _show_divergence("front end", frontend.first_divergence)
    _show_divergence("mapping", found.first_divergence)
    why = FRONTEND_LIMITS[found.rounds_to] if found.integers is None else ""
    _show_verdict("front end", frontend.is_right, frontend.max_rel_error, f"{frontend.limit:.2g}{why}")
    in_float32 = " in float32 arithmetic" if rounding is not None else ""
    if found.lost:
        say(f"{found.lost:,} synapses are pruned: the errors above are what that costs", style="bold")
    else:
        limit = f"{found.tolerance:g}{in_float32}"
        _show_verdict("mapping", found.is_mapped_right, found.reference.max_rel_error, limit)
    if found.integers is not None:
        _show_integers(found.integers)
    if rounding is not None and not math.isfinite(rounding.max_rel_error):
        say("the chip's arithmetic OVERFLOWS: an output is not finite", style="bold")


def _show_divergence(what: str, diverged: "Divergence | None") -> None:
    if diverged is not None:
        place = ",".join(str(i) for i in diverged.neuron)
        at = f"{diverged.layer}[{place}]"
        say(f"{what}, first divergence: {at} is {diverged.got:.9g}, not {diverged.want:.9g}")


def _show_integers(found: "Held") -> None:
    """Whether the integers of all layers are the model's."""
    _show_divergence("integers", found.first_divergence)
    elements = sum(figure.elements for figure in found.outputs)
    wrong = sum(figure.mismatches for figure in found.outputs)
    verdict = "right" if found.is_right else "WRONG"
    layers = f"{len(found.outputs)} layers and outputs"
    say(f"the integers are {verdict}: {wrong} of {elements} differ, in {layers}", style="bold")


def _show_verdict(what: str, is_right: bool, error: float, limit: str) -> None:
    verdict, sign = ("right", "at most") if is_right else ("WRONG", "above")
    say(f"the {what} is {verdict}: an error of {error:.2g} of the peak, {sign} {limit}", style="bold")


def _show_figures(heading: str, figures: "tuple[Figures, ...]", tolerance: float | None) -> None:
    """A row for each tensor; those above the tolerance are marked."""
    above = [tolerance is not None and not figure.max_rel_error <= tolerance for figure in figures]
    with_argmax = heading == "output*"
    table = Sheet(
        heading,
        "largest error>",
        "of the peak>",
        "SQNR dB>",
        *(["argmax agrees>"] if with_argmax else []),
        *([""] if any(above) else []),
    )
    for figure, is_above in zip(figures, above, strict=True):
        cells = [
            figure.name,
            f"{figure.max_abs_error:.3g}",
            f"{figure.max_rel_error:.3g}",
            "exact" if figure.sqnr_db > NO_ERROR_SHOWN else f"{figure.sqnr_db:.1f}",
            *([_agreement(figure)] if with_argmax else []),
            *(["< above"] if is_above else []),
        ]
        table.add(*cells, style="bold" if is_above else "")
    table.show()


def _agreement(figure: "Figures") -> str:
    """How many frames agree in their class, where the output says one."""
    return f"{100 * figure.argmax_agree:.1f} %" if figure.has_argmax else "-"
