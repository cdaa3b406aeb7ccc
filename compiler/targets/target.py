"""Targets: a chip's limits from a TOML file, checked against what the words hold."""

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from ...backends.words.limits import CORES, LIMITS, beyond
from ...ir.chip import Chip
from ...ir.errors import BadTarget, Origin, raise_all

DEFAULT_TARGET = "grai-vip"
FILE_BYTES_MAX = 100_000
INTRODUCTION = f"""\
# A target chip. Lines left out say what {DEFAULT_TARGET} says.
# Words, and the widths of their fields, are the same for all targets: the ranges at the end of the lines are
# what the fields hold, and a target may only be smaller.

"""
PAIRS = ("mesh", "chip_mesh")  # numbers in X and in Y


def shipped() -> tuple[str, ...]:
    """The names of the targets that come with the package."""
    files = resources.files(__package__).iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8")


def load_target(name: str) -> Chip:
    """The chip of a shipped target's name or of a TOML file's path. Raises BadTarget."""
    origin = Origin(file=name)
    if name in shipped():
        text = _text(name)
    else:
        path = Path(name)
        try:
            data = path.read_bytes() if path.stat().st_size <= FILE_BYTES_MAX else b"\xff"
            text = data.decode("utf-8")
        except OSError:
            known = ", ".join(shipped())
            raise BadTarget(
                origin, "is neither a shipped target nor a file that can be read", hint=f"shipped are {known}"
            ) from None
        except UnicodeDecodeError:
            raise BadTarget(origin, "is no TOML file", hint="start from 'snc target show grai-vip'") from None
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadTarget(
            origin, f"is no TOML file: {error}", hint="start from 'snc target show grai-vip'"
        ) from None
    return parse_target(found, origin)


def parse_target(found: Mapping[str, object], origin: Origin) -> Chip:
    """The chip of a target file's table; numbers it leaves out are those of the default target. Raises
    BadTarget.
    """
    fields = {field.name for field in dataclasses.fields(Chip)}
    for key in found:
        if key not in fields:
            raise BadTarget(
                origin, f"{key!r} is no number of a target", hint=f"known are {', '.join(sorted(fields))}"
            )
    facts = {**tomllib.loads(_text(DEFAULT_TARGET)), **found}
    for key, value in facts.items():
        if key == "name" and not isinstance(value, str):
            raise BadTarget(origin, f"name = {value} is no text", hint='write name = "my-chip"')
        if key in PAIRS:
            facts[key] = _pair(key, value, origin)
        elif key != "name" and type(value) is not int:
            raise BadTarget(origin, f"{key} = {value!r} is no whole number", hint="write a whole number")
    chip = Chip(**facts)
    raise_all(BadTarget(origin, sentence, hint="the words' fields hold no more") for sentence in beyond(chip))
    raise_all(
        BadTarget(origin, f"{key} = {value} is no power of two", hint="write a power of two")
        for key in ("stride_max", "upsampling_max")
        if (value := getattr(chip, key)) & (value - 1)
    )
    return chip


def _pair(key: str, value: object, origin: Origin) -> tuple[int, int]:
    match value:
        case [int(x), int(y)] if type(x) is type(y) is int:
            return x, y
    raise BadTarget(origin, f"{key} = {value} is no pair of numbers", hint=f"write {key} = [12, 12]")


def to_toml(chip: Chip) -> str:
    """A chip as a target file, every number with the words that the shipped file has for it."""
    lines = {field.name: _assignment(chip, field.name) for field in dataclasses.fields(Chip)}
    comments = _comments()
    column = max(len(line) for key, line in lines.items() if key in comments) + 2
    return "".join(
        f"{line:{column}}# {comments[key]}\n" if key in comments else f"{line}\n"
        for key, line in lines.items()
    )


def to_commented_toml(chip: Chip) -> str:
    """A target file to change: every number with its unit and its limits."""
    lines = to_toml(chip).splitlines()
    limits = {key: f"{low} to {high}" for key, (low, high) in LIMITS.items()}
    limits |= dict.fromkeys(PAIRS, f"1 to {CORES} cores")
    shown = []
    for line in lines:
        key = line.partition("=")[0].strip()
        shown.append(f"{line}; {limits[key]}" if key in limits else line)
    return INTRODUCTION + "\n".join(shown) + "\n"


def _assignment(chip: Chip, key: str) -> str:
    value = getattr(chip, key)
    if isinstance(value, str):
        return f"{key} = {json.dumps(value)}"  # TOML's basic strings are JSON's
    return f"{key} = {list(value) if isinstance(value, tuple) else value}"


def _comments() -> dict[str, str]:
    """What the default target's file says of each number."""
    found = (line.partition("#") for line in _text(DEFAULT_TARGET).splitlines())
    return {
        assignment.partition("=")[0].strip(): words.strip()
        for assignment, mark, words in found
        if mark and "=" in assignment
    }
