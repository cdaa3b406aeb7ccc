"""The disassembler: every word of an image with its address, its role and fields, and the layer behind it.

A whole listing holds everything that the image's file does, and `backends.exchange.assembler` reads it again.
"""

import base64
from collections.abc import Iterator
from itertools import groupby

from ...ir.errors import BadInput, Origin
from ..image.container import (
    CORE_SECTION,
    LEARNING_SECTION,
    ORDER_SECTION,
    PLAIN_SECTIONS,
    payloads,
)
from ..image.image import Image
from ..image.lessons import lessons
from ..words.text import fields_text
from ..words.words import Step
from .claims import Atlas, Words
from .regions import Region, regions_of

MARGIN = " " * 7  # before words and bytes that go on from the line above
WORDS_IN_LINE = 4
BYTES_IN_LINE = 57  # 76 characters of base64


def disassemble(image: Image, core: int | None = None, is_whole: bool = False) -> str:
    """The listing of a core, or of all cores and the firing order. Raises BadInput where no such core is.

    `is_whole`: with every word of the weights, and what else the file holds.
    """
    if core is not None and not 0 <= core < len(image.cores):
        raise BadInput(Origin(), f"there is no core {core}", hint=f"the image has {len(image.cores)} cores")
    atlas = Atlas(image)
    lines: list[str] = []
    for index in range(len(image.cores)) if core is None else [core]:
        lines += [*core_lines(atlas, index, is_whole), ""]
    if core is None:
        lines += [*_step_lines(image), ""]
        lines += [*_learning_lines(image), ""] if image.learning.size else []
        lines += [*_section_lines(image), ""] if is_whole else []
    return "\n".join(lines)


def core_lines(atlas: Atlas, core: int, is_whole: bool = False) -> Iterator[str]:
    """The lines of one core: its head, and one for each region."""
    memory = atlas.image.cores[core]
    limit = atlas.image.chip.core_words
    yield f"core {core} at ({memory.x}, {memory.y}): {memory.words.size} of {limit} words"
    for region in regions_of(atlas, core):
        yield _line(region, int(memory.words[region.address]))
        if is_whole and region.count > 1:
            yield from _word_lines(memory.words[region.address : region.address + region.count])


def _line(region: Region, word: int) -> str:
    held = f"{word:016x}" if region.count == 1 else f"{region.count} words"
    layer = f"  ; {' '.join(region.layer.split())}" if region.layer else ""
    return f"{region.address:5}  {held:16}  {region.role:12}  {region.text}{layer}"


def _step_lines(image: Image) -> Iterator[str]:
    yield f"firing order: {image.steps.size} steps"
    for index, word in enumerate(image.steps.tolist()):
        yield f"{index:5}  {word:016x}  {'step':12}  {fields_text(Step.decode(word))}"


def _learning_lines(image: Image) -> Iterator[str]:
    yield f"learning: {image.learning.size} words"
    words = [word for each in lessons(image.learning) for word in (each.rule, each.course, *each.pairs)]
    for index, word in enumerate(words):
        yield f"{index:5}  {word.encode():016x}  {type(word).__name__.lower():12}  {fields_text(word)}"


def _word_lines(words: Words) -> Iterator[str]:
    """Words in rows; one that is repeated stands once, with how often it stands there."""
    runs = [(word, len(list(same))) for word, same in groupby(words.tolist())]
    held = [f"{word:016x}" if count == 1 else f"{word:016x}*{count}" for word, count in runs]
    for start in range(0, len(held), WORDS_IN_LINE):
        yield MARGIN + " ".join(held[start : start + WORDS_IN_LINE])


def _section_lines(image: Image) -> Iterator[str]:
    """The sections of the file that are no words: JSON as it is, the host's networks as base64."""
    for kind, _, payload in payloads(image):
        if kind in PLAIN_SECTIONS:
            yield f"{kind} {payload.decode()}"
        elif kind not in (CORE_SECTION, ORDER_SECTION, LEARNING_SECTION):
            yield f"{kind} {len(payload)} bytes"
            for start in range(0, len(payload), BYTES_IN_LINE):
                yield MARGIN + base64.b64encode(payload[start : start + BYTES_IN_LINE]).decode()
