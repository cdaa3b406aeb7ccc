"""One network in several forms (frames, changes, rates) on one stream: what each takes, side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....backends.image.image import Image
from ....ir.aims import NeuronUse
from ....ir.chip import Chip
from ....ir.errors import SncError
from ...frontend.runtime import Arrays
from ...pipeline.driver import compile_model
from ...pipeline.options import Frames, Options
from ..estimate import AnyEstimates, estimate
from ..runner import network_inputs
from .answers import Answers
from .beside import Beside, Second, Tracker
from .blocks import OnStep
from .simulation import AnySimulation, Simulation, Watcher, simulate

Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """A network with one kind of neurons. `refusal`: why there is no image."""

    neurons: NeuronUse
    image: Image | None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class FormEstimate:
    """What a form takes for a stream: counters of all frames, estimates for one.

    `of_dense`: its events, of one from each neuron of the frame network in each frame. `equal`: the frames
    whose outputs are the frame network's. `refusal`: why there is no such form; the rest is 0 then.
    """

    neurons: str
    refusal: str = ""
    cores: int = 0
    words: int = 0
    events: int = 0
    of_dense: float = 0.0
    synaptic_operations: int = 0
    energy_nj: float = 0.0
    latency_us: float = 0.0
    equal: int = 0
    max_rel_error: float = 0.0
    accuracy: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FormRuns:
    """The frame network's run, with those of the other forms beside it, and the table of all."""

    plain: Simulation
    costs: AnyEstimates
    tracker: Tracker
    beside: tuple[Beside, ...]
    rows: tuple[FormEstimate, ...]


def forms_of(
    path: Path, chip: Chip, options: Options, data: Frames, kinds: Sequence[NeuronUse]
) -> tuple[Form, ...]:
    """A model as frames, and in further forms with the same weights, for a chip of cores. `data`: what
    thresholds are made of. Raises SncError where there are no frames to begin with; other forms may be
    refused.
    """
    plain = compile_model(path, chip, replace(options, neurons=NeuronUse.STANDARD, data=None)).image
    found = [Form(NeuronUse.STANDARD, plain)]
    weights = options.weights if plain.about.weights == "integers" else plain.about.weights
    for kind in kinds:
        needs_data = kind is NeuronUse.IF or options.threshold is None
        chosen = replace(options, neurons=kind, weights=weights, data=data if needs_data else None)
        try:
            found.append(Form(kind, compile_model(path, chip, chosen, refused=None).image))
        except SncError as error:
            found.append(Form(kind, None, str(error)))
    return tuple(found)


def run_forms(
    forms: Sequence[Form],
    frames: Sequence[Arrays],
    labels: Labels | None = None,
    on_step: OnStep = lambda frame, done, of: None,
    begins: Callable[[int], bool] = lambda frame: False,
) -> FormRuns:
    """All forms on the same frames, the frame network first."""
    plain, *others = forms
    image = plain.image
    assert image is not None
    inputs = {tensor.name: tuple(tensor.shape) for tensor in network_inputs(image)}
    made = [(form, form.image) for form in others if form.image is not None]
    seconds = [Second(Path(form.neurons), image, frames, "float32", begins, inputs) for form, image in made]
    answers, tracker = Answers(must_name_classes=labels is not None), Tracker()
    watchers: list[Watcher] = [answers, tracker, *seconds]
    found = simulate(image, Path(plain.neurons), frames, watchers=watchers, on_step=on_step, begins=begins)
    assert isinstance(found, Simulation)
    costs, dense = estimate(found, image.chip), max(found.dense_events, 1)
    accuracy = None if labels is None else answers.accuracy(labels)
    rows = [_row(plain, image, found, costs, dense, len(frames), 0.0, accuracy)]
    beside = tuple(second.beside() for second in seconds)
    twins = dict(zip((form.neurons for form, _ in made), zip(seconds, beside, strict=True), strict=True))
    for form in others:
        if form.image is None:
            rows.append(FormEstimate(str(form.neurons), form.refusal))
            continue
        second, twin = twins[form.neurons]
        right = None if labels is None else second.answers.accuracy(labels)
        spent = estimate(twin.run, form.image.chip)
        rows.append(_row(form, form.image, twin.run, spent, dense, twin.equal, twin.max_rel_error, right))
    return FormRuns(found, costs, tracker, beside, tuple(rows))


def _row(
    form: Form,
    image: Image,
    run: AnySimulation,
    costs: AnyEstimates,
    dense: int,
    equal: int,
    error: float,
    accuracy: float | None,
) -> FormEstimate:
    return FormEstimate(
        neurons=str(form.neurons),
        cores=len(image.cores),
        words=sum(core.words.size for core in image.cores),
        events=run.events,
        of_dense=run.events / dense,
        synaptic_operations=run.synaptic_operations,
        energy_nj=costs.energy_nj,
        latency_us=costs.latency_us,
        equal=equal,
        max_rel_error=error,
        accuracy=accuracy,
    )
