"""Learning, written from docs/image.md alone, beside the simulator that is."""

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .by_the_manual import WEIGHT_BITS, Chip, Core, Neuron, Population, bits, f32, sections, signed

Source = tuple[Population, Neuron]


@dataclass
class Rule:
    growth: np.float32
    maximum: int
    window: int
    shift: int
    rounding: int
    noise: int
    settled: np.float32
    pairs: list[tuple[Population, Population]]
    at: int  # of its Course word in the section


class LearningChip(Chip):
    """An image that learns. `words` and `learning` are what it would be written back with."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        payload = next(payload for kind, payload in sections(data) if kind == b"LERN")
        self.learning = list(struct.unpack(f"<{len(payload) // 8}Q", payload))
        self.rules: list[Rule] = []
        at = 0
        while at < len(self.learning):
            rule, course = self.learning[at : at + 2]
            count = bits(rule, 54, 63) + 1
            pairs = [
                (
                    self.population(bits(word, 0, 15), bits(word, 16, 30)),
                    self.population(bits(word, 31, 46), bits(word, 47, 61)),
                )
                for word in self.learning[at + 2 : at + 2 + count]
            ]
            maximum, window = bits(rule, 32, 39), bits(rule, 40, 47)
            shift, rounding = bits(rule, 48, 51), bits(rule, 52, 53)
            growth = f32(struct.unpack("<f", struct.pack("<I", bits(rule, 0, 31)))[0])
            settled = f32(struct.unpack("<f", struct.pack("<I", bits(course, 32, 63)))[0])
            noise = bits(course, 0, 30)
            self.rules.append(Rule(growth, maximum, window, shift, rounding, noise, settled, pairs, at + 1))
            at += 2 + count
        self.voltages: dict[tuple[tuple[int, int], Neuron], np.float32] = {}
        self.fired: dict[tuple[tuple[int, int], Neuron], int] = {}  # the frame in which a source last did
        self.learnt = dict.fromkeys(("updates", "weight_reads", "weight_writes"), 0)

    def restart(self) -> None:
        self.begun, self.frame = False, 0
        self.fired = {}

    def value(self, p: Population, neuron: Neuron) -> Any:
        if p.states:
            self.voltages[p.key, neuron] = f32(p.core.states[p.slot(neuron)])
        return super().value(p, neuron)

    def run(self, inputs: dict[str, NDArray[Any]], kind: str = "output") -> dict[str, NDArray[Any]]:
        found = super().run(inputs, kind)
        now = self.frame - 1
        for p in self.populations.values():
            self.fired |= {(p.key, neuron): now for neuron, value in p.value.items() if value != 0}
        for rule in self.rules:
            self.learn(rule, now)
        return found

    def learn(self, rule: Rule, now: int) -> None:
        winner, most = None, np.float64(0)
        for p in dict.fromkeys(id(target) for _, target in rule.pairs):
            target = next(each for _, each in rule.pairs if id(each) == p)
            for neuron in target.neurons():
                threshold = f32(target.parameters[1][neuron[0]])
                beyond = np.float64(self.voltages[target.key, neuron]) - np.float64(threshold)
                if beyond > most:
                    winner, most = (target, neuron), beyond
        if winner is None:
            return
        target, (channel, _, _) = winner
        threshold = f32(target.parameters[1][channel])
        shift = rule.shift + int(threshold >= rule.settled)
        for source in {id(p): p for p, _ in rule.pairs}.values():
            for neuron in source.neurons():
                for core, place, n, exponent in self.synapses(source, neuron, target, channel):
                    last = self.fired.get((source.key, neuron))
                    drawn = last is not None and now - last <= rule.window
                    self.move(rule, core, place, n, exponent, shift, drawn)
        self.learnt["updates"] += 1
        raised = f32(threshold + rule.growth)
        numbers = np.array(target.parameters[1], dtype=f32)
        numbers[channel] = raised
        target.parameters[1] = numbers
        (raw,) = struct.unpack("<I", struct.pack("<f", raised))
        self.write(target.core, 64 * self.list_at(target) + 32 * channel, 32, raw)
        self.learning[rule.at] = self.learning[rule.at] >> 32 << 32 | rule.noise

    def list_at(self, p: Population) -> int:
        """The address of the thresholds: the second parameter of neuron type LIF."""
        word = p.core.words[p.address]
        at = bits(word, 44, 58)
        lists = [e for e in p.core.words[at : at + bits(word, 61, 63)] if bits(e, 0, 3) in (5, 6)]
        return bits(lists[1], 4, 18)

    def synapses(
        self, source: Population, neuron: Neuron, target: Population, channel: int
    ) -> list[tuple[Core, int, int, int]]:
        """The weights that join two neurons: core, bit of its memory, bits of the number, exponent."""
        c, y, x = neuron
        found = []
        for axon in source.axons:
            at = source.core.x + signed(axon, 51, 54), source.core.y + signed(axon, 55, 58)
            core = self.cores[self.places[at]]
            port = core.words[bits(axon, 59, 63)]
            if (core.index, bits(port, 0, 14)) != target.key:
                continue
            kernel, first, place, exponent = self.kernel(core, port, c + bits(axon, 18, 27))
            code, sl = bits(kernel, 29, 31), bits(kernel, 18, 18)
            kd, kw, kh = bits(kernel, 0, 9) + 1, bits(kernel, 10, 13) + 1, bits(kernel, 14, 17) + 1
            if code == 0 or not first <= channel < first + kd:
                continue
            x_min, y_min = (x << bits(axon, 48, 50)) + signed(axon, 0, 8), y << bits(axon, 48, 50)
            y_min += signed(axon, 9, 17)
            assert sl == 0
            n = WEIGHT_BITS.get(code) or bits(kernel, 56, 59)
            if 0 <= -x_min < kw and 0 <= -y_min < kh:  # the taps that reach row 0 and column 0
                number = (-x_min * kh - y_min) * kd + channel - first
                found.append((core, 8 * place + n * number, n, exponent))
        return found

    def move(
        self, rule: Rule, core: Core, place: int, n: int, exponent: int, shift: int, drawn: bool
    ) -> None:
        number = bits(self.read(core, place, n), 0, n - 1)
        held = number * 2**exponent
        way = rule.maximum - held if drawn else held
        r = 0.5 if rule.rounding == 1 else 0.0
        if rule.rounding == 2:
            rule.noise = (1103515245 * rule.noise + 12345) % 2**31
            r = math.floor(rule.noise / 2**8) / 2**23
        change = math.floor(way / 2 ** (shift + exponent) + r)
        self.learnt["weight_reads"] += 1
        self.learnt["weight_writes"] += change != 0
        self.write(core, place, n, number + change if drawn else number - change)

    def read(self, core: Core, place: int, n: int) -> int:
        words = core.words[place // 64 : place // 64 + 2]
        return sum(word << 64 * i for i, word in enumerate(words)) >> place % 64 & (1 << n) - 1

    def write(self, core: Core, place: int, n: int, number: int) -> None:
        at = place // 64
        held = sum(word << 64 * i for i, word in enumerate(core.words[at : at + 2]))
        held = held & ~(((1 << n) - 1) << place % 64) | number << place % 64
        words = list(core.words)
        for i in range(len(words[at : at + 2])):
            words[at + i] = bits(held, 64 * i, 64 * i + 63)
        core.words = tuple(words)
