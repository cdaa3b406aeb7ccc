"""Emitting: a mapping becomes the memory of every core. Addresses are given here; sizes are ir/mapping's.

A core's memory: port words, population descriptors, blocks (extensions, biases, axons, states),
kernel-descriptor tables, weights, shared states. Only the ports' place is fixed; everything else is found
through pointers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ir.activations import Activation
from ..ir.chip import SIZE_STEP
from ..ir.mapping import CoreId, FragmentId, Mapping, Plan, core_size
from ..ir.network import Population as Source
from ..ir.network import Update
from ..ir.storage.bitrun import BitRun, words_for
from ..ir.storage.formats import bias_codec
from ..ir.storage.skipping import Layout
from ..ir.storage.states import region
from ..ir.storage.tables import Block, Descriptor, Strided
from ..ir.storage.weights import FORMATS, Codec
from .image.image import About, CoreImage, Image, ImageFragment, ImageLayer
from .image.lessons import lesson_words, lessons_of
from .image.pieces import image_tensor
from .words.bits import Word, pack
from .words.codes import ACTIVATIONS
from .words.words import (
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

Memory = NDArray[np.uint64]


@dataclass(slots=True)
class _Layout:
    """The addresses of everything in one core."""

    descriptors: dict[FragmentId, int]
    blocks: dict[FragmentId, int]
    tables: dict[Block, int]
    weights: dict[BitRun, int]
    states: dict[FragmentId, int]
    ports: dict[tuple[FragmentId, Update], list[tuple[int, int]]]
    words: int


def emit(
    mapping: Mapping, about: About, host_before: bytes | None = None, host_after: bytes | None = None
) -> Image:
    """The memory image of a mapping. `about` goes in as it is: `image_layers` finds its layers."""
    layouts = [_layout(mapping, core) for core in mapping.cores]
    core_of = mapping.core_of()
    address = {f: layouts[core_of[f]].descriptors[f] for f in core_of}
    cores = []
    for index, held in enumerate(mapping.cores):
        memory = _memory(mapping, held, index, layouts, core_of)
        x, y = mapping.places[index]
        cores.append(CoreImage(x, y, memory))
    tensors = tuple(image_tensor(tensor, mapping, core_of, address) for tensor in mapping.network.tensors)
    steps = _steps(mapping, core_of, address)
    learning = lesson_words(lessons_of(mapping, core_of, address))
    hosts = host_before, host_after
    return Image(mapping.chip, tuple(cores), steps, tensors, about, *hosts, learning=learning)


def _descriptors(mapping: Mapping, held: Sequence[FragmentId]) -> dict[FragmentId, int]:
    """Where the descriptors of a core's fragments are: behind all ports."""
    start = sum(mapping.plans[fragment].ports for fragment in held)
    return {fragment: start + i for i, fragment in enumerate(held)}


def _layout(mapping: Mapping, held: Sequence[FragmentId]) -> _Layout:
    chip = mapping.chip
    plans = [mapping.plans[f] for f in held]
    ports: dict[tuple[FragmentId, Update], list[tuple[int, int]]] = {}
    at = 0
    for fragment, plan in zip(held, plans, strict=True):
        for table in plan.tables:
            ports[fragment, table.update] = [(entry.base, at + i) for i, entry in enumerate(table.entries)]
            at += len(table.entries)
    descriptors = _descriptors(mapping, held)
    at += len(held)
    blocks: dict[FragmentId, int] = {}
    for fragment, plan in zip(held, plans, strict=True):
        blocks[fragment] = at
        at += plan.block_words - 1
    tables: dict[Block, int] = {}
    for block in (block for plan in plans for table in plan.tables for block in table.blocks):
        if block not in tables:
            tables[block] = at
            at += block.words
    weights: dict[BitRun, int] = {}
    numbers = [blob for block in tables for each in block for blob in each.blobs]
    for blob in (*numbers, *(blob for plan in plans for blob in plan.parameters)):
        if blob not in weights:
            weights[blob] = at
            at += blob.words
    sharing = [f for f, plan in zip(held, plans, strict=True) if plan.shared_states]
    shared = region([need for plan in plans for need in plan.shared_states])
    states = {f: at + offset for f, offset in zip(sharing, shared.offsets, strict=True)}
    at += shared.words
    assert at == core_size(chip, plans).words, "the emitter and the size function disagree"
    return _Layout(descriptors, blocks, tables, weights, states, ports, at)


def _memory(
    mapping: Mapping,
    held: Sequence[FragmentId],
    core: int,
    layouts: Sequence[_Layout],
    core_of: dict[FragmentId, CoreId],
) -> Memory:
    layout = layouts[core]
    memory = np.zeros(layout.words, dtype=np.uint64)

    def put(at: int, word: Word) -> None:
        memory[at] = word.encode()

    for fragment in held:
        plan = mapping.plans[fragment]
        population = mapping.network.populations[plan.fragment.population]
        for table in plan.tables:
            for entry, (_, port) in zip(table.entries, layout.ports[fragment, table.update], strict=True):
                put(
                    port,
                    Port(
                        population=layout.descriptors[fragment],
                        table=layout.tables[entry.block] + entry.offset,
                        update=table.update,
                        strides=entry.block.strides,
                    ),
                )
        block = _block(mapping, fragment, population, core, layouts, core_of)
        put(layout.descriptors[fragment], _descriptor(plan, population, layout.blocks[fragment], mapping))
        memory[layout.blocks[fragment] : layout.blocks[fragment] + len(block)] = block
    _put_kernels(memory, layout)
    alike: dict[tuple[int, int], list[BitRun]] = {}
    for run in layout.weights:
        alike.setdefault((run.bits, run.size), []).append(run)
    for (bits, size), runs in alike.items():  # packed together where they can be
        codes = BitRun.joined(runs).codes.reshape(len(runs), size)
        places = np.array([layout.weights[run] for run in runs], dtype=np.int64)
        words = pack(codes, bits)
        memory[places[:, None] + np.arange(words.shape[1])] = words
    return memory


def _descriptor(plan: Plan, population: Source, start: int, mapping: Mapping) -> Population:
    bias = BiasFormat.NONE
    if population.bias is not None:
        bias = BiasFormat.of(bias_codec(mapping.network.weight_format))
    return Population(
        width=len(plan.fragment.x),
        height=len(plan.fragment.y),
        depth=len(plan.fragment.c),
        neuron=population.neuron,
        activation=Activation.IDENTITY if population.activation.is_further else population.activation,
        axons=len(plan.axons),
        start=start,
        bias=bias,
        extensions=plan.extensions,
    )


def _extensions(population: Source, plan: Plan, layout: _Layout, states: int | None) -> list[Extension]:
    found = []
    if states is not None:
        found.append(Extension(kind=ExtensionKind.STATES, address=states))
    if population.fires_on_zero:
        found.append(Extension(kind=ExtensionKind.FIRING, address=1))
    if population.initial != 0 and population.bias is None:
        found.append(Extension(kind=ExtensionKind.INITIAL, value=population.initial))
    if population.activation.is_further:
        code = ACTIVATIONS.numbers[population.activation]
        found.append(Extension(kind=ExtensionKind.FUNCTION, address=code))
    listed = iter(plan.parameters)
    if population.scales:
        found.append(Extension(kind=ExtensionKind.SCALES, address=layout.weights[next(listed)]))
    elif population.scale != 1:
        found.append(Extension(kind=ExtensionKind.SCALE, value=population.scale))
    if population.changes_above is not None:
        found.append(Extension(kind=ExtensionKind.CHANGES, value=population.changes_above))
    names = *population.neuron.parameters, *population.activation.parameters
    assert len(population.parameters) == len(names)
    for value in population.parameters:
        if isinstance(value, tuple):
            found.append(Extension(kind=ExtensionKind.PARAMETERS, address=layout.weights[next(listed)]))
        else:
            found.append(Extension(kind=ExtensionKind.PARAMETER, value=value))
    return found


def _block(
    mapping: Mapping,
    fragment: FragmentId,
    population: Source,
    core: int,
    layouts: Sequence[_Layout],
    core_of: dict[FragmentId, CoreId],
) -> Memory:
    """The words of a block: extensions, biases, axons, and states of its own (zero)."""
    plan = mapping.plans[fragment]
    extensions = _extensions(population, plan, layouts[core], layouts[core].states.get(fragment))
    assert len(extensions) == plan.extensions
    parts = [np.array([word.encode() for word in extensions], dtype=np.uint64)]
    if population.bias is not None:
        stored = population.bias / (population.scales or 1)
        held = stored[plan.fragment.c.start : plan.fragment.c.stop]
        run = bias_codec(mapping.network.weight_format).run(held)
        parts.append(pack(run.codes, run.bits))
    here = mapping.places[core]
    rows = []
    for axon in plan.axons:
        target = core_of[axon.target]
        there = mapping.places[target]
        listed = layouts[target].ports[axon.target, axon.update]
        base, port = next((base, port) for base, port in reversed(listed) if base <= axon.segment)
        sizes = -(-axon.width // SIZE_STEP), -(-axon.height // SIZE_STEP), axon.kw, axon.kh, axon.us
        offsets = axon.x_off, axon.y_off, axon.segment - base
        rows.append((*offsets, *sizes, there[0] - here[0], there[1] - here[1], port))
    if rows:
        parts.append(_axons(np.array(rows, dtype=np.int64)))
    parts.append(np.zeros(0 if plan.live_range else words_for(1, plan.state_bits), dtype=np.uint64))
    block = np.concatenate(parts)
    assert len(block) == plan.block_words - 1
    return block


def _axons(rows: NDArray[np.int64]) -> Memory:
    """The words of axons, from a row of all their fields for each."""
    x_off, y_off, c_off, width, height, kw, kh, us, core_x, core_y, port = rows.T
    return Axon.encode_array(
        x_off=x_off,
        y_off=y_off,
        c_off=c_off,
        width=width,
        height=height,
        kw=kw,
        kh=kh,
        us=us,
        core_x=core_x,
        core_y=core_y,
        port=port,
    )


def _put_kernels(memory: Memory, layout: _Layout) -> None:
    """The words of all tables: a network has a hundred thousand, so those of one format are made together."""
    alike: dict[str, tuple[list[int], list[Descriptor]]] = {}
    for block, start in layout.tables.items():
        at = start
        for each in block:
            head = each.head if isinstance(each, Strided) else each
            places, descriptors = alike.setdefault(head.format, ([], []))
            places.append(at)
            descriptors.append(head)
            at += 1
            if isinstance(each, Strided):
                memory[at] = _stride(each, layout).encode()
                at += 1
    for name, (places, descriptors) in alike.items():
        memory[places] = _kernels(FORMATS[name], descriptors, layout) if name else NULL_KERNEL.encode()


def _kernels(codec: Codec, descriptors: Sequence[Descriptor], layout: _Layout) -> Memory:
    """The words of kernel descriptors of one format."""
    addresses = layout.weights
    rows = [
        (d.kd, d.kw, d.kh, d.sl, d.first, d.exponent, addresses[d.weights], d.layout)
        for d in descriptors
        if d.weights is not None
    ]
    kd, kw, kh, sl, first, exponent, address, layouts = np.array(rows, dtype=np.int64).T
    return Kernel.encode_array(
        kd=kd,
        kw=kw,
        kh=kh,
        sl=sl,
        first=first,
        code=codec.kind,
        exponent=exponent,
        address=address,
        lists=(layouts == Layout.LIST).astype(np.int64),
        skips=(layouts != Layout.WHOLE).astype(np.int64),
        **codec.form._asdict(),
    )


def _stride(run: Strided, layout: _Layout) -> Stride:
    return Stride(
        stride=run.stride,
        step=run.step,
        begin=run.begin,
        count=run.count,
        exponents=0 if run.exponents is None else layout.weights[run.exponents],
    )


def _steps(mapping: Mapping, core_of: dict[FragmentId, CoreId], address: dict[FragmentId, int]) -> Memory:
    """The words of the schedule: the prologue, then the body."""
    words = []
    for once, steps in ((1, mapping.schedule.prologue), (0, mapping.schedule.body)):
        for action, each, cycle in steps:
            when = {"once": once} if cycle is None else cycle._asdict()
            word = Step(order=Order[action.name], core=core_of[each], population=address[each], **when)
            words.append(word.encode())
    return np.array(words, dtype=np.uint64)


def image_layers(mapping: Mapping) -> tuple[ImageLayer, ...]:
    """The layers of the report, with where their fragments lie: those of a layer's result are the last, and
    make up its shape.
    """
    addresses = {f: at for core in mapping.cores for f, at in _descriptors(mapping, core).items()}
    core_of, fragments = mapping.core_of(), mapping.of_population()
    found = []
    for layer in mapping.network.layers:
        result = mapping.network.populations[layer.result].shape
        boxes = [
            ImageFragment(core_of[f], addresses[f], box.c.start, box.y.start, box.x.start)
            for p in layer.populations
            for f in fragments[p]
            for box in (mapping.plans[f].fragment,)
        ]
        shape = result.depth, result.height, result.width
        found.append(ImageLayer(layer.name, layer.operator, layer.nodes, shape, tuple(boxes)))
    return tuple(found)
