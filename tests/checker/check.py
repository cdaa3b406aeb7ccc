"""Whether an image obeys every limit of its target: checked from its bytes, with nothing that made them."""

from collections.abc import Iterable
from dataclasses import dataclass

from snc.compiler.reports.report import Report

from .limits import coverage, population_limits, target_limits, tensor_pieces, wire_limits
from .memory import Bill, memory_map
from .reading import Fault, Picture, Unreadable, Wire, wires


@dataclass(frozen=True, slots=True)
class Totals:
    """What an image takes: the bytes, the words of each core, neurons with a state, events and hops between
    cores when every neuron fires.
    """

    bill: Bill
    words: tuple[int, ...]
    neurons: int
    events: int
    hops: int


@dataclass(frozen=True, slots=True)
class Findings:
    """The faults of an image, and its totals; None where it cannot be read."""

    faults: tuple[Fault, ...]
    totals: Totals | None


def check(data: bytes) -> Findings:
    """What a .snc file's bytes break. Reads nothing else."""
    faults: list[Fault] = []
    try:
        picture = Picture(data)
        faults += [*target_limits(picture), *coverage(picture), *tensor_pieces(picture)]
        for population in picture.populations.values():
            faults += population_limits(picture, population)
        found = [wire for population in picture.populations.values() for wire in wires(picture, population)]
        for wire in found:
            faults += wire_limits(picture, wire)
        bill, more = memory_map(picture, found)
    except Unreadable as error:
        return Findings((*faults, error.fault), None)
    return Findings((*faults, *more), _totals(picture, found, bill))


def assert_obeys(data: bytes, said: Report) -> None:
    """The image breaks no limit, and takes what its report says."""
    found = check(data)
    assert not found.faults, "\n".join(map(str, found.faults[:10]))
    totals = found.totals
    assert totals is not None
    bill = said.totals
    assert totals.bill == Bill(
        bill.connectivity_bytes,
        bill.parameters_bytes,
        bill.biases_bytes,
        bill.neurons_bytes,
        bill.padding_bytes,
    )
    assert totals.words == tuple(core.words for core in said.per_core)
    assert (len(totals.words), totals.neurons) == (said.cores.used, said.totals.neurons)
    assert (totals.events, totals.hops) == (said.traffic.events, said.traffic.hops)


def _totals(picture: Picture, found: Iterable[Wire], bill: Bill) -> Totals:
    events = hops = 0
    for wire in found:
        way = abs(wire.axon["core_x"]) + abs(wire.axon["core_y"])
        if way and not wire.source.is_input:
            sent = _sent(wire)
            events += sent
            hops += sent * way
    neurons = sum(p.neurons for p in picture.populations.values() if not p.is_input)
    return Totals(bill, tuple(core.words.size for core in picture.cores), neurons, events, hops)


def _sent(wire: Wire) -> int:
    """The events of an axon when all neurons of its population fire: Algorithm 5, neuron by neuron."""
    count = wire.source.depth
    for size, offset, eights, kernel in (
        (wire.source.width, "x_off", "width", "kw"),
        (wire.source.height, "y_off", "height", "kh"),
    ):
        starts = (s * 2 ** wire.axon["us"] + wire.axon[offset] for s in range(size))
        count *= sum(-wire.axon[kernel] < start < 8 * wire.axon[eights] for start in starts)
    return count
