"""The half of the pipeline that knows the target: a prepared network becomes fragments in cores."""

from collections.abc import Sequence
from dataclasses import replace

from ...ir.aims import NeuronUse, Objective, StateUse
from ...ir.chip import Chip
from ...ir.deadline import NEVER, Deadline
from ...ir.errors import BadInput, raise_all
from ...ir.network import Network
from ...ir.storage.channels import SCHEMES
from ...ir.storage.formats import AUTO, INTEGERS, formats_of
from ...ir.storage.weights import FORMATS
from ...passes.cutting.banding import Band
from ...passes.cutting.bound import Least, beyond, least
from ...passes.cutting.partition import Partition, without_cut
from ...passes.quantise import Quantise, trained_constants
from ...passes.rate_coding import RateCode
from ...passes.sigma_delta import SigmaDelta
from ...passes.wiring.wire import Wire
from ...passes.wiring.wired import Wired
from ..choosing.unmeasured import by_weights
from .capacity import too_wide
from .choices import Choice, Packer, Point
from .clock import Clock, Progress, unreported
from .host_work import too_much
from .options import Options
from .prepare import Prepared
from .steps import Step, Watch, unwatched, verified

PACKING_PART, PLACING_PART = 0.6, 0.8  # of the time that is left, when searches end


def map_network(
    prepared: Prepared, chip: Chip, options: Options, clock: Clock, watch: Watch = unwatched
) -> tuple[Network, Choice]:
    """A network's weights as the image holds them, and its fragments in cores that have places. Raises
    DoesNotFit, or Unsupported where the host would keep most of the work.

    Each step takes what those before it made; `watch` sees what stands between them.
    """
    if not options.force and (refusal := too_much(prepared.graph, prepared.parts)):
        raise refusal
    with clock("partition"):
        network = verified(Step.QUANTISED, chosen_network(prepared, chip, options), watch)
        is_over = clock.deadline(options.time_limit, PACKING_PART)
        # Wire, and the cuts of least memory.
        packer = packer_of(network, chip, options, is_over, clock.progress)
        choices = packer.choices()  # at each price: cut, connect, pack
        if options.objective is Objective.THROUGHPUT:
            choices = [packer.balanced(choices[0])]
        verified(Step.PACKED, choices[0].mapping, watch)
    with clock("place"):
        # Place, settle, relay.
        choice = packer.located(choices, clock.deadline(options.time_limit, PLACING_PART))
        verified(Step.PLACED, choice.mapping, watch)
    return network, choice


def pack_network(network: Network, chip: Chip, options: Options, clock: Clock) -> Choice:
    """The cores of a network, without places. Raises DoesNotFit."""
    with clock("partition"):
        return packer_of(network, chip, options, clock.deadline(options.time_limit)).choices()[0]


def front_of(prepared: Prepared, chip: Chip, options: Options, clock: Clock) -> tuple[Point, ...]:
    """Cores against the work of the busiest core. Raises DoesNotFit."""
    with clock("partition"):
        network = verified(Step.QUANTISED, chosen_network(prepared, chip, options))
        return packer_of(network, chip, options, clock.deadline(options.time_limit)).front()


def quantised(prepared: Prepared, weights: str) -> Network:
    """The network with weights and biases as a format holds them, or several do. Raises BadInput where there
    is no such, or where there are not as many as trained constants.
    """
    if prepared.network.is_whole and weights in (INTEGERS, AUTO):
        return Quantise()(prepared.network)
    if weights == AUTO:
        return Quantise(by_weights(prepared.network))(prepared.network)
    count = len(trained_constants(prepared.network))
    try:
        formats_of(weights, count)
    except ValueError as error:
        hint = f"give one for all, or {count}; known are {', '.join((*FORMATS, *SCHEMES))}"
        raise BadInput(None, f"{str(error)!r} is no weight format", hint=hint) from None
    return Quantise(weights)(prepared.network)


def wired_within(network: Network, chip: Chip, states: StateUse) -> tuple[Sequence[Wired], Least]:
    """A network wired for a chip, and the least that it takes there. Raises DoesNotFit where that is more
    than the chip has: nothing is searched for that.
    """
    wiring = Wire()(network, chip)
    raise_all(without_cut(network, chip, wiring, states.is_shared))
    limits = least(network, chip, wiring, states.is_shared, banded=states is StateUse.BANDED)
    if (refusal := beyond(network, chip, limits)) is not None:
        raise refusal
    return wiring, limits


def chosen_network(prepared: Prepared, chip: Chip, options: Options) -> Network:
    """The network with the weights and the neurons that were asked for. Raises Unsupported where these cannot
    compute it, DoesNotFit where the chip's states are too narrow.
    """
    if options.neurons is NeuronUse.IF:
        prepared = replace(prepared, network=RateCode(options.peaks, options.steps)(prepared.network))
    network = quantised(prepared, options.weights)
    if options.neurons is NeuronUse.SIGMA_DELTA:
        network = SigmaDelta(options.threshold or 0.0, options.peaks)(network)
    raise_all(too_wide(network, chip))
    return network


def packer_of(
    network: Network, chip: Chip, options: Options, is_over: Deadline = NEVER, progress: Progress = unreported
) -> Packer:
    """What packs a network: it is wired, and cut so that it takes the least memory. Raises DoesNotFit, at
    once where the least that it takes is more than the chip has.
    """
    shared = options.states.is_shared
    wiring, limits = wired_within(network, chip, options.states)
    # The cuts along the channels are chosen anew by `Cut`, unless memory is to be least.
    plain = options.objective is not Objective.MEMORY
    even = Partition(options.effort, options.seed, plain, shared, is_over)(network, chip, wiring)
    if options.states is StateUse.BANDED:
        even = Band(options.objective, is_over)(network, chip, wiring, even)
    return Packer(network, chip, options, wiring, even, limits, is_over, progress)
