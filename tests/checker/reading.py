"""What an image's bytes say, taken apart by docs/image.md alone. Shares nothing with what writes images."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from backends.by_the_manual import sections
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Words = NDArray[np.uint64]
Fields = Mapping[str, Integers]
Key = tuple[int, int]  # core, address of the descriptor

STATE_BITS = 16
WIDE_BITS = 32
ADDRESSES = 2**15
# Where each field stands: its lowest and highest bit, what is added to it, and whether it is signed.
POPULATION = {
    "width": (0, 7, 1, False),
    "height": (8, 15, 1, False),
    "depth": (16, 25, 1, False),
    "neuron": (26, 29, 0, False),
    "activation": (30, 34, 0, False),
    "axons": (35, 43, 0, False),
    "start": (44, 58, 0, False),
    "bias": (59, 60, 0, False),
    "extensions": (61, 63, 0, False),
}
PORT = {
    "population": (0, 14, 0, False),
    "table": (15, 29, 0, False),
    "update": (30, 32, 0, False),
    "strides": (33, 42, 0, False),
    "reserved": (43, 63, 0, False),
}
EXTENSION = {
    "kind": (0, 3, 0, False),
    "address": (4, 18, 0, False),
    "reserved": (19, 31, 0, False),
}
AXON = {
    "x_off": (0, 8, 0, True),
    "y_off": (9, 17, 0, True),
    "c_off": (18, 27, 0, False),
    "width": (28, 33, 1, False),
    "height": (34, 39, 1, False),
    "kw": (40, 43, 1, False),
    "kh": (44, 47, 1, False),
    "us": (48, 50, 0, False),
    "core_x": (51, 54, 0, True),
    "core_y": (55, 58, 0, True),
    "port": (59, 63, 0, False),
}
KERNEL = {
    "kd": (0, 9, 1, False),
    "kw": (10, 13, 1, False),
    "kh": (14, 17, 1, False),
    "sl": (18, 18, 0, False),
    "first": (19, 28, 0, False),
    "code": (29, 31, 0, False),
    "lists": (32, 32, 0, False),
    "exponent": (33, 40, 0, True),
    "address": (41, 55, 0, False),
    "number_bits": (56, 59, 0, False),
    "exponent_bits": (60, 61, 0, False),
    "subnormals": (62, 62, 0, False),
    "skips": (63, 63, 0, False),
}
STRIDE = {
    "stride": (0, 17, 0, False),
    "step": (18, 26, 0, False),
    "begin": (27, 37, 0, False),
    "count": (38, 48, 1, False),
    "exponents": (49, 63, 0, False),
}
STEP = {
    "order": (0, 1, 0, False),
    "core": (2, 17, 0, False),
    "population": (18, 32, 0, False),
    "once": (33, 33, 0, False),
    "every": (34, 48, 0, False),
    "phase": (49, 63, 0, False),
}
# By neuron type: how many states, of which the first are of 32 bits; and who keeps them from frame to frame.
STATES_OF = {0: 1, 1: 0, 2: 1, 3: 1, 4: 1, 5: 2, 6: 2, 7: 1, 8: 3, 9: 2, 10: 1}
WIDE = {6: 1, 7: 1, 8: 2, 9: 2, 10: 1}
LASTING = {2, 3, 4, 5, 6, 8, 9, 10}
BIAS_BYTES = {0: 0, 1: 2, 2: 4}
WEIGHT_BITS = {0: 0, 1: 32, 2: 16, 3: 8, 4: 0, 5: 0, 6: 1}  # with what `number_bits` says more
STATES, FIRING, INITIAL, SCALE, PARAMETER, PARAMETERS, CHANGES, SCALES, FUNCTION = range(1, 10)


class Fault(NamedTuple):
    """A limit that an image does not obey: which rule, and where."""

    rule: str
    where: str


class Unreadable(Exception):
    """A fault behind which nothing more can be read."""

    def __init__(self, rule: str, where: str) -> None:
        super().__init__(rule, where)
        self.fault = Fault(rule, where)


def decoded(words: Words, layout: Mapping[str, tuple[int, int, int, bool]]) -> dict[str, Integers]:
    """The fields of many words of a kind."""
    found = {}
    for name, (low, high, more, signed) in layout.items():
        size = 2 ** (high - low + 1)
        raw = ((words >> np.uint64(low)) % np.uint64(size)).astype(np.int64)
        found[name] = np.where(raw >= size // 2, raw - size, raw) if signed else raw + more
    return found


def words_of(count: int, bits: int) -> int:
    """How many words hold numbers of so many bits, side by side."""
    return -(-count * bits // 64)


@dataclass(frozen=True, slots=True, eq=False)
class Core:
    """A core's place and its memory."""

    index: int
    x: int
    y: int
    words: Words

    def read(self, address: int, count: int, what: str) -> Words:
        """So many words from an address on. Raises Unreadable."""
        if address + count > self.words.size:
            raise Unreadable("pointer", f"core {self.index}: {what} at {address}..{address + count - 1}")
        return self.words[address : address + count]


class Population:
    """A descriptor and its block. All addresses are words of its core."""

    def __init__(self, core: Core, address: int) -> None:
        self.core, self.address = core, address
        fields = decoded(core.read(address, 1, "a descriptor"), POPULATION)
        self.fields = {name: int(values[0]) for name, values in fields.items()}
        self.width, self.height, self.depth = (self.fields[name] for name in ("width", "height", "depth"))
        self.is_input = self.fields["neuron"] == 1
        self.start = self.fields["start"]
        self.extensions = decoded(core.read(self.start, self.fields["extensions"], "extensions"), EXTENSION)
        self.bias_at = self.start + self.fields["extensions"]
        self.bias_words = words_of(self.depth, 8 * BIAS_BYTES.get(self.fields["bias"], 0))
        self.axons_at = self.bias_at + self.bias_words
        self.axons = decoded(core.read(self.axons_at, self.fields["axons"], "axons"), AXON)
        self.lasts = self.fields["neuron"] in LASTING
        bits = [STATE_BITS] * STATES_OF.get(self.fields["neuron"], 1)
        wide = WIDE.get(self.fields["neuron"], 0)
        bits[:wide] = [WIDE_BITS] * wide
        self.state_bits = bits[-1] if bits else 0  # of the last one, behind which a word may have space
        self.state_words = sum(words_of(self.neurons, each) for each in bits)
        elsewhere = self.said(STATES)
        self.shares = bool(elsewhere)
        self.states_at = elsewhere[0] if elsewhere else self.axons_at + self.fields["axons"]
        core.read(self.states_at, self.state_words, "states")

    def __str__(self) -> str:
        return f"core {self.core.index}, population {self.address}"

    @property
    def key(self) -> Key:
        """Core and address."""
        return self.core.index, self.address

    @property
    def neurons(self) -> int:
        """D * H * W."""
        return self.width * self.height * self.depth

    def said(self, kind: int) -> list[int]:
        """The addresses in the extension words of a kind."""
        return [int(at) for at in self.extensions["address"][self.extensions["kind"] == kind]]


class Picture:
    """An image's bytes as cores, populations, steps and what they are said to be. Raises Unreadable."""

    def __init__(self, data: bytes) -> None:
        payloads = list(sections(data))
        self.target, self.info, self.tensors = (
            json.loads(next(payload for kind, payload in payloads if kind == name))
            for name in (b"TARG", b"INFO", b"TENS")
        )
        order = next(payload for kind, payload in payloads if kind == b"ORDR")
        self.steps = decoded(np.frombuffer(order, dtype="<u8"), STEP)
        self.cores: list[Core] = []
        for payload in (payload for kind, payload in payloads if kind == b"CORE"):
            x, y, size = struct.unpack_from("<HHI", payload)
            words = np.frombuffer(payload, dtype="<u8", count=size, offset=8)
            self.cores.append(Core(len(self.cores), x, y, words))
        self.places = {(core.x, core.y): core for core in self.cores}
        self.order: list[tuple[int, Key]] = (
            list(  # 2: a RESET before the first frame alone, 3: in some frames
                zip(
                    (self.steps["order"] + 2 * self.steps["once"] + 3 * (self.steps["every"] > 0)).tolist(),
                    zip(self.steps["core"].tolist(), self.steps["population"].tolist(), strict=True),
                    strict=True,
                )
            )
        )
        for _, (index, address) in self.order:
            if index >= len(self.cores):
                raise Unreadable("order", f"a step names core {index}, population {address}")
        keys = sorted({key for _, key in self.order})
        self.populations = {key: Population(self.cores[key[0]], key[1]) for key in keys}

    def limit(self, name: str) -> Any:
        """A number of the target."""
        return self.target[name]

    @cached_property
    def ports(self) -> list[Fields]:
        """The port words of every core: those before its first descriptor."""
        first: dict[int, int] = {}
        for core, address in self.populations:
            first[core] = min(first.get(core, address), address)
        return [decoded(core.read(0, first.get(core.index, 0), "ports"), PORT) for core in self.cores]


@dataclass(frozen=True, slots=True, eq=False)
class Wire:
    """An axon, the port it leads to, and the kernels that its events select, by channel: the addresses of
    their descriptors, and their fields. `pairs`: where the pairs of a strided table begin, all of them.
    """

    source: Population
    axon: dict[str, int]
    target: Population
    port: int
    entries: Integers
    kernels: Fields
    pairs: Integers


def wires(picture: Picture, source: Population) -> list[Wire]:
    """All axons of a population, followed. Raises Unreadable where one leads nowhere."""
    found = []
    for i in range(source.fields["axons"]):
        axon = {name: int(values[i]) for name, values in source.axons.items()}
        where = f"{source}, axon {i}"
        place = source.core.x + axon["core_x"], source.core.y + axon["core_y"]
        if place not in picture.places:
            raise Unreadable("reach", f"{where}: no core at {place}")
        core = picture.places[place]
        ports = picture.ports[core.index]
        if axon["port"] >= ports["table"].size:
            raise Unreadable("reach", f"{where}: core {core.index} has no port {axon['port']}")
        to = core.index, int(ports["population"][axon["port"]])
        if to not in picture.populations:
            raise Unreadable("reach", f"{where}: no population {to}")
        table, strides = (int(ports[name][axon["port"]]) for name in ("table", "strides"))
        channels = axon["c_off"] + np.arange(source.depth, dtype=np.int64)
        pairs = table + 2 * np.arange(strides, dtype=np.int64)
        if strides:
            core.read(table, 2 * strides, f"{where}: a strided table")
            entries, kernels = _strided(core, pairs, channels)
        else:
            entries = (table + channels) % ADDRESSES
            if entries.max() >= core.words.size:
                raise Unreadable("pointer", f"{where}: a table ends at {entries.max()}")
            kernels = decoded(core.words[entries], KERNEL)
        found.append(Wire(source, axon, picture.populations[to], axon["port"], entries, kernels, pairs))
    return found


def _strided(core: Core, pairs: Integers, channels: Integers) -> tuple[Integers, Fields]:
    """What a strided table says of channels: of each the kernel of the first pair that has it, or none."""
    heads, runs = decoded(core.words[pairs], KERNEL), decoded(core.words[pairs + 1], STRIDE)
    entries = np.full(channels.size, pairs[0])
    kernels = {name: np.zeros(channels.size, dtype=np.int64) for name in KERNEL}
    for pair in reversed(range(pairs.size)):
        index = channels - runs["begin"][pair]
        inside = (index >= 0) & (index < runs["count"][pair])
        entries[inside] = pairs[pair]
        for name, values in heads.items():
            kernels[name][inside] = values[pair]
        kernels["first"][inside] += index[inside] * runs["step"][pair]
    return entries, kernels
