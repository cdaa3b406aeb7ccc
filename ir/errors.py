"""What went wrong, whose fault it is, and the way out. Errors print nothing: cli/ shows them.

A user's mistake is an `SncError`; a broken invariant of ours is a `VerifyError` or a failed assert.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

Change = Mapping[str, int | str | tuple[int, int]]  # names of options, or of a target's numbers, and values


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something comes from: a file, and in it the ONNX node behind it. Unknown parts are empty.

    Fused nodes get new names and some have none, so `output`, the node's first output tensor, is the key.
    """

    file: str = ""
    node: str = ""
    operator: str = ""
    output: str = ""

    def __str__(self) -> str:
        if self.node:
            place = f"node {self.node}"
        elif self.output:
            place = f"node of {self.output}"
        else:
            place = "node" if self.operator else ""
        if self.operator:
            place += f" ({self.operator})"
        return ": ".join(part for part in (self.file, place) if part)


class SncError(Exception):
    """A mistake in the user's input or options: culprit, rule and way out, printed in that order."""

    exit_code: int = 2

    def __init__(self, origin: Origin | None, message: str, hint: str = "") -> None:
        super().__init__(origin, message, hint)
        self.origin = origin
        self.message = message
        self.hint = hint

    @property
    def obstacle(self) -> str:
        """Culprit and rule, without the way out."""
        culprit = str(self.origin or "")
        return f"{culprit}: {self.message}" if culprit else self.message

    def __str__(self) -> str:
        return f"{self.obstacle} ({self.hint})" if self.hint else self.obstacle


class BadInput(SncError):
    """A model or an input that cannot be read, or does not say what it must."""


class Unsupported(SncError):
    """An operator, or an attribute of one, that no chip can be given."""


class DoesNotFit(SncError):
    """A model that could be mapped, but not onto this target.

    `ways`: what would get past this obstacle, the cheapest first: numbers of the target, its cores among
    them, each with the value that it needs at least. `remedy`: options, or numbers of the target, with which
    the model was seen to fit; empty where nothing was tried, or nothing found.
    """

    exit_code = 3

    def __init__(
        self,
        origin: Origin | None,
        message: str,
        hint: str = "",
        ways: Iterable[Mapping[str, int]] = (),
        remedy: Change | None = None,
    ) -> None:
        super().__init__(origin, message, hint)
        self.ways = tuple(ways)
        self.remedy: Change = remedy or {}


class OutOfTime(DoesNotFit):
    """A time limit that was over before there was a mapping: whether the model fits is not known."""


class BadImage(SncError):
    """A memory image that is damaged, or not one."""


class TargetRule(StrEnum):
    """What a target file must be. Each rule has a code of its own where errors are objects."""

    FILE = "file"
    SYNTAX = "syntax"
    KIND = "kind"
    KEY = "key"
    TYPE = "type"
    RANGE = "range"
    POWER = "power"
    TOGETHER = "together"


class BadTarget(SncError):
    """A target that does not exist, or states limits the words cannot hold. `rule`: what it breaks."""

    def __init__(
        self, origin: Origin | None, message: str, hint: str = "", rule: TargetRule = TargetRule.FILE
    ) -> None:
        super().__init__(origin, message, hint)
        self.rule = rule


class ManyErrors(SncError):
    """Several errors of one stage, a line each; the gravest one gives the exit code."""

    def __init__(self, errors: Iterable[SncError]) -> None:
        self.errors = tuple(flat for error in errors for flat in getattr(error, "errors", (error,)))
        assert self.errors, "no error to report"
        super().__init__(None, "\n".join(str(error) for error in self.errors))
        self.args = (self.errors,)
        self.exit_code = max(error.exit_code for error in self.errors)


def each_of(error: SncError) -> tuple[SncError, ...]:
    """The errors that one stands for: several of a stage, or itself."""
    return error.errors if isinstance(error, ManyErrors) else (error,)


def raise_all(errors: Iterable[SncError]) -> None:
    """Raise what a stage collected: nothing, the only error, or `ManyErrors`."""
    collected = tuple(errors)
    if len(collected) == 1:
        raise collected[0]
    if collected:
        raise ManyErrors(collected)


class VerifyError(AssertionError):
    """A broken invariant: a bug of ours, never the user's."""
