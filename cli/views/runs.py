"""What a simulation found, on the terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .show import Sheet, say, times

if TYPE_CHECKING:
    from ...compiler.running.crossbar.simulation import CrossbarEstimates, CrossbarSimulation
    from ...compiler.running.estimate import AnyEstimates
    from ...compiler.running.simulating.agreement import Agreement
    from ...compiler.running.simulating.answers import Answers, Range
    from ...compiler.running.simulating.beside import Beside
    from ...compiler.running.simulating.simulation import AnySimulation, Simulation
    from ...compiler.running.simulating.spikes import Spikes

NEAR = ": sums in ONNX Runtime's order, near the chip's; counted is what the chip would do with these values"
BEST = 5  # of an output that is a vector
VECTOR_MIN, VECTOR_MAX = 3, 100_000  # elements of an output that is shown as a ranking
STREAMS_SHOWN = 8
SMALL = 10.0  # nanojoules
RANGE_SHOWN = 8  # elements that are shown one by one


def show_run(
    found: "AnySimulation", answers: "Answers", model: str, output: Path | None, costs: "AnyEstimates"
) -> None:
    """What a run gave and counted."""
    from ...compiler.running.crossbar.simulation import CrossbarEstimates, CrossbarSimulation

    frames = "1 frame" if found.frames == 1 else f"{found.frames} frames"
    say(f"{model}: {frames} in {found.seconds:.2f} s, {found.arithmetic} arithmetic", style="bold")
    if found.engine not in ("auto", "walk"):
        say(f"engine      {found.engine}{NEAR if found.engine == 'dense' else ''}")
    say()
    for name, shape in found.outputs.items():
        _show_output(name, shape, answers.ranges[name], found.frames)
    if isinstance(found, CrossbarSimulation):
        assert isinstance(costs, CrossbarEstimates)
        _show_crossbars(found, costs)
    else:
        _show_cores(found)
    say(f"energy      {_joules(costs.energy_nj)} a frame, estimated from the target's costs")
    say(f"latency     {costs.latency_us:,.2f} us a frame, estimated")
    if output is not None:
        say(f"outputs     {output}")


def _show_cores(found: "Simulation") -> None:
    """What cores were counted in."""
    table = Sheet("layer*", "op", "fired>", "events>", "synaptic ops>", "empty>", "hops>")
    for layer in found.per_layer:
        table.add(
            layer.name,
            layer.op,
            f"{layer.firing:,}",
            f"{layer.events:,}",
            f"{layer.synaptic_operations:,}",
            f"{layer.empty_events:,}",
            f"{layer.hops:,}",
        )
    table.show()
    share = found.empty_events / found.events if found.events else 0.0
    say(f"events      {found.events:,}, of them empty {found.empty_events:,} ({100 * share:.1f} %)")
    dense = found.events / found.dense_events if found.dense_events else 0.0
    say(f"dense       {dense:.3f} of {found.dense_events:,}, which are one of each neuron in each frame")
    say(f"synaptic    {found.synaptic_operations:,} operations")
    say(f"hops        {found.hops:,}, of them into the chip {found.input_hops:,}")


def _show_crossbars(found: "CrossbarSimulation", costs: "CrossbarEstimates") -> None:
    """What crossbars were counted in."""
    cells = found.used + found.unused
    share = 100 * found.unused / max(cells, 1)
    say(f"units       {found.firing:,} values that are not 0, in {found.steps} steps of a frame")
    far = f"{found.spikes:,} values to other tiles, {found.hops:,} hops"
    say(f"mesh        {far}; {found.local:,} values to their own")
    say(f"rows read   {found.reads:,}, and {found.silent:,} in use that were not driven")
    say(f"cells       {cells:,} on rows that were read, {share:.1f} % of them without a synapse")
    parts = (("in synapses", costs.useful_nj), ("wasted", costs.wasted_nj), ("on the mesh", costs.mesh_nj))
    say(f"of energy   {', '.join(f'{_joules(nj)} {what}' for what, nj in parts)}")


def _joules(nanojoules: float) -> str:
    """An energy in microjoules, a very small one in nanojoules."""
    return f"{nanojoules:.3g} nJ" if nanojoules < SMALL else f"{nanojoules / 1000:,.3f} uJ"


def _show_output(name: str, shape: tuple[int, ...], found: "Range", frames: int) -> None:
    """A vector's largest elements, or the range of anything larger."""
    by_frame = found.first.reshape(len(found.first), -1)
    elements = by_frame.shape[1]
    say(f"output {name}, {times(shape)}")
    if not VECTOR_MIN <= elements <= VECTOR_MAX or max(shape[1:], default=1) != elements:
        _show_range(found)
        return
    table = Sheet("frame>", *(f"{place}.>" for place in ("1st", "2nd", "3rd", "4th", "5th")[:BEST]))
    for index, values in enumerate(by_frame):
        best = np.argsort(-values, kind="stable")[:BEST]
        table.add(index, *(f"{place}: {values[place]:.4g}" for place in best))
    table.show()
    if frames > len(by_frame):
        say(f"and {frames - len(by_frame)} frames more")
        say()


def show_streams(found: "Spikes") -> None:
    """Of each stream the neurons of the first output that spiked most: how often, and when first."""
    heads = (f"{place}.>" for place in ("1st", "2nd", "3rd", "4th", "5th")[:BEST])
    table = Sheet("stream>", "frames>", *heads, "first spikes")
    for number, stream in enumerate(found.streams[:STREAMS_SHOWN]):
        (name, counts), *_ = stream.counts.items()
        best = np.argsort(-counts, kind="stable")[:BEST]
        first = stream.first[name][best]
        shown = ", ".join("never" if frame < 0 else str(frame) for frame in first.tolist())
        cells = [f"{place}: {counts[place]:.6g}" for place in best]
        table.add(number, stream.frames, *cells, *[""] * (BEST - len(cells)), shown)
    table.show()


def _show_range(found: "Range") -> None:
    if found.elements <= RANGE_SHOWN:
        say("  " + ", ".join(f"{value:.6g}" for value in found.first.ravel().tolist()))
    else:
        say(f"  least {found.low:.4g}, mean {found.mean:.4g}, largest {found.high:.4g}")
    say()


def show_agreement(found: "Agreement") -> None:
    """How far ONNX Runtime's outputs are."""
    share = "" if found.argmax_agree is None else f"{100 * found.argmax_agree:.2f} % of the classes, "
    say(
        f"agreement   {share}largest error {found.max_abs_error:.3g}, {found.max_rel_error:.3g} of the peak, "
        f"with {found.model} in ONNX Runtime"
    )


def show_beside(
    found: "AnySimulation", costs: "AnyEstimates", others: "Sequence[tuple[Beside, AnyEstimates]]"
) -> None:
    """What several images took for the same frames. Events are a share of what the smallest of them sends
    where each of its neurons sends one in each frame.
    """
    table = Sheet("image*", "events>", "of dense>", "synaptic ops>", "energy uJ>", "latency us>")
    dense = _least_dense([found, *(other.run for other, _ in others)])
    names = [Path(other.run.image).name for other, _ in others]
    runs = [(other.run, each) for other, each in others]
    for name, (run, each) in zip([Path(found.image).name, *names], [(found, costs), *runs], strict=True):
        share = "" if dense is None else f"{run.events / dense:.3f}"
        cells = f"{run.events:,}", share, f"{run.synaptic_operations:,}", f"{each.energy_nj / 1000:,.3f}"
        table.add(name, *cells, f"{each.latency_us:,.2f}")
    for name, (run, each) in zip(names, runs, strict=True):
        pairs = (
            (found.events, run.events),
            (found.synaptic_operations, run.synaptic_operations),
            (costs.energy_nj, each.energy_nj),
            (costs.latency_us, each.latency_us),
        )
        label = "of the other" if len(others) == 1 else f"of {name}"
        events, *rest = (f"{one / two:.3f}" if two else "-" for one, two in pairs)
        table.add(label, events, "", *rest)
    table.show()
    for name, (other, _) in zip(names, others, strict=True):
        of = "" if len(others) == 1 else f" to those of {name}"
        equal = f"{other.equal} of {found.frames} frames are equal{of}"
        say(f"beside      {equal}, the largest error is {other.max_rel_error:.3g} of the peak")


def _least_dense(runs: "Sequence[AnySimulation]") -> int | None:
    """The dense events of the image with the fewest neurons; None where crossbars are among them."""
    from ...compiler.running.crossbar.simulation import CrossbarSimulation

    found = [0 if isinstance(run, CrossbarSimulation) else run.dense_events for run in runs]
    return min(found) or None


def show_nearing(by_step: "Sequence[float]", steps: "Sequence[int]") -> None:
    """How many frames are right after some of the steps that they are shown for."""
    shown = ", ".join(f"{step}: {100 * by_step[step - 1]:.2f} %" for step in steps)
    say(f"steps       right after {shown}")
