"""What the pointers of an image lead to: no word says of itself what it is.

The firing order names the population descriptors, and the ports stand before the first of them. A
descriptor leads to its block; the axons of all cores say which entries of a port's table events reach; a
kernel descriptor leads to its weights, a stride to exponents. A word that is not what it should be leads
nowhere.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...ir.storage.bitrun import BYTE_BITS
from ...ir.storage.skipping import Layout, place_bits, skipped_bits
from ...ir.storage.weights import EXPONENTS, PARAMETER_CODEC, Codec
from ..image.image import Image
from ..words.bits import WORD_BITS, Word, WordError, unpack, words_for
from ..words.limits import ADDRESSES, PORTS
from ..words.words import (
    FORM,
    Axon,
    Extension,
    ExtensionKind,
    Kernel,
    Population,
    Port,
    Step,
    Stride,
    codecs,
)

Words = NDArray[np.uint64]


class Role(StrEnum):
    """What a word is for."""

    PORT = "port"
    POPULATION = "population"
    EXTENSION = "extension"
    BIAS = "bias"
    AXON = "axon"
    STATE = "state"
    KERNEL = "kernel"
    STRIDE = "stride"
    EXPONENTS = "exponents"
    WEIGHTS = "weights"
    UNREFERENCED = "unreferenced"


PARAMETERS_NOTE = f"{PARAMETER_CODEC.name} parameters"


class Claim(NamedTuple):
    """`size` words that a pointer leads to.

    `population` is the descriptor they serve, None where a port names none. `items` numbers of `codec` lie in
    the words, if numbers do. `spare_bytes` of the last word hold no state of a population with states of its
    own; shared states have none to spare. `note`: what only the way says. `layout`: of weights.
    """

    role: Role
    address: int
    size: int
    population: int | None
    items: int = 0
    codec: Codec | None = None
    spare_bytes: int = 0
    note: str = ""
    layout: Layout = Layout.WHOLE

    @property
    def is_parameter(self) -> bool:
        """Whether the numbers are an activation function's, not weights."""
        return self.note == PARAMETERS_NOTE


def bias_words(population: Population) -> int:
    """How many words hold the biases of a population."""
    codec = population.bias.codec
    return words_for(population.depth, codec.bits) if codec else 0


def decoded(cls: type[Word], words: Words) -> tuple[NDArray[np.bool_], dict[str, NDArray[np.int64]]]:
    """Which of many words are words of a class, and the integer fields of those."""
    try:
        return np.ones(words.size, dtype=np.bool_), cls.decode_array(words)
    except WordError:
        good = np.array([_is(cls, word) for word in words.tolist()], dtype=np.bool_)
        return good, cls.decode_array(words[good])


def _is(cls: type[Word], word: int) -> bool:
    try:
        cls.decode(word)
    except WordError:
        return False
    return True


class Atlas:
    """The claims of an image, core by core. What is common to all cores is found once."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.places = {(core.x, core.y): index for index, core in enumerate(image.cores)}
        self.populations: list[dict[int, Population]] = [{} for _ in image.cores]  # in order of the steps
        self._layers: dict[tuple[int, int], str] = {}
        self._reach: dict[tuple[int, int], set[tuple[int, int]]] = {}  # core and port: c_off, source's depth
        for layer in image.about.layers:
            for fragment in layer.fragments:
                self._layers.setdefault((fragment.core, fragment.population), layer.name)
        for word in image.steps.tolist():
            step = Step.decode(word)
            if step.population not in self.populations[step.core]:
                descriptor = Population.decode(int(image.cores[step.core].words[step.population]))
                self.populations[step.core][step.population] = descriptor
        for index, held in enumerate(self.populations):
            for population in held.values():
                self._follow_axons(index, population)

    def layer(self, core: int, population: int | None) -> str:
        """The layer that a population is part of, "" where none is known."""
        return "" if population is None else self._layers.get((core, population), "")

    def claims(self, core: int) -> list[Claim]:
        """What pointers lead to in a core; of several that claim a word, the first is believed."""
        ports = list(self.ports(core))
        found = [*ports]
        found += [Claim(Role.POPULATION, address, 1, address) for address in self.populations[core]]
        for address, population in self.populations[core].items():
            found += self._block(core, address, population)
        kernels = [claim for port in ports for claim in self.kernels_of(core, port)]
        found += kernels
        found += self._weights(core, kernels)
        end = self.image.cores[core].words.size
        return [claim for claim in found if claim.size and claim.address + claim.size <= end]

    def owners(self, core: int, claims: list[Claim]) -> NDArray[np.int64]:
        """For each word of a core, the index of the claim that has it, or -1."""
        owners = np.full(self.image.cores[core].words.size, -1, dtype=np.int64)
        # From the last claim to the first, so that the first is what stays.
        starts = np.array([claim.address for claim in reversed(claims)], dtype=np.int64)
        sizes = np.array([claim.size for claim in reversed(claims)], dtype=np.int64)
        before = np.cumsum(sizes) - sizes
        words = np.arange(int(sizes.sum())) + np.repeat(starts - before, sizes)
        owners[words] = np.repeat(np.arange(len(claims))[::-1], sizes)
        return owners

    def _follow_axons(self, core: int, population: Population) -> None:
        """Which entries of which ports' tables the events of a population reach."""
        start = population.start + population.extensions + bias_words(population)
        words = self.image.cores[core].words[start : start + population.axons]
        _, axons = decoded(Axon, words)
        x, y = self.image.cores[core].x, self.image.cores[core].y
        fields = (axons[name].tolist() for name in ("core_x", "core_y", "port", "c_off"))
        for core_x, core_y, port, c_off in zip(*fields, strict=True):
            target = self.places.get((x + core_x, y + core_y))
            if target is not None:
                self._reach.setdefault((target, port), set()).add((c_off, population.depth))

    def ports(self, core: int) -> Iterator[Claim]:
        """The port words of a core."""
        words = self.image.cores[core].words
        first = min(self.populations[core], default=0)
        for address in range(min(first, PORTS)):
            word = int(words[address])
            population = Port.decode(word).population if _is(Port, word) else None
            yield Claim(Role.PORT, address, 1, population)

    def _block(self, core: int, address: int, population: Population) -> Iterator[Claim]:
        """Extension words, bias words, axons and states of a population."""
        at = population.start
        words = self.image.cores[core].words[at : at + population.extensions].tolist()
        extensions = [Extension.decode(word) for word in words if _is(Extension, word)]
        yield Claim(Role.EXTENSION, at, population.extensions, address)
        for word in extensions:
            if word.kind in (ExtensionKind.PARAMETERS, ExtensionKind.SCALES):
                count = words_for(population.depth, PARAMETER_CODEC.bits)
                note = PARAMETERS_NOTE
                yield Claim(
                    Role.WEIGHTS, word.address, count, address, population.depth, PARAMETER_CODEC, note=note
                )
        at += population.extensions
        codec = population.bias.codec
        yield Claim(Role.BIAS, at, bias_words(population), address, population.depth, codec)
        at += bias_words(population)
        yield Claim(Role.AXON, at, population.axons, address)
        at += population.axons
        model = population.neuron
        if not model.states:
            return
        neurons = population.width * population.height * population.depth
        count = model.state_words(neurons)
        shared = [word.address for word in extensions if word.kind == ExtensionKind.STATES]
        spare = 0 if shared else (count * WORD_BITS - model.state_bits(neurons)) // BYTE_BITS
        yield Claim(Role.STATE, (shared or [at])[0], count, address, neurons, spare_bytes=spare)

    def kernels_of(self, core: int, port: Claim) -> Iterator[Claim]:
        """The entries of a port's table that events reach; of a strided table all, if events reach it."""
        words = self.image.cores[core].words
        if port.population is None:
            return
        word = Port.decode(int(words[port.address]))
        table, reach = word.table, self._reach.get((core, port.address), set())
        if word.strides:
            for at in range(table, table + 2 * word.strides if reach else table, 2):
                yield from self._strided(core, at, port)
            return
        channels = {channel for c_off, depth in reach for channel in range(c_off, c_off + depth)}
        for channel in sorted(channels):
            note = f"port {port.address} channel {channel}"
            yield Claim(Role.KERNEL, (table + channel) % ADDRESSES, 1, port.population, note=note)

    def _strided(self, core: int, at: int, port: Claim) -> Iterator[Claim]:
        """A pair of a strided table: the kernel descriptor, the stride, and its exponents."""
        stride = self._stride(core, at + 1)
        note = f"port {port.address}"
        if stride is not None:
            note += f" channels {stride.begin} to {stride.begin + stride.count - 1}"
        yield Claim(Role.KERNEL, at, 1, port.population, note=note)
        yield Claim(Role.STRIDE, at + 1, 1, port.population, note=note)
        if stride is not None and stride.exponents:
            count = words_for(stride.count, EXPONENTS.bits)
            yield Claim(
                Role.EXPONENTS,
                stride.exponents,
                count,
                port.population,
                stride.count,
                EXPONENTS,
                note=EXPONENTS.name,
            )

    def _stride(self, core: int, address: int) -> Stride | None:
        words = self.image.cores[core].words
        held = address < words.size and _is(Stride, int(words[address]))
        return Stride.decode(int(words[address])) if held else None

    def _weights(self, core: int, kernels: list[Claim]) -> list[Claim]:
        """The weights of kernel descriptors, the longest first where several begin at an address."""
        words = self.image.cores[core].words
        held: dict[int, Claim] = {}
        for kernel in kernels:
            if kernel.role == Role.KERNEL and kernel.address < words.size:
                held.setdefault(kernel.address, kernel)
        strides = {
            claim.address - 1: stride
            for claim in kernels
            if claim.role == Role.STRIDE and (stride := self._stride(core, claim.address)) is not None
        }
        entries = np.array(list(held), dtype=np.int64)
        good, fields = decoded(Kernel, words[entries])
        sound = entries[good].tolist()
        names = "address", "kd", "kw", "kh", "skips", "lists", "code", *FORM
        columns = (fields[name].tolist() for name in names)
        found: dict[tuple[int, int], Claim] = {}
        known = codecs()
        for entry, address, kd, kw, kh, skips, lists, *named in zip(sound, *columns, strict=True):
            if (form := known.get(tuple(named))) is not None:
                items, population = kd * kw * kh, held[entry].population
                if skips:
                    if (present := _present(words[address:], items, lists)) is None:
                        continue
                    layout = Layout.LIST if lists else Layout.BITMAP
                    count = words_for(int(skipped_bits(items, present, form.bits, layout)), 1)
                    note = f"{form.name}, {items - present} zeros skipped{', the others listed' * lists}"
                    claim = Claim(Role.WEIGHTS, address, count, population, items, note=note, layout=layout)
                    found.setdefault((address, -count), claim)
                    continue
                if (run := strides.get(entry)) is not None:
                    items += (run.count - 1) * run.stride * BYTE_BITS // form.bits
                count = words_for(items, form.bits)
                claim = Claim(Role.WEIGHTS, address, count, population, items, form, note=form.name)
                found.setdefault((address, -count), claim)
        return [found[key] for key in sorted(found)]


def _present(words: NDArray[np.uint64], items: int, lists: int) -> int | None:
    """How many of so many weights are named by what stands where words begin, None beyond their end."""
    bits = int(place_bits(items)) if lists else items
    named = words_for(bits, 1)
    if words.size < named:
        return None
    if lists:
        return int(unpack(words, bits, 1)[0]) + 1
    whole, rest = divmod(items, WORD_BITS)
    return int(np.bitwise_count(words[:whole]).sum()) + int(unpack(words[whole:], 1, rest).sum())
