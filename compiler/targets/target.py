"""Target files: a chip's numbers as TOML, checked against the limits of its kind."""

import json
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from ...ir.chip import Chip
from ...ir.errors import BadTarget, Origin, TargetRule, raise_all
from .kinds import CROSSBAR, ESU, KINDS, Fault, Kind, kind_of, shipped_text

DEFAULT_TARGET = "grai-vip"
FILE_BYTES_MAX = 100_000
START = "start from 'snc target show grai-vip'"
INTRODUCTION = """\
# A target chip. Lines left out say what {sample} says.
# Words, and the widths of their fields, are the same for all targets: the ranges at the end of the lines are
# what the fields hold, and a target may only be smaller.

"""


def shipped() -> tuple[str, ...]:
    """The names of the targets that come with the package."""
    files = resources.files(__package__).iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def load_target(name: str) -> Chip:
    """The chip of a shipped target's name or of a TOML file's path. Raises BadTarget."""
    origin = Origin(file=name)
    if name in shipped():
        text = shipped_text(name)
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
            raise BadTarget(origin, "is no TOML file", START, TargetRule.SYNTAX) from None
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadTarget(origin, f"is no TOML file: {error}", START, TargetRule.SYNTAX) from None
    return parse_target(found, origin)


def load_cores(name: str) -> Chip:
    """The chip of cores of a shipped target's name or of a TOML file's path. Raises BadTarget for others."""
    chip: object = load_target(name)
    if kind_of(chip) is CROSSBAR:
        rule = "is a chip of crossbars, which this command does not take"
        hint = f"take a chip of cores, such as {DEFAULT_TARGET}"
        raise BadTarget(Origin(file=name), rule, hint, TargetRule.KIND)
    return load_target(name)


def parse_target(found: Mapping[str, object], origin: Origin) -> Chip:
    """The chip of a target file's table; numbers it leaves out are those of its kind's sample. Raises
    BadTarget, or all that is wrong at once: beside what is no number, the numbers are checked all the same.
    """
    said = dict(found)
    kind = _kind(said.pop("kind", ESU.name), origin)
    facts = tomllib.loads(kind.sample())
    facts.pop("kind", None)
    faults: list[Fault] = []
    for key, value in said.items():
        if (fault := _misstated(key, value, kind)) is not None:
            faults.append(fault)
        else:
            facts[key] = value
    facts |= {key: tuple(facts[key]) for key in kind.pairs}
    chip: Chip = kind.chip(**facts)  # what its kind declares
    faults += kind.faults(chip)
    raise_all(BadTarget(origin, *fault) for fault in faults)
    return chip


def _misstated(key: str, value: object, kind: Kind) -> Fault | None:
    """What is wrong with a line of a target file before it is compared with any limit."""
    if key not in kind.numbers:
        known = f"known are {', '.join(sorted(kind.numbers))}"
        return Fault(f"{key!r} is no number of a target", known, TargetRule.KEY)
    if key == "name":
        if isinstance(value, str):
            return None
        return Fault(f"name = {value} is no text", 'write name = "my-chip"', TargetRule.TYPE)
    if key in kind.pairs:
        match value:
            case [int(x), int(y)] if type(x) is type(y) is int:
                return None
        return Fault(f"{key} = {value} is no pair of numbers", f"write {key} = [12, 12]", TargetRule.TYPE)
    if type(value) is not int:
        return Fault(f"{key} = {value!r} is no whole number", "write a whole number", TargetRule.TYPE)
    return None


def _kind(name: object, origin: Origin) -> Kind:
    if not isinstance(name, str) or name not in KINDS:
        known = ", ".join(f"{kind.name} ({kind.text})" for kind in KINDS.values())
        rule = f"kind = {name!r} is no kind of chip"
        raise BadTarget(origin, rule, f"known are {known}", TargetRule.KIND)
    return KINDS[name]


def to_toml(chip: object) -> str:
    """A chip as a target file, every number with the words that its kind's sample has for it."""
    kind = kind_of(chip)
    lines = {"kind": f"kind = {json.dumps(kind.name)}"}
    lines |= {key: f"{key} = {_value(getattr(chip, key))}" for key in kind.numbers}
    comments = {"kind": kind.text} | _comments(kind.sample())
    column = max(len(line) for key, line in lines.items() if key in comments) + 2
    return "".join(
        f"{line:{column}}# {comments[key]}\n" if key in comments else f"{line}\n"
        for key, line in lines.items()
    )


def to_commented_toml(chip: object) -> str:
    """A target file to change: every number with its unit and its limits."""
    kind = kind_of(chip)
    limits = {key: f"{low} to {high}" for key, (low, high) in kind.limits.items()} | dict(kind.pairs)
    shown = []
    for line in to_toml(chip).splitlines():
        key = line.partition("=")[0].strip()
        shown.append(f"{line}; {limits[key]}" if key in limits else line)
    sample = tomllib.loads(kind.sample())["name"]
    return INTRODUCTION.format(sample=sample) + "\n".join(shown) + "\n"


def _value(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(value)  # TOML's basic strings are JSON's
    return str(list(value) if isinstance(value, tuple) else value)


def _comments(text: str) -> dict[str, str]:
    """What a target file says of each number."""
    found = (line.partition("#") for line in text.splitlines())
    return {
        assignment.partition("=")[0].strip(): words.strip()
        for assignment, mark, words in found
        if mark and "=" in assignment
    }
