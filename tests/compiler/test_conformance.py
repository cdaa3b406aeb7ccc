"""The conformance list: every case is compiled, written, read, run, and equal to ONNX Runtime."""

import pytest
from oracle.case import Case
from oracle.cases import CASES
from oracle.conv_cases import CONV
from oracle.dense_cases import DENSE, ELEMENTWISE
from oracle.graphs import random_input
from oracle.join_cases import CHANNELS, ENDS, PRODUCTS, SUMS
from oracle.pool_cases import POOL, RESIZE
from oracle.transposed_cases import TRANSPOSED

from .reference import assert_computes, compiled

LAYER_TYPES: dict[str, list[Case]] = {
    "convolution": CONV,
    "transposed": TRANSPOSED,
    "pooling": POOL,
    "interpolation": RESIZE,
    "dense": DENSE,
    "elementwise": ELEMENTWISE,
    "sum": SUMS,
    "product": PRODUCTS,
    "channels": CHANNELS,
    "ends": ENDS,
}


def test_no_case_is_left_out() -> None:
    assert [case.name for group in LAYER_TYPES.values() for case in group] == [case.name for case in CASES]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{layer_type}:{case.name}")
        for layer_type, cases in LAYER_TYPES.items()
        for case in cases
    ],
)
def test_case_equals_onnx_runtime(case: Case) -> None:
    model = case.model()
    assert_computes(compiled(model).image, model, random_input(model, 0))
