"""Compiling for a chip of crossbars, from Python: the driver's pipeline, with the types of this kind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ....backends.crossbar.image import CrossbarImage
from ....ir.crossbar.chip import CrossbarChip
from ....ir.errors import BadTarget, Origin, SncError, TargetRule
from ...targets.kinds import CROSSBAR, kind_of
from ...targets.target import load_target
from ..driver import Compiled, compile_model
from ..options import Options


def load_crossbar(name: str) -> CrossbarChip:
    """The chip of crossbars of a target's name, or of a TOML file's path. Raises BadTarget for others."""
    chip: Any = load_target(name)
    if kind_of(chip) is not CROSSBAR:
        raise BadTarget(Origin(file=name), "is no chip of crossbars", "take crossbar-128", TargetRule.KIND)
    assert isinstance(chip, CrossbarChip)
    return chip


def compile_crossbars(
    path: Path,
    chip: CrossbarChip,
    options: Options,
    refused: Callable[[SncError], None] | None = lambda error: None,
) -> CrossbarImage:
    """The image of a model. Raises SncError as `compile_model` does."""
    given: Any = chip
    return image_of(compile_model(path, given, options, refused=refused))


def image_of(compiled: Compiled) -> CrossbarImage:
    """The image of what was compiled for a chip of crossbars."""
    image: Any = compiled.image
    assert isinstance(image, CrossbarImage), "of the kind of the chip"
    return image
