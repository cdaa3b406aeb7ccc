"""The options of `snc compile` that say what neurons send in each frame."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from .options import Real

F = TypeVar("F", bound=Callable[..., Any])


class Threshold(click.ParamType[float | None]):
    """A number that is not negative, or "auto", which is None."""

    name = "threshold"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        """The number."""
        if value in (None, "auto"):
            return None
        found: float = Real(0).convert(value, param, ctx)
        return found


def neuron_options(function: F) -> F:
    """--neurons, and what goes with each kind."""
    option = click.option(
        "--neurons",
        type=click.Choice(["standard", "sigma-delta", "if"]),
        default="standard",
        show_default=True,
        help="What neurons send in each frame: their values, what these have changed since the frame "
        "before, or spikes at a rate that their values say (integrate-and-fire; needs --data).",
    )
    return option(form_options(function))


def form_options(function: F) -> F:
    """What goes with each kind of neurons."""
    options = (
        click.option(
            "--steps",
            type=click.IntRange(2, 4096),
            default=32,
            show_default=True,
            metavar="T",
            help="With if: how many steps each frame is shown for.",
        ),
        click.option(
            "--percentile",
            type=Real(50, 100),
            default=99.9,
            show_default=True,
            metavar="P",
            help="With if: thresholds are the values that P per cent of a layer's on --data are not above; "
            "100: the largest.",
        ),
        click.option(
            "--threshold",
            type=Threshold(),
            default="0.0",
            show_default=True,
            metavar="N|auto",
            help="With sigma-delta: changes of at most N are not sent until there is more of them; auto: 0 "
            "for a network of integers, for others a step of 8 bits of each layer's largest value on --data.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function
