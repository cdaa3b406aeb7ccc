"""`snc rtl`: an image in the chip in Verilog, beside the machine."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import options
from ..views.show import Sheet, progress, say, say_json

if TYPE_CHECKING:
    from ...backends.rtl.simulator import Tool
    from ...compiler.running.twin import TwinRun

SOURCES = Path(__file__).parents[2] / "rtl"  # beside the package, in a checkout


@click.command("rtl")
@click.argument("image", type=options.FILE, metavar="IMAGE")
@options.data(True, "The frames, as for `snc simulate`.")
@click.option(
    "--frames", "most", type=click.IntRange(1), default=1, show_default=True, help="The first frames to run."
)
@click.option(
    "--rtl",
    "sources",
    type=options.FILE,
    default=SOURCES,
    metavar="DIR",
    help="The folder rtl of snc's source, where it is not beside the package.",
)
@click.option(
    "--tool",
    type=click.Choice(("verilator", "iverilog")),
    default="verilator",
    show_default=True,
    help="What simulates Verilog; iverilog builds at once, and runs far slower.",
)
@options.as_json
@click.pass_context
def rtl_command(
    context: click.Context,
    image: Path,
    data_path: Path,
    names: tuple[tuple[str, str], ...],
    most: int,
    sources: Path,
    tool: "Tool",
    as_json: bool,
) -> None:
    """Run an image in the chip in Verilog, and compare it with the machine in chip arithmetic.

    Every value, state, event and output must be the same: otherwise the first difference is shown, and the
    exit code is 1. What it took is counted: cycles, queues, stalls, accesses to the memories.
    """
    from ...backends.image.container import load
    from ...compiler.running.data.dataset import open_data
    from ...compiler.running.twin import run_twin

    held = load(image)
    data = context.with_resource(open_data(data_path, held, names=dict(names)))
    with progress("rtl") as bar:
        found = run_twin(held, image, data[:most], sources, tool=tool, stage=bar.stage, on_frame=bar.at)
    say_json(found) if as_json else _show(found)
    if found.difference is not None:
        context.exit(1)


def _show(found: "TwinRun") -> None:
    width, height = found.mesh
    frames = "1 frame" if found.frames == 1 else f"{found.frames} frames"
    say(f"{Path(found.image).name}: {frames} on {width} x {height} cores in {found.tool}", style="bold")
    if found.difference is not None:
        it = found.difference
        place = f"frame {it.frame}, step {it.step}, core {it.core}, population {it.population}"
        say(f"differs   {place}: {it.what}")
        say(f"          the chip in Verilog has {it.found}, the machine {it.expected}")
        return
    say(f"the same  {found.values:,} values and states, {found.events:,} events, {found.outputs:,} outputs")
    say()
    steps = Sheet("step>", "order", "layer*", "core>", "cycles>")
    for step in found.steps:
        steps.add(step.step, step.order, step.layer, step.core, f"{step.cycles:,}")
    steps.show()
    cores = Sheet("core>", "events>", "operations>", "queue>", "stalls>", "reads>", "writes>")
    for core in found.cores:
        of = core.counts
        reads = of["control_reads"] + of["peg_reads"] + of["esu_reads"]
        stalls = of["send_stalls"] + of["read_stalls"]
        cores.add(
            core.core, f"{of['events']:,}", f"{of['synaptic_operations']:,}", of["queue_deepest"],
            f"{stalls:,}", f"{reads:,}", f"{of['writes']:,}",
        )  # fmt: skip
    cores.show()
    ratio = found.cycles / found.estimated if found.estimated else 0.0
    say(f"cycles    {found.cycles:,}; {found.estimated:,.0f} are estimated, {ratio:.2f} of which it took")
