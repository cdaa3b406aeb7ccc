"""Options of networks that run over time: how their steps are taken."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import click

from .options import Real

F = TypeVar("F", bound=Callable[..., object])


def steps(function: F) -> F:
    """--dt, --dialect, --reset and what Lava's files take, as one `Dynamics`: how steps are taken."""
    options = (
        click.option(
            "--dt",
            type=Real(0, min_open=True),
            default=1e-4,
            show_default=True,
            metavar="S",
            help="Of a .nir network: seconds of a step, which the file does not say.",
        ),
        click.option(
            "--dialect",
            type=click.Choice(["nir", "norse", "snntorch", "sinabs", "lava"]),
            default="nir",
            show_default=True,
            help="Of a .nir network: whose steps are taken; simulators differ in the order of decay, input, "
            "threshold and reset.",
        ),
        click.option(
            "--reset",
            type=click.Choice(["value", "subtract"]),
            help="Of a .nir network: a spike sets the voltage to v_reset, or takes the threshold off. "
            "[default: value; with sinabs subtract]",
        ),
        click.option(
            "--reset-interval",
            type=click.IntRange(0, 2**15 - 1),
            default=0,
            metavar="N",
            help="Of a .net network: all states begin anew every N steps, each block's a step after the one "
            "before's.",
        ),
        click.option(
            "--reset-offset",
            type=click.IntRange(0, 2**15 - 2),
            default=0,
            metavar="N",
            help="With --reset-interval: by how many steps all of that comes later.",
        ),
        click.option(
            "--skip-layers",
            type=click.IntRange(0),
            default=0,
            metavar="N",
            help="Of a .net network: leave out the first N blocks; what they send is the input.",
        ),
    )

    @wraps(function)
    def collected(
        *args: Any, dt: float, dialect: str, reset: str | None, **others: Any
    ) -> Any:  # what click gives by name
        from ..compiler.frontend.nir.dynamics import NETX, Dynamics

        numbers = {name: others.pop(name) for name in NETX}
        return function(*args, dynamics=Dynamics.named(dt, dialect, reset, **numbers), **others)

    for option in reversed(options):
        collected = option(collected)
    return cast("F", collected)
