"""A closer look at an image: one layer's fragments, or one core's memory. Draws nothing."""

from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from ...backends.analysis.bill import CATEGORIES
from ...backends.analysis.regions import regions
from ...backends.image.faults import population_at
from ...backends.image.image import Image, ImageFragment
from ...ir.errors import BadInput, Origin
from .report import CoreReport, LayerReport, Report


@dataclass(frozen=True, slots=True)
class Piece:
    """A fragment of a layer: where it lies, its first channel, row and column, its size, and its axons."""

    core: int
    address: int
    c0: int
    y0: int
    x0: int
    depth: int
    height: int
    width: int
    axons: int


@dataclass(frozen=True, slots=True)
class LayerDetail:
    """A layer and its fragments one by one."""

    layer: LayerReport
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Area:
    """Neighbouring words of one role in a core's memory; `layers` are those they serve."""

    address: int
    words: int
    role: str
    category: str
    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CoreDetail:
    """A core and its memory from address 0 upwards. `free_words`: what is left of it."""

    core: CoreReport
    areas: tuple[Area, ...]
    free_words: int


def layer_detail(image: Image, known: Report, name: str) -> LayerDetail:
    """The fragments of a layer, by its name or a node's. Raises BadInput where there is none."""
    names = [name] if any(layer.name == name for layer in known.layers) else []
    names += [layer.name for layer in known.layers if name in layer.nodes]
    if not names:
        near = get_close_matches(name, [layer.name for layer in known.layers])
        hint = f"did you mean {near[0]}?" if near else "snc inspect lists the layers"
        raise BadInput(Origin(file=Path(known.image).name), f"has no layer {name!r}", hint=hint)
    index = [layer.name for layer in known.layers].index(names[0])
    pieces = tuple(_piece(image, fragment) for fragment in image.about.layers[index].fragments)
    return LayerDetail(known.layers[index], pieces)


def core_detail(image: Image, known: Report, core: int) -> CoreDetail:
    """The memory map of a core. Raises BadInput where there is none."""
    if not 0 <= core < len(image.cores):
        hint = f"the image has the cores 0 to {len(image.cores) - 1}"
        raise BadInput(Origin(file=Path(known.image).name), f"has no core {core}", hint=hint)
    areas: list[Area] = []
    for region in regions(image, core):
        layers: tuple[str, ...] = (region.layer,) if region.layer else ()
        last = areas[-1] if areas else None
        if last is not None and last.role == region.role:
            layers = tuple(dict.fromkeys(last.layers + layers))
            areas[-1] = replace(last, words=last.words + region.count, layers=layers)
        else:
            category = CATEGORIES[region.role]
            areas.append(Area(region.address, region.count, str(region.role), category, layers))
    free = image.chip.core_words - image.cores[core].words.size
    return CoreDetail(known.per_core[core], tuple(areas), free)


def _piece(image: Image, fragment: ImageFragment) -> Piece:
    found = population_at(image, fragment.core, fragment.population)
    return Piece(
        core=fragment.core,
        address=fragment.population,
        c0=fragment.c0,
        y0=fragment.y0,
        x0=fragment.x0,
        depth=found.depth,
        height=found.height,
        width=found.width,
        axons=found.axons,
    )
