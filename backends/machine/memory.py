"""A core's memory as the machine reads it: by pointers, each compared with the memory's size first."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ...ir.errors import BadImage, Origin
from ..image.image import CoreImage
from ..words.bits import Word, WordError

W = TypeVar("W", bound=Word)
Integers = NDArray[np.int64]


class Memory:
    """The words of one core, and which of them something was read from: `read`, and of these `facts`, which
    are more than numbers that stand side by side, as weights do.
    """

    def __init__(self, index: int, core: CoreImage, origin: Origin) -> None:
        self.index = index
        self.words = core.words
        self.read = np.zeros(core.words.size, dtype=np.bool_)
        self.facts = self.read.copy()
        self._origin = origin

    def fault(self, address: int, what: str) -> BadImage:
        """The error to raise for what stands at an address."""
        return BadImage(
            self._origin, f"core {self.index}, address {address}: {what}", hint="compile it again"
        )

    def span(self, address: int, count: int, what: str, pointer: int) -> slice:
        """The words address .. address + count - 1, which the word at `pointer` says are there."""
        if address + count > self.words.size:
            place = f"{address}" if count == 1 else f"{address} to {address + count - 1}"
            raise self.fault(pointer, f"leads to {what} at {place}, the core has {self.words.size} words")
        return slice(address, address + count)

    def take(self, address: int, count: int, what: str, pointer: int) -> NDArray[np.uint64]:
        """The words of a span, marked as read."""
        words = self.numbers(address, count, what, pointer)
        self.facts[address : address + count] = True
        return words

    def numbers(self, address: int, count: int, what: str, pointer: int) -> NDArray[np.uint64]:
        """The same of numbers that stand side by side."""
        span = self.span(address, count, what, pointer)
        self.read[span] = True
        return self.words[span]

    def word(self, kind: type[W], address: int, pointer: int) -> W:
        """One decoded word."""
        word = self.take(address, 1, f"the {kind.__name__.lower()} word", pointer)[0]
        try:
            return kind.decode(int(word))
        except WordError as error:
            raise self.fault(address, f"is no {kind.__name__.lower()} word: {error}") from None

    def array(self, kind: type[Word], addresses: Integers, pointer: int) -> dict[str, Integers]:
        """Many decoded words, as one array for each field."""
        if addresses.size:
            self.span(int(addresses.max()), 1, f"the {kind.__name__.lower()} word", pointer)
        self.read[addresses] = self.facts[addresses] = True
        try:
            return kind.decode_array(self.words[addresses])
        except WordError:
            for address in addresses.tolist():
                self.word(kind, address, pointer)
            raise
