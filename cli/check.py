"""`snc check`: what of a model is supported, and every problem at once."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options
from .dynamics import steps
from .views.show import Sheet, paragraph, plain, say, say_json, times

if TYPE_CHECKING:
    from ..compiler.frontend.nir.dynamics import Dynamics
    from ..compiler.pipeline.check import Check, Problem

NODES_SHOWN = 3  # of those that break the same rule
STYLES = {"chip": "", "host": "dim", "refused": "bold"}


@click.command("check")
@click.argument("model", type=options.FILE, metavar="MODEL")
@options.target
@options.input_shape
@options.as_float
@steps
@options.as_json
@click.pass_context
def check_command(
    ctx: click.Context,
    model: Path,
    target: str,
    input_shapes: tuple[tuple[str, tuple[int, ...]], ...],
    as_float: bool,
    dynamics: "Dynamics",
    as_json: bool,
) -> None:
    """List what of a model is supported, and every problem at once.

    Nothing is solved: a model that passes may still turn out not to fit. The exit code is that of the gravest
    problem: 2 for what cannot be mapped, 3 for what does not fit the target.
    """
    from ..compiler.pipeline.check import check
    from ..compiler.pipeline.options import Options
    from ..compiler.targets.target import load_target

    chip = load_target(target)
    chosen = Options(
        input_shapes=dict(input_shapes),
        dynamics=dynamics,
        as_float=as_float,
    )
    found = check(model, chip, chosen)
    if as_json:
        say_json({**plain(found), "exit_code": found.exit_code})
    else:
        _show(found)
    ctx.exit(found.exit_code)


def _show(found: "Check") -> None:
    if found.layers:
        table = Sheet("layer*", "op", "shape", "where")
        for layer in found.layers:
            table.add(layer.name, layer.op, times(layer.shape), layer.where, style=STYLES[layer.where])
        table.show()
    counts = {where: sum(1 for layer in found.layers if layer.where == where) for where in STYLES}
    if found.is_supported:
        say(f"{found.model}: supported by {found.target}", style="bold")
        say(f"chip     {counts['chip']} layers, {found.neurons or 0:,} neurons")
        _show_needs(found)
        _show_host(found)
        for layer in found.layers if found.is_spiking else ():
            paragraph(f"{layer.name} ({layer.op}): {layer.how}", indent=9, label="node")
        return
    problems = "1 problem" if len(found.problems) == 1 else f"{len(found.problems)} problems"
    say(f"{found.model}: {problems} on {found.target}", style="bold")
    by_rule: dict[tuple[str, str, str], list[Problem]] = {}
    for problem in found.problems:
        rule = problem.operator, problem.rule, problem.way_out
        by_rule.setdefault(rule, []).append(problem)
    for rule, problems_of_rule in by_rule.items():
        _show_problems(rule, problems_of_rule)
    if found.needs:
        say()
    _show_needs(found)


def _show_needs(found: "Check") -> None:
    """What the network takes at least beside what the target has."""
    for number, need in enumerate(found.needs):
        label = "" if number else "at least"
        say(f"{label:9}{need.need:,} of {need.have:,} {need.what}")


def _show_host(found: "Check") -> None:
    """What stays on the host, and why."""
    from ..compiler.pipeline.host_work import percent

    kept = [layer for layer in found.layers if layer.where == "host"]
    if not kept:
        say("host     nothing")
    for layer in kept:
        paragraph(f"{layer.name} ({layer.op}): {layer.how}", indent=9, label="host")
    if found.host.share_of_macs:
        say(f"         {percent(found.host.share_of_macs)} of the multiplications")
    for note in found.notes:
        paragraph(note, indent=9, label="note")


def _show_problems(rule: tuple[str, str, str], problems: "list[Problem]") -> None:
    """Nodes that break the same rule, in one breath."""
    operator, broken, way_out = rule
    names = [problem.node or problem.output for problem in problems if problem.node or problem.output]
    shown = ", ".join(names[:NODES_SHOWN])
    if len(names) > NODES_SHOWN:
        shown += f" and {len(names) - NODES_SHOWN} more"
    say()
    paragraph(f"{shown} ({operator})" if operator else shown or "the model", indent=2)
    paragraph(broken, indent=4)
    paragraph(f"way out: {way_out}", indent=4)
