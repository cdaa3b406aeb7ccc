"""A second machine, literal and slow: every word is decoded from the image's memory when it is needed.

Written from the manual, not from the machine; the two share the Word classes and nothing else. Numbers are
numpy scalars, so that float32 and float16 round as they do on the chip.
"""

import math
import struct
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snc.backends.image.image import Image
from snc.backends.words.words import (
    NULL_KERNEL,
    Axon,
    BiasFormat,
    Extension,
    ExtensionKind,
    Kernel,
    Order,
    Population,
    Port,
    Step,
    Stride,
)
from snc.ir.network import Activation, Neuron, Update

Key = tuple[int, int]
BIAS = {BiasFormat.FLOAT16: ("<e", 2), BiasFormat.FLOAT32: ("<f", 4)}
WEIGHT = {"float32": ("<f", 4), "float16": ("<e", 2), "fixed8": ("<b", 1)}


class Literal:
    """An image and its states. `counts` has a Counter for each kind of event, keyed by population."""

    def __init__(self, image: Image, chip: bool = False) -> None:
        self.image = image
        self.chip = chip
        self.memory = [core.words.astype("<u8").tobytes() for core in image.cores]
        self.states = [
            np.zeros(4 * core.words.size, np.float32 if chip else np.float64) for core in image.cores
        ]
        self.counts: dict[str, Counter[Key]] = {}

    def run(self, inputs: dict[str, NDArray[Any]]) -> dict[tuple[str, str], NDArray[np.float32]]:
        """One frame; the tensors by kind and name."""
        names = ("firing", "events", "hops", "empty_events", "synaptic_operations")
        self.counts = {name: Counter() for name in names}
        said: dict[Key, NDArray[np.float32]] = {}
        with np.errstate(all="ignore"):
            for word in self.image.steps.tolist():
                step = Step.decode(word)
                key = step.core, step.population
                if step.order == Order.RESET:
                    self.reset(*key)
                else:
                    said[key] = self.values(*key, inputs)
                    self.fire(*key, said[key])
        tensors = {}
        for tensor in self.image.tensors:
            if tensor.kind == "input":
                continue
            flat = np.zeros(math.prod(tensor.shape), np.float32)
            for p in tensor.pieces:
                for c, y, x in np.ndindex(p.depth, p.height, p.width):
                    value = said[p.core, p.population][p.c0 + c, p.y0 + y, p.x0 + x]
                    flat[p.base + c * p.step_c + y * p.step_y + x * p.step_x] = value
            tensors[tensor.kind, tensor.name] = flat.reshape(tensor.shape)
        return tensors

    def round(self, value: Any) -> np.float32:
        return np.float32(np.float16(value)) if self.chip else np.float32(value)

    def word(self, core: int, address: int) -> int:
        return int(struct.unpack_from("<Q", self.memory[core], 8 * address)[0])

    def number(self, core: int, address: int, index: int, form: tuple[str, int]) -> float:
        """Number `index` of those packed side by side from an address on."""
        return float(struct.unpack_from(form[0], self.memory[core], 8 * address + index * form[1])[0])

    def population(self, core: int, address: int) -> Population:
        return Population.decode(self.word(core, address))

    def extensions(self, core: int, p: Population) -> list[Extension]:
        return [Extension.decode(self.word(core, p.start + i)) for i in range(p.extensions)]

    def fact(self, core: int, p: Population, kind: ExtensionKind) -> Extension | None:
        return next((e for e in self.extensions(core, p) if e.kind == kind), None)

    def biases_at(self, p: Population) -> int:
        return p.start + p.extensions

    def axons_at(self, p: Population) -> int:
        each = BIAS[p.bias][1] if p.bias != BiasFormat.NONE else 0
        return self.biases_at(p) + -(-p.depth * each // 8)

    def state(self, core: int, p: Population, c: int, y: int, x: int) -> int:
        """The slot of a neuron's state in its core's memory, counted in halves of 32 bits."""
        fact = self.fact(core, p, ExtensionKind.STATES)
        address = fact.address if fact else self.axons_at(p) + p.axons
        return 4 * address + (y * p.width + x) * p.depth + c

    def reset(self, core: int, address: int) -> None:
        p = self.population(core, address)
        fact = self.fact(core, p, ExtensionKind.INITIAL)
        for c, y, x in np.ndindex(p.depth, p.height, p.width):
            first = fact.value if fact else 0.0
            if p.bias != BiasFormat.NONE:
                first = self.number(core, self.biases_at(p), c, BIAS[p.bias])
            self.states[core][self.state(core, p, c, y, x)] = self.round(np.float32(first))

    def values(self, core: int, address: int, inputs: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        p = self.population(core, address)
        values = np.zeros((p.depth, p.height, p.width), np.float32)
        if p.neuron == Neuron.INPUT:
            for tensor in self.image.tensors:
                for q in tensor.pieces if tensor.kind == "input" else ():
                    if (q.core, q.population) != (core, address):
                        continue
                    flat = inputs[tensor.name].ravel()
                    for c, y, x in np.ndindex(q.depth, q.height, q.width):
                        element = flat[q.base + c * q.step_c + y * q.step_y + x * q.step_x]
                        values[q.c0 + c, q.y0 + y, q.x0 + x] = self.round(np.float32(element))
            return values
        fact = self.fact(core, p, ExtensionKind.SCALE)
        scale = np.float32(fact.value if fact else 1.0)
        told = self.extensions(core, p)
        for c, y, x in np.ndindex(p.depth, p.height, p.width):
            scaled = scale * np.float32(self.states[core][self.state(core, p, c, y, x)])
            parameters = [
                e.value
                if e.kind == ExtensionKind.PARAMETER
                else self.number(core, e.address, c, WEIGHT["float32"])
                for e in told
                if e.kind in (ExtensionKind.PARAMETER, ExtensionKind.PARAMETERS)
            ]
            values[c, y, x] = self.round(activation(p.activation, scaled, *map(np.float32, parameters)))
        return values

    def fire(self, core: int, address: int, values: NDArray[np.float32]) -> None:
        """Algorithm 5, channel by channel, row by row."""
        p = self.population(core, address)
        fact = self.fact(core, p, ExtensionKind.FIRING)
        always = fact is not None and fact.address == 1
        for c in range(p.depth):
            for y in range(p.height):
                for x in range(p.width):
                    value = values[c, y, x]
                    if value == 0 and not always:
                        continue
                    self.counts["firing"][core, address] += 1
                    for i in range(p.axons):
                        axon = Axon.decode(self.word(core, self.axons_at(p) + i))
                        x_min = x * 2**axon.us + axon.x_off
                        y_min = y * 2**axon.us + axon.y_off
                        if not (x_min < 8 * axon.width and x_min + axon.kw > 0):
                            continue
                        if not (y_min < 8 * axon.height and y_min + axon.kh > 0):
                            continue
                        self.counts["events"][core, address] += 1
                        self.counts["hops"][core, address] += abs(axon.core_x) + abs(axon.core_y)
                        here = self.image.cores[core]
                        there = here.x + axon.core_x, here.y + axon.core_y
                        target = next(i for i, k in enumerate(self.image.cores) if (k.x, k.y) == there)
                        self.event(target, axon.port, x_min, y_min, c + axon.c_off, value)

    def event(self, core: int, port_at: int, x_min: int, y_min: int, c: int, value: np.float32) -> None:
        """Algorithm 4."""
        port = Port.decode(self.word(core, port_at))
        key = core, port.population
        p = self.population(*key)
        kernel, first, place, exponent = self.kernel(core, port, c)
        touched = False
        if kernel.code != "null":
            stride = 2**kernel.sl
            for dx in range(kernel.kw):
                x = x_min + dx
                if not 0 <= x < p.width * stride or x % stride:
                    continue
                for dy in range(kernel.kh):
                    y = y_min + dy
                    if not 0 <= y < p.height * stride or y % stride:
                        continue
                    touched = True
                    for i in range(kernel.kd):
                        at = (dx * kernel.kh + dy) * kernel.kd + i
                        form, size = WEIGHT[kernel.code]
                        number = float(struct.unpack_from(form, self.memory[core], place + at * size)[0])
                        weight = np.float32(number * 2.0**exponent)
                        if weight == 0 and port.update != Update.ADD:
                            continue
                        slot = self.state(core, p, first + i, y // stride, x // stride)
                        old = self.states[core][slot]
                        new = updated(port.update, old, weight * value)
                        self.states[core][slot] = self.round(new) if self.chip else new
                        self.counts["synaptic_operations"][key] += 1
        if not touched:
            self.counts["empty_events"][key] += 1

    def kernel(self, core: int, port: Port, c: int) -> tuple[Kernel, int, int, int]:
        """A channel's kernel descriptor, first target channel, byte of the weights, and exponent."""
        if not port.strides:
            kernel = Kernel.decode(self.word(core, (port.table + c) % 2**15))
            return kernel, kernel.first, 8 * kernel.address, kernel.exponent
        for pair in range(port.strides):
            at = port.table + 2 * pair
            kernel, run = Kernel.decode(self.word(core, at)), Stride.decode(self.word(core, at + 1))
            if run.begin <= c < run.begin + run.count:
                i = c - run.begin
                exponent = kernel.exponent
                if run.exponents:
                    exponent = int(self.number(core, run.exponents, i, WEIGHT["fixed8"]))
                return kernel, kernel.first + i * run.step, 8 * kernel.address + i * run.stride, exponent
        return NULL_KERNEL, 0, 0, 0


def updated(update: Update, old: Any, new: Any) -> Any:
    match update:
        case Update.ADD:
            return old + new
        case Update.MULTIPLY:
            return old * new
        case Update.MAXIMUM:
            return new if new > old else old
        case Update.MINIMUM:
            return new if new < old else old


def activation(function: Activation, x: np.float32, *parameters: np.float32) -> np.float32:
    zero, one = np.float32(0), np.float32(1)
    match function, parameters:
        case Activation.IDENTITY, ():
            return x
        case Activation.RELU, ():
            return zero if x < 0 else x
        case Activation.CLIP, (low, high):
            return low if x < low else high if x > high else x
        case Activation.LEAKY_RELU, (slope,):
            return slope * x if x < 0 else x
        case Activation.SIGMOID, ():
            return np.float32(one / (one + np.exp(-x)))
        case Activation.TANH, ():
            return np.float32(np.tanh(x))
        case Activation.HARD_SIGMOID, (alpha, beta):
            y = alpha * x + beta
            return zero if y < 0 else one if y > 1 else y
        case Activation.ELU, (alpha,):
            return alpha * np.expm1(x) if x < 0 else x
        case Activation.SELU, (alpha, gamma):
            return gamma * (alpha * np.expm1(x) if x < 0 else x)
        case Activation.CELU, (alpha,):
            return alpha * np.expm1(x / alpha) if x < 0 else x
        case Activation.SILU, ():
            return np.float32(x / (one + np.exp(-x)))
        case Activation.HARD_SWISH, (alpha, beta):
            y = alpha * x + beta
            return x * (zero if y < 0 else one if y > 1 else y)
        case Activation.SOFTPLUS, ():
            return np.float32((zero if x < 0 else x) + np.log1p(np.exp(-abs(x))))
        case Activation.SOFTSIGN, ():
            return np.float32(x / (one + abs(x)))
        case Activation.THRESHOLDED_RELU, (alpha,):
            return x if x > alpha else zero
        case Activation.ABSOLUTE, ():
            return np.float32(abs(x))
    raise AssertionError(function)
