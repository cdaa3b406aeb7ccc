"""The whole pipeline: an ONNX model in, a memory image out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ...backends.image.image import Image
from ...ir.aims import NeuronUse
from ...ir.chip import Chip
from ...ir.deadline import MORE_TIME, limited
from ...ir.errors import BadInput, DoesNotFit, Origin, SncError
from ...ir.layers import LayerGraph
from ...ir.mapping import Mapping as Mapped
from ...ir.mapping import core_size
from ...ir.network import Network
from ...ir.storage.bitrun import WORD_BYTES
from ...ir.storage.formats import AUTO
from ...passes.additive import Additive
from ...passes.quantise import held_constants
from ...passes.rate_coding import summed
from ..choosing.unmeasured import by_weights, with_rules
from ..frontend.read import to_onnx
from ..targets.kinds import CROSSBAR, kind_of
from .choices import Choice, Point
from .clock import Clock, Progress
from .kinds import pipeline_of
from .options import TIME_LEAST, Frames, Options
from .prepare import Prepared, folded, lowered, prepare, steps_of
from .remedy import can_be_remedied, late, remedied
from .steps import Step, Watch, unwatched, verified

if TYPE_CHECKING:
    from ..choosing.choose import Precision, Taken

Refused = Callable[[SncError], None]
MEASURING_PART = 0.6  # of the time that is left, when formats are chosen; the rest is for their mapping


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """What a model became on the way to its image, and the seconds each stage took.

    `network`: the chip's part, with weights as the image holds them. `precision`: what their formats cost,
    where there are frames to measure it on.
    """

    prepared: Prepared
    network: Network
    mapping: Mapped
    image: Image
    seconds: Mapping[str, float]
    precision: "Precision | None" = None

    @property
    def graph(self) -> LayerGraph:
        """All layers of the model."""
        return self.prepared.graph

    def reference(self) -> LayerGraph:
        """The whole network, host part included, with the weights and biases that the image holds."""
        return self.graph.with_constants(held_constants(self.network, dict(self.graph.constants)))


def compile_model(
    path: Path,
    chip: Chip,
    options: Options,
    progress: Progress = lambda stage: None,
    watch: Watch = unwatched,
    refused: Refused | None = lambda error: None,
) -> Compiled:
    """The image of a model. Raises SncError: exit code 2 when it cannot be mapped, 3 when it does not fit.

    The file is read once, and lowered once, whatever is tried to make it fit. `refused` is given the obstacle
    before anything is tried; where it is None, nothing is.
    """
    clock = Clock(progress)
    with limited(clock.deadline(options.time_limit), path.name), clock("lower"):
        read = folded(path, options.input_shapes, options.dynamics, as_float=options.as_float)
        graph = verified(Step.LAYERS, read, watch)
    dynamics = steps_of(path, options.dynamics)
    prepared = cache(lambda: lowered(graph, dynamics, watch).taught(options.learning))
    return compile_layers(graph, prepared, chip, options, clock, watch, refused)


def compile_layers(
    graph: LayerGraph,
    prepared: Callable[[], Prepared],
    chip: Chip,
    options: Options,
    clock: Clock,
    watch: Watch = unwatched,
    refused: Callable[[SncError], None] | None = lambda error: None,
) -> Compiled:
    """The image of a model's layers, which `prepared` lowers. Raises SncError as `compile_model` does."""
    steps = pipeline_of(chip)
    chosen = _unmeasured(options)
    is_over = clock.deadline(options.time_limit)
    with limited(is_over, graph.name):
        try:
            with clock("lower"):
                steps.admit(graph, chip)  # what is far too large is not even lowered
                prepared()
            chosen, precision, found = _measured(prepared(), chip, options, clock)
            network, choice = steps.map(found, chip, chosen, clock, watch)
        except SncError as error:
            if is_over() and can_be_remedied(error):
                raise late(error, options) from None
            if refused is None or not can_be_remedied(error):
                raise
            refused(error)
            clock.progress("explain")
            attempts = steps.attempts(graph, prepared, is_over, clock.progress)
            raise remedied(error, chip, chosen, attempts) from None
    done = _emitted(found, chip, chosen, network, choice, clock, watch)
    return done if precision is None else replace(done, precision=_kept(precision, options, chip, choice))


def compile_prepared(
    prepared: Prepared, chip: Chip, options: Options, clock: Clock | None = None, watch: Watch = unwatched
) -> Compiled:
    """The image of a model that is prepared. Raises SncError as `compile_model` does, without a remedy."""
    clock = clock or Clock()
    with limited(clock.deadline(options.time_limit), prepared.name):
        chosen, precision, found = _measured(prepared, chip, options, clock)
        network, choice = pipeline_of(chip).map(found, chip, chosen, clock, watch)
    done = _emitted(found, chip, chosen, network, choice, clock, watch)
    return done if precision is None else replace(done, precision=_kept(precision, options, chip, choice))


def _unmeasured(options: Options) -> Options:
    """The options with formats that nothing was measured for."""
    return options.with_formats(options.bits_as)


def _measured(
    prepared: Prepared, chip: Chip, options: Options, clock: Clock
) -> "tuple[Options, Precision | None, Prepared]":
    """The options with the formats that were chosen, what they cost on the given frames, if any are, and the
    model with the biases that go with them; with the thresholds of integrate-and-fire neurons.
    """
    is_whole = prepared.network.is_whole
    is_auto = options.neurons is NeuronUse.SIGMA_DELTA and options.threshold is None
    if options.neurons is NeuronUse.IF or (is_auto and not is_whole):
        with clock("measure"):
            options = replace(options, peaks=_peaks(prepared, options))
    if (is_whole or prepared.runs_over_time) and not options.keeps_nothing:
        rule = "has weights that are not rounded" if is_whole else "runs over time"
        hint = "ask for none, or for --as-float" if is_whole else "ask for none"
        raise BadInput(Origin(file=prepared.name), f"{rule}: no formats are chosen", hint=hint)
    if is_whole:
        return _unmeasured(options), None, prepared
    if options.data is None or prepared.runs_over_time or kind_of(chip) is CROSSBAR:
        weights = options.weights
        if weights == AUTO:
            with clock("choose"):
                weights = by_weights(prepared.network)
        return options.with_formats(with_rules(prepared.network, weights)), None, prepared
    from ..choosing.choose import Wish, decide
    from ..choosing.meter import Meter

    is_over = clock.deadline(options.time_limit, MEASURING_PART)
    made: list[Taken] = []

    def mapped(weights: str) -> "Taken":
        tried = options.with_formats(weights)
        if options.time_limit is not None:
            tried = replace(tried, time_limit=max(is_over.left, TIME_LEAST))
        # Without the first of them there is nothing to be taken.
        with limited(is_over if made else clock.deadline(options.time_limit), prepared.name):
            made.append(_taken(chip, pipeline_of(chip).map(prepared, chip, tried, Clock(), unwatched)[1]))
        return made[-1]

    with clock("measure"), _given(prepared, options.data) as frames:
        meter = Meter(prepared.graph, prepared.network, frames)
        wish = Wish(options.weights, options.budget, options.cores, options.min_sqnr, options.force)
        found = decide(meter, wish, mapped, is_over)
        added = meter.added(found.weights)
    return options.with_formats(found.weights), found, prepared.corrected(added)


def _kept(precision: "Precision", options: Options, chip: Chip, choice: Choice) -> "Precision":
    """What a choice of formats costs and takes. Raises DoesNotFit where that is more than was wished for, as
    where there was less time for the last mapping than for the one that the choice relies on.
    """
    from ..choosing.choose import Wish, keeps

    taken = _taken(chip, choice)
    if not keeps(taken, Wish(options.weights, options.budget, options.cores)):
        rule = f"its mapping takes {taken.bytes} bytes and {taken.cores} cores, more than is allowed"
        hint = "allow more" if options.time_limit is None else MORE_TIME
        raise DoesNotFit(Origin(file=choice.mapping.network.name), rule, hint)
    return precision.mapped(taken)


def _taken(chip: Chip, choice: Choice) -> "Taken":
    """What a mapping takes."""
    from ..choosing.choose import Taken

    mapping = choice.mapping
    held = ([mapping.plans[f] for f in core] for core in mapping.cores)
    return Taken(WORD_BYTES * sum(core_size(chip, plans).words for plans in held), len(mapping.cores))


def _peaks(prepared: Prepared, options: Options) -> tuple[float, ...]:
    """The largest values of neurons on the given frames. Raises SncError where there are none."""
    from ..choosing.peaks import peaks_of

    are_rates = options.neurons is NeuronUse.IF
    network = summed(prepared.network) if are_rates else Additive()(prepared.network)
    if options.data is None:
        whose = (
            "integrate-and-fire neurons are balanced" if are_rates else "changes of real numbers are chosen"
        )
        rule, hint = f"thresholds of {whose} on frames", "give frames: --data"
        raise BadInput(Origin(file=prepared.name), rule, hint=hint if are_rates else f"{hint}, or a number")
    with _given(prepared, options.data) as frames:
        before, percentile = _model(prepared.parts.before), options.percentile
        return peaks_of(network, before, frames, percentile, are_sizes=not are_rates)


@contextmanager
def _given(prepared: Prepared, data: Frames) -> Iterator[Sequence[Mapping[str, NDArray[Any]]]]:
    """The frames for a network's inputs; their files are closed behind them."""
    frames = data(prepared.graph.inputs)
    with frames if isinstance(frames, AbstractContextManager) else nullcontext():
        yield frames


def _emitted(
    prepared: Prepared,
    chip: Chip,
    options: Options,
    network: Network,
    choice: Choice,
    clock: Clock,
    watch: Watch,
) -> Compiled:
    """The image of a mapping, with what it says of itself."""
    with clock("emit"):
        before, after = prepared.parts.before, prepared.parts.after
        image = pipeline_of(chip).emit(prepared, choice, options, _model(before), _model(after))
        watch(Step.IMAGE, image)
    return Compiled(prepared, network, choice.mapping, image, clock.seconds)


def front(
    path: Path, chip: Chip, options: Options, progress: Progress = lambda stage: None
) -> tuple[Point, ...]:
    """Cores against the work of the busiest core. Raises SncError as `compile_model` does."""
    clock, steps = Clock(progress), pipeline_of(chip)
    with limited(clock.deadline(options.time_limit), path.name):
        with clock("lower"):
            prepared = prepare(
                path,
                options.input_shapes,
                lambda graph: steps.admit(graph, chip),
                options.dynamics,
                as_float=options.as_float,
            )
        chosen, _, found = _measured(prepared, chip, options, clock)
        return steps.front(found, chip, chosen, clock)


def _model(part: LayerGraph | None) -> bytes | None:
    return None if part is None else to_onnx(part).SerializeToString(deterministic=True)
