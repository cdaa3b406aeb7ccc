"""Targets: a chip's limits from a TOML file, checked against what the words hold."""

import dataclasses
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from ..backends.limits import beyond
from ..ir.chip import Chip
from ..ir.errors import BadTarget, Origin

DEFAULT_TARGET = "grai-vip"
FILE_BYTES_MAX = 100_000


def shipped() -> tuple[str, ...]:
    """The names of the targets that come with the package."""
    files = resources.files(__package__).iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def load_target(name: str) -> Chip:
    """The chip of a shipped target's name or of a TOML file's path. Raises BadTarget."""
    origin = Origin(file=name)
    if name in shipped():
        text = resources.files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
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
            origin, f"is no TOML file ({error})", hint="start from 'snc target show grai-vip'"
        ) from None
    return parse_target(found, origin)


def parse_target(found: Mapping[str, object], origin: Origin) -> Chip:
    """The chip of a target file's table; numbers it leaves out are those of the default target. Raises
    BadTarget.
    """
    default = {} if found.get("name") == DEFAULT_TARGET else dataclasses.asdict(load_target(DEFAULT_TARGET))
    fields = {field.name for field in dataclasses.fields(Chip)}
    for key in found:
        if key not in fields:
            raise BadTarget(
                origin, f"{key!r} is no number of a target", hint=f"known are {', '.join(sorted(fields))}"
            )
    facts = {**default, **found}
    mesh = facts.get("mesh")
    if not isinstance(mesh, (list, tuple)) or len(mesh) != 2 or not all(type(n) is int for n in mesh):
        raise BadTarget(origin, f"mesh = {mesh} is no pair of numbers", hint="write mesh = [12, 12]")
    for key, value in facts.items():
        if key == "name" and not isinstance(value, str):
            raise BadTarget(origin, f"name = {value} is no text", hint='write name = "my-chip"')
        if key not in ("name", "mesh") and type(value) is not int:
            raise BadTarget(origin, f"{key} = {value!r} is no whole number", hint="write a whole number")
    chip = Chip(**{**facts, "mesh": (mesh[0], mesh[1])})
    for sentence in beyond(chip):
        raise BadTarget(origin, sentence, hint="the words' fields hold no more")
    for key in ("stride_max", "upsampling_max"):
        value = getattr(chip, key)
        if value & (value - 1):
            raise BadTarget(origin, f"{key} = {value} is no power of two", hint="write a power of two")
    return chip


def to_toml(chip: Chip) -> str:
    """A chip as a target file."""
    lines = []
    for field in dataclasses.fields(Chip):
        value = getattr(chip, field.name)
        shown = (
            f'"{value}"'
            if isinstance(value, str)
            else str(list(value))
            if isinstance(value, tuple)
            else str(value)
        )
        lines.append(f"{field.name} = {shown}")
    return "\n".join(lines) + "\n"
