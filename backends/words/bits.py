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

from ...ir.storage.bitrun import WORD_BITS as WORD_BITS
from ...ir.storage.bitrun import WORD_BYTES as WORD_BYTES
from ...ir.storage.bitrun import code_type
from ...ir.storage.bitrun import words_for as words_for
from .numbering import Codes as Codes
from .numbering import label as label

ONES = 2**WORD_BITS - 1


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
    codes: Codes[Any] | None = None

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

    def fit(self, value: Any) -> Any:
        """The value as the field holds it: an int, a thing of `codes`, or a number rounded to a single.

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
        if self.codes is not None:
            return self._thing(self._number(value))
        if not math.isfinite(value) or int(value) != value or not self.minimum <= value <= self.maximum:
            raise WordError(f"{self.name} = {value} is no integer in {self.minimum}..{self.maximum}")
        return int(value)

    def to_bits(self, held: Any) -> int:
        """The field's bits, at bit 0, of a value as `fit` gives it."""
        if self.codes is not None:
            return self._number(held)
        if self.is_float:
            return int(struct.unpack("<I", struct.pack("<f", held))[0])
        return (held - self.minus_one) & self.mask  # type: ignore[no-any-return]

    def to_bits_array(self, values: NDArray[np.int64]) -> NDArray[np.uint64]:
        """The field's bits, at bit 0, of many integers. Raises WordError when one does not fit."""
        is_integer = self.codes is None and not self.is_float
        assert is_integer, "other values are not checked here"
        wrong = (values < self.minimum) | (values > self.maximum)
        if wrong.any():
            self.fit(int(values[wrong][0]))
        return (values - int(self.minus_one)).astype(np.uint64) & np.uint64(self.mask)

    def from_bits(self, raw: int) -> Any:
        """The value that the field's bits stand for. Raises WordError when no value does."""
        if self.is_float:
            return self.fit(struct.unpack("<f", struct.pack("<I", raw))[0])
        if self.codes is not None:
            return self._thing(raw)
        if self.signed and raw >> (self.width - 1):
            return raw - (1 << self.width)
        return self.fit(raw + self.minus_one)

    def _number(self, thing: Any) -> int:
        assert self.codes is not None
        number = self.codes.number(thing)
        if number is None or number > self.mask:
            raise WordError(f"{self.name} = {thing} is no {self.codes.title}")
        return number

    def _thing(self, number: int) -> Any:
        assert self.codes is not None
        found = self.codes.thing(number)
        if found is None:
            raise WordError(f"{self.name} = {number} is no {self.codes.title}")
        return found


@dataclass(frozen=True, slots=True)
class _Declared:
    width: int
    doc: str
    signed: bool
    minus_one: bool
    is_float: bool
    is_padding: bool
    codes: Codes[Any] | None
    default: Any


def bits(
    width: int,
    doc: str,
    *,
    signed: bool = False,
    minus_one: bool = False,
    codes: Codes[Any] | type[IntEnum] | None = None,
    default: Any = None,
) -> Any:
    """Declares a field of `width` bits. `minus_one`: the bits hold value - 1, so zero is never a value.

    `codes`: the bits are the number of a thing.
    """
    if isinstance(codes, type):
        codes = Codes(codes.__name__, {member: int(member) for member in codes})
    return _Declared(width, doc, signed, minus_one, False, False, codes, default)


def float32(doc: str, *, default: Any = None) -> Any:
    """Declares a field of 32 bits that holds an IEEE 754 single."""
    return _Declared(32, doc, False, False, True, False, None, default)


def padding(width: int) -> Any:
    """Declares `width` bits that are zero."""
    return _Declared(width, "zero", False, False, False, True, None, 0)


def _reader(index: int, doc: str) -> property:
    def read(self: "Word") -> Any:
        return self._values[index]

    return property(read, doc=doc)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(bits, float32))
class Word:
    """A 64-bit word. Fields are listed from bit 0 upwards and fill the word exactly."""

    FIELDS: ClassVar[tuple[Field, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}
    __slots__ = ("_values",)
    _values: tuple[Any, ...]

    def __init_subclass__(cls) -> None:
        declared = {name: value for name, value in vars(cls).items() if isinstance(value, _Declared)}
        fields, shift = [], 0
        for name, d in declared.items():
            assert name not in dir(Word), f"{cls.__name__}: {name} is a word of Word's own"
            fields.append(
                Field(name, shift, d.width, d.doc, d.signed, d.minus_one, d.is_float, d.is_padding, d.codes)
            )
            shift += d.width
        assert shift == WORD_BITS, f"{cls.__name__} has {shift} bits"
        cls.FIELDS = tuple(fields)
        cls._defaults = {name: d.default for name, d in declared.items() if d.default is not None}
        for index, field in enumerate(fields):
            setattr(cls, field.name, _reader(index, field.doc))

    def __init__(self, **values: Any) -> None:
        given = self._given(values)
        held = tuple(field.fit(value) for field, value in zip(self.FIELDS, given, strict=True))
        object.__setattr__(self, "_values", held)

    @classmethod
    def _given(cls, values: dict[str, Any]) -> list[Any]:
        """A value for each field, the defaults among them."""
        given = cls._defaults | values
        for field in cls.FIELDS:
            if field.name not in given:
                raise TypeError(f"{cls.__name__} needs {field.name}")
        found = [given.pop(field.name) for field in cls.FIELDS]
        if given:
            raise TypeError(f"{cls.__name__} has no field {', '.join(given)}")
        return found

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Word) and type(self) is type(other) and self.encode() == other.encode()

    def __hash__(self) -> int:
        return hash((type(self), self.encode()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!s}' for name, value in self.items())})"

    def items(self) -> list[tuple[str, Any]]:
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
    def encode_array(cls, **values: Any) -> NDArray[np.uint64]:
        """Many words, each as `encode` makes it: fields are arrays of integers, or one value for all words.
        Raises WordError when a value does not fit.
        """
        words: Any = np.uint64(0)
        for field, value in zip(cls.FIELDS, cls._given(values), strict=True):
            each = isinstance(value, np.ndarray)
            held = field.to_bits_array(value) if each else np.uint64(field.to_bits(field.fit(value)))
            words = words | held << np.uint64(field.shift)
        return np.asarray(words, dtype=np.uint64)

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
            known = {0} if field.is_padding else set(field.codes.numbers.values()) if field.codes else None
            if known is not None and not np.isin(raw, list(known)).all():
                raise WordError(f"{cls.__name__}: a {field.name} is none of {sorted(known)}")
            found[field.name] = raw
        return found


def pack(codes: NDArray[Any], bits_each: int) -> NDArray[np.uint64]:
    """Rows of codes of so many bits, each end to end in words, the first in the lowest bits, then zeros."""
    period = math.lcm(bits_each, WORD_BITS)  # after so many bits, a code begins at the beginning of a word
    codes_each, words_each = period // bits_each, period // WORD_BITS
    *rows, count = codes.shape
    rounds = -(-count // codes_each)
    padded = np.zeros((*rows, rounds * codes_each), dtype=np.uint64)
    padded[..., :count] = codes
    assert not codes.size or int(padded.max()) >> bits_each == 0, "a code has more bits than it may have"
    given = padded.reshape(*rows, rounds, codes_each)
    words = np.zeros((*rows, rounds, words_each), dtype=np.uint64)
    for i in range(codes_each):
        word, bit = divmod(i * bits_each, WORD_BITS)
        words[..., word] |= given[..., i] << np.uint64(bit)
        if bit + bits_each > WORD_BITS:
            words[..., word + 1] |= given[..., i] >> np.uint64(WORD_BITS - bit)
    return words.reshape(*rows, rounds * words_each)[..., : words_for(count, bits_each)]


def unpack(words: NDArray[np.uint64], bits_each: int, count: int) -> NDArray[Any]:
    """The first `count` codes of so many bits that lie end to end in words."""
    if words_for(count, bits_each) > words.size:
        raise ValueError(f"{words.size} words hold no {count} codes of {bits_each} bits")
    period = math.lcm(bits_each, WORD_BITS)
    codes_each, words_each = period // bits_each, period // WORD_BITS
    rounds = -(-count // codes_each)
    padded = np.zeros(rounds * words_each, dtype=np.uint64)
    held = words[: padded.size]
    padded[: held.size] = held
    given = padded.reshape(rounds, words_each)
    codes = np.empty((rounds, codes_each), dtype=code_type(bits_each))
    mask = np.uint64(ONES >> (WORD_BITS - bits_each))
    for i in range(codes_each):
        word, bit = divmod(i * bits_each, WORD_BITS)
        found = given[:, word] >> np.uint64(bit)
        if bit + bits_each > WORD_BITS:
            found = found | given[:, word + 1] << np.uint64(WORD_BITS - bit)
        codes[:, i] = found & mask
    return codes.ravel()[:count]


class Gather:
    """Reads runs of codes that begin anywhere in some words."""

    def __init__(self, words: NDArray[np.uint64]) -> None:
        self.words = words
        self._whole: dict[int, NDArray[Any]] = {}

    def rows(self, bits_each: int, first_bits: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[Any]:
        """A row of codes for each first bit: those of `order`, of all that lie end to end from there on."""
        if WORD_BITS % bits_each == 0 and not (first_bits % bits_each).any():
            if bits_each not in self._whole:  # they are where they would be if all the words held such codes
                count = self.words.size * WORD_BITS // bits_each
                self._whole[bits_each] = unpack(self.words, bits_each, count)
            return np.asarray(self._whole[bits_each][(first_bits // bits_each)[:, None] + order])
        places = first_bits[:, None] + order * bits_each
        word, bit = places // WORD_BITS, (places % WORD_BITS).astype(np.uint64)
        more = np.minimum(word + 1, self.words.size - 1)
        # A shift by all bits is none in numpy: so the upper part goes in two steps.
        upper = self.words[more] << (np.uint64(WORD_BITS - 1) - bit) << np.uint64(1)
        found = (self.words[word] >> bit | upper) & np.uint64(ONES >> (WORD_BITS - bits_each))
        return np.asarray(found, dtype=code_type(bits_each))
