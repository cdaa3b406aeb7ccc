"""Random small networks of all layer types, their inputs, and the deterministic conformance list.

This package knows nothing of the compiler: it is what the compiler is held against.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from hypothesis import strategies as st

from . import blocks, joins, layers
from .cases import single_layer_cases
from .writer import NEWEST_OPSET, OLDEST_OPSET, Writer

__all__ = [
    "BODY",
    "KINDS",
    "TAIL",
    "Recipe",
    "models",
    "random_input",
    "random_model",
    "random_recipe",
    "recipes",
    "single_layer_cases",
]

_MAPS_ONLY: Mapping[str, blocks.Block] = {
    "conv": blocks.conv,
    "depthwise": blocks.depthwise,
    "grouped": blocks.grouped,
    "conv-transpose": blocks.conv_transpose,
    "average-pool": blocks.average_pool,
    "max-pool": blocks.max_pool,
    "batch-norm": blocks.batch_norm,
    "resize": blocks.resize,
    "gate": joins.gate,
    "plane": joins.plane,
    "concat": joins.concat,
    "split": joins.split,
    "slice": joins.slice_channels,
    "global-average-pool": blocks.global_average_pool,
    "global-max-pool": blocks.global_max_pool,
}
_ANY_RANK: Mapping[str, blocks.Block] = {
    **{kind: blocks.elementwise(kind) for kind in blocks.ELEMENTWISE},
    "identity": blocks.identity,
    "dropout": blocks.dropout,
    "add": joins.add,
    "sub": joins.sub,
    "mul": joins.mul,
    "dense": blocks.dense,
}
TAIL = ("dense", "global-average-pool", "global-max-pool")  # nothing spatial is left behind them
BODY = tuple(kind for kind in (*_ANY_RANK, *_MAPS_ONLY) if kind not in TAIL)
KINDS = BODY + TAIL
_SECOND_INPUTS = ("add", "mul", "concat")
_SECOND_OUTPUTS = ("tap", "head")


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that a random network is made from. A longer plan begins with the layers of a shorter one."""

    seed: int
    plan: tuple[str, ...]  # kinds, in order
    opset: int = 13
    shape: tuple[int, int, int] = (1, 4, 3)  # channels, height, width of the first input
    second_input: tuple[str, int] | None = None  # how it joins, and before which layer of the plan
    second_output: tuple[str, int] | None = None  # an inner tensor itself or a head on it, behind which layer

    def model(self) -> onnx.ModelProto:
        """The network; equal recipes give equal bytes."""
        w = Writer(self.opset, [self.seed, 0])
        x = w.input((1, *self.shape))
        tensors: list[str] = [x]
        joined_at = self.second_input[1] % len(self.plan) if self.second_input else -1
        for step, kind in enumerate(self.plan):
            w.rng = np.random.default_rng([self.seed, step + 1])
            if self.second_input and step == joined_at:
                x = _join_input(w, x, self.second_input[0])
                tensors.append(x)
            x = _block(w, x, kind, tensors)
            tensors.append(x)
        outputs = [x]
        inner = [name for name in tensors[1:-1] if name != x]
        if self.second_output and inner:
            form, position = self.second_output
            other = inner[position % len(inner)]
            w.rng = np.random.default_rng([self.seed, 0, 1])
            outputs.append(_head(w, other) if form == "head" else other)
        return w.model(outputs, f"random-{self.seed}")


def _block(w: Writer, x: str, kind: str, earlier: Sequence[str]) -> str:
    if kind in _ANY_RANK:
        return _ANY_RANK[kind](w, x, earlier)
    return _MAPS_ONLY[kind](w, blocks.as_map(w, x), earlier)


def _join_input(w: Writer, x: str, form: str) -> str:
    """The tensor joined to a new input of its height and width."""
    x = blocks.as_map(w, x)
    _, channels, height, width = w.shape(x)
    other = w.input((1, int(w.rng.integers(1, 4)), height, width))
    if form == "concat":
        return w.add("Concat", x, other, axis=1)
    if w.shape(other) != w.shape(x):
        other = layers.conv(w, other, channels, (1, 1))
    return w.add("Add", x, other) if form == "add" else w.add("Mul", x, layers.activation(w, other, "tanh"))


def _head(w: Writer, x: str) -> str:
    """A further output: a small layer on an inner tensor."""
    return layers.gemm(w, x, 2) if len(w.shape(x)) == 2 else layers.conv(w, x, 2, (1, 1))


def random_recipe(seed: int, kinds: Sequence[str] | None = None) -> Recipe:
    """The recipe of a seed: two to seven layers, of the given kinds only."""
    rng = np.random.default_rng(seed)
    body, tail = _allowed(kinds)
    length = int(rng.integers(2, 8))
    ends = min(int(rng.choice([0, 0, 1, 1, 2])), length - 1) if body else length
    plan = [body[int(rng.integers(len(body)))] for _ in range(length - (ends if tail else 0))] if body else []
    plan += [tail[int(rng.integers(len(tail)))] for _ in range(ends)] if tail else []
    second_inputs, second_outputs = _seconds(kinds)
    height = int(rng.integers(3, 15))
    width = int(rng.choice([size for size in range(3, 15) if size != height]))
    return Recipe(
        seed,
        tuple(plan),
        opset=int(rng.integers(OLDEST_OPSET, NEWEST_OPSET + 1)),
        shape=(int(rng.integers(1, 4)), height, width),
        second_input=_second(rng, second_inputs),
        second_output=_second(rng, second_outputs),
    )


def _second(rng: np.random.Generator, forms: Sequence[str]) -> tuple[str, int] | None:
    """A second input or output in a quarter of the networks."""
    if not forms or rng.random() > 0.25:
        return None
    return forms[int(rng.integers(len(forms)))], int(rng.integers(7))


def _allowed(kinds: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """The kinds for the body and for the end of a network."""
    chosen = KINDS if kinds is None else kinds
    unknown = sorted(set(chosen) - set(KINDS))
    if unknown or not chosen:
        raise ValueError(f"no such kinds: {', '.join(unknown) or 'none given'}")
    return [kind for kind in BODY if kind in chosen], [kind for kind in TAIL if kind in chosen]


def _seconds(kinds: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """The ways a second input and output may come in without kinds that were not asked for."""
    inputs = [form for form in _SECOND_INPUTS if kinds is None or {form, "conv", "tanh"} <= {*kinds}]
    outputs = [form for form in _SECOND_OUTPUTS if form == "tap" or kinds is None or "conv" in kinds]
    return inputs, outputs


def random_model(seed: int, kinds: Sequence[str] | None = None) -> onnx.ModelProto:
    """The random network of a seed. Blocks with branches bring convolutions and activations of their own."""
    return random_recipe(seed, kinds).model()


@st.composite
def recipes(draw: st.DrawFn, kinds: Sequence[str] | None = None) -> Recipe:
    """Recipes that shrink to fewer and simpler layers, a small map, one input and one output."""
    body, tail = _allowed(kinds)
    plan = draw(st.lists(st.sampled_from(body), min_size=1, max_size=5)) if body else []
    if tail:
        plan += draw(st.lists(st.sampled_from(tail), min_size=0 if body else 1, max_size=2))
    second_inputs, second_outputs = _seconds(kinds)
    return Recipe(
        draw(st.integers(0, 9999)),
        tuple(plan),
        opset=draw(st.sampled_from([13, *(v for v in range(OLDEST_OPSET, NEWEST_OPSET + 1) if v != 13)])),
        shape=draw(st.tuples(st.integers(1, 3), st.integers(3, 14), st.integers(3, 14))),
        second_input=draw(_seconds_strategy(second_inputs)),
        second_output=draw(_seconds_strategy(second_outputs)),
    )


def _seconds_strategy(forms: Sequence[str]) -> st.SearchStrategy[tuple[str, int] | None]:
    return st.none() | st.tuples(st.sampled_from(forms), st.integers(0, 6)) if forms else st.none()


def models(kinds: Sequence[str] | None = None) -> st.SearchStrategy[onnx.ModelProto]:
    """Random networks; `recipes` prints shorter where a test fails."""
    return recipes(kinds).map(Recipe.model)


def random_input(model: onnx.ModelProto, seed: int) -> dict[str, npt.NDArray[np.float32]]:
    """A value for every input: both signs, a quarter of it exactly zero."""
    rng = np.random.default_rng(seed)
    known = {each.name for each in model.graph.initializer}
    values = {}
    for info in model.graph.input:
        if info.name not in known:
            shape = [dim.dim_value for dim in info.type.tensor_type.shape.dim]
            drawn = rng.normal(0, 1, shape)
            drawn[rng.random(shape) < 0.25] = 0
            values[info.name] = drawn.astype(np.float32)
    return values
