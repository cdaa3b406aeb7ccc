"""Frozen dataclasses as canonical JSON: one text for every value, and no other text is read.

A dataclass of `rows` is an array of its fields in order of declaration, any other an object; a tuple is an
array. Numbers are integers within 2^53 where the field says int, and finite where it says float. Keys are
sorted, no space is written, the encoding is UTF-8.
"""

import json
import math
from collections.abc import Collection
from dataclasses import fields, is_dataclass
from functools import cache
from typing import TypeVar, get_args, get_origin, get_type_hints

INTEGER_MAX = 2**53  # beyond it, readers that know only doubles go wrong
DIGITS_MAX = 40  # of a number's text; the longest double takes 24

T = TypeVar("T")


class NotPlain(ValueError):
    """A text that is not the canonical JSON of the type it should hold."""


def write_plain(kind: type[T], value: T, rows: Collection[type] = ()) -> bytes:
    """The canonical JSON of a value. Raises NotPlain when a value is not what its field says."""
    return _text(_simple(kind, value, rows, "value"))


def read_plain(kind: type[T], text: bytes, rows: Collection[type] = ()) -> T:
    """The value of a canonical JSON text. Raises NotPlain for any other text."""
    try:
        simple = json.loads(text.decode(), parse_int=_int, parse_float=_float, parse_constant=_constant)
    except RecursionError:
        raise NotPlain("is nested too deeply") from None
    except UnicodeDecodeError:
        raise NotPlain("is no UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise NotPlain(f"is no JSON: {error}") from None
    value = _typed(kind, simple, rows, "value")
    if _text(simple) != text:
        raise NotPlain("is not canonical JSON")
    assert isinstance(value, get_origin(kind) or kind)
    return value


def _int(digits: str) -> int:
    if len(digits) > DIGITS_MAX:
        raise NotPlain("has a number that is too long")
    return int(digits)


def _float(digits: str) -> float:
    if len(digits) > DIGITS_MAX:
        raise NotPlain("has a number that is too long")
    return float(digits)


def _constant(name: str) -> float:
    raise NotPlain(f"has a number that is {name}")


def _text(simple: object) -> bytes:
    try:
        text = json.dumps(simple, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()
    except ValueError as error:
        raise NotPlain(f"has no canonical JSON: {error}") from None


@cache
def members(kind: type) -> dict[str, object]:
    """The fields of a dataclass and their types, in order of declaration."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _items(kind: object, count: int, where: str) -> list[object]:
    """The types of a tuple's elements."""
    kinds: tuple[object, ...] = get_args(kind)
    if kinds[-1] is Ellipsis:
        return [kinds[0]] * count
    if len(kinds) != count:
        raise NotPlain(f"{where} has {count} elements, not {len(kinds)}")
    return list(kinds)


def _simple(kind: object, value: object, rows: Collection[type], where: str) -> object:
    """What JSON holds for a value: dictionaries, lists, strings and numbers."""
    if isinstance(kind, type) and is_dataclass(kind):
        held = [
            _simple(item, getattr(value, name), rows, f"{where}.{name}")
            for name, item in members(kind).items()
        ]
        return held if kind in rows else dict(zip(members(kind), held, strict=True))
    if get_origin(kind) is tuple:
        if not isinstance(value, tuple):
            raise NotPlain(f"{where} is no tuple")
        kinds = _items(kind, len(value), where)
        pairs = zip(kinds, value, strict=True)
        return [_simple(item, part, rows, f"{where}[{i}]") for i, (item, part) in enumerate(pairs)]
    if kind is float and isinstance(value, int | float):
        value = float(value)
    return _checked(kind, value, where)


def _typed(kind: object, simple: object, rows: Collection[type], where: str) -> object:
    """The value that stands behind what JSON holds, every part of the type that its field says."""
    if isinstance(kind, type) and is_dataclass(kind):
        parts = members(kind)
        if kind in rows:
            if not isinstance(simple, list) or len(simple) != len(parts):
                raise NotPlain(f"{where} is no array of {len(parts)}")
            simple = dict(zip(parts, simple, strict=True))
        if not isinstance(simple, dict) or simple.keys() != parts.keys():
            raise NotPlain(f"{where} is no object of {', '.join(sorted(parts))}")
        return kind(**{n: _typed(item, simple[n], rows, f"{where}.{n}") for n, item in parts.items()})
    if get_origin(kind) is tuple:
        if not isinstance(simple, list):
            raise NotPlain(f"{where} is no array")
        pairs = zip(_items(kind, len(simple), where), simple, strict=True)
        return tuple(_typed(item, part, rows, f"{where}[{i}]") for i, (item, part) in enumerate(pairs))
    return _checked(kind, simple, where)


def _checked(kind: object, value: object, where: str) -> object:
    """A string or a number, of exactly the type that its field says."""
    if kind not in (int, float, str):
        raise TypeError(f"{where}: {kind} has no plain form")
    if type(value) is not kind:
        raise NotPlain(f"{where} is not of type {kind.__name__}")
    if isinstance(value, int) and abs(value) > INTEGER_MAX:
        raise NotPlain(f"{where} is beyond 2^53")
    if isinstance(value, float) and not math.isfinite(value):
        raise NotPlain(f"{where} is not finite")
    return value
