"""`snc compare`: the memory bill of a model against look-up tables."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from . import options
from .dynamics import steps
from .views.bills import list_encodings, show_comparison
from .views.show import plain, progress, say_json

if TYPE_CHECKING:
    from ..compiler.frontend.nir.dynamics import Dynamics
    from ..compiler.pipeline.options import Options

OF_TIME = ("dt", "dialect", "reset")
OF_CROSSBARS = ("model", "target", "weights", "input_shapes", *OF_TIME, "html", "as_json")  # what they take
F = TypeVar("F", bound=Callable[..., object])
WIDTHS = {
    "neuron": "Bits of a neuron's address in the LUT.",
    "core": "Bits of a core's address in both tables.",
    "tag": "Bits of a tag in the hierarchical LUT.",
    "weight": "Bits of a weight, the image's apart.",
    "state": "Bits of a neuron's state, the image's apart.",
}
DEFAULTS = {"neuron": 15, "core": 8, "tag": 15, "weight": 8, "state": 16}


def widths(function: F) -> F:
    """--neuron-bits, --core-bits, --tag-bits, --weight-bits and --state-bits."""
    for name, text in reversed(WIDTHS.items()):
        function = click.option(
            f"--{name}-bits",
            f"{name}_bits",
            type=click.IntRange(1, 64),
            default=DEFAULTS[name],
            show_default=True,
            help=text,
        )(function)
    return function


def image_options(function: F) -> F:
    """--weights, --states and --effort of the image whose bill stands beside the others."""
    function = click.option(
        "--effort",
        type=options.Real(0.1, 10000),
        default=1.0,
        show_default=True,
        help="How long the solver may search for the image's cuts, in its own time.",
    )(function)
    function = click.option(
        "--states",
        type=click.Choice(["persistent", "shared"]),
        default="shared",
        show_default=True,
        help="The states in the image.",
    )(function)
    return click.option(
        "--weights",
        type=options.WeightFormat(),
        default="fixed8",
        show_default=True,
        help="How the image stores weights.",
    )(function)


@click.command("compare")
@click.argument("model", type=options.FILE, metavar="MODEL")
@options.target
@image_options
@widths
@click.option(
    "--silent",
    type=options.Real(0, 1),
    default=0.5,
    show_default=True,
    help="Share of neurons that do not fire, for the energy of other encodings.",
)
@click.option(
    "--zeros",
    type=options.Real(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="Share of weights that are zero, for other encodings.",
)
@click.option(
    "--encodings",
    is_flag=True,
    help="Run every layer in other encodings and list the accesses that are counted.",
)
@options.input_shape
@steps
@click.option("--html", type=options.FILE, metavar="FILE.html", help="Write a page with charts, too.")
@options.charts
@options.as_json
def compare_command(
    model: Path,
    target: str,
    weights: str,
    states: str,
    effort: float,
    neuron_bits: int,
    core_bits: int,
    tag_bits: int,
    weight_bits: int,
    state_bits: int,
    silent: float,
    zeros: float,
    encodings: bool,
    input_shapes: tuple[tuple[str, tuple[int, ...]], ...],
    dynamics: "Dynamics",
    html: Path | None,
    charts: Path | None,
    as_json: bool,
) -> None:
    """Compare the memory bill of a model with that of tables.

    Tables are counted synapse by synapse; the bill by the paper's rules stands beside that of snc's image.
    On a chip of crossbars: what each method of decomposition takes, and what it wastes.
    """
    from ..compiler.billing.compare import compare
    from ..compiler.billing.encodings import Activity
    from ..compiler.billing.techniques import Widths
    from ..compiler.pipeline.capacity import check_capacity
    from ..compiler.pipeline.options import Options
    from ..compiler.pipeline.prepare import prepare
    from ..compiler.reports.bill_page import comparison_page, comparison_sections
    from ..compiler.reports.loose import save_loose
    from ..compiler.running import outputs
    from ..compiler.targets.kinds import CROSSBAR, kind_of
    from ..compiler.targets.target import load_cores, load_target
    from ..ir.aims import StateUse
    from .views.crossbars import refuse_others

    outputs.suffixed(html, ".html")
    outputs.plan((html,), (model, Path(target)))
    if kind_of(load_target(target)) is CROSSBAR:
        refuse_others(click.get_current_context(), OF_CROSSBARS)
        of_crossbars = Options(weights=weights, input_shapes=dict(input_shapes))
        _crossbars(model, target, of_crossbars, dynamics, html, as_json)
        return
    chip = load_cores(target)
    chosen = Options(weights=weights, states=StateUse(states), effort=effort, input_shapes=dict(input_shapes))
    bits = Widths(neuron_bits, core_bits, tag_bits, weight_bits, state_bits)
    with progress("compare") as bar:
        bar.stage("lower")
        prepared = prepare(
            model,
            chosen.input_shapes,
            partial(check_capacity, chip=chip),
            dynamics,
        )
        found = compare(
            prepared,
            chip,
            chosen,
            bits,
            bar.stage,
            activity=Activity(silent, zeros, weight_bits),
            count=encodings,
        )
    if html is not None:
        outputs.save_text(html, comparison_page(found, plain(found)))
    if charts is not None:
        save_loose(charts, comparison_sections(found))
    if as_json:
        say_json(found)
        return
    show_comparison(found)
    if encodings:
        list_encodings(found)


def _crossbars(
    model: Path, target: str, options: "Options", dynamics: "Dynamics", html: Path | None, as_json: bool
) -> None:
    """Compares the methods of decomposition on a chip of crossbars."""
    from ..compiler.billing.decompositions import decompositions
    from ..compiler.pipeline.crossbar.compile import load_crossbar
    from ..compiler.pipeline.prepare import prepare
    from ..compiler.reports.crossbar.pages import decompositions_page
    from ..compiler.running import outputs
    from .views.decompositions import show_decompositions

    with progress("compare") as bar:
        bar.stage("lower")
        prepared = prepare(model, options.input_shapes, dynamics=dynamics)
        found = decompositions(prepared, load_crossbar(target), options, bar.stage)
    if html is not None:
        outputs.save_text(html, decompositions_page(found, plain(found)))
    say_json(found) if as_json else show_decompositions(found)
