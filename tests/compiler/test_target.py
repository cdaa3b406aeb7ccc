"""Targets: what a file may say, what it leaves out, and that nothing is wired to one chip."""

import dataclasses
import pickle
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from backends.by_the_manual import Chip as ByTheManual
from oracle import layers
from oracle.graphs import random_input, random_recipe
from oracle.writer import Writer

from snc.backends.analysis.claims import Role
from snc.backends.analysis.regions import regions
from snc.backends.image.container import write_image
from snc.backends.words.limits import LIMITS
from snc.cli.views.errors import code_of
from snc.compiler.targets.kinds import kind_of
from snc.compiler.targets.target import load_target, parse_target, shipped, to_commented_toml
from snc.ir.chip import Chip
from snc.ir.errors import BadTarget, ManyErrors, Origin
from snc.models.catalogue import build

from .reference import CHIP, assert_computes, compiled, options, run

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


@pytest.mark.parametrize("key", ["mesh", "chip_mesh"])
@pytest.mark.parametrize("value", [[0, 12], [12, -1], [300, 300], [10**30, 1]])
def test_a_mesh_has_a_core_and_no_more_than_steps_can_name(key: str, value: list[int]) -> None:
    sentence = rf"own.toml: {key} = {value[0]} x {value[1]} is not between 1 and 65536 cores \("
    with pytest.raises(BadTarget, match=sentence):
        own(**{key: value})


# Written as a file's lines, so that each is what a hand may write: the wrong type, no number, far too large.
NONSENSE = ["true", "1.5", "nan", "inf", '"12"', "[]", "{ a = 1 }", "2020-01-01", "-1000000000000", "10e400"]


@pytest.mark.parametrize("key", [field.name for field in dataclasses.fields(Chip) if field.name != "name"])
def test_nonsense_is_one_clear_error_that_names_the_number(key: str, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    for value in NONSENSE:
        file.write_text(f'name = "own"\n{key} = {value}\n')
        with pytest.raises(BadTarget) as caught:
            load_target(str(file))
        line = str(caught.value)
        assert line.startswith(f"{file}: {key} = ")
        assert "\n" not in line
        assert re.search(r"no whole number|no pair of numbers|is outside -?\d+\.\.\d+", line), line
        assert caught.value.hint


def test_a_name_is_a_text() -> None:
    with pytest.raises(BadTarget, match=r"own.toml: name = 7 is no text \(write name = "):
        parse_target({"name": 7}, ORIGIN)


def test_upsampling_is_a_power_of_two() -> None:
    with pytest.raises(BadTarget, match="upsampling_max = 100 is no power of two"):
        own(upsampling_max=100)


def test_what_is_no_number_hides_no_other_fault_and_each_rule_has_its_code() -> None:
    with pytest.raises(ManyErrors) as caught:
        own(cores=9, core_words=0, ports_max="many", mesh=7, kernel_max=99, upsampling_max=100)
    assert {error.message.split()[0].strip("'"): code_of(error) for error in caught.value.errors} == {
        "cores": "SNC2012",
        "ports_max": "SNC2013",
        "mesh": "SNC2013",
        "core_words": "SNC2014",
        "kernel_max": "SNC2014",
        "upsampling_max": "SNC2015",
    }
    with pytest.raises(BadTarget) as single:
        parse_target({"kind": "crossbar", "rows": 8, "fan_in_max": 9}, ORIGIN)
    assert code_of(single.value) == "SNC2016"
    assert code_of(pickle.loads(pickle.dumps(single.value))) == "SNC2016"


def test_a_file_that_says_no_numbers_at_all_has_a_code_that_says_why(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    for text, code in ((None, "SNC2005"), ("mesh = [", "SNC2010"), ('kind = "tile"', "SNC2011")):
        if text is not None:
            file.write_text(text, encoding="utf-8")
        with pytest.raises(BadTarget) as caught:
            load_target(str(file))
        assert code_of(caught.value) == code


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ManyErrors) as caught:
        own(core_words=0, ports_max=99, mesh=[0, 1])
    assert [error.message.partition(" ")[0] for error in caught.value.errors] == [
        "core_words",
        "ports_max",
        "mesh",
    ]


@pytest.mark.parametrize("name", shipped())
def test_a_commented_file_says_the_same_and_has_a_unit_for_every_number(name: str) -> None:
    chip = load_target(name)
    text = to_commented_toml(chip)
    assert parse_target(tomllib.loads(text), ORIGIN) == chip
    lines = {line.partition("=")[0].strip(): line for line in text.splitlines() if "=" in line}
    assert list(lines) == ["kind", *(field.name for field in dataclasses.fields(type(chip)))]
    units = re.compile(
        "cores|words|neurons|channels|positions|axons|hops|bits|femtojoules|picoseconds|rows|columns|tiles|inputs|crossbars"
    )
    for key, line in lines.items():
        comment = line.partition("#")[2]
        assert key in ("kind", "name") or units.search(comment), line
        limits = {key: f"{low} to {high}" for key, (low, high) in kind_of(chip).limits.items()}
        said = limits.get(key, kind_of(chip).pairs.get(key, ""))
        assert key in ("kind", "name") or (said and comment.endswith(f"; {said}")), line


def test_the_manual_suffices_for_strided_tables() -> None:
    w = Writer(13, 5)
    x = w.add("Relu", layers.conv(w, w.input((1, 3, 6, 6)), 8, (3, 3)))
    x = w.add("Add", layers.conv(w, x, 8, (3, 3), group=8, pads=(1, 1, 1, 1)), x)
    model = w.model([layers.conv(w, x, 5, (2, 2))], "strided")
    image = compiled(model, load_target("grai-vip-strided"), options("fixed8")).image
    assert {Role.STRIDE, Role.EXPONENTS} < {region.role for region in regions(image, 0)}
    inputs = dict(random_input(model, 0))
    told = run(image, inputs)
    (name,) = told
    by_hand = ByTheManual(write_image(image)).run(inputs)[name]
    np.testing.assert_allclose(by_hand, told[name], rtol=0, atol=1e-6 * np.abs(by_hand).max())


def test_a_small_chip_is_a_target_like_any_other() -> None:
    chip = load_target("embedded-16")
    assert (chip.cores, 8 * chip.core_words) == (16, 64 * 1024)
    for model in (build("digits"), random_recipe(7).model()):
        assert_computes(compiled(model, chip).image, model, random_input(model, 0))
