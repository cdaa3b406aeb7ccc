"""Images built by hand: cores, populations, kernel tables and axons, laid out word by word."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snc.backends.image.image import About, CoreImage, Image, ImageLayer, ImagePiece, ImageTensor, Solver
from snc.backends.words import bits
from snc.backends.words.bits import Word
from snc.backends.words.codes import ACTIVATIONS
from snc.backends.words.limits import widest
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
from snc.ir.network import Activation, Neuron, NeuronModel, Update
from snc.ir.storage.skipping import Layout, skipping
from snc.ir.storage.weights import FORMATS

from .packing import pack

Shape = tuple[int, int, int]
BIAS_DTYPES = {BiasFormat.FLOAT16: "<f2", BiasFormat.FLOAT32: "<f4"}
CHIP = widest("toys", (8, 8), 2**15, strided_tables=16)


@dataclass(frozen=True, eq=False)
class Table:
    """A target's kernels, one for each source channel: weights [D_source, KD, KH, KW], first -1 if null.

    `strided`: the words of runs of channels, each with exponents of its own, stand for them. `layout`: which
    weights of zero are not stored.
    """

    target: int
    weights: NDArray[Any]
    first: tuple[int, ...]
    sl: int = 0
    update: Update = Update.ADD
    code: str = "float32"
    exponent: int = 0
    strided: bool = False
    layout: Layout = Layout.WHOLE

    @property
    def runs(self) -> list[tuple[int, int, int]]:
        """Begin, count and step of channels whose first target channels are evenly apart."""
        found: list[tuple[int, int, int]] = []
        for c, first in enumerate(self.first):
            begin, count, step = found[-1] if found else (0, -1, 0)
            more = first - self.first[c - 1]
            if first >= 0 and c == begin + count and more >= 0 and (count == 1 or more == step):
                found[-1] = begin, count + 1, more
            elif first >= 0:
                found.append((c, 1, 0))
        return found


@dataclass(frozen=True)
class Wire:
    """An axon, with the table it leads to."""

    table: int
    x_off: int = 0
    y_off: int = 0
    c_off: int = 0
    us: int = 0


@dataclass(eq=False)
class Cells:
    """A population. `states_of`: the population whose state words it uses."""

    core: int
    shape: Shape
    neuron: NeuronModel = Neuron.STANDARD
    activation: Activation = Activation.IDENTITY
    parameters: tuple[float | tuple[float, ...], ...] = ()
    bias: NDArray[Any] | None = None
    bias_format: BiasFormat = BiasFormat.FLOAT32
    initial: float | None = None
    scale: float | None = None
    fires_on_zero: bool = False
    states_of: int | None = None
    wires: list[Wire] = field(default_factory=list)

    @property
    def extension_count(self) -> int:
        further = self.activation.is_further
        told = (self.initial, self.scale, self.states_of, self.fires_on_zero or None, further or None)
        return len(self.parameters) + sum(fact is not None for fact in told)

    @property
    def bias_words(self) -> NDArray[np.uint64]:
        if self.bias is None:
            return np.zeros(0, np.uint64)
        return pack(np.asarray(self.bias).astype(BIAS_DTYPES[self.bias_format]))

    @property
    def parameter_words(self) -> list[NDArray[np.uint64]]:
        """Those of parameters that each channel has its own number of."""
        return [pack(np.array(each, "<f4")) for each in self.parameters if isinstance(each, tuple)]

    @property
    def own_state_words(self) -> int:
        idle = self.neuron == Neuron.INPUT or self.states_of is not None
        return 0 if idle else -(-int(np.prod(self.shape)) // 4)


@dataclass(eq=False)
class Toy:
    """An image in the making: cores by place, populations, tables; `image()` gives addresses to all of it."""

    places: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    cells: list[Cells] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    tensors: list[tuple[str, str, int]] = field(default_factory=list)
    order: list[tuple[Order, int]] | None = None

    def input(self, name: str, shape: Shape, core: int = 0, **facts: Any) -> int:
        """A population that the host feeds, and the tensor it is."""
        index = self.population(shape, core, neuron=Neuron.INPUT, **facts)
        self.tensors.append((name, "input", index))
        return index

    def population(self, shape: Shape, core: int = 0, **facts: Any) -> int:
        self.cells.append(Cells(core, shape, **facts))
        return len(self.cells) - 1

    def output(self, name: str, population: int) -> "Toy":
        self.tensors.append((name, "output", population))
        self.tensors.append((name, "layer", population))
        return self

    def table(self, target: int, weights: NDArray[Any], first: Any = 0, **facts: Any) -> int:
        """A kernel table with weights [D_source, KD, KH, KW]."""
        firsts = tuple(np.broadcast_to(np.asarray(first), len(weights)).tolist())
        self.tables.append(Table(target, weights, firsts, **facts))
        return len(self.tables) - 1

    def axon(self, source: int, table: int, **facts: int) -> "Toy":
        self.cells[source].wires.append(Wire(table, **facts))
        return self

    def join(
        self,
        source: int,
        target: int,
        weights: NDArray[Any],
        *,
        first: Any = 0,
        pad: tuple[int, int] = (0, 0),
        origin: tuple[int, int] = (0, 0),
        us: int = 0,
        **facts: Any,
    ) -> "Toy":
        """Equation 12 for weights [D_source, KD, KH, KW] of the event-based view.

        `pad`: of a convolution, in y and x. `origin`: y and x of the source less those of the target << SL,
        where both are fragments.
        """
        y_off, x_off = (o - k + p + 1 for o, k, p in zip(origin, weights.shape[2:], pad, strict=True))
        return self.axon(source, self.table(target, weights, first, **facts), x_off=x_off, y_off=y_off, us=us)

    def image(self) -> Image:
        homes = [self._layout(core) for core in range(len(self.places))]
        cores = tuple(self._core(core, homes) for core in range(len(self.places)))
        order = self.order
        if order is None:
            order = [(Order.RESET, i) for i, p in enumerate(self.cells) if p.neuron != Neuron.INPUT]
            order += [(Order.FIRE, i) for i in range(len(self.cells))]
        steps = [
            Step(order=what, core=self.cells[i].core, population=self._at(homes, i)) for what, i in order
        ]
        return Image(
            chip=CHIP,
            cores=cores,
            steps=np.array([step.encode() for step in steps], np.uint64),
            tensors=tuple(self._tensor(homes, *tensor) for tensor in self.tensors),
            about=about(),
        )

    def _at(self, homes: list[dict[tuple[str, int], int]], population: int) -> int:
        return homes[self.cells[population].core]["population", population]

    def _layout(self, core: int) -> dict[tuple[str, int], int]:
        """Addresses: ports, descriptors, blocks, tables, weights."""
        at, home = 0, {}
        tables = [i for i, t in enumerate(self.tables) if self.cells[t.target].core == core]
        cells = [i for i, p in enumerate(self.cells) if p.core == core]
        for kind, indices in (("port", tables), ("population", cells)):
            for i in indices:
                home[kind, i] = at
                at += 1
        for i in cells:
            p = self.cells[i]
            home["block", i] = at
            at += p.extension_count + p.bias_words.size + len(p.wires)
            home["states", i] = at
            at += p.own_state_words
            home["parameters", i] = at
            at += sum(blob.size for blob in p.parameter_words)
        for i in tables:
            home["table", i] = at
            table = self.tables[i]
            at += 2 * len(table.runs) if table.strided else len(table.first)
        for i in tables:
            home["weights", i] = at
            at += sum(blob.size for blob in self._weights(self.tables[i]))
        home["size", 0] = at
        return home

    def _weights(self, table: Table) -> list[NDArray[np.uint64]]:
        """Each source channel's weights, number (dx * KH + dy) * KD + i."""
        codec = FORMATS[table.code]
        codes = codec.to_codes(np.asarray(table.weights, dtype=np.float64) / 2.0**table.exponent)
        blobs = [codes[c].transpose(2, 1, 0).ravel() for c in range(len(codes))]
        if table.layout:
            shown = [blob != 0 for blob in blobs]
            for present in shown:
                present[0] |= not present.any()  # a list has one place at least
            runs = [skipping(*each, codec.bits, table.layout) for each in zip(blobs, shown, strict=True)]
            return [bits.pack(run.codes, run.bits) for run in runs]
        if not table.strided:
            return [bits.pack(blob, codec.bits) for blob in blobs]
        exponents = np.full(len(blobs), table.exponent, "i1")
        return [
            part
            for begin, count, _ in table.runs
            for part in (
                bits.pack(np.concatenate(blobs[begin : begin + count]), codec.bits),
                pack(exponents[:count]),
            )
        ]

    def _core(self, core: int, homes: list[dict[tuple[str, int], int]]) -> CoreImage:
        home = homes[core]
        memory = np.zeros(home["size", 0], np.uint64)

        def put(at: int, parts: list[Word]) -> None:
            memory[at : at + len(parts)] = [part.encode() for part in parts]

        for (kind, i), at in home.items():
            if kind == "port":
                t = self.tables[i]
                population = home["population", t.target]
                strides = len(t.runs) if t.strided else 0
                put(
                    at,
                    [Port(population=population, table=home["table", i], update=t.update, strides=strides)],
                )
            elif kind == "population":
                put(at, [self._descriptor(self.cells[i], home["block", i])])
            elif kind == "block":
                p = self.cells[i]
                words = self._extensions(p, home, home["parameters", i])
                put(at, words)
                at += len(words)
                memory[at : at + p.bias_words.size] = p.bias_words
                put(at + p.bias_words.size, [self._axon(p, wire, homes) for wire in p.wires])
                blobs = np.concatenate([memory[:0], *p.parameter_words])
                memory[home["parameters", i] : home["parameters", i] + blobs.size] = blobs
            elif kind == "table":
                place = home["weights", i]
                places = []
                for blob in self._weights(self.tables[i]):
                    places.append(place)
                    memory[place : place + blob.size] = blob
                    place += blob.size
                put(at, self._kernels(self.tables[i], places))
        return CoreImage(*self.places[core], memory)

    def _descriptor(self, p: Cells, start: int) -> Population:
        return Population(
            width=p.shape[2],
            height=p.shape[1],
            depth=p.shape[0],
            neuron=p.neuron,
            activation=Activation.IDENTITY if p.activation.is_further else p.activation,
            axons=len(p.wires),
            start=start,
            bias=BiasFormat.NONE if p.bias is None else p.bias_format,
            extensions=p.extension_count,
        )

    def _extensions(self, p: Cells, home: dict[tuple[str, int], int], parameters: int) -> list[Word]:
        words: list[Word] = []
        if p.states_of is not None:
            words.append(Extension(kind=ExtensionKind.STATES, address=home["states", p.states_of]))
        if p.fires_on_zero:
            words.append(Extension(kind=ExtensionKind.FIRING, address=1))
        if p.initial is not None:
            words.append(Extension(kind=ExtensionKind.INITIAL, value=p.initial))
        if p.scale is not None:
            words.append(Extension(kind=ExtensionKind.SCALE, value=p.scale))
        if p.activation.is_further:
            words.append(Extension(kind=ExtensionKind.FUNCTION, address=ACTIVATIONS.numbers[p.activation]))
        blobs = iter(p.parameter_words)
        for value in p.parameters:
            if isinstance(value, tuple):
                words.append(Extension(kind=ExtensionKind.PARAMETERS, address=parameters))
                parameters += next(blobs).size
            else:
                words.append(Extension(kind=ExtensionKind.PARAMETER, value=value))
        return words

    def _axon(self, p: Cells, wire: Wire, homes: list[dict[tuple[str, int], int]]) -> Axon:
        table = self.tables[wire.table]
        target = self.cells[table.target]
        here, there = self.places[p.core], self.places[target.core]
        _, _, kh, kw = table.weights.shape
        return Axon(
            x_off=wire.x_off,
            y_off=wire.y_off,
            c_off=wire.c_off,
            width=-(-target.shape[2] * 2**table.sl // 8),
            height=-(-target.shape[1] * 2**table.sl // 8),
            kw=kw,
            kh=kh,
            us=wire.us,
            core_x=there[0] - here[0],
            core_y=there[1] - here[1],
            port=homes[target.core]["port", wire.table],
        )

    def _kernels(self, table: Table, places: list[int]) -> list[Word]:
        """The words of a table whose numbers lie at these places."""
        if not table.strided:
            return [self._kernel(table, c, place) for c, place in enumerate(places)]
        words: list[Word] = []
        size = FORMATS[table.code].size_bits(table.weights[0].size) // 8
        for (begin, count, step), at, exponents in zip(table.runs, places[::2], places[1::2], strict=True):
            words.append(self._kernel(replace(table, exponent=7), begin, at))
            words.append(Stride(stride=size, step=step, begin=begin, count=count, exponents=exponents))
        return words

    def _kernel(self, table: Table, channel: int, address: int) -> Kernel:
        if table.first[channel] < 0:
            return NULL_KERNEL
        _, kd, kh, kw = table.weights.shape
        return Kernel(
            kd=kd,
            kw=kw,
            kh=kh,
            sl=table.sl,
            first=table.first[channel],
            code=FORMATS[table.code].kind,
            exponent=table.exponent,
            address=address,
            skips=int(table.layout > 0),
            lists=int(table.layout is Layout.LIST),
            **FORMATS[table.code].form._asdict(),
        )

    def _tensor(
        self, homes: list[dict[tuple[str, int], int]], name: str, kind: str, population: int
    ) -> ImageTensor:
        p = self.cells[population]
        d, h, w = p.shape
        at = self._at(homes, population)
        piece = ImagePiece(p.core, at, 0, 0, 0, d, h, w, base=0, step_c=h * w, step_y=w, step_x=1)
        return ImageTensor(name, kind, (1, d, h, w), "float32", (piece,))


def about(layers: tuple[ImageLayer, ...] = ()) -> About:
    """What the machine does not read."""
    return About(
        model="toy.onnx",
        compiler="hand",
        weights="float32",
        states="persistent",
        objective="memory",
        seed=0,
        solver=Solver("OPTIMAL", 0.0, 0.0, 0),
        layers=layers,
        host_before=(),
        host_after=(),
    )
