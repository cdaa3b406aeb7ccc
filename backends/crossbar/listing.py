"""An image for crossbars as text: every word with its address, its role and fields, and every cell."""

from collections.abc import Iterable, Iterator

from ...ir.errors import BadInput, Origin
from ..image.image import CoreImage
from ..words.bits import Word
from ..words.text import fields_text
from .decode import Crossbar, decode
from .image import CrossbarImage
from .words import Column, Head, Number, Route, Rule, Site

DIGITS = 9  # of a single: no two have the same text


def listing(image: CrossbarImage, crossbar: int | None = None) -> Iterator[str]:
    """The lines of a crossbar, or of all, of the rules and of the tensors. Raises BadInput where no such
    crossbar is, BadImage for an image that does not hold together.
    """
    count = len(image.crossbars)
    if crossbar is not None and not 0 <= crossbar < count:
        raise BadInput(Origin(), f"there is no crossbar {crossbar}", hint=f"the image has {count} crossbars")
    found = decode(image).crossbars
    for index in range(count) if crossbar is None else [crossbar]:
        yield from _crossbar(index, image.crossbars[index], found[index])
        yield ""
    if crossbar is not None:
        return
    yield f"rules: {image.rules.size} words"
    yield from _words(enumerate(image.rules.tolist()), _rule_words(image))
    yield ""
    for number, tensor in enumerate(image.tensors):
        yield f"tensor {number}: {tensor.kind} {tensor.name} {list(tensor.shape)} {tensor.dtype}"
    yield f"sites: {image.sites.size} words"
    yield from _words(enumerate(image.sites.tolist()), (Site for _ in image.sites))


def _crossbar(index: int, memory: CoreImage, found: Crossbar) -> Iterator[str]:
    rows, columns = found.cells.shape
    head = f"{memory.words.size} words, {rows} rows, {columns} columns"
    yield f"crossbar {index} at ({memory.x}, {memory.y}): {head}"
    kinds: list[type[Word]] = [Head, *[Column] * columns, *[Route] * len(found.routes)]
    yield from _words(enumerate(memory.words[: len(kinds)].tolist()), kinds)
    left = memory.words.size - len(kinds)
    yield f"{len(kinds):5}  {left:10} words  cells     column:weight, of those that are not 0"
    for row, cells in enumerate(found.cells):
        shown = " ".join(f"{column}:{cells[column]:.{DIGITS}g}" for column in cells.nonzero()[0].tolist())
        yield f"       row {row}  {shown}".rstrip()


def _words(words: Iterable[tuple[int, int]], kinds: Iterable[type[Word]]) -> Iterator[str]:
    for (address, word), kind in zip(words, kinds, strict=True):
        yield f"{address:5}  {word:016x}  {kind.__name__.lower():8}  {fields_text(kind.decode(word))}"


def _rule_words(image: CrossbarImage) -> Iterator[type[Word]]:
    left = 0
    for word in image.rules.tolist():
        yield Number if left else Rule
        left = left - 1 if left else Rule.decode(word).numbers
