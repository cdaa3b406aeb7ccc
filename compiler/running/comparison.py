"""The comparisons of a verification: two sides that should agree, and how far they may be apart, and why."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx

from ..frontend.onnx_file import tensors
from .figures import Divergence, Figures

TOLERANCE = 1e-5
# Good float forms of quantised networks are up to 6 % of the peak away from them, those that lost a clamp at
# least 40 %.
QUANTISED_LIMIT = 0.1
HALF_ROUNDING = 2.0**-11  # of a value, when it is rounded to half precision
# Operators that round feature maps to integers, beside those whose names begin with QLinear.
ROUNDING = ("QuantizeLinear", "DynamicQuantizeLinear", "DynamicQuantizeMatMul", "QGemm")

# Who computes a frame. "given": the model of the file. "exact": the same with sums in double precision, where
# it computes in single. "read": the network as it was read, with its own weights. "held": with the image's
# weights. "image": the image in float32 arithmetic. "run": in the arithmetic that was asked for. "integers":
# what the model computes in integers, where it is compiled so; then that is what is "exact".
Side = Literal["given", "exact", "read", "held", "image", "run", "integers"]
Rounding = Literal["single", "half", "quantised"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a comparison's limit follows from: the tolerance, what the model rounds to, and how often.
    `is_whole`: it was compiled as the integers that it is. `is_pruned`: synapses of it are not in the image.
    """

    tolerance: float
    rounds_to: Rounding
    depth: int
    is_whole: bool = False
    is_pruned: bool = False

    def mapping(self) -> float | None:
        """The tolerance: both sides hold the same weights and neither rounds but to single precision. None
        where one side lacks some: what that costs is no mistake.
        """
        return None if self.is_pruned else self.tolerance

    def frontend(self) -> float:
        """The tolerance, too, unless the model rounds what the network as it was read does not."""
        if self.is_whole:
            return self.tolerance
        if self.rounds_to == "quantised":
            return max(self.tolerance, QUANTISED_LIMIT)
        if self.rounds_to == "half":
            return max(self.tolerance, self.depth * HALF_ROUNDING)
        return self.tolerance

    def exact(self) -> float:
        """Nothing: integers are the same or they are not."""
        return 0.0

    def none(self) -> float | None:
        """None: what the weights' format or the chip's arithmetic costs is no mistake."""
        return None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides that should agree, and how far they may be apart."""

    name: str
    says: str
    got: Side
    want: Side
    limit: Callable[[Limits], float | None]


COMPARISONS = (
    Comparison(
        "frontend",
        "the network as it was read against the model as given",
        "read",
        "exact",
        Limits.frontend,
    ),
    Comparison(
        "mapping",
        "the image against the network with the image's own weights",
        "image",
        "held",
        Limits.mapping,
    ),
    Comparison(
        "integers",
        "the image against the model's integers, every layer",
        "image",
        "integers",
        Limits.exact,
    ),
    Comparison("quantisation", "the image against the original model", "run", "given", Limits.none),
    Comparison(
        "rounding",
        "the image in the chip's arithmetic against float32 arithmetic",
        "run",
        "image",
        Limits.none,
    ),
)


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison found; `limit`: how far the worst output may be off, None where nothing binds."""

    name: str
    says: str
    limit: float | None
    outputs: tuple[Figures, ...]
    first_divergence: Divergence | None = None

    @property
    def is_right(self) -> bool:
        """Whether no output is further off than the limit; where there is none, whether all are finite."""
        limit = np.finfo(np.float64).max if self.limit is None else self.limit
        return all(figure.max_rel_error <= limit for figure in self.outputs)


def rounds_to(model: onnx.ModelProto) -> Rounding:
    """What a model rounds its feature maps to."""
    held = {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        op = node.op_type
        if op.startswith("QLinear") or (op in ROUNDING and node.input[0] not in held):
            return "quantised"
    half = onnx.TensorProto.FLOAT16
    values = (*model.graph.input, *model.graph.output, *model.graph.value_info)
    if any(tensor.data_type == half for tensor in tensors(model.graph)) or any(
        value.type.tensor_type.elem_type == half for value in values
    ):
        return "half"
    return "single"


def depth(model: onnx.ModelProto) -> int:
    """How many nodes stand one behind the other at most."""
    reached: dict[str, int] = {}
    for node in model.graph.node:
        far = 1 + max((reached.get(name, 0) for name in node.input), default=0)
        reached.update(dict.fromkeys(node.output, far))
    return max(reached.values(), default=0)
