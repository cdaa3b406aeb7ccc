"""The onnx package's own cases of quantised operators: what is compiled is what is wanted, integers exactly
so where the model was compiled as integers.

What is refused stands in tests/golden/quantised_cases.txt. The host quantises and dequantises at the ends.
"""

import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.backend.test.case import node as node_cases

from snc.compiler.frontend.quantised.whole import NOTE
from snc.compiler.pipeline.driver import compile_model
from snc.compiler.pipeline.options import Options
from snc.compiler.running.runner import Runner
from snc.compiler.targets.target import load_target
from snc.ir.errors import SncError

CHIP = load_target("grai-vip")
OPTIONS = Options(weights="float32", effort=0.5)
OPERATORS = {
    *("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"),
    *("QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"),
}
COMPILED_MIN = 15  # products, convolutions, and what ONNX expands
NOT_IN_RUNTIME = ("float4e2m1",)  # types for which ONNX Runtime has no such operator


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A model whose input is x only, what it is fed and what shall come out of it."""

    name: str
    model: onnx.ModelProto
    frame: dict[str, NDArray[Any]]
    wanted: dict[str, NDArray[Any]]


def cases() -> Iterator[Case]:
    """Every case of quantised operators; scales, zero points and weights are constants of the model."""
    with warnings.catch_warnings():  # computing the expected outputs overflows here and there
        warnings.simplefilter("ignore")
        collected = node_cases.collect_testcases(None)
    for case in collected:
        if (
            case.model is None
            or not case.data_sets
            or not OPERATORS & {node.op_type for node in case.model.graph.node}
        ):
            continue
        if case.name.endswith(NOT_IN_RUNTIME):
            continue
        model = onnx.ModelProto()
        model.CopyFrom(case.model)
        given, wanted = case.data_sets[0]
        first, *rest = model.graph.input
        for value, array in zip(rest, given[1:], strict=True):
            held = (
                array if isinstance(array, onnx.TensorProto) else numpy_helper.from_array(np.asarray(array))
            )
            held.name = value.name
            model.graph.initializer.append(held)
        del model.graph.input[1:]
        names = [value.name for value in model.graph.output]
        outputs = dict(zip(names, map(_array, wanted), strict=True))
        yield Case(case.name, model, {first.name: _array(given[0])}, outputs)


def _array(value: Any) -> NDArray[Any]:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)


def refusal(case: Case) -> str:
    """Compiles and runs a case: why it is refused, or nothing; a wrong output fails the test here."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(case.model.SerializeToString())
        try:
            found = compile_model(path, CHIP, OPTIONS)
        except SncError as error:
            return str(error)
    got = Runner(found.image)(case.frame).outputs
    step = 0.0 if NOTE in found.graph.notes else 1.0
    for name, want in case.wanted.items():
        assert got[name].shape == want.shape, f"{case.name}: {name}"
        atol, rtol = (0.0, 1e-5) if want.dtype == np.float32 else (step, 0.0)
        np.testing.assert_allclose(
            got[name].astype(np.float64), want.astype(np.float64), rtol, atol, err_msg=f"{case.name}: {name}"
        )
    return ""


def test_cases_of_quantised_operators(golden: Callable[[str, str], None]) -> None:
    found = {case.name: refusal(case) for case in cases()}
    compiled = [name for name, why in found.items() if not why]
    lines = [f"{name}: {why or 'compiled'}" for name, why in sorted(found.items())]
    golden("quantised_cases.txt", "\n".join([*lines, ""]))
    assert len(compiled) >= COMPILED_MIN
