"""`snc simulate`: an image runs, event by event, on the frames of a data set."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options
from .views.runs import show_agreement, show_beside, show_nearing, show_run, show_streams
from .views.show import json_text, kept_all_the_same, plain, say, say_json
from .views.talk import frames_bar, warn, warn_of_bytes

if TYPE_CHECKING:
    from ..backends.machine.machine import Arithmetic
    from ..compiler.running.engines import AnyImage
    from ..compiler.running.estimate import AnyEstimates
    from ..compiler.running.simulating.beside import Beside, Course
    from ..compiler.running.simulating.simulation import AnySimulation
    from ..compiler.running.simulating.spikes import Raster


@click.command("simulate")
@click.argument("image", type=options.FILE, metavar="IMAGE")
@options.data(
    True,
    "An .npy, .npz, picture, or a folder of these; arrays may hold many frames along their first axis, or "
    "recorded events with the fields t, x, y, p (so may N-MNIST's .bin, and cameras' .raw, .dat, .aedat4).",
)
@options.bins
@options.refresh
@click.option(
    "--spikes",
    type=options.FILE,
    metavar="FILE.npy",
    help="Write the first output's values other than 0 as events: t, x, y, p, value, stream.",
)
@click.option(
    "-o",
    "--output",
    type=options.FILE,
    metavar="OUT.npz|.npy|.csv",
    help="Write the outputs, by their names, or a table with a row for each frame.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on where the run for the same -o was interrupted: its frames are kept in OUT.part.",
)
@options.arithmetic
@options.engine
@click.option(
    "--labels",
    metavar="FILE|KEY",
    help="Each frame's class: an array of the .npz, an array's file, or text with a label at the end of each "
    "line. Says how many are right.",
)
@click.option(
    "--against",
    type=options.FILE,
    metavar="MODEL",
    help="Run the model in ONNX Runtime beside the image: says how often they agree, and the largest error.",
)
@click.option(
    "--beside",
    "beside_files",
    type=options.FILE,
    multiple=True,
    metavar="IMAGE2",
    help="Run another image of the network on the same frames, such as the frame network beside sigma-delta: "
    "says whether the outputs are equal, and what each took. May be given several times.",
)
@click.option(
    "--report",
    "report_file",
    type=options.FILE,
    metavar="FILE.json|.html",
    help="Write what was counted, with estimates of energy and latency: as JSON, or as a page with charts.",
)
@options.charts
@options.pictures
@click.option("--values", is_flag=True, help="With --json: the outputs' elements, not only their shapes.")
@options.as_json
@click.pass_context
def simulate_command(
    ctx: click.Context,
    image: Path,
    data_path: Path,
    names: tuple[tuple[str, str], ...],
    seconds: float | None,
    refresh: int | None,
    spikes: Path | None,
    output: Path | None,
    resume: bool,
    arithmetic: "Arithmetic",
    engine: str,
    labels: str | None,
    against: Path | None,
    beside_files: tuple[Path, ...],
    report_file: Path | None,
    charts: Path | None,
    resize: bool,
    mean: tuple[float, ...],
    scale: tuple[float, ...],
    bgr: bool,
    values: bool,
    as_json: bool,
) -> None:
    """Run an image on a data set, event by event.

    Memory does not grow with the number of frames. A run that writes its outputs and is interrupted keeps
    the frames that it has finished: the same command with --resume goes on from there.
    """
    from ..backends.image.parts import manifest_of
    from ..compiler.frontend.nir.dynamics import Dynamics
    from ..compiler.running import outputs
    from ..compiler.running.data.dataset import check_apart, frame_seconds, open_data
    from ..compiler.running.data.labels import load_labels
    from ..compiler.running.data.pictures import Picture
    from ..compiler.running.estimate import estimate
    from ..compiler.running.images import load_any, mesh_of
    from ..compiler.running.runner import network_inputs
    from ..compiler.running.simulating.answers import Answers, Kept
    from ..compiler.running.simulating.beside import Second, Tracker
    from ..compiler.running.simulating.partial import Partial
    from ..compiler.running.simulating.predictions import Form, save_predictions
    from ..compiler.running.simulating.rates import Nearing, shown_steps
    from ..compiler.running.simulating.simulation import Watcher, counters_of, has_memory, simulate
    from ..compiler.running.simulating.spikes import Events, Raster, Spikes

    if resume and output is None:
        raise click.UsageError("--resume needs -o: what is finished is kept beside that file")
    outputs.suffixed(output, ".npz", ".npy", ".csv")
    outputs.suffixed(report_file, ".json", ".html")
    outputs.suffixed(spikes, ".npy")
    image = manifest_of(image)
    outputs.plan(
        (output, report_file, spikes),
        (image, data_path, against, *beside_files, Path(labels) if labels else None),
    )
    check_apart(data_path, output)
    loaded = load_any(image)
    picture = Picture(resize, mean, scale, bgr)
    is_spiking = Dynamics.says(loaded.about.dynamics)
    step = seconds or frame_seconds(loaded)
    data = ctx.with_resource(open_data(data_path, loaded, picture, dict(names), labels, step))
    begins = data.anew(refresh)
    warn_of_bytes(ctx, data)
    known = None if labels is None else load_labels(labels, data)
    of_streams = data.has_streams
    answers, kept = Answers(must_name_classes=known is not None and not of_streams), Kept()
    watchers: list[Watcher] = [answers, *[kept] * (values and as_json)]
    streams = None
    if is_spiking or of_streams:
        streams = Spikes(data.begins, by_last=not is_spiking and not data.has_recordings)
    events = None if spikes is None else Events(spikes, data.begins, step)
    watchers += [watcher for watcher in (streams, events) if watcher is not None]
    beside = None
    if against is not None:
        # ONNX Runtime takes a while to load: only where it is asked for.
        from ..compiler.running.simulating.agreement import Against

        beside = Against(against, loaded, data, begins)
        watchers.append(beside)

    tracker, nearing = Tracker(), Nearing()
    raster = Raster(data.begins) if is_spiking else None
    watchers += [tracker, nearing, *([] if raster is None else [raster])]
    inputs = {tensor.name: tuple(tensor.shape) for tensor in network_inputs(loaded)}
    seconds_of = [
        Second(file, load_any(manifest_of(file)), data, arithmetic, begins, inputs) for file in beside_files
    ]
    watchers += seconds_of

    with frames_bar("simulate", len(data)) as at:
        if output is None:
            found = simulate(
                loaded, image, data, arithmetic,
                engine=engine, watchers=watchers, on_step=at, begins=begins,
            )  # fmt: skip
        else:
            run = {
                "image": hashlib.sha256(image.read_bytes()).hexdigest(),
                "arithmetic": arithmetic,
                "engine": engine,
                "data": data.state(),
                "names": sorted(names),
                "bin": step,
                "refresh": refresh,
                "pictures": asdict(picture),
            }
            finished = Partial(
                output, run, len(data), has_memory=has_memory(loaded), counters=counters_of(loaded)
            )
            if not resume and finished.path.exists():
                warn(f"{finished.path}: replaced, though frames are left in it that --resume would use")
            try:
                with finished:
                    watchers = [Form(output), *watchers, finished]
                    before = finished.resume() if resume else ()
                    found = simulate(
                        loaded, image, data, arithmetic, engine=engine,
                        watchers=watchers, before=before, on_step=at, begins=begins,
                    )  # fmt: skip
                    is_named = answers.fault() is None
                    save_predictions(output, finished, data, is_named, None if of_streams else known)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(finished.summary()) from None
    if events is not None:
        events.save()
    costs = estimate(found, loaded.chip)
    accuracy = None
    if known is not None:
        accuracy = streams.accuracy(known) if of_streams and streams is not None else answers.accuracy(known)
    agreement = None if beside is None else beside.agreement()
    by_step = () if known is None or of_streams else nearing.accuracy(known)
    twins = [second.beside() for second in seconds_of]
    if report_file is not None:
        with kept_all_the_same(*filter(None, (output,))):
            _report(
                found, loaded, report_file, costs, accuracy, agreement, tracker.course, twins, raster, by_step
            )
    if charts is not None:
        from ..compiler.reports.loose import save_loose
        from ..compiler.reports.run_page import run_sections

        with kept_all_the_same(*filter(None, (output, report_file))):
            about = tracker.course, twins, raster, by_step
            save_loose(charts, run_sections(found, mesh_of(loaded), costs, accuracy, *about))
    if as_json:
        say_json(
            {
                **plain(found),
                **({"outputs": plain(kept.outputs)} if values else {}),
                **({} if streams is None else {"streams": plain(streams.streams)}),
                **({} if accuracy is None else {"accuracy": accuracy}),
                **({} if agreement is None else {"against": plain(agreement)}),
                **({"accuracy_by_step": list(by_step)} if by_step else {}),
                **({"course": plain(tracker.course), **_beside(twins)} if twins else {}),
            }
        )
        return
    show_run(found, answers, loaded.about.model, output, costs)
    if streams is not None:
        show_streams(streams)
    if spikes is not None:
        say(f"spikes      {spikes}")
    if accuracy is not None:
        of = "recordings" if data.has_recordings else "sequences" if of_streams else "frames"
        count = f"{data.labelled} {of}"
        say(f"right       {100 * accuracy:.2f} % of {count}")
    if agreement is not None:
        show_agreement(agreement)
    if by_step:
        show_nearing(by_step, shown_steps(len(by_step)))
    if twins:
        runs = zip(twins, seconds_of, strict=True)
        show_beside(found, costs, [(twin, estimate(twin.run, second.image.chip)) for twin, second in runs])


def _beside(twins: "Sequence[Beside]") -> dict[str, object]:
    """Other images' runs: one as it is, several as a list."""
    if not twins:
        return {}
    return {"beside": plain(twins[0]) if len(twins) == 1 else [plain(twin) for twin in twins]}


def _report(
    found: "AnySimulation",
    image: "AnyImage",
    file: Path,
    costs: "AnyEstimates",
    accuracy: float | None,
    agreement: object,
    course: "Course",
    twins: "Sequence[Beside]",
    raster: "Raster | None",
    by_step: "Sequence[float]",
) -> None:
    """Writes a run's counters and estimates: all numbers but the outputs'."""
    from ..compiler.running import outputs
    from ..compiler.running.images import mesh_of

    data = {**plain(found), "estimates": plain(costs)}
    del data["outputs"]
    if accuracy is not None:
        data["accuracy"] = accuracy
    if agreement is not None:
        data["against"] = plain(agreement)
    data["course"] = plain(course)
    if by_step:
        data["accuracy_by_step"] = list(by_step)
    if raster is not None:
        data["raster"] = {"output": raster.name, "frames": raster.frames, "spikes": raster.points}
    data |= _beside(twins)
    if file.suffix.lower() == ".html":
        # Its drawing library takes a while to load: only where it is asked for.
        from ..compiler.reports.run_page import run_page

        text = run_page(
            found, image.about.model, mesh_of(image), costs, data, accuracy, course, twins, raster, by_step
        )
    else:
        text = json_text(data) + "\n"
    outputs.save_text(file, text)
