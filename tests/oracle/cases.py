"""The conformance list: one small model for each combination of attributes that matters."""

import onnx

from .case import Case
from .conv_cases import CONV
from .dense_cases import DENSE, ELEMENTWISE
from .join_cases import CHANNELS, ENDS, PRODUCTS, SUMS
from .pool_cases import POOL, RESIZE
from .transposed_cases import TRANSPOSED

CASES: list[Case] = [
    *CONV,
    *TRANSPOSED,
    *POOL,
    *RESIZE,
    *DENSE,
    *ELEMENTWISE,
    *SUMS,
    *PRODUCTS,
    *CHANNELS,
    *ENDS,
]


def single_layer_cases(*, thorough: bool = False) -> list[tuple[str, onnx.ModelProto]]:
    """Cases as (name, model), the finer variants on request; weights and opset depend on the name alone."""
    return [(case.name, case.model()) for case in CASES if thorough or not case.thorough]
