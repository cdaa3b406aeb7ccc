"""`snc simulate`: an image runs, event by event, on inputs from a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from . import options
from .views.show import Sheet, json_text, plain, progress, say, say_json, times

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..backends.image.image import Image
    from ..backends.machine.machine import Arithmetic
    from ..compiler.running.simulation import Simulation

BEST = 5  # of an output that is a vector
VECTOR_MIN, VECTOR_MAX = 3, 100_000  # elements of an output that is shown as a ranking
FRAMES_SHOWN = 8


@click.command("simulate")
@click.argument("image", type=options.FILE, metavar="IMAGE")
@click.option(
    "-i",
    "--input",
    "input_file",
    type=options.FILE,
    required=True,
    metavar="INPUT",
    help="An .npy, .npz, .png or .jpg; arrays may hold many frames along their first axis.",
)
@click.option(
    "-o", "--output", type=options.FILE, metavar="OUT.npz", help="Write the outputs, by their names."
)
@options.arithmetic
@click.option(
    "--labels", metavar="NAME", help="An array of the .npz with each frame's class: say how many are right."
)
@click.option(
    "--report",
    "report_file",
    type=options.FILE,
    metavar="FILE.json|.html",
    help="Write what was counted, with estimates of energy and latency: as JSON, or as a page with charts.",
)
@options.pictures
@options.as_json
def simulate_command(
    image: Path,
    input_file: Path,
    output: Path | None,
    arithmetic: "Arithmetic",
    labels: str | None,
    report_file: Path | None,
    resize: bool,
    mean: tuple[float, ...],
    scale: tuple[float, ...],
    bgr: bool,
    as_json: bool,
) -> None:
    """Run an image on inputs, event by event."""
    from ..backends.image.container import load
    from ..compiler.running import outputs
    from ..compiler.running.inputs import Picture, load_frames
    from ..compiler.running.simulation import load_labels, simulate

    outputs.suffixed(output, ".npz")
    outputs.suffixed(report_file, ".json", ".html")
    outputs.plan((output, report_file), (image, input_file))
    loaded = load(image)
    frames = load_frames(input_file, loaded, Picture(resize, mean, scale, bgr))
    known = None if labels is None else load_labels(input_file, labels, len(frames))
    with progress("simulate") as bar:
        found = simulate(loaded, image, frames, arithmetic, bar.at)
    if output is not None:
        outputs.save_arrays(output, found.outputs)
    if report_file is not None:
        _report(found, loaded, report_file)
    accuracy = None if known is None else found.accuracy(known)
    if as_json:
        say_json(found if accuracy is None else {**plain(found), "accuracy": accuracy})
        return
    _show(found, loaded.about.model, output)
    if accuracy is not None:
        say(f"right       {100 * accuracy:.2f} % of {found.frames} frames")


def _report(found: "Simulation", image: "Image", file: Path) -> None:
    """Writes a run's counters and estimates: all numbers but the outputs'."""
    from ..compiler.running import outputs
    from ..compiler.running.estimate import estimate

    costs = estimate(found, image.chip)
    data = {**plain(found), "estimates": plain(costs)}
    del data["outputs"]
    if file.suffix.lower() == ".html":
        # Its drawing library takes a while to load: only where it is asked for.
        from ..compiler.reports.run_page import run_page

        text = run_page(found, image.about.model, image.chip.mesh, costs, data)
    else:
        text = json_text(data) + "\n"
    outputs.save_text(file, text)


def _show(found: "Simulation", model: str, output: Path | None) -> None:
    frames = "1 frame" if found.frames == 1 else f"{found.frames} frames"
    say(f"{model}: {frames} in {found.seconds:.2f} s, {found.arithmetic} arithmetic", style="bold")
    say()
    for name, array in found.outputs.items():
        _show_output(name, array, found.frames)
    table = Sheet("layer*", "op", "fired>", "events>", "synaptic ops>", "empty>", "hops>")
    for layer in found.per_layer:
        table.add(
            layer.name,
            layer.op,
            f"{layer.firing:,}",
            f"{layer.events:,}",
            f"{layer.synaptic_operations:,}",
            f"{layer.empty_events:,}",
            f"{layer.hops:,}",
        )
    table.show()
    share = found.empty_events / found.events if found.events else 0.0
    say(f"events      {found.events:,}, of them empty {found.empty_events:,} ({100 * share:.1f} %)")
    say(f"synaptic    {found.synaptic_operations:,} operations")
    say(f"hops        {found.hops:,}, of them into the chip {found.input_hops:,}")
    if output is not None:
        say(f"outputs     {output}")


def _show_output(name: str, array: "NDArray[Any]", frames: int) -> None:
    """A vector's largest elements, or the range of anything larger."""
    by_frame = array.reshape(frames, -1)
    shape = array.shape if frames == 1 else (*array.shape[:1], *array.shape[1:])
    say(f"output {name}, {times(shape)}")
    if (
        not VECTOR_MIN <= by_frame.shape[1] <= VECTOR_MAX
        or max(array.shape[1:], default=1) != by_frame.shape[1]
    ):
        _show_range(by_frame)
        return
    table = Sheet("frame>", *(f"{place}.>" for place in ("1st", "2nd", "3rd", "4th", "5th")[:BEST]))
    for index, values in enumerate(by_frame[:FRAMES_SHOWN]):
        best = np.argsort(-values, kind="stable")[:BEST]
        table.add(index, *(f"{place}: {values[place]:.4g}" for place in best))
    table.show()
    if frames > FRAMES_SHOWN:
        say(f"and {frames - FRAMES_SHOWN} frames more")
        say()


def _show_range(by_frame: "NDArray[Any]") -> None:
    if by_frame.size <= FRAMES_SHOWN:
        say("  " + ", ".join(f"{value:.6g}" for value in by_frame.ravel().tolist()))
    else:
        low, mean, high = by_frame.min(), by_frame.mean(), by_frame.max()
        say(f"  least {low:.4g}, mean {mean:.4g}, largest {high:.4g}")
    say()
