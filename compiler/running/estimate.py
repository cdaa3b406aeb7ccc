"""What a run would cost on the chip: estimates from its counters and the target's costs, not measurements."""

from dataclasses import dataclass
from typing import overload

from ...ir.chip import Chip
from ...ir.crossbar.chip import CrossbarChip
from ...ir.storage.bitrun import WORD_BITS
from .crossbar.simulation import CrossbarEstimates, CrossbarSimulation, estimated
from .simulating.prices import NANO, STATE_ACCESSES, event_words, operation_fj, word_fj
from .simulating.simulation import AnySimulation, LayerCount, Simulation

ENERGY = (
    f"energy = synaptic operations * (operation_fj + (weight_bits + {STATE_ACCESSES} * state_bits) / "
    f"{WORD_BITS} * word_fj) + events * {{}} * word_fj + hops * hop_fj, where word_fj = access_fj + "
    "access_root_fj * sqrt(core_words), and weight_bits are those that a layer's weights take in memory"
)
LATENCY = (
    "latency = the cycles of all steps * cycle_ps, one after the other: a step takes what its population's "
    "neurons and axons take, or what the busiest core takes for their events, whichever is more"
)


@dataclass(frozen=True, slots=True)
class LayerEstimate:
    """A layer's part of the estimates, for one frame; of events and hops, those that it sends."""

    name: str
    operations_nj: float
    events_nj: float
    hops_nj: float
    energy_nj: float
    latency_us: float


@dataclass(frozen=True, slots=True)
class Estimates:
    """Energy and latency of one frame, the mean of those that ran, and the formulas and costs behind them."""

    energy_formula: str
    latency_formula: str
    word_fj: float
    operation_fj: int
    hop_fj: int
    cycle_ps: int
    energy_nj: float
    latency_us: float
    layers: tuple[LayerEstimate, ...]


AnyEstimates = Estimates | CrossbarEstimates


@overload
def estimate(found: Simulation, chip: Chip) -> Estimates: ...
@overload
def estimate(found: AnySimulation, chip: Chip | CrossbarChip) -> AnyEstimates: ...
def estimate(found: AnySimulation, chip: Chip | CrossbarChip) -> AnyEstimates:
    """The estimates for a run on a target of its kind."""
    if isinstance(found, CrossbarSimulation):
        assert isinstance(chip, CrossbarChip)
        return estimated(found, chip)
    assert isinstance(chip, Chip)
    layers = tuple(_layer(layer, chip, found.frames) for layer in found.per_layer)
    return Estimates(
        ENERGY.format(event_words(chip)),
        LATENCY,
        word_fj(chip),
        chip.operation_fj,
        chip.hop_fj,
        chip.cycle_ps,
        sum(layer.energy_nj for layer in layers),
        sum(layer.latency_us for layer in layers),
        layers,
    )


def _layer(layer: LayerCount, chip: Chip, frames: int) -> LayerEstimate:
    operations = layer.synaptic_operations * operation_fj(chip, layer.weight_bits) / frames / NANO
    events = layer.events * event_words(chip) * word_fj(chip) / frames / NANO
    hops = layer.hops * chip.hop_fj / frames / NANO
    latency = layer.cycles * chip.cycle_ps / frames / 1e6
    return LayerEstimate(layer.name, operations, events, hops, operations + events + hops, latency)
