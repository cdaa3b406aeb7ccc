"""The memory map of a core, derived anew: who owns each word, what may be shared, and what lives when."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from .reading import (
    KERNEL,
    PARAMETERS,
    SCALES,
    STRIDE,
    WEIGHT_BITS,
    Core,
    Fault,
    Integers,
    Key,
    Picture,
    Population,
    Unreadable,
    Wire,
    decoded,
    words_of,
)

WORD_BYTES = 8


class Owned(NamedTuple):
    """Words that something has for itself."""

    role: str
    address: int
    size: int


class Life(NamedTuple):
    """The steps of the firing order between which a population's states are in use, both included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Bill:
    """The bytes of all cores by what they are for. `unused`: what no pointer leads to, and what a
    population's own states leave of their last word.
    """

    connectivity: int = 0
    parameters: int = 0
    biases: int = 0
    neurons: int = 0
    unused: int = 0


CATEGORY = {
    "port": "connectivity",
    "population": "connectivity",
    "extension": "connectivity",
    "axon": "connectivity",
    "kernel": "connectivity",
    "stride": "connectivity",
    "exponents": "connectivity",
    "weights": "parameters",
    "bias": "biases",
}


def lives(picture: Picture, found: Sequence[Wire]) -> tuple[dict[Key, Life], list[Fault]]:
    """When each population's states are in use: from the first event that can reach them, or from their
    reset if that is earlier, until they have fired; always, where they are kept from frame to frame, or take
    events for the next one. With it, what is wrong with the order.
    """
    resets: dict[Key, list[int]] = {}
    fires: dict[Key, list[int]] = {}
    begun: dict[Key, list[int]] = {}
    ending: dict[Key, list[int]] = {}  # in some frames
    faults = []
    for step, (order, key) in enumerate(picture.order):
        if order > 3 or (order == 3 and not picture.populations[key].lasts):
            faults.append(
                Fault("order", f"{picture.populations[key]} has a step of some frames that is none")
            )
            order = 1
        {0: resets, 1: fires, 2: begun, 3: ending}[order].setdefault(key, []).append(step)
    for key, population in picture.populations.items():
        each_frame = not (population.is_input or population.lasts)
        if len(fires.get(key, ())) != 1 or len(resets.get(key, ())) != each_frame:
            faults.append(Fault("order", f"{population} is not reset and fired once a frame"))
    if sorted(step for steps in begun.values() for step in steps) != list(
        range(sum(map(len, begun.values())))
    ):
        faults.append(Fault("order", "what is done before the first frame does not stand first"))
    if faults:
        return {}, faults
    first = {key: steps[0] for key, steps in fires.items()}
    keeping = {key for key, population in picture.populations.items() if population.lasts}
    keeping |= {key for key, steps in resets.items() if steps[0] > fires[key][0]}
    for wire in found:
        to, event = wire.target.key, fires[wire.source.key][0]
        first[to] = min(first[to], event)
        if wire.target.is_input:
            faults.append(Fault("order", f"{wire.source} feeds {wire.target}, an input"))
        if to == wire.source.key:
            faults.append(Fault("order", f"{wire.target} feeds itself"))
        if fires[to][0] < event:
            keeping.add(to)
        wipes = [*resets.get(to, ()), *ending.get(to, ())]
        if any(_behind(event, reset) < _behind(event, fires[to][0]) for reset in wipes):
            faults.append(Fault("order", f"{wire.target} is reset after {wire.source}, which feeds it"))
    for key in keeping | begun.keys():
        if len(begun.get(key, ())) != (key in keeping):
            what = f"{picture.populations[key]} is not reset once before the first frame, or should not be"
            faults.append(Fault("order", what))
    spans = {
        key: Life(min([first[key], *resets.get(key, ())]), fires[key][0])
        if key not in keeping
        else Life(-1, len(picture.order))
        for key in first
    }
    return spans, faults


def _behind(event: int, step: int) -> int:
    """How far behind an event a step is taken, in this frame or else in the next: a frame has fewer steps."""
    return step - event if step > event else step - event + 10**6


def memory_map(picture: Picture, found: Sequence[Wire]) -> tuple[Bill, list[Fault]]:
    """The bill of all cores, and every word with two owners, every core that is too large."""
    spans, faults = lives(picture, found)
    sums = dict.fromkeys(("connectivity", "parameters", "biases", "neurons", "unused"), 0)
    for core in picture.cores:
        if core.words.size > picture.limit("core_words"):
            faults.append(Fault("core_words", f"core {core.index} has {core.words.size} words"))
        held = [p for p in picture.populations.values() if p.core is core]
        owned = list(_owned(picture, core, held, found))
        states = np.zeros(core.words.size, dtype=np.int64)
        taken = np.zeros(core.words.size, dtype=np.int64)
        for population in held:
            states[population.states_at : population.states_at + population.state_words] = 1
        for role, address, count in owned:
            core.read(address, count, role)
            taken[address : address + count] += 1
            sums[CATEGORY[role]] += count * WORD_BYTES
        for address in np.flatnonzero(taken + states > 1)[:1]:
            roles = sorted(o.role for o in owned if o.address <= address < o.address + o.size)
            sharing = ", ".join([*roles, *["state"] * int(states[address])])
            faults.append(Fault("memory", f"core {core.index}: word {address} is {sharing}"))
        faults += _overlaps(picture, held, spans)
        spare = sum(
            words_of(p.neurons, p.state_bits) * WORD_BYTES - p.neurons * p.state_bits // 8
            for p in held
            if not p.shares and not p.is_input
        )
        sums["neurons"] += int(states.sum()) * WORD_BYTES - spare
        sums["unused"] += int((taken + states == 0).sum()) * WORD_BYTES + spare
    return Bill(**sums), faults


def _owned(
    picture: Picture, core: Core, held: Sequence[Population], found: Sequence[Wire]
) -> Iterator[Owned]:
    """Everything in a core but states. Kernel descriptors, and numbers of one place and size, count once."""
    yield Owned("port", 0, picture.ports[core.index]["table"].size)
    numbers: set[tuple[int, int]] = set()
    for population in held:
        yield Owned("population", population.address, 1)
        yield Owned("extension", population.start, population.fields["extensions"])
        yield Owned("bias", population.bias_at, population.bias_words)
        yield Owned("axon", population.axons_at, population.fields["axons"])
        pointed = (*population.said(PARAMETERS), *population.said(SCALES))
        numbers.update((at, words_of(population.depth, 32)) for at in pointed)
    here = [wire for wire in found if wire.target.core is core]
    selected = _addresses(wire.entries for wire in here if not wire.pairs.size)
    pairs = _addresses(wire.pairs for wire in here)
    for address in [*selected.tolist(), *pairs.tolist()]:
        yield Owned("kernel", address, 1)
    for address in pairs.tolist():
        yield Owned("stride", address + 1, 1)
    runs = decoded(core.words[pairs + 1], STRIDE)
    exponents = {
        (at, words_of(count, 8))
        for at, count in zip(runs["exponents"].tolist(), runs["count"].tolist(), strict=True)
        if at
    }
    for address, count in sorted(exponents):
        yield Owned("exponents", address, count)
    for addresses, further in ((selected, 0), (pairs, (runs["count"] - 1) * runs["stride"])):
        kernels = decoded(core.words[addresses], KERNEL)
        sizes = weight_words(core, kernels, further)
        live = sizes > 0
        numbers.update(zip(kernels["address"][live].tolist(), sizes[live].tolist(), strict=True))
    for address, count in sorted(numbers - exponents):  # equal bytes lie in one place, whatever they are for
        yield Owned("weights", address, count)


def _addresses(some: Iterable[Integers]) -> Integers:
    """Each address of some, once."""
    return np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *some]))


def weight_words(core: Core, kernels: dict[str, Integers], further: Integers | int = 0) -> Integers:
    """The words of the weights of kernel descriptors, and of so many bytes more where there are any. Raises
    Unreadable for an unknown format.
    """
    unknown = set(kernels["code"].tolist()) - WEIGHT_BITS.keys()
    if unknown:
        raise Unreadable("field", f"weight codes {sorted(unknown)}")
    bits = np.zeros(1 + max(WEIGHT_BITS), dtype=np.int64)
    bits[list(WEIGHT_BITS)] = list(WEIGHT_BITS.values())
    n = bits[kernels["code"]] + kernels["number_bits"]
    count = kernels["kd"] * kernels["kw"] * kernels["kh"]
    each = count * n
    for i in np.flatnonzero(kernels["skips"] * (kernels["code"] > 0)).tolist():
        place = int(kernels["address"][i])
        before, stored = (_list if kernels["lists"][i] else _bitmap)(core, place, int(count[i]))
        each[i] = before + n[i] * stored
    return np.asarray(np.where(each, -(-(each + 8 * further) // 64), 0))


def _digits(core: Core, place: int, count: int, what: str) -> Integers:
    """The first bits from the word at an address on."""
    words = core.read(place, words_of(count, 1), what)
    return np.unpackbits(words.astype("<u8").view(np.uint8), bitorder="little")[:count].astype(np.int64)


def _bitmap(core: Core, place: int, count: int) -> tuple[int, int]:
    """The bits of a bitmap of so many weights, and how many it names."""
    return count, int(_digits(core, place, count, "a bitmap").sum())


def _list(core: Core, place: int, count: int) -> tuple[int, int]:
    """The bits of a list of places among so many weights, and how many it names: upwards, each once."""
    each = max(1, (count - 1).bit_length())
    worth = 2 ** np.arange(each, dtype=np.int64)
    stored = int(_digits(core, place, each, "a list") @ worth) + 1
    if stored > count:
        raise Unreadable("field", f"a list of {stored} places of {count}")
    size = each * (stored + 1)
    places = _digits(core, place, size, "a list")[each:].reshape(stored, each) @ worth
    if (np.diff(places, prepend=-1) <= 0).any() or places[-1] >= count:
        raise Unreadable("field", f"a list of places of {count} weights at address {place}")
    return size, stored


def _overlaps(picture: Picture, held: Sequence[Population], spans: dict[Key, Life]) -> Iterator[Fault]:
    """Populations of a core that live at one time and share words of their states."""
    may_share = picture.info["states"] in ("shared", "banded")
    for a, b in combinations([p for p in held if p.state_words], 2):
        low = max(a.states_at, b.states_at)
        if low >= min(a.states_at + a.state_words, b.states_at + b.state_words):
            continue
        if not may_share or not spans:
            yield Fault("states", f"{a} and {b} share word {low}")
            continue
        one, other = spans[a.key], spans[b.key]
        if one.first <= other.last and other.first <= one.last:
            yield Fault(
                "states",
                f"{a} (steps {one.first} to {one.last}) and {b} ({other.first} to {other.last}) "
                f"share word {low}",
            )
