"""`snc compile`: a model in, a memory image and its report out."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options
from .dynamics import steps
from .neurons import neuron_options
from .views.beside import chip_states, reference_of, save_report
from .views.layers import show_front, show_report
from .views.show import kept_all_the_same, progress, say, say_json

if TYPE_CHECKING:
    from ..compiler.frontend.nir.dynamics import Dynamics

STEPS = ("layers", "network", "quantised", "packed", "placed", "image")


@click.command("compile")
@click.argument("model", type=options.FILE, metavar="MODEL")
@click.option(
    "-o", "--output", type=options.FILE, metavar="MODEL.snc", help="The image. [default: beside the model]"
)
@options.target
@click.option(
    "--weights",
    type=options.WeightFormat("auto"),
    default="auto",
    show_default=True,
    help="How weights are stored; auto: in 8 bits, the format that errs least, and with --data in more "
    "or fewer where that is better.",
)
@options.data(False, "Frames to measure the error of weights on: .npy, .npz, pictures, a folder of them.")
@options.pictures
@options.wishes
@click.option(
    "--arithmetic",
    type=click.Choice(["float32", "chip"]),
    default="float32",
    show_default=True,
    help="With --data, chip: measure also what neuron states of 16 bits cost, on a few frames.",
)
@options.as_float
@click.option(
    "--states",
    type=click.Choice(["shared", "banded", "persistent"]),
    default="shared",
    show_default=True,
    help="Whether populations in use at different times share memory, or each neuron has its own state; "
    "banded: shared, with feature maps cut into bands of rows, of which few are in use at a time.",
)
@click.option(
    "--objective",
    type=click.Choice(["cores", "memory", "throughput"]),
    default="cores",
    show_default=True,
    help="What the mapping minimises: cores, words of memory, or the synaptic operations of the busiest "
    "core.",
)
@click.option(
    "--decompose",
    type=click.Choice(["tree", "chain", "none"]),
    default="tree",
    show_default=True,
    help="On a chip of crossbars, what becomes of neurons with more inputs than rows: sums of blocks, a "
    "chain of units with two inputs, or the smallest weights go.",
)
@click.option(
    "--pareto",
    is_flag=True,
    help="Write no image: print numbers of cores with the synaptic operations of the busiest core.",
)
@click.option(
    "--split",
    is_flag=True,
    help="Where the chip cannot be given the middle of a network, write a folder: an image for each part of "
    "the chip, an ONNX file for each of the host between them, and network.json, which simulate and verify "
    "take as one network. [default folder: MODEL.parts beside the model]",
)
@click.option(
    "--force",
    is_flag=True,
    help="Compile also a model of which the host keeps more than half of the multiplications, or whose "
    "answers are far from those of the image.",
)
@click.option(
    "--time-limit",
    type=options.Real(min=0, min_open=True),
    metavar="S",
    help="Searches end so that the image is there after so many seconds: the best mapping found by then is "
    "taken, with its gap. Where there is none yet, the command ends, and says what it was doing. Without it, "
    "the same input gives the same image on every machine.",
)
@click.option(
    "--learning",
    "learning_file",
    type=options.FILE,
    metavar="RULE.toml",
    help="Of a network of spiking neurons: the rule by which weights change on the chip, for 'snc train'.",
)
@options.input_shape
@steps
@neuron_options
@click.option(
    "--effort",
    type=options.Real(0.1, 10000),
    default=4.0,
    show_default=True,
    help="How long the solver may search, in its own time: the same on every machine.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="The solver's seed."
)
@click.option(
    "--reference",
    type=options.FILE,
    metavar="REF.onnx|.nir",
    help="Write the network with the weights that the image holds, in the model's format.",
)
@click.option(
    "--report",
    "report_file",
    type=options.FILE,
    metavar="FILE.json|.html",
    help="Write the report, too: as JSON, or as a page with charts.",
)
@options.charts
@click.option(
    "--dump",
    type=click.Choice(STEPS),
    multiple=True,
    metavar="STEP",
    help="Write what the model is after a step as text beside the image (MODEL.STEP.txt); may be given"
    f" several times. Steps are {', '.join(STEPS)}.",
)
@click.option(
    "--no-remedy",
    is_flag=True,
    help="Where the model does not fit, do not look for what would make it fit.",
)
@options.as_json
@click.pass_context
def compile_command(
    ctx: click.Context,
    model: Path,
    output: Path | None,
    target: str,
    weights: str,
    data_path: Path | None,
    names: tuple[tuple[str, str], ...],
    resize: bool,
    mean: tuple[float, ...],
    scale: tuple[float, ...],
    bgr: bool,
    budget: int | None,
    cores: int | None,
    min_sqnr: float | None,
    arithmetic: str,
    as_float: bool,
    states: str,
    objective: str,
    decompose: str,
    pareto: bool,
    split: bool,
    force: bool,
    time_limit: float | None,
    learning_file: Path | None,
    input_shapes: tuple[tuple[str, tuple[int, ...]], ...],
    dynamics: "Dynamics",
    neurons: str,
    threshold: float | None,
    steps: int,
    percentile: float,
    effort: float,
    seed: int,
    reference: Path | None,
    report_file: Path | None,
    charts: Path | None,
    dump: tuple[str, ...],
    no_remedy: bool,
    as_json: bool,
) -> None:
    """Compile a model into a memory image.

    A model is an ONNX file, or a network of spiking neurons: a .nir file, or a .net file of Lava.
    Exit codes: 2 for a model that cannot be mapped, 3 for one that does not fit the target.
    """
    from ..backends.image.container import write_whole
    from ..backends.image.parts import MANIFEST
    from ..compiler.frontend.learning import load_rule
    from ..compiler.pipeline.driver import compile_model, front
    from ..compiler.pipeline.options import Options
    from ..compiler.pipeline.prepare import is_netx, is_spiking
    from ..compiler.pipeline.splitting.compile import compile_split
    from ..compiler.pipeline.steps import Step, Value
    from ..compiler.reports.crossbar.kinds import report_of_compiled
    from ..compiler.reports.crossbar.report import CrossbarReport
    from ..compiler.reports.dump import text_of
    from ..compiler.running import outputs
    from ..compiler.running.data.dataset import frames_for
    from ..compiler.running.data.pictures import Picture
    from ..compiler.running.images import save_any
    from ..compiler.targets.kinds import CROSSBAR, kind_of
    from ..compiler.targets.target import load_target
    from ..ir.aims import NeuronUse, Objective, StateUse
    from ..ir.errors import BadInput, Origin, SncError, each_of
    from ..passes.crossbar.decompose import Method
    from .views.crossbars import refuse, show_crossbars
    from .views.errors import error_object
    from .views.splitting import write_parts

    image_file = output or model.parent / f"{model.stem}{'.parts' if split else '.snc'}"
    if output is None and image_file == model:
        rule = "is named as its own image would be"
        raise BadInput(Origin(file=str(model)), rule, hint="give an ONNX model, or -o for its image")
    of_one = {"--pareto": pareto, "--dump": dump, "--charts": charts, "--data": data_path}
    of_one["--learning"] = learning_file
    if split and (other := next((name for name, value in of_one.items() if value), None)):
        raise BadInput(None, f"{other} is of one image, --split of several", hint="give one of them")
    outputs.suffixed(report_file, ".json", *([] if split else [".html"]))
    dumps = {step: image_file.with_name(f"{image_file.stem}.{step}.txt") for step in dump}
    if dumps and pareto:
        raise BadInput(None, "--dump is of one image, --pareto of many", hint="give one of them")
    written = image_file / MANIFEST if split else image_file
    outputs.plan((written, reference, report_file, *dumps.values()), (model, Path(target), learning_file))

    def watch(step: Step, value: Value) -> None:
        if step in dumps:
            outputs.save_text(dumps[step], text_of(value))

    chip = load_target(target)
    if kind_of(chip) is CROSSBAR:
        refuse({"--split": split, "--data": data_path, "--neurons": neurons != "standard"})
        refuse({"--learning": learning_file is not None})
        refuse({"--states": states != "shared", "--objective": objective != "cores"})
    else:
        refuse({"--decompose": decompose != "tree"}, "is of crossbars, this is a chip of cores")
    frames = None
    if data_path is not None:
        frames = frames_for(data_path, Picture(resize, mean, scale, bgr), dict(names))
    elif names:
        raise click.UsageError("--input needs --data")
    if arithmetic == "chip" and frames is None:
        raise click.UsageError("--arithmetic chip needs --data")
    chosen = Options(
        weights=weights,
        states=StateUse(states),
        objective=Objective(objective),
        seed=seed,
        effort=effort,
        time_limit=time_limit,
        input_shapes=dict(input_shapes),
        force=force,
        dynamics=dynamics,
        data=frames,
        budget=budget,
        cores=cores,
        min_sqnr=min_sqnr,
        neurons=NeuronUse(neurons),
        threshold=threshold,
        steps=steps,
        percentile=percentile,
        decompose=Method(decompose),
        as_float=as_float,
        learning=None if learning_file is None else load_rule(learning_file),
    )
    if is_netx(model) and reference is not None:
        rule = "no weight of a .net network is rounded: it is its own reference"
        raise BadInput(Origin(file=model.name), rule, hint="leave --reference out")
    if is_spiking(model):
        outputs.suffixed(reference, ".nir")
    if pareto:
        with progress("pareto") as bar:
            points = front(model, chip, chosen, bar.stage)
        show_front(points) if not as_json else say_json({"model": model.name, "front": points})
        return
    obstacles: list[SncError] = []
    try:
        with progress("compile") as bar:

            def refused(error: SncError) -> None:
                obstacles.append(error)
                for one in each_of(error):
                    bar.tell(f"snc: error: {one.obstacle}")

            report_refusal = None if no_remedy else refused
            if split:
                parts = compile_split(model, chip, chosen, bar.stage, report_refusal)
            else:
                compiled = compile_model(model, chip, chosen, bar.stage, watch, report_refusal)
    except (SncError, KeyboardInterrupt) as end:
        if not obstacles:
            raise
        known = end if isinstance(end, SncError) else obstacles[0]
        if as_json:
            say_json(error_object(known))
        if known is not end:
            raise
        click.echo(f"snc: way out: {each_of(known)[0].hint}", err=True)
        ctx.exit(known.exit_code)
    if split:
        write_parts(parts, image_file, reference, report_file, as_json)
        return
    save_any(image_file, compiled.image)
    if reference is not None:
        with kept_all_the_same(image_file):
            write_whole(reference, reference_of(model, compiled))
    for note in compiled.prepared.notes:
        click.echo(f"snc: note: {note}", err=True)
    precise = compiled.precision.warnings if compiled.precision is not None else ()
    for warning in (*compiled.prepared.warnings, *precise):
        click.echo(f"snc: warning: {warning}", err=True)
    with kept_all_the_same(*filter(None, (image_file, reference))):
        chip_accuracy = None
        if arithmetic == "chip" and frames is not None and compiled.precision is not None:
            chip_accuracy = chip_states(compiled, frames)
        report = report_of_compiled(compiled, image_file, chip_accuracy)
        if report_file is not None:
            save_report(report, report_file)
        if charts is not None:
            from ..compiler.reports.crossbar.kinds import sections_of
            from ..compiler.reports.loose import save_loose

            save_loose(charts, sections_of(report))
    if as_json:
        say_json(report)
        return
    show_crossbars(report, is_whole=False) if isinstance(report, CrossbarReport) else show_report(report)
    total = sum(compiled.seconds.values())
    say(f"image    {image_file}, {image_file.stat().st_size:,} bytes, compiled in {total:.1f} s")
