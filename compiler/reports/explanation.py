"""What a word or a neuron of an image is for, with the nodes of the model behind it. Draws nothing."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from ...backends.analysis.claims import Atlas, Role, bias_words, decoded
from ...backends.analysis.regions import Region, regions_of
from ...backends.image.image import Image, ImageFragment, ImageLayer
from ...backends.machine.decode import Block, decode
from ...backends.machine.synapses import Neuron, sources, targets
from ...backends.words.text import fields_text
from ...backends.words.words import Axon, Kernel, Population, Port, Step, Stride
from ...ir.errors import BadInput, Origin
from .report import main_fragments

NEURON = re.compile(r"(?P<layer>.*)\[(?P<c>\d+),\s*(?P<y>\d+),\s*(?P<x>\d+)\]")
WORD = re.compile(r"(?:(?P<core>\d+):)?(?P<address>\d+)")


@dataclass(frozen=True, slots=True)
class Reference:
    """A word that leads to another: its place, and what it says. A step of the firing order is of no core."""

    core: int | None
    address: int
    text: str


@dataclass(frozen=True, slots=True)
class WordExplanation:
    """A word, or a run of words of one kind that it is in: its place, role and fields, layer and nodes."""

    core: int
    address: int
    first: int
    count: int
    bits: str
    role: str
    text: str
    layer: str
    nodes: tuple[str, ...]
    referred_by: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A neuron: the layer, and channel, row and column in it; core and descriptor of its population.

    `element`: the element of the input or output tensor that it is, which may lie in another way; else "".
    """

    layer: str
    c: int
    y: int
    x: int
    core: int
    population: int
    element: str = ""

    def __str__(self) -> str:
        return f"{self.layer}[{self.c},{self.y},{self.x}]"


@dataclass(frozen=True, slots=True)
class Link:
    """A synapse as seen from one of its neurons: the other one, the weight, the update, and the axon."""

    neuron: Place
    weight: float
    update: str
    axon_core: int
    axon: int


@dataclass(frozen=True, slots=True)
class NeuronExplanation:
    """A neuron: its place, what it computes, and its synapses."""

    neuron: Place
    op: str
    nodes: tuple[str, ...]
    descriptor: str
    computes: str
    scale: float
    parameters: tuple[float, ...]
    initial: float
    sources: tuple[Link, ...]
    targets: tuple[Link, ...]


def explain(image: Image, what: str, file: str = "") -> WordExplanation | NeuronExplanation:
    """A word (ADDRESS or CORE:ADDRESS) or a neuron (LAYER[c,y,x]). Raises BadInput where there is none."""
    neuron, word = NEURON.fullmatch(what), WORD.fullmatch(what)
    if neuron is not None:
        c, y, x = (int(neuron[axis]) for axis in "cyx")
        return explain_neuron(image, neuron["layer"], (c, y, x), file)
    if word is not None:
        return explain_word(image, int(word["core"] or 0), int(word["address"]))
    raise BadInput(
        Origin(file=file),
        f"{what!r} is neither a word nor a neuron",
        hint="write ADDRESS, CORE:ADDRESS or LAYER[c,y,x]",
    )


def explain_word(image: Image, core: int, address: int) -> WordExplanation:
    """A word of a core. Raises BadInput where there is none."""
    if core >= len(image.cores):
        raise BadInput(None, f"there is no core {core}", hint=f"the image has {len(image.cores)} cores")
    words = image.cores[core].words
    if address >= words.size:
        raise BadInput(None, f"core {core} has no word {address}", hint=f"it has {words.size} words")
    atlas = Atlas(image)
    regions = regions_of(atlas, core)
    region = next(each for each in regions if each.address <= address < each.address + each.count)
    return WordExplanation(
        core=core,
        address=address,
        first=region.address,
        count=region.count,
        bits=f"{int(words[address]):016x}",
        role=str(region.role),
        text=region.text,
        layer=region.layer,
        nodes=next((layer.nodes for layer in image.about.layers if layer.name == region.layer), ()),
        referred_by=tuple(_references(atlas, core, address, regions)),
    )


def _references(atlas: Atlas, core: int, address: int, regions: list[Region]) -> Iterator[Reference]:
    """The words that lead to a word, by every way that there is."""
    ways = [claim for claim in atlas.claims(core) if claim.address <= address < claim.address + claim.size]
    at = {region.address: region for region in regions}
    for claim in ways:
        found: list[int] = []
        if claim.role == Role.PORT:
            yield from _axons_to(atlas, core, address)
        elif claim.role == Role.POPULATION:
            found = [port.address for port in atlas.ports(core) if port.population == address]
            yield from _steps_of(atlas.image, core, address)
        elif claim.role in (Role.KERNEL, Role.STRIDE):
            found = [
                port.address
                for port in atlas.ports(core)
                if any(entry.address == address for entry in atlas.kernels_of(core, port))
            ]
        elif claim.role in (Role.WEIGHTS, Role.EXPONENTS):
            found = [place for place, region in at.items() if _points_to(region, claim.address)]
        elif claim.population is not None:
            found = [claim.population]
        yield from (Reference(core, place, f"{at[place].role} {at[place].text}") for place in found)


def _points_to(region: Region, address: int) -> bool:
    """Whether a word leads to weights, parameters or exponents at an address."""
    match region.word:
        case Kernel(address=place) | Stride(exponents=place):
            return bool(place == address)
    return region.role == Role.EXTENSION and f" address={address} " in f" {region.text} "


def _steps_of(image: Image, core: int, population: int) -> Iterator[Reference]:
    for index, word in enumerate(image.steps.tolist()):
        step = Step.decode(word)
        if (step.core, step.population) == (core, population):
            yield Reference(None, index, f"step {fields_text(step)}")


def _axons_to(atlas: Atlas, core: int, port: int) -> Iterator[Reference]:
    """The axons of all cores that name a port of a core."""
    there = atlas.image.cores[core]
    for source, populations in enumerate(atlas.populations):
        here = atlas.image.cores[source]
        for population in populations.values():
            for place in _axon_addresses(population):
                _, fields = decoded(Axon, here.words[place : place + 1])
                if fields["port"].size and (
                    int(fields["port"][0]),
                    here.x + int(fields["core_x"][0]),
                    here.y + int(fields["core_y"][0]),
                ) == (port, there.x, there.y):
                    text = fields_text(Axon.decode(int(here.words[place])))
                    yield Reference(source, place, f"axon {text}")


def _axon_addresses(population: Population) -> range:
    start = population.start + population.extensions + bias_words(population)
    return range(start, start + population.axons)


def explain_neuron(image: Image, name: str, at: tuple[int, int, int], file: str = "") -> NeuronExplanation:
    """A neuron of a layer, by the layer's name or a node's. Raises BadInput where there is none."""
    origin = Origin(file=file)
    layer = _layer(image, name, origin)
    if any(place >= size for place, size in zip(at, layer.shape, strict=True)):
        shape = "x".join(map(str, layer.shape))
        raise BadInput(origin, f"{name} has no neuron [{','.join(map(str, at))}]", hint=f"it is {shape}")
    program = decode(image, origin)
    places = _Places(image, program.blocks)
    neuron = next(
        found
        for fragment in main_fragments(image, layer)
        if (found := _inside(fragment, program.at, program.blocks, at)) is not None
    )
    block = program.blocks[neuron.block]
    text = f"{block.word.neuron.name}: {block.word.neuron.text}; activation: {block.activation.formula}"
    own = places.of(neuron)
    return NeuronExplanation(
        neuron=own,
        op=layer.op,
        nodes=layer.nodes,
        descriptor=f"population {fields_text(block.word)}",
        computes=text,
        scale=float(block.scale if np.ndim(block.scale) == 0 else np.ravel(block.scale)[neuron.c]),
        parameters=tuple(float(p if np.ndim(p) == 0 else np.ravel(p)[neuron.c]) for p in block.parameters),
        initial=float(block.initial[neuron.c]),
        sources=tuple(
            Link(
                places.of(each.source), each.weight, each.update, *places.axon(each.source, neuron, each.axon)
            )
            for each in sources(program, neuron)
        ),
        targets=tuple(
            Link(
                places.of(each.target), each.weight, each.update, *places.axon(neuron, each.target, each.axon)
            )
            for each in targets(program, neuron)
        ),
    )


def _layer(image: Image, name: str, origin: Origin) -> ImageLayer:
    layers = {layer.name: layer for layer in image.about.layers}
    by_node = {node: layer for layer in image.about.layers for node in layer.nodes}
    found = layers.get(name) or by_node.get(name)
    if found is None:
        near = get_close_matches(name, {**layers, **by_node}, 3)
        hint = f"near are {', '.join(near)}" if near else "'snc inspect' lists the layers"
        raise BadInput(origin, f"there is no layer {name!r}", hint=hint)
    return found


def _inside(
    fragment: ImageFragment,
    blocks_at: dict[tuple[int, int], int],
    blocks: tuple[Block, ...],
    at: tuple[int, int, int],
) -> Neuron | None:
    """The neuron of a fragment that is so many channels, rows and columns from the layer's first."""
    block = blocks_at[fragment.core, fragment.population]
    word = blocks[block].word
    c, y, x = at[0] - fragment.c0, at[1] - fragment.y0, at[2] - fragment.x0
    is_inside = 0 <= c < word.depth and 0 <= y < word.height and 0 <= x < word.width
    return Neuron(block, c, y, x) if is_inside else None


class _Places:
    """Neurons and axons of the program by the names and addresses that a reader knows."""

    def __init__(self, image: Image, blocks: tuple[Block, ...]) -> None:
        self.image = image
        self.blocks = blocks
        self.fragments = {
            (fragment.core, fragment.population): (layer.name, fragment)
            for layer in image.about.layers
            for fragment in layer.fragments
        }
        self.ways: dict[tuple[int, int], list[int]] = {}

    def of(self, neuron: Neuron) -> Place:
        """Where a neuron is; one of no layer stands under the address of its population."""
        block = self.blocks[neuron.block]
        none = ImageFragment(block.core, block.address, 0, 0, 0)
        layer, first = self.fragments.get((block.core, block.address), (f"@{block.address}", none))
        c, y, x = neuron.c + first.c0, neuron.y + first.y0, neuron.x + first.x0
        return Place(layer, c, y, x, block.core, block.address, self._element(neuron, block))

    def _element(self, neuron: Neuron, block: Block) -> str:
        for tensor in self.image.tensors:
            for piece in tensor.pieces:
                at = neuron.c - piece.c0, neuron.y - piece.y0, neuron.x - piece.x0
                sizes = piece.depth, piece.height, piece.width
                is_there = (piece.core, piece.population) == (block.core, block.address)
                if (
                    tensor.kind != "layer"
                    and is_there
                    and all(0 <= i < n for i, n in zip(at, sizes, strict=True))
                ):
                    steps = piece.step_c, piece.step_y, piece.step_x
                    flat = piece.base + sum(i * step for i, step in zip(at, steps, strict=True))
                    index = np.unravel_index(flat, tensor.shape)
                    return f"{tensor.name}[{','.join(str(int(i)) for i in index)}]"
        return ""

    def axon(self, source: Neuron, target: Neuron, number: int) -> tuple[int, int]:
        """Core and address of the axon that is so-and-so many among those of a block to another."""
        key = source.block, target.block
        if key not in self.ways:
            self.ways[key] = list(self._ways(*key))
        return self.blocks[source.block].core, self.ways[key][number]

    def _ways(self, source: int, target: int) -> Iterator[int]:
        block, other = self.blocks[source], self.blocks[target]
        here, there = self.image.cores[block.core], self.image.cores[other.core]
        for place in _axon_addresses(block.word):
            axon = Axon.decode(int(here.words[place]))
            if (here.x + axon.core_x, here.y + axon.core_y) == (there.x, there.y):
                port = Port.decode(int(there.words[axon.port]))
                if port.population == other.address:
                    yield place
