"""Emitting: a mapping becomes the memory of every core. Addresses are given here; sizes are ir/mapping's.

A core's memory: port words, population descriptors, blocks (extensions, biases, axons, states),
kernel-descriptor tables, weights, shared states. Only the ports' place is fixed; everything else is found
through pointers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..ir.chip import SIZE_STEP
from ..ir.mapping import CoreId, FragmentId, Mapping, Plan, core_size
from ..ir.network import Piece, Tensor, Update
from ..ir.network import Population as Source
from ..ir.storage.bitrun import BitRun, words_for
from ..ir.storage.formats import bias_codec
from ..ir.storage.states import region
from ..ir.storage.tables import Block, Descriptor, Strided, block_words
from ..ir.storage.weights import FORMATS
from .image.image import About, CoreImage, Image, ImageFragment, ImageLayer, ImagePiece, ImageTensor
from .words.bits import Word, pack
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
    tensors = tuple(_tensor(tensor, mapping, core_of, address) for tensor in mapping.network.tensors)
    steps = _steps(mapping, core_of, address)
    return Image(mapping.chip, tuple(cores), steps, tensors, about, host_before, host_after)


def _layout(mapping: Mapping, held: Sequence[FragmentId]) -> _Layout:
    chip = mapping.chip
    plans = [mapping.plans[f] for f in held]
    ports: dict[tuple[FragmentId, Update], list[tuple[int, int]]] = {}
    at = 0
    for fragment, plan in zip(held, plans, strict=True):
        for table in plan.tables:
            ports[fragment, table.update] = [(entry.base, at + i) for i, entry in enumerate(table.entries)]
            at += len(table.entries)
    descriptors = {fragment: at + i for i, fragment in enumerate(held)}
    at += len(held)
    blocks: dict[FragmentId, int] = {}
    for fragment, plan in zip(held, plans, strict=True):
        blocks[fragment] = at
        at += plan.block_words - 1
    tables: dict[Block, int] = {}
    for block in (block for plan in plans for table in plan.tables for block in table.blocks):
        if block not in tables:
            tables[block] = at
            at += block_words(block)
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
                        strides=sum(isinstance(each, Strided) for each in entry.block),
                    ),
                )
        block = _block(mapping, fragment, population, core, layouts, core_of)
        put(layout.descriptors[fragment], _descriptor(plan, population, layout.blocks[fragment], mapping))
        memory[layout.blocks[fragment] : layout.blocks[fragment] + len(block)] = block
    for entries, at in layout.tables.items():
        for i, word in enumerate(word for each in entries for word in _kernels(each, layout)):
            put(at + i, word)
    alike: dict[tuple[int, int], list[BitRun]] = {}
    for run in layout.weights:
        alike.setdefault((run.bits, run.size), []).append(run)
    for (
        bits,
        size,
    ), runs in alike.items():  # there are a hundred thousand: packed together where they can be
        codes = BitRun.joined(runs).codes.reshape(len(runs), size)
        for run, words in zip(runs, pack(codes, bits), strict=True):
            at = layout.weights[run]
            memory[at : at + len(words)] = words
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
        activation=population.activation,
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
    words_of_axons = []
    for axon in plan.axons:
        target = core_of[axon.target]
        there = mapping.places[target]
        layout = layouts[target]
        base, port = next(
            (base, port)
            for base, port in reversed(layout.ports[axon.target, axon.update])
            if base <= axon.segment
        )
        words_of_axons.append(
            Axon(
                x_off=axon.x_off,
                y_off=axon.y_off,
                c_off=axon.segment - base,
                width=-(-axon.width // SIZE_STEP),
                height=-(-axon.height // SIZE_STEP),
                kw=axon.kw,
                kh=axon.kh,
                us=axon.us,
                core_x=there[0] - here[0],
                core_y=there[1] - here[1],
                port=port,
            ).encode()
        )
    parts.append(np.array(words_of_axons, dtype=np.uint64))
    parts.append(np.zeros(0 if plan.live_range else words_for(1, plan.state_bits), dtype=np.uint64))
    block = np.concatenate(parts)
    assert len(block) == plan.block_words - 1
    return block


def _kernels(held: Descriptor | Strided, layout: _Layout) -> tuple[Word, ...]:
    """The words of a descriptor, or of those of a run."""
    if isinstance(held, Descriptor):
        return (_kernel(held, layout),)
    return _kernel(held.head, layout), Stride(
        stride=held.stride,
        step=held.step,
        begin=held.begin,
        count=held.count,
        exponents=0 if held.exponents is None else layout.weights[held.exponents],
    )


def _kernel(descriptor: Descriptor, layout: _Layout) -> Kernel:
    if descriptor.weights is None:
        return NULL_KERNEL
    codec = FORMATS[descriptor.format]
    return Kernel(
        kd=descriptor.kd,
        kw=descriptor.kw,
        kh=descriptor.kh,
        sl=descriptor.sl,
        first=descriptor.first,
        code=codec.kind,
        exponent=descriptor.exponent,
        address=layout.weights[descriptor.weights],
        skips=int(descriptor.stored is not None),
        **codec.form._asdict(),
    )


def _steps(mapping: Mapping, core_of: dict[FragmentId, CoreId], address: dict[FragmentId, int]) -> Memory:
    """The words of the schedule: the prologue, then the body."""
    schedule = mapping.schedule
    steps = [(1, step) for step in schedule.prologue] + [(0, step) for step in schedule.body]
    return np.array(
        [
            Step(
                order=Order[step.action.name],
                core=core_of[step.fragment],
                population=address[step.fragment],
                once=once,
            ).encode()
            for once, step in steps
        ],
        dtype=np.uint64,
    )


def _tensor(
    tensor: Tensor, mapping: Mapping, core_of: dict[FragmentId, CoreId], address: dict[FragmentId, int]
) -> ImageTensor:
    fragments = mapping.of_population()
    pieces = [
        cut
        for piece in tensor.pieces
        for f in fragments[piece.population]
        if (cut := _piece(piece, mapping.plans[f], core_of[f], address[f])) is not None
    ]
    return ImageTensor(tensor.name, tensor.kind, tensor.shape, tensor.dtype, tuple(pieces), tensor.layer)


def _piece(piece: Piece, plan: Plan, core: int, population: int) -> ImagePiece | None:
    """The part of a tensor's piece that lies in a fragment, in the fragment's own coordinates."""
    fragment = plan.fragment
    low, high = [], []
    for start, size, span in (
        (piece.c0, piece.depth, fragment.c),
        (piece.y0, piece.height, fragment.y),
        (piece.x0, piece.width, fragment.x),
    ):
        low.append(max(start, span.start))
        high.append(min(start + size, span.stop))
    if any(b <= a for a, b in zip(low, high, strict=True)):
        return None
    steps = piece.step_c, piece.step_y, piece.step_x
    origin = piece.c0, piece.y0, piece.x0
    base = piece.base + sum((a - o) * s for a, o, s in zip(low, origin, steps, strict=True))
    c, y, x = low[0] - fragment.c.start, low[1] - fragment.y.start, low[2] - fragment.x.start
    d, h, w = (b - a for a, b in zip(low, high, strict=True))
    return ImagePiece(core, population, c, y, x, d, h, w, base, *steps)


def image_layers(mapping: Mapping) -> tuple[ImageLayer, ...]:
    """The layers of the report, with where their fragments lie: those of a layer's result are the last, and
    make up its shape.
    """
    layouts = [_layout(mapping, core) for core in mapping.cores]
    core_of, fragments = mapping.core_of(), mapping.of_population()
    found = []
    for layer in mapping.network.layers:
        result = mapping.network.populations[layer.result].shape
        boxes = [
            ImageFragment(
                core_of[f], layouts[core_of[f]].descriptors[f], box.c.start, box.y.start, box.x.start
            )
            for p in layer.populations
            for f in fragments[p]
            for box in (mapping.plans[f].fragment,)
        ]
        shape = result.depth, result.height, result.width
        found.append(ImageLayer(layer.name, layer.operator, layer.nodes, shape, tuple(boxes)))
    return tuple(found)
