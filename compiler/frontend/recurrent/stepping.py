"""A model that goes through a sequence becomes the model of one step: what nodes carry from step to step are
inputs and outputs of it. The sequence axis of the model is the stream, one frame a step.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import onnx
from onnx import numpy_helper

from ....ir.errors import BadInput, Origin, SncError, Unsupported, raise_all
from ....ir.layers import Array
from ..inline import with_branches, without_unread
from ..observe import constant_part, declared, random_inputs, run_tensors
from ..onnx_file import first_line
from ..opset import opset_of
from ..runtime import Arrays, session
from ..sizes import Scope, survey
from .bodies import is_whole, write_body
from .cells import Cell
from .sequence import (
    BODIES,
    CELLS,
    Shapes,
    has_inner_loops,
    origin_of,
    recurrent_nodes,
    sequence_axes,
    stated_steps,
    with_steps,
)
from .writing import State, Writer

TOLERANCE = 1e-4  # of an output's peak
TRIED = 5  # steps


@dataclass(frozen=True, slots=True, eq=False)
class Stepped:
    """One step of a model. `states`: what it carries, with what the first step begins with. `axes`: of each
    input that is a sequence. `steps`: as many as the model states, 0 where that is open.
    """

    model: onnx.ModelProto
    states: tuple[State, ...]
    initial: Mapping[str, Array]
    axes: Mapping[str, int]
    steps: int


def stepped(model: onnx.ModelProto, shapes: Shapes, file: str) -> Stepped | None:
    """One step of a model; None where it goes through no sequence. Raises SncError with every node that no
    step can be made of.
    """
    nodes = recurrent_nodes(model)
    if not nodes:
        return None
    raise_all(_nested(nodes, file))
    axes = sequence_axes(model, nodes, file)
    steps = stated_steps(model, axes, shapes, file)
    one = with_steps(model, axes, 1, shapes, file)
    found = _Step(one, axes, steps, file).stepped()
    _assert_agrees(model, found, shapes, file)
    return found


def _nested(nodes: Iterable[onnx.NodeProto], file: str) -> Iterable[SncError]:
    for node in nodes:
        if node.op_type in BODIES and not is_whole(node):
            rule = "its body does not read and leave as much as it says"
            yield BadInput(origin_of(node, file), rule, hint="export it again")
        elif has_inner_loops(node):
            rule = "its body goes through a sequence of its own"
            yield Unsupported(origin_of(node, file), rule, hint="write the inner steps out as layers")


class _Step:
    """The model of one step while it is made."""

    def __init__(self, model: onnx.ModelProto, axes: Mapping[str, int], steps: int, file: str) -> None:
        self.model, self.axes, self.steps, self.file = model, axes, steps, file
        self.opset = opset_of(model)
        self.writers: list[Writer] = []

    def stepped(self) -> Stepped:
        """All of it. Raises SncError."""
        types = _types(self.model)
        self._rewrite(BODIES, lambda node, writer: write_body(node, self._at(node), writer, types.get))
        self._feed([state for writer in self.writers for state in writer.states])
        scope = survey(self.model, self.file)
        while scope.taken:
            self.model = without_unread(with_branches(self.model, scope.taken))
            scope = survey(self.model, self.file)
        constants = Constants(self.model, scope, self.file)
        bodies = len(self.writers)

        def write_cell(node: onnx.NodeProto, writer: Writer) -> None:
            shape = scope.shape(node.input[0])
            if shape is None:
                raise Unsupported(
                    self._at(node), "the shape of what it reads is unknown", hint="give --input-shape"
                )
            Cell(node, self._at(node), writer, constants, shape, self.steps).write()

        self._rewrite(CELLS, write_cell)
        self._feed([state for writer in self.writers[bodies:] for state in writer.states])
        return self._with_initial(constants)

    def _at(self, node: onnx.NodeProto) -> Origin:
        return origin_of(node, self.file)

    def _rewrite(self, ops: tuple[str, ...], write: Callable[[onnx.NodeProto, Writer], None]) -> None:
        """The model with nodes of some operators replaced by what is written for them."""
        found = onnx.ModelProto()
        found.CopyFrom(self.model)
        del found.graph.node[:]
        problems: list[SncError] = []
        for node in self.model.graph.node:
            if node.op_type not in ops:
                found.graph.node.append(node)
                continue
            writer = Writer(self._at(node).node, self.opset)
            try:
                write(node, writer)
            except SncError as error:
                problems.append(error)
            found.graph.node.extend(writer.nodes)
            found.graph.initializer.extend(writer.constants)
            self.writers.append(writer)
        raise_all(problems)
        self.model = found

    def _feed(self, states: list[State]) -> None:
        """Gives the model inputs and outputs for what it carries."""
        for state in states:
            for values, name in (
                (self.model.graph.input, state.given),
                (self.model.graph.output, state.made),
            ):
                values.append(
                    onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, list(state.shape))
                )

    def _with_initial(self, constants: "Constants") -> Stepped:
        """The model with what its first step begins with; where it has one step alone, what its states come
        from is computed.
        """
        initial: dict[str, Array] = {}
        kept: list[State] = []
        problems: list[SncError] = []
        for writer in self.writers:
            for state in writer.states:
                held = np.zeros(state.shape, np.float32) if not state.initial else constants(state.initial)
                if held is not None and held.dtype.kind == "f":
                    initial[state.given] = held.astype(np.float32).reshape(state.shape)
                    kept.append(state)
                elif held is None and self.steps == 1:
                    self._compute(state)
                else:
                    origin = Origin(self.file, writer.base, "", state.given)
                    rule = f"its initial state ({state.initial}) must be constant numbers"
                    problems.append(Unsupported(origin, rule, hint="freeze it into the model"))
        raise_all(problems)
        return Stepped(
            without_unread(self.model), tuple(kept), MappingProxyType(initial), self.axes, self.steps
        )

    def _compute(self, state: State) -> None:
        """A state that the model itself is given."""
        graph = self.model.graph
        for values, name in ((graph.input, state.given), (graph.output, state.made)):
            (index,) = (i for i, value in enumerate(values) if value.name == name)
            del values[index]
        sizes = f"{state.given}/shape"
        graph.initializer.append(numpy_helper.from_array(np.asarray(state.shape, np.int64), sizes))
        readers = (i for i, node in enumerate(graph.node) if state.given in node.input)
        first = next(readers, len(graph.node))
        node = onnx.helper.make_node("Reshape", [state.initial, sizes], [state.given], state.given)
        graph.node.insert(first, node)


class Constants:
    """What a model's constant tensors hold."""

    def __init__(self, model: onnx.ModelProto, scope: Scope, file: str) -> None:
        self._held = {tensor.name: tensor for tensor in model.graph.initializer}
        self._model, self._scope, self._file = model, scope, file

    def __call__(self, name: str) -> Array | None:
        """The array of a tensor; None where it is not constant."""
        if name in self._held:
            return numpy_helper.to_array(self._held[name])
        if name not in self._scope.constants:
            return None
        if name in self._scope.values:
            return np.asarray(self._scope.values[name])
        part = constant_part(self._model, self._scope)
        return np.asarray(run_tensors(part, [name], {}, self._file)[name])


def _types(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """The shapes that tensors of a model have before it runs."""
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception:  # what is wrong with the model is said where it is read
        return {}
    found = {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*inferred.input, *inferred.value_info)
        if value.type.tensor_type.HasField("shape")
        and all(dim.dim_value > 0 for dim in value.type.tensor_type.shape.dim)
    }
    return found | {tensor.name: tuple(tensor.dims) for tensor in inferred.initializer}


# -- whether steps are the sequence


def _assert_agrees(model: onnx.ModelProto, found: Stepped, shapes: Shapes, file: str) -> None:
    """Raises Unsupported where step by step something else comes out than of a whole sequence."""
    steps = found.steps or TRIED
    whole = with_steps(model, found.axes, steps, shapes, file)
    runtime = session(whole.SerializeToString(), optimised=False)
    given = random_inputs([declared(value) for value in whole.graph.input], file)
    names = [value.name for value in whole.graph.output]
    try:
        want = dict(zip(names, runtime.run(names, given), strict=True))
    except Exception:  # onnxruntime raises a dozen kinds of its own
        raise Unsupported(
            Origin(file=file), "ONNX Runtime cannot run its sequence", hint="mend the model so that it does"
        ) from None
    got = run_steps(found, steps_of(given, found.axes, steps), names, file)
    for name in names:
        if not _is_of_steps(want[name], [each[name] for each in got]):
            maker = next((node for node in model.graph.node if name in node.output), None)
            origin = Origin(file=file) if maker is None else origin_of(maker, file)
            rule = f"its output {name!r} is not what its steps give one by one"
            raise Unsupported(origin, rule, hint="let no layer mix steps: end the network before")


def steps_of(given: Arrays, axes: Mapping[str, int], steps: int) -> list[Arrays]:
    """A sequence step by step; what is no sequence is the same for each."""
    return [
        {
            name: np.take(array, [step], axis=axes[name]) if name in axes else array
            for name, array in given.items()
        }
        for step in range(steps)
    ]


def run_steps(found: Stepped, frames: Iterable[Arrays], names: list[str], file: str) -> list[Arrays]:
    """What ONNX Runtime computes step by step."""
    runtime = session(found.model.SerializeToString(), optimised=False)
    known = {value.name for value in found.model.graph.input}
    carried: Arrays = dict(found.initial)
    outputs = [*names, *(state.made for state in found.states)]
    results: list[Arrays] = []
    for frame in frames:
        fed = {name: array for name, array in {**frame, **carried}.items() if name in known}
        try:
            made = dict(zip(outputs, runtime.run(outputs, fed), strict=True))
        except Exception as error:  # onnxruntime raises a dozen kinds of its own
            rule = f"ONNX Runtime cannot run one step of it: {first_line(error)}"
            hint = "let what a step leaves have the shape of what it reads"
            raise Unsupported(Origin(file=file), rule, hint=hint) from None
        carried = {state.given: made[state.made] for state in found.states}
        results.append({name: made[name] for name in names})
    return results


def step_axis(whole: tuple[int, ...], one: tuple[int, ...]) -> int | None:
    """The axis of an output that goes through the steps; None where it is of the last step alone."""
    apart = [axis for axis, (a, b) in enumerate(zip(whole, one, strict=False)) if a != b]
    return apart[0] if apart else None


def _is_of_steps(whole: Array, steps: list[Array]) -> bool:
    """Whether an output of a sequence is those of its steps, or the last one."""
    one = steps[0].shape
    axis = step_axis(whole.shape, one)
    found = steps[-1] if axis is None else np.concatenate(steps, axis)
    return is_near(found, whole)


def is_near(found: Array, whole: Array) -> bool:
    """Whether an output is that of the nodes: floats but for rounding, of the peak; all others are equal."""
    if found.shape != whole.shape:
        return False
    if whole.dtype.kind != "f":
        return bool((found == whole).all())
    peak = float(np.abs(whole).max(initial=0.0))
    return bool((np.abs(found - whole) <= TOLERANCE * max(peak, 1e-6)).all())
