"""The report of an image: what `compile`, `inspect` and their --json say, as plain values. Draws nothing.

Everything is read from the image alone; what only the compiler knows (seconds, counts of the whole network)
is None until `compile_report` adds it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, prod
from pathlib import Path
from typing import TYPE_CHECKING

from ...backends.analysis.bill import Bill, bill
from ...backends.analysis.traffic import Traffic, traffic
from ...backends.image.faults import population_at
from ...backends.image.image import About, Image, ImageFragment, ImageLayer
from ...backends.image.lessons import Lesson, lessons
from ...backends.image.whole import sha256_of
from ...backends.words.words import Step
from ...ir.counts import operations, synapses, trained_weights
from ...ir.network import Neuron
from ..frontend.nir.read import HOW
from ..pipeline.clock import Clock

if TYPE_CHECKING:
    from ..choosing.choose import Precision
    from ..choosing.frames import StateAccuracy
    from ..pipeline.driver import Compiled


@dataclass(frozen=True, slots=True)
class Totals:
    """The memory bill and the size of the network. `total_bytes` is the sum of the four before it.

    `padding_bytes`: what states leave of their last words, and words that nothing refers to. `synapses`:
    neuron to neuron, without padding. `weights`: elements of the trained constants that the chip holds.
    """

    neurons_bytes: int
    connectivity_bytes: int
    parameters_bytes: int
    biases_bytes: int
    total_bytes: int
    padding_bytes: int
    neurons: int
    synapses: int | None = None
    weights: int | None = None


@dataclass(frozen=True, slots=True)
class Cores:
    """How many cores hold something, how many there are, and how many any packing needs."""

    used: int
    available: int
    lower_bound: int


@dataclass(frozen=True, slots=True)
class SolverReport:
    """What the solver minimised and proved."""

    status: str
    objective: float
    bound: float
    gap: float
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Cuts:
    """How many pieces along each axis at most."""

    c: int
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class LayerReport:
    """A layer: its shape D, H, W, its fragments, what they take, and the cores they lie in."""

    name: str
    op: str
    nodes: tuple[str, ...]
    shape: tuple[int, int, int]
    fragments: int
    cuts: Cuts
    neurons_bytes: int
    connectivity_bytes: int
    parameters_bytes: int
    biases_bytes: int
    cores: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Host:
    """Nodes that the host computes, before and behind the chip, and why it does."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    share_of_macs: float
    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CoreReport:
    """A core: its place, how full it is (0 to 1), its bill, and the layers that have a fragment in it.

    `synapses`: those that end in it, its synaptic operations when every neuron fires.
    """

    core: int
    x: int
    y: int
    words: int
    fill: float
    neurons_bytes: int
    connectivity_bytes: int
    parameters_bytes: int
    biases_bytes: int
    padding_bytes: int
    layers: tuple[str, ...]
    synapses: int | None = None


@dataclass(frozen=True, slots=True)
class TensorReport:
    """An input or an output of the chip's part."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class RuleReport:
    """A rule by which weights between two layers learn on the chip. `settled`: the threshold from which
    on updates are half as large, None for none; `noise`: the generator's state.
    """

    source: str
    to: str
    window: int
    shift: int
    maximum: int
    growth: float
    settled: float | None
    rounding: str
    noise: int


@dataclass(frozen=True, slots=True)
class Report:
    """Everything there is to say of an image. `mesh`: cores in X and Y. `dynamics`: how it runs over
    time. `fidelity`: how true each of its nodes is to the file, known when it is compiled. `precision`:
    what the formats of its weights cost, where the compiler had frames to measure it on. `layouts`: bytes of
    weights by how their kernels are stored. `learning`: the rules by which weights change on the chip.
    """

    model: str
    image: str
    image_sha256: str
    target: str
    weights: str
    states: str
    objective: str
    seed: int
    compiler: str
    totals: Totals
    cores: Cores
    solver: SolverReport
    layers: tuple[LayerReport, ...]
    host: Host
    seconds: Mapping[str, float] | None
    mesh: tuple[int, int]
    core_words: int
    inputs: tuple[TensorReport, ...]
    outputs: tuple[TensorReport, ...]
    per_core: tuple[CoreReport, ...]
    traffic: Traffic
    layouts: Mapping[str, int]
    dynamics: str = ""
    fidelity: Mapping[str, str] | None = None
    precision: "Precision | None" = None
    learning: tuple[RuleReport, ...] = ()


def report(image: Image, path: Path) -> Report:
    """The report of an image that stands in a file."""
    about, found = image.about, bill(image)
    total = found.total
    neurons = sum(
        population.width * population.height * population.depth
        for population in (population_at(image, *key) for key in sorted(_descriptors(image)))
        if population.neuron is not Neuron.INPUT
    )
    return Report(
        model=about.model,
        image=str(path),
        image_sha256=sha256_of(path),
        target=image.chip.name,
        weights=about.weights,
        states=about.states,
        objective=about.objective,
        seed=about.seed,
        compiler=about.compiler,
        totals=Totals(
            total.neurons,
            total.connectivity,
            total.parameters,
            total.biases,
            total.total,
            total.unused,
            neurons,
        ),
        cores=Cores(len(image.cores), image.chip.cores, about.solver.cores_lower_bound),
        solver=SolverReport(
            about.solver.status, about.solver.objective, about.solver.bound, about.solver.gap
        ),
        layers=tuple(_layer(image, layer, found.layers[layer.name]) for layer in about.layers),
        host=_host(about),
        seconds=None,
        mesh=image.chip.mesh,
        core_words=image.chip.core_words,
        inputs=_tensors(image, "input"),
        outputs=_tensors(image, "output"),
        per_core=tuple(_core(image, index, part) for index, part in enumerate(found.cores)),
        traffic=traffic(image),
        layouts={layout.name.lower(): count for layout, count in found.layouts.items()},
        dynamics=about.dynamics,
        learning=tuple(_rule(image, lesson) for lesson in lessons(image.learning)),
    )


def _rule(image: Image, lesson: Lesson) -> RuleReport:
    """A rule, and the layers that its first pair of populations belongs to."""
    layer_of = {(f.core, f.population): layer.name for layer in image.about.layers for f in layer.fragments}
    pair, settled = lesson.pairs[0], lesson.course.settled
    return RuleReport(
        layer_of.get((pair.source_core, pair.source), ""),
        layer_of.get((pair.core, pair.population), ""),
        lesson.rule.window,
        lesson.rule.shift,
        lesson.rule.maximum,
        lesson.rule.growth,
        settled if isfinite(settled) else None,
        str(lesson.rule.rounding),
        lesson.course.noise,
    )


def compile_report(compiled: "Compiled", path: Path, chip: "StateAccuracy | None" = None) -> Report:
    """The report of an image that has just been compiled. `chip`: how near it is with states of 16 bits."""
    with Clock()("report"):  # beside a mapping, whose objects are many
        known, network = report(compiled.image, path), compiled.network
    precision = compiled.precision
    return replace(
        known,
        totals=replace(
            known.totals,
            synapses=sum(map(synapses, network.projections)),
            weights=trained_weights(network),
        ),
        per_core=tuple(
            replace(core, synapses=held)
            for core, held in zip(known.per_core, operations(compiled.mapping), strict=True)
        ),
        solver=replace(known.solver, seconds=compiled.seconds.get("partition")),
        seconds={"total": sum(compiled.seconds.values()), **compiled.seconds},
        fidelity={
            layer.name: layer.text(HOW, "") for layer in compiled.graph.layers if HOW in layer.attributes
        }
        or None,
        precision=None if precision is None else replace(precision, chip=chip),
    )


def _descriptors(image: Image) -> set[tuple[int, int]]:
    """Core and address of every population that takes part in a frame."""
    steps = Step.decode_array(image.steps)
    return set(zip(steps["core"].tolist(), steps["population"].tolist(), strict=True))


def _host(about: About) -> Host:
    reasons = dict(zip((*about.host_before, *about.host_after), about.host_reasons, strict=False))
    return Host(about.host_before, about.host_after, about.host_share_of_macs, reasons)


def _layer(image: Image, layer: ImageLayer, part: Bill) -> LayerReport:
    main = main_fragments(image, layer)
    return LayerReport(
        name=layer.name,
        op=layer.op,
        nodes=layer.nodes,
        shape=layer.shape,
        fragments=len(layer.fragments),
        cuts=Cuts(
            len({f.c0 for f in main}),
            len({f.x0 for f in main}),
            len({f.y0 for f in main}),
        ),
        neurons_bytes=part.neurons,
        connectivity_bytes=part.connectivity,
        parameters_bytes=part.parameters,
        biases_bytes=part.biases,
        cores=tuple(sorted({f.core for f in layer.fragments})),
    )


def main_fragments(image: Image, layer: ImageLayer) -> Sequence[ImageFragment]:
    """The fragments of the layer's result. The emitter lists them last, behind those of helpers, and the
    layer's shape is that of its result: so many neurons from the end are the result's.
    """
    left = prod(layer.shape)
    for number, fragment in enumerate(reversed(layer.fragments), 1):
        population = population_at(image, fragment.core, fragment.population)
        left -= population.width * population.height * population.depth
        if left <= 0:
            return layer.fragments[-number:]
    return layer.fragments


def _core(image: Image, index: int, part: Bill) -> CoreReport:
    core = image.cores[index]
    held = [layer.name for layer in image.about.layers if any(f.core == index for f in layer.fragments)]
    return CoreReport(
        core=index,
        x=core.x,
        y=core.y,
        words=core.words.size,
        fill=core.words.size / image.chip.core_words,
        neurons_bytes=part.neurons,
        connectivity_bytes=part.connectivity,
        parameters_bytes=part.parameters,
        biases_bytes=part.biases,
        padding_bytes=part.unused,
        layers=tuple(held),
    )


def _tensors(image: Image, kind: str) -> tuple[TensorReport, ...]:
    return tuple(TensorReport(t.name, t.shape, t.dtype) for t in image.tensors if t.kind == kind)
