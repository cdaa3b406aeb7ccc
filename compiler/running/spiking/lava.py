"""Lava's equations in its fixed-point form, block by block, in integers of 64 bits.

Written from the numbers of the file, in the file's own units: what lowering and the machine make of them is
not known here. A block sees what the one before sent a step ago.
"""

from collections.abc import Mapping
from itertools import product
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....ir.errors import BadInput
from ...frontend.netx.blocks import Block, Kind, NetBlock, NetXFile, Neurons, groups_of
from ...frontend.netx.read import INPUT, gain
from ...frontend.nir.dynamics import Dynamics
from ...frontend.runtime import Arrays

Integers = NDArray[np.int64]
REGISTER = 2**23  # a register of 24 bits holds less, either way
ALIGNED = 2**6  # a unit of weights, biases, thresholds and events, in the unit of registers
HELD = 2**7  # what a voltage shows for each step that it is held
DECAYS = 2**12  # a decay of so many takes all


class LavaReference:
    """A NetX file that is run step by step. `held`: weights and biases in place of the file's, by the names
    and in the units that the layers' constants have.
    """

    def __init__(
        self, file: NetXFile, dynamics: Dynamics, held: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        self.file, self.dynamics, self.held = file, dynamics, held
        self.names = (INPUT, *(block.name for block in file.blocks))
        self.restart()

    def restart(self) -> None:
        """The next step is the first one."""
        self.step = 0
        self.sent: dict[str, Integers] = {
            name: np.zeros(shape, np.int64)
            for name, shape in ((INPUT, self.file.given), *((b.name, b.shape) for b in self.file.blocks))
        }
        self.states: dict[str, list[Integers]] = {
            block.name: [np.zeros(block.shape, np.int64) for _ in range(3)] for block in self.file.blocks
        }

    def __call__(self, given: Arrays) -> Arrays:
        """What every block sends in the next step, as tensors of one frame."""
        frame = np.asarray(given[INPUT]).reshape(self.file.given)
        if (frame != np.rint(frame)).any():
            raise BadInput(None, f"the input {INPUT!r} is not of whole numbers", hint="scale and round it")
        before, self.sent = self.sent, {INPUT: frame.astype(np.int64)}
        found: dict[str, Any] = {}
        name = INPUT
        created = 0
        for block in self.file.blocks:
            if block.neurons is None:
                now, held = self._passed(block, self.sent[name]), self._passed(block, before[name])
                before = {**before, block.name: held}
            else:
                seen = self.sent[name] if block.kind is Block.INPUT else before[name]
                self._reset(block, created)
                now = self._fired(block, block.neurons, self._synapses(block, seen))
                created += 1
            if block.kind is Block.AVERAGE:
                found[block.name] = now / groups_of(self.sent[name].shape, block.shape)
            self.sent[block.name] = now
            name = block.name
        self.step += 1
        return {key: np.asarray(value)[None] for key, value in {**self.sent, **found}.items()}

    def _passed(self, block: NetBlock, given: Integers) -> Integers:
        """What a block without neurons makes of what it receives; of an average, the sums."""
        if block.kind is Block.AVERAGE:
            return np.asarray(given.reshape(*block.shape, -1).sum(axis=-1))
        return given.reshape(block.shape)

    def _reset(self, block: NetBlock, created: int) -> None:
        interval = self.dynamics.reset_interval
        if not interval or block.neurons is None or block.neurons.kind is not Kind.CUBA:
            return
        if (self.step + 1) % interval == (self.dynamics.reset_offset + 1 + created) % interval:
            self.states[block.name] = [np.zeros(block.shape, np.int64) for _ in range(3)]

    # -- synapses

    def _weights(self, block: NetBlock) -> Integers:
        assert block.weights is not None
        assert block.neurons is not None
        held = self.held.get(f"{block.name}.weight")
        if held is None:
            return block.weights
        return np.rint(np.asarray(held, dtype=np.float64) / gain(block.neurons)).astype(np.int64)

    def _synapses(self, block: NetBlock, given: Integers) -> Integers:
        if block.kind is Block.INPUT:
            return given
        weights = self._weights(block)
        if block.kind is Block.DENSE:
            return np.asarray(weights @ given.ravel())
        window = block.window
        assert window is not None
        padded = np.pad(given, [(0, 0), *((pad, pad) for pad in window.padding)])
        found = np.zeros(block.shape, np.int64)
        for tap in product(*map(range, window.kernel)):
            part = tuple(
                slice(t * d, t * d + s * (n - 1) + 1, s)
                for t, d, s, n in zip(tap, window.dilation, window.stride, block.shape[1:], strict=True)
            )
            seen = padded[(slice(None), *part)]
            if block.kind is Block.POOL:
                found += int(weights) * seen
                continue
            kernels = np.split(weights[:, :, tap[0], tap[1]], window.groups)
            parts = np.split(seen, window.groups)
            found += np.concatenate([np.tensordot(k, p, 1) for k, p in zip(kernels, parts, strict=True)])
        return found

    # -- neurons

    def _fired(self, block: NetBlock, neurons: Neurons, given: Integers) -> Integers:
        bias = np.zeros((), np.int64) if block.bias is None else block.bias
        bias = bias.reshape(-1, *(1,) * (len(block.shape) - 1)) if bias.ndim else bias
        states = self.states[block.name]
        if neurons.kind is Kind.CUBA:
            exponent = 0 if block.kind is Block.INPUT else neurons.weight_exponent
            given = given * int(ALIGNED * 2**exponent)
            return _spikes(states, neurons, given, bias * ALIGNED)
        if neurons.kind is Kind.DELTA:
            states[0] = given * ALIGNED**2
        else:
            states[0] = states[0] + given
        if neurons.kind is Kind.SIGMA:
            return states[0] + bias
        value = states[0] + bias * ALIGNED**2
        delta = (np.maximum(value, 0) if neurons.rectifies else value) - states[1]
        delta = np.where(np.abs(delta) >= neurons.threshold * ALIGNED**2, delta, 0)
        states[1] = states[1] + delta
        return np.asarray(delta // ALIGNED)


def _spikes(states: list[Integers], neurons: Neurons, given: Integers, bias: Integers) -> Integers:
    """A step of Loihi's current-driven neurons; states are the current, the voltage, and steps to wait."""
    current, voltage, wait = states
    current = _decayed(current, neurons.current_decay) + given
    current = np.where(current > REGISTER, current - 2 * REGISTER, current)
    current = np.where(current <= -REGISTER, current + 2 * REGISTER, current)
    begin = np.where(wait > 0, 0, voltage)
    moved = np.clip(_decayed(begin, neurons.decay) + current + bias, 1 - REGISTER, REGISTER - 1)
    waits = wait > 1
    spikes: NDArray[np.bool_] = (moved > neurons.threshold * ALIGNED) & ~waits
    wait = np.where(waits, wait - 1, np.where(spikes, neurons.delay, 0))
    states[:] = [current, np.where(waits | spikes, HELD * wait, moved), wait]
    return spikes.astype(np.int64)


def _decayed(numbers: Integers, decay: int) -> Integers:
    """What a decay of so many 4096ths leaves, rounded towards zero."""
    return np.asarray(np.sign(numbers) * (np.abs(numbers) * (DECAYS - decay) // DECAYS))
