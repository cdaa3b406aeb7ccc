"""The values between the steps of the pipeline as text, line by line: to be read, and to be compared.

The same value gives the same text on every machine. Of arrays it says the shape and the extremes.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ...backends.analysis.listing import disassemble
from ...backends.crossbar.image import CrossbarImage
from ...backends.crossbar.listing import listing
from ...backends.image.image import Image
from ...ir.crossbar.layout import Clusters, Placed
from ...ir.layers import Array, Attribute, Layer, LayerGraph
from ...ir.mapping import Fragment, Mapping, Plan, Span
from ...ir.network import AxisMap, Network, NeuronLayer, Parameter, Population, Projection
from ...ir.schedule import Step
from ..pipeline.steps import Value


def text_of(value: Value) -> str:
    """A value as text."""
    match value:
        case LayerGraph():
            lines = _layer_graph(value)
        case Network():
            lines = _network(value)
        case Mapping():
            lines = _mapping(value)
        case Clusters():
            lines = _clusters(value)
        case Placed():
            lines = _clusters(value.clusters, value.tiles.tolist())
        case CrossbarImage():
            lines = listing(value)
        case Image():
            return disassemble(value)
    return "".join(f"{line}\n" for line in lines)


def _layer_graph(graph: LayerGraph) -> Iterator[str]:
    yield f"layers of {graph.name}, opset {graph.opset}"
    for value in graph.inputs:
        yield f"input {value.name}: {value.dtype} {list(value.shape)}"
    for name, array in graph.constants.items():
        yield f"constant {name}: {array.dtype} {_array(array)}"
    for layer in graph.layers:
        yield from _layer(graph, layer)
    for value in graph.outputs:
        yield f"output {value.name}: {value.dtype} {list(value.shape)}"


def _layer(graph: LayerGraph, layer: Layer) -> Iterator[str]:
    results = ", ".join(f"{name} {list(graph.shape(name))}" for name in layer.outputs if name)
    attributes = "".join(f" {name}={_attribute(held)}" for name, held in sorted(layer.attributes.items()))
    yield f"layer {layer.name}: {layer.op}({', '.join(layer.inputs)}){attributes} -> {results}"


def _network(network: Network) -> Iterator[str]:
    yield f"network {network.name}, weights {network.weight_format}"
    for index, population in enumerate(network.populations):
        yield f"population {index} {_population(population)}"
    for projection in network.projections:
        yield f"projection {_projection(projection)}"
    for tensor in network.tensors:
        held = ", ".join(dict.fromkeys(str(piece.population) for piece in tensor.pieces))
        yield f"{tensor.kind} tensor {tensor.name}: {tensor.dtype} {list(tensor.shape)} in {held}"
    for layer in network.layers:
        yield f"layer {_neuron_layer(layer)}"


def _population(population: Population) -> str:
    facts = [f"{population.name}: {population.shape}", population.neuron.name, population.activation.name]
    facts += map(_parameter, population.parameters)
    if population.bias is not None:
        facts.append(f"bias {_array(population.bias)}")
    if population.initial:
        facts.append(f"initial {population.initial:g}")
    if population.scale != 1:
        facts.append(f"scale {population.scale:g}")
    if population.fires_on_zero:
        facts.append("fires on zero")
    return ", ".join(facts)


def _projection(projection: Projection) -> str:
    kernel = projection.kernel
    stored = kernel.format or ("exact" if kernel.index is None else "trained")
    if kernel.exponents is not None:
        stored += f" exponents {_array(kernel.exponents)}"
    channels = f"channels from {_listed(kernel.first.tolist())}"
    return (
        f"{projection.source} -> {projection.target} {projection.update.name}: {stored} weights"
        f" {_array(kernel.weights)}, {channels}, y {_axis(projection.y)}, x {_axis(projection.x)}"
    )


def _neuron_layer(layer: NeuronLayer) -> str:
    members = _listed(layer.populations)
    return f"{layer.name} ({layer.operator}): populations {members}, nodes {', '.join(layer.nodes) or '-'}"


def _axis(axis: AxisMap) -> str:
    return f"{axis.source_size} to {axis.target_size} by {axis.tap_count} in {axis.targets.size} pairs"


def _mapping(mapping: Mapping) -> Iterator[str]:
    yield f"mapping of {mapping.network.name} on {mapping.chip.name}"
    for index, held in enumerate(mapping.cores):
        place = f" at {mapping.places[index]}" if mapping.places else ""
        yield f"core {index}{place}: fragments {_listed(held)}"
    for number, plan in enumerate(mapping.plans):
        name = mapping.network.populations[plan.fragment.population].name
        yield f"fragment {number} of {name}: {_plan(plan)}"
        for axon in plan.axons:
            where = f"offset {axon.x_off} {axon.y_off}, size {axon.width} {axon.height}"
            kernel = f"kernel {axon.kw} {axon.kh}, upsampling {axon.us}"
            yield f"  axon to {axon.target} {axon.update.name} from {axon.segment}: {where}, {kernel}"
    yield f"prologue {_steps(mapping.schedule.prologue)}"
    yield f"body {_steps(mapping.schedule.body)}"


def _clusters(clusters: Clusters, tiles: Sequence[Sequence[int]] = ()) -> Iterator[str]:
    units = clusters.units
    yield f"crossbars of {units.name}: {clusters.count}, at least {clusters.bound}"
    crossbar, source = clusters.rows
    for index in range(clusters.count):
        place = f" at ({tiles[index][0]}, {tiles[index][1]})" if tiles else ""
        yield f"crossbar {index}{place}: rows of units {_listed(source[crossbar == index].tolist())}"
        for unit in clusters.members(index).tolist():
            heard = f"{units.fan_in[unit]} inputs, bias {units.bias[unit]:.6g}, rule {units.rule[unit]}"
            what = "part of a sum" if units.is_helper[unit] else "neuron"
            yield f"  unit {unit} of population {units.population[unit]}, {what}: {heard}"


def _plan(plan: Plan) -> str:
    held = f"{plan.state_bits} bits of states, {plan.block_words} words of blocks"
    held += f", {plan.ports} ports, {plan.kernel_words} words of tables, {plan.blob_words} words of numbers"
    when = plan.live_range
    live = "" if when is None else f", live {when.first} to {when.last}"
    return f"{_box(plan.fragment)}, {held}{live}"


def _box(fragment: Fragment) -> str:
    sides = (("c", fragment.c), ("y", fragment.y), ("x", fragment.x))
    return " ".join(f"{name} {_span(span)}" for name, span in sides)


def _span(span: Span) -> str:
    return f"{span.start}..{span.stop - 1}"


def _steps(steps: Sequence[Step]) -> str:
    return ", ".join(f"{step.action.name} {step.fragment}" for step in steps) or "-"


def _listed(numbers: Iterable[int]) -> str:
    """Numbers: those that follow each other as a range, one that is repeated once."""
    runs: list[tuple[int, int, int]] = []  # the first, the step to the next, how many
    for number in numbers:
        if runs:
            first, step, count = runs[-1]
            last = first + step * (count - 1)
            if number - last in ((0, 1) if count == 1 else (step,)):
                runs[-1] = first, number - last, count + 1
                continue
        runs.append((number, 0, 1))
    shown = (
        f"{first}..{first + count - 1}" if step else f"{count} x {first}" if count > 1 else str(first)
        for first, step, count in runs
    )
    return " ".join(shown) or "-"


def _parameter(parameter: Parameter) -> str:
    return _array(np.asarray(parameter)) if isinstance(parameter, tuple) else f"{parameter:g}"


def _attribute(held: Attribute) -> str:
    match held:
        case np.ndarray():
            return _array(held)
        case tuple():
            return f"[{', '.join(map(str, held))}]"
    return f"{held:g}" if isinstance(held, float) else str(held)


def _array(array: Array) -> str:
    """The shape of an array and its extremes."""
    if array.size == 0 or array.dtype.kind not in "biuf":
        return str(list(array.shape))
    least, most = f"{array.min():.6g}", f"{array.max():.6g}"
    return f"{list(array.shape)} {least}" if least == most else f"{list(array.shape)} {least}..{most}"
