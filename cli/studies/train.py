"""`snc train`: an image learns from recordings, on its own words, and is written back."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import options
from ..views.show import Sheet, kept_all_the_same, plain, say, say_json
from ..views.talk import frames_bar, warn

if TYPE_CHECKING:
    from ...backends.machine.machine import Arithmetic
    from ...compiler.billing.learning import Encoding
    from ...compiler.running.training.train import Lessons

NJ = 1e6  # femtojoules
WHICH = {"shown": "those that it has learnt from", "held_out": "held out"}


@click.command("train")
@click.argument("image", type=options.FILE, metavar="IMAGE")
@options.data(True, "Recorded events with the fields t, x, y, p, or a folder of them, or arrays of frames.")
@options.bins
@click.option(
    "--passes", type=click.IntRange(0), default=1, show_default=True, help="How often all of them are shown."
)
@click.option(
    "-o", "--output", type=options.FILE, required=True, metavar="TRAINED.snc", help="The trained image."
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on where the training for the same -o was interrupted: what it had learnt is kept in OUT.part.",
)
@click.option(
    "--labels",
    metavar="FILE|KEY",
    help="Of each recording the class, which nothing is learnt from: afterwards they are shown again, and a "
    "neuron votes for the classes that it answered. Says how many are right.",
)
@click.option(
    "--held-out", type=options.FILE, metavar="DATA", help="With --labels, recordings to be tried on, too."
)
@click.option("--held-out-labels", metavar="FILE|KEY", help="And their classes.")
@options.arithmetic
@options.as_json
@click.pass_context
def train_command(
    ctx: click.Context,
    image: Path,
    data_path: Path,
    names: tuple[tuple[str, str], ...],
    seconds: float | None,
    passes: int,
    output: Path,
    resume: bool,
    labels: str | None,
    held_out: Path | None,
    held_out_labels: str | None,
    arithmetic: "Arithmetic",
    as_json: bool,
) -> None:
    """Let an image learn by its own rule, and write the trained image.

    The image is one of `snc compile --learning` or of an earlier training, and learns what it is shown, one
    recording after the other. The trained image is an image as any other. A training that is interrupted
    keeps the recordings that it has finished: the same command with --resume goes on from there.
    """
    from ...backends.image.container import load, save
    from ...backends.machine.machine import Machine
    from ...compiler.billing.learning import billed
    from ...compiler.running import outputs
    from ...compiler.running.data.dataset import check_apart, frame_seconds, open_data
    from ...compiler.running.data.labels import load_labels
    from ...compiler.running.training.partial import PartialTraining
    from ...compiler.running.training.train import Lessons, train
    from ...compiler.running.training.votes import answers, right, votes_of

    if (held_out is None) != (held_out_labels is None) or (held_out is not None and labels is None):
        raise click.UsageError("--held-out needs --held-out-labels, and both need --labels")
    read = (Path(name) for name in (labels, held_out_labels) if name)
    outputs.plan((output,), (image, data_path, held_out, *read))
    for each in filter(None, (data_path, held_out)):
        check_apart(each, output)
    loaded = load(image)
    step = seconds or frame_seconds(loaded)
    data = ctx.with_resource(open_data(data_path, loaded, names=dict(names), labels=labels, step=step))
    known = None if labels is None else load_labels(labels, data)
    other = others = None
    if held_out is not None and held_out_labels is not None:
        opened = open_data(held_out, loaded, names=dict(names), labels=held_out_labels, step=step)
        other = ctx.with_resource(opened)
        others = load_labels(held_out_labels, other)
    streams = sum(data.begins(frame) for frame in range(len(data))) * passes
    run = {
        "image": hashlib.sha256(image.read_bytes()).hexdigest(),
        "arithmetic": arithmetic,
        "data": data.state(),
        "names": sorted(names),
        "bin": step,
        "passes": passes,
    }
    kept = PartialTraining(output, run, streams)
    if not resume and kept.path.exists():
        warn(f"{kept.path}: replaced, though recordings are left in it that --resume would use")
    begun = Lessons(loaded)
    if resume and loaded.learning.size:
        pupil = Machine(loaded, learns=True, file=image.name).pupil
        assert pupil is not None, "it learns"
        begun = kept.resume(begun, pupil.taught)
    try:
        with kept, frames_bar("train", len(data) * passes) as at:
            found = train(
                begun, image, data, passes, arithmetic, begins=data.begins, on_step=at, keep=kept.keep
            )
            save(output, found.image)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(kept.summary()) from None
    accuracy: dict[str, float] = {}
    if known is not None:
        with kept_all_the_same(output), frames_bar("votes", len(data)) as at:
            counts = answers(found.image, output, data, arithmetic, at)
            votes = votes_of(counts, known)
            accuracy["shown"] = right(counts, known, votes)
        if other is not None and others is not None:
            with kept_all_the_same(output), frames_bar("held out", len(other)) as at:
                accuracy["held_out"] = right(
                    answers(found.image, output, other, arithmetic, at), others, votes
                )
    bill = billed(found.image, found.taught, found.learnt)
    if as_json:
        said_of = _object(found, loaded.about.model, output, passes, bill)
        say_json(said_of | ({"accuracy": accuracy} if accuracy else {}))
        return
    _show(found, loaded.about.model, output, bill)
    for name, of in (("shown", known), ("held_out", others)):
        if of is not None:
            say(f"right       {100 * accuracy[name]:.2f} % of {len(of):,} recordings, {WHICH[name]}")


def _object(
    found: "Lessons", model: str, output: Path, passes: int, bill: "tuple[Encoding, ...]"
) -> dict[str, object]:
    return {
        "model": model,
        "image": str(output),
        "image_sha256": hashlib.sha256(output.read_bytes()).hexdigest(),
        "recordings": found.streams,
        "frames": found.frames,
        "passes": passes,
        "seconds": found.seconds,
        "events": found.events,
        "synaptic_operations": found.synaptic_operations,
        "learnt": plain(found.learnt),
        "encodings": plain(bill),
    }


def _show(found: "Lessons", model: str, output: Path, bill: "tuple[Encoding, ...]") -> None:
    """What learning took, and what it would take in other encodings of the synapses."""
    recordings = "1 recording" if found.streams == 1 else f"{found.streams:,} recordings"
    say(f"{model}: {recordings}, {found.frames:,} frames in {found.seconds:.2f} s", style="bold")
    learnt = found.learnt
    say(f"updates     {learnt.updates:,}, each of one neuron's weights and its threshold")
    say(f"weights     {learnt.weight_reads:,} read, {learnt.weight_writes:,} written")
    say(f"thresholds  {learnt.threshold_reads:,} read, {learnt.threshold_writes:,} written")
    say(f"synaptic    {found.synaptic_operations:,} operations of {found.events:,} events")
    say()
    say("words of 64 bits that a recording reads and writes, by how synapses are stored")
    sheet = Sheet("encoding", "stored>", "events>", "nJ>", "learning>", "nJ>")
    for each in bill:
        forward = (
            ("-", "-") if each.forward is None else _cost(each.forward.words, each.forward.energy_fj, found)
        )
        learning = _cost(each.learning.words, each.learning.energy_fj, found)
        sheet.add(each.name, f"{each.stored_words:,}", *forward, *learning)
    sheet.show()
    say(f"trained     {output}, {output.stat().st_size:,} bytes")


def _cost(words: int, energy_fj: float, found: "Lessons") -> tuple[str, str]:
    """Words and nanojoules of a recording."""
    shown = max(found.streams, 1)
    return f"{words / shown:,.0f}", f"{energy_fj / NJ / shown:,.1f}"
