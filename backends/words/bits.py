"""Words of 64 bits, declared field by field; the one place where values become bits and bits become values.

A class derived from `Word` names its fields, their widths and their meaning once. Encoder, decoder, array
decoder, listing, manual and the strategies of the property tests are read off the declaration. Nothing is
masked: a value that does not fit raises, and so does a padding bit that is set.
"""

import math
import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, Self, dataclass_transform

import numpy as np
from numpy.typing import NDArray

WORD_BITS = 64
WORD_BYTES = WORD_BITS // 8


class WordError(ValueError):
    """A value that a word cannot hold, or bits that no value stands for."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a word: where it lies, what it holds, and which values fit."""

    name: str
    shift: int
    width: int
    doc: str
    signed: bool = False
    minus_one: bool = False
    is_float: bool = False
    is_padding: bool = False
    choices: type[IntEnum] | None = None

    @property
    def last(self) -> int:
        """The number of the field's highest bit; `shift` is that of its lowest."""
        return self.shift + self.width - 1

    @property
    def minimum(self) -> int:
        """The smallest integer the field holds."""
        if self.signed:
            return -(1 << (self.width - 1))
        return 1 if self.minus_one else 0

    @property
    def maximum(self) -> int:
        """The largest integer the field holds."""
        if self.is_padding:
            return 0
        if self.signed:
            return (1 << (self.width - 1)) - 1
        return (1 << self.width) - (0 if self.minus_one else 1)

    @property
    def mask(self) -> int:
        """The field's ones, at bit 0."""
        return (1 << self.width) - 1

    def fit(self, value: float) -> int | float:
        """The value as the field holds it: an int, a member of `choices`, or a number rounded to a single.

        Raises WordError when the value does not fit. No field holds a NaN.
        """
        if self.is_float:
            try:
                single = float(struct.unpack("<f", struct.pack("<f", value))[0])
            except OverflowError:
                raise WordError(f"{self.name} = {value} is beyond float32") from None
            if math.isnan(single):
                raise WordError(f"{self.name} is not a number")
            return single
        if not math.isfinite(value) or int(value) != value or not self.minimum <= value <= self.maximum:
            raise WordError(f"{self.name} = {value} is no integer in {self.minimum}..{self.maximum}")
        return int(value) if self.choices is None else self._choice(int(value))

    def to_bits(self, value: float) -> int:
        """The field's bits, at bit 0. Raises WordError when the value does not fit."""
        held = self.fit(value)
        if self.is_float:
            return int(struct.unpack("<I", struct.pack("<f", held))[0])
        return (int(held) - self.minus_one) & self.mask

    def from_bits(self, raw: int) -> int | float:
        """The value that the field's bits stand for. Raises WordError when no value does."""
        if self.is_float:
            return self.fit(struct.unpack("<f", struct.pack("<I", raw))[0])
        if self.signed and raw >> (self.width - 1):
            return raw - (1 << self.width)
        return self.fit(raw + self.minus_one)

    def _choice(self, number: int) -> int:
        assert self.choices is not None
        try:
            return self.choices(number)
        except ValueError:
            raise WordError(f"{self.name} = {number} is no {self.choices.__name__}") from None


@dataclass(frozen=True, slots=True)
class _Declared:
    width: int
    doc: str
    signed: bool
    minus_one: bool
    is_float: bool
    is_padding: bool
    choices: type[IntEnum] | None
    default: Any


def bits(
    width: int,
    doc: str,
    *,
    signed: bool = False,
    minus_one: bool = False,
    choices: type[IntEnum] | None = None,
    default: Any = None,
) -> Any:
    """Declares a field of `width` bits. `minus_one`: the bits hold value - 1, so zero is never a value."""
    return _Declared(width, doc, signed, minus_one, False, False, choices, default)


def float32(doc: str, *, default: Any = None) -> Any:
    """Declares a field of 32 bits that holds an IEEE 754 single."""
    return _Declared(32, doc, False, False, True, False, None, default)


def padding(width: int) -> Any:
    """Declares `width` bits that are zero."""
    return _Declared(width, "zero", False, False, False, True, None, 0)


def _reader(index: int, doc: str) -> property:
    def read(self: "Word") -> int | float:
        return self._values[index]

    return property(read, doc=doc)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(bits, float32))
class Word:
    """A 64-bit word. Fields are listed from bit 0 upwards and fill the word exactly."""

    FIELDS: ClassVar[tuple[Field, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}
    __slots__ = ("_values",)
    _values: tuple[int | float, ...]

    def __init_subclass__(cls) -> None:
        declared = {name: value for name, value in vars(cls).items() if isinstance(value, _Declared)}
        fields, shift = [], 0
        for name, d in declared.items():
            assert name not in dir(Word), f"{cls.__name__}: {name} is a word of Word's own"
            fields.append(
                Field(name, shift, d.width, d.doc, d.signed, d.minus_one, d.is_float, d.is_padding, d.choices)
            )
            shift += d.width
        assert shift == WORD_BITS, f"{cls.__name__} has {shift} bits"
        cls.FIELDS = tuple(fields)
        cls._defaults = {name: d.default for name, d in declared.items() if d.default is not None}
        for index, field in enumerate(fields):
            setattr(cls, field.name, _reader(index, field.doc))

    def __init__(self, **values: int | float) -> None:
        given = self._defaults | values
        held = []
        for field in self.FIELDS:
            if field.name not in given:
                raise TypeError(f"{type(self).__name__} needs {field.name}")
            held.append(field.fit(given.pop(field.name)))
        if given:
            raise TypeError(f"{type(self).__name__} has no field {', '.join(given)}")
        object.__setattr__(self, "_values", tuple(held))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Word) and type(self) is type(other) and self.encode() == other.encode()

    def __hash__(self) -> int:
        return hash((type(self), self.encode()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!s}' for name, value in self.items())})"

    def items(self) -> list[tuple[str, int | float]]:
        """The fields' names and values, padding left out, from bit 0 upwards."""
        pairs = zip(self.FIELDS, self._values, strict=True)
        return [(field.name, value) for field, value in pairs if not field.is_padding]

    def encode(self) -> int:
        """The word as an unsigned integer of 64 bits."""
        pairs = zip(self.FIELDS, self._values, strict=True)
        return sum(field.to_bits(value) << field.shift for field, value in pairs)

    @classmethod
    def decode(cls, word: int) -> Self:
        """The word's fields. Raises WordError when a padding bit is set or a code is unknown."""
        number = int(word)
        if not 0 <= number < 1 << WORD_BITS:
            raise WordError(f"{number} is no word of {WORD_BITS} bits")
        values = {field.name: field.from_bits(number >> field.shift & field.mask) for field in cls.FIELDS}
        return cls(**values)

    @classmethod
    def field(cls, name: str) -> Field:
        """The declaration of one field."""
        return next(field for field in cls.FIELDS if field.name == name)

    @classmethod
    def decode_array(cls, words: NDArray[np.uint64]) -> dict[str, NDArray[np.int64]]:
        """Every integer field of many words, as arrays of their shape. Raises WordError as `decode` does."""
        found = {}
        for field in cls.FIELDS:
            raw = ((words >> np.uint64(field.shift)) & np.uint64(field.mask)).astype(np.int64)
            if field.is_float:
                if np.isnan(raw.astype(np.uint32).view(np.float32)).any():
                    raise WordError(f"{cls.__name__}: a {field.name} is not a number")
                continue
            if field.signed:
                raw = np.where(raw > field.maximum, raw - (1 << field.width), raw)
            raw = raw + int(field.minus_one)
            known = {0} if field.is_padding else set(field.choices) if field.choices else None
            if known is not None and not np.isin(raw, list(known)).all():
                raise WordError(f"{cls.__name__}: a {field.name} is none of {sorted(int(k) for k in known)}")
            found[field.name] = raw
        return found


def pack(values: NDArray[Any]) -> NDArray[np.uint64]:
    """Numbers side by side in words, the first in the lowest bits; zero bits fill up the last word."""
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    data += bytes(-len(data) % WORD_BYTES)
    return np.frombuffer(data, dtype="<u8").astype(np.uint64)


def unpack(words: NDArray[np.uint64], dtype: str, count: int) -> NDArray[Any]:
    """The first `count` numbers of the little-endian type `dtype` that lie side by side in words."""
    return np.frombuffer(words.astype("<u8").tobytes(), dtype=dtype, count=count)


def words_for(count: int, bits_each: int) -> int:
    """How many words hold `count` numbers of `bits_each` bits side by side."""
    return -(-count * bits_each // WORD_BITS)
