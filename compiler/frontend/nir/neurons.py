"""Neurons of NIR as neurons of the chip: one step of their equations, in the unit of what they receive.

The chip adds an event's weight to a voltage as it is. So the voltage counts in units of what one event of
weight 1 brings in a step: v = unit * u. Whatever else stands in the equations is divided by that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ....ir.errors import Origin, Unsupported
from .dynamics import SAYS, Dialect, Dynamics
from .graph import Node, finite, kind

Numbers = NDArray[np.float64]
DELAY_MAX = 64  # steps: each is a population of its own


@dataclass(frozen=True, slots=True, eq=False)
class Neurons:
    """A node's neuron model by its layer's name, its parameters, what drives it in every step, and how true
    that is to the file. `current_decay`: of integrators before it, whose values are its current.
    """

    op: str
    parameters: Mapping[str, Numbers]
    drive: Numbers | None
    how: str
    current_decay: Numbers | None = None


def neurons(node: Node, origin: Origin, dynamics: Dynamics) -> Neurons:
    """The neurons of a node. Raises Unsupported where no step of theirs is one of the chip's."""
    return _MAKERS[kind(node)](_Maker(node, origin, dynamics))


def delay_steps(node: Node, origin: Origin, dynamics: Dynamics) -> int:
    """How many steps a Delay node waits. Raises Unsupported where that is no whole number, or not one."""
    delays = finite(node.delay, "delay", origin) / dynamics.dt
    steps = np.rint(delays)
    if steps.size and (np.abs(delays - steps) > 1e-6 * np.maximum(1, steps)).any():
        worst = float(np.ravel(delays)[0]) * dynamics.dt
        rule = f"its delay of {worst:g} s is no whole number of steps of {dynamics.dt:g} s"
        raise Unsupported(origin, rule, hint="give --dt a time that divides it")
    if np.unique(steps).size != 1:
        raise Unsupported(
            origin, "its neurons wait for different times", hint="give each time a node of its own"
        )
    found = int(steps.flat[0])
    if not 0 <= found <= DELAY_MAX:
        raise Unsupported(
            origin, f"it waits for {found} steps", hint=f"the most are {DELAY_MAX}: take a larger --dt"
        )
    return found


class _Maker:
    """What the equations of all models have in common."""

    def __init__(self, node: Node, origin: Origin, dynamics: Dynamics) -> None:
        self.node, self.origin, self.dynamics = node, origin, dynamics

    def number(self, name: str) -> Numbers:
        return finite(getattr(self.node, name), name, self.origin)

    def made(self, op: str, drive: Numbers | None = None, **parameters: Numbers) -> Neurons:
        exact = f"exact: {SAYS[self.dynamics.dialect]}, steps of {self.dynamics.dt:g} s"
        if kind(self.node) in ("IF", "I"):
            exact = "exact: what arrives in a step is added, whatever the step's length"
        if kind(self.node) == "Threshold":
            exact = "exact: a spike in every step in which what arrives is above the threshold"
        is_driven = drive is not None and bool(np.any(drive))
        return Neurons(op, MappingProxyType(parameters), drive if is_driven else None, exact)

    def rate(self, tau: str) -> Numbers:
        """What part of a time constant a step is."""
        times = self.number(tau)
        if not (times > 0).all():
            raise self.wrong(f"its {tau} is not above 0")
        return self.dynamics.dt / times

    def kept(self, rate: Numbers) -> Numbers:
        """What is left of a voltage or a current after a step."""
        if self.dynamics.dialect is Dialect.SINABS:
            return np.exp(-rate)
        if (rate > 1).any():
            raise self.wrong(
                f"a step of {self.dynamics.dt:g} s is longer than its time constant", "give a smaller --dt"
            )
        return 1.0 - rate

    def positive(self, unit: Numbers, what: str) -> Numbers:
        if not (unit > 0).all():
            raise self.wrong(f"its {what} is not above 0")
        return unit

    def spiking(self, op: str, unit: Numbers, drive: Numbers | None = None, **others: Numbers) -> Neurons:
        """With the threshold and the reset."""
        threshold, reset = self.number("v_threshold") / unit, self.number("v_reset") / unit
        if self.dynamics.subtracts and reset.any():
            raise self.wrong(
                "its v_reset is not 0, and its spikes take the threshold off", "give --reset value"
            )
        if self.dynamics.counts:
            self.positive(threshold, "threshold")
            if not self.dynamics.subtracts:
                raise self.wrong("several spikes at once leave no single v_reset", "give --reset subtract")
            return self.made("CountingLIF", drive, threshold=threshold, **others)
        keep = np.asarray(float(self.dynamics.subtracts))
        after = -threshold if self.dynamics.subtracts else reset
        return self.made(op, drive, threshold=threshold, keep=keep, reset=after, **others)

    def current(self) -> tuple[Numbers, Numbers]:
        """What is left of the current after a step, and what one event of weight 1 adds to it."""
        if self.dynamics.dialect in (Dialect.NORSE, Dialect.SINABS):
            name = self.dynamics.dialect.value
            what = f"in {name} a current drives the voltage in another order than the chip's neurons have"
            raise self.wrong(what, "give --dialect nir, snntorch or lava")
        rate = self.rate("tau_syn")
        return self.kept(rate), self.positive(rate * self.number("w_in"), "w_in")

    def rest(self, unit: Numbers, rate: Numbers) -> Numbers:
        """What the leak brings in a step."""
        leak = self.number("v_leak")
        if self.dynamics.dialect is Dialect.SINABS and leak.any():
            raise self.wrong("its v_leak is not 0, which sinabs does not know", "give another --dialect")
        return rate * leak / unit

    def wrong(self, rule: str, hint: str = "change its parameters") -> Unsupported:
        return Unsupported(self.origin, rule, hint=hint)


def _lif(maker: _Maker) -> Neurons:
    rate = maker.rate("tau")
    unit = rate * maker.positive(maker.number("r"), "r")
    return maker.spiking("LIF", unit, maker.rest(unit, rate), decay=maker.kept(rate))


def _if(maker: _Maker) -> Neurons:
    unit = maker.positive(maker.number("r"), "r")
    return maker.spiking("LIF", unit, decay=np.asarray(1.0))


def _li(maker: _Maker) -> Neurons:
    rate = maker.rate("tau")
    unit = rate * maker.positive(maker.number("r"), "r")
    return maker.made("LI", maker.rest(unit, rate), decay=maker.kept(rate), gain=unit)


def _i(maker: _Maker) -> Neurons:
    return maker.made("LI", decay=np.asarray(1.0), gain=maker.positive(maker.number("r"), "r"))


def _threshold(maker: _Maker) -> Neurons:
    zero = np.asarray(0.0)
    return maker.made("LIF", threshold=maker.number("threshold"), keep=zero, reset=zero, decay=zero)


def _cuba_lif(maker: _Maker) -> Neurons:
    kept, gain = maker.current()
    rate = maker.rate("tau_mem")
    unit = rate * maker.positive(maker.number("r"), "r") * gain
    others = {"current_decay": kept, "decay": maker.kept(rate), "leak": maker.rest(unit, rate)}
    return maker.spiking("CubaLIF", unit, **others)


def _cuba_li(maker: _Maker) -> Neurons:
    """Two populations: a current that decays, and integrators that it drives."""
    kept, gain = maker.current()
    rate = maker.rate("tau_mem")
    unit = rate * maker.positive(maker.number("r"), "r") * gain
    found = maker.made("LI", maker.rest(unit, rate), decay=maker.kept(rate), gain=unit)
    return replace(found, current_decay=kept)


_MAKERS: Mapping[str, Callable[[_Maker], Neurons]] = {
    "LIF": _lif,
    "IF": _if,
    "LI": _li,
    "I": _i,
    "Threshold": _threshold,
    "CubaLIF": _cuba_lif,
    "CubaLI": _cuba_li,
}
