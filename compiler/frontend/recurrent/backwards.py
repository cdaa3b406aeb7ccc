"""Recurrent nodes that go backwards need their whole sequence at once: it is a frame, and each step is layers
of its own. Equal weights of steps are one constant.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
import onnx

from ....ir.errors import Origin, SncError, Unsupported, each_of, raise_all
from ..inline import with_branches, with_first_outputs, without_unread
from ..observe import declared, random_inputs
from ..onnx_file import fix_shapes
from ..opset import opset_of
from ..runtime import session
from ..sizes import survey
from .cells import GATES, INITIAL_C, INITIAL_H, Cell, directions
from .sequence import BODIES, CELLS, Shapes, origin_of, recurrent_nodes, sequence_axes, steps_first
from .stepping import Constants, is_near
from .writing import Writer

NOTE = "a recurrent node goes backwards: a frame is a whole sequence, and each step takes memory of its own"
GATES_MOST = 2**9  # dense layers of all steps: a minute to map, and more take many
FORWARDS = "a node of the direction forward is streamed, step by step, whatever their number"


def goes_backwards(model: onnx.ModelProto) -> bool:
    """Whether a recurrent node of a model begins with the last step."""
    return any(node.op_type in CELLS and any(directions(node)) for node in model.graph.node)


def written_out(
    model: onnx.ModelProto, shapes: Shapes, file: str
) -> tuple[onnx.ModelProto, Mapping[str, SncError]]:
    """A model whose recurrent nodes are written out where one of them goes backwards, all its shapes static;
    or where the host alone may have them, the model as it stands, and why.
    """
    fixed = fix_shapes(model, shapes, file)
    raise_all(_other_loops(model, file))
    try:
        whole = steps_first(with_first_outputs(fixed))
        found = _Unrolling(whole, _open_steps(model, shapes, file), file).model()
        _assert_agrees(whole, found, file)
        return found, MappingProxyType({})
    except SncError as error:
        nodes = recurrent_nodes(model)
        said = {one.origin.node: one for one in each_of(error) if one.origin and one.origin.node}
        names = [origin_of(node, file).node for node in nodes]
        return fixed, MappingProxyType({name: said.get(name, each_of(error)[0]) for name in names})


def _other_loops(model: onnx.ModelProto, file: str) -> Iterator[SncError]:
    for node in model.graph.node:
        if node.op_type in BODIES:
            rule = "it goes through a sequence beside a node that goes backwards"
            yield Unsupported(origin_of(node, file), rule, hint=FORWARDS)


def _open_steps(model: onnx.ModelProto, shapes: Shapes, file: str) -> str:
    """The input of which nobody says how many steps it has; "" where there is none."""
    try:
        axes = sequence_axes(model, recurrent_nodes(model), file)
    except SncError:  # what it reads is no sequence of an input, so a size that the model states
        return ""
    sizes = {value.name: value.type.tensor_type.shape.dim for value in model.graph.input}
    return next((n for n, axis in axes.items() if n not in shapes and not sizes[n][axis].dim_value), "")


class _Unrolling:
    """A model while its recurrent nodes are written out. `open_`: the input whose steps nobody counts."""

    def __init__(self, model: onnx.ModelProto, open_: str, file: str) -> None:
        self.file, self.open = file, open_
        self.scope = survey(model, file)
        while self.scope.taken:
            model = without_unread(with_branches(model, self.scope.taken))
            self.scope = survey(model, file)
        self.given, self.constants = model, Constants(model, self.scope, file)
        self.left = GATES_MOST

    def model(self) -> onnx.ModelProto:
        """All of it. Raises SncError with every node of which no steps can be written."""
        found = onnx.ModelProto()
        found.CopyFrom(self.given)
        del found.graph.node[:]
        problems: list[SncError] = []
        for node in self.given.graph.node:
            origin = origin_of(node, self.file)
            writer = Writer(origin.node, opset_of(self.given))
            if node.op_type in CELLS:
                try:
                    self._write(node, origin, writer)
                except SncError as error:
                    problems.append(error)
                found.graph.node.extend(writer.nodes)
                found.graph.initializer.extend(writer.constants)
            else:
                found.graph.node.append(node)
        raise_all(problems)
        return without_unread(found)

    def _write(self, node: onnx.NodeProto, origin: Origin, writer: Writer) -> None:
        """The steps of a node, direction by direction, and its outputs."""
        shape = self.scope.shape(node.input[0])
        if shape is None or self.open:
            rule = f"it goes backwards, and how many steps {self.open or node.input[0]!r} has is open"
            raise Unsupported(origin, rule, hint="give --input-shape with the steps of a frame")
        steps, backwards = shape[0], directions(node)
        layers = steps * len(backwards) * GATES[node.op_type]
        self.left -= layers
        if self.left < 0:
            rule = (
                f"it goes backwards, so each of its {steps} steps is layers of its own: {layers:,} dense ones"
            )
            hint = f"at most {GATES_MOST:,} of all nodes are written out: give fewer steps; {FORWARDS}"
            raise Unsupported(origin, rule, hint=hint)
        cells = [
            Cell(node, origin, writer, self.constants, shape, steps, number)
            for number in range(len(backwards))
        ]
        taken = [writer.picked(node.input[0], step, f"step{step}") for step in range(steps)]
        ways = [self._way(cell, taken, is_back) for cell, is_back in zip(cells, backwards, strict=True)]
        every, last, cell_states = (name for name in (*node.output, "", "", "")[:3])
        ones = cells[0].batch, cells[0].hidden
        writer.at = ""
        if every:
            held = [
                writer.joined([writer.reshape(way[0][step], (1, 1, *ones)) for way in ways], 1)
                for step in range(steps)
            ]
            writer.joined(held, 0, output=every)
        for name, states in ((last, [way[1] for way in ways]), (cell_states, [way[2] for way in ways])):
            if name:
                writer.joined([writer.reshape(state, (1, *ones)) for state in states], 0, output=name)

    def _way(self, cell: Cell, taken: list[str], is_back: bool) -> tuple[list[str], str, str]:
        """The states of a direction step by step, in the order of the sequence; the last state that it comes
        to, and its cell state.
        """
        h, c = (self._initial(cell, index) for index in (INITIAL_H, INITIAL_C))
        steps = range(len(taken))
        found = {}
        for step in reversed(steps) if is_back else steps:
            cell.writer.at = f"{'reverse' if is_back else 'forward'}{step}/"
            h, c = cell.step(taken[step], h, c)
            found[step] = h
        return [found[step] for step in steps], h, c

    def _initial(self, cell: Cell, index: int) -> str:
        """The state with which a direction begins, "" where it is zeros."""
        name = cell.input(index)
        array = self.constants(name) if name else None
        if not name or (array is not None and not array.any()):
            return ""
        if array is not None:
            return cell.writer.constant(
                f"initial{index}.{cell.number}", array[cell.number].astype(np.float32)
            )
        return cell.writer.picked(name, cell.number, f"initial{index}.{cell.number}")


def _assert_agrees(given: onnx.ModelProto, found: onnx.ModelProto, file: str) -> None:
    """Raises Unsupported where the steps give something else than ONNX Runtime's nodes."""
    fed = random_inputs([declared(value) for value in given.graph.input], file)
    names = [value.name for value in given.graph.output]
    runs = [session(each.SerializeToString(), optimised=False) for each in (given, found)]
    try:
        want = runs[0].run(names, fed)
    except Exception:  # onnxruntime raises a dozen kinds of its own
        rule, hint = "ONNX Runtime cannot run its sequence", "mend the model so that it does"
        raise Unsupported(Origin(file=file), rule, hint=hint) from None
    for name, one, other in zip(names, want, runs[1].run(names, fed), strict=True):
        if not is_near(other, one):
            rule = f"its output {name!r} is not what its steps give"
            raise Unsupported(Origin(file=file), rule, hint="report the model: the steps are our own")
