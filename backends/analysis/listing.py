"""The disassembler: every word of an image with its address, its role and fields, and the layer behind it."""

from collections.abc import Iterator

from ...ir.errors import BadInput, Origin
from ..image.image import Image
from ..words.words import Step
from .claims import Atlas
from .regions import Region, fields_text, regions_of


def disassemble(image: Image, core: int | None = None) -> str:
    """The listing of a core, or of all cores and the firing order. Raises BadInput where no such core is."""
    if core is not None and not 0 <= core < len(image.cores):
        raise BadInput(Origin(), f"there is no core {core}", hint=f"the image has {len(image.cores)} cores")
    atlas = Atlas(image)
    lines: list[str] = []
    for index in range(len(image.cores)) if core is None else [core]:
        lines += [*_core_lines(atlas, index), ""]
    if core is None:
        lines += [*_step_lines(image), ""]
    return "\n".join(lines)


def _core_lines(atlas: Atlas, core: int) -> Iterator[str]:
    memory = atlas.image.cores[core]
    limit = atlas.image.chip.core_words
    yield f"core {core} at ({memory.x}, {memory.y}): {memory.words.size} of {limit} words"
    for region in regions_of(atlas, core):
        yield _line(region, int(memory.words[region.address]))


def _line(region: Region, word: int) -> str:
    held = f"{word:016x}" if region.count == 1 else f"{region.count} words"
    layer = f"  ; {region.layer}" if region.layer else ""
    return f"{region.address:5}  {held:16}  {region.role:12}  {region.text}{layer}"


def _step_lines(image: Image) -> Iterator[str]:
    yield f"firing order: {image.steps.size} steps"
    for index, word in enumerate(image.steps.tolist()):
        yield f"{index:5}  {word:016x}  {'step':12}  {fields_text(Step.decode(word))}"
