"""A simulator written from docs/image.md alone: slow, and nothing of ours but numpy's numbers."""

import json
import math
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

f32, f16 = np.float32, np.float16
Neuron = tuple[int, int, int]

COUNTERS = "firing", "events", "hops", "empty_events", "synaptic_operations"

ACTIVATIONS: dict[int, Callable[..., Any]] = {
    0: lambda s: s,
    1: lambda s: np.maximum(s, f32(0)),
    2: lambda s, low, high: np.minimum(np.maximum(s, low), high),
    3: lambda s, slope: s if s >= 0 else f32(slope * s),
    4: lambda s: f32(1) / (f32(1) + np.exp(-s)),
    5: np.tanh,
    6: lambda s, alpha, beta: np.maximum(f32(0), np.minimum(f32(1), f32(f32(alpha * s) + beta))),
    7: lambda s, alpha: s if s >= 0 else f32(alpha * np.expm1(s)),
    8: lambda s, alpha, gamma: f32(gamma * s) if s >= 0 else f32(gamma * f32(alpha * np.expm1(s))),
    9: lambda s, alpha: s if s >= 0 else f32(alpha * np.expm1(f32(s / alpha))),
    10: lambda s: f32(s / (f32(1) + np.exp(-s))),
    11: lambda s, alpha, beta: s * np.maximum(f32(0), np.minimum(f32(1), f32(f32(alpha * s) + beta))),
    12: lambda s: np.maximum(s, f32(0)) + np.log1p(np.exp(-abs(s))),
    13: lambda s: f32(s / (f32(1) + abs(s))),
    14: lambda s, alpha: s if s > alpha else f32(0),
    15: abs,
    16: np.exp,
    17: np.log,
    18: np.sqrt,
    19: lambda s: f32(1) / s,
    20: np.power,
    21: lambda s: f32(math.erf(s)),
    22: lambda s: f32(f32(s * f32(math.erfc(f32(-s / f32(math.sqrt(2)))))) / f32(2)),
    23: lambda s, slope, cubic: s / (f32(1) + np.exp(-s * (slope + cubic * s * s))),
    24: lambda s: s * np.tanh(np.maximum(s, f32(0)) + np.log1p(np.exp(-abs(s)))),
    25: lambda s, limit, bias: s + bias if s < -limit else s - bias if s > limit else f32(0),
    26: lambda s, phase: np.sin(s + phase),
    27: np.sign,
    28: np.floor,
    29: np.ceil,
    30: np.rint,
    31: lambda s, factor, step, low, high: np.minimum(
        np.maximum(np.rint(f32(f32(factor * s) / step)), low), high
    ),
    32: np.arccos,
    33: np.arccosh,
    34: np.arcsin,
    35: np.arcsinh,
    36: np.arctan,
    37: np.arctanh,
    38: np.cosh,
    39: np.sinh,
    40: np.tan,
}


def lif(states: list[Any], own: list[Any], f: Callable[[Any], Any], first: Any) -> tuple[Any, list[Any]]:
    (voltage,), (decay, threshold, keep, reset) = states, own
    spike = f32(voltage > threshold)
    after = keep * voltage + reset if spike else voltage
    return f(spike), [decay * after + first]


def counting(states: list[Any], own: list[Any], f: Callable[[Any], Any], first: Any) -> tuple[Any, list[Any]]:
    (voltage,), (decay, threshold) = states, own
    spikes = np.maximum(np.floor(voltage / threshold), f32(0))
    return f(spikes), [decay * (voltage - spikes * threshold) + first]


def li(states: list[Any], own: list[Any], f: Callable[[Any], Any], first: Any) -> tuple[Any, list[Any]]:
    (voltage,), (decay, gain) = states, own
    return f(gain * voltage), [decay * voltage + first]


def cuba_lif(states: list[Any], own: list[Any], f: Callable[[Any], Any], first: Any) -> tuple[Any, list[Any]]:
    (current, voltage), (current_decay, decay, leak, threshold, keep, reset) = states, own
    v = (decay * voltage + leak) + current
    spike = f32(v > threshold)
    return f(spike), [current_decay * current + first, keep * v + reset if spike else v]


def sigma_delta(
    states: list[Any], own: list[Any], f: Callable[[Any], Any], first: Any
) -> tuple[Any, list[Any]]:
    (accumulator, sent), (threshold,) = states, own
    change = f(accumulator) - sent
    value = change if abs(change) > threshold + abs(sent) * f32(2**-22) else f32(0)
    return value, [accumulator, sent + value]


def loihi_cuba(
    states: list[Any], own: list[Any], f: Callable[[Any], Any], first: Any
) -> tuple[Any, list[Any]]:
    (current, voltage, wait), (current_decay, decay, drive, threshold, delay) = (
        list(map(int, numbers)) for numbers in (states, own)
    )
    u = current - 2**24 if current > 2**23 else current
    u = u + 2**24 if u <= -(2**23) else u
    waits = wait > 1
    begin = 0 if wait > 0 else voltage
    v = int(begin * (4096 - decay) / 4096) + u + drive
    v = min(max(v, 1 - 2**23), 2**23 - 1)
    spike = v > threshold and not waits
    wait = wait - 1 if waits else delay if spike else 0
    voltage = 128 * wait if waits or spike else v
    return f(float(spike)), [int(u * (4096 - current_decay) / 4096), voltage, wait]


def loihi_sigma_delta(
    states: list[Any], own: list[Any], f: Callable[[Any], Any], first: Any
) -> tuple[Any, list[Any]]:
    (accumulator, sent), (threshold,) = map(int, states), map(int, own)
    change = int(f(accumulator)) - sent
    part = change if abs(change) >= threshold else 0
    return part // 64, [accumulator, sent + part]


# By neuron type: how many states, how many parameters of its own, and its rule.
NEURONS: dict[int, tuple[int, int, Callable[..., Any]]] = {
    0: (1, 0, lambda states, own, f, first: (f(states[0]), states)),
    1: (0, 0, lambda states, own, f, first: (0, states)),
    2: (1, 4, lif),
    3: (1, 2, counting),
    4: (1, 2, li),
    5: (2, 6, cuba_lif),
    6: (2, 1, sigma_delta),
    7: (1, 0, lambda states, own, f, first: (f(states[0]), states)),
    8: (3, 5, loihi_cuba),
    9: (2, 1, loihi_sigma_delta),
    10: (1, 0, lambda states, own, f, first: (f(states[0]), states)),
}
WIDTHS = {6: (32, 16), 7: (32,), 8: (32, 32, 16), 9: (32, 32), 10: (32,)}  # of states, where not 16 each
EXACT = (8, 9, 10)  # the neuron types that compute with whole numbers
SINGLE = (6,)  # those whose wide state is a float32
WEIGHT_BITS = {1: 32, 2: 16, 3: 8, 6: 1}  # of other codes, the kernel descriptor says how many
BIASES = {1: ("<f2", 2), 2: ("<f4", 4)}


def bits(word: int, low: int, high: int) -> int:
    return word >> low & (1 << high - low + 1) - 1


def signed(word: int, low: int, high: int) -> int:
    raw = bits(word, low, high)
    return raw - (1 << high - low + 1) if raw >> high - low else raw


def single(word: int) -> np.float32:
    return f32(struct.unpack("<f", struct.pack("<I", word >> 32))[0])


def weight(code: int, raw: int, n: int, e: int, subnormals: int) -> float:
    """The number that the bits of a weight stand for."""
    if code in (1, 2):
        letters = {1: "<If", 2: "<He"}[code]
        return float(struct.unpack(letters[::2], struct.pack(letters[:2], raw))[0])
    if code in (3, 4):
        return raw - 2**n if raw >= 2 ** (n - 1) else raw
    if code == 6:
        return -1 if raw else 1
    assert code == 5
    m = n - 1 - e
    sign, exponent, fraction = raw >> n - 1, bits(raw, m, n - 2), bits(raw, 0, m - 1) if m else 0
    size = float(2.0**exponent) * (1 + fraction / 2**m)
    if subnormals and exponent == 0:
        size = 2 * fraction / 2**m
    elif exponent == fraction == 0:
        size = 0.0
    return float(-size if sign else size)


def sections(data: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and payload of each section of a file."""
    magic, version, count = struct.unpack_from("<8sII", data)
    assert (magic, version) == (b"SNCIMAGE", 3)
    rows = [struct.unpack_from("<4sIQQII", data, 16 + 32 * i) for i in range(count)]
    return [(kind, data[start : start + length]) for kind, _, start, length, _, _ in rows]


@dataclass
class Core:
    x: int
    y: int
    words: tuple[int, ...]
    index: int
    states: dict[Any, Any] = field(default_factory=dict)  # by their place, counted in 16 bits

    def numbers(self, address: int, dtype: str, size: int, count: int) -> NDArray[Any]:
        return np.frombuffer(self.bytes_from(8 * address, count * size), dtype=dtype)

    def bytes_from(self, place: int, count: int) -> bytes:
        words = self.words[place // 8 : -(-(place + count) // 8)]
        return struct.pack(f"<{len(words)}Q", *words)[place % 8 :][:count]


@dataclass
class Population:
    """A descriptor, its block, and what changes while frames run."""

    core: Core
    address: int
    value: dict[Neuron, Any] = field(default_factory=dict)
    shown: dict[Neuron, Any] = field(default_factory=dict)  # to outputs

    def __post_init__(self) -> None:
        word = self.core.words[self.address]
        self.width, self.height = bits(word, 0, 7) + 1, bits(word, 8, 15) + 1
        self.depth = bits(word, 16, 25) + 1
        neuron = bits(word, 26, 29)
        self.is_input, self.sends_changes = neuron == 1, neuron == 6
        self.changes: Any = None
        self.states, self.own, self.rule = NEURONS.get(neuron, NEURONS[0])
        self.widths = WIDTHS.get(neuron, (16,) * self.states)
        self.is_wide, self.is_exact = self.widths[:1] == (32,), neuron in EXACT
        self.is_single = neuron in SINGLE
        self.activation = ACTIVATIONS[bits(word, 30, 34)]
        at = bits(word, 44, 58)
        self.on_zero, self.initial, self.scale = False, f32(0), f32(1)
        self.scales: Any = None  # one for each channel
        states: int | None = None
        self.parameters: list[Any] = []  # one number, or one for each channel
        for extension in self.core.words[at : at + bits(word, 61, 63)]:
            kind = bits(extension, 0, 3)
            if kind == 1:
                states = bits(extension, 4, 18)
            elif kind == 2:
                self.on_zero = bits(extension, 4, 18) == 1
            elif kind == 3:
                self.initial = single(extension)
            elif kind == 4:
                self.scale = single(extension)
            elif kind == 7:
                self.changes = single(extension)
            elif kind == 8:
                self.scales = self.core.numbers(bits(extension, 4, 18), "<f4", 4, self.depth)
            elif kind == 9:
                self.activation = ACTIVATIONS[bits(extension, 4, 18)]
            elif kind == 5:
                self.parameters.append([single(extension)] * self.depth)
            elif kind == 6:
                self.parameters.append(self.core.numbers(bits(extension, 4, 18), "<f4", 4, self.depth))
        at += bits(word, 61, 63)
        self.biases = np.full(self.depth, self.initial, dtype=f32)
        if bits(word, 59, 60):
            dtype, size = BIASES[bits(word, 59, 60)]
            self.biases = self.core.numbers(at, dtype, size, self.depth).astype(f32)
            at -= -self.depth * size // 8
        self.axons = self.core.words[at : at + bits(word, 35, 43)]
        self.states_at = 4 * (at + len(self.axons) if states is None else states)

    @property
    def key(self) -> tuple[int, int]:
        return self.core.index, self.address

    def slot(self, neuron: Neuron, state: int = 0) -> int:
        """Where a state of a neuron lies, the first unless another is asked for."""
        c, y, x = neuron
        count = self.depth * self.height * self.width
        before = sum(-(-count * width // 64) for width in self.widths[:state])
        return (
            self.states_at + 4 * before + ((y * self.width + x) * self.depth + c) * self.widths[state] // 16
        )

    def sent(self, neuron: Neuron) -> Any:
        """Where the host of an input that sends changes keeps what a neuron has sent."""
        return self.address, neuron

    def neurons(self) -> list[Neuron]:
        return [(c, y, x) for c in range(self.depth) for y in range(self.height) for x in range(self.width)]


class Chip:
    """An image, ready to run. Counters add up over frames."""

    def __init__(self, data: bytes, arithmetic: str = "float32") -> None:
        self.rounded: Any = f16 if arithmetic == "chip" else f32
        payloads = sections(data)
        self.tensors = json.loads(next(payload for kind, payload in payloads if kind == b"TENS"))
        order = next(payload for kind, payload in payloads if kind == b"ORDR")
        self.steps = struct.unpack(f"<{len(order) // 8}Q", order)
        cores = [payload for kind, payload in payloads if kind == b"CORE"]
        heads = [struct.unpack_from("<HHI", core) for core in cores]
        self.cores = [
            Core(x, y, struct.unpack_from(f"<{size}Q", core, 8), index)
            for index, (core, (x, y, size)) in enumerate(zip(cores, heads, strict=True))
        ]
        self.places = {(core.x, core.y): index for index, core in enumerate(self.cores)}
        self.begun, self.frame = False, 0
        self.populations: dict[tuple[int, int], Population] = {}
        self.counts = {name: Counter[tuple[int, int]]() for name in COUNTERS}  # by core and population
        self.events: list[tuple[Any, ...]] = []  # source, neuron, value, core, port, x_min, y_min, channel

    def counted(self, name: str) -> int:
        """A counter of the whole chip."""
        return sum(self.counts[name].values())

    def population(self, core: int, address: int) -> Population:
        if (core, address) not in self.populations:
            self.populations[core, address] = Population(self.cores[core], address)
        return self.populations[core, address]

    def run(self, inputs: dict[str, NDArray[Any]], kind: str = "output") -> dict[str, NDArray[Any]]:
        """One frame: the tensors of a kind."""
        fed: dict[tuple[int, int, Neuron], Any] = {}
        for tensor in self.tensors:
            if tensor["kind"] == "input":
                flat = inputs[tensor["name"]].reshape(-1)
                fed |= {neuron: flat[element] for neuron, element in self.named(tensor)}
        with np.errstate(all="ignore"):  # infinities run their course
            for word in self.steps:
                if bits(word, 33, 33) and self.begun:
                    continue
                every = bits(word, 34, 48)
                if every and self.frame % every != bits(word, 49, 63):
                    continue
                core, address = bits(word, 2, 17), bits(word, 18, 32)
                population = self.population(core, address)
                if bits(word, 0, 1) == 0:
                    for neuron in population.neurons():
                        for state in range(1, population.states):
                            population.core.states[population.slot(neuron, state)] = f32(0)
                        population.core.states[population.slot(neuron)] = self.first(population, neuron)
                else:
                    self.fire(population, core, fed)
        self.begun, self.frame = True, self.frame + 1
        return self.tensors_of(kind)

    def tensors_of(self, kind: str) -> dict[str, NDArray[Any]]:
        """The tensors of a kind, after a frame."""
        found = {}
        for tensor in self.tensors:
            if tensor["kind"] == kind:
                flat = np.zeros(math.prod(tensor["shape"]), dtype=f32)
                for (core, address, neuron), element in self.named(tensor):
                    flat[element] = self.population(core, address).shown[neuron]
                found[tensor["name"]] = flat.reshape(tensor["shape"]).astype(tensor["dtype"])
        return found

    def named(self, tensor: dict[str, Any]) -> list[tuple[tuple[int, int, Neuron], int]]:
        """The neurons that a tensor names, and their elements."""
        return [
            ((core, address, (c0 + c, y0 + y, x0 + x)), base + c * step_c + y * step_y + x * step_x)
            for core, address, c0, y0, x0, depth, height, width, base, step_c, step_y, step_x in tensor[
                "pieces"
            ]
            for c in range(depth)
            for y in range(height)
            for x in range(width)
        ]

    def fire(self, p: Population, core: int, fed: dict[tuple[int, int, Neuron], Any]) -> None:
        for neuron in p.neurons():
            value = f32(fed.get((core, p.address, neuron), 0)) if p.is_input else self.value(p, neuron)
            p.value[neuron] = p.shown[neuron] = f32(self.rounded(value))
            if p.changes is not None:
                sent = p.core.states.get(p.sent(neuron), f32(0)) if self.begun else f32(0)
                change = f32(self.rounded(p.value[neuron] - sent))
                least = p.changes + abs(sent) * f32(2**-22)
                p.value[neuron] = change if abs(change) > least else f32(0)
                p.shown[neuron] = f32(self.rounded(sent + p.value[neuron]))
                p.core.states[p.sent(neuron)] = p.shown[neuron]
            elif p.sends_changes:
                p.shown[neuron] = f32(self.rounded(self.computed(p, neuron)))
        for neuron in p.neurons():
            if p.value[neuron] != 0 or p.on_zero:
                self.counts["firing"][p.key] += 1
                for axon in p.axons:
                    self.peg(p, axon, *neuron, p.value[neuron])

    def first(self, p: Population, neuron: Neuron) -> np.float32:
        """What the first state of a neuron begins at."""
        bias = p.biases[neuron[0]]
        return f32(bias if p.is_wide else self.rounded(bias))

    def computed(self, p: Population, neuron: Neuron) -> Any:
        """What a neuron that sends changes would send if it sent values."""
        others = [f32(numbers[neuron[0]]) for numbers in p.parameters[p.own :]]
        return p.activation(f32(p.scale * f32(p.core.states[p.slot(neuron)])), *others)

    def value(self, p: Population, neuron: Neuron) -> Any:
        """A neuron's value; its states go on."""
        parameters = [f32(numbers[neuron[0]]) for numbers in p.parameters]
        own, others = parameters[: p.own], parameters[p.own :]
        slots = [p.slot(neuron, state) for state in range(p.states)]
        held = [p.core.states[slot] if p.is_exact else f32(p.core.states[slot]) for slot in slots]
        scale = p.scale if p.scales is None else p.scales[neuron[0]]
        number: Any = np.float64 if p.is_exact else f32

        def activated(s: Any) -> Any:
            found = p.activation(number(scale * s), *others)
            return f32(self.rounded(found)) if p.sends_changes else found

        value, after = p.rule(held, own, activated, self.first(p, neuron))
        for slot, width, before, new in zip(slots, p.widths, held, after, strict=True):
            if new is not before:
                p.core.states[slot] = number(new if width == 32 else self.rounded(new))
        return value

    def peg(self, source: Population, axon: int, c: int, y: int, x: int, v: np.float32) -> None:
        us = bits(axon, 48, 50)
        x_min, y_min = (x << us) + signed(axon, 0, 8), (y << us) + signed(axon, 9, 17)
        x_max, y_max = x_min + bits(axon, 40, 43) + 1, y_min + bits(axon, 44, 47) + 1
        width, height = 8 * (bits(axon, 28, 33) + 1), 8 * (bits(axon, 34, 39) + 1)
        if x_min < width and x_max > 0 and y_min < height and y_max > 0:
            dx, dy = signed(axon, 51, 54), signed(axon, 55, 58)
            self.counts["events"][source.key] += 1
            self.counts["hops"][source.key] += abs(dx) + abs(dy)
            target = self.places[source.core.x + dx, source.core.y + dy]
            wire = target, bits(axon, 59, 63), x_min, y_min, c + bits(axon, 18, 27)
            self.events.append((source.key, (c, y, x), v, *wire))
            self.esu(*wire, v)

    def esu(self, core: int, port: int, x_min: int, y_min: int, c: int, v: np.float32) -> None:
        words = self.cores[core].words
        target = self.population(core, bits(words[port], 0, 14))
        kernel, first, place, exponent = self.kernel(self.cores[core], words[port], c)
        code, sl = bits(kernel, 29, 31), bits(kernel, 18, 18)
        kd, kw, kh = bits(kernel, 0, 9) + 1, bits(kernel, 10, 13) + 1, bits(kernel, 14, 17) + 1
        taps = [(dx, dy, x_min + dx, y_min + dy) for dx in range(kw) for dy in range(kh)]
        taps = [
            (dx, dy, x >> sl, y >> sl)
            for dx, dy, x, y in taps
            if 0 <= x < target.width << sl and 0 <= y < target.height << sl and x % 2**sl == y % 2**sl == 0
        ]
        if code == 0 or not taps:
            self.counts["empty_events"][target.key] += 1
            return
        form = bits(kernel, 56, 59), bits(kernel, 60, 61), bits(kernel, 62, 62)
        n = WEIGHT_BITS.get(code) or form[0]
        count, rank, begin = kd * kw * kh, None, 0
        size = n * count
        if bits(kernel, 63, 63):
            each = max(1, (count - 1).bit_length())
            before = count if not bits(kernel, 32, 32) else each
            named = int.from_bytes(self.cores[core].bytes_from(place, -(-before // 8)), "little")
            if bits(kernel, 32, 32):
                length = (named & 2**each - 1) + 1
                before = each * (length + 1)
                named = int.from_bytes(self.cores[core].bytes_from(place, -(-before // 8)), "little")
                stored = [named >> each * (1 + at) & 2**each - 1 for at in range(length)]
            else:
                stored = [number for number in range(count) if named >> number & 1]
            rank, begin = {number: at for at, number in enumerate(stored)}, before
            size = before + n * len(stored)
        held = int.from_bytes(self.cores[core].bytes_from(place, -(-size // 8)), "little") >> begin
        for dx, dy, x, y in taps:
            for i in range(kd):
                number = (dx * kh + dy) * kd + i
                if rank is not None and number not in rank:
                    continue
                at = number if rank is None else rank[number]
                raw = held >> n * at & 2**n - 1
                held_number = weight(code, raw, n, *form[1:])
                self.update(target, (first + i, y, x), held_number, exponent, bits(words[port], 30, 32), v)

    def kernel(self, core: Core, port: int, c: int) -> tuple[int, int, int, int]:
        """The word of a channel's kernel, its first channel, the byte of its weights, and its exponent."""
        table, strides = bits(port, 15, 29), bits(port, 33, 42)
        if strides == 0:
            kernel = core.words[(table + c) % 2**15]
            return kernel, bits(kernel, 19, 28), 8 * bits(kernel, 41, 55), signed(kernel, 33, 40)
        for at in range(table, table + 2 * strides, 2):
            kernel, stride = core.words[at], core.words[at + 1]
            i = c - bits(stride, 27, 37)
            if 0 <= i < bits(stride, 38, 48) + 1:
                first = bits(kernel, 19, 28) + i * bits(stride, 18, 26)
                place = 8 * bits(kernel, 41, 55) + i * bits(stride, 0, 17)
                exponents, exponent = bits(stride, 49, 63), signed(kernel, 33, 40)
                if exponents:
                    exponent = struct.unpack("b", core.bytes_from(8 * exponents + i, 1))[0]
                return kernel, first, place, exponent
        return 0, 0, 0, 0

    def update(
        self, p: Population, neuron: Neuron, number: Any, exponent: int, how: int, v: np.float32
    ) -> None:
        if how and number == 0:
            return
        self.counts["synaptic_operations"][p.key] += 1
        # float64 holds the product of a float32 and a float16, and any sum that lies near a tie of float16.
        state, weight = np.float64(p.core.states[p.slot(neuron)]), f32(math.ldexp(float(number), exponent))
        halves, singles = self.rounded is f16 and not p.is_wide, self.rounded is f16 and p.is_single
        product = np.float64(weight) * v if halves else np.float64(weight * v)
        larger, smaller = (product if further else state for further in (product > state, product < state))
        new = (state + product, state * product, larger, smaller)[how]
        p.core.states[p.slot(neuron)] = f32(f16(new)) if halves else f32(new) if singles else new
