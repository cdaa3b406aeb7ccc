"""Numbers that stand in a field of a word for things that have names."""

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Codes(Generic[K]):
    """The numbers that stand in a field for things: `title` is what a table of them is called."""

    def __init__(self, title: str, numbers: dict[K, int]) -> None:
        self.title = title
        self.numbers = numbers

    def __iter__(self) -> Iterator[K]:
        return iter(self.numbers)

    def number(self, thing: K) -> int | None:
        """What stands for a thing, if anything does."""
        return self.numbers.get(thing)

    def thing(self, number: int) -> K | None:
        """What a number stands for, if it is anything."""
        for thing, known in self.numbers.items():  # asked very often
            if known == number:
                return thing
        return None


def label(thing: object) -> str:
    """The name by which a listing and the manual call a thing that has a code."""
    return str(getattr(thing, "name", thing)).upper()
