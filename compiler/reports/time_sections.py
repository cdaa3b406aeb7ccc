"""What a run over time adds to its page: spikes one by one, rates of layers, answers that become right."""

from collections.abc import Sequence

from ..running.simulating.rates import shown_steps
from ..running.simulating.simulation import Simulation
from ..running.simulating.spikes import Raster
from . import charts
from .page import Chart, Section, Table


def spike_section(found: Simulation, raster: Raster) -> Section:
    """Which neurons spiked when, and how often those of each layer do."""
    rates = [layer.firing / (layer.neurons * found.frames) for layer in found.per_layer]
    most = max(range(len(rates)), key=rates.__getitem__)
    spikes = Chart(
        f"Spikes of {raster.name} in the first stream",
        f"{len(raster.points)} spikes of {raster.neurons} neurons in {raster.frames} frames",
        charts.raster(raster.points, raster.frames, raster.neurons),
    )
    by_layer = Chart(
        "Rates: spikes of a neuron in a frame, the mean of each layer",
        f"{len(rates)} layers; {found.per_layer[most].name} spikes most: {rates[most]:.3g}",
        charts.stacked([layer.name for layer in found.per_layer], {"snc": rates}, "spikes a frame"),
    )
    rows = tuple(
        (layer.name, layer.neurons, layer.firing, rate)
        for layer, rate in zip(found.per_layer, rates, strict=True)
    )
    table = Table("Rates of each layer", ("layer", "neurons", "spikes", "spikes a neuron and frame"), rows)
    return Section("Spikes", ("A frame is one step.",), (), (spikes, by_layer), (table,))


def nearing_section(by_step: Sequence[float]) -> Section:
    """How many answers are right after each step that a frame is shown for."""
    shares = [100 * share for share in by_step]
    drawn = Chart(
        "Right answers after each step",
        f"{len(shares)} steps; {shares[-1]:.2f} % after the last one",
        charts.course({"snc": [0.0, *shares]}, "% right"),
    )
    rows = tuple((step, shares[step - 1]) for step in shown_steps(len(shares)))
    table = Table("Right answers by steps", ("steps", "% right"), rows, is_open=True)
    facts = (("steps of a frame", f"{len(shares)}"), ("right after the last", f"{shares[-1]:.2f} %"))
    return Section(
        "Accuracy against steps",
        ("Rates near values the more steps a frame is shown for.",),
        facts,
        (drawn,),
        (table,),
    )
