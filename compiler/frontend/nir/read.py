"""A NIR file becomes layers: those of operators that ONNX has, and those of networks that run over time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....ir.errors import SncError, Unsupported, raise_all
from ....ir.layers import Array, Attribute, Layer, LayerGraph, Value
from .dynamics import SAYS, Dynamics
from .flow import NEURONS, Flow, flow
from .graph import Graph, Node, finite, kind, load_graph
from .neurons import delay_steps, neurons
from .shapes import Shape, padding, pair, shapes

OPSET = 13  # whose operators the layers mean
DRIVE = "drive"  # what drives neurons in every step, as a constant and as an attribute
HOW = "how"  # the attribute that says how true a layer is to its node
EXACT = "exact"
WEIGHTS = "exact, but for how its weights are stored (--weights)"


def read_nir(path: Path, dynamics: Dynamics) -> LayerGraph:
    """The layers of a NIR file. Raises SncError with everything that cannot be mapped."""
    return layers_of(flow(load_graph(path), dynamics), dynamics)


def layers_of(found: Flow, dynamics: Dynamics) -> LayerGraph:
    """The layers of a graph whose order is known. Raises SncError."""
    writer = _Writer(found, dynamics, shapes(found))
    problems: list[SncError] = []
    for name in found.firing:
        node = found.graph.nodes[name]
        make = _MAKERS.get(kind(node))
        try:
            if make is None:
                hint = f"mappable are {', '.join(sorted(_MAKERS))}"
                raise Unsupported(found.graph.origin(name), "the node cannot be mapped", hint=hint)
            make(writer, name, node)
        except SncError as error:
            problems.append(error)
    raise_all(problems)
    for source, target, name in writer.delayed:
        writer.feed_back(source, target, name)
    for source, target in sorted(found.late, key=lambda edge: tuple(map(found.by_shape.index, edge))):
        writer.feed_back(source, writer.first_of.get(target, target), target)
    return writer.graph()


@dataclass(slots=True)
class _Writer:
    """Layers while they are written."""

    flow: Flow
    dynamics: Dynamics
    shapes: Mapping[str, Shape]
    layers: list[Layer] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    first_of: dict[str, str] = field(default_factory=dict)  # of a delay: where what it waits for goes in
    delayed: list[tuple[str, str, str]] = field(default_factory=list)  # inside delays

    def add(
        self, name: str, op: str, inputs: Sequence[str], tensor: str = "", **attributes: Attribute
    ) -> str:
        """A layer of a node; gives the name of its result."""
        made = tensor or name
        self.values[made] = Value(made, (1, *self.shapes[name]))
        title = name if made == name else made
        origin = self.flow.graph.origin(name)
        self.layers.append(Layer(title, op, tuple(inputs), (made,), MappingProxyType(attributes), origin))
        return made

    def constant(self, name: str, what: str, numbers: Any) -> str:
        """A constant of a node."""
        title = f"{name}.{what}"
        found = finite(numbers, what, self.flow.graph.origin(name))
        self.constants[title] = np.ascontiguousarray(found, dtype=np.float32)
        return title

    def source(self, name: str) -> str:
        """What a node receives within a step, as one tensor."""
        given = self.flow.prompt(name)
        if len(given) == 1:
            return given[0]
        made = f"{name}~sum"
        self.values[made] = Value(made, (1, *self.shapes[given[0]]))
        origin = self.flow.graph.origin(name)
        self.layers.append(Layer(made, "Sum", tuple(given), (made,), MappingProxyType({}), origin))
        return made

    def feed_back(self, source: str, target: str, node: str) -> None:
        """A layer for what its target sees in the next step."""
        origin = self.flow.graph.origin(node)
        name = f"{source} -> {target}"
        self.values[name] = self.values[target]
        self.layers.append(Layer(name, "Feedback", (source, target), (name,), MappingProxyType({}), origin))

    def graph(self) -> LayerGraph:
        """All of it."""
        note = f"steps of {self.dynamics.dt:g} s ({self.dynamics.dialect}): {SAYS[self.dynamics.dialect]}"
        return LayerGraph(
            self.flow.graph.file,
            OPSET,
            tuple(self.layers),
            MappingProxyType(self.constants),
            tuple(self.inputs),
            tuple(self.outputs),
            MappingProxyType(self.values),
            (note,),
        )


def _input(writer: _Writer, name: str, node: Node) -> None:
    writer.values[name] = Value(name, (1, *writer.shapes[name]))
    writer.inputs.append(writer.values[name])


def _output(writer: _Writer, name: str, node: Node) -> None:
    made = writer.add(name, "Identity", [writer.source(name)], **{HOW: EXACT})
    writer.outputs.append(writer.values[made])


def _dense(writer: _Writer, name: str, node: Node) -> None:
    inputs = [writer.source(name), writer.constant(name, "weight", node.weight)]
    if getattr(node, "bias", None) is not None:
        inputs.append(writer.constant(name, "bias", node.bias))
    writer.add(name, "Gemm", inputs, transB=1, **{HOW: WEIGHTS})


def _conv(writer: _Writer, name: str, node: Node) -> None:
    rank = np.ndim(node.weight) - 2
    begins, ends = padding(node, rank, np.shape(node.weight)[2:])
    inputs = [writer.source(name), writer.constant(name, "weight", node.weight)]
    if getattr(node, "bias", None) is not None:
        inputs.append(writer.constant(name, "bias", node.bias))
    writer.add(
        name,
        "Conv",
        inputs,
        strides=pair(node.stride, rank),
        dilations=pair(node.dilation, rank),
        pads=(*begins, *ends),
        group=int(node.groups),
        **{HOW: WEIGHTS},
    )


def _scale(writer: _Writer, name: str, node: Node) -> None:
    factors = writer.constant(name, "scale", np.asarray(node.scale).reshape(1, *np.shape(node.scale)))
    writer.add(name, "Mul", [writer.source(name), factors], **{HOW: WEIGHTS})


def _pool(op: str) -> Callable[[_Writer, str, Node], None]:
    def make(writer: _Writer, name: str, node: Node) -> None:
        pads = pair(node.padding, 2)
        writer.add(
            name,
            op,
            [writer.source(name)],
            kernel_shape=pair(node.kernel_size, 2),
            strides=pair(node.stride, 2),
            pads=(*pads, *pads),
            count_include_pad=1,
            **{HOW: EXACT},
        )

    return make


def _flatten(writer: _Writer, name: str, node: Node) -> None:
    writer.add(name, "Flatten", [writer.source(name)], **{HOW: EXACT})


def _neurons(writer: _Writer, name: str, node: Node) -> None:
    origin, shape = writer.flow.graph.origin(name), writer.shapes[name]
    found = neurons(node, origin, writer.dynamics)
    attributes: dict[str, Attribute] = {HOW: found.how}
    for parameter, numbers in found.parameters.items():
        held = _of_channels(writer.flow.graph, name, parameter, numbers, shape)
        attributes[parameter] = float(held[0]) if len(set(held.tolist())) == 1 else tuple(held.tolist())
    if found.drive is not None:
        held = _of_channels(writer.flow.graph, name, "v_leak", found.drive, shape)
        attributes[DRIVE] = writer.constant(name, DRIVE, held)
    sources = writer.flow.prompt(name)
    if found.current_decay is not None:
        held = _of_channels(writer.flow.graph, name, "tau_syn", found.current_decay, shape)
        writer.first_of[name] = f"{name}~current"
        writer.add(name, "LI", sources, f"{name}~current", decay=tuple(held.tolist()), gain=1.0)
        sources = [f"{name}~current"]
    writer.add(name, found.op, sources, name, **attributes)


def _of_channels(
    graph: Graph, name: str, parameter: str, numbers: NDArray[np.float64], shape: Shape
) -> NDArray[np.float32]:
    """One number for each channel. Raises Unsupported where the neurons of a channel have different ones."""
    held = np.broadcast_to(numbers.astype(np.float32).reshape(shape if numbers.size > 1 else ()), shape)
    by_channel = held.reshape(shape[0], -1)
    if (by_channel != by_channel[:, :1]).any():
        rule = f"its {parameter} is not the same for all neurons of a channel"
        raise Unsupported(
            graph.origin(name), rule, hint="the chip has one for each channel: flatten before it"
        )
    return by_channel[:, 0].copy()


def _delay(writer: _Writer, name: str, node: Node) -> None:
    origin = writer.flow.graph.origin(name)
    steps = delay_steps(node, origin, writer.dynamics)
    if steps == 0:
        writer.add(name, "Identity", [writer.source(name)], **{HOW: EXACT})
        return
    made = [name, *(f"{name}~{step}" for step in range(steps - 1, 0, -1))]
    how = f"exact: {steps} steps, a population each"
    for tensor in made:  # who sees late events fires first
        writer.add(name, "LI", [], tensor, decay=0.0, gain=1.0, **{HOW: how})
    writer.first_of[name] = made[-1]
    for target, source in pairwise(made):
        writer.delayed.append((source, target, name))


_MAKERS: Mapping[str, Callable[[_Writer, str, Node], None]] = {
    "Input": _input,
    "Output": _output,
    "Linear": _dense,
    "Affine": _dense,
    "Conv1d": _conv,
    "Conv2d": _conv,
    "Scale": _scale,
    "SumPool2d": _pool("SumPool"),
    "AvgPool2d": _pool("AveragePool"),
    "Flatten": _flatten,
    "Delay": _delay,
    "Threshold": _neurons,
    **dict.fromkeys(NEURONS, _neurons),
}
