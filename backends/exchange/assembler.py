"""The assembler: the image of a whole listing (`backends.analysis.listing`), byte for byte.

What may be changed in a listing are the fields of words, the bits of words without fields, and the sections
below the cores. A word that is given by its bits and by its fields must be the same twice; `-` in place of
the bits says that they follow from the fields.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...ir.errors import BadInput, Origin
from ..analysis.listing import MARGIN
from ..analysis.regions import CLASSES
from ..image.container import (
    CORE_SECTION,
    LAST,
    LEARNING_SECTION,
    ORDER_SECTION,
    PLAIN_SECTIONS,
    core_bytes,
    joined,
    read_image,
    words_bytes,
)
from ..image.image import Image
from ..words.bits import Field, Word, WordError, label
from ..words.limits import ADDRESSES
from ..words.words import LEARNING_WORDS, Step

CORE = re.compile(r"core (\d+) at \((\d+), (\d+)\): \d+ of \d+ words")
STEPS = re.compile(r"firing order: \d+ steps")
LEARNING = re.compile(r"learning: \d+ words")
PLAIN = re.compile(rf"({'|'.join(PLAIN_SECTIONS)}) (.*)")
HOST = re.compile(rf"({'|'.join(LAST)}) \d+ bytes")
WORD = re.compile(r" *(\d+)  ([0-9a-f]{16}|-) +([a-z]+) *(.*)")
RUN = re.compile(r" *(\d+)  (\d+) words +[a-z]+ .*")
RUN_WORD = re.compile(r"([0-9a-f]{16})(?:\*(\d+))?")
FIELD = re.compile(r"([a-z_0-9]+)=(\S+)")
STRUCTURED: dict[str, type[Word]] = {role.value: kind for role, kind in CLASSES.items()} | {
    kind.__name__.lower(): kind for kind in (Step, *LEARNING_WORDS)
}
UNREAD = "no "  # begins what a listing says of a word that is not what it should be


def assemble(text: str, file: str = "") -> Image:
    """The image of a whole listing. Raises BadInput with the line at fault, BadImage as the file would."""
    lines = text.split("\n")
    listing = _Listing(file)
    for listing.line, each in enumerate(lines, 1):
        if each.strip() and not each.startswith(";"):
            listing.read(each.rstrip("\r"))
    return read_image(joined(list(listing.sections())), file)


def load_listing(path: Path) -> Image:
    """The image of a listing's file. Raises BadInput, BadImage."""
    origin = Origin(file=path.name)
    try:
        return assemble(path.read_bytes().decode("utf-8"), path.name)
    except OSError as error:
        raise BadInput(origin, f"cannot be read: {error.strerror}", hint="give a listing's path") from None
    except UnicodeDecodeError:
        raise BadInput(origin, "is no text", hint="give what 'snc disasm --whole' wrote") from None


@dataclass(slots=True)
class _Memory:
    """The words of a core, or the steps, as they are read."""

    place: tuple[int, int] = (0, 0)
    words: list[int] = field(default_factory=list)
    open: int = 0  # words of the last run that are still to come


class _Listing:
    """What has been read of a listing."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.line = 0
        self.plain: dict[str, bytes] = {}
        self.hosts: dict[str, list[str]] = {}
        self.cores: list[_Memory] = []
        self.steps = _Memory()
        self.learning = _Memory()
        self.more: Callable[[str], None] | None = None  # reads a line that goes on from the one above
        self.memory: _Memory | None = None
        self.readers: tuple[tuple[re.Pattern[str], Callable[..., None]], ...] = (
            (CORE, self._core),
            (STEPS, self._steps),
            (LEARNING, self._learning),
            (PLAIN, self._plain),
            (HOST, self._host),
            (RUN, self._run),
            (WORD, self._word),
        )

    def read(self, line: str) -> None:
        """Takes in one line. Raises BadInput."""
        if self.more is not None and line.startswith(MARGIN):
            self.more(line.strip())
            return
        self._assert_whole()
        self.more = None
        for pattern, reader in self.readers:
            found = pattern.fullmatch(line)
            if found is not None:
                reader(*found.groups())
                return
        raise self._bad(f"{line.strip()[:60]!r} is no line of a listing")

    def sections(self) -> Iterator[tuple[str, int, bytes]]:
        """The sections of the image's file, in order. Raises BadInput where one is missing."""
        self._assert_whole()
        for kind in PLAIN_SECTIONS:
            if kind not in self.plain:
                raise BadInput(
                    Origin(file=self.file),
                    f"has no section {kind}",
                    hint="assemble what 'snc disasm --whole' writes, all cores of it",
                )
            yield kind, 0, self.plain[kind]
        yield ORDER_SECTION, 0, words_bytes(_words(self.steps))
        for index, core in enumerate(self.cores):
            yield CORE_SECTION, index, core_bytes(*core.place, _words(core))
        for kind in LAST:
            if kind in self.hosts:
                yield kind, 0, self._decoded(kind)
        if self.learning.words:
            yield LEARNING_SECTION, 0, words_bytes(_words(self.learning))

    def _core(self, index: str, x: str, y: str) -> None:
        if int(index) != len(self.cores):
            raise self._bad(f"core {index} stands where core {len(self.cores)} must")
        if max(int(x), int(y)) >= ADDRESSES:
            raise self._bad(f"({x}, {y}) is no place of a core")
        self.memory = _Memory((int(x), int(y)))
        self.cores.append(self.memory)

    def _steps(self) -> None:
        self.memory = self.steps

    def _learning(self) -> None:
        self.memory = self.learning

    def _plain(self, kind: str, text: str) -> None:
        if kind in self.plain:
            raise self._bad(f"section {kind} stands there twice")
        self.plain[kind] = text.encode()

    def _host(self, kind: str) -> None:
        if kind in self.hosts:
            raise self._bad(f"section {kind} stands there twice")
        self.hosts[kind] = []
        self.more = self.hosts[kind].append

    def _run(self, address: str, count: str) -> None:
        memory = self._at(address)
        if int(address) + int(count) > ADDRESSES:
            raise self._bad(f"a core has at most {ADDRESSES} words")
        memory.open = int(count)
        self.more = self._run_words

    def _run_words(self, line: str) -> None:
        assert self.memory is not None
        for each in line.split():
            found = RUN_WORD.fullmatch(each)
            if found is None:
                raise self._bad(f"{each[:40]!r} is no word of 16 hexadecimal digits")
            count = int(found[2] or 1)
            if count > self.memory.open:
                raise self._bad("has more words than the line above says")
            self.memory.words += [int(found[1], 16)] * count
            self.memory.open -= count

    def _word(self, address: str, bits: str, role: str, text: str) -> None:
        memory = self._at(address)
        kind = STRUCTURED.get(role)
        if kind is None or text.startswith(UNREAD):
            if bits == "-":
                raise self._bad(f"a word of role {role} has no fields: give its 16 hexadecimal digits")
            memory.words.append(int(bits, 16))
            return
        word = self._encoded(kind, text.partition("  ; ")[0])
        if bits != "-" and word != int(bits, 16):
            raise self._bad(f"the fields make {word:016x}, not {bits}", "write '-' in place of the digits")
        memory.words.append(word)

    def _at(self, address: str) -> _Memory:
        """Where the next word goes. Raises BadInput where it is not the one at this address."""
        if self.memory is None:
            raise self._bad("a word stands before the first core")
        if int(address) != len(self.memory.words):
            raise self._bad(f"word {address} stands where word {len(self.memory.words)} must")
        return self.memory

    def _encoded(self, kind: type[Word], text: str) -> int:
        given = dict(FIELD.findall(text))
        try:
            return kind(
                **{each.name: _value(each, given.pop(each.name)) for each in _fields(kind, given)}
            ).encode()
        except (WordError, TypeError, ValueError) as error:
            raise self._bad(str(error)) from None

    def _decoded(self, kind: str) -> bytes:
        try:
            return b"".join(base64.b64decode(line, validate=True) for line in self.hosts[kind])
        except (binascii.Error, ValueError):
            raise BadInput(
                Origin(file=self.file), f"section {kind} is no base64", hint="list the image again"
            ) from None

    def _assert_whole(self) -> None:
        """Raises BadInput where words are missing that a line has promised."""
        if self.memory is not None and self.memory.open:
            raise self._bad(
                f"{self.memory.open} words of the run above are left out",
                "assemble what 'snc disasm --whole' writes",
            )

    def _bad(self, rule: str, hint: str = "list the image again, or mend the line") -> BadInput:
        return BadInput(Origin(file=self.file), f"line {self.line}: {rule}", hint=hint)


def _fields(kind: type[Word], given: dict[str, str]) -> list[Field]:
    """The fields of a word that are given, all of which it must have."""
    known = [each for each in kind.FIELDS if not each.is_padding]
    unknown = given.keys() - {each.name for each in known}
    if unknown:
        raise WordError(f"{kind.__name__.lower()} has no field {', '.join(sorted(unknown))}")
    return [each for each in known if each.name in given]


def _value(declared: Field, text: str) -> Any:
    """What a field's text stands for. Raises ValueError or WordError."""
    if declared.codes is None:
        return float(text) if declared.is_float else int(text)
    for thing in declared.codes:
        if label(thing) == text:
            return thing
    raise WordError(f"{declared.name} = {text} is no {declared.codes.title}")


def _words(memory: _Memory) -> np.ndarray[Any, np.dtype[np.uint64]]:
    return np.array(memory.words, dtype=np.uint64)
