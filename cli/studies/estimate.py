"""`snc estimate`: one network as frames, as changes and as rates on one stream, in one table."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import options
from ..neurons import form_options
from ..views.show import Sheet, json_text, plain, progress, say, say_json
from ..views.talk import frames_bar, warn_of_bytes

if TYPE_CHECKING:
    from ...compiler.running.engines import AnyImage
    from ...compiler.running.simulating.forms import FormRuns


@click.command("estimate")
@click.argument("model", type=options.FILE, metavar="MODEL")
@options.data(True, "The stream: an .npy, .npz, picture, or a folder of these, a video among them.")
@options.pictures
@options.target
@click.option(
    "--weights",
    type=options.WeightFormat("auto"),
    default="auto",
    show_default=True,
    help="How weights are stored, in all forms.",
)
@form_options
@click.option("--labels", metavar="FILE|KEY", help="The classes of the frames: says how many are right.")
@options.refresh
@click.option(
    "--report",
    "report_file",
    type=options.FILE,
    metavar="FILE.json|.html",
    help="Write the table, too: as JSON, or as a page with what each frame took.",
)
@options.as_json
@click.pass_context
def estimate_command(
    ctx: click.Context,
    model: Path,
    data_path: Path,
    names: tuple[tuple[str, str], ...],
    resize: bool,
    mean: tuple[float, ...],
    scale: tuple[float, ...],
    bgr: bool,
    target: str,
    weights: str,
    steps: int,
    percentile: float,
    threshold: float | None,
    labels: str | None,
    refresh: int | None,
    report_file: Path | None,
    as_json: bool,
) -> None:
    """Compare a network's forms on a stream: frames, sigma-delta, integrate-and-fire.

    Events, operations, energy and latency of each, whether its outputs are those of the frame network, and
    with --labels how many are right. A form that the network cannot have is shown with the rule. Thresholds
    of integrate-and-fire neurons are balanced on the stream itself.
    """
    from ...compiler.pipeline.options import Options
    from ...compiler.running import outputs
    from ...compiler.running.data.dataset import frames_for, open_data
    from ...compiler.running.data.labels import load_labels
    from ...compiler.running.data.pictures import Picture
    from ...compiler.running.simulating.forms import forms_of, run_forms
    from ...compiler.targets.target import load_cores
    from ...ir.aims import NeuronUse
    from ...ir.errors import BadInput

    outputs.suffixed(report_file, ".json", ".html")
    outputs.plan((report_file,), (model, data_path, Path(labels) if labels else None))
    chosen = Options(weights=weights, threshold=threshold, steps=steps, percentile=percentile)
    picture, kinds = Picture(resize, mean, scale, bgr), (NeuronUse.SIGMA_DELTA, NeuronUse.IF)
    frames = frames_for(data_path, picture, dict(names))
    with progress("estimate: compile"):
        forms = forms_of(model, load_cores(target), chosen, frames, kinds)
    image = forms[0].image
    assert image is not None
    data = ctx.with_resource(open_data(data_path, image, picture, dict(names), labels))
    warn_of_bytes(ctx, data)
    if data.has_streams and labels is not None:
        raise BadInput(None, "labels of recordings are not of frames", hint="simulate each form")
    known = None if labels is None else load_labels(labels, data)
    with frames_bar("estimate", len(data)) as at:
        found = run_forms(forms, data, known, at, data.anew(refresh))
    result = {"model": str(model), "frames": len(data), "forms": plain(found.rows)}
    if report_file is not None:
        _report(found, image, report_file, result)
    if as_json:
        say_json(result)
    else:
        _show(found, model, len(data))


def _report(found: "FormRuns", image: "AnyImage", file: Path, result: dict[str, object]) -> None:
    """The table as a file, or the page of the frame network's run with the others beside it."""
    from ...compiler.running import outputs
    from ...compiler.running.images import mesh_of

    if file.suffix.lower() != ".html":
        outputs.save_text(file, json_text(result) + "\n")
        return
    from ...compiler.reports.run_page import run_page  # its drawing library takes a while to load

    right, course = found.rows[0].accuracy, found.tracker.course
    mesh = mesh_of(image)
    outputs.save_text(
        file,
        run_page(found.plain, image.about.model, mesh, found.costs, result, right, course, found.beside),
    )


def _show(found: "FormRuns", model: Path, frames: int) -> None:
    """A row for each form."""
    with_right = found.rows[0].accuracy is not None
    heads = "cores>", "events>", "of dense>", "synaptic ops>", "energy uJ>", "latency us>", "equal>", "error>"
    say(f"{model.name}: {frames} frames", style="bold")
    say()
    table = Sheet("neurons*", *heads, *(["right>"] if with_right else []))
    for row in found.rows:
        if row.refusal:
            continue
        cells = [
            f"{row.cores}",
            f"{row.events:,}",
            f"{row.of_dense:.3f}",
            f"{row.synaptic_operations:,}",
            f"{row.energy_nj / 1000:,.3f}",
            f"{row.latency_us:,.2f}",
            f"{row.equal}",
            f"{row.max_rel_error:.2g}",
        ]
        table.add(row.neurons, *cells, *([] if row.accuracy is None else [f"{100 * row.accuracy:.2f} %"]))
    table.show()
    for row in found.rows:
        if row.refusal:
            say(f"{row.neurons}: {row.refusal}")
    say("dense       one event from each neuron of the frame network in each frame")
    say("equal       frames whose outputs are the frame network's; error: the largest, of the peak")
