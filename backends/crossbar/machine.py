"""The machine: runs an image for crossbars, frame by frame, and knows nothing but what the image says.

A row keeps the last value that was sent to it. When a column fires, it sums its cells times the values of
their rows; all columns of a step fire before any of their values is sent. So what fires in a later step than
those who hear it is heard in the next frame.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...ir.errors import BadInput, Origin
from ..image.image import ImageTensor
from ..machine.machine import Fire, Run
from ..machine.tensors import elements
from ..machine.values import fire
from .counters import CrossbarCounters
from .decode import Decided, Integers, decode
from .image import CrossbarImage

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Columns of one crossbar that fire together: places among all columns, rows and cells."""

    columns: Integers
    rows: slice
    cells: Floats


class CrossbarMachine:
    """An image, decoded, with its states. Raises BadImage for one that does not hold together.

    Cells are float32 and sums float64, which linear and rectifying units pass on as they are, for partial
    sums are graded. What neurons keep, and other functions, is float32, as in the machine of cores.
    """

    def __init__(self, image: CrossbarImage, file: str = "") -> None:
        self.image = image
        self._origin = Origin(file=file)
        program = decode(image, file)
        self._program = program
        crossbars = program.crossbars
        rows = np.array([one.cells.shape[0] for one in crossbars], dtype=np.int64)
        columns = np.array([one.cells.shape[1] for one in crossbars], dtype=np.int64)
        self._row_base, self._column_base = np.cumsum(rows) - rows, np.cumsum(columns) - columns
        self._rule = _joined([one.rule for one in crossbars])
        self._bias = _joined([one.bias for one in crossbars]).astype(np.float64)
        step = _joined([one.step for one in crossbars])
        self._schedule = [self._groups(step, each) for each in np.unique(step)]
        self._used = _joined([np.count_nonzero(one.cells, axis=1) for one in crossbars])
        self._crossbar_of_row = np.repeat(np.arange(len(crossbars)), rows)
        self._crossbar_of_column = np.repeat(np.arange(len(crossbars)), columns)
        self._routes = self._sent(step)
        self.restart()

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every input tensor."""
        return {tensor.name: tensor.shape for tensor in self.image.tensors if tensor.kind == "input"}

    def restart(self) -> None:
        """The next frame is the first of a run."""
        self._rows: Floats = np.zeros(self._used.size)
        self._values: Floats = np.zeros(self._rule.size)
        self._states: dict[tuple[int, int], tuple[NDArray[Any], ...]] = {}
        self._kept: dict[tuple[int, int], Integers] = {}  # the columns of each group that keeps states

    def states(self, core: int, population: int) -> tuple[NDArray[np.float32], ...]:
        """What the columns of a crossbar keep to the next frame, [1, 1, columns] each; 0 where one does not.
        `population` is 0.
        """
        own = self._crossbar_of_column == core
        most = max((len(states) for states in self._states.values()), default=0)
        found = np.zeros((most, own.size), dtype=np.float32)
        for key, columns in self._kept.items():
            for number, state in enumerate(self._states[key]):
                found[number, columns] = state
        return tuple(each[own][None, None] for each in found)

    def run(
        self,
        inputs: Mapping[str, ArrayLike],
        *,
        keep_layers: bool = False,
        trace: Callable[[Fire], None] | None = None,
        on_step: Callable[[int, int], None] | None = None,
    ) -> Run:
        """The next frame. Raises BadInput for arrays that are not the image's inputs. `on_step` is told the
        number of steps done, and of all.
        """
        if trace is not None:
            rule = "is an image for crossbars, whose steps are of no population"
            raise BadInput(self._origin, rule, hint="run it without a trace")
        self._feed(inputs)
        for number, groups in enumerate(self._schedule):
            for group in groups:
                sums = self._rows[group.rows] @ group.cells
                for rule in np.unique(self._rule[group.columns]).tolist():
                    inside = self._rule[group.columns] == rule
                    self._fire(number, group.columns[inside], sums[inside], self._program.rules[rule])
            columns, targets = self._routes[number][:2]
            self._rows[targets] = self._values[columns]
            if on_step is not None:
                on_step(number + 1, len(self._schedule))
        tensors = {
            kind: {
                tensor.name: self._tensor(tensor, sites)
                for tensor, sites in zip(self.image.tensors, self._program.sites, strict=True)
                if tensor.kind == kind
            }
            for kind in ("output", *(["layer"] if keep_layers else []))
        }
        return Run(tensors["output"], tensors.get("layer", {}), self._counted(), "crossbars")

    def _groups(self, step: Integers, number: int) -> list[_Group]:
        found = []
        for index, one in enumerate(self._program.crossbars):
            inside = np.flatnonzero(one.step == number)
            if inside.size:
                base = int(self._row_base[index])
                rows = slice(base, base + one.cells.shape[0])
                cells = one.cells[:, inside].astype(np.float64)
                found.append(_Group(inside + self._column_base[index], rows, cells))
        return found

    def _sent(self, step: Integers) -> list[tuple[Integers, Integers, Integers]]:
        """Of each step: columns, rows that their values go to, and hops on the way."""
        columns, targets, hops = [], [], []
        tiles = np.array([(one.x, one.y) for one in self._program.crossbars])
        for index, one in enumerate(self._program.crossbars):
            column, to, row = one.routes.T
            columns.append(column + self._column_base[index])
            targets.append(self._row_base[to] + row)
            hops.append(np.abs(tiles[to] - tiles[index]).sum(axis=1))
        of, to, far = (_joined(each).astype(np.int64) for each in (columns, targets, hops))
        at = step[of]
        return [(of[at == s], to[at == s], far[at == s]) for s in np.unique(step)]

    def _feed(self, inputs: Mapping[str, ArrayLike]) -> None:
        known = self.inputs
        hint = f"inputs are {', '.join(f'{name} {list(shape)}' for name, shape in known.items())}"
        if unknown := sorted(inputs.keys() - known.keys()):
            raise BadInput(self._origin, f"there is no input {unknown[0]!r}", hint=hint)
        for tensor, sites in zip(self.image.tensors, self._program.sites, strict=True):
            if tensor.kind != "input":
                continue
            if tensor.name not in inputs:
                raise BadInput(self._origin, f"input {tensor.name!r} is missing", hint=hint)
            flat = elements(tensor, inputs[tensor.name], self._origin)
            element, crossbar, row = sites.T
            self._rows[self._row_base[crossbar] + row] = flat[element]

    def _fire(self, number: int, columns: Integers, sums: Floats, rule: Decided) -> None:
        """What columns of one rule make of their sums."""
        if rule.is_wide:
            states = rule.scale * (self._bias[columns] + sums)
            self._values[columns] = np.asarray(rule.activation.function(states))
            return
        first, dtype = self._bias[columns].astype(np.float32), rule.neuron.dtype
        key = number, int(columns[0])
        before = self._states.get(key)
        if before is None:
            before = (first, *[np.zeros(columns.size, dtype)] * (len(rule.neuron.states) - 1))
        state = (before[0] + sums).astype(dtype)
        found = fire(rule.neuron, rule.activation, rule.numbers, rule.scale, (state, *before[1:]), first)
        self._values[columns] = found[0]
        if rule.neuron.lasts:
            self._states[key] = tuple(np.asarray(each, dtype) for each in found[1])
            self._kept[key] = columns

    def _tensor(self, tensor: ImageTensor, sites: Integers) -> NDArray[np.float32]:
        element, crossbar, column = sites.T
        found = np.zeros(int(np.prod(tensor.shape)), dtype=np.float32)
        found[element] = self._values[self._column_base[crossbar] + column]
        return found.reshape(tensor.shape)

    def _counted(self) -> CrossbarCounters:
        """What the frame that is just over cost."""
        count = len(self._program.crossbars)

        def by_crossbar(of: Integers, amount: NDArray[Any]) -> Integers:
            return np.bincount(of, amount, count).astype(np.int64)

        sent = [(columns, far) for columns, _, far in self._routes]
        columns, far = _joined([each for each, _ in sent]), _joined([each for _, each in sent])
        is_sent = self._values[columns] != 0
        sender = self._crossbar_of_column[columns]
        driven = self._rows != 0
        reads = by_crossbar(self._crossbar_of_row, driven)
        used = by_crossbar(self._crossbar_of_row, self._used * driven)
        return CrossbarCounters(
            tuple((index, 0) for index in range(count)),
            np.zeros(count, dtype=np.bool_),
            firing=by_crossbar(self._crossbar_of_column, self._values != 0),
            events=by_crossbar(sender, is_sent),
            hops=by_crossbar(sender, far * is_sent),
            empty_events=np.zeros(count, dtype=np.int64),
            synaptic_operations=used,
            cycles=np.zeros(count, dtype=np.int64),
            local=by_crossbar(sender, is_sent & (far == 0)),
            reads=reads,
            silent=by_crossbar(self._crossbar_of_row, ~driven),
            unused=reads * self.image.chip.columns - used,
        )


def _joined(arrays: list[Any]) -> NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.empty(0, dtype=np.int64)
