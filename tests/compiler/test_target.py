"""Targets: what a file may say, what it leaves out, and that nothing is wired to one chip."""

import dataclasses
import re
import tomllib

import pytest
from oracle.graphs import random_input, random_recipe

from snc.backends.limits import LIMITS
from snc.compiler.target import load_target, parse_target, shipped, to_commented_toml
from snc.ir.chip import Chip
from snc.ir.errors import BadTarget, Origin
from snc.models.catalogue import build

from .trip import CHIP, assert_computes, compiled

ORIGIN = Origin(file="own.toml")


def own(**numbers: object) -> Chip:
    return parse_target({"name": "own", **numbers}, ORIGIN)


def test_what_a_file_leaves_out_is_the_default_targets() -> None:
    chip = own(mesh=[24, 12])
    assert chip == dataclasses.replace(CHIP, name="own", mesh=(24, 12))
    assert parse_target({"name": "grai-vip", "ports_max": 5}, ORIGIN).ports_max == 5


@pytest.mark.parametrize("key", [*LIMITS])
def test_every_number_is_checked_against_its_limits(key: str) -> None:
    low, high = LIMITS[key]
    for value in (low - 1, high + 1):
        with pytest.raises(BadTarget, match=rf"{key} = {value} is outside {low}\.\.{high}"):
            own(**{key: value})
    with pytest.raises(BadTarget, match=f"{key} = 'many' is no whole number"):
        own(**{key: "many"})


@pytest.mark.parametrize("key", ["mesh", "chip_mesh"])
@pytest.mark.parametrize("value", [12, [12], [12, 12, 12], ["12", 12], [True, 12], [0, 12]])
def test_sizes_in_x_and_y_are_pairs(key: str, value: object) -> None:
    with pytest.raises(BadTarget, match=rf"own.toml: {key} = "):
        own(**{key: value})


@pytest.mark.parametrize("name", shipped())
def test_a_commented_file_says_the_same_and_has_a_unit_for_every_number(name: str) -> None:
    chip = load_target(name)
    text = to_commented_toml(chip)
    assert parse_target(tomllib.loads(text), ORIGIN) == chip
    lines = {line.partition("=")[0].strip(): line for line in text.splitlines() if "=" in line}
    assert list(lines) == [field.name for field in dataclasses.fields(Chip)]
    units = re.compile("cores|words|neurons|channels|positions|axons|hops|bits|femtojoules|picoseconds")
    for key, line in lines.items():
        comment = line.partition("#")[2]
        assert key == "name" or units.search(comment), line
        assert key not in LIMITS or comment.endswith("{} to {}".format(*LIMITS[key]))


def test_a_small_chip_is_a_target_like_any_other() -> None:
    chip = load_target("embedded-16")
    assert (chip.cores, 8 * chip.core_words) == (16, 64 * 1024)
    for model in (build("digits"), random_recipe(7).model()):
        assert_computes(compiled(model, chip).image, model, random_input(model, 0))
