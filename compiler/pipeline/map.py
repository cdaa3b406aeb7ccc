"""The half of the pipeline that knows the target: a prepared network becomes fragments in cores."""

from ...ir.aims import Objective, StateUse
from ...ir.chip import Chip
from ...ir.errors import BadInput
from ...ir.network import Network
from ...ir.storage.weights import FORMATS
from ...passes.cutting.partition import Partition
from ...passes.quantise import Quantise
from ...passes.wiring.wire import Wire
from .choices import Choice, Packer, Point
from .clock import Clock
from .host_work import too_much
from .options import Options
from .prepare import Prepared
from .steps import Step, Watch, unwatched, verified


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
        network = verified(Step.QUANTISED, quantised(prepared, options.weights), watch)
        packer = packer_of(network, chip, options, clock)  # wire, and the cuts of least memory
        choices = packer.choices()  # at each price: cut, connect, pack
        if options.objective is Objective.THROUGHPUT:
            choices = [packer.balanced(choices[0])]
        verified(Step.PACKED, choices[0].mapping, watch)
    with clock("place"):
        choice = packer.located(choices)  # place, settle, relay
        verified(Step.PLACED, choice.mapping, watch)
    return network, choice


def pack_network(network: Network, chip: Chip, options: Options, clock: Clock) -> Choice:
    """The cores of a network, without places. Raises DoesNotFit."""
    with clock("partition"):
        return packer_of(network, chip, options, clock).choices()[0]


def front_of(prepared: Prepared, chip: Chip, options: Options, clock: Clock) -> tuple[Point, ...]:
    """Cores against the work of the busiest core. Raises DoesNotFit."""
    with clock("partition"):
        network = verified(Step.QUANTISED, quantised(prepared, options.weights))
        return packer_of(network, chip, options, clock).front()


def quantised(prepared: Prepared, weights: str) -> Network:
    """The network with weights and biases as a format holds them. Raises BadInput where there is no such."""
    if weights not in FORMATS:
        raise BadInput(None, f"{weights!r} is no weight format", hint=f"known are {', '.join(FORMATS)}")
    return Quantise(weights)(prepared.network)


def packer_of(network: Network, chip: Chip, options: Options, clock: Clock | None = None) -> Packer:
    """What packs a network: it is wired, and cut so that it takes the least memory. Raises DoesNotFit."""
    wiring = Wire()(network, chip)
    # The cuts along the channels are chosen anew by `Cut`, unless memory is to be least.
    plain = options.objective is not Objective.MEMORY
    shared = options.states is StateUse.SHARED
    even = Partition(options.effort, options.seed, plain, shared)(network, chip, wiring)
    return Packer(network, chip, options, wiring, even, (clock or Clock()).deadline(options.time_limit))
