"""`snc tune`: the weight formats, and neurons, with which a network takes least and keeps its answers."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import options
from ..views.errors import code_of
from ..views.show import Sheet, progress, say, say_json, short

if TYPE_CHECKING:
    from ...compiler.running.data.pictures import Picture
    from ...compiler.sweeping.points import Point
    from ...compiler.sweeping.store import Outcome
    from ...compiler.tuning.search import Seen, Tuned

MINIMISED = ("memory", "energy", "cores")
NEURONS = ("standard", "sigma-delta")


class Neurons(click.ParamType[tuple[str, ...]]):
    """One or several kinds of neurons, with commas between them."""

    name = "KIND[,KIND]"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The kinds, each once."""
        found = tuple(dict.fromkeys(str(value).split(",")))
        if not set(found) <= set(NEURONS):
            self.fail(f"{value!r} is no list of {', '.join(NEURONS)}", param, ctx)
        return found


@click.command("tune")
@click.argument("model", type=options.FILE)
@options.data(True, "Frames: an .npz or .npy, a picture, or a folder of them. Every fourth is held out.")
@click.option(
    "--labels",
    metavar="FILE|KEY",
    help="Each frame's class, as for snc simulate: answers are right or wrong. Without: as the model's.",
)
@options.pictures
@options.target
@options.input_shape
@click.option(
    "--minimise",
    type=click.Choice(MINIMISED),
    default="memory",
    show_default=True,
    help="What is to be least.",
)
@click.option(
    "--max-loss",
    type=options.Share(),
    default="1%",
    show_default=True,
    help="How much of the answers that may cost.",
)
@click.option(
    "--neurons",
    type=Neurons(),
    default="standard",
    show_default=True,
    help="Kinds of neurons to try; sigma-delta ones with several thresholds, on the frames as a stream.",
)
@click.option(
    "--tries", type=click.IntRange(2, 100_000), default=48, show_default=True, help="Images to make."
)
@click.option(
    "--frames",
    type=click.IntRange(4, 1_000_000),
    default=256,
    show_default=True,
    help="How many frames each image is run on at most, and as many of those held out.",
)
@options.arithmetic
@options.engine
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="The search's seed."
)
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes.")
@click.option("--scheduler", metavar="ADDRESS", help="Run on the Dask cluster of this scheduler.")
@click.option(
    "--store",
    "store_file",
    type=options.FILE,
    metavar="FILE.db",
    help="Where tries are kept as soon as they are known. [default: MODEL.tune.db beside the image]",
)
@click.option(
    "-o",
    "--output",
    type=options.FILE,
    metavar="IMAGE.snc",
    help="The image of the best. [default: MODEL.snc]",
)
@click.option("--csv", "csv_file", type=options.FILE, metavar="FILE.csv", help="Write all tries, too.")
@click.option("--html", type=options.FILE, metavar="FILE.html", help="Write a page with charts, too.")
@options.as_json
def tune_command(
    model: Path,
    data_path: Path,
    names: tuple[tuple[str, str], ...],
    labels: str | None,
    resize: bool,
    mean: tuple[float, ...],
    scale: tuple[float, ...],
    bgr: bool,
    target: str,
    input_shapes: tuple[tuple[str, tuple[int, ...]], ...],
    minimise: str,
    max_loss: float,
    neurons: tuple[str, ...],
    tries: int,
    frames: int,
    arithmetic: str,
    engine: str,
    seed: int,
    jobs: int,
    scheduler: str | None,
    store_file: Path | None,
    output: Path | None,
    csv_file: Path | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """Search for weight formats that take less and keep the answers, each measured on its image.

    Formats are chosen constant by constant; each try is compiled and its image run. A search that was ended
    goes on where it was with the same command; the same seed gives the same image. Needs the extra `tune`.
    """
    from ...backends.image.container import save
    from ...compiler.pipeline.driver import compile_model
    from ...compiler.pipeline.options import Options
    from ...compiler.running import outputs
    from ...compiler.running.data.dataset import frames_for
    from ...compiler.running.data.pictures import Picture
    from ...compiler.sweeping.cluster import Cluster
    from ...compiler.sweeping.processes import Processes
    from ...compiler.sweeping.report import sweep_csv, sweep_page
    from ...compiler.sweeping.run import Engine, alone, run
    from ...compiler.sweeping.spec import CORRECTED, Measure, Model, Target
    from ...compiler.sweeping.store import Store
    from ...compiler.sweeping.table import as_rows, rows
    from ...compiler.targets.target import load_cores
    from ...compiler.tuning.search import Task, tune
    from ...ir.aims import NeuronUse

    image_file = output or model.with_suffix(".snc")
    kept = store_file or image_file.with_name(f"{image_file.stem}.tune.db")
    outputs.suffixed(csv_file, ".csv")
    outputs.suffixed(html, ".html")
    outputs.plan((image_file, kept, csv_file, html), (model, Path(target)))
    made: Engine = alone
    if scheduler is not None:
        made = Cluster(scheduler)
    elif jobs > 1:
        made = Processes(jobs)
    picture = Picture(resize, mean, scale, bgr)
    task = Task(
        Model(model.name, model, data_path, labels, dict(input_shapes), picture=picture, names=dict(names)),
        Target(target, {}, load_cores(target)),
        Measure(frames, 0, arithmetic, engine),
        minimise,
        max_loss,
        tries,
        seed,
        tuple(NeuronUse(name) for name in neurons),
    )
    state = ""
    with progress("tune") as bar, Store(kept) as store:

        def seen(done: int, total: int, name: str) -> None:
            nonlocal state
            state = f"{done:,} of {total:,} tries are in {kept}"
            bar.at(done, total)
            bar.stage(f"tune: {done:,} of {total:,} {name}")

        def make(points: Sequence["Point"], on_point: "Seen") -> Mapping[str, "Outcome"]:
            return run(points, store, code_of, made, on_point=on_point)

        try:
            found = tune(task, make, seen)
            stated = found.best.point.stated
            bar.stage("tune: compiles the best")
            asked = {key: value for key, value in stated.items() if key != "biases"}
            corrected = stated.get("biases") == CORRECTED
            given = frames_for(data_path, picture, dict(names)) if corrected else None
            chosen = Options(**asked, input_shapes=dict(input_shapes), data=given)
            save(image_file, compile_model(model, task.target.chip, chosen).image)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(state) from None
    table = rows([each.point for each in found.tries], {each.point.key: each.outcome for each in found.tries})
    read = _read(data_path, names, picture) if corrected else []
    command = _command(model, target, asked, input_shapes, read, image_file)
    data = {
        "tune": model.name,
        "minimise": minimise,
        "max_loss": max_loss,
        "options": dict(stated),
        "command": command,
        "loss": found.best.loss,
        "held_out": None
        if found.held_out is None
        else {"loss": found.held_out.loss, **found.held_out.outcome.figures},
        "passed_over": found.passed_over,
        "image": str(image_file),
        "points": [{**row, "loss": each.loss} for row, each in zip(as_rows(table), found.tries, strict=True)],
    }
    if csv_file is not None:
        outputs.save_text(csv_file, sweep_csv(table))
    if html is not None:
        outputs.save_text(html, sweep_page(f"{model.name}, tuned", table, data))
    if as_json:
        say_json(data)
        return
    _show(found)
    say(f"again       {command}")
    say(f"image       {image_file}, {image_file.stat().st_size:,} bytes; tries are in {kept}")


def _show(found: "Tuned") -> None:
    """The default, the best, and the tries that no other beats."""
    from ...compiler.tuning.search import fewest

    front = fewest(found.tries)
    sheet = Sheet("try>", "options*", "memory>", "cores>", "uJ>", "us>", "dB>", "lost>", "")
    first, best = found.tries[0], found.best
    for number, one in enumerate(found.tries):
        marks = [name for name, each in (("default", first), ("chosen", best)) if each is one]
        if not marks and number not in front:
            continue
        of = one.outcome.figures
        sheet.add(
            number + 1,
            ", ".join(f"{key} {value}" for key, value in one.point.stated.items()) or "default",
            short(of["memory_bytes"] or 0),
            of["cores"],
            *(_number(of[name], scale) for name, scale in (("energy_nj", 1e-3), ("latency_us", 1.0))),
            _number(of["sqnr_db"], 1.0),
            _percent(one.loss),
            " ".join(marks),
        )
    sheet.show()
    failed = sum(one.outcome.has_failed for one in found.tries)
    beaten = "others that are not shown take more and lose as much"
    say(f"tries       {len(found.tries):,}, {failed:,} of them without an image; {beaten}")
    if first.value and best.value is not None:
        say(f"less        {100 * (1 - best.value / first.value):.1f} % below the default")
    if found.held_out is not None:
        passed = f"; {found.passed_over} better tries lost more there" if found.passed_over else ""
        say(f"held out    {_percent(found.held_out.loss)} of the answers lost{passed}")


def _command(
    model: Path,
    target: str,
    stated: Mapping[str, Any],
    shapes: Sequence[tuple[str, tuple[int, ...]]],
    read: Sequence[str],
    image: Path,
) -> str:
    """What compiles the same image."""
    words = ["snc", "compile", str(model), "--target", target]
    for name, shape in shapes:
        words += ["--input-shape", f"{name}:{','.join(map(str, shape))}"]
    for key, value in stated.items():
        words += [f"--{key}", str(value)]
    return shlex.join([*words, *read, "-o", str(image)])


def _read(data: Path, names: Sequence[tuple[str, str]], picture: "Picture") -> list[str]:
    """How frames are read, as options."""
    words = ["--data", str(data), *(word for name in names for word in ("--input", "=".join(name)))]
    words += ["--resize"] * picture.resize + ["--bgr"] * picture.bgr
    if not picture.is_plain:
        means, scales = (",".join(map(str, values)) for values in (picture.mean, picture.scale))
        words += ["--mean", means, "--scale", scales]
    return words


def _number(value: float | None, scale: float) -> str:
    return "" if value is None else f"{value * scale:.4g}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2g} %"
