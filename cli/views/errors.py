"""Errors for machines: each kind has a code that stays, in one table; docs/errors.md is made from it."""

from typing import NamedTuple

import click

from ...ir.errors import (
    BadImage,
    BadInput,
    BadTarget,
    DoesNotFit,
    OutOfTime,
    SncError,
    TargetRule,
    Unsupported,
    each_of,
)
from .show import plain


class Code(NamedTuple):
    """A kind of error: its class, and `of` what: of what does not fit, the number of the target that is too
    small; of targets, the rule that is broken.

    The first digit of a code is the exit code.
    """

    code: str
    kind: type[Exception]
    of: str
    meaning: str
    way_out: str


CODES: tuple[Code, ...] = (
    Code(
        "SNC2001",
        click.ClickException,
        "",
        "The command line cannot be understood: an unknown command or option, or a value that an option "
        "cannot have.",
        "`snc COMMAND --help` lists the options.",
    ),
    Code(
        "SNC2002",
        BadInput,
        "",
        "A model, a data set or a choice cannot be used: it cannot be read, is damaged, does not go with the "
        "rest, or a file cannot be written.",
        "The hint says what is expected.",
    ),
    Code(
        "SNC2003",
        Unsupported,
        "",
        "A node of the model, or one of its attributes, cannot be mapped, and the host may not have it.",
        "Change the node as the hint says; `snc check` lists all such nodes at once.",
    ),
    Code(
        "SNC2004",
        BadImage,
        "",
        "A file is no memory image, or a damaged one, or of another version.",
        "Compile the model again.",
    ),
    Code(
        "SNC2005",
        BadTarget,
        TargetRule.FILE,
        "A target is neither a shipped one nor a file that can be read.",
        "`snc target list` shows the shipped ones, `snc target init` writes a file to change.",
    ),
    Code(
        "SNC2010",
        BadTarget,
        TargetRule.SYNTAX,
        "A target file is no TOML.",
        "The message names the line; `snc target init` writes a file to change.",
    ),
    Code(
        "SNC2011",
        BadTarget,
        TargetRule.KIND,
        "A target is of a kind that does not exist, or that the command does not take.",
        "The hint lists the kinds.",
    ),
    Code(
        "SNC2012",
        BadTarget,
        TargetRule.KEY,
        "A target file has a line for something that is no number of its kind of chip.",
        "The hint lists the numbers; `snc target init` writes them all.",
    ),
    Code(
        "SNC2013",
        BadTarget,
        TargetRule.TYPE,
        "A number of a target file is no whole number, a size in X and Y no pair of them, or the name no "
        "text.",
        "Write it as the hint says.",
    ),
    Code(
        "SNC2014",
        BadTarget,
        TargetRule.RANGE,
        "A number of a target file is less or more than the fields of the words hold.",
        "The message says the least and the most.",
    ),
    Code(
        "SNC2015",
        BadTarget,
        TargetRule.POWER,
        "A number of a target file is no power of two, as it must be.",
        "Write a power of two.",
    ),
    Code(
        "SNC2016",
        BadTarget,
        TargetRule.TOGETHER,
        "Two numbers of a target file contradict each other.",
        "The message names both.",
    ),
    Code(
        "SNC3001",
        DoesNotFit,
        "cores",
        "The network takes more cores than the target has.",
        "Take the remedy: a larger mesh, or options that save memory.",
    ),
    Code(
        "SNC3002",
        DoesNotFit,
        "core_words",
        "No cut of a feature map is small enough for the memory of a core.",
        "Take a target with larger cores, or weights of fewer bits.",
    ),
    Code(
        "SNC3003",
        DoesNotFit,
        "axons_max",
        "A fragment has more axons than a population may have.",
        "Take a target with more axons, or with larger cores, which need fewer fragments.",
    ),
    Code(
        "SNC3004",
        DoesNotFit,
        "ports_max",
        "What a core holds takes more ports than it has.",
        "Take a target with more ports.",
    ),
    Code(
        "SNC3005",
        DoesNotFit,
        "offset_min",
        "An axon's offset is beyond its field.",
        "Take a target with wider offset fields, or a model with smaller feature maps.",
    ),
    Code(
        "SNC3006",
        DoesNotFit,
        "reach_min",
        "An axon does not reach its target core, and no core has space for relays.",
        "Take a target with a longer reach, larger cores or a larger mesh.",
    ),
    Code(
        "SNC3007",
        OutOfTime,
        "",
        "The time of `--time-limit` was over before there was a mapping: whether the model fits is not "
        "known.",
        "Give it more time.",
    ),
    Code(
        "SNC3000",
        DoesNotFit,
        "",
        "The model could be mapped, but not onto this target, for another reason.",
        "The message names the limit.",
    ),
    Code("SNC2000", SncError, "", "Another mistake in the input or the options.", "The hint says more."),
)


def code_of(error: Exception) -> str:
    """The code of one error."""
    found = {name for way in getattr(error, "ways", ())[:1] for name in way} | {getattr(error, "rule", "")}
    return next(row.code for row in CODES if isinstance(error, row.kind) and (not row.of or row.of in found))


def error_object(error: Exception, hint: str = "") -> dict[str, object]:
    """What `--json` prints of an error: the first, or the only one, and where there are several, all."""
    each = each_of(error) if isinstance(error, SncError) else (error,)
    found = [_object(one, hint) for one in each]
    return {"error": found[0], **({"errors": found} if len(found) > 1 else {})}


def _object(error: Exception, hint: str) -> dict[str, object]:
    if not isinstance(error, SncError):
        text = error.format_message() if isinstance(error, click.ClickException) else str(error)
        return {
            "code": code_of(error),
            "message": text,
            "file": None,
            "node": None,
            "hint": hint,
            "remedy": {},
        }
    origin = error.origin
    return {
        "code": code_of(error),
        "message": error.message,
        "file": (origin and origin.file) or None,
        "node": (origin and (origin.node or origin.output)) or None,
        "hint": error.hint,
        "remedy": plain(dict(error.remedy)) if isinstance(error, DoesNotFit) else {},
    }


HEAD = """# Errors

Made by `make bless` from the table in `cli/views/errors.py`.

With `--json`, a command that fails prints one object on stdout, and ends with the exit code as ever:

    {"error": {"code": "SNC3001", "message": "the network takes 3 cores (1294 words), ...",
               "file": "digits.onnx", "node": null, "hint": "a mesh of 2 x 2 holds it",
               "remedy": {"mesh": [2, 2]}}}

`remedy` has options of `snc compile`, or numbers of a target, with which the model was seen to fit. Where
several things are wrong, `error` is the first, and `errors` lists all. Codes stay as they are from version to
version; their first digit is the exit code.

| code | what is wrong | way out |
| --- | --- | --- |
"""


def errors_page() -> str:
    """docs/errors.md."""
    return HEAD + "".join(
        f"| {row.code} | {row.meaning} | {row.way_out} |\n" for row in sorted(CODES, key=_number)
    )


def _number(row: Code) -> str:
    return row.code
