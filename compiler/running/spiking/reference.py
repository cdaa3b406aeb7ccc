"""NIR's equations step by step: what an image of a spiking network is held against.

What neurons receive is summed in double precision, voltages and thresholds are single precision, as in
the simulators of such networks: of sums that meet a threshold exactly, rounding decides. Written from
the equations of the file's own parameters, in the file's own units: nothing of what lowering makes of
them, and nothing of the machine.
"""

from collections import deque
from collections.abc import Mapping
from itertools import product
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...frontend.nir.dynamics import Dialect, Dynamics
from ...frontend.nir.flow import Flow
from ...frontend.nir.graph import Node, kind
from ...frontend.nir.neurons import delay_steps
from ...frontend.nir.shapes import padding, pair, shapes
from ...frontend.runtime import Arrays

Numbers = NDArray[np.float64]


class NirReference:
    """A NIR graph that is run step by step. `held`: weights, biases and drives in place of the file's, by the
    names that the layers' constants have.
    """

    def __init__(
        self, flow: Flow, dynamics: Dynamics, held: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        self.flow, self.dynamics, self.held = flow, dynamics, held
        self.shapes = shapes(flow)
        self.restart()

    def restart(self) -> None:
        """The next step is the first one."""
        self.values: dict[str, Numbers] = {name: np.zeros(shape) for name, shape in self.shapes.items()}
        self.voltages: dict[str, Numbers] = {name: np.zeros(shape) for name, shape in self.shapes.items()}
        self.currents: dict[str, Numbers] = {name: np.zeros(shape) for name, shape in self.shapes.items()}
        self.waiting: dict[str, deque[Numbers]] = {}

    def __call__(self, given: Arrays) -> Arrays:
        """What every node sends in the next step, as tensors of one frame."""
        before, self.values = self.values, {}
        for name in self.flow.by_shape:
            node = self.flow.graph.nodes[name]
            if kind(node) == "Input":
                found = np.asarray(given[name], dtype=np.float64).reshape(self.shapes[name])
            else:
                found = self._sent(name, node, self._received(name, before))
            self.values[name] = found
        return {name: array[None] for name, array in self.values.items()}

    def _received(self, name: str, before: Mapping[str, Numbers]) -> Numbers:
        """The sum of what a node's sources send: in this step, or along late edges in the one before."""
        found: list[Numbers] = []
        for source in self.flow.graph.sources(name):
            late = (source, name) in self.flow.late
            found.append(before[source] if late else self.values[source])
        return np.asarray(np.sum(found, axis=0))

    def _sent(self, name: str, node: Node, given: Numbers) -> Numbers:
        what = kind(node)
        if what in ("Linear", "Affine"):
            return self._weight(name, node) @ given + self._bias(name, node)
        if what in ("Conv1d", "Conv2d"):
            return self._convolved(name, node, given)
        if what == "Scale":
            return np.asarray(self._number(name, node, "scale")).reshape(np.shape(node.scale)) * given
        if what in ("SumPool2d", "AvgPool2d"):
            return _pooled(node, given, self.shapes[name], is_mean=what == "AvgPool2d")
        if what == "Delay":
            return self._delayed(name, node, given)
        if what == "Threshold":
            return np.asarray((given > np.asarray(node.threshold)).astype(np.float64))
        if what in ("Flatten", "Output"):
            return given.reshape(self.shapes[name])
        return self._neurons(name, node, given)

    # -- weights

    def _number(self, name: str, node: Node, what: str) -> Numbers:
        return np.asarray(self.held.get(f"{name}.{what}", getattr(node, what)), dtype=np.float64)

    def _weight(self, name: str, node: Node) -> Numbers:
        return self._number(name, node, "weight")

    def _bias(self, name: str, node: Node) -> Numbers:
        return np.zeros(()) if getattr(node, "bias", None) is None else self._number(name, node, "bias")

    def _convolved(self, name: str, node: Node, given: Numbers) -> Numbers:
        weights, groups = self._weight(name, node), int(node.groups)
        rank = weights.ndim - 2
        begins, ends = padding(node, rank, weights.shape[2:])
        padded = np.pad(given, [(0, 0), *zip(begins, ends, strict=True)])
        strides, dilations = pair(node.stride, rank), pair(node.dilation, rank)
        shape = self.shapes[name]
        found = np.zeros(shape)
        parts = np.split(padded, groups)
        for number, tap in enumerate(product(*map(range, weights.shape[2:]))):
            window = tuple(
                slice(t * d, t * d + s * (n - 1) + 1, s)
                for t, d, s, n in zip(tap, dilations, strides, shape[1:], strict=True)
            )
            kernels = np.split(weights.reshape(*weights.shape[:2], -1)[:, :, number], groups)
            sums = [
                np.tensordot(k, p[(slice(None), *window)], 1) for k, p in zip(kernels, parts, strict=True)
            ]
            found += np.concatenate(sums)
        bias = self._bias(name, node)
        return found + bias.reshape(-1, *(1,) * rank) if bias.ndim else found

    # -- time

    def _delayed(self, name: str, node: Node, given: Numbers) -> Numbers:
        """What was received so many steps ago: along its late edges, one of them has passed."""
        steps = delay_steps(node, self.flow.graph.origin(name), self.dynamics)
        if steps == 0:
            return given
        line = self.waiting.setdefault(name, deque(np.zeros_like(given) for _ in range(steps - 1)))
        line.append(given)
        return line.popleft()

    def _neurons(self, name: str, node: Node, given: Numbers) -> Numbers:
        dt, what = self.dynamics.dt, kind(node)
        v = self.voltages[name]
        r = np.asarray(node.r, dtype=np.float64)
        if what in ("IF", "I"):
            v = v + r * given
        elif what in ("LIF", "LI"):
            leak = np.asarray(node.v_leak, dtype=np.float64)
            if (drive := self.held.get(f"{name}.drive")) is not None:  # with the biases of what feeds it
                given = given + np.asarray(drive).reshape(-1, *(1,) * (given.ndim - 1)) - leak / r
            v = self._leaked(v, node.tau, leak, r * given)
        else:
            rate = dt / np.asarray(node.tau_syn, dtype=np.float64)
            current = self.currents[name]
            current = current + rate * (np.asarray(node.w_in) * given - current)
            self.currents[name] = current
            v = self._leaked(v, node.tau_mem, np.asarray(node.v_leak), r * current)
        if what in ("I", "LI", "CubaLI"):
            self.voltages[name] = v
            return v
        single, threshold = v.astype(np.float32), np.asarray(node.v_threshold, dtype=np.float32)
        if self.dynamics.counts:
            spikes = np.maximum(np.floor(single / threshold), np.float32(0))
        else:
            spikes = (single > threshold).astype(np.float32)
        taken_off = single - spikes * threshold
        reset = taken_off if self.dynamics.subtracts else np.asarray(node.v_reset, dtype=np.float32)
        self.voltages[name] = np.where(spikes > 0, reset, single).astype(np.float64)
        return np.asarray(spikes, dtype=np.float64)

    def _leaked(self, v: Numbers, tau: Any, leak: Numbers, drive: Numbers) -> Numbers:
        rate = self.dynamics.dt / np.asarray(tau, dtype=np.float64)
        if self.dynamics.dialect is Dialect.SINABS:
            return np.exp(-rate) * v + rate * drive
        return v + rate * (leak - v + drive)


def _pooled(node: Node, given: Numbers, shape: tuple[int, ...], *, is_mean: bool) -> Numbers:
    kernel, strides, pads = (pair(each, 2) for each in (node.kernel_size, node.stride, node.padding))
    padded = np.pad(given, [(0, 0), *((pad, pad) for pad in pads)])
    found = np.zeros(shape)
    for tap in product(*map(range, kernel)):
        window = tuple(
            slice(t, t + s * (n - 1) + 1, s) for t, s, n in zip(tap, strides, shape[1:], strict=True)
        )
        found += padded[(slice(None), *window)]
    return found / np.prod(kernel) if is_mean else found
