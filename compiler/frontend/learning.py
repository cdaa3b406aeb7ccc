"""The rule by which a network learns on the chip, as a TOML file says it."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...ir.errors import BadInput, Origin, raise_all
from ...ir.firing.learning import NOISE_MODULUS, Learning, Rounding

START = 'write from = "input" and to = "neurons", the names of two layers'
SINGLES = 2**24  # whole numbers up to here are exact in single precision
ROUNDINGS = {str(rounding): rounding for rounding in Rounding}


@dataclass(frozen=True, slots=True)
class _Key:
    """A line of the file: the field that it sets, which values it takes, in words, and what they become."""

    field: str
    takes: str
    is_one: Callable[[object], bool]
    read: Callable[[object], object] = lambda value: value


def _whole(field: str, least: int, most: int) -> _Key:
    def is_one(value: object) -> bool:
        return type(value) is int and least <= value <= most

    return _Key(field, f"a whole number from {least} to {most}", is_one)


def _number(field: str) -> _Key:
    def is_one(value: object) -> bool:
        return (
            type(value) in (int, float)
            and float(str(value)).is_integer()
            and abs(float(str(value))) <= SINGLES
        )

    return _Key(field, f"a whole number up to {SINGLES}", is_one, lambda value: float(str(value)))


def _name(field: str) -> _Key:
    return _Key(field, "a layer's name", lambda value: isinstance(value, str))


KEYS = {
    "from": _name("source"),
    "to": _name("to"),
    "window": _whole("window", 0, 255),
    "shift": _whole("shift", 0, 14),
    "maximum": _whole("maximum", 1, 127),
    "growth": _number("growth"),
    "settled": _number("settled"),
    "bits": _whole("bits", 2, 8),
    "rounding": _Key(
        "rounding",
        f"one of {', '.join(ROUNDINGS)}",
        lambda value: isinstance(value, str) and value in ROUNDINGS,
        lambda value: ROUNDINGS[str(value)],
    ),
    "seed": _whole("noise", 0, NOISE_MODULUS - 1),
}


def load_rule(path: Path) -> Learning:
    """The rule of a file. Raises BadInput, with all that is wrong at once."""
    origin = Origin(file=path.name)
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(origin, f"cannot be read: {error.strerror}", hint="give a TOML file") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(origin, f"is no TOML file: {error}", hint=START) from None
    return read_rule(found, origin)


def read_rule(found: Mapping[str, object], origin: Origin) -> Learning:
    """The rule of a file's table; what it leaves out is as the shipped network's."""
    problems = []
    facts: dict[str, object] = {}
    for name, value in found.items():
        key = KEYS.get(name)
        if key is None:
            rule = f"{name!r} says nothing of a rule of learning"
            problems.append(BadInput(origin, rule, hint=f"known are {', '.join(KEYS)}"))
        elif not key.is_one(value):
            problems.append(
                BadInput(origin, f"{name} = {value!r} is not what it takes", hint=f"give {key.takes}")
            )
        else:
            facts[key.field] = key.read(value)
    missing = (name for name in ("from", "to") if name not in found)
    problems += [BadInput(origin, f"does not say {name!r}", hint=START) for name in missing]
    raise_all(problems)
    return Learning(**facts)  # type: ignore[arg-type]
