"""All synapses of an image: Algorithms 5 and 4 on decoded words, with nothing of the machine."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from snc.backends.image.image import Image, ImageTensor
from snc.backends.words.bits import Gather, unpack
from snc.backends.words.words import (
    NULL_KERNEL,
    Axon,
    BiasFormat,
    Extension,
    ExtensionKind,
    Kernel,
    Population,
    Port,
    Step,
    Stride,
)
from snc.ir.network import Update
from snc.ir.storage.weights import EXPONENTS, FORMATS

Key = tuple[int, int]  # core, address of the descriptor
Integers = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Synapses:
    """What the events of one channel along one axon do: source and target by number, and the weight.

    The scale of the target's population is in the weight.
    """

    sources: Integers
    targets: Integers
    weights: Numbers
    update: Update


class Walk:
    """An image's words, followed by their pointers. Neurons are numbered population by population."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.places = {(core.x, core.y): index for index, core in enumerate(image.cores)}
        steps = [Step.decode(int(word)) for word in image.steps]
        self.keys = list(dict.fromkeys((step.core, step.population) for step in steps))
        words = [self.population(key) for key in self.keys]
        sizes = [word.depth * word.height * word.width for word in words]
        *starts, self.neurons = accumulate(sizes, initial=0)
        self.first = dict(zip(self.keys, starts, strict=True))

    def word(self, core: int, address: int) -> int:
        return int(self.image.cores[core].words[address])

    @cache  # noqa: B019
    def population(self, key: Key) -> Population:
        return Population.decode(self.word(*key))

    @cache  # noqa: B019
    def extensions(self, key: Key) -> dict[ExtensionKind, Extension]:
        """Those that a population has at most one of."""
        word = self.population(key)
        found = [Extension.decode(self.word(key[0], word.start + i)) for i in range(word.extensions)]
        return {each.kind: each for each in found if each.kind is not ExtensionKind.PARAMETER}

    def axons(self, key: Key) -> list[Axon]:
        word = self.population(key)
        each = {BiasFormat.NONE: 0, BiasFormat.FLOAT16: 2, BiasFormat.FLOAT32: 4}[word.bias]
        first = word.start + word.extensions + -(-word.depth * each // 8)
        return [Axon.decode(self.word(key[0], first + i)) for i in range(word.axons)]

    def port(self, key: Key, axon: Axon) -> tuple[int, Port]:
        """The core that an axon reaches, and its port there."""
        here = self.image.cores[key[0]]
        core = self.places[here.x + axon.core_x, here.y + axon.core_y]
        return core, Port.decode(self.word(core, axon.port))

    @cache  # noqa: B019
    def kernel(self, core: int, port: Port, c: int) -> tuple[Kernel, int, Numbers | None]:
        """A channel's kernel descriptor, its first target channel, and its weights [delta x, delta y,
        channel], none for a null kernel.
        """
        if not port.strides:
            word = Kernel.decode(self.word(core, (port.table + c) % 2**15))
            return word, word.first, self.weights(core, word, 0, word.exponent)
        for at in range(port.table, port.table + 2 * port.strides, 2):
            word, run = Kernel.decode(self.word(core, at)), Stride.decode(self.word(core, at + 1))
            i = c - run.begin
            if 0 <= i < run.count:
                exponent = word.exponent
                if run.exponents:
                    exponent = int(
                        EXPONENTS.from_codes(unpack(self.image.cores[core].words[run.exponents :], 8, i + 1))[
                            i
                        ]
                    )
                return word, word.first + i * run.step, self.weights(core, word, i * run.stride, exponent)
        return NULL_KERNEL, 0, None

    def weights(self, core: int, word: Kernel, skip: int, exponent: int) -> Numbers | None:
        """The weights that begin some bytes behind those of a kernel descriptor."""
        if word.code == "null":
            return None
        codec = FORMATS[word.code]
        count = word.kd * word.kw * word.kh
        begin = 64 * word.address + 8 * skip
        codes = Gather(self.image.cores[core].words).rows(codec.bits, np.array([begin]), np.arange(count))
        numbers = codec.from_codes(codes[0])
        return numbers.astype(np.float64).reshape(word.kw, word.kh, word.kd) * 2.0**exponent

    def synapses(self) -> Iterator[Synapses]:
        """What every neuron's event would do, channel by channel."""
        for key in self.keys:
            for axon in self.axons(key):
                for c in range(self.population(key).depth):
                    found = self.events(key, axon, c)
                    if found is not None:
                        yield found

    def events(self, key: Key, axon: Axon, c: int) -> Synapses | None:
        """What the events of all neurons of a channel do."""
        source = self.population(key)
        core, port = self.port(key, axon)
        to = core, port.population
        target = self.population(to)
        kernel, first, weights = self.kernel(core, port, c + axon.c_off)
        if weights is None:
            return None
        stride = 2**kernel.sl
        xs, dxs, columns = _reached(
            source.width, 2**axon.us, axon.x_off, 8 * axon.width, axon.kw, kernel.kw, stride, target.width
        )
        ys, dys, rows = _reached(
            source.height, 2**axon.us, axon.y_off, 8 * axon.height, axon.kh, kernel.kh, stride, target.height
        )
        channels = first + np.arange(kernel.kd)
        scale = self.extensions(to).get(ExtensionKind.SCALE)
        shape = len(xs), len(ys), kernel.kd
        sources = (c * source.height + ys[None, :, None]) * source.width + xs[:, None, None]
        targets = (channels * target.height + rows[None, :, None]) * target.width + columns[:, None, None]
        return Synapses(
            np.broadcast_to(self.first[key] + sources, shape).ravel(),
            (self.first[to] + targets).ravel(),
            weights[dxs[:, None], dys[None, :]].ravel() * (1.0 if scale is None else scale.value),
            port.update,
        )

    def elements(self, tensor: ImageTensor) -> Iterator[tuple[int, int]]:
        """The elements of a tensor that are neurons' values, and these neurons' numbers."""
        for p in tensor.pieces:
            word, first = self.population((p.core, p.population)), self.first[p.core, p.population]
            for c in range(p.depth):
                for y in range(p.height):
                    for x in range(p.width):
                        local = ((p.c0 + c) * word.height + p.y0 + y) * word.width + p.x0 + x
                        yield p.base + c * p.step_c + y * p.step_y + x * p.step_x, first + local


def _reached(
    sources: int,
    up: int,
    offset: int,
    limit: int,
    axon_size: int,
    kernel_size: int,
    stride: int,
    targets: int,
) -> tuple[Integers, Integers, Integers]:
    """Along one axis: the source, the kernel's position and the target of every synapse."""
    found = []
    for s in range(sources):
        low = s * up + offset
        if -axon_size < low < limit:  # the event generator's hit detection
            for d in range(kernel_size):
                x, rest = divmod(low + d, stride)
                if not rest and 0 <= x < targets:
                    found.append((s, d, x))
    columns = np.array(found, dtype=np.int64).reshape(-1, 3)
    return columns[:, 0], columns[:, 1], columns[:, 2]
